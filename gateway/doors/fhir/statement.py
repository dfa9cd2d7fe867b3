"""capabilities: GET [base]/metadata (R4 http.html section 3.1.0.11): exactly what this door does, from its tables."""

from __future__ import annotations

from gateway import __version__
from gateway.doors.fhir.definitions import Resource, code_systems, guide
from gateway.doors.fhir.door import Door, Reply
from gateway.doors.fhir.request import Asked
from gateway.doors.fhir.terminology.capabilities import INSTANTIATES, terminology_capabilities
from gateway.doors.fhir.types import SERVED
from gateway.errors import Unsupported

MODES = frozenset({"full", "normative", "terminology"})
VERSIONS = "http://hl7.org/fhir/OperationDefinition/CapabilityStatement-versions"
PARAMETERS = frozenset({"_format", "_pretty", "mode"})


async def capabilities(door: Door, asked: Asked) -> Reply:
    """CapabilityStatement or TerminologyCapabilities of this door.

    Raises
    ------
    Unsupported
        A mode or parameter that is not served.
    """
    for name, value in asked.pairs:
        if name not in PARAMETERS and not asked.lenient:
            raise Unsupported("metadata has no such parameter", where=name, expected=", ".join(sorted(PARAMETERS)))
        if name == "mode" and value not in MODES:
            raise Unsupported(f"no mode {value!r} here", where=name, expected=", ".join(sorted(MODES)))
    if ("mode", "terminology") in asked.pairs:
        return Reply(terminology_capabilities(door))
    return Reply(statement(door))


def statement(door: Door) -> Resource:
    """CapabilityStatement as a dict."""
    systems = ", ".join(system.url for system in code_systems())
    return {
        "resourceType": "CapabilityStatement",
        "url": f"{door.base}/metadata",
        "version": guide().version,
        "name": "IccdCapabilities",
        "title": door.gateway.title,
        "status": "active",
        "date": guide().date,
        "kind": "instance",
        "instantiates": [INSTANTIATES],
        "software": {"name": "iccd", "version": __version__, "releaseDate": guide().date},
        "implementation": {"description": door.gateway.title, "url": door.base},
        "fhirVersion": "4.0.1",
        "format": ["json", "xml", "application/fhir+json", "application/fhir+xml"],
        "rest": [
            {
                "mode": "server",
                "documentation": (
                    "Childhood-cancer registries behind one door. A search is put to every registry; the total is "
                    "exact or absent with bounds, and an entry of mode outcome names each registry that did not or "
                    f"could only partly answer. Unknown parameters are refused unless Prefer: handling=lenient. "
                    f"Code systems: {systems}."
                ),
                "resource": [served.element() for served in SERVED.values()],
                "operation": [
                    {"name": "versions", "definition": VERSIONS},
                    {"name": "export", "definition": "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export"},
                ],
            }
        ],
    }

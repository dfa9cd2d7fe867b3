"""CapabilityStatement of this door (R4 capabilitystatement.html), made from the table of served types."""

from __future__ import annotations

from collections.abc import Iterable

from gateway import __version__
from gateway.doors.fhir.batch import MOST_ENTRIES
from gateway.doors.fhir.definitions import Resource, code_systems, guide
from gateway.doors.fhir.door import Door
from gateway.doors.fhir.export.wanted import OFFERED
from gateway.doors.fhir.search.controls import REQUIRE_COMPLETE
from gateway.doors.fhir.served import ServedType
from gateway.doors.fhir.terminology.capabilities import INSTANTIATES, STATEMENT_ID

EXPORT = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export"
VERSIONS = "http://hl7.org/fhir/OperationDefinition/CapabilityStatement-versions"


def statement_of(door: Door, served: Iterable[ServedType]) -> Resource:
    """CapabilityStatement over these types."""
    systems = ", ".join(system.url for system in code_systems())
    return {
        "resourceType": "CapabilityStatement",
        "id": STATEMENT_ID,
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
        "implementationGuide": [f"{guide().canonical}/ImplementationGuide/iccd"],
        "rest": [
            {
                "mode": "server",
                "documentation": (
                    "Childhood-cancer registries behind one door. A search is put to every registry; the total is "
                    "exact or absent with bounds, and an entry of mode outcome names each registry that did not or "
                    f"could only partly answer. Unknown parameters are refused unless Prefer: handling=lenient. "
                    f"Code systems: {systems}."
                ),
                "security": {
                    "cors": bool(door.gateway.origins),
                    "description": (
                        "No login: every request is anonymous, a credential in it is not looked at, and what a registry "
                        "releases to anybody is set by its disclosure policy. Connections are as secure as the server "
                        "before this gateway makes them."
                    ),
                },
                "resource": [each.element() for each in served],
                "interaction": [
                    {
                        "code": "batch",
                        "documentation": (
                            f"Reads, searches and operations, at most {MOST_ENTRIES} entries, each answered as if it "
                            "were asked alone."
                        ),
                    }
                ],
                "searchParam": [
                    {
                        "name": REQUIRE_COMPLETE,
                        "definition": f"{guide().canonical}/SearchParameter/{REQUIRE_COMPLETE}",
                        "type": "special",
                        "documentation": (
                            "true: a search whose total is not exact, or that a registry did not fully answer, is "
                            "refused with 503 or 422 and an OperationOutcome that names each registry."
                        ),
                    }
                ],
                "operation": [
                    {"name": "versions", "definition": VERSIONS},
                    {"name": "export", "definition": EXPORT, "documentation": OFFERED},
                ],
            }
        ],
    }

"""capabilities: GET [base]/metadata (R4 http.html section 3.1.0.11): exactly what this door does, from its tables."""

from __future__ import annotations

from gateway import __version__
from gateway.doors.fhir.definitions import Resource, code_systems, guide
from gateway.doors.fhir.door import Door, Reply
from gateway.doors.fhir.interactions.conformance import CONFORMANCE_TYPES
from gateway.doors.fhir.parameters import ID, ID_DEFINITION, SEARCHABLE, Parameter, Searchable
from gateway.doors.fhir.parse import DEFAULT_COUNT, MOST_COUNT
from gateway.doors.fhir.render import condition, patient
from gateway.doors.fhir.request import Asked
from gateway.doors.fhir.terminology.capabilities import INSTANTIATES, operations_of, terminology_capabilities
from gateway.errors import Unsupported

SUPPORTED_PROFILE = {"Condition": condition.PROFILE, "Patient": patient.PROFILE}
MODES = frozenset({"full", "normative", "terminology"})
VERSIONS = "http://hl7.org/fhir/OperationDefinition/CapabilityStatement-versions"
URL_DEFINITION = "http://hl7.org/fhir/SearchParameter/conformance-url"
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
                "resource": [*map(_searchable, SEARCHABLE.values()), *map(_definitions, CONFORMANCE_TYPES), _maps()],
                "operation": [{"name": "versions", "definition": VERSIONS}],
            }
        ],
    }


def _searchable(kind: Searchable) -> Resource:
    return {
        "type": kind.name,
        "supportedProfile": [SUPPORTED_PROFILE[kind.name]],
        "documentation": f"Read only. _count is {DEFAULT_COUNT} unless given, at most {MOST_COUNT}; _summary takes count.",
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "versioning": "no-version",
        "searchParam": [
            {"name": ID, "definition": ID_DEFINITION, "type": "token", "documentation": "Ids of this door."},
            *map(_parameter, kind.parameters.values()),
        ],
    }


def _parameter(parameter: Parameter) -> Resource:
    modifiers = ", ".join(f":{name}" for name in parameter.modifiers)
    element: Resource = {"name": parameter.name}
    if parameter.canonical:
        element["definition"] = parameter.canonical
    words = f"{parameter.documentation} Modifiers: {modifiers or 'none'}."
    return {**element, "type": parameter.type, "documentation": words}


def _definitions(name: str) -> Resource:
    element: Resource = {"type": name, "interaction": [{"code": "read"}], "versioning": "no-version"}
    if name == "ValueSet":
        element["interaction"].append({"code": "search-type"})
        element["searchParam"] = [
            {"name": "url", "definition": URL_DEFINITION, "type": "uri", "documentation": "Modifiers: none."}
        ]
    operations = operations_of(name)
    return {**element, "operation": operations} if operations else element


def _maps() -> Resource:
    return {"type": "ConceptMap", "operation": operations_of("ConceptMap")}

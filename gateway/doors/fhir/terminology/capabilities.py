"""TerminologyCapabilities (R4 terminologycapabilities.html) and what the CapabilityStatement says of the operations."""

from __future__ import annotations

from operator import itemgetter

from gateway import __version__
from gateway.doors.fhir.definitions import Resource, conformance_resources, guide
from gateway.doors.fhir.door import Door
from gateway.doors.fhir.terminology.own import DEFAULT_EDITION
from gateway.doors.fhir.terminology.service import own_systems

STATEMENT_ID = "iccd"
INSTANTIATES = "http://hl7.org/fhir/CapabilityStatement/terminology-server"
EXPANSION_PARAMETERS = (
    "activeOnly",
    "check-system-version",
    "check-valueset-version",
    "count",
    "default-valueset-version",
    "designation",
    "displayLanguage",
    "exclude-system",
    "excludeNested",
    "excludeNotForUI",
    "filter",
    "force-system-version",
    "force-valueset-version",
    "includeDefinition",
    "includeDesignations",
    "offset",
    "property",
    "system-version",
    "tx-resource",
    "useSupplement",
    "valueSetVersion",
    "versionsMatch",
)


def terminology_capabilities(door: Door) -> Resource:
    """TerminologyCapabilities of this door."""
    return {
        "resourceType": "TerminologyCapabilities",
        "id": STATEMENT_ID,
        "url": f"{door.base}/metadata?mode=terminology",
        "version": guide().version,
        "name": "IccdTerminologyCapabilities",
        "title": f"{door.gateway.title}: terminology",
        "status": "active",
        "date": guide().date,
        "kind": "instance",
        "software": {"name": "iccd", "version": __version__},
        "implementation": {"description": door.gateway.title, "url": door.base},
        "codeSystem": _code_systems(door),
        "expansion": {
            "hierarchical": True,
            "paging": True,
            "incomplete": False,
            "parameter": [{"name": name} for name in EXPANSION_PARAMETERS],
            "textFilter": "Each word begins the code, or begins or, from four signs on, is part of a word of one name, in any "
            "case of letters; what begins a word comes first.",
        },
        "codeSearch": "all",
        "validateCode": {"translations": True},
        "translation": {"needsMap": False},
    }


def _code_systems(door: Door) -> list[Resource]:
    found = []
    for system in own_systems(door.gateway.terminology).served():
        element: Resource = {"uri": system.url}
        if system.editions:
            default = DEFAULT_EDITION[system.prefix]
            element["version"] = [{"code": each, "isDefault": each == default} for each in system.editions]
        found.append({**element, "subsumption": system.hierarchy})
    return found + _small_code_systems()


def _small_code_systems() -> list[Resource]:
    """Code systems of the guide, and those of FHIR that it holds."""
    held = [item for (kind, _), item in conformance_resources().items() if kind == "CodeSystem"]
    return [
        {
            "uri": item["url"],
            **({"version": [{"code": item["version"], "isDefault": True}]} if "version" in item else {}),
            "subsumption": True,
        }
        for item in sorted(held, key=itemgetter("url"))
    ]

"""CodeSystem, ValueSet and ConceptMap: our own definitions and everything the terminology service holds; NamingSystem.

Large resources come without concepts or elements from a search, tagged SUBSETTED, and whole from a read.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.door import Door
from gateway.doors.fhir.held import (
    HL7,
    PUBLICATION_STATUS,
    HeldParameter,
    Resources,
    Values,
    codes,
    held_parameter,
    path,
    read_of,
    search_of,
)
from gateway.doors.fhir.held import ID as HELD_ID
from gateway.doors.fhir.served import Operation, ServedType
from gateway.doors.fhir.terminology.naming import naming_systems
from gateway.doors.fhir.terminology.service import OPERATIONS, own_systems
from gateway.doors.fhir.terminology.shelf import Entry, shelf_of
from gateway.doors.fhir.types.definitions import CANONICAL
from gateway.doors.fhir.wire.request import Asked

LEVELS = frozenset({"type", "instance"})
SUBSETS = "A search shows large ones without their {}, tagged SUBSETTED; a read shows the whole."


def found_by(name: str) -> Values:
    """Values that a resource is found by and may not show."""

    def values(resource: Resource) -> Sequence[str]:
        return resource.found_by.get(name, ()) if isinstance(resource, Entry) else ()

    return values


def paths(*found: Values) -> Values:
    """Values of several paths."""
    return lambda resource: [value for values in found for value in values(resource)]


PARAMETERS: dict[str, tuple[HeldParameter, ...]] = {
    "CodeSystem": (
        held_parameter("code", "token", f"{HL7}/CodeSystem-code", found_by("code"), "A code that it defines."),
        held_parameter(
            "content-mode",
            "token",
            f"{HL7}/CodeSystem-content-mode",
            codes("http://hl7.org/fhir/codesystem-content-mode", "content"),
        ),
        held_parameter("system", "uri", f"{HL7}/CodeSystem-system", path("url")),
    ),
    "ValueSet": (
        held_parameter("code", "token", f"{HL7}/ValueSet-code", found_by("code"), "A code that is in it."),
        held_parameter(
            "reference",
            "uri",
            f"{HL7}/ValueSet-reference",
            paths(path("compose", "include", "system"), path("compose", "include", "valueSet")),
            "A code system or value set that it uses.",
        ),
    ),
    "ConceptMap": (
        held_parameter("source-system", "uri", f"{HL7}/ConceptMap-source-system", found_by("source-system")),
        held_parameter("target-system", "uri", f"{HL7}/ConceptMap-target-system", found_by("target-system")),
        held_parameter("source", "reference", f"{HL7}/ConceptMap-source", path("sourceCanonical")),
        held_parameter("source-uri", "reference", f"{HL7}/ConceptMap-source-uri", path("sourceUri")),
        held_parameter("target", "reference", f"{HL7}/ConceptMap-target", path("targetCanonical")),
        held_parameter("target-uri", "reference", f"{HL7}/ConceptMap-target-uri", path("targetUri")),
    ),
}
LARGE_PARTS = {"CodeSystem": "concepts", "ValueSet": "codes", "ConceptMap": "elements"}

NAMING: tuple[HeldParameter, ...] = (
    held_parameter("name", "string", f"{HL7}/NamingSystem-name", path("name")),
    held_parameter("status", "token", f"{HL7}/conformance-status", codes(PUBLICATION_STATUS, "status")),
    held_parameter("kind", "token", f"{HL7}/NamingSystem-kind", codes("http://hl7.org/fhir/namingsystem-type", "kind")),
    held_parameter("value", "string", f"{HL7}/NamingSystem-value", path("uniqueId", "value")),
    held_parameter(
        "id-type",
        "token",
        f"{HL7}/NamingSystem-id-type",
        codes("http://hl7.org/fhir/namingsystem-identifier-type", "uniqueId", "type"),
    ),
    held_parameter("date", "date", f"{HL7}/conformance-date", path("date")),
    held_parameter("publisher", "string", f"{HL7}/conformance-publisher", path("publisher")),
)


def operations_of(kind: str) -> tuple[Operation, ...]:
    """Operations of the terminology service on a resource type."""
    return tuple(
        Operation(
            name,
            f"http://hl7.org/fhir/OperationDefinition/{resource}-{name}",
            levels=LEVELS,
            methods=("GET", "POST"),
            narrowed=True,
        )
        for resource, name in OPERATIONS
        if resource == kind
    )


def _on_shelf(kind: str) -> Resources:
    async def resources(door: Door, asked: Asked) -> Sequence[Resource]:
        shelf = shelf_of(own_systems(door.gateway.terminology))
        if not asked.id:
            return await run_in_threadpool(shelf.entries, kind)
        found = await run_in_threadpool(shelf.whole, kind, asked.id)
        return [found] if found else []

    return resources


def _served(kind: str) -> ServedType:
    resources, parameters = _on_shelf(kind), (*CANONICAL, *PARAMETERS[kind])
    return ServedType(
        kind,
        read=read_of(resources, constant=True),
        search=search_of(resources, parameters, constant=True),
        documentation=SUBSETS.format(LARGE_PARTS[kind]),
        parameters=tuple(parameter.declared for parameter in (HELD_ID, *parameters)),
        operations=operations_of(kind),
    )


async def _naming_systems(door: Door, _asked: Asked) -> Sequence[Resource]:
    return naming_systems(door)


SERVED: tuple[ServedType, ...] = (
    *(_served(kind) for kind in PARAMETERS),
    ServedType(
        "NamingSystem",
        read=read_of(_naming_systems, constant=True),
        search=search_of(_naming_systems, NAMING, constant=True),
        documentation="Code systems, and the identifiers of patients of each registry.",
        parameters=tuple(parameter.declared for parameter in (HELD_ID, *NAMING)),
    ),
)

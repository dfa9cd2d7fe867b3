"""Conformance and terminology resources: our own definitions from profiles/fhir, read and searched by their metadata."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.doors.fhir.definitions import Resource, conformance_resources
from gateway.doors.fhir.door import Door
from gateway.doors.fhir.held import HL7, HeldParameter, Resources, held_parameter, path, read_of, search_of
from gateway.doors.fhir.held import ID as HELD_ID
from gateway.doors.fhir.request import Asked
from gateway.doors.fhir.served import Operation, ServedType
from gateway.doors.fhir.terminology.service import OPERATIONS

CANONICAL: tuple[HeldParameter, ...] = (
    held_parameter("url", "uri", f"{HL7}/conformance-url", path("url")),
    held_parameter("version", "token", f"{HL7}/conformance-version", path("version")),
    held_parameter("name", "string", f"{HL7}/conformance-name", path("name")),
    held_parameter("title", "string", f"{HL7}/conformance-title", path("title")),
    held_parameter("status", "token", f"{HL7}/conformance-status", path("status")),
    held_parameter("date", "date", f"{HL7}/conformance-date", path("date")),
    held_parameter("description", "string", f"{HL7}/conformance-description", path("description")),
    held_parameter("publisher", "string", f"{HL7}/conformance-publisher", path("publisher")),
)
TYPES = (
    "StructureDefinition",
    "SearchParameter",
    "OperationDefinition",
    "CodeSystem",
    "ValueSet",
    "ConceptMap",
    "ImplementationGuide",
    "CapabilityStatement",
)
OF_NAMING_SYSTEM = tuple(item for item in CANONICAL if item.declared.name not in {"url", "version", "title"})
"""A NamingSystem is no canonical resource in R4: it has no url, version or title."""


def _own(kind: str) -> Resources:
    async def resources(_door: Door, _asked: Asked) -> Sequence[Resource]:
        return [item for (name, _), item in conformance_resources().items() if name == kind]

    return resources


def operations_of(kind: str) -> tuple[Operation, ...]:
    """Operations of the terminology service on a resource type."""
    return tuple(
        Operation(name, f"http://hl7.org/fhir/OperationDefinition/{resource}-{name}")
        for resource, name in OPERATIONS
        if resource == kind
    )


def served_definitions(kind: str, parameters: tuple[HeldParameter, ...] = CANONICAL) -> ServedType:
    """One type of definitions."""
    own = _own(kind)
    return ServedType(
        kind,
        read=read_of(own),
        search=search_of(own, parameters),
        parameters=tuple(parameter.declared for parameter in (HELD_ID, *parameters)),
        operations=operations_of(kind),
    )


SERVED: tuple[ServedType, ...] = (
    *(served_definitions(kind) for kind in TYPES),
    served_definitions("NamingSystem", OF_NAMING_SYSTEM),
)

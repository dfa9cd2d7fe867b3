"""StructureDefinition and SearchParameter: our own definitions from profiles/fhir, read and searched by their metadata."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.doors.fhir.definitions import Resource, conformance_resources
from gateway.doors.fhir.door import Door
from gateway.doors.fhir.held import (
    HL7,
    PUBLICATION_STATUS,
    HeldParameter,
    Resources,
    codes,
    held_parameter,
    path,
    read_of,
    search_of,
)
from gateway.doors.fhir.held import ID as HELD_ID
from gateway.doors.fhir.served import ServedType
from gateway.doors.fhir.wire.request import Asked

CANONICAL: tuple[HeldParameter, ...] = (
    held_parameter("url", "uri", f"{HL7}/conformance-url", path("url")),
    held_parameter("version", "token", f"{HL7}/conformance-version", path("version")),
    held_parameter("name", "string", f"{HL7}/conformance-name", path("name")),
    held_parameter("title", "string", f"{HL7}/conformance-title", path("title")),
    held_parameter("status", "token", f"{HL7}/conformance-status", codes(PUBLICATION_STATUS, "status")),
    held_parameter("date", "date", f"{HL7}/conformance-date", path("date")),
    held_parameter("description", "string", f"{HL7}/conformance-description", path("description")),
    held_parameter("publisher", "string", f"{HL7}/conformance-publisher", path("publisher")),
)
TYPES = ("StructureDefinition", "SearchParameter", "ImplementationGuide")


def _own(kind: str) -> Resources:
    async def resources(_door: Door, _asked: Asked) -> Sequence[Resource]:
        return [item for (name, _), item in conformance_resources().items() if name == kind]

    return resources


def served_definitions(kind: str) -> ServedType:
    """One type of definitions."""
    own = _own(kind)
    return ServedType(
        kind,
        read=read_of(own, constant=True),
        search=search_of(own, CANONICAL, constant=True),
        parameters=tuple(parameter.declared for parameter in (HELD_ID, *CANONICAL)),
    )


SERVED: tuple[ServedType, ...] = tuple(served_definitions(kind) for kind in TYPES)

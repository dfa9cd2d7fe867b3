"""Catalogue types: Organization, Endpoint and Library, from what the sources declare of themselves."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.disclosure.released import ReleasedAnswer
from gateway.doors.fhir.catalogue import DOORS, broken_registry, data_set, endpoint, operator, registry
from gateway.doors.fhir.definitions import Resource
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
    tokens,
)
from gateway.doors.fhir.held import ID as HELD_ID
from gateway.doors.fhir.measures.resources import NO_CQL, question_library
from gateway.doors.fhir.served import Answers, ServedType
from gateway.doors.fhir.wire.request import Asked
from gateway.model.query import CaseQuery


async def organizations(door: Door, _asked: Asked) -> Sequence[Resource]:
    """The gateway's operator, then each registry, broken ones too."""
    gateway = door.gateway
    known = {name: registry(door, name, ability) for name, ability in gateway.capabilities().items()}
    known |= {name: broken_registry(door, name, reason) for name, reason in gateway.broken.items()}
    return [operator(door), *(known[name] for name in sorted(known))]


async def endpoints(door: Door, _asked: Asked) -> Sequence[Resource]:
    """The doors of the gateway."""
    return [endpoint(door, item) for item in DOORS]


async def libraries(door: Door, asked: Asked) -> Sequence[Resource]:
    """The definition of the measures, then the data set of each registry that is open."""
    (answer,) = await _counted(door, asked)
    released = {source.id: source for source in answer.sources}
    abilities = sorted(door.gateway.capabilities().items())
    return [question_library(), *(data_set(door, name, ability, released.get(name)) for name, ability in abilities)]


async def _counted(door: Door, asked: Asked) -> Sequence[ReleasedAnswer]:
    """Cases by registry."""
    return [await door.gateway.ask(CaseQuery(by=("source",)), door.requester(asked))]


def _served(
    name: str,
    resources: Resources,
    parameters: Sequence[HeldParameter],
    documentation: str,
    not_created: str = "",
    answers: Answers | None = None,
) -> ServedType:
    return ServedType(
        name,
        read=read_of(resources),
        search=search_of(resources, parameters, answers=answers),
        parameters=tuple(parameter.declared for parameter in (HELD_ID, *parameters)),
        documentation=documentation,
        not_created=not_created,
    )


ORGANIZATION = (
    held_parameter("name", "string", f"{HL7}/Organization-name", path("name")),
    held_parameter("identifier", "token", f"{HL7}/Organization-identifier", tokens("identifier")),
    held_parameter("active", "token", f"{HL7}/Organization-active", tokens("active")),
    held_parameter(
        "address-country", "string", f"{HL7}/Organization-address-country", path("address", "country"), "ISO 3166-1."
    ),
    held_parameter("endpoint", "reference", f"{HL7}/Organization-endpoint", path("endpoint", "reference")),
)
ENDPOINT = (
    held_parameter("status", "token", f"{HL7}/Endpoint-status", codes("http://hl7.org/fhir/endpoint-status", "status")),
    held_parameter("name", "string", f"{HL7}/Endpoint-name", path("name")),
    held_parameter(
        "organization", "reference", f"{HL7}/Endpoint-organization", path("managingOrganization", "reference")
    ),
    held_parameter("connection-type", "token", f"{HL7}/Endpoint-connection-type", tokens("connectionType")),
)
LIBRARY = (
    held_parameter("url", "uri", f"{HL7}/Library-url", path("url")),
    held_parameter("version", "token", f"{HL7}/Library-version", path("version")),
    held_parameter("name", "string", f"{HL7}/Library-name", path("name")),
    held_parameter("title", "string", f"{HL7}/Library-title", path("title")),
    held_parameter("status", "token", f"{HL7}/Library-status", codes(PUBLICATION_STATUS, "status")),
    held_parameter("identifier", "token", f"{HL7}/Library-identifier", tokens("identifier")),
    held_parameter("type", "token", f"{HL7}/Library-type", tokens("type")),
    held_parameter("topic", "token", f"{HL7}/Library-topic", tokens("topic")),
)
SERVED: tuple[ServedType, ...] = (
    _served(
        "Organization",
        organizations,
        ORGANIZATION,
        documentation="The gateway's operator and every registry; meta.source of a record leads to its registry.",
    ),
    _served("Endpoint", endpoints, ENDPOINT, documentation="The doors of this gateway."),
    _served(
        "Library",
        libraries,
        LIBRARY,
        documentation="How the measures are defined, and the data set of each registry with its declared coverage.",
        not_created=NO_CQL,
        answers=_counted,
    ),
)

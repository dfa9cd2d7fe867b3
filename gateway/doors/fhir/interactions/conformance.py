"""read of our own definitions: StructureDefinition, SearchParameter, CodeSystem, ValueSet from profiles/fhir."""

from __future__ import annotations

from gateway.doors.fhir.definitions import conformance_resources
from gateway.doors.fhir.door import Door, Reply
from gateway.doors.fhir.interactions.read import check_parameters
from gateway.doors.fhir.request import Asked
from gateway.errors import NotFound

CONFORMANCE_TYPES = ("StructureDefinition", "SearchParameter", "CodeSystem", "ValueSet")


async def read_definition(_door: Door, asked: Asked) -> Reply:
    """One of our definitions.

    Raises
    ------
    NotFound
        No definition of ours has this id.
    """
    check_parameters(asked)
    found = conformance_resources().get((asked.resource, asked.id))
    if found is None:
        raise NotFound(f"no {asked.resource} with this id", where=asked.resource)
    return Reply(found)

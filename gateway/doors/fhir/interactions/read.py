"""read and vread: GET [base]/[type]/[id] and [id]/_history/[vid] (R4 http.html sections 3.1.0.1 and 3.1.0.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gateway.disclosure.released import ReleasedAnswer, ReleasedSource
from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.door import Door, Reply
from gateway.doors.fhir.recordversions import with_version
from gateway.doors.fhir.render.patient import patient
from gateway.doors.fhir.search.parameters import SEARCHABLE
from gateway.doors.fhir.search.parse import parse_search
from gateway.doors.fhir.search.shape import ELEMENTS, SUMMARY
from gateway.doors.fhir.wire.conditional import changed_header
from gateway.doors.fhir.wire.request import Asked
from gateway.errors import BadQuestion, NotFound, NotPermitted, SourceUnavailable
from gateway.model.capability import Granularity
from gateway.model.query import NOTHING

Reads = Callable[[Door, Asked], Awaitable[Reply]]

OF_FORMAT = frozenset({"_format", "_pretty"})
READ_PARAMETERS = OF_FORMAT | {SUMMARY, ELEMENTS}


async def read(door: Door, asked: Asked) -> Reply:
    """One record.

    Raises
    ------
    NotFound
        No registry here has such a record.
    NotPermitted
        The registry releases no records to this requester, whether or not it has this one.
    SourceUnavailable
        The registry did not answer, so nobody can say whether it has the record.
    """
    check_parameters(asked)
    kind = SEARCHABLE[asked.resource]
    missing = NotFound(f"no {asked.resource} with this id", where=asked.resource)
    query = parse_search(kind, (("_id", asked.id), ("_count", "1"))).question()
    if query.where == NOTHING:
        raise missing
    answer = await door.gateway.ask(query, door.requester(asked), granularity=Granularity.RECORD)
    source = check_source(answer, asked.id, missing)
    if not answer.cases:
        raise missing
    if kind.record == "patient":
        return record_reply(door, asked, patient(answer.cases, door.base), source)
    return record_reply(door, asked, door.conditions(answer).resource(answer.cases[0]), source)


def record_reply(door: Door, asked: Asked, resource: Resource, source: ReleasedSource) -> Reply:
    """A record with its version, which is the tag of the whole record."""
    version = door.version(source)
    if version is None:
        return Reply(resource)
    tag = {"ETag": f'W/"{version.id}"'} if asked.shape.whole else {}
    return Reply(with_version(resource, version), headers={**tag, **changed_header(version.updated)})


def vread_of(reads: Reads) -> Reads:
    """Interaction vread of a type: the version of the snapshot that serves; others are not kept."""

    async def vread(door: Door, asked: Asked) -> Reply:
        reply = await reads(door, asked)
        if reply.resource["meta"].get("versionId") != asked.version:
            raise NotFound(f"only the current version of this {asked.resource} is kept", where=asked.resource)
        return reply

    return vread


def check_parameters(asked: Asked, known: frozenset[str] = READ_PARAMETERS) -> None:
    """Refuse parameters that a read does not have, and a count of one resource.

    Raises
    ------
    BadQuestion
        A parameter that is not about the form of the answer.
    """
    for name, _ in asked.pairs:
        if name not in known and not asked.lenient:
            raise BadQuestion("a read has no such parameter", where=name, expected=" or ".join(sorted(known)))
    if asked.shape.summary == "count":
        raise BadQuestion("one resource is not counted", where=SUMMARY, expected="true, text, data or false")


def check_source(answer: ReleasedAnswer, record: str, missing: NotFound) -> ReleasedSource:
    """The registry that an id names; refuse where it is not here, did not answer or gives no records.

    Raises
    ------
    NotFound, SourceUnavailable, NotPermitted
    """
    name = record.partition(".")[0]
    source = next((source for source in answer.sources if source.id == name), None)
    if source is None:
        raise missing
    if source.status.value in {"timeout", "error"}:
        raise SourceUnavailable(f"source {source.id} did not answer", where=source.id)
    if source.status.value == "withheld" or source.granularity < Granularity.RECORD:
        raise NotPermitted(f"source {source.id} releases no records here", where=source.id)
    return source

"""read: GET [base]/[type]/[id] (R4 http.html section 3.1.0.1)."""

from __future__ import annotations

from gateway.disclosure.released import ReleasedAnswer
from gateway.doors.fhir.door import Door, Reply
from gateway.doors.fhir.parameters import SEARCHABLE
from gateway.doors.fhir.parse import parse_search
from gateway.doors.fhir.render.patient import patient
from gateway.doors.fhir.request import Asked
from gateway.errors import BadQuestion, NotFound, NotPermitted, SourceUnavailable
from gateway.model.capability import Granularity
from gateway.model.query import NOTHING

READ_PARAMETERS = frozenset({"_format", "_pretty"})


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
    check_source(answer, asked.id, missing)
    if not answer.cases:
        raise missing
    if kind.record == "patient":
        return Reply(patient(answer.cases, door.base))
    return Reply(door.conditions.resource(answer.cases[0]))


def check_parameters(asked: Asked) -> None:
    """Refuse parameters that a read does not have.

    Raises
    ------
    BadQuestion
        A parameter that is not about the format.
    """
    for name, _ in asked.pairs:
        if name not in READ_PARAMETERS and not asked.lenient:
            raise BadQuestion("a read has no such parameter", where=name, expected=" or ".join(sorted(READ_PARAMETERS)))


def check_source(answer: ReleasedAnswer, record: str, missing: NotFound) -> None:
    """Refuse where the registry that an id names is not here, did not answer or gives no records.

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

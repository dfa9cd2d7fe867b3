"""search-type: GET [base]/[type]?... and POST [base]/[type]/_search (R4 http.html section 3.1.0.10)."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.disclosure.released import ReleasedAnswer
from gateway.doors.fhir.complete import is_required, refusal_of
from gateway.doors.fhir.door import Door, Reply
from gateway.doors.fhir.interactions.included import included
from gateway.doors.fhir.recordversions import last_changed
from gateway.doors.fhir.render.bundle import Total, entry, search_set
from gateway.doors.fhir.render.patient import by_patient, patient
from gateway.doors.fhir.search.controls import CURSOR
from gateway.doors.fhir.search.parameters import SEARCHABLE
from gateway.doors.fhir.search.parse import SORT, Search, parse_search
from gateway.doors.fhir.wire.conditional import changed_header, tag_of
from gateway.doors.fhir.wire.formats import JSON, XML
from gateway.doors.fhir.wire.request import Asked
from gateway.errors import BadQuestion, IccdError
from gateway.model.capability import Granularity
from gateway.model.query import CaseQuery, OneOf, leaves


async def search(door: Door, asked: Asked) -> Reply:
    """Page of matches and their total.

    Raises
    ------
    gateway.errors.IccdError
        The search cannot be read or answered; `where` is the parameter as it was written.
    """
    wanted = read_search(door, asked)
    answer = await ask(door, asked, wanted, wanted.question(), wanted.controls.cursor)
    total = Total.of(answer.total)
    if is_required(asked, wanted) and (refusal := refusal_of(wanted, [answer], total)):
        return refusal
    shown: list[Any] = []
    digest = b""
    if not wanted.controls.count_only:
        shown, digest = _entries(door, asked, answer)
        shown += await included(door, asked, wanted, answer.cases, answer, _references(wanted, answer))
    check_links(asked, wanted, answer.next_cursor)
    bundle = search_set(wanted, [answer], total, shown, answer.next_cursor, door.base, posted=asked.posted)
    headers = changed_header(last_changed([answer]))
    if digest:
        rest = {**bundle, "entry": bundle["entry"][1:]}  # the first holds the whole page, see page_json
        headers["ETag"] = tag_of(orjson.dumps(rest), digest)
    # Patients that are included come with an answer of their own.
    lasting = answer.lasting and not (wanted.includes or wanted.reverse_includes)
    return Reply(bundle, headers=headers, lasting=lasting)


def read_search(door: Door, asked: Asked) -> Search:
    """The search of a request; a registry that is not here is refused by name."""
    wanted = parse_search(SEARCHABLE[asked.resource], asked.pairs, lenient=asked.lenient, base=door.base)
    _check_registries(wanted, {*door.gateway.sources, *door.gateway.broken})
    return wanted


async def ask(door: Door, asked: Asked, wanted: Search, question: CaseQuery, cursor: str | None) -> ReleasedAnswer:
    """Released answer to a question of a search; an error names the parameter as it was written."""
    granularity = Granularity.RECORD if question.page else Granularity.COUNT
    try:
        return await door.gateway.ask(question, door.requester(asked), granularity=granularity, cursor=cursor)
    except IccdError as error:
        raise _located(error, wanted) from error


def check_links(asked: Asked, wanted: Search, following: str | None) -> None:
    """Refuse a second page of a search by POST whose links may not name its records.

    Raises
    ------
    BadQuestion
    """
    if asked.posted and wanted.record_names and following:
        name = min(wanted.record_names)
        raise BadQuestion(
            "ids that came by POST stay out of links, so their matches must fit on one page",
            where=name,
            expected="a larger _count, or fewer ids",
        )


def _references(search: Search, answer: ReleasedAnswer) -> list[str]:
    if search.resource.record == "patient":
        return [f"Patient/{cases[0].patient_id}" for cases in by_patient(answer.cases)]
    return [f"Condition/{case.id}" for case in answer.cases]


def _check_registries(search: Search, known: set[str]) -> None:
    named = {
        value
        for expression in search.filters
        for leaf in leaves(expression)
        if isinstance(leaf, OneOf) and leaf.field == "source"
        for value in leaf.values
    }
    if named - known:
        raise BadQuestion(
            f"no registry {', '.join(sorted(named - known))} here",
            where=next((name for name, value in search.applied if any(each in value for each in named - known)), None),
            expected=f"one of {', '.join(sorted(known))}",
        )


def _entries(door: Door, asked: Asked, answer: ReleasedAnswer) -> tuple[list[Any], bytes]:
    """Entries of the matches, and the digest of the first where it holds them all, ready to be sent."""
    if asked.resource == "Patient":
        made = [patient(cases, door.base) for cases in by_patient(answer.cases)]
        return [entry(item, door.base, "Patient", item["id"]) for item in door.versioned(made, answer)], b""
    conditions = door.conditions(answer)
    if asked.shape.whole and asked.format is JSON:
        fragments, digest = conditions.page_json(answer.cases)
        return list(fragments), digest
    if asked.shape.whole and asked.format is XML:
        return list(conditions.page_xml(answer.cases)), b""
    return [entry(conditions.resource(case), door.base, "Condition", case.id) for case in answer.cases], b""


def _located(error: IccdError, search: Search) -> IccdError:
    """The error with the parameter as it was written in place of the gateway's own words."""
    where = _written(search).get(error.where or "", error.where)
    return type(error)(error.message, where=where, expected=error.expected)


def _written(search: Search) -> dict[str, str]:
    """Parameter as it was written, by the gateway's word for what it is about."""
    written = {"page": CURSOR, "order": SORT}
    for name, _ in search.applied:
        parameter = search.resource.parameters.get(name) or search.resource.parameters.get(name.rpartition(":")[0])
        if parameter:
            written.setdefault(parameter.field, name)
    return written

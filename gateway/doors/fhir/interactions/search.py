"""search-type: GET [base]/[type]?... and POST [base]/[type]/_search (R4 http.html section 3.1.0.10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from gateway.disclosure.released import ReleasedAnswer, ReleasedCase
from gateway.doors.fhir.controls import CURSOR
from gateway.doors.fhir.door import Door, Reply
from gateway.doors.fhir.formats import JSON, XML
from gateway.doors.fhir.parameters import ID, SEARCHABLE
from gateway.doors.fhir.parse import Search, parse_search
from gateway.doors.fhir.render.bundle import Total, entry, search_set
from gateway.doors.fhir.render.patient import by_patient, patient
from gateway.doors.fhir.request import Asked
from gateway.errors import BadQuestion, IccdError
from gateway.model.capability import Granularity
from gateway.model.query import OneOf, leaves
from gateway.model.values import Precision

Match = tuple[str, Sequence[ReleasedCase]]
"""Id of a matching resource, and the cases it is made of."""


async def search(door: Door, asked: Asked) -> Reply:
    """Page of matches and their total.

    Raises
    ------
    gateway.errors.IccdError
        The search cannot be read or answered; `where` is the parameter as it was written.
    """
    wanted = parse_search(SEARCHABLE[asked.resource], asked.pairs, lenient=asked.lenient)
    _check_registries(wanted, {*door.gateway.sources, *door.gateway.broken})
    by_ids = wanted.ids is not None
    if asked.posted and wanted.ids and len(wanted.ids) > wanted.controls.count:
        expected = f"at least {len(wanted.ids)}"
        raise BadQuestion(
            "ids that came by POST stay out of links and must fit on one page", where=ID, expected=expected
        )
    start = _offset(wanted) if by_ids else 0
    granularity = Granularity.RECORD if wanted.wants_records else Granularity.COUNT
    try:
        answer = await door.gateway.ask(
            wanted.question(),
            door.requester(asked),
            granularity=granularity,
            cursor=None if by_ids else wanted.controls.cursor,
        )
    except IccdError as error:
        raise _located(error, wanted) from error
    matches = _matches(wanted, answer)
    total = total_of_ids(wanted, answer, len(matches)) if by_ids else Total.of(answer.total)
    following = answer.next_cursor
    if by_ids:
        end = start + wanted.controls.count
        following = str(end) if end < len(matches) else None
        matches = matches[start:end]
    shown: list[Any] = []
    if not wanted.controls.count_only:
        whole = asked.resource == "Condition" and asked.format is JSON and not by_ids
        shown = door.conditions.page_json(answer.cases) if whole else _entries(door, asked, matches)
    return Reply(search_set(wanted, answer, total, shown, following, door.base, posted=asked.posted))


def total_of_ids(search: Search, answer: ReleasedAnswer, found: int) -> Total:
    """Total of a search by id: the records found, exact unless a registry could not say or a match is only possible."""
    ids = search.ids or ()
    sources = {source.id: source for source in answer.sources}
    named = [sources[name] for name in {item.source for item in ids} if name in sources]
    if any(source.granularity < Granularity.RECORD for source in named):
        return Total(found, None, Precision.SUPPRESSED)
    answered = all(source.status.value == "ok" for source in named)
    certain = not search.filters or answer.total.precision is Precision.EXACT
    if found == len(ids) or (answered and certain):
        return Total(found, found, Precision.EXACT)
    return Total(found, len(ids), Precision.BOUNDED)


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
            where="_source",
            expected=f"one of {', '.join(sorted(known))}",
        )


def _matches(search: Search, answer: ReleasedAnswer) -> list[Match]:
    if search.resource.record == "patient":
        return [(cases[0].patient_id, cases) for cases in by_patient(answer.cases)]
    return [(case.id, (case,)) for case in answer.cases]


def _entries(door: Door, asked: Asked, matches: Sequence[Match]) -> list[Any]:
    if asked.resource == "Patient":
        return [entry(patient(cases, door.base), door.base, "Patient", name) for name, cases in matches]
    conditions = door.conditions
    if asked.format is JSON:
        return [orjson.Fragment(conditions.entry_json(cases[0])) for _, cases in matches]
    written = conditions.xml if asked.format is XML else conditions.resource
    return [entry(written(cases[0]), door.base, "Condition", name) for name, cases in matches]


def _offset(search: Search) -> int:
    cursor = search.controls.cursor or "0"
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 6):
        raise BadQuestion("this page token is broken", where=CURSOR, expected="a link of an earlier answer")
    return int(cursor)


def _located(error: IccdError, search: Search) -> IccdError:
    """The error with the parameter as it was written in place of the gateway's own words."""
    written = {"page": CURSOR}
    for name, _ in search.applied:
        parameter = search.resource.parameters.get(name) or search.resource.parameters.get(name.rpartition(":")[0])
        if parameter:
            written.setdefault(parameter.field, name)
    return type(error)(error.message, where=written.get(error.where or "", error.where), expected=error.expected)

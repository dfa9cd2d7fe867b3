"""Search and read of Observation: kind by kind, each a question of its own to every registry.

A page holds the observations of one kind after those of another, so that the total is the sum of released counts and
`_count` is kept; the token of a page names the kind it goes on with.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

from gateway.disclosure.released import ReleasedAnswer, ReleasedCase
from gateway.doors.fhir.complete import is_required, refusal_of
from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.door import Door, Reply
from gateway.doors.fhir.interactions.included import included
from gateway.doors.fhir.interactions.read import check_parameters, check_source, record_reply
from gateway.doors.fhir.interactions.search import ask, check_links, read_search
from gateway.doors.fhir.observations import KINDS, ObservationKind, parts_of
from gateway.doors.fhir.recordversions import last_changed
from gateway.doors.fhir.render.bundle import Total, entry, search_set
from gateway.doors.fhir.render.observation import observation
from gateway.doors.fhir.render.patient import by_patient
from gateway.doors.fhir.search.controls import CURSOR
from gateway.doors.fhir.search.parameters import SEARCHABLE
from gateway.doors.fhir.search.parse import Search, parse_search
from gateway.doors.fhir.wire.conditional import changed_header
from gateway.doors.fhir.wire.request import Asked
from gateway.errors import BadQuestion, Expired, NotFound
from gateway.model.query import NOTHING, CaseQuery

NAMES = tuple(KINDS)
STAMP_DIGITS = 32


async def search_observations(door: Door, asked: Asked) -> Reply:
    """Page of observations and their total.

    Raises
    ------
    gateway.errors.IccdError
        The search cannot be read or answered; `where` is the parameter as it was written.
    """
    wanted = read_search(door, asked)
    first, inner = _position(door, asked, wanted)
    room = 0 if wanted.controls.count_only else wanted.controls.count
    answers: list[ReleasedAnswer] = []
    shown: list[Any] = []
    following: str | None = None
    for kind in KINDS.values():
        before = NAMES.index(kind.name) < NAMES.index(first)
        question = wanted.of_kind(kind, 0 if before else room)
        if question.where == NOTHING and (answers or kind.name != NAMES[-1]):
            continue
        cursor = inner if question.page and kind.name == first else None
        answer = await ask(door, asked, wanted, question, cursor)
        answers.append(answer)
        if not question.page:
            full = not before and not room and not wanted.controls.count_only and answer.total.high != 0
            following = following or (f"{kind.name}.{_stamp(door, asked, wanted)}" if full else None)
            continue
        records = _records(kind, answer)
        made = [item for cases in records if (item := observation(kind, cases, door.base))]
        found = door.versioned(made, answer)
        shown += [entry(item, door.base, "Observation", item["id"]) for item in found]
        shown += await _included(door, asked, wanted, found, records, answer)
        room -= len(records)
        if answer.next_cursor:
            following, room = f"{kind.name}.{answer.next_cursor}", 0
    check_links(asked, wanted, following)
    total = reduce(add, (Total.of(answer.total) for answer in answers))
    if is_required(asked, wanted) and (refusal := refusal_of(wanted, answers, total)):
        return refusal
    bundle = search_set(wanted, answers, total, _sorted(shown), following, door.base, posted=asked.posted)
    lasting = all(answer.lasting for answer in answers) and not (wanted.includes or wanted.reverse_includes)
    return Reply(bundle, headers=changed_header(last_changed(answers)), lasting=lasting)


async def read_observation(door: Door, asked: Asked) -> Reply:
    """One observation.

    Raises
    ------
    NotFound, NotPermitted, SourceUnavailable
        As for any record, see interactions.read.
    """
    check_parameters(asked)
    missing = NotFound("no Observation with this id", where="Observation")
    parts = parts_of(asked.id)
    if parts is None:
        raise missing
    record, kind = parts
    wanted = parse_search(SEARCHABLE["Observation"], (("_id", asked.id),))
    answer = await ask(door, asked, wanted, wanted.of_kind(kind, 1), None)
    source = check_source(answer, record, missing)
    found = observation(kind, answer.cases, door.base) if answer.cases else None
    if found is None:
        raise missing
    return record_reply(door, asked, found, source)


def _records(kind: ObservationKind, answer: ReleasedAnswer) -> list[Sequence[ReleasedCase]]:
    """Cases of each observation."""
    if kind.record == "patient":
        return list(by_patient(answer.cases))
    return [(case,) for case in answer.cases]


async def _included(
    door: Door,
    asked: Asked,
    wanted: Search,
    found: Sequence[Resource],
    records: Sequence[Sequence[ReleasedCase]],
    answer: ReleasedAnswer,
) -> list[Resource]:
    firsts = [cases[0] for cases in records][: len(found)]
    return await included(door, asked, wanted, firsts, answer, [f"Observation/{item['id']}" for item in found])


def _sorted(entries: Sequence[Resource]) -> list[Resource]:
    """Matches first, then what is included, each of it once."""
    matches = [item for item in entries if item["search"]["mode"] == "match"]
    others = {item.get("fullUrl", str(item["resource"])): item for item in entries if item["search"]["mode"] != "match"}
    return [*matches, *others.values()]


def _stamp(door: Door, asked: Asked, wanted: Search) -> str:
    """Token of the start of a kind: it holds for the snapshots that the search is answered from."""
    served = door.gateway.asked(CaseQuery(wanted.where), door.requester(asked))
    said = repr(sorted(served.items())).encode()
    return f"~{hmac.new(door.gateway.salt, said, hashlib.sha256).hexdigest()[:STAMP_DIGITS]}"


def _position(door: Door, asked: Asked, wanted: Search) -> tuple[str, str | None]:
    """Kind to go on with, and the position in it.

    Raises
    ------
    BadQuestion
        The token was not made here.
    Expired
        A source answers from another snapshot now.
    """
    cursor = wanted.controls.cursor
    if cursor is None:
        return NAMES[0], None
    name, dot, inner = cursor.partition(".")
    start = re.fullmatch(rf"~[0-9a-f]{{{STAMP_DIGITS}}}", inner, re.ASCII)
    if name not in NAMES or not dot or (not start and (not inner or inner.startswith("~"))):
        raise BadQuestion("this page token is broken", where=CURSOR, expected="a link of an earlier answer")
    if not start:
        return name, inner
    if not hmac.compare_digest(inner, _stamp(door, asked, wanted)):
        raise Expired("the data has been renewed since this page was made", where=CURSOR, expected="a new search")
    return name, None

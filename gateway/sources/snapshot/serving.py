"""An open snapshot: one file, its dictionaries, counts and records. Immutable, so its answers may be kept."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

import duckdb

from gateway.errors import SourceFailure
from gateway.model.answer import SourceAnswer, Unusable
from gateway.model.fields import UNKNOWN_LABEL
from gateway.model.query import CaseQuery, Page, Unit
from gateway.model.values import ZERO, Count
from gateway.sources.base import Deadline, Paged
from gateway.sources.kept import Kept
from gateway.sources.snapshot.counting import Counter, Question
from gateway.sources.snapshot.dictionaries import read_codes, read_diagnoses
from gateway.sources.snapshot.engine import Engine, connect
from gateway.sources.snapshot.layout import FORMAT
from gateway.sources.snapshot.records import Reader, Records
from gateway.sources.snapshot.store import SnapshotStore, hold
from terminology import Terminology

ANSWERS_KEPT = 50_000
"""Cells and records in answers that are kept."""
TRIES = 100
UNIT_OF_RECORD = {"case": Unit.TUMOURS, "patient": Unit.PATIENTS}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a snapshot says of itself.

    Attributes
    ----------
    snapshot, source, created, terminology
        Ids, moment of the load, version of the terminology it was ordered by.
    cases, patients
        Numbers of tumours and of patients.
    never
        Question fields without any value.
    code_systems
        Systems and editions that diagnoses are coded in.
    report
        The load report.
    unusable
        Records that could not be used, if they are more than the profile allows.
    """

    snapshot: str
    source: str
    created: str
    terminology: str
    cases: int
    patients: int
    never: frozenset[str]
    code_systems: tuple[tuple[str, str | None], ...]
    report: dict[str, object]
    unusable: Unusable | None


def read_facts(connection: duckdb.DuckDBPyConnection, path: Path) -> Facts:
    """Facts of an open file.

    Raises
    ------
    SourceFailure
        It is no snapshot, or one of another format version.
    """
    expected = f"format version {FORMAT}; load the source again with `iccd load`"
    try:
        meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    except duckdb.Error as error:
        raise SourceFailure("is not a snapshot", where=str(path), expected=expected) from error
    if meta.get("format") != FORMAT:
        raise SourceFailure(f"snapshot has format version {meta.get('format')!r}", where=str(path), expected=expected)
    return Facts(
        snapshot=meta["snapshot"],
        source=meta["source"],
        created=meta["created"],
        terminology=meta["terminology"],
        cases=int(meta["cases"]),
        patients=int(meta["patients"]),
        never=frozenset(json.loads(meta["never"])),
        code_systems=tuple((system, edition) for system, edition in json.loads(meta["code_systems"])),
        report=json.loads(meta["report"]),
        unusable=Unusable(records, int(meta["considered"])) if (records := int(meta["unusable"])) else None,
    )


def facts_of(path: Path) -> Facts:
    """Facts of a snapshot file; raises SourceFailure if it cannot be read."""
    connection = connect(path)
    try:
        return read_facts(connection, path)
    finally:
        connection.close()


class Snapshot:
    """One snapshot, open for reading; it closes when it is retired and nobody uses it any more."""

    def __init__(self, path: Path, handle: int, terminology: Terminology, source: str) -> None:
        self._engine = Engine(path, handle)
        try:
            self.facts = read_facts(self._engine.connection, path)
            diagnoses = read_diagnoses(self._engine.connection, "diagnoses", terminology)
            codes = read_codes(self._engine.connection)
        except BaseException:
            self._engine.connection.close()
            raise
        self._counter = Counter(self._engine, diagnoses, codes)
        self._reader = Reader(source, self.facts.cases, diagnoses, codes, self._counter)
        self._answers: Kept[SourceAnswer] = Kept(ANSWERS_KEPT, lambda a: 1 + len(a.cells) + len(a.cases))
        self._users = 0
        self._retired = False
        self._lock = Lock()

    def lease(self) -> bool:
        """Keep it open until the end of the `with` block that follows; False if it is about to close."""
        with self._lock:
            if not self._retired:
                self._users += 1
            return not self._retired

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            last = self._retired and self._users == 0
        if last:
            self._engine.close()

    def retire(self) -> None:
        """Close as soon as no answer is under way."""
        with self._lock:
            last = not self._retired and self._users == 0
            self._retired = True
        if last:
            self._engine.close()

    def ready(self, query: CaseQuery) -> SourceAnswer | None:
        """Answer to a planned question if everything it needs is in memory, else None."""
        return self._ready(self._counter.question(query), query.page)

    def ready_page(self, query: CaseQuery) -> Paged | None:
        """Page of records of a planned question if everything it needs is in memory, else None."""
        records = self._reader.ready(self._counter.question(query), query.page) if query.page else None
        return None if records is None else (records.cases, records.next_after)

    def _ready(self, question: Question, page: Page | None) -> SourceAnswer | None:
        counted = self._counter.ready(question)
        if counted is None:
            return None
        answer = SourceAnswer(total=counted[0], cells=counted[1], snapshot=self.facts.snapshot)
        if page is not None:
            records = self._reader.ready(question, page) if question.unit is UNIT_OF_RECORD[page.of] else None
            if records is None:
                return None
            answer = _with_records(answer, records, counted[0])
        return self._whole(answer, len(question.by))

    def _whole(self, answer: SourceAnswer, dimensions: int) -> SourceAnswer:
        """The answer with what could not be used in it."""
        return answer if self.facts.unusable is None else widened(answer, self.facts.unusable, dimensions)

    async def answer(self, query: CaseQuery, deadline: Deadline) -> SourceAnswer:
        """Answer a planned question; raises TimeoutError at the deadline."""
        question = self._counter.question(query)
        found = self._ready(question, query.page)
        if found is not None:
            return found
        key = question.key, query.by, query.unit, query.page
        kept = self._answers.get(key)
        if kept is not None:
            return kept
        if question.records:
            asked = question
            question = await self._engine.query(lambda cursor: self._reader.look_up(cursor, asked), deadline)
        total, cells = await self._counter.count(question, deadline)
        answer = SourceAnswer(total=total, cells=cells, snapshot=self.facts.snapshot)
        if query.page is not None:
            answer = await self._with_page(answer, question, query.page, deadline)
        if _may_hold_unusable(question):
            answer = self._whole(answer, len(query.by))
        return self._answers.put(key, answer)

    async def _with_page(
        self, answer: SourceAnswer, question: Question, page: Page, deadline: Deadline
    ) -> SourceAnswer:
        records = await self._engine.query(lambda cursor: self._reader.page(cursor, question, page), deadline)
        counted, unit = answer.total, UNIT_OF_RECORD[page.of]
        if question.unit is not unit:
            counted, _ = await self._counter.count(replace(question, unit=unit, by=()), deadline)
        return _with_records(answer, records, counted)


def _may_hold_unusable(question: Question) -> bool:
    """Whether a record that could not be used may match: it may be a further tumour of a person that is named.

    It has no id itself, and it makes nobody a patient who is not one already.
    """
    of_persons = any(leaf.of == "patient" for leaf in question.records)
    return not question.only_named or (of_persons and question.unit is Unit.TUMOURS)


def _with_records(answer: SourceAnswer, records: Records, counted: Count) -> SourceAnswer:
    """Answer with a page; `counted` is the count in the unit of its records."""
    possible = _only_possible(counted)
    return replace(answer, cases=records.cases, next_after=records.next_after, possible_records=possible)


def widened(answer: SourceAnswer, unusable: Unusable, dimensions: int) -> SourceAnswer:
    """An answer in which every unusable record is possible, as a case of which nothing at all is known would be."""
    more = Count(0, unusable.records)
    cells = answer.cells
    if dimensions:
        unknown = (UNKNOWN_LABEL,) * dimensions
        table = dict(cells)
        cells = tuple(sorted((table | {unknown: table.get(unknown, ZERO) + more}).items(), key=lambda cell: cell[0]))
    possible = answer.possible_records + unusable.records
    return replace(answer, total=answer.total + more, cells=cells, possible_records=possible, unusable=unusable)


def _only_possible(count: Count) -> int:
    return 0 if count.high is None else count.high - count.low


def open_current(store: SnapshotStore, terminology: Terminology) -> Snapshot | None:
    """Open the snapshot that serves now, held so that no load removes it; None before the first load.

    Raises
    ------
    SourceFailure
        The file cannot be read, or has another format version.
    """
    for _ in range(TRIES):
        path = store.current()
        if path is None:
            return None
        handle = hold(path)
        if handle is None:
            continue
        try:
            return Snapshot(path, handle, terminology, store.source)
        except BaseException:
            os.close(handle)
            raise
    raise SourceFailure("the file that should serve is not there", where=str(store.folder), expected="`iccd load`")

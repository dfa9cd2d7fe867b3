"""Records of a snapshot: pages of certain matches in a stable order, and look-ups by id.

Matches are found in columns in memory (gateway.sources.snapshot.rows), or by SQL where the rows are too many. Rows are
read in blocks of neighbours, which are kept with the cases made of them: rows stand in the order of ICCC-3 group and
year, so that a page of one group touches few blocks. A patient has the number of their first row.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import md5
from itertools import pairwise
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from gateway.model.case import Case
from gateway.model.dates import UNKNOWN_DATE, Age, DateInterval, DatePrecision
from gateway.model.query import Page
from gateway.model.values import Truth
from gateway.sources.kept import Kept
from gateway.sources.snapshot.counting import Counter, Question
from gateway.sources.snapshot.cube import Ints
from gateway.sources.snapshot.dictionaries import Codes, Diagnoses
from gateway.sources.snapshot.layout import CODED, LOW, NO_SEQUENCE, RECORD, select_list
from gateway.sources.snapshot.named import Named, named
from gateway.sources.snapshot.ordered import OrderedMatches, places
from gateway.sources.snapshot.rows import Rows

BLOCK = 1024
"""Rows that are read and kept together."""
BLOCKS_KEPT = 64
DENSE = 6
"""A block is read whole for so many rows of it; fewer are read alone and not kept."""
RUN = 2048
"""Positions of matches that are found at a time."""
RUNS_KEPT = 128
PATIENT_BYTES = 16 << 20
PRECISIONS = tuple(DatePrecision)

RecordColumns = Mapping[str, npt.NDArray[Any]]
"""Columns of RECORD by name; Any because keys are objects and numbers are not."""


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring rows, and the cases that were made of some of them, by their place in the block."""

    columns: RecordColumns
    cases: dict[int, Case] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """Positions of matches after a position, in order; `complete` if there are none behind them."""

    after: int
    found: Ints
    complete: bool


@dataclass(frozen=True, slots=True)
class Records:
    """One page.

    Attributes
    ----------
    cases
        For patients, all their tumours.
    next_after
        Position of the last record if there are more.
    """

    cases: tuple[Case, ...]
    next_after: int | None


class Reader:
    """Reads records of one open snapshot."""

    def __init__(
        self, source: str, size: int, diagnoses: Diagnoses, codes: Mapping[str, Codes], counter: Counter
    ) -> None:
        self._source = source
        self._memory = Rows(size, counter.truth)
        self._diagnoses = diagnoses
        self._codes = codes
        self._counter = counter
        self._blocks: Kept[Block] = Kept(BLOCKS_KEPT)
        self._runs: Kept[Run] = Kept(RUNS_KEPT)
        self._ordered = OrderedMatches(counter)
        self._patients_of: Kept[Ints] = Kept(PATIENT_BYTES, lambda numbers: numbers.nbytes)

    def ready(self, question: Question, page: Page) -> Records | None:
        """One page of cases in their own order if everything it needs is in memory, else None."""
        if page.of != "case" or page.order is not None or question.records:
            return None
        columns = self._memory.ready(question)
        if columns is None:
            return None
        numbers = self._memory.after(question, columns, _start(page), page.limit + 1)
        cases = self._kept(numbers[: page.limit])
        return None if cases is None else Records(cases, _next(numbers, page.limit))

    def page(self, cursor: duckdb.DuckDBPyConnection, question: Question, page: Page) -> Records:
        """One page of certain matches."""
        if question.named is not None and question.only_named:
            return self._of_named(cursor, question, question.named, page)
        if page.order is not None:
            before = page.after or 0
            numbers = self._ordered.ranks(cursor, question, page.order, before, page.limit + 1)
            following = before + page.limit if len(numbers) > page.limit else None
            return Records(self.cases(cursor, numbers[: page.limit]), following)
        if page.of == "patient":
            numbers = self._patients_after(cursor, question, _start(page), page.limit + 1)
            shown = numbers[: page.limit]
            return Records(self._patients(cursor, shown), _next(numbers, page.limit))
        numbers = self._after(cursor, question, _start(page), page.limit + 1)
        return Records(self.cases(cursor, numbers[: page.limit]), _next(numbers, page.limit))

    def look_up(self, cursor: duckdb.DuckDBPyConnection, question: Question) -> Question:
        """The question with the rows of the records that it names."""
        asked = question.records
        numbers: list[Ints] = []
        for of in {leaf.of for leaf in asked}:
            table, column = LOOKUPS[of]
            ids = frozenset().union(*(leaf.ids for leaf in asked if leaf.of == of))
            found = self._find(cursor, table, column, ids)
            numbers.append(self._tumours(cursor, found) if of == "patient" else found)
        candidates = self._rows(cursor, np.unique(np.concatenate(numbers)).astype(np.int64))
        return replace(question, named=named(asked, candidates))

    def _of_named(self, cursor: duckdb.DuckDBPyConnection, question: Question, found: Named, page: Page) -> Records:
        """One page where nothing but the records that are named can match."""
        truth = self._counter.truth(question, self._counter.columns(question, found.rows))
        matching = np.flatnonzero(truth == Truth.YES)
        if page.of == "patient":
            patients = np.unique(self._counter.multiples.patients_of(cursor, found.rows["case_no"][matching]))
            numbers = patients[np.searchsorted(patients, -1 if page.after is None else page.after, "right") :]
            return Records(self._patients(cursor, numbers[: page.limit]), _next(numbers, page.limit))
        rows = {name: column[matching] for name, column in found.rows.items()}
        if page.order is not None:
            order = np.argsort(places(rows[f"{page.order.field}_lo"], page.order), kind="stable")
            rows = {name: column[order] for name, column in rows.items()}
            tokens = np.arange(1, len(matching) + 1)
        else:
            tokens = rows["case_no"]
        later = np.flatnonzero(tokens > (-1 if page.after is None else page.after))
        shown = later[: page.limit]
        following = int(tokens[shown[-1]]) if len(later) > len(shown) else None
        return Records(tuple(self._build({name: column[shown] for name, column in rows.items()})), following)

    def cases(self, cursor: duckdb.DuckDBPyConnection, numbers: Ints) -> tuple[Case, ...]:
        """Cases with these row numbers, in the order given."""
        kept = self._kept(numbers)
        return tuple(self._build(self._rows(cursor, numbers))) if kept is None else kept

    def _kept(self, numbers: Ints) -> tuple[Case, ...] | None:
        """Cases with these row numbers if their blocks are in memory."""
        owners, inside = np.divmod(numbers, BLOCK)
        edges = (np.flatnonzero(np.diff(owners)) + 1).tolist()
        found: list[Case] = []
        for first, last in pairwise((0, *edges, len(numbers)) if len(numbers) else ()):
            block = self._blocks.get(int(owners[first]))
            if block is None:
                return None
            found += self._of_block(block, inside[first:last].tolist())
        return tuple(found)

    def _of_block(self, block: Block, inside: list[int]) -> list[Case]:
        """Cases at some places of a block; each is made once. Threads may make one twice: they are equal."""
        new = [place for place in inside if place not in block.cases]
        if new:
            made = self._build({name: column[new] for name, column in block.columns.items()})
            block.cases.update(zip(new, made, strict=True))
        return [block.cases[place] for place in inside]

    def _after(self, cursor: duckdb.DuckDBPyConnection, question: Question, after: int, wanted: int) -> Ints:
        """The next certain matches: from memory, from the run that is kept, or from a new run."""
        columns = None if question.records else self._memory.read(cursor, question)
        if columns is not None:
            return self._memory.after(question, columns, after, wanted)
        key = question.key
        run = self._runs.get(key)
        if run is None or not _serves(run, after, wanted):
            run = self._runs.put(key, self._run(cursor, question, after, max(wanted, RUN)))
        start = int(np.searchsorted(run.found, after, "right"))
        return run.found[start : start + wanted]

    def _run(self, cursor: duckdb.DuckDBPyConnection, question: Question, after: int, wanted: int) -> Run:
        certain, _ = self._counter.predicates(question)
        # Rows lie in the order of case_no and one thread keeps that order, so the scan ends at the limit.
        found = cursor.execute(
            f"SELECT case_no FROM cases WHERE case_no > {after} AND {certain} LIMIT {wanted}"
        ).fetchnumpy()["case_no"]
        return Run(after, np.sort(found), len(found) < wanted)

    def _patients_after(self, cursor: duckdb.DuckDBPyConnection, question: Question, after: int, wanted: int) -> Ints:
        """The next patients with a certain match, by number."""
        of_several = self._several(cursor, question)
        of_several = of_several[np.searchsorted(of_several, after, "right") :][:wanted]
        not_alone = self._counter.multiples.numbers(cursor)
        of_one = np.empty(0, np.int64)
        start, complete = after, False
        while len(of_one) < wanted and not complete:
            found = self._after(cursor, question, start, wanted)
            complete = len(found) < wanted
            start = int(found[-1]) if len(found) else start
            of_one = np.concatenate((of_one, found[~_contains(not_alone, found)]))
        return np.sort(np.concatenate((of_one, of_several)))[:wanted]

    def _several(self, cursor: duckdb.DuckDBPyConnection, question: Question) -> Ints:
        """Patients with several tumours of which one certainly matches."""
        kept = self._patients_of.get(question.key)
        if kept is not None:
            return kept
        rows = self._counter.multiples.all(cursor)
        classes = question.view.classes[rows.columns["dx"]]
        alive = np.flatnonzero(question.alive[classes])
        columns = {"class": classes[alive], **{name: column[alive] for name, column in rows.columns.items()}}
        certain = self._counter.truth(question, columns) == Truth.YES
        return self._patients_of.put(question.key, np.unique(rows.patients[alive[certain]]))

    def _patients(self, cursor: duckdb.DuckDBPyConnection, patients: Ints) -> tuple[Case, ...]:
        """All tumours of some patients, patient by patient."""
        return self.cases(cursor, self._tumours(cursor, patients))

    def _tumours(self, cursor: duckdb.DuckDBPyConnection, patients: Ints) -> Ints:
        """Row numbers of all tumours of some patients, in the order of the patients."""
        several = self._counter.multiples.all(cursor)
        first = np.searchsorted(several.patients, patients, "left")
        sizes = np.searchsorted(several.patients, patients, "right") - first
        rows: list[int] = []
        for patient, start, size in zip(patients.tolist(), first.tolist(), sizes.tolist(), strict=True):
            rows.extend(several.columns["case_no"][start : start + size].tolist() if size else [patient])
        return np.array(rows, np.int64)

    def _find(self, cursor: duckdb.DuckDBPyConnection, table: str, column: str, ids: Iterable[str]) -> Ints:
        hashes = ", ".join(str(id_hash(each)) for each in ids)
        if not hashes:
            return np.empty(0, np.int64)
        found = cursor.execute(f"SELECT {column} FROM {table} WHERE hash IN ({hashes})").fetchnumpy()[column]
        return np.unique(found).astype(np.int64)

    def _rows(self, cursor: duckdb.DuckDBPyConnection, numbers: Ints) -> RecordColumns:
        """Rows by number, in the order given."""
        if not len(numbers):
            return _read(cursor, "false")
        numbers = np.asarray(numbers, np.int64)
        blocks, member, wanted = np.unique(numbers // BLOCK, return_inverse=True, return_counts=True)
        places: list[Ints] = []
        pieces: list[RecordColumns] = []
        alone: list[Ints] = []
        for i, (number, rows) in enumerate(zip(blocks.tolist(), wanted.tolist(), strict=True)):
            at = np.flatnonzero(member == i)
            block = self._block(cursor, number, read=rows >= DENSE)
            if block is None:
                alone.append(at)
                continue
            inside = numbers[at] - number * BLOCK
            places.append(at)
            pieces.append({name: column[inside] for name, column in block.columns.items()})
        if alone:
            places.append(np.concatenate(alone))
            pieces.append(_scattered(cursor, numbers[places[-1]]))
        if len(blocks) == 1:
            return pieces[0]
        order = np.argsort(np.concatenate(places))
        return {name: np.concatenate([piece[name] for piece in pieces])[order] for name in RECORD}

    def _block(self, cursor: duckdb.DuckDBPyConnection, number: int, *, read: bool) -> Block | None:
        """Rows of a block, from memory or, if worth it, from the file."""
        kept = self._blocks.get(number)
        if kept is None and read:
            rows = _read(cursor, f"case_no BETWEEN {number * BLOCK} AND {number * BLOCK + BLOCK - 1}")
            kept = self._blocks.put(number, Block(rows))
        return kept

    def _build(self, rows: RecordColumns) -> Iterable[Case]:
        """Cases of rows."""
        values = {name: column.tolist() for name, column in rows.items()}
        coded = [[self._codes[name].values[code] for code in values[name]] for name in CODED]
        columns = (
            values["case_key"],
            values["patient_key"],
            [self._diagnoses.rows[dx] for dx in values["dx"]],
            _dates(values, "date"),
            _dates(values, "birth"),
            map(_age, values["age_lo"], values["age_hi"], values["age_days_lo"], values["age_days_hi"]),
            _dates(values, "contact"),
            values["sequence"],
            *coded,
        )
        for case, patient, diagnosis, incidence, birth, age, contact, sequence, *codes in zip(*columns, strict=True):
            sex, vital_status, basis, laterality, grade, stage, country = codes
            yield Case(
                self._source,
                case,
                patient,
                diagnosis,
                incidence,
                birth,
                age,
                sex,
                vital_status,
                contact,
                basis,
                laterality,
                grade,
                stage,
                country,
                None if sequence == NO_SEQUENCE else sequence,
            )


LOOKUPS = {"case": ("case_ids", "case_no"), "patient": ("patient_ids", "patient_no")}
"""For each kind of record: table of its ids, column of the row number there."""


ID_DIGITS = 16
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+")


def id_hash(key: str) -> int:
    """The first 16 hexadecimal digits of an id, as the loader makes them; of any other id the low half of its MD5.

    The same in every version of DuckDB, unlike its own hash function (gateway.sources.snapshot.build.ID_HASH).
    """
    digits = key[:ID_DIGITS]
    if _HEXADECIMAL.fullmatch(digits):
        return int(digits, 16)
    return int.from_bytes(md5(key.encode(), usedforsecurity=False).digest()[8:], "little")


def _contains(ordered: Ints, values: Ints) -> npt.NDArray[np.bool_]:
    if not len(ordered):
        return np.zeros(len(values), np.bool_)
    at = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    return np.asarray(ordered[at] == values)


def _serves(run: Run, after: int, wanted: int) -> bool:
    if after < run.after:
        return False
    return run.complete or len(run.found) - int(np.searchsorted(run.found, after, "right")) >= wanted


def _start(page: Page) -> int:
    return -1 if page.after is None else page.after


def _next(numbers: Ints, limit: int) -> int | None:
    return int(numbers[limit - 1]) if len(numbers) > limit else None


def _read(cursor: duckdb.DuckDBPyConnection, where: str) -> RecordColumns:
    found = cursor.execute(f"SELECT {select_list(RECORD)} FROM cases WHERE {where}").fetchnumpy()
    return {name: np.asarray(column) for name, column in found.items()}


def _scattered(cursor: duckdb.DuckDBPyConnection, numbers: Ints) -> RecordColumns:
    """Rows that lie apart, in the order given."""
    if len(numbers) == 1:
        return _read(cursor, f"case_no = {numbers[0]}")
    # A semi-join: DuckDB plans a long list of constants far slower.
    rows = _read(cursor, f"case_no IN (SELECT unnest([{', '.join(map(str, numbers.tolist()))}]))")
    order = np.argsort(rows["case_no"])
    at = order[np.searchsorted(rows["case_no"], numbers, sorter=order)]
    return {name: column[at] for name, column in rows.items()}


def _dates(values: Mapping[str, Sequence[Any]], name: str) -> Iterable[DateInterval]:
    return map(_date, values[f"{name}_lo"], values[f"{name}_hi"], values[f"{name}_precision"])


@lru_cache(maxsize=65536)
def _date(low: int, high: int, precision: int) -> DateInterval:
    if low == LOW:
        return UNKNOWN_DATE
    return DateInterval(dt.date.fromordinal(low), dt.date.fromordinal(high), PRECISIONS[precision])


@lru_cache(maxsize=65536)
def _age(years_low: int, years_high: int, days_low: int, days_high: int) -> Age:
    years = None if years_low == LOW else (years_low, years_high)
    return Age(years, None if days_low == LOW else (days_low, days_high))

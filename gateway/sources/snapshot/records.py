"""Records of a snapshot: pages of certain matches in a stable order, and look-ups by id.

Rows are read in blocks of neighbours, which are kept: rows stand in the order of ICCC-3 group and year, so that a page
of one group touches few blocks. A patient has the number of their first row.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import md5
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from gateway.model.case import Case
from gateway.model.dates import UNKNOWN_DATE, Age, DateInterval, DatePrecision
from gateway.model.query import Page
from gateway.model.values import Truth
from gateway.sources.snapshot.counting import Counter, Question
from gateway.sources.snapshot.cube import Cache, Ints
from gateway.sources.snapshot.dictionaries import Codes, Diagnoses
from gateway.sources.snapshot.layout import CODED, LOW, NO_SEQUENCE, RECORD, select_list

BLOCK = 1024
"""Rows that are read and kept together."""
BLOCKS_KEPT = 128
SCATTERED = 24
"""Rows in more new blocks than this are read alone and not kept."""
RUN = 2048
"""Positions of matches that are found at a time."""
RUNS_KEPT = 128
PRECISIONS = tuple(DatePrecision)

Block = Mapping[str, npt.NDArray[Any]]
"""Columns of RECORD by name; Any because keys are objects and numbers are not."""


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
    possible
        For look-ups by id, how many of them match only possibly; None where that is a count over all.
    """

    cases: tuple[Case, ...]
    next_after: int | None
    possible: int | None = None


class Reader:
    """Reads records of one open snapshot."""

    def __init__(self, source: str, diagnoses: Diagnoses, codes: Mapping[str, Codes], counter: Counter) -> None:
        self._source = source
        self._diagnoses = diagnoses
        self._codes = codes
        self._counter = counter
        self._blocks: Cache[Block] = Cache(BLOCKS_KEPT)
        self._runs: Cache[Run] = Cache(RUNS_KEPT)

    def page(self, cursor: duckdb.DuckDBPyConnection, question: Question, page: Page) -> Records:
        """One page of certain matches, or the records with some ids."""
        if page.ids is not None:
            return self._by_ids(cursor, question, page)
        after = -1 if page.after is None else page.after
        if page.of == "patient":
            numbers = self._patients_after(cursor, question, after, page.limit + 1)
            shown = numbers[: page.limit]
            return Records(self._patients(cursor, shown), _next(numbers, page.limit))
        numbers = self._after(cursor, question, after, page.limit + 1)
        return Records(self.cases(cursor, numbers[: page.limit]), _next(numbers, page.limit))

    def cases(self, cursor: duckdb.DuckDBPyConnection, numbers: Ints) -> tuple[Case, ...]:
        """Cases with these row numbers, in the order given."""
        return tuple(self._build(self._rows(cursor, numbers)))

    def _after(self, cursor: duckdb.DuckDBPyConnection, question: Question, after: int, wanted: int) -> Ints:
        """The next certain matches, from the run that is kept or a new one."""
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
        several = self._counter.multiples.all(cursor)
        columns = {"class": question.view.classes[several.columns["dx"]], **several.columns}
        matched = self._counter.truth(question, columns) == Truth.YES
        of_several = np.unique(several.patients[matched & (several.patients > after)])
        of_one = np.empty(0, np.int64)
        start, complete = after, False
        while len(of_one) < wanted and not complete:
            found = self._after(cursor, question, start, RUN)
            complete = len(found) < RUN
            start = int(found[-1]) if len(found) else start
            at = np.searchsorted(several.columns["case_no"], found)
            at = np.minimum(at, max(len(several.patients) - 1, 0))
            alone = several.columns["case_no"][at] != found if len(several.patients) else np.ones(len(found), np.bool_)
            of_one = np.concatenate((of_one, found[alone]))
        return np.sort(np.concatenate((of_one, of_several)))[:wanted]

    def _patients(self, cursor: duckdb.DuckDBPyConnection, patients: Ints) -> tuple[Case, ...]:
        """All tumours of some patients, patient by patient."""
        several = self._counter.multiples.all(cursor)
        theirs = np.flatnonzero(np.isin(several.patients, patients))
        owners = np.concatenate((patients, several.patients[theirs]))
        rows = np.concatenate((patients, several.columns["case_no"][theirs]))
        pairs = np.unique(np.stack((owners, rows), axis=1), axis=0)
        ranks = {patient: rank for rank, patient in enumerate(patients.tolist())}
        ordered = sorted(pairs.tolist(), key=lambda pair: (ranks[pair[0]], pair[1]))
        return self.cases(cursor, np.array([row for _, row in ordered], np.int64))

    def _by_ids(self, cursor: duckdb.DuckDBPyConnection, question: Question, page: Page) -> Records:
        table, column, key = LOOKUPS[page.of]
        ids = frozenset(page.ids or ())
        candidates = self._find(cursor, table, column, ids)
        several = self._counter.multiples.all(cursor)
        if page.of == "patient":
            owned = np.isin(several.patients, candidates)
            owners = np.concatenate((candidates, several.patients[owned]))
            rows = np.concatenate((candidates, several.columns["case_no"][owned]))
            rows, first = np.unique(rows, return_index=True)
            owners = owners[first]
        else:
            rows = owners = candidates
        block = self._rows(cursor, rows)
        named = np.array([each in ids for each in block[key].tolist()], np.bool_)
        truth = self._counter.truth(question, {"class": question.view.classes[block["dx"]], **block})
        certain = np.unique(owners[named & (truth == Truth.YES)])
        possible = np.setdiff1d(owners[named & (truth == Truth.POSSIBLE)], certain)
        numbers = certain[certain > (-1 if page.after is None else page.after)]
        shown = numbers[: page.limit]
        cases = self._patients(cursor, shown) if page.of == "patient" else self.cases(cursor, shown)
        return Records(cases, _next(numbers, page.limit), len(possible))

    def _find(self, cursor: duckdb.DuckDBPyConnection, table: str, column: str, ids: Iterable[str]) -> Ints:
        hashes = ", ".join(str(id_hash(each)) for each in ids)
        if not hashes:
            return np.empty(0, np.int64)
        found = cursor.execute(f"SELECT {column} FROM {table} WHERE hash IN ({hashes})").fetchnumpy()[column]
        return np.unique(found).astype(np.int64)

    def _rows(self, cursor: duckdb.DuckDBPyConnection, numbers: Ints) -> Block:
        """Rows by number, in the order given."""
        if not len(numbers):
            return _read(cursor, "false")
        blocks = np.unique(numbers // BLOCK).tolist()
        kept = {number: block for number in blocks if (block := self._blocks.get(number)) is not None}
        missing = [number for number in blocks if number not in kept]
        if len(missing) > SCATTERED:
            return _ordered(_read(cursor, f"case_no IN ({', '.join(map(str, numbers.tolist()))})"), numbers)
        for number in missing:
            rows = _read(cursor, f"case_no BETWEEN {number * BLOCK} AND {number * BLOCK + BLOCK - 1}")
            kept[number] = self._blocks.put(number, rows)
        if len(blocks) == 1:
            block = kept[blocks[0]]
            return {name: column[numbers - blocks[0] * BLOCK] for name, column in block.items()}
        starts = np.cumsum([0, *(len(kept[number]["case_no"]) for number in blocks[:-1])])
        at = starts[np.searchsorted(blocks, numbers // BLOCK)] + numbers % BLOCK
        return {name: np.concatenate([kept[number][name] for number in blocks])[at] for name in RECORD}

    def _build(self, rows: Block) -> Iterable[Case]:
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


LOOKUPS = {
    "case": ("case_ids", "case_no", "case_key"),
    "patient": ("patient_ids", "patient_no", "patient_key"),
}
"""For each kind of record: table of its ids, column of the row number there, column of the id in `cases`."""


def id_hash(key: str) -> int:
    """Low half of the MD5 of an id, as DuckDB's md5_number_lower."""
    return int.from_bytes(md5(key.encode(), usedforsecurity=False).digest()[8:], "little")


def _serves(run: Run, after: int, wanted: int) -> bool:
    if after < run.after:
        return False
    return run.complete or len(run.found) - int(np.searchsorted(run.found, after, "right")) >= wanted


def _next(numbers: Ints, limit: int) -> int | None:
    return int(numbers[limit - 1]) if len(numbers) > limit else None


def _read(cursor: duckdb.DuckDBPyConnection, where: str) -> Block:
    found = cursor.execute(f"SELECT {select_list(RECORD)} FROM cases WHERE {where}").fetchnumpy()
    return {name: np.asarray(column) for name, column in found.items()}


def _ordered(rows: Block, numbers: Ints) -> Block:
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

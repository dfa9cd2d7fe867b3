"""Counts of one question over one snapshot: from the cube, or by SQL where a field is only in rows.

Patients: a patient with one tumour counts as that tumour. The rows of patients with several tumours are taken away
from the tumour counts and counted again as distinct patients, so that every patient counts once in each place.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TypeGuard

import duckdb
import numpy as np
import numpy.typing as npt

from gateway.model.query import (
    NOTHING,
    And,
    Between,
    CaseQuery,
    DateBetween,
    DiagnosisIn,
    Expr,
    Known,
    Leaf,
    Not,
    OneOf,
    Or,
    RecordIn,
    Unit,
    leaves,
)
from gateway.model.values import Count, Truth
from gateway.sources.base import Deadline
from gateway.sources.kept import Kept
from gateway.sources.snapshot.cube import Cube, Frame, Ints, View, Views
from gateway.sources.snapshot.dense import NOT_DENSE, Dense, Weights, dense, parts
from gateway.sources.snapshot.dictionaries import Codes, Diagnoses, Outcomes
from gateway.sources.snapshot.engine import Engine
from gateway.sources.snapshot.layout import (
    DIAGNOSIS_FIELDS,
    INTERVAL_FIELDS,
    INTERVALS,
    LOW,
    QUERIED,
    ROW_INTERVALS,
    columns_of,
    select_list,
)
from gateway.sources.snapshot.named import Named
from gateway.sources.snapshot.rowsql import Predicates, predicates
from gateway.sources.snapshot.truth import Columns, evaluate, interval_truth, upper_bound
from gateway.sources.tabulate import INTERVAL_LABELS, Axis, Cells, Table

FROM_DIAGNOSIS = ("iccc_main", "iccc_group", "behaviour")
FIELD_OF = {"age_band": "age"}
FRAME_BYTES = 32 << 20
ARRAY_BYTES = 64 << 20
INLINE_ROWS = 131_072
"""Up to this many rows are summed on the event loop, in about a millisecond; more go to the pool."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question as one snapshot sees it.

    Attributes
    ----------
    where, by, unit
        As asked, with whole years of dates read as years.
    view
        How it sees the diagnoses.
    truths
        Truth of each diagnosis leaf over the view's classes, by identity of the leaf.
    alive
        Classes of diagnoses that can match at all.
    columns
        Columns it uses, without `dx`.
    named
        Rows of the records that it names, once they were looked up.
    """

    where: Expr
    by: tuple[str, ...]
    unit: Unit
    view: View
    truths: Mapping[int, Outcomes]
    alive: npt.NDArray[np.bool_]
    columns: tuple[str, ...]
    named: Named | None = None

    @property
    def records(self) -> tuple[RecordIn, ...]:
        """Leaves that name records."""
        return tuple(leaf for leaf in leaves(self.where) if isinstance(leaf, RecordIn))

    @property
    def of_others(self) -> Question | None:
        """The question as it is for every row but those it names; None if none of those can match."""
        where = _without_records(self.where)
        alive = upper_bound(where, lambda leaf, _: self.truths.get(id(leaf)), self.view.size) != Truth.NO
        return replace(self, where=where, alive=alive, named=None) if alive.any() else None

    @property
    def only_named(self) -> bool:
        """Whether no row can match but those that it names, once they were looked up."""
        return self.named is not None and self.of_others is None

    @property
    def needs_rows(self) -> bool:
        """Whether it uses a field that the cube does not hold."""
        return any(leaf.field in ROW_INTERVALS for leaf in leaves(self.where))

    @property
    def key(self) -> Hashable:
        """Equal for equal conditions on one snapshot; box sets, which are slow to hash, are not in it."""
        return self.view.number, self.shape(self.where)

    @property
    def sees(self) -> tuple[int, bytes, tuple[str, ...]]:
        """What its frame depends on."""
        return self.view.number, self.alive.tobytes(), self.columns

    def shape(self, part: Expr) -> Hashable:
        """Equal for equal parts of conditions that see the diagnoses in the same way."""
        if isinstance(part, Between | OneOf):
            return part
        # A leaf stands as its place in the view, which is the same for every question with this view.
        places = {id(truth): i for i, truth in enumerate(self.view.outcomes)}
        return _shape(part, {leaf: places[id(truth)] for leaf, truth in self.truths.items()})


@dataclass(frozen=True, slots=True)
class Part:
    """Rows with certain and possible counts; `patients` numbers the patient of each row where rows are tumours."""

    columns: Columns
    certain: npt.NDArray[np.int64]
    possible: npt.NDArray[np.int64]
    patients: Ints | None = None


class Counter:
    """Counts over one open snapshot."""

    def __init__(self, engine: Engine, diagnoses: Diagnoses, codes: Mapping[str, Codes]) -> None:
        self._engine = engine
        self._codes = codes
        self._views = Views(diagnoses)
        self._cube = Cube(len(diagnoses))
        self._arrays: Kept[Dense] = Kept(ARRAY_BYTES, lambda array: array.bytes)
        self._last: tuple[Expr, tuple[str, ...], Unit, str, Question] | None = None
        self.multiples = Multiples()

    def question(self, query: CaseQuery) -> Question:
        """Read a question against the dictionaries; no row is touched.

        A page is asked for with the very condition that was counted a moment before, which is read once.
        """
        last = self._last
        if last is not None and last[0] is query.where and last[1:4] == (query.by, query.unit, query.iccc):
            return last[4]
        found = self._question(query)
        self._last = (query.where, query.by, query.unit, query.iccc, found)
        return found

    def _question(self, query: CaseQuery) -> Question:
        where = whole_years(query.where)
        found = leaves(where)
        asked = [leaf for leaf in found if _is_of_diagnosis(leaf)]
        dimensions = [dimension for dimension in query.by if dimension in FROM_DIAGNOSIS]
        view = self._views.view(asked, dimensions, query.iccc)
        truths = {id(leaf): truth for leaf, truth in zip(asked, view.outcomes, strict=True)}
        columns = _columns(tuple(leaf.field for leaf in found if id(leaf) not in truths), query.by)
        return Question(where, query.by, query.unit, view, truths, _alive(where, truths, view.size), columns)

    def ready(self, question: Question) -> tuple[Count, Cells] | None:
        """Total and cells if everything needed is in memory and small, else None."""
        if question.records:
            return None
        counted = self._by_array(question, self._arrays.get((question.sees, question.by)))
        if counted is not None:
            return counted
        frame = self._cube.ready(question.sees)
        counted = None if frame is None else self._by_array(question, self._array(question, frame))
        if counted is not None:
            return counted
        frame = None if frame is None else _pruned(question, frame)
        if frame is None or len(frame.tumours) > INLINE_ROWS:
            return None
        if question.unit is Unit.TUMOURS:
            return self._fold(question, [self._weigh(question, frame)])
        multiples = self.multiples.ready(question)
        if multiples is None or len(multiples.patients) > INLINE_ROWS:
            return None
        return self._fold(question, [self._weigh(question, frame), self._again(question, multiples)])

    async def count(self, question: Question, deadline: Deadline) -> tuple[Count, Cells]:
        """Total and cells of a question; raises TimeoutError at the deadline."""
        if question.named is not None and question.only_named:
            return self._fold(question, self._of_named(question, question.named))
        found = self.ready(question)
        if found is not None:
            return found
        return await self._engine.query(lambda cursor: self._count(cursor, question), deadline)

    def _count(self, cursor: duckdb.DuckDBPyConnection, question: Question) -> tuple[Count, Cells]:
        if question.named is None and question.unit is Unit.TUMOURS and not question.needs_rows:
            frame = self._cube.frame(cursor, question.view, question.alive, question.columns)
            found = self._by_array(question, self._array(question, frame))
            if found is not None:
                return found
        others = question if question.named is None else question.of_others
        parts = [] if others is None else [self._tumours(cursor, others)]
        if question.named is not None and others is not None:
            parts.append(_negative(self._part(others, question.named)))
            parts.append(self._part(question, question.named))
        if question.unit is Unit.PATIENTS:
            parts.append(self._again(question, self.multiples.of(cursor, question)))
        return self._fold(question, parts)

    def _tumours(self, cursor: duckdb.DuckDBPyConnection, question: Question) -> Part:
        read = self._cube.rows if question.needs_rows else self._cube.frame
        frame = read(cursor, question.view, question.alive, question.columns)
        return self._by_sql(cursor, question) if frame is None else self._weigh(question, _pruned(question, frame))

    def _part(self, question: Question, named: Named) -> Part:
        """The rows that a question names, each a tumour."""
        columns = self.columns(question, named.rows)
        truth = self.truth(question, columns)
        return Part(columns, (truth == Truth.YES).astype(np.int64), (truth != Truth.NO).astype(np.int64))

    def _of_named(self, question: Question, named: Named) -> list[Part]:
        """All that a question matches which nothing else can match."""
        part = self._part(question, named)
        return [part] if question.unit is Unit.TUMOURS else [part, replace(_negative(part), patients=named.patients)]

    def columns(self, question: Question, rows: Columns) -> Columns:
        """Columns of rows with the class of their diagnosis."""
        return {"class": question.view.classes[rows["dx"]], **rows}

    def _array(self, question: Question, frame: Frame) -> Dense | None:
        """Array of a frame, made if need be; None where a question for another unit or with more columns is asked."""
        if question.unit is not Unit.TUMOURS or question.needs_rows or len(frame.tumours) > INLINE_ROWS:
            return None
        key = question.sees, question.by
        kept = self._arrays.get(key)
        return self._arrays.put(key, self._make_array(question, frame)) if kept is None else kept

    def _make_array(self, question: Question, frame: Frame) -> Dense:
        first = [_axis_of_dimension(dimension) for dimension in question.by]
        others = {_axis_of_column(name) for name in frame.columns} - set(first)
        if len(set(first)) < len(first):
            return NOT_DENSE
        axes = [(name, columns_of(name)) for name in (*first, *sorted(others))]
        labels = {
            axis: partial(self._axis, question, dimension) for axis, dimension in zip(first, question.by, strict=True)
        }
        return dense(frame.columns, frame.tumours, axes, labels) or NOT_DENSE

    def _by_array(self, question: Question, array: Dense | None) -> tuple[Count, Cells] | None:
        """Total and cells if every part of the condition looks at one axis of an array."""
        if array is None or array is NOT_DENSE or question.unit is not Unit.TUMOURS:
            return None
        weights: dict[str, Weights] = {}
        for part in parts(question.where):
            name = _axis_of_part(part)
            columns = array.values.get(name) if name else None
            if name is None or columns is None:
                return None
            found = array.weights(question.shape(part), partial(self._truth, part, question, columns))
            weights[name] = weights[name] * found if name in weights else found
        return array.count(weights)

    def truth(self, question: Question, columns: Columns) -> Outcomes:
        """Truth of the condition for rows with these columns (`class` for the diagnosis)."""
        return self._truth(question.where, question, columns)

    def _truth(self, where: Expr, question: Question, columns: Columns) -> Outcomes:

        def leaf(each: Leaf) -> Outcomes:
            match each:
                case DiagnosisIn():
                    return question.truths[id(each)][columns["class"]]
                case Known(field) if field in DIAGNOSIS_FIELDS:
                    return question.truths[id(each)][columns["class"]]
                case OneOf(field):
                    return self._codes[field].outcomes(each)[columns[field]]
                case Known(field) if field in INTERVAL_FIELDS:
                    return _decided(columns[f"{field}_lo"] > LOW)
                case Known(field):
                    return self._codes[field].known()[columns[field]]
                case Between() | DateBetween():
                    return interval_truth(columns, each)
                case RecordIn():
                    return _decided(np.isin(columns["case_no"], _rows_of(question, each)))
            raise TypeError(f"not a field of a row: {each.field}")

        return evaluate(where, leaf, len(next(iter(columns.values()))))

    def predicates(self, question: Question) -> Predicates:
        """The condition as SQL over `cases`."""

        def outcomes(leaf: Leaf) -> tuple[str, Outcomes]:
            if _is_of_diagnosis(leaf):
                return "dx", question.truths[id(leaf)][question.view.classes]
            if isinstance(leaf, OneOf):
                return leaf.field, self._codes[leaf.field].outcomes(leaf)
            if isinstance(leaf, Known):
                return leaf.field, self._codes[leaf.field].known()
            raise TypeError(f"not over a dictionary: {leaf.field}")

        return predicates(question.where, outcomes, lambda leaf: _rows_of(question, leaf))

    def _weigh(self, question: Question, frame: Frame) -> Part:
        truth = self.truth(question, frame.columns)
        return Part(frame.columns, frame.tumours * (truth == Truth.YES), frame.tumours * (truth != Truth.NO))

    def _again(self, question: Question, rows: Multiple) -> Part:
        """Tumours of patients with several: taken away as tumours, to be counted as patients."""
        truth = self.truth(question, rows.columns)
        certain, possible = (truth == Truth.YES).astype(np.int64), (truth != Truth.NO).astype(np.int64)
        return Part(rows.columns, -certain, -possible, rows.patients)

    def _by_sql(self, cursor: duckdb.DuckDBPyConnection, question: Question) -> Part:
        certain, possible = self.predicates(question)
        used = {column for dimension in question.by for column in _columns_of_dimension(dimension)}
        columns = tuple(name for name in ("dx", *QUERIED[1:]) if name in used)
        chosen = f"{select_list(columns)}, " if columns else ""
        found = cursor.execute(
            f"SELECT {chosen} count(*) FILTER (WHERE {certain}) AS certain, count(*) AS possible "
            f"FROM cases WHERE {possible} {'GROUP BY ALL' if columns else ''}"
        ).fetchnumpy()
        low, high = (found.pop(name).astype(np.int64) for name in ("certain", "possible"))
        dx = found.pop("dx", None)
        classes = np.zeros(len(high), np.int64) if dx is None else question.view.classes[dx]
        return Part({"class": classes, **found}, low, high)

    def _fold(self, question: Question, parts: Sequence[Part]) -> tuple[Count, Cells]:
        certain = np.concatenate([part.certain for part in parts])
        possible = np.concatenate([part.possible for part in parts])
        low, high = int(certain.sum()), int(possible.sum())
        again = next((part for part in parts if part.patients is not None), None)
        if again is not None and again.patients is not None:
            low += len(np.unique(again.patients[again.certain != 0]))
            high += len(np.unique(again.patients[again.possible != 0]))
        if not question.by:
            return Count(low, high), ()
        kept = np.flatnonzero(possible)
        columns = {
            name: np.concatenate([part.columns[name] for part in parts])[kept]
            for name in {column for dimension in question.by for column in _columns_of_frame(dimension)}
        }
        table = Table([self._axis(question, dimension, columns) for dimension in question.by])
        table.add(certain[kept], possible[kept])
        if again is not None and again.patients is not None:
            before = len(possible) - len(again.possible)
            patients = np.concatenate((np.zeros(before, np.int64), again.patients))[kept]
            in_again = kept >= before
            table.add_patients(in_again & (certain[kept] != 0), in_again, patients)
        return Count(low, high), table.cells()

    def _axis(self, question: Question, dimension: str, columns: Columns) -> Axis:
        if dimension in FROM_DIAGNOSIS:
            axis = question.view.axes[dimension]
            return Axis(axis.codes[columns["class"]], axis.sets)
        if dimension in INTERVAL_LABELS:
            field = FIELD_OF.get(dimension, dimension)
            return _interval_axis(dimension, columns[f"{field}_lo"], columns[f"{field}_hi"])
        return Axis(columns[dimension], self._codes[dimension].sets)


def _is_of_diagnosis(leaf: Leaf) -> TypeGuard[DiagnosisIn | Known]:
    return isinstance(leaf, DiagnosisIn) or (isinstance(leaf, Known) and leaf.field in DIAGNOSIS_FIELDS)


def _decided(yes: npt.NDArray[np.bool_]) -> Outcomes:
    """Truth of a leaf that is never open."""
    return np.where(yes, np.int8(Truth.YES), np.int8(Truth.NO))


def _rows_of(question: Question, leaf: RecordIn) -> Ints:
    if question.named is None:
        raise TypeError("records were not looked up")
    return question.named.numbers[leaf]


def _negative(part: Part) -> Part:
    return replace(part, certain=-part.certain, possible=-part.possible)


def _without_records(expr: Expr) -> Expr:
    """The condition for a case that is none of the records it names."""
    match expr:
        case And(items) | Or(items):
            return type(expr)(tuple(_without_records(item) for item in items))
        case Not(item):
            return Not(_without_records(item))
        case RecordIn():
            return NOTHING
    return expr


def _pruned(question: Question, frame: Frame) -> Frame:
    """Frame without the zones in which no row can match."""
    zones = frame.zones
    if not zones:
        return frame

    def best(leaf: Leaf, positive: bool) -> Outcomes | None:
        if not positive or not isinstance(leaf, Between | DateBetween):
            return None
        touched = interval_truth(zones, leaf) != Truth.NO
        return np.where(touched, np.int8(Truth.YES), np.int8(Truth.NO))

    count = len(next(iter(zones.values())))
    kept = np.flatnonzero(upper_bound(question.where, best, count) != Truth.NO)
    return frame if len(kept) == count else frame.only(kept)


SPAN = 1 << 16


def _interval_axis(dimension: str, low: Ints, high: Ints) -> Axis:
    pairs, codes = np.unique(low.astype(np.int64) * SPAN + high, return_inverse=True)
    labels = INTERVAL_LABELS[dimension]
    ends = [divmod(pair, SPAN) for pair in pairs.tolist()]
    # LOW is negative, so that an unknown interval has LOW as its quotient as well.
    return Axis(codes, tuple(labels(None, None) if first == LOW else labels(first, last) for first, last in ends))


def _alive(where: Expr, truths: Mapping[int, Outcomes], size: int) -> npt.NDArray[np.bool_]:
    """Classes of diagnoses that can match at all."""
    most = [
        upper_bound(part, lambda leaf, _: truths.get(id(leaf)), size)
        for part in parts(where)
        if id(part) in truths or isinstance(part, And | Or | Not)
    ]
    if not most:
        return np.ones(size, np.bool_)
    return np.asarray((most[0] if len(most) == 1 else np.minimum.reduce(most)) != Truth.NO)


@lru_cache(maxsize=1024)
def _columns(fields: tuple[str, ...], by: tuple[str, ...]) -> tuple[str, ...]:
    used = {column for field in fields for column in columns_of(field)}
    used |= {column for dimension in by for column in _columns_of_dimension(dimension)}
    return tuple(name for name in QUERIED if name in used and name != "dx")


def _axis_of_dimension(dimension: str) -> str:
    return "class" if dimension in FROM_DIAGNOSIS else FIELD_OF.get(dimension, dimension)


def _axis_of_column(name: str) -> str:
    field = name.removesuffix("_lo").removesuffix("_hi")
    return field if field in INTERVALS else name


def _axis_of_part(part: Expr) -> str | None:
    """The one axis that a part of a condition looks at, None if there are several or it is no axis."""
    match part:
        case DiagnosisIn():
            return "class"
        case Between() | OneOf():
            return part.field
        case And() | Or() | Not():
            names = {_axis_of_part(leaf) for leaf in leaves(part)}
            return names.pop() if len(names) == 1 else None
        case Known(field):
            return "class" if field in DIAGNOSIS_FIELDS else field
    return None


def _columns_of_dimension(dimension: str) -> tuple[str, ...]:
    return ("dx",) if dimension in FROM_DIAGNOSIS else columns_of(FIELD_OF.get(dimension, dimension))


def _columns_of_frame(dimension: str) -> tuple[str, ...]:
    return ("class",) if dimension in FROM_DIAGNOSIS else columns_of(FIELD_OF.get(dimension, dimension))


@dataclass(frozen=True, slots=True)
class Multiple:
    """Tumours of patients who have several that can match."""

    columns: Columns
    patients: Ints

    @property
    def bytes(self) -> int:
        """Size in memory."""
        return self.patients.nbytes + sum(column.nbytes for column in self.columns.values())


class Multiples:
    """Rows of all patients with several tumours, read on first use, and what questions need of them."""

    def __init__(self) -> None:
        self._all: Multiple | None = None
        self._by_row: tuple[Ints, Ints] | None = None
        self._kept: Kept[Multiple] = Kept(FRAME_BYTES, lambda rows: rows.bytes)

    def ready(self, question: Question) -> Multiple | None:
        """Rows that a question needs, if they are kept."""
        return self._kept.get(question.sees[:2])

    def of(self, cursor: duckdb.DuckDBPyConnection, question: Question) -> Multiple:
        """Rows that a question needs: of patients with at least two tumours that can match."""
        key = question.sees[:2]
        return self._kept.get(key) or self._kept.put(key, self._select(cursor, question))

    def all(self, cursor: duckdb.DuckDBPyConnection) -> Multiple:
        """All rows, patient by patient, in the order of `case_no`."""
        if self._all is None:
            found = cursor.execute(f"SELECT patient_no, case_no, {select_list(QUERIED)} FROM multi").fetchnumpy()
            self._all = Multiple(found, found.pop("patient_no"))
        return self._all

    def numbers(self, cursor: duckdb.DuckDBPyConnection) -> Ints:
        """Row numbers of all rows, in order."""
        return self._ordered(cursor)[0]

    def patients_of(self, cursor: duckdb.DuckDBPyConnection, rows: Ints) -> Ints:
        """Number of the patient of each of some rows of `cases`, with several tumours or one."""
        numbers, patients = self._ordered(cursor)
        if not len(numbers):
            return rows
        at = np.minimum(np.searchsorted(numbers, rows), len(numbers) - 1)
        return np.where(numbers[at] == rows, patients[at], rows)

    def _ordered(self, cursor: duckdb.DuckDBPyConnection) -> tuple[Ints, Ints]:
        """Row numbers of all rows in order, and their patients."""
        if self._by_row is None:
            rows = self.all(cursor)
            order = np.argsort(rows.columns["case_no"])
            self._by_row = rows.columns["case_no"][order], rows.patients[order]
        return self._by_row

    def _select(self, cursor: duckdb.DuckDBPyConnection, question: Question) -> Multiple:
        rows = self.all(cursor)
        classes = question.view.classes[rows.columns["dx"]]
        alive = np.flatnonzero(question.alive[classes])
        _, patient, tumours = np.unique(rows.patients[alive], return_inverse=True, return_counts=True)
        kept = alive[tumours[patient] > 1]
        columns = {name: column[kept] for name, column in rows.columns.items()}
        return Multiple({"class": classes[kept], **columns}, rows.patients[kept])


def _shape(expr: Expr, numbers: Mapping[int, int]) -> Hashable:
    match expr:
        case And(items) | Or(items):
            return type(expr), *(_shape(item, numbers) for item in items)
        case Not(item):
            return Not, _shape(item, numbers)
        case DiagnosisIn():
            return DiagnosisIn, numbers[id(expr)]
        case _:
            return expr


def whole_years(expr: Expr) -> Expr:
    """Read whole years of dates, and known dates, as years, which the cube holds: the outcome is the same."""
    if not any(isinstance(leaf, DateBetween | Known) for leaf in leaves(expr)):
        return expr
    match expr:
        case And(items):
            return And(tuple(whole_years(item) for item in items))
        case Or(items):
            return Or(tuple(whole_years(item) for item in items))
        case Not(item):
            return Not(whole_years(item))
        case DateBetween(low, high) if _is_edge(low, 1, 1) and _is_edge(high, 12, 31):
            return Between("year", None if low is None else low.year, None if high is None else high.year)
        case Known("date"):
            return Known("year")
    return expr


def _is_edge(day: dt.date | None, month: int, of_month: int) -> bool:
    return day is None or (day.month, day.day) == (month, of_month)

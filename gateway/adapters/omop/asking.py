"""One question to one database: the relation of tumours that matter, the statements, and what their rows mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.adapters.omop.cases import SINGLE_KEYS, BranchShape, Cases
from gateway.adapters.omop.codes import Branch
from gateway.adapters.omop.engine import Row, Session
from gateway.adapters.omop.labels import Reading, TumourLabels, reading_of, tumour_labels
from gateway.adapters.omop.records import Records
from gateway.adapters.omop.shape import (
    Constant,
    Leaf,
    Lifting,
    Outcome,
    Shape,
    Truths,
    bounds,
    limit_of,
    parameters_of,
    simplify,
    used,
)
from gateway.adapters.omop.sql import Statement
from gateway.adapters.omop.state import State
from gateway.adapters.omop.statements import (
    BY_TUMOUR,
    CountShape,
    PageShape,
    count_statement,
    page_statement,
)
from gateway.model.answer import Labels, SourceAnswer
from gateway.model.case import Case
from gateway.model.query import CaseQuery, DiagnosisIn, Known, Page, Unit
from gateway.model.values import ZERO, Count, Truth
from gateway.sources.meaning import diagnosis_is_known, recorded_code_truth
from gateway.sources.tabulate import tabulate_sets
from terminology import Terminology

UNIT_OF = {"case": Unit.TUMOURS, "patient": Unit.PATIENTS}
LIMITED_TO = {"case": "rows", "patient": "persons"}
"""For records in a list that every match is in, which cases are looked at (Cases.of)."""

Mask: TypeAlias = npt.NDArray[np.bool_]
Column: TypeAlias = npt.NDArray[np.integer[Any]]
"""A number for each kind of tumour."""

Native: TypeAlias = Callable[[DiagnosisIn], Truths]
"""Outcome for each kind of tumour of a leaf whose terms only the database's vocabulary knows."""

Numbers: TypeAlias = Callable[[str, Iterable[str]], list[int]]
"""Numbers of the database for ids of records of a kind."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question against a state, before any statement.

    Attributes
    ----------
    where
        Shape of the condition.
    parameters
        Its values.
    outcomes
        Outcome of each diagnosis leaf for each kind of tumour, for leaves that are columns.
    relevant
        Kinds of tumour of which a case may match.
    """

    where: Shape
    parameters: dict[str, object]
    outcomes: dict[int, Truths]
    relevant: Mask

    @property
    def limit(self) -> tuple[str, object]:
        """Which cases are looked at (Cases.of), and the numbers in its parameter."""
        listed = limit_of(self.where)
        return ("all", None) if listed is None else (LIMITED_TO[listed.of], self.parameters[listed.parameter])


def prepare(state: State, query: CaseQuery, native: Native, numbers: Numbers) -> Prepared:
    """Take the values out of a question and decide its diagnoses."""
    lifting = Lifting(state.shape_of, numbers)
    shape = lifting.lift(query.where)
    outcomes = [_outcomes(state, leaf, native) for leaf in lifting.leaves]
    size = len(state.codes.diagnoses)
    relevant = bounds(shape, outcomes, size)[1] > 0
    seen = {i: np.unique(found[relevant]) for i, found in enumerate(outcomes)}
    constants = {i: Truth(int(values[0])) for i, values in seen.items() if len(values) == 1}
    simple = simplify(shape, constants)
    columns = {leaf.number: outcomes[leaf.number] for leaf in used(simple) if isinstance(leaf, Outcome)}
    names = {name for leaf in used(simple) for name in parameters_of(leaf)}
    parameters = {name: value for name, value in lifting.parameters.items() if name in names}
    return Prepared(simple, parameters, columns, relevant)


def _outcomes(state: State, leaf: Leaf, native: Native) -> Truths:
    if isinstance(leaf, Known):
        known = [diagnosis_is_known(diagnosis, leaf.field) for diagnosis in state.codes.diagnoses]
        return np.where(known, np.int8(Truth.YES), np.int8(Truth.NO))
    if leaf.certain is None or leaf.possible is None:
        return native(leaf)
    found = state.codes.meanings.outcomes(leaf.certain, leaf.possible)
    if any(term.system == "ICD10" for term in leaf.terms):
        found = found.copy()
        for number, recorded in enumerate(state.codes.recorded):
            truths = [truth for each in recorded if (truth := recorded_code_truth(each, leaf)) is not None]
            if len(truths) == len(recorded):  # else some of it was recorded otherwise, and its meaning decides
                found[number] = truths[0] if len(set(truths)) == 1 else Truth.POSSIBLE
    return found


class Asking:
    """One question in one session."""

    def __init__(
        self, session: Session, dialect: str, state: State, prepared: Prepared, terminology: Terminology, iccc: str
    ) -> None:
        self._session = session
        self._dialect = dialect
        self._state = state
        self._prepared = prepared
        self._terminology = terminology
        self._iccc = iccc

    def count(self, by: tuple[str, ...], unit: Unit) -> tuple[Count, tuple[tuple[Labels, Count], ...]]:
        """Total and cells."""
        if not self._prepared.relevant.any():
            return ZERO, ()
        if unit is Unit.PATIENTS:
            total = _total(self._counts((), patients=True))
            return total, tabulate_sets(self._counts(by, patients=True)) if by else ()
        rows = self._counts(by, patients=False)
        return _total(rows), tabulate_sets(rows) if by else ()

    def page(self, page: Page, records: Records) -> tuple[tuple[Case, ...], int | None]:
        """Certain matches of one page, and the position of the last if there are more."""
        if not self._prepared.relevant.any():
            return (), None
        rows = self._page_rows(page)
        more = len(rows) > page.limit
        rows = rows[: page.limit]
        last = _token(page, rows) if more else None
        if page.of == "patient":
            rows = self._tumours_of([row[0] for row in rows])
        return tuple(records.case(row) for row in rows), last

    def _page_rows(self, page: Page) -> list[Row]:
        of, numbers = self._prepared.limit
        parameters = {"most": page.limit + 1, "after": page.after, of: numbers}
        cases, known = self._cases(self._leaves(), self._prepared.relevant, of)
        shape = PageShape(cases, self._prepared.where, page.of, page.after is not None, order=page.order)
        return self._fetch(page_statement(shape, self._dialect), {**known, **self._prepared.parameters, **parameters})

    def _tumours_of(self, persons: list[int]) -> list[Row]:
        """All cases of some persons, matching or not, person by person."""
        if not persons:
            return []
        everything = np.ones(len(self._state.codes.diagnoses), np.bool_)
        cases, known = self._cases({}, everything, "persons")
        shape = PageShape(cases, Constant(Truth.YES), limited=False)
        rows = self._fetch(page_statement(shape, self._dialect), {**known, "persons": persons})
        return sorted(rows, key=lambda row: (row[1], row[0]))

    def _counts(self, by: tuple[str, ...], *, patients: bool) -> list[tuple[list[Labels], int, int]]:
        """Rows of (label set of each dimension, certain, possible)."""
        asked = tuple(dimension for dimension in by if dimension not in self._state.constants)
        of, numbers = self._prepared.limit
        labels = [self._tumour_labels(dimension) for dimension in asked]
        columns = self._leaves() | {f"by{i}": each.positions for i, each in enumerate(labels) if each is not None}
        cases, known = self._cases(columns, self._prepared.relevant, of)
        parameters = {**known, **self._prepared.parameters, of: numbers}
        for i, each in enumerate(labels):
            if each is not None:
                parameters |= zip((f"e{i}_set", f"e{i}_label", f"e{i}_alone"), each.spread, strict=True)
        rows = self._fetch(
            count_statement(CountShape(cases, self._prepared.where, asked, patients), self._dialect), parameters
        )
        readings = [
            reading_of(self._state, dimension, each, patients=patients)
            for dimension, each in zip(asked, labels, strict=True)
        ]
        fixed = {name: (self._state.label_of(name, None),) for name in by if name in self._state.constants}
        return [_read(row, by, dict(zip(asked, readings, strict=True)), fixed) for row in rows]

    def _tumour_labels(self, dimension: str) -> TumourLabels | None:
        if dimension not in BY_TUMOUR:
            return None
        return tumour_labels(self._state.codes, dimension, self._iccc, self._terminology)

    def _leaves(self) -> dict[str, Column]:
        return {f"leaf{number}": found for number, found in self._prepared.outcomes.items()}

    def _cases(self, columns: Mapping[str, Column], relevant: Mask, of: str) -> tuple[Cases, dict[str, object]]:
        """Shape of the cases and the parameters of its relations, limited to kinds of tumour that matter."""
        state = self._state
        branches = [branch for branch in state.codes.branches if relevant[branch.tumours].any()]
        parameters: dict[str, object] = {}
        for i, branch in enumerate(branches):
            found = _relation(branch, columns, relevant) | {"texts": list(state.codes.texts)}
            parameters |= {f"b{i}_{name}": values for name, values in found.items()}
        shapes = tuple(
            BranchShape(branch.column, branch.concepts is not None, branch.sources is not None) for branch in branches
        )
        keyed = _is_keyed(branches, relevant)
        cases = Cases(state.layout, shapes, tuple(columns), keyed, state.births_complete, state.country_columns, of)
        return cases, parameters

    def _fetch(self, statement: Statement, parameters: dict[str, object]) -> list[Row]:
        return self._session.fetch(statement.text, {name: parameters[name] for name in statement.parameters})


def _relation(branch: Branch, columns: Mapping[str, Column], relevant: Mask) -> dict[str, object]:
    """Parameters of the relation of a branch by their names without its prefix."""
    chosen = relevant[branch.tumours]
    tumours = branch.tumours[chosen]
    found: dict[str, object] = {"tumour": tumours.tolist()}
    for name, ids in zip(("id", "id2"), branch.ids, strict=False):
        found[name] = list(compress(ids, chosen.tolist()))
    for name, values in columns.items():
        found[name] = values[tumours].tolist()
    for name, limit in (("concepts", branch.concepts), ("sources", branch.sources)):
        found[name] = list(limit or ())
    return found


def _is_keyed(branches: Sequence[Branch], relevant: Mask) -> bool:
    """Whether one column tells the tumours and none of them has two keys."""
    if len(branches) != 1 or branches[0].column not in SINGLE_KEYS:
        return False
    tumours = branches[0].tumours[relevant[branches[0].tumours]]
    return len(np.unique(tumours)) == len(tumours)


def _read(
    row: Row, by: tuple[str, ...], readings: Mapping[str, Reading], fixed: Mapping[str, Labels]
) -> tuple[list[Labels], int, int]:
    found = dict(fixed)
    start = 0
    for name, (width, labels) in readings.items():
        found[name] = labels(row[start : start + width])
        start += width
    return [found[name] for name in by], int(row[-2]), int(row[-1])


def _total(rows: Sequence[tuple[object, int, int]]) -> Count:
    return Count(sum(low for _, low, _ in rows), sum(high for _, _, high in rows))


def _token(page: Page, rows: Sequence[Row]) -> int:
    """Number of the last record of a page, or in an ordered one of all records up to it."""
    return int(rows[-1][0]) if page.order is None else (page.after or 0) + len(rows)


def answer(asking: Asking, query: CaseQuery, records: Records, notes: tuple[str, ...]) -> SourceAnswer:
    """Everything that is asked, in one session."""
    page = query.page
    if page is None:
        total, cells = asking.count(query.by, query.unit)
        return SourceAnswer(total=total, cells=cells, notes=notes)
    cases, last = asking.page(page, records)
    total, cells = asking.count(query.by, query.unit)
    of_page = total if UNIT_OF[page.of] is query.unit else asking.count((), UNIT_OF[page.of])[0]
    possible = (of_page.high or 0) - of_page.low
    return SourceAnswer(total=total, cells=cells, cases=cases, next_after=last, possible_records=possible, notes=notes)

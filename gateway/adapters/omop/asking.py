"""One question to one database: the relation of tumours that matter, the statements, and what their rows mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gateway.adapters.omop.cases import SINGLE_KEYS, BranchShape, Cases
from gateway.adapters.omop.engine import Row, Session
from gateway.adapters.omop.records import Records
from gateway.adapters.omop.shape import Constant, Lifting, Outcome, Range, Shape, Truths, bounds, simplify, used
from gateway.adapters.omop.sql import Statement
from gateway.adapters.omop.state import State
from gateway.adapters.omop.statements import (
    BY_TUMOUR,
    SPANNING_TUMOUR,
    CountShape,
    PageShape,
    count_statement,
    page_statement,
)
from gateway.model.answer import Labels, SourceAnswer
from gateway.model.case import Case
from gateway.model.fields import AGE_BANDS, UNKNOWN_LABEL
from gateway.model.query import CaseQuery, DiagnosisIn, Page, Unit
from gateway.model.values import ZERO, Absent, Count, Truth
from gateway.sources.tabulate import integer_labels, tabulate_sets
from terminology import Terminology

UNIT_OF = {"case": Unit.TUMOURS, "patient": Unit.PATIENTS}

Native = Callable[[DiagnosisIn], Truths]
"""Outcome for each kind of tumour of a leaf whose terms only the database's vocabulary knows."""


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
    relevant: np.ndarray[tuple[int], np.dtype[np.bool_]]


def prepare(state: State, query: CaseQuery, native: Native) -> Prepared:
    """Take the values out of a question and decide its diagnoses."""
    lifting = Lifting(state.shape_of)
    shape = lifting.lift(query.where)
    outcomes = [_outcomes(state, leaf, native) for leaf in lifting.leaves]
    size = len(state.codes.diagnoses)
    relevant = bounds(shape, outcomes, size)[1] > 0
    seen = {i: np.unique(found[relevant]) for i, found in enumerate(outcomes)}
    constants = {i: Truth(int(values[0])) for i, values in seen.items() if len(values) == 1}
    simple = simplify(shape, constants)
    columns = {leaf.number: outcomes[leaf.number] for leaf in used(simple) if isinstance(leaf, Outcome)}
    names = {name for leaf in used(simple) if isinstance(leaf, Range) for name in (leaf.low, leaf.high)}
    parameters = {name: value for name, value in lifting.parameters.items() if name in names}
    return Prepared(simple, parameters, columns, relevant)


def _outcomes(state: State, leaf: DiagnosisIn, native: Native) -> Truths:
    if leaf.certain is None or leaf.possible is None:
        return native(leaf)
    return state.codes.meanings.outcomes(leaf.certain, leaf.possible)


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
            total = self._total(self._counts((), patients=True))
            return total, tabulate_sets(self._counts(by, patients=True)) if by else ()
        rows = self._counts(by, patients=False)
        return self._total(rows), tabulate_sets(rows) if by else ()

    def count_only(self, of: str, numbers: Sequence[int]) -> Count:
        """Total over some records."""
        if not self._prepared.relevant.any() or not numbers:
            return ZERO
        return self._total(self._counts((), patients=of == "patient", only=(of, numbers)))

    def page(self, page: Page, records: Records) -> tuple[tuple[Case, ...], int | None]:
        """Certain matches of one page, and the position of the last if there are more."""
        if not self._prepared.relevant.any():
            return (), None
        numbers = None if page.ids is None else records.numbers(page.of, page.ids)
        if numbers == []:
            return (), None
        rows = self._page_rows(page, numbers)
        more = len(rows) > page.limit
        rows = rows[: page.limit]
        last = rows[-1][0] if more else None
        if page.of == "patient":
            rows = self._tumours_of([row[0] for row in rows])
        return tuple(records.case(row) for row in rows), last

    def _page_rows(self, page: Page, numbers: list[int] | None) -> list[Row]:
        parameters: dict[str, object] = {"most": page.limit + 1}
        if page.after is not None:
            parameters["after"] = page.after
        if numbers is not None:
            parameters["only"] = numbers
        cases, known = self._cases((), self._prepared.relevant, _limited_to(page.of, numbers))
        if cases.of == "persons":
            parameters["persons"] = numbers
        shape = PageShape(cases, self._prepared.where, page.of, page.after is not None, numbers is not None)
        return self._fetch(page_statement(shape, self._dialect), {**known, **self._prepared.parameters, **parameters})

    def _tumours_of(self, persons: list[int]) -> list[Row]:
        """All cases of some persons, matching or not, person by person."""
        if not persons:
            return []
        everything = np.ones(len(self._state.codes.diagnoses), np.bool_)
        cases, known = self._cases((), everything, "persons", leaves=False)
        shape = PageShape(cases, Constant(Truth.YES), limited=False)
        rows = self._fetch(page_statement(shape, self._dialect), {**known, "persons": persons})
        return sorted(rows, key=lambda row: (row[1], row[0]))

    def _counts(
        self, by: tuple[str, ...], *, patients: bool, only: tuple[str, Sequence[int]] | None = None
    ) -> list[tuple[list[Labels], int, int]]:
        asked = tuple(dimension for dimension in by if dimension not in self._state.constants)
        numbers = None if only is None else list(only[1])
        cases, known = self._cases(asked, self._prepared.relevant, _limited_to(only[0] if only else "", numbers))
        parameters = {**known, **self._prepared.parameters}
        if numbers is not None:
            parameters["only"] = numbers
        if cases.of == "persons":
            parameters["persons"] = numbers
        labels = [self._label_sets(dimension) for dimension in asked]
        if patients:
            parameters.update(self._spreads(asked))
        shape = CountShape(cases, self._prepared.where, asked, patients, only[0] if only else "")
        rows = self._fetch(count_statement(shape, self._dialect), parameters)
        reading = [self._reading(dimension, sets, patients) for dimension, sets in zip(asked, labels, strict=True)]
        fixed = {name: (self._state.label_of(name, None),) for name in by if name in self._state.constants}
        return [self._read(row, asked, reading, by, fixed) for row in rows]

    def _read(
        self,
        row: Row,
        asked: tuple[str, ...],
        reading: list[tuple[int, Callable[[Row], Labels]]],
        by: tuple[str, ...],
        fixed: Mapping[str, Labels],
    ) -> tuple[list[Labels], int, int]:
        found: dict[str, Labels] = dict(fixed)
        start = 0
        for name, (width, label) in zip(asked, reading, strict=True):
            found[name] = label(row[start : start + width])
            start += width
        return [found[name] for name in by], int(row[-2]), int(row[-1])

    def _total(self, rows: Sequence[tuple[object, int, int]]) -> Count:
        return Count(sum(low for _, low, _ in rows), sum(high for _, _, high in rows))

    def _reading(self, dimension: str, sets: tuple[Labels, ...], patients: bool) -> tuple[int, Callable[[Row], Labels]]:
        """How many columns a dimension has in a row, and the labels they mean."""
        state = self._state
        if dimension in BY_TUMOUR:
            if patients and dimension in SPANNING_TUMOUR:
                names = tuple(dict.fromkeys(label for labels in sets for label in labels))
                return 1, lambda raw: (names[raw[0]],)
            return 1, lambda raw: sets[raw[0]]
        if dimension == "year":
            return 1, lambda raw: integer_labels(raw[0], raw[0])
        if dimension in ("age", "age_band"):
            label = integer_labels if dimension == "age" else _band_labels
            width = 1 if patients or state.births_complete else 2
            return width, lambda raw: label(raw[0], raw[-1])
        if dimension == "country" and len(state.country_columns) > 1:
            return len(state.country_columns), lambda raw: (state.label_of(dimension, tuple(raw)),)
        return 1, lambda raw: (state.label_of(dimension, raw[0]),)

    def _label_sets(self, dimension: str) -> tuple[Labels, ...]:
        """Distinct label sets of a dimension that the kind of tumour tells."""
        return tuple(dict.fromkeys(self._labels_of_tumours(dimension))) if dimension in BY_TUMOUR else ()

    def _labels_of_tumours(self, dimension: str) -> list[Labels]:
        if dimension == "behaviour":
            recorded = [diagnosis.behaviour for diagnosis in self._state.codes.diagnoses]
            return [(each.value if isinstance(each, Absent) else str(each),) for each in recorded]
        return self._state.codes.meanings.group_labels(dimension, self._iccc, self._terminology)

    def _spreads(self, by: tuple[str, ...]) -> dict[str, object]:
        """Parameters of the relations that give each case a row for each of its labels."""
        parameters: dict[str, object] = {}
        for i, dimension in enumerate(by):
            if dimension not in SPANNING_TUMOUR:
                continue
            sets = self._label_sets(dimension)
            numbers = {name: n for n, name in enumerate(dict.fromkeys(label for labels in sets for label in labels))}
            rows = [
                (number, numbers[label], len(labels) == 1) for number, labels in enumerate(sets) for label in labels
            ]
            for part, column in zip(("set", "label", "alone"), zip(*rows, strict=True), strict=True):
                parameters[f"e{i}_{part}"] = [int(value) for value in column]
        return parameters

    def _cases(
        self, by: tuple[str, ...], relevant: np.ndarray[tuple[int], np.dtype[np.bool_]], of: str, *, leaves: bool = True
    ) -> tuple[Cases, dict[str, object]]:
        """Shape of the cases and the parameters of its relations, limited to kinds of tumour that matter."""
        columns = {f"leaf{i}": found for i, found in self._prepared.outcomes.items()} if leaves else {}
        for i, dimension in enumerate(by):
            if dimension in BY_TUMOUR:
                sets = self._label_sets(dimension)
                positions = {labels: n for n, labels in enumerate(sets)}
                columns[f"by{i}"] = np.array([positions[each] for each in self._labels_of_tumours(dimension)])
        shapes: list[BranchShape] = []
        parameters: dict[str, object] = {}
        for branch in self._state.codes.branches:
            chosen = relevant[branch.tumours]
            if not chosen.any():
                continue
            prefix = f"b{len(shapes)}_"
            shapes.append(BranchShape(branch.column, branch.concepts is not None, branch.sources is not None))
            tumours = branch.tumours[chosen]
            for name, ids in zip(("id", "id2"), branch.ids, strict=False):
                parameters[prefix + name] = [each for each, take in zip(ids, chosen.tolist(), strict=True) if take]
            parameters[f"{prefix}tumour"] = tumours.tolist()
            for name, values in columns.items():
                parameters[prefix + name] = values[tumours].tolist()
            for name, limit in (("concepts", branch.concepts), ("sources", branch.sources)):
                if limit is not None:
                    parameters[prefix + name] = list(limit)
            if branch.column == "rest":
                parameters[f"{prefix}texts"] = list(self._state.codes.texts)
        state = self._state
        cases = Cases(
            state.layout,
            tuple(shapes),
            tuple(columns),
            _is_keyed(shapes, parameters),
            state.births_complete,
            state.country_columns,
            of,
        )
        return cases, parameters

    def _fetch(self, statement: Statement, parameters: dict[str, object]) -> list[Row]:
        return self._session.fetch(statement.text, {name: parameters[name] for name in statement.parameters})


def _is_keyed(shapes: Sequence[BranchShape], parameters: Mapping[str, object]) -> bool:
    """Whether one column tells the tumours and none of them has two keys."""
    if len(shapes) != 1 or shapes[0].column not in SINGLE_KEYS:
        return False
    tumours = parameters["b0_tumour"]
    return isinstance(tumours, list) and len(set(tumours)) == len(tumours)


def _limited_to(of: str, numbers: list[int] | None) -> str:
    if numbers is None:
        return "all"
    return "persons" if of == "patient" else "rows"


def _band_labels(low: int | None, high: int | None) -> Labels:
    if low is None or high is None:
        return (UNKNOWN_LABEL,)
    return tuple(name for name, _, _ in AGE_BANDS[low : high + 1])


def answer(asking: Asking, query: CaseQuery, records: Records, notes: tuple[str, ...]) -> SourceAnswer:
    """Everything that is asked, in one session."""
    page = query.page
    if page is None:
        total, cells = asking.count(query.by, query.unit)
        return SourceAnswer(total=total, cells=cells, notes=notes)
    cases, last = asking.page(page, records)
    if page.ids is not None:
        total = asking.count_only(page.of, records.numbers(page.of, page.ids))
        found = SourceAnswer(total=total, cases=cases, next_after=last, notes=notes)
        return replace(found, possible_records=(total.high or 0) - total.low)
    total, cells = asking.count(query.by, query.unit)
    of_page = total if UNIT_OF[page.of] is query.unit else asking.count((), UNIT_OF[page.of])[0]
    possible = (of_page.high or 0) - of_page.low
    return SourceAnswer(total=total, cells=cells, cases=cases, next_after=last, possible_records=possible, notes=notes)

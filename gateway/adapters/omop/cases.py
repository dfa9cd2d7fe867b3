"""Which rows of condition_occurrence are cases: the first of each person and kind of tumour.

The kinds of tumour that matter to a question travel as a relation of their keys (concept ids or source values). Where
one column tells the tumour and no tumour has two keys, rows are grouped by that column itself and the relation is
joined to the cases, if it is needed at all; else it is joined to the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from gateway.adapters.omop.layout import Layout
from gateway.adapters.omop.sql import ARRAY_TESTS, SMALL, TEXT, all_of, condition, listed, named, relation

SINGLE_KEYS = {
    "source": "o.condition_source_concept_id",
    "concept": "o.condition_concept_id",
    "text": "o.condition_source_value",
}
"""Column of a branch that one column tells."""
CONCEPT = "COALESCE(o.condition_concept_id, 0)"
SOURCE = "COALESCE(o.condition_source_concept_id, 0)"
FIRST_ROW = ("MIN(o.condition_start_date) AS incidence", "MIN(o.condition_occurrence_id) AS row_id")


@dataclass(frozen=True, slots=True)
class BranchShape:
    """How one branch of codes.Branch is joined: by which column, and whether its concepts and sources are limited."""

    column: str
    concepts: bool
    sources: bool


@dataclass(frozen=True, slots=True)
class Cases:
    """Which rows are cases, and what is known of their persons.

    Attributes
    ----------
    layout
        Tables and case rule.
    branches
        Ways to tell the tumour of a row.
    columns
        Integer columns of the relation of tumours beside its key and number.
    keyed
        Whether rows can be grouped by the key of the tumour itself.
    births_complete
        Whether every birth is known to the day (else partial ones are intervals).
    country
        Columns that tell the country, of `concept` and `value`; empty if none does.
    of
        `all`, or only cases of the `persons` in the parameter of this name, or of the persons of the `rows` in
        parameter `rows`.
    """

    layout: Layout
    branches: tuple[BranchShape, ...]
    columns: tuple[str, ...] = ()
    keyed: bool = False
    births_complete: bool = True
    country: tuple[str, ...] = ()
    of: str = "all"


class CaseRows:
    """Relations of cases in one dialect."""

    def __init__(self, cases: Cases, dialect: str) -> None:
        self._cases = cases
        self._dialect = dialect
        self._ids = cases.layout.id_type

    def cases(self) -> exp.Subquery:
        """One row for each case: person, tumour (or its key), first date, smallest row id, columns of the tumour."""
        return named(self._keyed() if self._cases.keyed else self._mapped(), "c")

    def tumours(self) -> exp.Subquery:
        """Relation of tumours to be joined to cases by `tumour_key`."""
        return self._tumours(0, self._cases.branches[0])

    def _keyed(self) -> exp.Select:
        branch = self._cases.branches[0]
        key = SINGLE_KEYS[branch.column]
        told = listed(key, "b0_id", self._key_type(branch), self._dialect)
        query = self._rows(["o.person_id", f"{key} AS tumour_key", *FIRST_ROW])
        query = query.where(all_of([told, *self._limits(0, branch)]), copy=False)
        return query.group_by(*map(condition, ["o.person_id", key, *self._date_key()]), copy=False)

    def _mapped(self) -> exp.Select:
        rows: exp.Expression = self._told_rows(0, self._cases.branches[0])
        for i, branch in enumerate(self._cases.branches[1:], 1):
            rows = exp.union(rows, self._told_rows(i, branch), distinct=False, copy=False)
        columns = ["o.person_id", "o.tumour", *FIRST_ROW, *(f"MIN(o.{name}) AS {name}" for name in self._cases.columns)]
        query = exp.select(*map(condition, columns)).from_(named(rows, "o"), copy=False)
        return query.group_by(*map(condition, ["o.person_id", "o.tumour", *self._date_key()]), copy=False)

    def _told_rows(self, number: int, branch: BranchShape) -> exp.Select:
        """Rows of a branch with their tumour."""
        key = SINGLE_KEYS.get(branch.column)
        on = f"{key} = d.id" if key else f"{CONCEPT} = d.id AND {SOURCE} = d.id2"
        columns = ["o.person_id", "d.tumour", "o.condition_start_date", "o.condition_occurrence_id"]
        query = self._rows([*columns, *(f"d.{name}" for name in self._cases.columns)])
        query = query.join(self._tumours(number, branch), on=condition(on), copy=False)
        limits = self._limits(number, branch)
        if key and self._dialect in ARRAY_TESTS:
            limits.append(listed(key, f"b{number}_id", self._key_type(branch), self._dialect))
        return query.where(all_of(limits), copy=False) if limits else query

    def _rows(self, columns: list[str]) -> exp.Select:
        return exp.select(*map(condition, columns)).from_(
            self._cases.layout.table("condition_occurrence", "o"), copy=False
        )

    def _tumours(self, number: int, branch: BranchShape) -> exp.Subquery:
        """Keys, numbers and columns of tumours; grouped by key, so that planners see that it is unique."""
        keys = ("id",) if branch.column in SINGLE_KEYS else ("id", "id2")
        values = ("tumour", *self._cases.columns)
        typed = [(name, self._key_type(branch)) for name in keys] + [(name, SMALL) for name in values]
        rows = relation([(name, f"b{number}_{name}", kind) for name, kind in typed], self._dialect)
        columns = [*(f"u.{name}" for name in keys), *(f"MIN(u.{name}) AS {name}" for name in values)]
        unique = exp.select(*map(condition, columns)).from_(named(rows, "u"), copy=False)
        return named(unique.group_by(*(condition(f"u.{name}") for name in keys), copy=False), "d")

    def _limits(self, number: int, branch: BranchShape) -> list[exp.Expression]:
        """What a row must be to belong to a branch and to the question."""
        dialect, types = self._dialect, self._cases.layout.condition_types
        found = []
        if branch.concepts:
            found.append(listed(CONCEPT, f"b{number}_concepts", self._ids, dialect))
        if branch.sources:
            found.append(listed(SOURCE, f"b{number}_sources", self._ids, dialect))
        if branch.column == "rest":
            told = listed("o.condition_source_value", f"b{number}_texts", TEXT, dialect)
            found.append(exp.Coalesce(this=exp.not_(told, copy=False), expressions=[exp.true()]))
        if types:
            found.append(condition(f"o.condition_type_concept_id IN ({', '.join(map(str, types))})"))
        if self._cases.of == "persons":
            found.append(listed("o.person_id", "persons", self._ids, dialect))
        if self._cases.of == "rows":
            rows = exp.select(condition("q.person_id")).from_(self._cases.layout.table("condition_occurrence", "q"))
            rows = rows.where(listed("q.condition_occurrence_id", "rows", self._ids, dialect))
            found.append(exp.In(this=condition("o.person_id"), query=exp.Subquery(this=rows)))
        return found

    def _date_key(self) -> list[str]:
        return ["o.condition_start_date"] if self._cases.layout.by_date else []

    def _key_type(self, branch: BranchShape) -> str:
        return TEXT if branch.column == "text" else self._ids

"""The statements of this kind: counts of tumours, counts of patients, pages of records.

A case is the first row of a person and a kind of tumour. Every truth is a pair of SQL conditions, certain and
possible, neither ever NULL (Kleene's logic). Text is cached by shape and dialect; ids, dates and limits travel as
parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from sqlglot import exp

from gateway.adapters.omop import expressions
from gateway.adapters.omop.layout import Layout
from gateway.adapters.omop.shape import AnyOf, Coded, Constant, Every, Negated, Outcome, Range, Shape
from gateway.adapters.omop.sql import (
    ARRAY_TESTS,
    SMALL,
    TEXT,
    Statement,
    all_of,
    any_of,
    condition,
    listed,
    relation,
    render,
)
from gateway.model.values import Truth

TEXTS_KEPT = 1024
BY_AGE = ("age", "age_band")
BY_TUMOUR = ("iccc_main", "iccc_group", "behaviour")
"""Dimensions that the kind of tumour tells: column `by{i}` of the relation of tumours, a position of label sets."""
SPANNING_TUMOUR = ("iccc_main", "iccc_group")

SINGLE_KEYS = {
    "source": "o.condition_source_concept_id",
    "concept": "o.condition_concept_id",
    "text": "o.condition_source_value",
}
"""Column of a branch that one column tells."""
CONCEPT = "COALESCE(o.condition_concept_id, 0)"
SOURCE = "COALESCE(o.condition_source_concept_id, 0)"
FIRST_ROW = ("MIN(o.condition_start_date) AS incidence", "MIN(o.condition_occurrence_id) AS row_id")

ORDER = {"case": "c.row_id", "patient": "c.person_id"}
"""What numbers the records of a page, and orders them."""

RECORD = {
    "row_id": "c.row_id",
    "person_id": "c.person_id",
    "tumour": "tumour",
    "incidence": "CAST(c.incidence AS DATE)",
    "sex": "p.gender_concept_id",
    "birth_year": "p.year_of_birth",
    "birth_month": "p.month_of_birth",
    "birth_day": "p.day_of_birth",
    "dead": "x.person_id",
    "died": "CAST(x.death_date AS DATE)",
    "seen": "CAST(s.last_day AS DATE)",
}
"""Columns of a record; after them those of the country."""

ALL_ROWS = exp.Count(this=exp.Star())

Pair: TypeAlias = tuple[exp.Expression, exp.Expression]
"""A certain and a possible condition."""


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
        Whether each kind of tumour has one key in one column only: then that column groups the rows by itself, and
        the relation of tumours is joined to the cases rather than to the rows, if it is needed at all.
    births_complete
        Whether every birth is known to the day (else partial ones are intervals).
    country
        Columns that tell the country, of `concept` and `value`; empty if none does.
    of
        `all`, or only cases of the persons in parameter `persons`, or of the persons of the rows in `only`.
    """

    layout: Layout
    branches: tuple[BranchShape, ...]
    columns: tuple[str, ...] = ()
    keyed: bool = False
    births_complete: bool = True
    country: tuple[str, ...] = ()
    of: str = "all"


@dataclass(frozen=True, slots=True)
class CountShape:
    """Counts by raw values (`patients` False), or of distinct patients by label (`patients` True).

    `only` is `case` or `patient` if the records of parameter `only` alone are counted.
    """

    cases: Cases
    where: Shape
    by: tuple[str, ...] = ()
    patients: bool = False
    only: str = ""


@dataclass(frozen=True, slots=True)
class PageShape:
    """Certain matches in a stable order: cases by row id, or persons (`of` = patient) who have one."""

    cases: Cases
    where: Shape
    of: str = "case"
    after: bool = False
    only: bool = False
    limited: bool = True


@lru_cache(maxsize=TEXTS_KEPT)
def count_statement(shape: CountShape, dialect: str) -> Statement:
    """Statement of a count: columns of each dimension, then certain, then possible.

    Tumours: an interval has two columns, its low and its high end, and each case is in one row. Patients: one column
    for each dimension, and a person is in every row where a case of theirs may stand, certain where one stands alone.
    """
    builder = _Builder(shape.cases, dialect)
    query = _patients(builder, shape) if shape.patients else _tumours(builder, shape)
    return render(query, dialect)


def _tumours(builder: _Builder, shape: CountShape) -> exp.Select:
    certain, possible = builder.truth(shape.where)
    columns = [column for i, name in enumerate(shape.by) for column in builder.raw(i, name)]
    sure = ALL_ROWS if certain == possible else _sum_of(_one_if(certain))
    query = exp.select(*_named(columns), exp.alias_(sure.copy(), "certain"), exp.alias_(ALL_ROWS.copy(), "possible"))
    return _grouped(builder.finish(query, [possible, *builder.only(shape.only)]), len(columns))


def _patients(builder: _Builder, shape: CountShape) -> exp.Select:
    """Rows by person first: counting distinct persons directly makes engines sort."""
    certain, possible = builder.truth(shape.where)
    columns = [column for i, name in enumerate(shape.by) for column in builder.spread(i, name)]
    same = certain == possible and not builder.alone
    alone = exp.Literal.number(1) if same else _one_if(all_of([certain, *builder.alone]))
    inner = exp.select(*_named(columns), condition("c.person_id"), exp.alias_(exp.Max(this=alone), "certain"))
    inner = _grouped(builder.finish(inner, [possible, *builder.only(shape.only)]), len(columns) + 1)
    names = [exp.column(f"d{i}", "g") for i in range(len(columns))]
    sure = ALL_ROWS if same else _sum_of(exp.column("certain", "g"))
    outer = exp.select(*names, exp.alias_(sure.copy(), "certain"), exp.alias_(ALL_ROWS.copy(), "possible"))
    return _grouped(outer.from_(_as(inner, "g")), len(columns))


@lru_cache(maxsize=TEXTS_KEPT)
def page_statement(shape: PageShape, dialect: str) -> Statement:
    """Statement of a page: rows of RECORD, or of person ids alone."""
    builder = _Builder(shape.cases, dialect)
    certain, _ = builder.truth(shape.where)
    persons, order = shape.of == "patient", ORDER[shape.of]
    conditions = [certain, *builder.only(shape.of if shape.only else "")]
    if shape.after:
        conditions.append(condition(f"{order} > $after"))
    query = exp.select(condition(order)).distinct() if persons else exp.select(*builder.record())
    query = query.order_by(condition(order))
    query = query.limit(condition("$most")) if shape.limited else query
    return render(builder.finish(query, conditions), dialect)


@lru_cache(maxsize=TEXTS_KEPT)
def newest_statement(layout: Layout, dialect: str) -> Statement:
    """Statement that tells whether rows were added."""
    query = exp.select(condition("MAX(o.condition_occurrence_id)"))
    return render(query.from_(layout.table("condition_occurrence", "o")), dialect)


class _Builder:
    """Builds one statement; remembers which tables and label relations its expressions need."""

    def __init__(self, cases: Cases, dialect: str) -> None:
        self._cases = cases
        self._dialect = dialect
        self._needs: set[str] = set()
        self._ids = cases.layout.id_type
        self._labels: list[exp.Subquery] = []
        self._labelled: list[exp.Expression] = []
        self.alone: list[exp.Expression] = []

    def truth(self, shape: Shape) -> Pair:
        """Certain and possible condition of a shape."""
        match shape:
            case Constant(truth):
                return exp.Boolean(this=truth is Truth.YES), exp.Boolean(this=truth is not Truth.NO)
            case Outcome(number):
                leaf = self._of_tumour(f"leaf{number}")
                return condition(f"{leaf} = 2"), condition(f"{leaf} >= 1")
            case Every(items):
                certain, possible = zip(*map(self.truth, items), strict=True)
                return all_of(certain), all_of(possible)
            case AnyOf(items):
                certain, possible = zip(*map(self.truth, items), strict=True)
                return any_of(certain), any_of(possible)
            case Negated(item):
                certain, possible = self.truth(item)
                return exp.not_(possible, copy=False), exp.not_(certain, copy=False)
            case Range():
                return self._within(shape)
            case Coded():
                return self._coded(shape)

    def raw(self, number: int, dimension: str) -> list[exp.Expression]:
        """Columns that tell the labels of a dimension; an interval has its low and its high end."""
        complete = self._cases.births_complete
        ends = (True,) if complete else (True, False)
        match dimension:
            case "year":
                return [condition(expressions.YEAR)]
            case "age":
                self._needs.add("person")
                return [expressions.completed_years(latest, complete) for latest in ends]
            case "age_band":
                self._needs.add("person")
                return [expressions.age_band(latest, complete) for latest in ends]
        if dimension in BY_TUMOUR:
            return [condition(self._of_tumour(f"by{number}"))]
        return self._coded_columns(dimension)

    def spread(self, number: int, dimension: str) -> list[exp.Expression]:
        """Columns of a dimension in a row for each label that a case may have; a person's own values span nothing."""
        columns = self.raw(number, dimension)
        name = f"e{number}"
        if dimension in SPANNING_TUMOUR:
            parts = ("set", "label", "alone")
            self._join_labels(name, relation([(part, f"{name}_{part}", SMALL) for part in parts], self._dialect))
            self._labelled.append(exp.EQ(this=condition(f"{name}.set"), expression=columns[0]))
            self.alone.append(condition(f"{name}.alone = 1"))
            return [condition(f"{name}.label")]
        if dimension in BY_AGE and len(columns) > 1:
            low, high = columns
            self._join_labels(name, condition("SELECT 0 AS high UNION ALL SELECT 1 AS high"))
            first = condition(f"{name}.high = 0")
            self._labelled.append(any_of([first, exp.NEQ(this=low, expression=high)]))
            self.alone.append(exp.func("COALESCE", exp.EQ(this=low.copy(), expression=high.copy()), exp.true()))
            return [exp.Case(ifs=[exp.If(this=first.copy(), true=low.copy())], default=high.copy())]
        return columns

    def record(self) -> list[exp.Expression]:
        """Columns of RECORD, NULL where the database has no such table, and those of the country."""
        tables = self._cases.layout.tables
        self._needs.update({"person", "death", "period"})
        absent = [alias for table, alias in (("death", "x."), ("observation_period", "s.")) if table not in tables]
        columns = [
            exp.alias_(condition("NULL" if any(alias in column for alias in absent) else column), name)
            for name, column in {**RECORD, "tumour": self._of_tumour("tumour")}.items()
        ]
        country = self._coded_columns("country") if self._cases.country else []
        return [*columns, *(exp.alias_(column, f"country{i}") for i, column in enumerate(country))]

    def only(self, of: str) -> list[exp.Expression]:
        """Limit to the records of parameter `only`, if any are named."""
        return [listed(ORDER[of], "only", self._ids, self._dialect)] if of else []

    def finish(self, query: exp.Select, conditions: Sequence[exp.Expression]) -> exp.Select:
        """A query over the cases and the tables that its expressions need."""
        query = query.from_(_as(self._keyed_rows() if self._cases.keyed else self._case_rows(), "c"))
        if "tumour" in self._needs:
            query = query.join(self._tumours(0, self._cases.branches[0]), on=condition("d.id = c.tumour_key"))
        for table, on in self._tables():
            query = query.join(table, on=on, join_type="left")
        for labels in self._labels:
            query = query.join(labels, join_type="cross")
        needed = [each for each in (*conditions, *self._labelled) if each != exp.true()]
        return query.where(all_of(needed)) if needed else query

    def _join_labels(self, name: str, rows: exp.Expression) -> None:
        self._labels.append(_as(rows, name))

    def _of_tumour(self, column: str) -> str:
        """A column of the relation of tumours."""
        if not self._cases.keyed:
            return f"c.{column}"
        self._needs.add("tumour")
        return f"d.{column}"

    def _keyed_rows(self) -> exp.Select:
        """One row for each case: person, key of the tumour, first date, smallest row id."""
        branch = self._cases.branches[0]
        key = SINGLE_KEYS[branch.column]
        columns = ["o.person_id", f"{key} AS tumour_key", *FIRST_ROW]
        keys = ["o.person_id", key, *(["o.condition_start_date"] if self._cases.layout.by_date else [])]
        told = listed(key, "b0_id", self._key_type(branch), self._dialect)
        query = exp.select(*map(condition, columns)).from_(self._cases.layout.table("condition_occurrence", "o"))
        query = query.where(all_of([told, *self._row_conditions(0, branch)]))
        return query.group_by(*map(condition, keys))

    def _case_rows(self) -> exp.Select:
        """One row for each case: person, tumour, first date, smallest row id, and the columns of the tumour."""
        rows: exp.Expression = self._condition_rows(0, self._cases.branches[0])
        for i, branch in enumerate(self._cases.branches[1:], 1):
            rows = exp.union(rows, self._condition_rows(i, branch), distinct=False)
        keys = ["o.person_id", "o.tumour", *(["o.condition_start_date"] if self._cases.layout.by_date else [])]
        columns = ["o.person_id", "o.tumour", *FIRST_ROW, *(f"MIN(o.{name}) AS {name}" for name in self._cases.columns)]
        return exp.select(*map(condition, columns)).from_(_as(rows, "o")).group_by(*map(condition, keys))

    def _condition_rows(self, number: int, branch: BranchShape) -> exp.Select:
        key = SINGLE_KEYS.get(branch.column)
        on = f"{key} = d.id" if key else f"{CONCEPT} = d.id AND {SOURCE} = d.id2"
        columns = ["o.person_id", "d.tumour", "o.condition_start_date", "o.condition_occurrence_id"]
        columns += [f"d.{name}" for name in self._cases.columns]
        query = exp.select(*map(condition, columns)).from_(self._cases.layout.table("condition_occurrence", "o"))
        query = query.join(self._tumours(number, branch), on=condition(on))
        conditions = self._row_conditions(number, branch)
        if key and self._dialect in ARRAY_TESTS:
            conditions.append(listed(key, f"b{number}_id", self._key_type(branch), self._dialect))
        return query.where(all_of(conditions)) if conditions else query

    def _tumours(self, number: int, branch: BranchShape) -> exp.Subquery:
        """Relation of a branch: key, tumour and the columns of the tumour. Grouped, so that planners see it is unique."""
        keys = ("id",) if branch.column in SINGLE_KEYS else ("id", "id2")
        values = ("tumour", *self._cases.columns)
        typed = [(name, self._key_type(branch)) for name in keys] + [(name, SMALL) for name in values]
        rows = relation([(name, f"b{number}_{name}", kind) for name, kind in typed], self._dialect)
        columns = [*(f"u.{name}" for name in keys), *(f"MIN(u.{name}) AS {name}" for name in values)]
        unique = exp.select(*map(condition, columns)).from_(_as(rows, "u"))
        return _as(unique.group_by(*(condition(f"u.{name}") for name in keys)), "d")

    def _key_type(self, branch: BranchShape) -> str:
        return TEXT if branch.column == "text" else self._ids

    def _row_conditions(self, number: int, branch: BranchShape) -> list[exp.Expression]:
        dialect, types = self._dialect, self._cases.layout.condition_types
        found = []
        if branch.concepts:
            found.append(listed(CONCEPT, f"b{number}_concepts", self._ids, dialect))
        if branch.sources:
            found.append(listed(SOURCE, f"b{number}_sources", self._ids, dialect))
        if branch.column == "rest":
            told = listed("o.condition_source_value", f"b{number}_texts", TEXT, dialect)
            found.append(exp.func("COALESCE", exp.not_(told), exp.true()))
        if types:
            found.append(condition(f"o.condition_type_concept_id IN ({', '.join(map(str, types))})"))
        if self._cases.of == "persons":
            found.append(listed("o.person_id", "persons", self._ids, dialect))
        if self._cases.of == "rows":
            rows = exp.select(condition("q.person_id")).from_(self._cases.layout.table("condition_occurrence", "q"))
            rows = rows.where(listed("q.condition_occurrence_id", "only", self._ids, dialect))
            found.append(exp.In(this=condition("o.person_id"), query=exp.Subquery(this=rows)))
        return found

    def _tables(self) -> list[tuple[exp.Expression, exp.Expression]]:
        layout, needs = self._cases.layout, self._needs
        joins: list[tuple[exp.Expression, exp.Expression]] = []
        if needs & {"person", "location"}:
            joins.append((layout.table("person", "p"), condition("p.person_id = c.person_id")))
        if "location" in needs:
            joins.append((layout.table("location", "l"), condition("l.location_id = p.location_id")))
        if "death" in needs and "death" in layout.tables:
            rows = self._each_person("death", "MIN(t.death_date) AS death_date")
            joins.append((_as(rows, "x"), condition("x.person_id = c.person_id")))
        if "period" in needs and "observation_period" in layout.tables:
            rows = self._each_person("observation_period", "MAX(t.observation_period_end_date) AS last_day")
            joins.append((_as(rows, "s"), condition("s.person_id = c.person_id")))
        return joins

    def _each_person(self, table: str, column: str) -> exp.Select:
        """One row for each person, though a database may hold several."""
        rows = exp.select(condition("t.person_id"), condition(column)).from_(self._cases.layout.table(table, "t"))
        return rows.group_by(condition("t.person_id"))

    def _within(self, shape: Range) -> Pair:
        complete = self._cases.births_complete
        if shape.field == "date":
            day = condition("c.incidence")
            certain, possible = _interval_within(shape, day, day, "DATE", exp.LTE)
            return (certain, certain.copy()) if self._cases.layout.dated else (certain, possible)
        self._needs.add("person")
        if shape.field == "age":
            low, high = (condition(expressions.years_apart(latest, complete)) for latest in (True, False))
            return _interval_within(shape, low, high, "INT", exp.LT)
        low, high = (expressions.age_days(latest, complete, self._dialect) for latest in (True, False))
        return _interval_within(shape, low, high, "INT", exp.LTE)

    def _coded(self, shape: Coded) -> Pair:
        columns = self._coded_columns(shape.field)
        possible = exp.not_(_among(columns, shape.no), copy=False)
        if shape.otherwise is Truth.YES:
            return possible, possible.copy()
        return _among(columns, shape.yes), possible

    def _coded_columns(self, name: str) -> list[exp.Expression]:
        match name:
            case "sex":
                self._needs.add("person")
                return [condition("p.gender_concept_id")]
            case "vital_status":
                self._needs.update({"death", "period"})
                return [expressions.vital_status("observation_period" in self._cases.layout.tables)]
            case "country":
                self._needs.add("location")
                raw = {"concept": "l.country_concept_id", "value": "l.country_source_value"}
                return [condition(raw[each]) for each in self._cases.country]
        raise TypeError(f"not a column of this kind: {name}")


def _interval_within(
    shape: Range, low: exp.Expression, high: exp.Expression, kind: str, below: type[exp.Binary]
) -> Pair:
    """A value between `low` and `high` against a range; NULL where nothing is known of it, then possible."""
    if shape.never:
        return exp.false(), exp.Is(this=low, expression=exp.null())
    certain: list[exp.Expression] = []
    possible: list[exp.Expression] = []
    if shape.low is not None:
        bound = condition(f"CAST(${shape.low} AS {kind})")
        certain.append(exp.GTE(this=low.copy(), expression=bound))
        possible.append(exp.GTE(this=high.copy(), expression=bound.copy()))
    if shape.high is not None:
        bound = condition(f"CAST(${shape.high} AS {kind})")
        certain.append(below(this=high.copy(), expression=bound))
        possible.append(below(this=low.copy(), expression=bound.copy()))
    if not certain:
        return exp.not_(exp.Is(this=low, expression=exp.null())), exp.true()
    return exp.func("COALESCE", all_of(certain), exp.false()), exp.func("COALESCE", all_of(possible), exp.true())


def _among(columns: Sequence[exp.Expression], values: Sequence[object]) -> exp.Expression:
    """Whether raw columns have one of these values (tuples if there are several columns); FALSE for NULL."""
    if not values:
        return exp.false()
    if len(columns) == 1:
        test: exp.Expression = exp.In(this=columns[0].copy(), expressions=[exp.convert(value) for value in values])
    else:
        rows = [value if isinstance(value, tuple) else (value,) for value in values]
        test = any_of([all_of(list(map(_same, columns, row))) for row in rows])
    return exp.func("COALESCE", test, exp.false())


def _same(column: exp.Expression, value: object) -> exp.Expression:
    if value is None:
        return exp.Is(this=column.copy(), expression=exp.null())
    return exp.EQ(this=column.copy(), expression=exp.convert(value))


def _as(rows: exp.Expression, name: str) -> exp.Subquery:
    return exp.Subquery(this=rows, alias=exp.TableAlias(this=exp.to_identifier(name)))


def _one_if(test: exp.Expression) -> exp.Case:
    return exp.Case(ifs=[exp.If(this=test, true=exp.Literal.number(1))], default=exp.Literal.number(0))


def _sum_of(value: exp.Expression) -> exp.Expression:
    """Sum, 0 where there are no rows."""
    return exp.func("COALESCE", exp.Sum(this=value), exp.Literal.number(0))


def _named(columns: Sequence[exp.Expression]) -> list[exp.Expression]:
    return [exp.alias_(column, f"d{i}") for i, column in enumerate(columns)]


def _grouped(query: exp.Select, columns: int) -> exp.Select:
    """Grouped by its first columns."""
    return query.group_by(*(exp.Literal.number(i + 1) for i in range(columns))) if columns else query

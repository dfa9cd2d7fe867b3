"""The statements of this kind: counts of tumours, counts of patients, pages of records.

Every truth is a pair of SQL conditions, certain and possible, neither ever NULL (Kleene's logic), over the facts `f`
of each case. Text is cached by shape and dialect; ids, dates and limits travel as parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from sqlglot import exp

from gateway.adapters.omop import expressions
from gateway.adapters.omop.cases import CaseRows, Cases
from gateway.adapters.omop.expressions import FACTS, PERSON, VITAL_UNSEEN, Fact
from gateway.adapters.omop.layout import Layout
from gateway.adapters.omop.shape import (
    AnyOf,
    Coded,
    Constant,
    Every,
    Listed,
    Negated,
    Outcome,
    Range,
    Recorded,
    Shape,
)
from gateway.adapters.omop.sql import SMALL, Statement, all_of, any_of, condition, listed, named, relation, render
from gateway.model.query import Order
from gateway.model.values import Truth

TEXTS_KEPT = 1024
BY_AGE = {"age": expressions.completed_years, "age_band": expressions.age_band}
BY_TUMOUR = ("iccc_main", "iccc_group", "behaviour")
"""Dimensions that the kind of tumour tells: column `by{i}` of the relation of tumours, a position of label sets."""
SPANNING_TUMOUR = ("iccc_main", "iccc_group")
CODED_FACTS = {"sex": ("gender",), "vital_status": ("vital",)}

ORDER = {"case": "row_id", "patient": "person_id"}
"""What numbers the records of a page, and orders them."""
RECORD = (
    "row_id",
    "person_id",
    "tumour",
    "incidence",
    "gender",
    "birth_year",
    "birth_month",
    "birth_day",
    "dead",
    "died",
    "seen",
)
"""Facts of a record; after them those of the country."""

Pair: TypeAlias = tuple[exp.Expression, exp.Expression]
"""A certain and a possible condition."""


@dataclass(frozen=True, slots=True)
class CountShape:
    """Counts by raw values (`patients` False), or of distinct patients by label (`patients` True)."""

    cases: Cases
    where: Shape
    by: tuple[str, ...] = ()
    patients: bool = False


@dataclass(frozen=True, slots=True)
class PageShape:
    """Certain matches in a stable order: cases by row id, or persons (`of` = patient) who have one.

    With an `order` it is cases by that first; `after` is then the number of cases before the page.
    """

    cases: Cases
    where: Shape
    of: str = "case"
    after: bool = False
    limited: bool = True
    order: Order | None = None


@lru_cache(maxsize=TEXTS_KEPT)
def count_statement(shape: CountShape, dialect: str) -> Statement:
    """Statement of a count: columns of each dimension, then certain, then possible.

    Tumours: an interval has two columns, its low and its high end, and each case is in one row. Patients: one column
    for each dimension, and a person is in every row where a case of theirs may stand, certain where one stands alone.
    """
    builder = _Builder(shape.cases, dialect)
    return render(_patients(builder, shape) if shape.patients else _tumours(builder, shape), dialect)


@lru_cache(maxsize=TEXTS_KEPT)
def page_statement(shape: PageShape, dialect: str) -> Statement:
    """Statement of a page: rows of RECORD and the country, or of person ids alone."""
    builder = _Builder(shape.cases, dialect)
    certain, _ = builder.truth(shape.where)
    order = builder.fact(ORDER[shape.of])
    conditions = [certain]
    if shape.after and shape.order is None:
        conditions.append(condition(f"{order} > $after"))
    if shape.of == "patient":
        query = exp.select(condition(order)).distinct(copy=False)
    else:
        query = exp.select(*(condition(builder.fact(name)) for name in (*RECORD, *builder.coded("country"))))
    first = [] if shape.order is None else builder.ordered(shape.order)
    query = builder.finish(query.order_by(*first, condition(order), copy=False), conditions)
    if shape.after and shape.order is not None:
        query = query.offset(condition("$after"), copy=False)
    return render(query.limit(condition("$most"), copy=False) if shape.limited else query, dialect)


@lru_cache(maxsize=TEXTS_KEPT)
def newest_statement(layout: Layout, dialect: str) -> Statement:
    """Statement that tells whether rows were added."""
    query = exp.select(condition("MAX(o.condition_occurrence_id)"))
    return render(query.from_(layout.table("condition_occurrence", "o")), dialect)


def _tumours(builder: _Builder, shape: CountShape) -> exp.Select:
    certain, possible = builder.truth(shape.where)
    columns = [column for i, name in enumerate(shape.by) for column in builder.raw(i, name)]
    sure = _all_rows() if certain == possible else _sum_of(_one_if(certain))
    counts = [exp.alias_(sure, "certain"), exp.alias_(_all_rows(), "possible")]
    query = builder.finish(exp.select(*_numbered(columns), *counts), [possible])
    return _grouped(query, len(columns))


def _patients(builder: _Builder, shape: CountShape) -> exp.Select:
    """Rows by person first: counting distinct persons directly makes engines sort."""
    certain, possible = builder.truth(shape.where)
    columns = [column for i, name in enumerate(shape.by) for column in builder.spread(i, name)]
    same = certain == possible and not builder.alone
    alone = exp.Literal.number(1) if same else _one_if(all_of([certain, *builder.alone]))
    person = condition(builder.fact("person_id"))
    inner = exp.select(*_numbered(columns), person, exp.alias_(exp.Max(this=alone), "certain"))
    inner = _grouped(builder.finish(inner, [possible]), len(columns) + 1)
    names = [exp.column(f"d{i}", "g") for i in range(len(columns))]
    sure = _all_rows() if same else _sum_of(exp.column("certain", "g"))
    outer = exp.select(*names, exp.alias_(sure, "certain"), exp.alias_(_all_rows(), "possible"))
    return _grouped(outer.from_(named(inner, "g"), copy=False), len(columns))


class _Builder:
    """Builds one statement over the facts of cases; remembers which facts and label relations it needs."""

    def __init__(self, cases: Cases, dialect: str) -> None:
        self._cases = cases
        self._dialect = dialect
        self._rows = CaseRows(cases, dialect)
        self._facts: dict[str, exp.Expression] = {}
        self._needs: set[str] = set()
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
            case Recorded(field):
                return self._recorded(field), self._recorded(field)
            case Listed(of, parameter):
                return self._listed(of, parameter), self._listed(of, parameter)

    def fact(self, name: str) -> str:
        """Name of a fact of FACTS, or of the tumour."""
        if name == "tumour":
            return self._of_tumour(name)
        known = FACTS[name]
        tables = self._cases.layout.tables
        if name == "vital" and "observation_period" not in tables:
            known = Fact(VITAL_UNSEEN, ("death",))
        if any(table not in tables for table in known.needs):
            known = Fact("NULL")
        return self._add(name, condition(known.sql), known.needs)

    def raw(self, number: int, dimension: str) -> list[exp.Expression]:
        """Columns that tell the labels of a dimension; an interval has its low and its high end."""
        if dimension in BY_TUMOUR:
            return [condition(self._of_tumour(f"by{number}"))]
        if dimension in BY_AGE:
            self.fact("day_number")
            if dimension == "age":
                self.fact("year")
                self.fact("birth_year")
            ends = (True,) if self._cases.births_complete else (True, False)
            return [condition(BY_AGE[dimension](self._birth(last))) for last in ends]
        names = ["year"] if dimension == "year" else self.coded(dimension)
        return [condition(self.fact(name)) for name in names]

    def spread(self, number: int, dimension: str) -> list[exp.Expression]:
        """Columns of a dimension in a row for each label that a case may have; a person's own values span nothing."""
        columns = self.raw(number, dimension)
        name = f"e{number}"
        if dimension in SPANNING_TUMOUR:
            parts = ("set", "label", "alone")
            rows = relation([(part, f"{name}_{part}", SMALL) for part in parts], self._dialect)
            self._labels.append(named(rows, name))
            self._labelled.append(exp.EQ(this=condition(f"{name}.set"), expression=columns[0]))
            self.alone.append(condition(f"{name}.alone = 1"))
            return [condition(f"{name}.label")]
        if dimension in BY_AGE and len(columns) > 1:
            low, high = columns
            self._labels.append(named(condition("SELECT 0 AS upper_end UNION ALL SELECT 1 AS upper_end"), name))
            first = condition(f"{name}.upper_end = 0")
            self._labelled.append(any_of([first, exp.NEQ(this=low, expression=high)]))
            same = exp.EQ(this=low.copy(), expression=high.copy())
            self.alone.append(exp.Coalesce(this=same, expressions=[exp.true()]))
            return [exp.Case(ifs=[exp.If(this=first.copy(), true=low.copy())], default=high.copy())]
        return columns

    def coded(self, name: str) -> tuple[str, ...]:
        """Facts that hold the raw value of a coded field."""
        return CODED_FACTS.get(name) or tuple(f"country_{each}" for each in self._cases.country)

    def ordered(self, order: Order) -> list[exp.Expression]:
        """What orders cases by the first day of the incidence date or the fewest days of age; unknown comes last."""
        least = self.fact("incidence") if order.field == "date" else self._days_lived(last=True)
        key = least if order.field == "date" else f"CASE WHEN {least} < 0 THEN 0 ELSE {least} END"
        unknown = condition(f"CASE WHEN {least} IS NULL THEN 1 ELSE 0 END")
        return [unknown, exp.Ordered(this=condition(key), desc=order.descending, nulls_first=False)]

    def finish(self, query: exp.Select, conditions: Sequence[exp.Expression]) -> exp.Select:
        """A query over the facts that its expressions need."""
        query = query.from_(named(self._all_facts(), "f"), copy=False)
        for labels in self._labels:
            query = query.join(labels, join_type="cross", copy=False)
        needed = [each for each in (*conditions, *self._labelled) if each != exp.true()]
        return query.where(all_of(needed), copy=False) if needed else query

    def _add(self, name: str, expression: exp.Expression, needs: Sequence[str] = ()) -> str:
        self._facts.setdefault(name, expression)
        self._needs.update(needs)
        return f"f.{name}"

    def _of_tumour(self, column: str) -> str:
        """A column of the relation of tumours."""
        if self._cases.keyed:
            return self._add(column, condition(f"d.{column}"), ("tumour",))
        return self._add(column, condition(f"c.{column}"))

    def _birth(self, last: bool) -> str:
        """Number of the first or last day of birth."""
        complete = self._cases.births_complete
        name = "born" if complete else "born_last" if last else "born_first"
        return self._add(name, condition(expressions.birth_number(last, complete)), PERSON)

    def _all_facts(self) -> exp.Select:
        self.fact("person_id")
        columns = [exp.alias_(expression, name, copy=False) for name, expression in self._facts.items()]
        query = exp.select(*columns).from_(self._rows.cases(), copy=False)
        if "tumour" in self._needs:
            query = query.join(self._rows.tumours(), on=condition("d.id = c.tumour_key"), copy=False)
        for table, on in self._tables():
            query = query.join(table, on=condition(on), join_type="left", copy=False)
        return query

    def _tables(self) -> list[tuple[exp.Expression, str]]:
        layout, needs = self._cases.layout, self._needs
        joins: list[tuple[exp.Expression, str]] = []
        if needs & {"person", "location"}:
            joins.append((layout.table("person", "p"), "p.person_id = c.person_id"))
        if "location" in needs:
            joins.append((layout.table("location", "l"), "l.location_id = p.location_id"))
        if "death" in needs:
            rows = self._each_person("death", "MIN(t.death_date) AS death_date")
            joins.append((named(rows, "x"), "x.person_id = c.person_id"))
        if "observation_period" in needs:
            rows = self._each_person("observation_period", "MAX(t.observation_period_end_date) AS last_day")
            joins.append((named(rows, "s"), "s.person_id = c.person_id"))
        return joins

    def _each_person(self, table: str, column: str) -> exp.Select:
        """One row for each person, though a database may hold several."""
        rows = exp.select(condition("t.person_id"), condition(column)).from_(self._cases.layout.table(table, "t"))
        return rows.group_by(condition("t.person_id"), copy=False)

    def _within(self, shape: Range) -> Pair:
        if shape.field == "date":
            day = self.fact("incidence")
            certain, possible = _interval_within(shape, day, day, "DATE", "<=")
            return (certain, certain.copy()) if self._cases.layout.dated else (certain, possible)
        if shape.field == "age":
            low, high = (f"{self.fact('day_number')} - {self._birth(last)}" for last in (True, False))
            return _interval_within(shape, low, high, "INT", "<")
        low, high = (self._days_lived(last) for last in (True, False))
        return _interval_within(shape, low, high, "INT", "<=")

    def _days_lived(self, last: bool) -> str:
        complete = self._cases.births_complete
        name = "days" if complete else "days_least" if last else "days_most"
        return self._add(name, expressions.days_lived(last, complete, self._dialect), PERSON)

    def _recorded(self, field: str) -> exp.Expression:
        value = self.fact("incidence") if field == "date" else f"({self.fact('day_number')} - {self._birth(last=True)})"
        return condition(f"NOT {value} IS NULL")

    def _listed(self, of: str, parameter: str) -> exp.Expression:
        return listed(self.fact(ORDER[of]), parameter, self._cases.layout.id_type, self._dialect)

    def _coded(self, shape: Coded) -> Pair:
        columns = [self.fact(name) for name in self.coded(shape.field)]
        if shape.otherwise is Truth.NO:
            return _among(columns, shape.yes), _among(columns, shape.yes)
        possible = exp.not_(_among(columns, shape.no), copy=False)
        if shape.otherwise is Truth.YES:
            return possible, possible.copy()
        return _among(columns, shape.yes), possible


def _interval_within(shape: Range, low: str, high: str, kind: str, below: str) -> Pair:
    """A value between `low` and `high` against a range; NULL where nothing is known of it, then possible."""
    if shape.never:
        return exp.false(), condition(f"({low}) IS NULL")
    certain: list[str] = []
    possible: list[str] = []
    if shape.low is not None:
        certain.append(f"{low} >= CAST(${shape.low} AS {kind})")
        possible.append(f"{high} >= CAST(${shape.low} AS {kind})")
    if shape.high is not None:
        certain.append(f"{high} {below} CAST(${shape.high} AS {kind})")
        possible.append(f"{low} {below} CAST(${shape.high} AS {kind})")
    if not certain:
        return condition(f"NOT ({low}) IS NULL"), exp.true()
    return (
        condition(f"COALESCE({' AND '.join(certain)}, FALSE)"),
        condition(f"COALESCE({' AND '.join(possible)}, TRUE)"),
    )


def _among(columns: Sequence[str], values: Sequence[object]) -> exp.Expression:
    """Whether raw columns have one of these values (tuples if there are several columns); FALSE for NULL."""
    if not values:
        return exp.false()
    if len(columns) == 1:
        literals = [exp.convert(value) for value in values]
        test: exp.Expression = exp.In(this=condition(columns[0]), expressions=literals)
    else:
        rows = [value if isinstance(value, tuple) else (value,) for value in values]
        test = any_of([all_of(list(map(_same, columns, row))) for row in rows])
    return exp.Coalesce(this=test, expressions=[exp.false()])


def _same(column: str, value: object) -> exp.Expression:
    if value is None:
        return condition(f"{column} IS NULL")
    return exp.EQ(this=condition(column), expression=exp.convert(value))


def _all_rows() -> exp.Count:
    return exp.Count(this=exp.Star())


def _one_if(test: exp.Expression) -> exp.Case:
    return exp.Case(ifs=[exp.If(this=test, true=exp.Literal.number(1))], default=exp.Literal.number(0))


def _sum_of(value: exp.Expression) -> exp.Coalesce:
    """Sum, 0 where there are no rows."""
    return exp.Coalesce(this=exp.Sum(this=value), expressions=[exp.Literal.number(0)])


def _numbered(columns: Sequence[exp.Expression]) -> list[exp.Expression]:
    return [exp.alias_(column, f"d{i}", copy=False) for i, column in enumerate(columns)]


def _grouped(query: exp.Select, columns: int) -> exp.Select:
    """Grouped by its first columns."""
    if not columns:
        return query
    return query.group_by(*(exp.Literal.number(i + 1) for i in range(columns)), copy=False)

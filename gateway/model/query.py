"""CaseQuery: one question over cases, free of protocol and of any source.

The tree has And, Or, Not and leaves. A diagnosis leaf carries the asker's terms; the planner adds the box sets they
mean, which is what sources evaluate. Evaluation is three-valued (gateway.model.values).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from terminology.boxes import BoxSet


class Unit(StrEnum):
    """What is counted."""

    TUMOURS = "tumours"
    PATIENTS = "patients"


@dataclass(frozen=True, slots=True)
class Term:
    """A code in the asker's words.

    Attributes
    ----------
    system
        System prefix of the question grammar.
    code
        The code as written.
    edition
        Edition, if one is named.
    below
        Whether the codes below it in the hierarchy of the system are meant too, where the code alone does not hold
        them.
    """

    system: str
    code: str
    edition: str | None = None
    below: bool = False

    def __str__(self) -> str:
        version = f"|{self.edition}" if self.edition else ""
        return f"{self.system}{version}:{self.code}{' and below' if self.below else ''}"


@dataclass(frozen=True, slots=True)
class DiagnosisIn:
    """The tumour is one of what these terms mean (OR).

    `certain` and `possible` are filled by the planner: a case inside `certain` matches, one that only overlaps
    `possible` may match. They differ where a term's map is inexact.
    """

    field: str
    terms: tuple[Term, ...]
    certain: BoxSet | None = None
    possible: BoxSet | None = None


@dataclass(frozen=True, slots=True)
class Between:
    """low <= field <= high, both ends included, None = open. Fields: age, age_days, year."""

    field: str
    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class DateBetween:
    """The incidence date lies between two days, both included, None = open."""

    low: dt.date | None
    high: dt.date | None
    field: str = "date"


@dataclass(frozen=True, slots=True)
class OneOf:
    """A coded field has one of these canonical codes; `unknown` and `not-collected` may be asked for by name.

    Attributes
    ----------
    recorded
        Whether the code itself must stand in the record: yes or no, never possible. Else a coarse code stands for its
        members, and what is not recorded, or coarsely, may be any of them.
    """

    field: str
    values: frozenset[str]
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """Something is recorded in a field: yes or no, never possible.

    Any field but `source` and `age_days`; for `diagnosis` a code of any kind, and for `entity` one that says what kind
    of tumour it is: a morphology, ICD-10 or ICCC-3. A coarse or partial value is known.
    """

    field: str


@dataclass(frozen=True, slots=True)
class RecordIn:
    """The tumour, or the person who has it, is one of these records: yes or no, never possible.

    Attributes
    ----------
    of
        `case` or `patient`.
    ids
        Ids as they are released, `source.pseudonym`; the planner leaves to each source its own, without the prefix.
    """

    of: str
    ids: frozenset[str]
    field: str = "record"


@dataclass(frozen=True, slots=True)
class And:
    """All items hold; of nothing: yes."""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one item holds; of nothing: no."""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The item does not hold."""

    item: Expr


Leaf = DiagnosisIn | Between | DateBetween | OneOf | Known | RecordIn
Expr = And | Or | Not | Leaf

EVERYTHING = And(())
NOTHING = Or(())


@dataclass(frozen=True, slots=True)
class Order:
    """Order of records: by the first day of the incidence date or the fewest days of age; what is unknown comes last.

    Attributes
    ----------
    field
        `date` or `age_days`.
    """

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A page of records.

    Attributes
    ----------
    of
        `case` or `patient`: what the records are.
    limit
        Most records wanted, at least 1.
    after
        Position token of the last record seen in this source, None for the first page. In an ordered page it is the
        number of records before the page.
    order
        Order of cases over all sources, ties in the order of each source; None for the order of each source, source
        by source. Patients have no other order than that.
    """

    of: str = "case"
    limit: int = 10
    after: int | None = None
    order: Order | None = None


@dataclass(frozen=True, slots=True)
class CaseQuery:
    """One question.

    Attributes
    ----------
    where
        Condition on a case.
    by
        Dimensions of the table, see gateway.model.fields.DIMENSIONS; empty for one total.
    unit
        Tumours or patients.
    iccc
        Edition used for ICCC-3 terms without an edition and for `by` groups: 2017, 2005 or who2008.
    page
        Records wanted as well as counts, or None for counts only.
    """

    where: Expr = EVERYTHING
    by: tuple[str, ...] = ()
    unit: Unit = Unit.TUMOURS
    iccc: str = "2017"
    page: Page | None = None


def leaves(expr: Expr) -> tuple[Leaf, ...]:
    """All leaves of a condition, left to right."""
    if isinstance(expr, And | Or):
        found: list[Leaf] = []
        for item in expr.items:
            if isinstance(item, And | Or | Not):
                found += leaves(item)
            else:
                found.append(item)
        return tuple(found)
    return leaves(expr.item) if isinstance(expr, Not) else (expr,)


def size(expr: Expr) -> tuple[int, int]:
    """Number of nodes and depth of a condition, for the limits on complexity."""
    match expr:
        case And(items) | Or(items):
            parts = [size(item) for item in items]
            return 1 + sum(n for n, _ in parts), 1 + max((d for _, d in parts), default=0)
        case Not(item):
            nodes, depth = size(item)
            return nodes + 1, depth + 1
        case _:
            return 1, 1

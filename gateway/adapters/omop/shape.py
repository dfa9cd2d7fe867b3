"""A condition as its shape: what decides the text of a statement, without the values that travel as parameters.

Diagnoses are decided before SQL: each leaf is an integer column of the relation of tumours (0 no, 1 possible, 2 yes),
or a constant where all tumours that matter agree. Fields that the database never fills are constants too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.model.query import And, Between, DateBetween, DiagnosisIn, Expr, Known, Not, OneOf, Or, RecordIn
from gateway.model.values import Truth

Truths: TypeAlias = npt.NDArray[np.int8]

YEARS = (dt.date.min.year, dt.date.max.year)


@dataclass(frozen=True, slots=True)
class Constant:
    """The same for every case."""

    truth: Truth


@dataclass(frozen=True, slots=True)
class Outcome:
    """A diagnosis leaf: column `leaf{number}` of the relation of tumours."""

    number: int


@dataclass(frozen=True, slots=True)
class Range:
    """low <= field <= high for incidence date, age in completed years or age in days.

    Attributes
    ----------
    low, high
        Names of parameters, None = open.
    never
        True if no value can lie in the range; a case without a value is possible all the same.
    """

    field: str
    low: str | None
    high: str | None
    never: bool = False


@dataclass(frozen=True, slots=True)
class Coded:
    """A coded field by the raw values of the database.

    Attributes
    ----------
    yes, no
        Raw values that are one of the codes asked for, and that are another known code.
    otherwise
        Outcome of any other raw value, or none; where it is `no`, so is all that is not in `yes`.
    """

    field: str
    yes: tuple[object, ...]
    no: tuple[object, ...]
    otherwise: Truth


@dataclass(frozen=True, slots=True)
class Recorded:
    """An incidence date (`date`) or an age (`age`) is known at all."""

    field: str


@dataclass(frozen=True, slots=True)
class Listed:
    """The row (`case`) or the person (`patient`) is one of an array parameter of that name."""

    of: str
    parameter: str


@dataclass(frozen=True, slots=True)
class Every:
    """All of these."""

    items: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of these."""

    items: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Negated:
    """Not this."""

    item: Shape


Shape: TypeAlias = Constant | Outcome | Range | Coded | Recorded | Listed | Every | AnyOf | Negated
Leaf: TypeAlias = DiagnosisIn | Known
"""A leaf that the kind of tumour decides."""


@dataclass(slots=True)
class Lifting:
    """Takes the values out of a condition.

    Attributes
    ----------
    coded
        Shape of a coded field, by the values this database holds.
    numbers
        Numbers of the database for records.
    leaves
        Diagnosis leaves met, in order.
    parameters
        Values met, by name.
    """

    coded: Callable[[OneOf | Known], Shape]
    numbers: Callable[[str, Iterable[str]], list[int]]
    leaves: list[Leaf] = field(default_factory=list)
    parameters: dict[str, object] = field(default_factory=dict)

    def lift(self, expr: Expr) -> Shape:
        """Shape of a condition."""
        match expr:
            case And(items):
                return Every(tuple(self.lift(item) for item in items))
            case Or(items):
                return AnyOf(tuple(self.lift(item) for item in items))
            case Not(item):
                return Negated(self.lift(item))
            case DiagnosisIn() | Known("diagnosis" | "entity" | "topography" | "morphology" | "behaviour"):
                self.leaves.append(expr)
                return Outcome(len(self.leaves) - 1)
            case Between("year", low, high):
                return self._dates(*_days_of_years(low, high))
            case DateBetween(low, high):
                return self._dates(low, high)
            case Between("age", low, high):
                return self._range("age", low, high, scale=10_000, step=1)
            case Between("age_days", low, high):
                return self._range("age_days", low, high, scale=1, step=0)
            case Known("date" | "year"):
                return Recorded("date")
            case Known("age"):
                return Recorded("age")
            case OneOf() | Known():
                return self.coded(expr)
            case RecordIn(of, ids):
                return self._listed(of, self.numbers(of, ids))
        raise TypeError(f"not a planned condition: {type(expr).__name__}")

    def _dates(self, low: dt.date | None, high: dt.date | None) -> Range:
        never = low is not None and high is not None and low > high
        return Range("date", self._keep(low), self._keep(high), never)

    def _range(self, name: str, low: int | None, high: int | None, scale: int, step: int) -> Range:
        """Ages are cut at 0: a low end of 0 or less is open, a high end below 0 holds nobody."""
        if high is not None and (high < 0 or (low is not None and low > high)):
            return Range(name, None, None, never=True)
        bottom = None if low is None or low <= 0 else low * scale
        top = None if high is None else (high + step) * scale
        return Range(name, self._keep(bottom), self._keep(top))

    def _listed(self, of: str, numbers: list[int]) -> Shape:
        name = self._keep(numbers or None)
        return Constant(Truth.NO) if name is None else Listed(of, name)

    def _keep(self, value: object) -> str | None:
        if value is None:
            return None
        name = f"v{len(self.parameters)}"
        self.parameters[name] = value
        return name


def bounds(shape: Shape, outcomes: list[Truths], size: int) -> tuple[Truths, Truths]:
    """Least and greatest truth for each kind of tumour, whatever the other fields of a case are."""
    match shape:
        case Constant(truth):
            same = np.full(size, truth, np.int8)
            return same, same
        case Outcome(number):
            return outcomes[number], outcomes[number]
        case Every(items):
            parts = [bounds(item, outcomes, size) for item in items]
            return _fold(np.minimum, [p[0] for p in parts], size, Truth.YES), _fold(
                np.minimum, [p[1] for p in parts], size, Truth.YES
            )
        case AnyOf(items):
            parts = [bounds(item, outcomes, size) for item in items]
            return _fold(np.maximum, [p[0] for p in parts], size, Truth.NO), _fold(
                np.maximum, [p[1] for p in parts], size, Truth.NO
            )
        case Negated(item):
            least, greatest = bounds(item, outcomes, size)
            return (2 - greatest).astype(np.int8), (2 - least).astype(np.int8)
    return np.zeros(size, np.int8), np.full(size, Truth.YES, np.int8)


def simplify(shape: Shape, constants: Mapping[int, Truth]) -> Shape:
    """The same condition with leaves of one outcome put in and constants folded."""
    match shape:
        case Outcome(number) if number in constants:
            return Constant(constants[number])
        case Negated(item):
            inner = simplify(item, constants)
            return Constant(Truth(2 - inner.truth)) if isinstance(inner, Constant) else Negated(inner)
        case Every(items):
            return _folded(Every, [simplify(item, constants) for item in items], Truth.YES, Truth.NO)
        case AnyOf(items):
            return _folded(AnyOf, [simplify(item, constants) for item in items], Truth.NO, Truth.YES)
    return shape


def used(shape: Shape) -> Iterator[Outcome | Range | Listed]:
    """Leaves, ranges and lists of a shape."""
    match shape:
        case Outcome() | Range() | Listed():
            yield shape
        case Negated(item):
            yield from used(item)
        case Every(items) | AnyOf(items):
            for item in items:
                yield from used(item)


def parameters_of(leaf: Outcome | Range | Listed) -> tuple[str | None, ...]:
    """Names of the values of a leaf."""
    match leaf:
        case Range(_, low, high):
            return low, high
        case Listed(_, parameter):
            return (parameter,)
    return ()


def limit_of(shape: Shape) -> Listed | None:
    """A list that every match is in, if there is one."""
    items = shape.items if isinstance(shape, Every) else (shape,)
    return next((item for item in items if isinstance(item, Listed)), None)


def _folded(kind: type[Every] | type[AnyOf], items: list[Shape], neutral: Truth, absorbing: Truth) -> Shape:
    if Constant(absorbing) in items:
        return Constant(absorbing)
    left = tuple(item for item in items if item != Constant(neutral))
    if len(left) == 1:
        return left[0]
    return kind(left) if left else Constant(neutral)


def _fold(operation: np.ufunc, parts: list[Truths], size: int, start: Truth) -> Truths:
    found = np.full(size, start, np.int8)
    for part in parts:
        found = operation(found, part)
    return found


def _days_of_years(low: int | None, high: int | None) -> tuple[dt.date | None, dt.date | None]:
    """First and last day; years that no calendar has make an empty range rather than an error."""
    if (low is not None and low > YEARS[1]) or (high is not None and high < YEARS[0]):
        return dt.date.max, dt.date.min
    first = None if low is None else dt.date(max(low, YEARS[0]), 1, 1)
    last = None if high is None or high > YEARS[1] else dt.date(high, 12, 31)
    return first, last

"""What a registry's declared coverage says about a question: inside, partly outside, or outside altogether.

A registry that does not register a year, age or behaviour has no cases there; that is not a zero, and the answer
names it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from gateway.model.capability import Coverage
from gateway.model.query import And, Between, DateBetween, DiagnosisIn, Expr
from terminology import BoxSet

PRIMARY_BEHAVIOURS = frozenset({0, 1, 2, 3})


def outside(where: Expr, coverage: Coverage) -> str | None:
    """Why no case of this registry can be asked about, or None."""
    for name, asked, covered in _ranges(where, coverage):
        low, high = _clip(asked, covered)
        if low > high:
            return f"{name} {_text(asked)} asked, {covered[0]}-{covered[1]} registered"
    asked_behaviours = _behaviours(where)
    if asked_behaviours and not asked_behaviours & coverage.behaviours:
        return f"behaviour {_digits(asked_behaviours)} asked, {_digits(coverage.behaviours)} registered"
    return None


def partly(where: Expr, coverage: Coverage) -> Iterator[str]:
    """What part of the question lies outside the coverage, one sentence each."""
    for name, asked, covered in _ranges(where, coverage):
        if _clip(asked, covered) != asked and (asked[0] is not None or asked[1] is not None):
            yield f"{name} {_text(asked)} asked, {covered[0]}-{covered[1]} registered"
    missing = _behaviours(where) - coverage.behaviours
    if missing:
        yield f"behaviour {_digits(missing)} is not registered"


Asked = tuple[int | None, int | None]


def _ranges(where: Expr, coverage: Coverage) -> Iterator[tuple[str, Asked, tuple[int, int]]]:
    if not coverage.ages and not coverage.years:
        return
    for item in _conjuncts(where):
        match item:
            case Between("age", low, high) if coverage.ages:
                yield "age", (low, high), coverage.ages
            case Between("year", low, high) if coverage.years:
                yield "year", (low, high), coverage.years
            case DateBetween(low_day, high_day) if coverage.years:
                years = (low_day.year if low_day else None, high_day.year if high_day else None)
                yield "year", years, coverage.years


def _conjuncts(where: Expr) -> tuple[Expr, ...]:
    if not isinstance(where, And):
        return (where,)
    if not any(isinstance(item, And) for item in where.items):
        return where.items
    return tuple(part for item in where.items for part in _conjuncts(item))


def _behaviours(where: Expr) -> frozenset[int]:
    """Behaviours of primary tumours that the question can mean; empty if it names no diagnosis."""
    asked = [_named(item.possible) for item in _conjuncts(where) if isinstance(item, DiagnosisIn) and item.possible]
    if len(asked) == 1:
        return asked[0]
    return frozenset.intersection(*asked) if asked else frozenset()


@lru_cache(maxsize=256)
def _named(boxes: BoxSet) -> frozenset[int]:
    return frozenset(digit for digit in PRIMARY_BEHAVIOURS if boxes.overlaps(_of_behaviour(digit)))


@lru_cache
def _of_behaviour(digit: int) -> BoxSet:
    return BoxSet.where(behaviours=(digit,))


def _clip(asked: Asked, covered: tuple[int, int]) -> tuple[int, int]:
    low = covered[0] if asked[0] is None else max(asked[0], covered[0])
    high = covered[1] if asked[1] is None else min(asked[1], covered[1])
    return low, high


def _text(asked: Asked) -> str:
    low, high = ("" if bound is None else str(bound) for bound in asked)
    return low if low == high else f"{low}-{high}"


def _digits(behaviours: frozenset[int]) -> str:
    return ", ".join(f"/{digit}" for digit in sorted(behaviours))

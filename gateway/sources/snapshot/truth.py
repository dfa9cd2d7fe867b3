"""Three-valued evaluation of a condition over arrays of rows (Kleene: and = min, or = max, not = 2 - x)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from gateway.model.query import And, Between, DateBetween, Expr, Leaf, Not, Or
from gateway.model.values import Truth
from gateway.sources.snapshot.dictionaries import Outcomes
from gateway.sources.snapshot.layout import HIGH, LOW

Columns = Mapping[str, npt.NDArray[np.integer]]
LeafTruth = Callable[[Leaf], Outcomes]


def evaluate(expr: Expr, leaf: LeafTruth, rows: int) -> Outcomes:
    """Truth of a condition for each of `rows` rows; `leaf` gives the truth of one leaf."""
    match expr:
        case And(items):
            parts = [evaluate(item, leaf, rows) for item in items]
            return np.minimum.reduce(parts) if parts else np.full(rows, Truth.YES, np.int8)
        case Or(items):
            parts = [evaluate(item, leaf, rows) for item in items]
            return np.maximum.reduce(parts) if parts else np.full(rows, Truth.NO, np.int8)
        case Not(item):
            return np.int8(2) - evaluate(item, leaf, rows)
        case _:
            return leaf(expr)


def upper_bound(
    expr: Expr, best: Callable[[Leaf, bool], Outcomes | None], rows: int, positive: bool = True
) -> Outcomes:
    """Most that a condition can be for each of `rows` rows.

    Parameters
    ----------
    best
        The most that a leaf can be, or under a Not (False) the least; None where it may be anything.
    """
    match expr:
        case And(items):
            parts = [upper_bound(item, best, rows, positive) for item in items]
            return np.minimum.reduce(parts) if parts else np.full(rows, Truth.YES, np.int8)
        case Or(items):
            parts = [upper_bound(item, best, rows, positive) for item in items]
            return np.maximum.reduce(parts) if parts else np.full(rows, Truth.NO, np.int8)
        case Not(item):
            return np.int8(2) - upper_bound(item, best, rows, not positive)
        case _:
            found = best(expr, positive)
            return np.full(rows, Truth.YES if positive else Truth.NO, np.int8) if found is None else found


def interval_truth(columns: Columns, leaf: Between | DateBetween) -> Outcomes:
    """Truth of `low <= value <= high` over interval columns; an unknown value is always possible."""
    low, high = bounds(leaf)
    starts, ends = columns[f"{leaf.field}_lo"], columns[f"{leaf.field}_hi"]
    inside = starts > LOW
    touched = np.ones(len(starts), np.bool_)
    if low is not None:
        inside &= starts >= low
        touched &= ends >= low
    if high is not None:
        inside &= ends <= high
        touched &= starts <= high
    return np.where(inside, np.int8(Truth.YES), touched.astype(np.int8))


def bounds(leaf: Between | DateBetween) -> tuple[int | None, int | None]:
    """Both ends as integers, dates as ordinals; cut so that an unknown interval touches any range."""
    if isinstance(leaf, Between):
        low, high = leaf.low, leaf.high
    else:
        low, high = (None if day is None else day.toordinal() for day in (leaf.low, leaf.high))
    return None if low is None else min(low, HIGH[leaf.field]), None if high is None else max(high, LOW)

"""Conditions as SQL over `cases`: one predicate for what certainly matches, one for what may.

Used where a question needs a field that no cube holds (dates, age in days). Texts hold only numbers and column names
of this package; nothing of a request gets into them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from gateway.model.query import And, Between, DateBetween, Expr, Known, Leaf, Not, Or, RecordIn
from gateway.model.values import Truth
from gateway.sources.snapshot.dictionaries import Outcomes
from gateway.sources.snapshot.layout import INTERVAL_FIELDS, LOW
from gateway.sources.snapshot.truth import bounds

Predicates = tuple[str, str]
"""SQL of `certainly matches` and of `may match`."""

MOST_RUNS = 32
"""Up to this many runs of numbers are written as ranges, which zone maps can use."""
COVERING_RUNS = 6
"""Runs of a predicate that may hold for more than was asked."""


def predicates(
    expr: Expr,
    outcomes: Callable[[Leaf], tuple[str, Outcomes]],
    rows: Callable[[RecordIn], npt.NDArray[np.integer]],
) -> Predicates:
    """Predicates of a condition.

    Parameters
    ----------
    outcomes
        For a leaf over a dictionary, its column and the truth of each dictionary row.
    rows
        Row numbers of the records of a leaf.
    """
    match expr:
        case And(items):
            return _joined(" AND ", "true", [predicates(item, outcomes, rows) for item in items])
        case Or(items):
            return _joined(" OR ", "false", [predicates(item, outcomes, rows) for item in items])
        case Not(item):
            certain, possible = predicates(item, outcomes, rows)
            return f"NOT {possible}", f"NOT {certain}"
        case Between() | DateBetween():
            return _interval(expr)
        case Known(field) if field in INTERVAL_FIELDS:
            return _decided(f"({field}_lo > {LOW})")
        case RecordIn():
            numbers = ", ".join(map(str, rows(expr).tolist()))
            return _decided(f"(case_no IN ({numbers}))" if numbers else "false")
        case _:
            column, truths = outcomes(expr)
            return among(column, truths == Truth.YES), among(column, truths != Truth.NO)


def _decided(predicate: str) -> Predicates:
    """A condition that is never open."""
    return predicate, predicate


def _joined(word: str, empty: str, parts: list[Predicates]) -> Predicates:
    if not parts:
        return empty, empty
    certain, possible = (f"({word.join(texts)})" for texts in zip(*parts, strict=True))
    return certain, possible


def _interval(leaf: Between | DateBetween) -> Predicates:
    low, high = bounds(leaf)
    starts, ends = f"{leaf.field}_lo", f"{leaf.field}_hi"
    inside, touched = [f"{starts} >= {max(low or 0, 0)}"], []
    if low is not None:
        touched.append(f"{ends} >= {low}")
    if high is not None:
        inside.append(f"{ends} <= {high}")
        touched.append(f"{starts} <= {high}")
    return f"({' AND '.join(inside)})", f"({' AND '.join(touched) or 'true'})"


def among(column: str, chosen: npt.NDArray[np.bool_]) -> str:
    """Predicate `the column is one of the chosen positions`."""
    if chosen.all():
        return "true"
    numbers = np.flatnonzero(chosen)
    if not len(numbers):
        return "false"
    breaks = np.flatnonzero(np.diff(numbers) > 1)
    starts = numbers[np.concatenate(([0], breaks + 1))]
    ends = numbers[np.concatenate((breaks, [len(numbers) - 1]))]
    if len(starts) > MOST_RUNS:
        return f"{column} IN ({', '.join(map(str, numbers.tolist()))})"
    runs = [_run(column, low, high) for low, high in zip(starts.tolist(), ends.tolist(), strict=True)]
    return f"({' OR '.join(runs)})"


def covering(column: str, numbers: npt.NDArray[np.int64]) -> str:
    """Predicate that holds for these positions and few others: short enough to be planned fast."""
    if not len(numbers):
        return "false"
    gaps = np.diff(numbers)
    widest = np.sort(np.argsort(gaps)[::-1][: COVERING_RUNS - 1])
    widest = widest[gaps[widest] > 1]
    starts = numbers[np.concatenate(([0], widest + 1))]
    ends = numbers[np.concatenate((widest, [len(numbers) - 1]))]
    runs = [_run(column, low, high) for low, high in zip(starts.tolist(), ends.tolist(), strict=True)]
    return f"({' OR '.join(runs)})"


def _run(column: str, low: int, high: int) -> str:
    return f"{column} = {low}" if low == high else f"{column} BETWEEN {low} AND {high}"

"""Range conditions that must all hold are one range: `ge1` and `le4` of FHIR are 1..4 of the question.

Besides giving the same question as the other doors, this is exact where three-valued AND is only safe: two ranges
that exclude each other hold for nobody, whatever is unknown of a case.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from gateway.model.query import NOTHING, Between, DateBetween, Expr

Bound = TypeVar("Bound", int, dt.date)


def join_ranges(filters: Sequence[Expr]) -> tuple[Expr, ...]:
    """Conditions with the ranges over each field joined, in the order in which fields were first met."""
    joined: dict[object, Expr] = {}
    for position, item in enumerate(filters):
        key: object = (type(item), item.field) if isinstance(item, Between | DateBetween) else position
        known = joined.get(key)
        joined[key] = item if known is None else _both(known, item)
    return (NOTHING,) if NOTHING in joined.values() else tuple(joined.values())


def _both(one: Expr, other: Expr) -> Expr:
    if isinstance(one, Between) and isinstance(other, Between):
        low, high = _edge(max, (one.low, other.low)), _edge(min, (one.high, other.high))
        return NOTHING if low is not None and high is not None and low > high else Between(one.field, low, high)
    if isinstance(one, DateBetween) and isinstance(other, DateBetween):
        first, last = _edge(max, (one.low, other.low)), _edge(min, (one.high, other.high))
        return NOTHING if first is not None and last is not None and first > last else DateBetween(first, last)
    return NOTHING


def _edge(choose: Callable[[Iterable[Bound]], Bound], edges: Iterable[Bound | None]) -> Bound | None:
    known = [edge for edge in edges if edge is not None]
    return choose(known) if known else None

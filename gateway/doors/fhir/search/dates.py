"""Date search values to conditions on the incidence date (R4 search.html section 3.1.1.5.8, with a difference).

FHIR compares the range of a search value with the range of a stored date by containment (eq) or overlap (gt, lt,
ge, le, ne). Our partial dates are not periods but one unknown day inside an interval, so every prefix gives a
condition with three outcomes: what is certain matches, what only overlaps is possible and counted in the bounds
(docs/adr, date search).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.doors.fhir.search.grammar import compared
from gateway.errors import BadQuestion
from gateway.model.dates import DateInterval
from gateway.model.query import NOTHING, DateBetween, Expr, Not

EXPECTED = "a date YYYY, YYYY-MM or YYYY-MM-DD with an optional prefix, e.g. ge2010-01-01"

_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d(?::(?:[0-5]\d|60)(?:\.\d+)?)?"
_ZONE = r"(?:Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))"
"""Time of day with its zone (R4 datatypes.html, dateTime; a search may leave out seconds and zone)."""
_DATE = re.compile(rf"(\d{{4}})(?:-(\d\d)(?:-(\d\d)(?:T({_TIME}){_ZONE}?)?)?)?", re.ASCII)
_MIDNIGHT = re.compile(r"00:00(?::00(?:\.0+)?)?", re.ASCII)
_LAST_MOMENT = re.compile(r"23:59(?::59(?:\.\d+)?)?", re.ASCII)
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """First and last day of a search value, and whether a time of day leaves its two edges at midnight."""

    first: dt.date
    last: dt.date
    starts_at_midnight: bool = True
    ends_at_midnight: bool = True


def incidence_date(text: str, parameter: str) -> Expr:
    """Condition of one date value.

    Parameters
    ----------
    text
        Value with an optional prefix.
    parameter
        Name of the search parameter, for errors.

    Raises
    ------
    BadQuestion
        No date, or a time of day where only whole days can be compared.
    Unsupported
        A prefix that there is not.
    """
    prefix, value = compared(text, parameter)
    span = span_of(value, parameter)
    for edge, needed in (("starts", _START), ("ends", _END)):
        if prefix in needed and not getattr(span, f"{edge}_at_midnight"):
            raise BadQuestion(
                f"{value!r} {edge} within a day, and incidence dates are whole days", where=parameter, expected=EXPECTED
            )
    return _CONDITIONS[prefix](span)


def span_of(value: str, parameter: str) -> Span:
    """First and last day of a date as FHIR writes it; raises BadQuestion for what is no date."""
    found = _DATE.fullmatch(value)
    if not found:
        raise BadQuestion(f"{value!r} is not a date", where=parameter, expected=EXPECTED)
    year, month, day, time = found.groups()
    try:
        interval = DateInterval.of(int(year), int(month) if month else None, int(day) if day else None)
    except ValueError as error:
        raise BadQuestion(f"{value!r} is not a day that exists", where=parameter, expected=EXPECTED) from error
    first, last = interval.earliest or dt.date.min, interval.latest or dt.date.max
    if time is None:
        return Span(first, last)
    return Span(first, last, bool(_MIDNIGHT.fullmatch(time)), bool(_LAST_MOMENT.fullmatch(time)))


def _after(span: Span) -> Expr:
    return NOTHING if span.last == dt.date.max else DateBetween(span.last + _DAY, None)


def _before(span: Span) -> Expr:
    return NOTHING if span.first == dt.date.min else DateBetween(None, span.first - _DAY)


def _within(span: Span) -> Expr:
    return DateBetween(span.first, span.last)


def _about(span: Span) -> Expr:
    """The span widened on both sides by its own length."""
    length = span.last - span.first + _DAY
    low = max(span.first.toordinal() - length.days, dt.date.min.toordinal())
    high = min(span.last.toordinal() + length.days, dt.date.max.toordinal())
    return DateBetween(dt.date.fromordinal(low), dt.date.fromordinal(high))


_CONDITIONS: Mapping[str, Callable[[Span], Expr]] = {
    "eq": _within,
    "ne": lambda span: Not(_within(span)),
    "gt": _after,
    "sa": _after,
    "lt": _before,
    "eb": _before,
    "ge": lambda span: DateBetween(span.first, None),
    "le": lambda span: DateBetween(None, span.last),
    "ap": _about,
}
_START = frozenset({"eq", "ne", "ge", "lt", "eb", "ap"})
_END = frozenset({"eq", "ne", "gt", "sa", "le", "ap"})

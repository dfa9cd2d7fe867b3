"""Date texts and date parts of registries, read into intervals; what is not a date is told apart from what is unknown.

Parts that mean unknown (99, 9999) widen the interval: an unknown day gives the month, an unknown month the year,
whatever stands behind it. A format such as `auto:YYYYDDMM|YYYYMMDD` is decided once for a whole file: texts that are
a date in only one order decide it, and a file where nothing decides is refused (IARC prints one order, registries
use both).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gateway.errors import BadFile
from gateway.model.dates import UNKNOWN_DATE, DateInterval, DatePrecision

YEARS = (1850, 2100)
IMPOSSIBLE = "is no day of the calendar"
NO_FORMAT = "is in none of the formats of the profile"
NO_NUMBER = "is not a year, month or day in digits"
OUT_OF_RANGE = f"has a year outside {YEARS[0]} to {YEARS[1]}"

_COARSENESS = (DatePrecision.DAY, DatePrecision.MONTH, DatePrecision.YEAR, DatePrecision.UNKNOWN)


@dataclass(frozen=True, slots=True)
class BadDate:
    """Why a text is no date."""

    reason: str


@lru_cache(maxsize=64)
def _regex(pattern: str) -> re.Pattern[str]:
    separated = not pattern.isalpha()
    part = r"\d{1,2}" if separated else r"\d{2}"
    text = re.escape(pattern).replace("YYYY", r"(?P<year>\d{4})")
    return re.compile(text.replace("MM", rf"(?P<month>{part})").replace("DD", rf"(?P<day>{part})"), re.ASCII)


def parse_date_text(text: str, formats: Sequence[str], unknown_parts: frozenset[str]) -> DateInterval | BadDate:
    """Interval of a date text in the first format that has its form."""
    for pattern in formats:
        if found := _regex(pattern).fullmatch(text):
            parts = found.groupdict()
            return date_of_parts(parts["year"], parts.get("month"), parts.get("day"), unknown_parts)
    return BadDate(NO_FORMAT)


def date_of_parts(
    year: str | None, month: str | None, day: str | None, unknown_parts: frozenset[str]
) -> DateInterval | BadDate:
    """Interval of a year, month and day in digits; None, blank and unknown parts widen it."""
    known = []
    for part in (year, month, day):
        text = (part or "").strip()
        if not text or text in unknown_parts:
            break
        if not (text.isascii() and text.isdigit()):
            return BadDate(NO_NUMBER)
        known.append(int(text))
    if not known:
        return UNKNOWN_DATE
    if not YEARS[0] <= known[0] <= YEARS[1]:
        return BadDate(OUT_OF_RANGE)
    if len(known) > 1 and not 1 <= known[1] <= 12:
        return BadDate(IMPOSSIBLE)
    try:
        return DateInterval.of(*known)
    except ValueError:
        return BadDate(IMPOSSIBLE)


def at_precision(date: DateInterval, precision: str) -> DateInterval:
    """The date no finer than a stated precision; `estimated` keeps the interval and says so."""
    if date.earliest is None or date.latest is None or precision == DatePrecision.UNKNOWN.value:
        return UNKNOWN_DATE
    if precision == DatePrecision.ESTIMATED.value:
        return DateInterval(date.earliest, date.latest, DatePrecision.ESTIMATED)
    wanted = DatePrecision(precision)
    if _COARSENESS.index(date.precision) >= _COARSENESS.index(wanted):
        return date
    if wanted is DatePrecision.MONTH:
        return DateInterval.of(date.earliest.year, date.earliest.month)
    return DateInterval(dt.date(date.earliest.year, 1, 1), dt.date(date.latest.year, 12, 31), DatePrecision.YEAR)


def decide_order(candidates: Sequence[str], texts: Iterable[str], unknown_parts: frozenset[str], where: str) -> str:
    """The one of two formats that the date texts of a file fit.

    Parameters
    ----------
    candidates
        Two formats of the same length.
    texts
        The different texts of the file.
    unknown_parts
        Parts that mean unknown.
    where
        File, for the error.

    Raises
    ------
    BadFile
        Nothing in the file tells the orders apart, or more than one in a hundred dates contradicts the others.
    """
    only = [0, 0]
    open_questions = 0
    for text in texts:
        fits = [_fits(text.strip(), pattern, unknown_parts) for pattern in candidates]
        if (fits[0] is None) != (fits[1] is None):
            only[fits[0] is None] += 1
        open_questions += None not in fits and fits[0] != fits[1]
    if min(only) * 100 > max(only):
        raise BadFile(
            f"{only[0]} different dates fit only {candidates[0]} and {only[1]} only {candidates[1]}",
            where=where,
            expected="one order of day and month in the whole file",
        )
    if not any(only) and open_questions:
        raise BadFile(
            f"nothing in the file tells {candidates[0]} from {candidates[1]}",
            where=where,
            expected="a profile that names the one format",
        )
    return candidates[0] if only[0] > only[1] else candidates[1]


def _fits(text: str, pattern: str, unknown_parts: frozenset[str]) -> DateInterval | None:
    """Reading of a text in one order; a known day of an unknown month speaks against the order."""
    found = _regex(pattern).fullmatch(text)
    if found is None:
        return None
    parts = found.groupdict()
    if parts["month"] in unknown_parts and parts["day"] not in unknown_parts:
        return None
    date = date_of_parts(parts["year"], parts["month"], parts["day"], unknown_parts)
    return date if isinstance(date, DateInterval) else None

"""ISO 8601 durations as ages: whole years are completed years, weeks and days are days of age.

A month has no fixed number of days, so months count only where they make whole years (Beacon v2 `iso8601duration`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.errors import BadQuestion

EXPECTED = "an ISO 8601 duration of whole years or of days, such as P15Y, P36M, P2W or P30D"
MOST_YEARS = 150
MOST_DAYS = 54_787

_DURATION = re.compile(r"P(?:(\d{1,6})Y)?(?:(\d{1,6})M)?(?:(\d{1,6})W)?(?:(\d{1,6})D)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class AgeValue:
    """An age as asked: `field` is `age` (completed years) or `age_days`."""

    field: str
    number: int


def parse_age(text: str, where: str) -> AgeValue:
    """Age of a duration.

    Parameters
    ----------
    text
        `P15Y`, `P24M` (whole years only), `P2W`, `P30D`; upper case.
    where
        Filter, for the error.

    Raises
    ------
    BadQuestion
        Not a duration, a mixture of years and shorter units, or months that make no whole years.
    """
    found = _DURATION.fullmatch(text)
    if found is None or text == "P":
        raise BadQuestion(f"{text[:40]!r} is no duration", where=where, expected=EXPECTED)
    years, months, weeks, days = (None if part is None else int(part) for part in found.groups())
    long, short = (years or 0) * 12 + (months or 0), (weeks or 0) * 7 + (days or 0)
    if (years is not None or months is not None) and (weeks is not None or days is not None):
        raise BadQuestion(f"{text!r} mixes years or months with days", where=where, expected=EXPECTED)
    if long % 12:
        raise BadQuestion(
            f"{text!r} is no whole number of years, and a month has no fixed number of days",
            where=where,
            expected=EXPECTED,
        )
    if long // 12 > MOST_YEARS or short > MOST_DAYS:
        raise BadQuestion(f"{text!r} is no age of a person", where=where, expected=f"at most P{MOST_YEARS}Y")
    if weeks is not None or days is not None:
        return AgeValue("age_days", short)
    return AgeValue("age", long // 12)

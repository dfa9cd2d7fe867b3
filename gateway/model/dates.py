"""Partial dates as intervals, and age at diagnosis as an interval.

A date is {earliest, latest, precision}; month and year dates cover all their days (ENCR recommendations 2022;
oBDS `Datumsgenauigkeit` T, M, V, E). Age: a given age wins, else the difference of birth and incidence dates.
Completed years compare (month, day) as tuples, so a child born on 29 February is one on 1 March. The day counts
of a given age hold for births after February 1900 (365 days a year and the leap days that can lie between).
"""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from gateway.model.values import Truth


class DatePrecision(StrEnum):
    """What a source knows of a date."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"
    ESTIMATED = "estimated"
    UNKNOWN = "unknown"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class DateInterval:
    """All days that a partial date may mean, both ends included; both None when nothing is known."""

    earliest: dt.date | None
    latest: dt.date | None
    precision: DatePrecision

    @classmethod
    def of(cls, year: int, month: int | None = None, day: int | None = None) -> DateInterval:
        """Interval of a year, month or day; raises ValueError for a day that does not exist."""
        if month is None:
            return cls(dt.date(year, 1, 1), dt.date(year, 12, 31), DatePrecision.YEAR)
        if day is None:
            last = calendar.monthrange(year, month)[1]
            return cls(dt.date(year, month, 1), dt.date(year, month, last), DatePrecision.MONTH)
        exact = dt.date(year, month, day)
        return cls(exact, exact, DatePrecision.DAY)

    def within(self, low: dt.date | None, high: dt.date | None) -> Truth:
        """Whether the date lies between low and high (both included, None = open)."""
        if self.earliest is None or self.latest is None:
            return Truth.POSSIBLE
        return interval_within(
            self.earliest.toordinal(),
            self.latest.toordinal(),
            low.toordinal() if low else None,
            high.toordinal() if high else None,
        )

    @property
    def years(self) -> tuple[int, int] | None:
        """First and last calendar year, or None when nothing is known."""
        if self.earliest is None or self.latest is None:
            return None
        return self.earliest.year, self.latest.year


UNKNOWN_DATE = DateInterval(None, None, DatePrecision.UNKNOWN)
WITHHELD_DATE = DateInterval(None, None, DatePrecision.WITHHELD)
"""A date of a released record that its policy holds back."""


def interval_within(lo: int, hi: int, low: int | None, high: int | None) -> Truth:
    """Three-valued `low <= x <= high` for an x known only to lie in [lo, hi]."""
    if (low is not None and hi < low) or (high is not None and lo > high):
        return Truth.NO
    if (low is None or lo >= low) and (high is None or hi <= high):
        return Truth.YES
    return Truth.POSSIBLE


def completed_years(birth: dt.date, at: dt.date) -> int:
    """Completed years of age; negative if `at` lies before birth."""
    return at.year - birth.year - ((at.month, at.day) < (birth.month, birth.day))


def days_of_years(years: int) -> tuple[int, int]:
    """Fewest and most days of age of a person of so many completed years."""
    return 365 * years + years // 4, 365 * (years + 1) + (years + 4) // 4 - 1


@dataclass(frozen=True, slots=True)
class Age:
    """Age at diagnosis as closed intervals in completed years and in days; None when nothing is known.

    Attributes
    ----------
    withheld
        Whether nothing is told of it because a policy holds it back.
    """

    years: tuple[int, int] | None
    days: tuple[int, int] | None
    withheld: bool = False

    @classmethod
    def at_diagnosis(
        cls,
        birth: DateInterval,
        incidence: DateInterval,
        given_years: int | None = None,
        given_days: int | None = None,
    ) -> Age:
        """Age from what a source gives: days first, then completed years, then the two dates.

        A given age in years narrows to the days that the dates also allow; where they contradict each other the
        given age stands alone. A negative derived age is cut at 0 (dates of the same month).
        """
        if given_days is not None:
            low, high = given_days * 4 // 1461, given_days // 365
            return cls((_years_low(given_days, low), _years_high(given_days, high)), (given_days, given_days))
        derived_days, derived_years = _from_dates(birth, incidence)
        if given_years is None:
            return cls(derived_years, derived_days)
        low, high = days_of_years(given_years)
        if derived_days is not None and derived_days[0] <= high and derived_days[1] >= low:
            low, high = max(low, derived_days[0]), min(high, derived_days[1])
        return cls((given_years, given_years), (low, high))


def _years_low(days: int, guess: int) -> int:
    years = max(guess - 1, 0)
    while days_of_years(years)[1] < days:
        years += 1
    return years


def _years_high(days: int, guess: int) -> int:
    years = guess + 1
    while years > 0 and days_of_years(years)[0] > days:
        years -= 1
    return years


def _from_dates(birth: DateInterval, incidence: DateInterval) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    if birth.earliest is None or birth.latest is None or incidence.earliest is None or incidence.latest is None:
        return None, None
    days = (incidence.earliest - birth.latest).days, (incidence.latest - birth.earliest).days
    years = completed_years(birth.latest, incidence.earliest), completed_years(birth.earliest, incidence.latest)
    return (max(days[0], 0), max(days[1], 0)), (max(years[0], 0), max(years[1], 0))

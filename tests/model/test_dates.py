"""Partial dates and age at diagnosis are intervals; comparisons have three outcomes."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.dates import UNKNOWN_DATE, Age, DateInterval, completed_years, days_of_years, interval_within
from gateway.model.values import Truth

DAYS = st.dates(dt.date(1950, 1, 1), dt.date(2030, 12, 31))


@st.composite
def partial(draw: st.DrawFn) -> tuple[DateInterval, dt.date]:
    day = draw(DAYS)
    precision = draw(st.sampled_from(["day", "month", "year"]))
    parts = {"day": (day.year, day.month, day.day), "month": (day.year, day.month), "year": (day.year,)}[precision]
    return DateInterval.of(*parts), day


@given(partial(), partial())
def test_age_interval_always_holds_the_true_age(
    birth: tuple[DateInterval, dt.date], incidence: tuple[DateInterval, dt.date]
) -> None:
    (birth_interval, born), (incidence_interval, diagnosed) = birth, incidence
    if diagnosed < born:
        return
    age = Age.at_diagnosis(birth_interval, incidence_interval)
    assert age.years is not None
    assert age.days is not None
    assert age.years[0] <= completed_years(born, diagnosed) <= age.years[1]
    assert age.days[0] <= (diagnosed - born).days <= age.days[1]


@given(partial(), partial(), st.booleans())
def test_a_given_age_in_years_never_excludes_the_true_age_in_days(
    birth: tuple[DateInterval, dt.date], incidence: tuple[DateInterval, dt.date], with_dates: bool
) -> None:
    (birth_interval, born), (incidence_interval, diagnosed) = birth, incidence
    if diagnosed < born:
        return
    years, days = completed_years(born, diagnosed), (diagnosed - born).days
    dates = (birth_interval, incidence_interval) if with_dates else (UNKNOWN_DATE, UNKNOWN_DATE)
    age = Age.at_diagnosis(*dates, given_years=years)
    assert age.years == (years, years)
    assert age.days is not None
    assert age.days[0] <= days <= age.days[1]


@given(DAYS, st.integers(0, 20_000))
def test_a_given_age_in_days_holds_every_possible_age_in_years(born: dt.date, days: int) -> None:
    age = Age.at_diagnosis(UNKNOWN_DATE, UNKNOWN_DATE, given_days=days)
    assert age.years is not None
    assert age.days == (days, days)
    assert age.years[0] <= completed_years(born, born + dt.timedelta(days=days)) <= age.years[1]


def test_a_given_age_that_contradicts_the_dates_stands_alone() -> None:
    age = Age.at_diagnosis(DateInterval.of(2000, 1, 1), DateInterval.of(2010, 1, 1), given_years=3)
    assert age == Age((3, 3), days_of_years(3))


@pytest.mark.parametrize(
    ("interval", "bounds", "expected"),
    [
        ((3, 5), (0, 14), Truth.YES),
        ((3, 5), (4, 4), Truth.POSSIBLE),
        ((3, 5), (6, None), Truth.NO),
        ((3, 5), (None, None), Truth.YES),
    ],
)
def test_comparison_of_an_interval_has_three_outcomes(
    interval: tuple[int, int], bounds: tuple[int | None, int | None], expected: Truth
) -> None:
    assert interval_within(*interval, *bounds) is expected


def test_an_unknown_date_is_possible_everywhere() -> None:
    assert UNKNOWN_DATE.within(dt.date(2010, 1, 1), dt.date(2010, 12, 31)) is Truth.POSSIBLE

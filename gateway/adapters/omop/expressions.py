"""SQL expressions over a case `c`, its person `p`, location `l`, death `x` and last observation `s`.

Dates compare as year * 10000 + month * 100 + day, which compares (month, day) as tuples in every engine. A birth
without month or day is an interval: its latest day gives the lowest age, its earliest the highest. A month or day
that does not exist counts as not recorded.
"""

from __future__ import annotations

from sqlglot import exp

from gateway.adapters.omop.sql import condition
from gateway.model.fields import AGE_BANDS

YEAR = "CAST(EXTRACT(YEAR FROM c.incidence) AS INT)"
MONTH = "CAST(EXTRACT(MONTH FROM c.incidence) AS INT)"
DAY = "CAST(EXTRACT(DAY FROM c.incidence) AS INT)"
INCIDENCE = f"({YEAR} * 10000 + {MONTH} * 100 + {DAY})"

REAL_MONTH = "p.month_of_birth BETWEEN 1 AND 12"
LEAP_YEAR = "MOD(p.year_of_birth, 4) = 0 AND (MOD(p.year_of_birth, 100) <> 0 OR MOD(p.year_of_birth, 400) = 0)"
LAST_DAY = (
    "CASE WHEN p.month_of_birth IN (4, 6, 9, 11) THEN 30 WHEN p.month_of_birth <> 2 THEN 31 "
    f"WHEN {LEAP_YEAR} THEN 29 ELSE 28 END"
)
REAL_DAY = f"p.day_of_birth BETWEEN 1 AND {LAST_DAY}"
COMPLETE_BIRTH = f"COALESCE(p.year_of_birth > 0 AND {REAL_MONTH} AND {REAL_DAY}, FALSE)"

DEAD, ALIVE = 2, 1
VITAL_CODES = {"dead": DEAD, "alive": ALIVE}

DAY_SUBTRACTION = frozenset({"duckdb", "postgres"})
"""Engines where a date minus a date is a number of days."""
MAKE_DATE = frozenset({"duckdb", "postgres", "spark", "databricks"})
"""Engines with MAKE_DATE(year, month, day)."""


def birth(latest: bool, complete: bool) -> str:
    """First or last day that a birth may be, as a number; if all births are complete, just the day."""
    if complete:
        return "(p.year_of_birth * 10000 + p.month_of_birth * 100 + p.day_of_birth)"
    return f"(p.year_of_birth * 10000 + {_birth_month(latest)} * 100 + {_birth_day(latest)})"


def years_apart(latest: bool, complete: bool) -> str:
    """Number that is at least 10000 * n exactly when n years of age are completed."""
    return f"({INCIDENCE} - {birth(latest, complete)})"


def completed_years(latest: bool, complete: bool) -> exp.Expression:
    """Age in completed years, cut at 0; without integer division, which engines do not agree on."""
    before_birthday = f"{INCIDENCE} - {YEAR} * 10000 < {birth(latest, complete)} - p.year_of_birth * 10000"
    years = f"({YEAR} - p.year_of_birth - CASE WHEN {before_birthday} THEN 1 ELSE 0 END)"
    return condition(f"CASE WHEN {years} < 0 THEN 0 ELSE {years} END")


def age_band(latest: bool, complete: bool) -> exp.Expression:
    """Position of the age band in AGE_BANDS; NULL where the age is not known."""
    value = years_apart(latest, complete)
    starts = [low * 10_000 for _, low, _ in AGE_BANDS]
    steps = " ".join(f"WHEN {value} < {start} THEN {i}" for i, start in enumerate(starts[1:]))
    return condition(f"CASE {steps} WHEN {value} >= {starts[-1]} THEN {len(starts) - 1} END")


def age_days(latest: bool, complete: bool, dialect: str) -> exp.Expression:
    """Age in days, not cut at 0."""
    day = ("p.month_of_birth", "p.day_of_birth") if complete else (_birth_month(latest), _birth_day(latest))
    parts = [condition(each) for each in ("p.year_of_birth", *day)]
    born: exp.Expression = exp.Anonymous(this="MAKE_DATE", expressions=parts)
    if dialect not in MAKE_DATE:
        born = exp.DateFromParts(year=parts[0], month=parts[1], day=parts[2])
    incidence = condition("c.incidence")
    if dialect in DAY_SUBTRACTION:
        return exp.Paren(this=exp.Sub(this=incidence, expression=born))
    return exp.DateDiff(this=incidence, expression=born, unit=exp.var("DAY"))


def vital_status(observed: bool) -> exp.Expression:
    """DEAD with a row in death, else ALIVE where an observation period ends, else NULL."""
    alive = f" WHEN NOT s.last_day IS NULL THEN {ALIVE}" if observed else ""
    return condition(f"CASE WHEN NOT x.person_id IS NULL THEN {DEAD}{alive} END")


def _birth_month(latest: bool) -> str:
    return f"CASE WHEN {REAL_MONTH} THEN p.month_of_birth ELSE {12 if latest else 1} END"


def _birth_day(latest: bool) -> str:
    end = f"CASE WHEN {REAL_MONTH} THEN {LAST_DAY} ELSE 31 END" if latest else "1"
    return f"CASE WHEN {REAL_MONTH} AND {REAL_DAY} THEN p.day_of_birth ELSE {end} END"

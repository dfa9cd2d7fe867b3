"""Facts of a case as SQL: a case `c`, its person `p`, location `l`, death `x` and last observation `s`.

Dates compare as year * 10000 + month * 100 + day, which compares (month, day) as tuples in every engine. A birth
without month or day is an interval: its last day gives the lowest age, its first the highest. A month or day that
does not exist counts as not recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from gateway.adapters.omop.sql import condition
from gateway.model.fields import AGE_BANDS

YEAR = "CAST(EXTRACT(YEAR FROM c.incidence) AS INT)"
MONTH = "CAST(EXTRACT(MONTH FROM c.incidence) AS INT)"
DAY = "CAST(EXTRACT(DAY FROM c.incidence) AS INT)"

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
VITAL = f"CASE WHEN NOT x.person_id IS NULL THEN {DEAD} WHEN NOT s.last_day IS NULL THEN {ALIVE} END"
VITAL_UNSEEN = f"CASE WHEN NOT x.person_id IS NULL THEN {DEAD} END"

DAY_SUBTRACTION = frozenset({"duckdb", "postgres"})
"""Engines where a date minus a date is a number of days."""
MAKE_DATE = frozenset({"duckdb", "postgres", "spark", "databricks"})
"""Engines with MAKE_DATE(year, month, day)."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A column of the cases, and the tables it needs beside them."""

    sql: str
    needs: tuple[str, ...] = ()


PERSON = ("person",)
FACTS: Mapping[str, Fact] = {
    "person_id": Fact("c.person_id"),
    "row_id": Fact("c.row_id"),
    "incidence": Fact("CAST(c.incidence AS DATE)"),
    "year": Fact(YEAR),
    "day_number": Fact(f"{YEAR} * 10000 + {MONTH} * 100 + {DAY}"),
    "gender": Fact("p.gender_concept_id", PERSON),
    "birth_year": Fact("p.year_of_birth", PERSON),
    "birth_month": Fact("p.month_of_birth", PERSON),
    "birth_day": Fact("p.day_of_birth", PERSON),
    "country_concept": Fact("l.country_concept_id", ("location",)),
    "country_value": Fact("l.country_source_value", ("location",)),
    "vital": Fact(VITAL, ("death", "observation_period")),
    "dead": Fact("x.person_id", ("death",)),
    "died": Fact("CAST(x.death_date AS DATE)", ("death",)),
    "seen": Fact("CAST(s.last_day AS DATE)", ("observation_period",)),
}


def birth_number(last: bool, complete: bool) -> str:
    """First or last day that a birth may be, as a number; if all births are complete, just the day."""
    if complete:
        return "p.year_of_birth * 10000 + p.month_of_birth * 100 + p.day_of_birth"
    return f"p.year_of_birth * 10000 + {_birth_month(last)} * 100 + {_birth_day(last)}"


def days_lived(last: bool, complete: bool, dialect: str) -> exp.Expression:
    """Age in days, not cut at 0."""
    parts = ("p.month_of_birth", "p.day_of_birth") if complete else (_birth_month(last), _birth_day(last))
    year, month, day = (condition(each) for each in ("p.year_of_birth", *parts))
    born: exp.Expression = exp.Anonymous(this="MAKE_DATE", expressions=[year, month, day])
    if dialect not in MAKE_DATE:
        born = exp.DateFromParts(year=year, month=month, day=day)
    incidence = condition("CAST(c.incidence AS DATE)")
    if dialect in DAY_SUBTRACTION:
        return exp.Sub(this=incidence, expression=born)
    return exp.DateDiff(this=incidence, expression=born, unit=exp.var("DAY"))


def completed_years(birth: str) -> str:
    """Age in completed years, cut at 0; without integer division, which engines do not agree on."""
    before_birthday = f"f.day_number - f.year * 10000 < {birth} - f.birth_year * 10000"
    years = f"f.year - f.birth_year - CASE WHEN {before_birthday} THEN 1 ELSE 0 END"
    return f"CASE WHEN f.day_number < {birth} THEN 0 ELSE {years} END"


def age_band(birth: str) -> str:
    """Position of the age band in AGE_BANDS; NULL where the age is not known."""
    starts = [low * 10_000 for _, low, _ in AGE_BANDS]
    steps = " ".join(f"WHEN f.day_number - {birth} < {start} THEN {i}" for i, start in enumerate(starts[1:]))
    return f"CASE {steps} WHEN f.day_number - {birth} >= {starts[-1]} THEN {len(starts) - 1} END"


def _birth_month(last: bool) -> str:
    return f"CASE WHEN {REAL_MONTH} THEN p.month_of_birth ELSE {12 if last else 1} END"


def _birth_day(last: bool) -> str:
    end = f"CASE WHEN {REAL_MONTH} THEN {LAST_DAY} ELSE 31 END" if last else "1"
    return f"CASE WHEN {REAL_MONTH} AND {REAL_DAY} THEN p.day_of_birth ELSE {end} END"

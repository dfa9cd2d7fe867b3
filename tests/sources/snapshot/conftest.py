"""Terminology and a small registry for tests of snapshots."""

from __future__ import annotations

import datetime as dt

import pytest

import terminology
from gateway.model.case import Case, Diagnosis
from gateway.model.dates import UNKNOWN_DATE, Age, DateInterval
from gateway.sources.base import Context


@pytest.fixture(scope="session")
def context() -> Context:
    return Context(terminology.load(), b"secret of the snapshot tests....")


@pytest.fixture
def registry() -> tuple[Case, ...]:
    """300 tumours: neuroblastomas and leukaemias over 20 years, every tenth patient with two, some dates partial."""
    return tuple(_case(number) for number in range(300))


def _case(number: int) -> Case:
    diagnosis = Diagnosis("C74.9", 9500, 3) if number % 3 else Diagnosis("C42.1", 9811, 3)
    day = dt.date(2000, 1, 1) + dt.timedelta(days=number * 23)
    incidence = DateInterval.of(day.year, day.month, None if number % 7 == 0 else day.day)
    birth = DateInterval.of(day.year - number % 15, 1, 1)
    return Case(
        "registry",
        f"tumour-{number}",
        f"patient-{number - (number % 10 == 1)}",
        diagnosis,
        UNKNOWN_DATE if number == 42 else incidence,
        birth,
        Age(None, None) if number == 42 else Age.at_diagnosis(birth, incidence),
        sex="female" if number % 2 else "male",
        vital_status="alive",
        basis="7",
        country="FR",
    )

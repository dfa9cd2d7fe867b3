"""Number search values to conditions on the age in completed years (R4 search.html section 3.1.1.5.7).

Completed years are whole numbers, so the implicit precision of a decimal does not arise; `ap` is within 10 %.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from gateway.doors.fhir.search.grammar import compared
from gateway.errors import BadQuestion
from gateway.model.query import NOTHING, Between, Expr, Not

HIGHEST_AGE = 150
EXPECTED = f"completed years as a whole number from 0 to {HIGHEST_AGE} with an optional prefix, e.g. lt15"
EXPECTED_DAYS = f"days as a whole number from 0 to {HIGHEST_AGE * 366} with an optional prefix, e.g. lt365"

_WHOLE = re.compile(r"\d{1,5}", re.ASCII)


def completed_years(text: str, parameter: str) -> Expr:
    """Condition of one age value in completed years.

    Raises
    ------
    BadQuestion
        Not a whole number of years.
    Unsupported
        A prefix that there is not.
    """
    return _compared("age", text, HIGHEST_AGE, parameter, "an age in completed years", EXPECTED)


def days(text: str, parameter: str) -> Expr:
    """Condition of one age value in days.

    Raises
    ------
    BadQuestion
        Not a whole number of days.
    Unsupported
        A prefix that there is not.
    """
    return _compared("age_days", text, HIGHEST_AGE * 366, parameter, "an age in days", EXPECTED_DAYS)


def _compared(field: str, text: str, highest: int, parameter: str, what: str, expected: str) -> Expr:
    prefix, value = compared(text, parameter)
    if not _WHOLE.fullmatch(value) or int(value) > highest:
        raise BadQuestion(f"{value!r} is not {what}", where=parameter, expected=expected)
    return _CONDITIONS[prefix](field, int(value))


def _below(field: str, age: int) -> Expr:
    return Between(field, None, age - 1) if age else NOTHING


_CONDITIONS: Mapping[str, Callable[[str, int], Expr]] = {
    "eq": lambda field, age: Between(field, age, age),
    "ne": lambda field, age: Not(Between(field, age, age)),
    "gt": lambda field, age: Between(field, age + 1, None),
    "sa": lambda field, age: Between(field, age + 1, None),
    "lt": _below,
    "eb": _below,
    "ge": lambda field, age: Between(field, age, None),
    "le": lambda field, age: Between(field, None, age),
    "ap": lambda field, age: Between(field, age - age // 10, age + age // 10),
}

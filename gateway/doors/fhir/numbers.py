"""Number search values to conditions on the age in completed years (R4 search.html section 3.1.1.5.7).

Completed years are whole numbers, so the implicit precision of a decimal does not arise; `ap` is within 10 %.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from gateway.doors.fhir.grammar import prefixed
from gateway.errors import BadQuestion
from gateway.model.query import NOTHING, Between, Expr, Not

HIGHEST_AGE = 150
EXPECTED = f"completed years as a whole number from 0 to {HIGHEST_AGE} with an optional prefix, e.g. lt15"

_WHOLE = re.compile(r"\d{1,3}", re.ASCII)


def completed_years(text: str, parameter: str) -> Expr:
    """Condition of one age value.

    Raises
    ------
    BadQuestion
        Not a whole number of years.
    """
    prefix, value = prefixed(text)
    if not _WHOLE.fullmatch(value) or int(value) > HIGHEST_AGE:
        raise BadQuestion(f"{value!r} is not an age in completed years", where=parameter, expected=EXPECTED)
    return _CONDITIONS[prefix](int(value))


def _below(years: int) -> Expr:
    return Between("age", None, years - 1) if years else NOTHING


_CONDITIONS: Mapping[str, Callable[[int], Expr]] = {
    "eq": lambda years: Between("age", years, years),
    "ne": lambda years: Not(Between("age", years, years)),
    "gt": lambda years: Between("age", years + 1, None),
    "sa": lambda years: Between("age", years + 1, None),
    "lt": _below,
    "eb": _below,
    "ge": lambda years: Between("age", years, None),
    "le": lambda years: Between("age", None, years),
    "ap": lambda years: Between("age", years - years // 10, years + years // 10),
}

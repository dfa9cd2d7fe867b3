"""Parameters that steer an answer and not the question: page, total, format (R4 search.html section 3.1.1.6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from gateway.doors.fhir.search.shape import ELEMENTS, SUMMARY
from gateway.errors import BadQuestion

DEFAULT_COUNT = 50
MOST_COUNT = 1000
COUNT = "_count"
CURSOR = "_cursor"
REQUIRE_COMPLETE = "require-complete"

_WHOLE = re.compile(r"\d{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Controls:
    """What the parameters of CONTROLS ask for.

    Attributes
    ----------
    count
        Entries on a page.
    count_only
        Whether only the total is wanted.
    total
        Whether the total is wanted.
    complete
        Whether an answer that is not complete is refused.
    cursor
        Token of a page, None for the first.
    """

    count: int = DEFAULT_COUNT
    count_only: bool = False
    total: bool = True
    complete: bool = False
    cursor: str | None = None


DEFAULTS = Controls()


def controlled(controls: Controls, name: str, value: str) -> Controls:
    """Controls with one more parameter of CONTROLS.

    Raises
    ------
    BadQuestion
        A value that cannot be read.
    """
    return CONTROLS[name](controls, value)


def applied(name: str, value: str) -> str:
    """Value of a parameter as it was applied, which is what the self link says (R4 search.html section 3.1.1.9)."""
    return str(min(int(value), MOST_COUNT)) if name == COUNT else value


def _count(controls: Controls, value: str) -> Controls:
    if not _WHOLE.fullmatch(value):
        raise BadQuestion(f"{value!r} is no number of entries", where=COUNT, expected=f"0 to {MOST_COUNT}")
    count = min(int(value), MOST_COUNT)
    return replace(controls, count=max(count, 1), count_only=controls.count_only or count == 0)


def _summary(controls: Controls, value: str) -> Controls:
    return replace(controls, count_only=controls.count_only or value == "count")


def _total(controls: Controls, value: str) -> Controls:
    if value not in {"none", "estimate", "accurate"}:
        raise BadQuestion(f"{value!r} is no kind of total", where="_total", expected="none, estimate or accurate")
    return replace(controls, total=value != "none")


def _total_method(controls: Controls, value: str) -> Controls:
    """Not of the specification: fhirpy counts with `_count=0&_totalMethod=count`."""
    if value != "count":
        raise BadQuestion(f"{value!r} is no way to count", where="_totalMethod", expected="count")
    return replace(controls, total=True)


def _cursor(controls: Controls, value: str) -> Controls:
    return replace(controls, cursor=value)


def _of_answer(controls: Controls, _value: str) -> Controls:
    """A parameter that gateway.doors.fhir.wire.request has read already."""
    return controls


def _complete(controls: Controls, value: str) -> Controls:
    if value not in {"true", "false"}:
        raise BadQuestion(f"{value!r} is no truth", where=REQUIRE_COMPLETE, expected="true or false")
    return replace(controls, complete=value == "true")


CONTROLS: Mapping[str, Callable[[Controls, str], Controls]] = {
    COUNT: _count,
    SUMMARY: _summary,
    ELEMENTS: _of_answer,
    "_total": _total,
    "_totalMethod": _total_method,
    CURSOR: _cursor,
    REQUIRE_COMPLETE: _complete,
    "_format": _of_answer,
    "_pretty": _of_answer,
}
CONTROL_NAMES = tuple(CONTROLS)

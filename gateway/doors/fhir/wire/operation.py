"""Parameters of an operation as the names and values of a URL (R4 operations.html section 3.2.0.5, parameters.html).

An operation of ours takes the same values by GET and by POST; a Coding or CodeableConcept is its `system|code`, a
Reference its reference.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from gateway.doors.fhir.definitions import Resource
from gateway.errors import BadQuestion

EXPECTED = "a Parameters resource"

_SPECIAL = re.compile(r"[\\,|$]")


def parameters_of(resource: Resource | None) -> tuple[tuple[str, str], ...]:
    """Names and values of a Parameters resource; none where there is none.

    Raises
    ------
    BadQuestion
        A parameter without a single value that is text, number, date, code or reference.
    """
    if resource is None:
        return ()
    given = resource.get("parameter", [])
    if not isinstance(given, list):
        raise BadQuestion("parameter is no list", where="Parameters", expected=EXPECTED)
    return tuple(pair for index, item in enumerate(given) for pair in _pairs(item, index))


def _pairs(item: Any, index: int) -> Sequence[tuple[str, str]]:
    name = item.get("name") if isinstance(item, dict) else None
    if not isinstance(name, str):
        raise BadQuestion("a parameter has no name", where=f"Parameters.parameter[{index}]", expected="a name")
    values = [value for key, value in item.items() if key.startswith("value")]
    if len(values) != 1:
        raise BadQuestion("does not have one value", where=name, expected="one value[x]")
    return [(name, _text(values[0], name))]


def _text(value: Any, name: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, dict) and isinstance(value.get("reference"), str):
        return str(value["reference"])
    codings = value.get("coding", [value]) if isinstance(value, dict) else None
    if not isinstance(codings, list) or not codings or not all(_is_coding(coding) for coding in codings):
        raise BadQuestion(
            "this type of value is not read", where=name, expected="text, number, date, code, Coding or Reference"
        )
    return ",".join(f"{_escaped(coding.get('system', ''))}|{_escaped(coding['code'])}" for coding in codings)


def _is_coding(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("code"), str) and isinstance(value.get("system", ""), str)


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda found: f"\\{found[0]}", text)

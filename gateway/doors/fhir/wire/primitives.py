"""Primitive values as their types have them (R4 datatypes.html), in JSON and in XML, and the signs that a text can hold."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Any

from gateway.doors.fhir.search.elements import Element

MOST_INTEGER = 2**31 - 1
MOST_WHOLE = 10**18 - 1
"""Largest decimal that is written without a point."""
LEAST, MOST = 1e-99, 1e99
"""Decimals beyond have an exponent of three digits, which is not read in XML either."""

WHOLE: Mapping[str, int] = {"integer": -MOST_INTEGER - 1, "unsignedInt": 0, "positiveInt": 1}
"""Least value of the types of whole numbers."""
TEXTS = frozenset({"string", "markdown"})

_SIGN = r"(?:[^\s\[\]%#]|%[0-9A-Fa-f]{2})"
_SCHEME = r"(?:[A-Za-z][A-Za-z0-9+.-]*:|(?![^/?#]*:))"
_HOST_SIGN = r"(?:[^\s\[\]%#/?@:]|%[0-9A-Fa-f]{2})"
_HOST = rf"(?://(?:(?:{_HOST_SIGN}|:)*@)?{_HOST_SIGN}*(?::[0-9]*)?(?![^/?#])|(?!//))"
_YEAR = r"(?!0000)\d{4}"
_DAY = rf"{_YEAR}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?"
_INSTANT = rf"{_DAY}T{_TIME}(?:Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))"
_BASE64 = r"(?:[\dA-Za-z+/]{4}[ \t\r\n]*+)*+(?:[\dA-Za-z+/][AQgw]==|[\dA-Za-z+/]{2}[AEIMQUYcgkosw048]=)?[ \t\r\n]*+"

URI = re.compile(rf"{_SCHEME}{_HOST}{_SIGN}*(?:#{_SIGN}*)?")
VERSION = re.compile(rf"{_SIGN}*")
CODE = re.compile(r"\S+(?: \S+)*")
DAY = 10
"""Letters of a whole date."""

_FORMS: Mapping[str, re.Pattern[str]] = {
    **dict.fromkeys(("uri", "url", "canonical"), URI),
    "code": CODE,
    "id": re.compile(r"[A-Za-z0-9.-]{1,64}"),
    "oid": re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9]\d*))+", re.ASCII),
    "uuid": re.compile("urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    "date": re.compile(rf"{_YEAR}(?:-(?:0[1-9]|1[0-2]))?|{_DAY}", re.ASCII),
    "dateTime": re.compile(rf"{_YEAR}(?:-(?:0[1-9]|1[0-2]))?|{_DAY}|{_INSTANT}", re.ASCII),
    "instant": re.compile(_INSTANT, re.ASCII),
    "time": re.compile(_TIME, re.ASCII),
    "base64Binary": re.compile(rf"(?=.*[^ \t\r\n])[ \t\r\n]*+{_BASE64}", re.ASCII | re.DOTALL),
}
_MATCHES: Mapping[str, Callable[[str], object]] = {kind: form.fullmatch for kind, form in _FORMS.items()}
_OPEN = frozenset({"uri", "url", "canonical", "code"})
"""Types that take letters of any script."""
_DATED = frozenset({"date", "dateTime", "instant"})

_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ODD = re.compile("[^\\S \t\n\r]|[\x7f-\x9f\ufeff]")
"""What XML can hold and a FHIR string cannot: blanks but the plain ones, controls."""
_UNFIT = re.compile("[^\\S ]|[\x00-\x1f\x7f-\x9f\ufeff\ufffe\uffff]")
"""What neither a code nor a URI can hold."""
_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,9})", re.ASCII)
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d{1,18})?(?:[eE][+-]?\d{1,2})?", re.ASCII)


def is_value(item: Any, element: Element) -> bool:
    """Whether a value of JSON is one of an element: its type, its form, and a code of its required binding."""
    kind = element.type
    if isinstance(item, str):
        if not item or (element.codes and item not in element.codes):
            return False
        return is_text(item) if kind in TEXTS or kind == "xhtml" else has_form(item, kind)
    if isinstance(item, bool):
        return kind == "boolean"
    if isinstance(item, int):
        return is_whole(item, kind) if kind in WHOLE else kind == "decimal" and abs(item) <= MOST_WHOLE
    return isinstance(item, float) and kind == "decimal" and (item == 0 or LEAST <= abs(item) < MOST)


def is_whole(number: int, kind: str) -> bool:
    """Whether a type of whole numbers, which have 32 bits, has this one."""
    return WHOLE[kind] <= number <= MOST_INTEGER


def is_text(text: str) -> bool:
    """Whether XML can hold a text."""
    return _NOT_XML.search(text) is None


def has_form(text: str, kind: str) -> bool:
    """Whether a text is the value of a primitive type that is neither string nor number."""
    matches = _MATCHES.get(kind)
    if matches is None or not matches(text):
        return False
    if kind in _DATED:
        return len(text) < DAY or _is_day(text[:DAY])
    return kind not in _OPEN or _UNFIT.search(text) is None


def plain(text: str) -> str:
    """A text with plain blanks in the place of others, and without controls: a FHIR string has neither."""
    return text if text.isascii() and "\x7f" not in text else _ODD.sub(_instead, text)


def number_of(text: str, kind: str) -> int | float | None:
    """Number that XML has as text; None where it is none of its type."""
    if kind in WHOLE:
        number = int(text) if _INTEGER.fullmatch(text) else None
        return number if number is not None and is_whole(number, kind) else None
    if kind == "decimal" and _DECIMAL.fullmatch(text):
        return float(text) if set(text) & {".", "e", "E"} else int(text)
    return None


def _instead(found: re.Match[str]) -> str:
    return "\ufffd" if "\x7f" <= found[0] <= "\x9f" else " "


def _is_day(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True

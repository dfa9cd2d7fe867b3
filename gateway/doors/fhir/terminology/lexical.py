"""The lexical form of plain values: what an answer repeats must fit its primitive type (R4 datatypes.html).

A URI is one by RFC 3986 (the XML schema wants that), a code has no blank but single ones within, a text no control
character; else the answer that names them would be no valid resource.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.doors.fhir.terminology.parameters import PARAMETERS
from gateway.doors.fhir.wire.outcome import is_printable
from gateway.errors import BadQuestion

SIGN = r"(?:[^\s\[\]%#]|%[0-9A-Fa-f]{2})"
SCHEME = r"(?:[A-Za-z][A-Za-z0-9+.-]*:|(?![^/?#]*:))"
HOST_SIGN = r"(?:[^\s\[\]%#/?@:]|%[0-9A-Fa-f]{2})"
HOST = rf"(?://(?:(?:{HOST_SIGN}|:)*@)?{HOST_SIGN}*(?::[0-9]*)?(?![^/?#])|(?!//))"
URI = (re.compile(rf"{SCHEME}{HOST}{SIGN}*(?:#{SIGN}*)?"), "a URI (RFC 3986), which has no blanks")
VERSION = (re.compile(rf"{SIGN}*"), "a version without blanks or brackets, as it stands in a canonical")
CODE = (re.compile(r"(\S+( \S+)*)?"), "a code, which neither begins nor ends with a blank")
STRING = (re.compile(r"[\s\S]*"), "a text without control characters")
FORMS: Mapping[str, tuple[re.Pattern[str], str]] = {"uri": URI, "canonical": URI, "code": CODE, "version": VERSION}
TYPES: Mapping[str, str] = {
    **{item["name"]: item["type"] for asked in PARAMETERS.values() for item in asked if item["use"] == "in"},
    **dict.fromkeys(("source", "target"), "uri"),
    **dict.fromkeys(("version", "systemVersion", "valueSetVersion", "targetVersion", "conceptMapVersion"), "version"),
}
"""Type of a parameter in, by its name; the same in every operation that has it."""
ELEMENTS: Mapping[str, str] = {
    **dict.fromkeys(("url", "system", "supplements", "valueUri", "valueUrl", "valueCanonical", "valueSet"), "uri"),
    **dict.fromkeys(("code", "valueCode"), "code"),
    "version": "version",
}
"""Type of an element that holds a plain value, by its name; any other is a text."""


def check_text(name: str, value: str) -> None:
    """Refuse the value of a parameter that its type cannot hold.

    Raises
    ------
    BadQuestion
        Naming the parameter.
    """
    check_form(TYPES.get(name, "string"), value, name)


def check_element(name: str, value: str, place: str) -> None:
    """Refuse the plain value of an element of a resource that its type cannot hold.

    Raises
    ------
    BadQuestion
        Naming its place.
    """
    check_form(ELEMENTS.get(name, "string"), value, place)


def check_form(kind: str, value: str, place: str) -> None:
    """Refuse a value that a primitive type cannot hold.

    Raises
    ------
    BadQuestion
        Naming its place.
    """
    form, expected = FORMS.get(kind, STRING)
    if not form.fullmatch(value) or not is_printable(value):
        raise BadQuestion("this value is not of its type", where=place, expected=expected)

"""The lexical form of parameters: what an answer repeats must fit its primitive type (R4 datatypes.html).

A URI is one by RFC 3986 (the XML schema wants that), a code has no blank but single ones within, a version none, for it
stands in canonicals; else the answer that names them would be no valid resource. A body has been judged by its types
before, all but the versions.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.doors.fhir.terminology.parameters import PARAMETERS
from gateway.doors.fhir.wire.primitives import VERSION, has_form, is_text, plain
from gateway.errors import BadQuestion

EXPECTED: Mapping[str, str] = {
    **dict.fromkeys(("uri", "canonical"), "a URI (RFC 3986), which has no blanks"),
    "code": "a code, which neither begins nor ends with a blank",
    "version": "a version without blanks or brackets, as it stands in a canonical",
}
"""What is expected of the types that have a form; any other is a text."""
TYPES: Mapping[str, str] = {
    **{item["name"]: item["type"] for asked in PARAMETERS.values() for item in asked if item["use"] == "in"},
    **dict.fromkeys(("source", "target"), "uri"),
    **dict.fromkeys(("version", "systemVersion", "valueSetVersion", "targetVersion", "conceptMapVersion"), "version"),
}
"""Type of a parameter in, by its name; the same in every operation that has it."""


def read_text(name: str, value: str, place: str = "") -> str:
    """Value of a parameter as it is read.

    Raises
    ------
    BadQuestion
        Its type cannot hold it; `where` is its place, or its name.
    """
    kind = TYPES.get(name, "string")
    if kind == "version":
        check_version(value, place or name)
    elif kind in EXPECTED:
        if value and not has_form(value, kind):
            raise BadQuestion("this value is not of its type", where=place or name, expected=EXPECTED[kind])
    elif not is_text(value):
        expected = "a text without control characters"
        raise BadQuestion("this value is not of its type", where=place or name, expected=expected)
    else:
        return plain(value)
    return value


def check_version(value: str, place: str) -> None:
    """Refuse a version that cannot stand in a canonical.

    Raises
    ------
    BadQuestion
        Naming its place.
    """
    if not VERSION.fullmatch(value) or (value and not has_form(value, "code")):
        raise BadQuestion("this value is not of its type", where=place, expected=EXPECTED["version"])

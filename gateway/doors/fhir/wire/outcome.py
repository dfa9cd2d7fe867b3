"""OperationOutcome for everything that is not a plain 2xx (R4 operationoutcome.html).

Each error category of gateway.errors is mapped once to a status and an issue type. A message names the parameter
or location and what was expected; it never holds a stack, a path or a value of a patient.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.doors.fhir.definitions import Resource
from gateway.errors import IccdError, UnknownTerm


@dataclass(frozen=True, slots=True)
class Kind:
    """HTTP status and FHIR issue type of an error category."""

    status: int
    code: str


LONGEST_TEXT = 2000
PATH = "path"
"""What is at fault where nothing else of the request is: what was asked for."""

_ELEMENT = re.compile(r"(?:Bundle|Parameters)(?:\.[A-Za-z_]\w{0,63}(?:\[\d{1,9}\])?){1,200}", re.ASCII)
_UNPRINTABLE = re.compile(r"[^\S \t\r\n]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff]")

KINDS: Mapping[str, Kind] = {
    "incorrect": Kind(400, "invalid"),
    "unsupported": Kind(400, "not-supported"),
    "too-costly": Kind(422, "too-costly"),
    "not-found": Kind(404, "not-found"),
    "expired": Kind(410, "processing"),
    "forbidden": Kind(403, "forbidden"),
    "unavailable": Kind(503, "transient"),
    "source": Kind(503, "incomplete"),
    "settings": Kind(500, "exception"),
    "fault": Kind(500, "exception"),
}
OF_PARAMETERS = frozenset({"incorrect", "unsupported", "too-costly", "expired"})
"""Categories whose `where` is a parameter of the request, or an element of its body."""

ISSUE_OF_STATUS: Mapping[int, str] = {
    400: "invalid",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    412: "conflict",
    413: "too-long",
    415: "not-supported",
    429: "throttled",
    500: "exception",
}
WHERE_OF_STATUS: Mapping[int, str] = {405: "method", 413: "body"}
"""What of the request is at fault, else its path."""
WHERE_IN_TEXT = frozenset({406, 412, 415})
"""Statuses whose text begins with it."""
WORDS_OF_STATUS: Mapping[str, str] = {
    "Not Found": "there is nothing at this path; metadata lists the resource types and interactions that are served",
    "Method Not Allowed": "this path does not take this method; metadata lists the interactions that are served",
}


def issue(
    severity: str,
    code: str,
    text: str,
    *,
    diagnostics: str | None = None,
    parameter: str | None = None,
    extension: list[Resource] | None = None,
    details: Resource | None = None,
) -> Resource:
    """One issue.

    Parameters
    ----------
    parameter
        A parameter or header of the request, which becomes `location` http.NAME, or the path of an element of its body,
        which is `location` and `expression`.
    """
    element: Resource = {"extension": extension} if extension else {}
    element |= {"severity": severity, "code": code, "details": {**(details or {}), "text": printable(text)}}
    if diagnostics:
        element["diagnostics"] = printable(diagnostics)
    if parameter is not None and _ELEMENT.fullmatch(parameter):
        element |= {"location": [parameter], "expression": [parameter]}
    elif parameter is not None:
        element["location"] = [f"http.{printable(parameter)}"]
    return element


def printable(text: str) -> str:
    """Text that a FHIR string can hold (R4 datatypes.html: no control character, no blank but the plain ones)."""
    return _UNPRINTABLE.sub("\ufffd", text[:LONGEST_TEXT])


def outcome(issues: list[Resource]) -> Resource:
    """OperationOutcome of issues, at least one."""
    return {"resourceType": "OperationOutcome", "issue": issues}


def of_error(error: IccdError) -> tuple[int, Resource]:
    """Status and OperationOutcome of one of our errors."""
    kind = KINDS[error.category]
    code = "code-invalid" if isinstance(error, UnknownTerm) else kind.code
    text = f"{error.place}: {error.message}" if error.place else error.message
    expected = f"expected {error.expected}" if error.expected else None
    parameter = error.where if error.where and error.category in OF_PARAMETERS else PATH
    return kind.status, outcome([issue("error", code, text, diagnostics=expected, parameter=parameter)])


def of_status(status: int, text: str) -> Resource:
    """OperationOutcome of an HTTP error; the framework's own one-word details are said in full."""
    where = text.partition(":")[0] if status in WHERE_IN_TEXT else WHERE_OF_STATUS.get(status, PATH)
    code, words = ISSUE_OF_STATUS.get(status, "processing"), WORDS_OF_STATUS.get(text, text)
    return outcome([issue("error", code, words, parameter=where)])

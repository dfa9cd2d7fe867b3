"""Datatypes shared by resources: absent values, partial dates, ages, codings (R4 datatypes.html)."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Mapping
from typing import Any

from gateway.doors.fhir.definitions import Resource, guide
from gateway.model.dates import Age, DateInterval, DatePrecision
from gateway.model.values import Absent

DATA_ABSENT_REASON = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
UCUM = "http://unitsofmeasure.org"

REASONS: Mapping[Absent, str] = {
    Absent.UNKNOWN: "unknown",
    Absent.NOT_COLLECTED: "unsupported",
    Absent.NOT_APPLICABLE: "not-applicable",
    Absent.WITHHELD: "masked",
}
CONFLICT = "error"
"""Reason where records of one patient contradict each other."""


def absent(reason: str) -> Resource:
    """An element without a value: a data-absent-reason extension in its place."""
    return {"extension": [{"url": DATA_ABSENT_REASON, "valueCode": reason}]}


def coding(
    system: str,
    code: str,
    *,
    version: str | None = None,
    display: str | None = None,
    recorded: bool | None = None,
    equivalence: str | None = None,
) -> Resource:
    """A Coding.

    Parameters
    ----------
    recorded
        Whether the source wrote this code itself (userSelected).
    equivalence
        How a code that it did not write relates to what it wrote, in the words of ConceptMap.
    """
    element: Resource = {}
    if equivalence:
        element["extension"] = [{"url": guide().extension("mapping-equivalence"), "valueCode": equivalence}]
    element["system"] = system
    if version:
        element["version"] = version
    element["code"] = code
    if display:
        element["display"] = display
    if recorded is not None:
        element["userSelected"] = recorded
    return element


def concept(codings: list[Resource]) -> Resource:
    """A CodeableConcept."""
    return {"coding": codings}


def partial_date(interval: DateInterval) -> str | None:
    """Calendar day, month or year that an interval covers exactly, as FHIR writes it; None if it is none of them."""
    first, last = interval.earliest, interval.latest
    if first is None or last is None:
        return None
    if first == last:
        return first.isoformat()
    if first.day == 1 and last == _end_of_month(first):
        return first.isoformat()[:7]
    if (first.month, first.day, last) == (1, 1, dt.date(first.year, 12, 31)):
        return first.isoformat()[:4]
    return None


def period(interval: DateInterval) -> Resource | None:
    """Period from the first to the last day; None if nothing is known."""
    if interval.earliest is None or interval.latest is None:
        return None
    return {"start": interval.earliest.isoformat(), "end": interval.latest.isoformat()}


def why_no_date(interval: DateInterval) -> str:
    """Reason why nothing is told of a date."""
    return REASONS[Absent.WITHHELD if interval.precision is DatePrecision.WITHHELD else Absent.UNKNOWN]


def primitive(name: str, value: Any, extensions: list[Resource]) -> Resource:
    """A primitive element with extensions: the value, if any, and its `_name` sibling."""
    element: Resource = {} if value is None else {name: value}
    if extensions:
        element[f"_{name}"] = {"extension": extensions}
    return element


def estimated(interval: DateInterval) -> list[Resource]:
    """Extension of a date that its source marks as estimated."""
    if interval.precision is not DatePrecision.ESTIMATED:
        return []
    return [{"url": guide().extension("date-estimated"), "valueBoolean": True}]


def age_at_diagnosis(age: Age) -> Resource:
    """Our extension of the age at diagnosis: Age where it is one number, Range where it is an interval."""
    url = guide().extension("age-at-diagnosis")
    parts = [
        _span(name, span, unit, code)
        for name, span, unit, code in (("completedYears", age.years, "year", "a"), ("days", age.days, "day", "d"))
        if span is not None
    ]
    if parts:
        return {"extension": parts, "url": url}
    return {**absent(REASONS[Absent.WITHHELD if age.withheld else Absent.UNKNOWN]), "url": url}


def _span(name: str, span: tuple[int, int], unit: str, code: str) -> Resource:
    low, high = span
    if low == high and low > 0:  # an Age is positive (constraint age-1), so an infant's is a Range from 0 to 0
        return {"url": name, "valueAge": _quantity(low, unit, code)}
    return {"url": name, "valueRange": {"low": _quantity(low, unit, code), "high": _quantity(high, unit, code)}}


def _quantity(value: int, unit: str, code: str) -> Resource:
    return {"value": value, "unit": unit, "system": UCUM, "code": code}


def _end_of_month(day: dt.date) -> dt.date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])

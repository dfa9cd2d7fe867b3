"""Parameters of Measure/$evaluate-measure -> questions (R4 measure-operation-evaluate-measure.html).

Strict, whatever Prefer says: a parameter that is left out changes what is counted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from gateway.disclosure.together import check_apart
from gateway.doors.fhir.measures.resources import MEASURES, NO_CQL, Measured
from gateway.doors.fhir.measures.stratifiers import DEFAULT_STRATIFIERS, STRATIFIERS, Stratifier
from gateway.doors.fhir.search.codes import diagnosis
from gateway.doors.fhir.search.dates import span_of
from gateway.doors.fhir.search.grammar import alternatives
from gateway.doors.fhir.search.numbers import completed_years
from gateway.doors.fhir.search.parameters.nouns import any_of
from gateway.doors.fhir.search.parameters.values import registry
from gateway.doors.fhir.search.parse import check_limits
from gateway.doors.fhir.search.ranges import join_ranges
from gateway.doors.fhir.wire.request import Asked
from gateway.errors import BadQuestion, NotFound, Unsupported
from gateway.model.query import And, CaseQuery, DateBetween, Expr

OF_FORMAT = frozenset({"_format", "_pretty"})
REPORT_TYPES = frozenset({"population", "summary"})
"""`population` is the word of the operation, `summary` that of the report."""
DAY = len("2000-01-01")
DATE = "a date YYYY, YYYY-MM or YYYY-MM-DD"
POPULATION_ALONE = "none"
"""Value of `stratifier` for a report without tables."""

REFUSED: Mapping[str, str] = {
    "subject": "reports on single persons or groups are not made",
    "practitioner": "reports on practitioners are not made",
    "lastReceivedOn": "nobody told this gateway when a record was written, so what is newer cannot be told",
    "subjectGroup": "reports on single persons or groups are not made",
    "library": NO_CQL,
}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A measure, and what is asked of it.

    Attributes
    ----------
    stratifiers
        In the order of the report; none gives the population alone.
    """

    measured: Measured
    start: dt.date
    end: dt.date
    filters: tuple[Expr, ...]
    stratifiers: tuple[Stratifier, ...]

    def questions(self) -> tuple[CaseQuery, ...]:
        """One question for each table of the report; with no stratifier one for the population."""
        conditions = join_ranges((DateBetween(self.start, self.end), *self.filters))
        where = conditions[0] if len(conditions) == 1 else And(conditions)
        query = CaseQuery(where=where, unit=self.measured.unit)
        dimensions = tuple(item.dimension for item in self.stratifiers)
        if self.measured.crossed or not dimensions:
            return (replace(query, by=dimensions),)
        return tuple(replace(query, by=(dimension,)) for dimension in dimensions)


@dataclass(frozen=True, slots=True)
class _Read:
    measure: str | None = None
    start: dt.date | None = None
    end: dt.date | None = None
    filters: tuple[Expr, ...] = ()
    stratifiers: tuple[str, ...] | None = None
    seen: frozenset[str] = field(default=frozenset())


def parse_evaluation(asked: Asked, base: str) -> Evaluation:
    """What `$evaluate-measure` is asked for.

    Parameters
    ----------
    base
        URL of the door, which may stand before a reference to a measure.

    Raises
    ------
    BadQuestion, Unsupported
        A parameter that is missing, unknown, refused or cannot be read, or that names no measure of here, named in
        `where`.
    NotFound
        The path names no measure of here.
    """
    check_limits(asked.pairs)
    read = _Read()
    for name, value in asked.pairs:
        if name not in OF_FORMAT:
            read = _reader(name)(read, name, value)
    measured = _measured(asked.id or None, read.measure, base)
    for name, day in (("periodStart", read.start), ("periodEnd", read.end)):
        if day is None:
            raise BadQuestion("is missing", where=name, expected=DATE)
    start, end = read.start or dt.date.min, read.end or dt.date.max
    if start > end:
        raise BadQuestion("the period ends before it starts", where="periodEnd", expected=f"{start} or later")
    names = DEFAULT_STRATIFIERS if read.stratifiers is None else read.stratifiers
    return Evaluation(measured, start, end, read.filters, _stratifiers(names))


Reader = Callable[[_Read, str, str], _Read]
STRATIFIER = f"some of {', '.join(STRATIFIERS)}, or {POPULATION_ALONE} by itself"


def _reader(name: str) -> Reader:
    if name in REFUSED:
        raise Unsupported(REFUSED[name], where=name, expected="this parameter left out")
    if name not in _READERS:
        expected = f"one of {', '.join((*_READERS, *sorted(OF_FORMAT)))}"
        raise Unsupported("$evaluate-measure has no such parameter", where=name, expected=expected)
    return _READERS[name]


def _once(reader: Reader) -> Reader:
    def read(found: _Read, name: str, value: str) -> _Read:
        if name in found.seen:
            raise BadQuestion("is given twice", where=name, expected="one value")
        return reader(replace(found, seen=found.seen | {name}), name, value)

    return read


def _date(which: str) -> Reader:
    def read(found: _Read, name: str, value: str) -> _Read:
        if len(value) > DAY:
            raise BadQuestion("has a time of day", where=name, expected=DATE)
        try:
            span = span_of(value, name)
        except BadQuestion as error:
            raise BadQuestion(error.message, where=name, expected=f"{DATE}, without a prefix") from error
        return replace(found, start=span.first) if which == "start" else replace(found, end=span.last)

    return read


def _filter(build: Callable[..., Expr]) -> Reader:
    def read(found: _Read, name: str, value: str) -> _Read:
        if not value:
            raise BadQuestion("has no value", where=name, expected="a value, or leave the parameter out")
        return replace(found, filters=(*found.filters, build(alternatives(value), name)))

    return read


def _measure(found: _Read, _name: str, value: str) -> _Read:
    return replace(found, measure=value)


def _report_type(found: _Read, name: str, value: str) -> _Read:
    if value not in REPORT_TYPES:
        raise Unsupported(f"no report of type {value!r} here", where=name, expected=" or ".join(sorted(REPORT_TYPES)))
    return found


def _stratifier(found: _Read, name: str, value: str) -> _Read:
    names = tuple(part.strip() for part in value.split(","))
    for each in names:
        if each not in STRATIFIERS and each != POPULATION_ALONE:
            raise BadQuestion(f"no stratifier {each!r}", where=name, expected=STRATIFIER)
    return replace(found, stratifiers=(*(found.stratifiers or ()), *names))


_READERS: Mapping[str, Reader] = {
    "measure": _once(_measure),
    "periodStart": _once(_date("start")),
    "periodEnd": _once(_date("end")),
    "reportType": _once(_report_type),
    "code": _filter(diagnosis),
    "age-at-diagnosis": _filter(any_of(completed_years)),
    "source": _filter(registry),
    "stratifier": _stratifier,
}
PARAMETERS = tuple(_READERS)


def _measured(instance: str | None, named: str | None, base: str) -> Measured:
    if instance and named:
        raise BadQuestion("the measure is in the path", where="measure", expected="this parameter left out")
    if instance:
        if instance not in MEASURES:
            raise NotFound(f"no Measure with this id; here are {', '.join(MEASURES)}", where="Measure")
        return MEASURES[instance]
    if not named:
        expected = f"one of {', '.join(item.url for item in MEASURES.values())}"
        raise BadQuestion("is missing", where="measure", expected=expected)
    for item in MEASURES.values():
        if named.removeprefix(f"{base}/") in {item.url, item.canonical, item.id, f"Measure/{item.id}"}:
            return item
    raise BadQuestion(f"no such measure here, and {NO_CQL}", where="measure")


def _stratifiers(names: tuple[str, ...]) -> tuple[Stratifier, ...]:
    for name in names:
        if names.count(name) > 1:
            raise BadQuestion(f"{name!r} is given twice", where="stratifier", expected="each stratifier once")
    if POPULATION_ALONE in names:
        if len(names) > 1:
            raise BadQuestion(f"{' and '.join(names)} exclude each other", where="stratifier", expected=STRATIFIER)
        return ()
    found = tuple(STRATIFIERS[name] for name in names)
    try:
        check_apart([item.dimension for item in found])
    except BadQuestion as error:
        raise BadQuestion(
            f"{' and '.join(names)}: {error.message}", where="stratifier", expected=error.expected
        ) from error
    return found

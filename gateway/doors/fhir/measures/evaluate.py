"""$evaluate-measure: GET or POST [base]/Measure/$evaluate-measure and [base]/Measure/[id]/$evaluate-measure.

The numbers come from Gateway.ask alone, one question a table, and pass gateway.disclosure.together before they stand
in one report.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence

from gateway.disclosure.released import ReleasedAnswer
from gateway.disclosure.together import side_by_side
from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.door import Door, Reply
from gateway.doors.fhir.measures.parse import Evaluation, parse_evaluation
from gateway.doors.fhir.measures.report import measure_report
from gateway.doors.fhir.measures.resources import MEASURES
from gateway.doors.fhir.measures.stratifiers import DEFAULT_STRATIFIERS, STRATIFIERS
from gateway.doors.fhir.names import operator_id
from gateway.doors.fhir.recordversions import last_changed
from gateway.doors.fhir.wire.request import Asked
from gateway.errors import IccdError, TooCostly

MOST_STRATA = 20_000
EARLIEST = 1900
WHOLE = "incidence"
"""The measure whose report is read and searched."""
PARAMETER_OF_FIELD: Mapping[str, str] = {"diagnosis": "code", "age": "age-at-diagnosis", "date": "periodStart"}

Dated = Callable[[Sequence[ReleasedAnswer]], str]
"""Answers -> date of the report that is made of them."""


async def evaluate_measure(door: Door, asked: Asked) -> Reply:
    """MeasureReport of a measure over a period.

    Raises
    ------
    gateway.errors.IccdError
        The parameters cannot be read or answered; `where` is the parameter as it was written.
    """
    return Reply(await report_of(door, asked, parse_evaluation(asked, door.base), made_at))


async def whole_reports(door: Door, asked: Asked) -> Sequence[Resource]:
    """The MeasureReport of WHOLE, over all years that the registries cover; its id is that of the measure.

    One alone: two reports in one page, of tumours and of their patients, would bound each other's masked strata. It is
    made at each request, so it is always of the data that answers then; its date is when that data last changed, so that
    the same data gives the same bytes.
    """
    start, end = _whole_period(door)
    stratifiers = tuple(STRATIFIERS[name] for name in DEFAULT_STRATIFIERS)
    report = await report_of(door, asked, Evaluation(MEASURES[WHOLE], start, end, (), stratifiers), changed_at)
    return [{"resourceType": "MeasureReport", "id": WHOLE, **report}]


def made_at(answers: Sequence[ReleasedAnswer]) -> str:
    """When answers were asked for."""
    return answers[0].asked_at


def changed_at(answers: Sequence[ReleasedAnswer]) -> str:
    """When the data behind answers last changed; when they were asked for where that is not known."""
    changed = last_changed(answers) if all(answer.lasting for answer in answers) else None
    return changed or made_at(answers)


async def report_of(door: Door, asked: Asked, evaluation: Evaluation, date: Dated) -> Resource:
    """MeasureReport of an evaluation.

    Parameters
    ----------
    date
        Gives its date.

    Raises
    ------
    gateway.errors.IccdError
        It cannot be answered.
    """
    requester = door.requester(asked)
    try:
        found = await asyncio.gather(*(door.gateway.ask(query, requester) for query in evaluation.questions()))
    except IccdError as error:
        where = PARAMETER_OF_FIELD.get(error.where or "", error.where)
        raise type(error)(error.message, where=where, expected=error.expected) from error
    answers = side_by_side(found)
    _check_size(evaluation, sum(len(answer.cells) for answer in answers))
    return measure_report(evaluation, answers, f"Organization/{operator_id(door.gateway)}", date(answers))


def _whole_period(door: Door) -> tuple[dt.date, dt.date]:
    """First and last day of the years that registries declare; from EARLIEST to this year where one does not."""
    declared = [ability.coverage.years for ability in door.gateway.capabilities().values()]
    known = [years for years in declared if years]
    whole = len(known) == len(declared) and bool(known)
    first = min(years[0] for years in known) if whole else EARLIEST
    last = max(years[1] for years in known) if whole else dt.datetime.now(dt.UTC).year
    return dt.date(first, 1, 1), dt.date(last, 12, 31)


def _check_size(evaluation: Evaluation, strata: int) -> None:
    if strata > MOST_STRATA:
        chosen = ", ".join(item.name for item in evaluation.stratifiers)
        expected = f"at most {MOST_STRATA}: fewer stratifiers than {chosen}, or a narrower question"
        raise TooCostly(f"the report has {strata} strata", where="stratifier", expected=expected)

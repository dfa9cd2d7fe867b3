"""$evaluate-measure: GET or POST [base]/Measure/$evaluate-measure and [base]/Measure/[id]/$evaluate-measure.

The numbers come from Gateway.ask alone, one question a table, and pass gateway.disclosure.together before they stand
in one report.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from gateway.disclosure.together import side_by_side
from gateway.doors.fhir.door import Door, Reply
from gateway.doors.fhir.measures.parse import Evaluation, parse_evaluation
from gateway.doors.fhir.measures.report import measure_report
from gateway.doors.fhir.names import operator_id
from gateway.doors.fhir.wire.request import Asked
from gateway.errors import IccdError, TooCostly

MOST_STRATA = 20_000
PARAMETER_OF_FIELD: Mapping[str, str] = {"diagnosis": "code", "age": "age-at-diagnosis", "date": "periodStart"}


async def evaluate_measure(door: Door, asked: Asked) -> Reply:
    """MeasureReport of a measure over a period.

    Raises
    ------
    gateway.errors.IccdError
        The parameters cannot be read or answered; `where` is the parameter as it was written.
    """
    evaluation = parse_evaluation(asked)
    requester = door.requester(asked)
    try:
        found = await asyncio.gather(*(door.gateway.ask(query, requester) for query in evaluation.questions()))
    except IccdError as error:
        where = PARAMETER_OF_FIELD.get(error.where or "", error.where)
        raise type(error)(error.message, where=where, expected=error.expected) from error
    answers = side_by_side(found)
    _check_size(evaluation, sum(len(answer.cells) for answer in answers))
    return Reply(measure_report(evaluation, answers, f"Organization/{operator_id(door.gateway)}"))


def _check_size(evaluation: Evaluation, strata: int) -> None:
    if strata > MOST_STRATA:
        chosen = ", ".join(item.name for item in evaluation.stratifiers)
        expected = f"at most {MOST_STRATA}: fewer stratifiers than {chosen}, or a narrower question"
        raise TooCostly(f"the report has {strata} strata", where="stratifier", expected=expected)

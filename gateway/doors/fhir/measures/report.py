"""MeasureReport of released answers (R4 measurereport.html): type summary, computed and not kept.

Laid out as Blaze does, which the Samply and MII federations read: group.population, stratifier.code, stratum.value or
stratum.component, stratum.population. Nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.disclosure.released import ReleasedAnswer
from gateway.disclosure.together import holds_back
from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.measures.parse import Evaluation
from gateway.doors.fhir.measures.resources import COUNTED, INITIAL
from gateway.doors.fhir.measures.stratifiers import Stratifier
from gateway.doors.fhir.render.counts import count_element, notes, statuses
from gateway.doors.fhir.render.elements import REASONS, absent
from gateway.model.answer import ANSWERED
from gateway.model.values import Absent


def measure_report(asked: Evaluation, answers: Sequence[ReleasedAnswer], reporter: str, date: str) -> Resource:
    """MeasureReport.

    Parameters
    ----------
    answers
        Answers to `asked.questions()`, made safe to stand side by side.
    reporter
        Reference of the organisation that runs the gateway.
    date
        When it was made, or since when it is what it is.
    """
    first = answers[0]
    tables = answers if asked.stratifiers else ()
    stratifiers = [_table(asked, answer, position) for position, answer in enumerate(tables)]
    return {
        "resourceType": "MeasureReport",
        "extension": [*statuses(first), *notes([f"question: {_question(first)}", *first.notes])],
        "status": "complete" if any(source.status in ANSWERED for source in first.sources) else "error",
        "type": "summary",
        "measure": asked.measured.canonical,
        "date": date,
        "reporter": {"reference": reporter},
        "period": {"start": asked.start.isoformat(), "end": asked.end.isoformat()},
        "group": [
            {
                "code": {"text": COUNTED[asked.measured.unit][0]},
                "population": [{"code": INITIAL, **count_element("count", first.total)}],
                **({"stratifier": stratifiers} if stratifiers else {}),
            }
        ],
    }


def _question(answer: ReleasedAnswer) -> str:
    return "&".join(part for part in answer.text.split("&") if not part.startswith("by="))


def _table(asked: Evaluation, answer: ReleasedAnswer, position: int) -> Resource:
    over = asked.stratifiers if asked.measured.crossed else asked.stratifiers[position : position + 1]
    codes = [item.concept() for item in over]
    element: Resource = {"code": codes}
    if not answer.cells and answer.total.high is None:
        reason = Absent.WITHHELD if holds_back(answer) else Absent.UNKNOWN
        return {**absent(REASONS[reason]), **element}
    values = [{label: item.value(label) for label in dict.fromkeys(column)} for item, column in _columns(over, answer)]
    strata = [
        {
            **(
                {"component": [_component(*part) for part in zip(codes, labels, values, strict=True)]}
                if asked.measured.crossed
                else {"value": values[0][labels[0]]}
            ),
            "population": [{"code": INITIAL, **count_element("count", count)}],
        }
        for labels, count in answer.cells
    ]
    return {**element, "stratum": strata} if strata else element


def _columns(over: Sequence[Stratifier], answer: ReleasedAnswer) -> list[tuple[Stratifier, list[str]]]:
    return [(item, [labels[place] for labels, _ in answer.cells]) for place, item in enumerate(over)]


def _component(code: Resource, label: str, values: dict[str, Resource]) -> Resource:
    return {"code": code, "value": values[label]}

"""Measure with $evaluate-measure, and MeasureReport, which is computed and never kept."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.doors.fhir.definitions import Resource, guide
from gateway.doors.fhir.door import Door
from gateway.doors.fhir.held import (
    HL7,
    PUBLICATION_STATUS,
    HeldParameter,
    codes,
    held_parameter,
    path,
    read_of,
    search_of,
)
from gateway.doors.fhir.held import ID as HELD_ID
from gateway.doors.fhir.measures.evaluate import evaluate_measure, whole_reports
from gateway.doors.fhir.measures.resources import MEASURES, NO_CQL, measure
from gateway.doors.fhir.served import Operation, ServedType
from gateway.doors.fhir.wire.request import Asked

PARAMETERS: tuple[HeldParameter, ...] = (
    held_parameter("url", "uri", f"{HL7}/Measure-url", path("url")),
    held_parameter("version", "token", f"{HL7}/Measure-version", path("version")),
    held_parameter("name", "string", f"{HL7}/Measure-name", path("name")),
    held_parameter("title", "string", f"{HL7}/Measure-title", path("title")),
    held_parameter("status", "token", f"{HL7}/Measure-status", codes(PUBLICATION_STATUS, "status")),
    held_parameter("description", "string", f"{HL7}/Measure-description", path("description")),
)
REPORT_PARAMETERS: tuple[HeldParameter, ...] = (
    held_parameter(
        "measure",
        "reference",
        f"{HL7}/MeasureReport-measure",
        lambda report: [report["measure"], report["measure"].partition("|")[0]],
    ),
    held_parameter("reporter", "reference", f"{HL7}/MeasureReport-reporter", path("reporter", "reference")),
    held_parameter("date", "date", f"{HL7}/MeasureReport-date", path("date")),
    held_parameter(
        "status", "token", f"{HL7}/MeasureReport-status", codes("http://hl7.org/fhir/measure-report-status", "status")
    ),
)
EVALUATE = Operation(
    "evaluate-measure",
    f"{guide().canonical}/OperationDefinition/evaluate-measure",
    answer=evaluate_measure,
    levels=frozenset({"type", "instance"}),
    methods=("GET", "POST"),
    documentation="Answers at once with a MeasureReport of type summary.",
)


async def _measures(_door: Door, _asked: Asked) -> Sequence[Resource]:
    return [measure(item) for item in MEASURES.values()]


SERVED: tuple[ServedType, ...] = (
    ServedType(
        "Measure",
        read=read_of(_measures, constant=True),
        search=search_of(_measures, PARAMETERS, constant=True),
        documentation=f"On a Measure that is posted: {NO_CQL}.",
        parameters=tuple(parameter.declared for parameter in (HELD_ID, *PARAMETERS)),
        operations=(EVALUATE,),
        not_created=NO_CQL,
    ),
    ServedType(
        "MeasureReport",
        read=read_of(whole_reports),
        search=search_of(whole_reports, REPORT_PARAMETERS),
        documentation=(
            "Of the measure incidence over all years that the registries cover, under the id of the measure; made at each "
            "request and not kept. Any other report is made by Measure/$evaluate-measure."
        ),
        parameters=tuple(parameter.declared for parameter in (HELD_ID, *REPORT_PARAMETERS)),
    ),
)

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
from gateway.doors.fhir.measures.evaluate import evaluate_measure
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
        documentation="Computed by Measure/$evaluate-measure at each request and not kept, so neither read nor searched.",
    ),
)

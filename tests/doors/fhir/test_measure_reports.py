"""MeasureReport read and searched: the report of a measure over all years, as $evaluate-measure makes it."""

from __future__ import annotations

import pytest

from tests.doors.fhir.client import Client, matches
from tests.doors.fhir.validation import Json, OfficialSchemas, model_faults

REGISTRIES = "https://w3id.org/iccd/fhir/Measure"


def without_moment(report: Json) -> Json:
    return {name: value for name, value in report.items() if name not in {"id", "date"}}


@pytest.mark.parametrize("name", ["incidence", "patients"])
def test_a_report_is_what_the_operation_makes_of_the_same_period(
    client: Client, official: OfficialSchemas, name: str
) -> None:
    report = client.json(f"/MeasureReport/{name}")
    assert (report["id"], report["type"]) == (name, "summary")
    period = f"periodStart={report['period']['start']}&periodEnd={report['period']['end']}"
    made = client.json(f"/Measure/{name}/$evaluate-measure?{period}")
    assert without_moment(report) == without_moment(made)
    assert official.json_faults(report) == []
    assert model_faults(report) == []


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", ["incidence", "patients"]),
        (f"measure={REGISTRIES}/incidence", ["incidence"]),
        ("measure=Measure/patients", ["patients"]),
        ("measure:missing=true", []),
        ("status=complete", ["incidence", "patients"]),
        ("status=error", []),
        ("date=ge2020", ["incidence", "patients"]),
        ("_id=patients,other", ["patients"]),
        ("_id:not=patients", ["incidence"]),
        ("reporter=Organization/nobody", []),
    ],
)
def test_reports_are_found(client: Client, query: str, ids: list[str]) -> None:
    assert [each["id"] for each in matches(client.json(f"/MeasureReport?{query}"))] == ids


def test_a_report_that_is_made_of_other_parameters_has_no_address(client: Client) -> None:
    assert client.get("/MeasureReport/incidence-crossed").status_code == 404
    assert "id" not in client.json("/Measure/incidence/$evaluate-measure?periodStart=2010&periodEnd=2012")

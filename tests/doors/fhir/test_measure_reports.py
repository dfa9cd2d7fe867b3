"""MeasureReport read and searched: the report of a measure over all years, as $evaluate-measure makes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.doors.fhir import create
from gateway.federation import gateway as federation
from tests.doors.fhir.client import Client, matches
from tests.doors.fhir.registries import GONE, gateway_of, make_cases, registry
from tests.doors.fhir.validation import Json, OfficialSchemas, model_faults

REGISTRIES = "https://w3id.org/iccd/fhir/Measure"


def without_moment(report: Json) -> Json:
    return {name: value for name, value in report.items() if name not in {"id", "date"}}


@pytest.mark.parametrize("name", ["incidence"])
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
        ("", ["incidence"]),
        (f"measure={REGISTRIES}/incidence", ["incidence"]),
        ("measure=Measure/incidence", ["incidence"]),
        ("measure=Measure/patients", []),
        ("measure:missing=true", []),
        ("status=complete", ["incidence"]),
        ("status=error", []),
        ("date=ge2020", ["incidence"]),
        ("_id=incidence,other", ["incidence"]),
        ("_id:not=incidence", []),
        ("reporter=Organization/nobody", []),
    ],
)
def test_reports_are_found(client: Client, query: str, ids: list[str]) -> None:
    assert [each["id"] for each in matches(client.json(f"/MeasureReport?{query}"))] == ids


def test_a_report_that_is_made_of_other_parameters_has_no_address(client: Client) -> None:
    assert client.get("/MeasureReport/incidence-crossed").status_code == 404
    assert client.get("/MeasureReport/patients").status_code == 404
    assert "id" not in client.json("/Measure/incidence/$evaluate-measure?periodStart=2010&periodEnd=2012")


MOMENTS = ("2026-11-25T08:00:00Z", "2026-11-25T08:00:01Z")


def seen_at(moment: str, monkeypatch: pytest.MonkeyPatch, **second: Any) -> Client:
    """The same registries in another process, at a moment that stands in what is released."""
    release = federation.release

    def at_that_moment(*given: Any) -> Any:
        return replace(release(*given), asked_at=moment)

    monkeypatch.setattr(federation, "release", at_that_moment)
    sources = [registry(name, "FR", make_cases(name, "FR", 60, 5)) for name in ("de-two", "fr-one")]
    sources[0].ability = replace(sources[0].ability, loaded_at="2026-11-03T08:00:00.123456+00:00")
    sources[1] = replace(sources[1], **second)
    return Client(create(gateway_of(*sources)))


@pytest.mark.parametrize("path", ["/MeasureReport/incidence", "/MeasureReport"])
def test_a_report_of_the_same_data_is_the_same_at_any_time_in_any_process(
    monkeypatch: pytest.MonkeyPatch, official: OfficialSchemas, path: str
) -> None:
    first = seen_at(MOMENTS[0], monkeypatch).get(path)
    client = seen_at(MOMENTS[1], monkeypatch)
    again = client.get(path)
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    assert client.get(path, headers={"if-none-match": first.headers["etag"]}).status_code == 304
    found = again.json()
    report = found if found["resourceType"] == "MeasureReport" else matches(found)[0]
    assert report["date"] == "2026-11-03T08:00:00.123456Z"
    assert official.json_faults(report) == []


def test_a_report_tells_when_it_was_made_where_it_may_be_another_at_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    live = registry("fr-one", "FR", []).ability
    for second in ({"error": GONE}, {"ability": replace(live, snapshot=None, loaded_at=None)}):
        client = seen_at(MOMENTS[1], monkeypatch, **second)
        assert client.json("/MeasureReport/incidence")["date"] == MOMENTS[1]
    client = seen_at(MOMENTS[1], monkeypatch)
    made = client.json("/Measure/incidence/$evaluate-measure?periodStart=2010&periodEnd=2012")
    assert made["date"] == MOMENTS[1]

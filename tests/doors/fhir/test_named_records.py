"""What a search that names a record may tell, what references mean, and what an excluded registry adds: nothing."""

from __future__ import annotations

import pytest

from gateway.doors.fhir import create
from tests.doors.fhir.client import Client, bounds, issues
from tests.doors.fhir.registries import PUBLIC_URL, gateway_of, make_cases, registry

NAMING = (
    "/Patient?_id=counts.{patient}",
    "/Condition?subject=counts.{patient}",
    "/Condition?patient=Patient/counts.{patient}",
    "/Condition?_id=counts.{case}",
    "/Condition?patient._id=counts.{patient}",
    "/Patient?identifier=counts.{patient}",
    "/Condition?subject:not=x&_id=counts.{case}",
    "/Observation?subject=counts.{patient}",
    "/Observation?focus=counts.{case}",
)


@pytest.fixture(scope="module")
def mixed() -> Client:
    countries = {"counts": "DE", "exists": "IT", "open": "FR"}
    sources = [registry(name, country, make_cases(name, country, 60, 5)) for name, country in countries.items()]
    return Client(create(gateway_of(*sources, policies={"counts": "count", "exists": "existence"})))


@pytest.mark.parametrize("path", NAMING[:6])
def test_a_registry_without_records_tells_nothing_of_one_that_is_named(mixed: Client, path: str) -> None:
    """The same answer whatever the record is, whatever is asked of it and whether it is there at all."""
    kind = path.partition("?")[0]
    more = {"/Patient": ("gender=male", "gender=female"), "/Condition": ("behaviour=3", "behaviour=0")}[kind]
    told = set()
    for number in (1, 2, 3, 99_999):
        for extra in ("", *more):
            asked = path.format(patient=f"p{number}", case=f"c{number}") + (f"&{extra}" if extra else "")
            found = mixed.json(f"{asked}&_summary=count")
            said = sorted(issue.get("diagnostics", "") for issue in issues(found))
            told.add((bounds(found), tuple(said)))
    assert len(told) == 1
    (total, said) = told.pop()
    assert total == (0, None)
    assert any("counts" in text and "names a record" in text for text in said)


@pytest.mark.parametrize("path", NAMING[7:])
def test_observations_of_a_record_that_is_named_tell_nothing_either(mixed: Client, path: str) -> None:
    numbers = (7001, 1, 2, 3)
    told = set()
    for number in numbers:
        found = mixed.json(path.format(patient=f"p{number}", case=f"c{number}") + "&_summary=count")
        told.add(str({name: value for name, value in found.items() if name != "link"}))
    assert len(told) == 1


def test_a_registry_that_the_question_excludes_adds_nothing(mixed: Client) -> None:
    alone = Client(create(gateway_of(registry("open", "FR", make_cases("open", "FR", 60, 5)))))
    found, expected = mixed.json("/Condition?_source=open&_summary=count"), alone.json("/Condition?_summary=count")
    assert found["total"] == expected["total"] > 0
    assert not issues(found)
    complete = mixed.get("/Condition?_source=open&require-complete=true&_count=1")
    assert complete.status_code == 200
    counts = mixed.json("/Condition?_source=counts&_summary=count")
    assert bounds(counts)[0] > 1


@pytest.mark.parametrize(
    ("query", "own"),
    [
        ("Condition?subject={}Patient/open.p1", True),
        ("Observation?focus={}Condition/open.c1", True),
        ("Patient?organization={}Organization/open", True),
        ("Condition?_source={}Organization/open", True),
    ],
)
def test_a_reference_to_another_server_is_none_to_ours(mixed: Client, query: str, own: bool) -> None:
    here = mixed.json("/" + query.format(f"{PUBLIC_URL}/fhir/") + "&_summary=count")
    assert bounds(here)[0] > 0
    assert bounds(mixed.json("/" + query.format("") + "&_summary=count")) == bounds(here)
    other = mixed.get("/" + query.format("http://other.example/fhir/") + "&_summary=count")
    assert other.status_code == 400 or bounds(other.json())[0] == 0 == bounds(other.json())[1]


@pytest.mark.parametrize("query", ["Patient?organization=Patient/open", "Condition?_source=x/open"])
def test_a_reference_of_another_type_is_refused(mixed: Client, query: str) -> None:
    assert mixed.get(f"/{query}").status_code == 400

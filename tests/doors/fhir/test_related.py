"""Observations, references, chains, `_has`, included resources: what hangs together is found from each side."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from urllib.parse import quote

import pytest

from gateway.doors.fhir import create
from gateway.doors.fhir.wire.formats import XML
from tests.doors.fhir.client import Client, Json, bounds, issues, link_of, matches
from tests.doors.fhir.registries import GONE, gateway_of, make_cases, registry
from tests.doors.fhir.validation import OfficialSchemas, model_faults

ICCC = "http://terminology.hl7.org/CodeSystem/iccc-3"


def whole(client: Client, path: str) -> list[Json]:
    return [found for page in client.pages(path) for found in matches(page)]


def included(bundle: Json) -> list[Json]:
    return [entry["resource"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == "include"]


def name_of(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


@pytest.mark.parametrize("count", [1, 7, 50, 1000])
def test_pages_of_observations_give_each_once_and_keep_to_the_count(client: Client, count: int) -> None:
    if count == 1:
        path = "/Observation?subject=Patient/de-two.p1&_count=1"
    else:
        path = f"/Observation?_source=de-two&_count={count}"
    pages = list(client.pages(path))
    names = [name_of(found) for page in pages for found in matches(page)]
    assert len(names) == len(set(names)) > 1
    assert all(len(matches(page)) <= count for page in pages)
    assert {bounds(page) for page in pages} == {(len(names), len(names))}


def test_observations_are_what_the_records_hold(client: Client) -> None:
    found = whole(client, "/Observation?_count=1000")
    kinds = Counter(each["code"]["coding"][0]["code"] for each in found)
    assert set(kinds) == {"C16899", "C18000", "20228-3", "75186-7"}
    stages = [each for each in found if each["code"]["coding"][0]["code"] == "C16899"]
    values = Counter(each["valueCodeableConcept"]["coding"][0]["code"] for each in stages)
    for value, number in values.items():
        asked = client.json(f"/Condition?stage={value}&_summary=count")
        assert bounds(asked)[0] == number
        system, _, _ = value.partition(":")
        assert all(each["method"]["coding"][0]["code"] == system for each in stages if value in str(each))


def test_an_observation_is_read_by_its_id_and_leads_to_its_tumour_and_patient(client: Client) -> None:
    for path in ("/Observation?code=C16899&_count=3", "/Observation?code=75186-7&_count=3"):
        for found in matches(client.json(path)):
            assert client.json(f"/{name_of(found)}") == found
            assert client.json(f"/{found['subject']['reference']}")["id"] in found["subject"]["reference"]
            for focus in found.get("focus", []):
                assert client.json(f"/{focus['reference']}")["subject"] == found["subject"]


@pytest.mark.parametrize("name", ["de-two.c1-colour", "de-two.c99999-stage", "stage", "xx.c1-stage", "-stage"])
def test_an_observation_that_is_not_there_is_not_found(client: Client, name: str) -> None:
    assert client.get(f"/Observation/{name}").status_code == 404


def test_every_observation_is_valid_in_both_formats(client: Client, official: OfficialSchemas) -> None:
    for found in whole(client, "/Observation?_count=1000"):
        assert official.json_faults(found) == []
        assert official.xml_faults(XML.write(found)) == []
        assert model_faults(found) == []


def test_tumours_of_a_patient_are_those_whose_subject_it_is(client: Client) -> None:
    everything = whole(client, "/Condition?_count=1000")
    owners = Counter(each["subject"]["reference"] for each in everything)
    owner, number = owners.most_common(1)[0]
    assert number > 1
    for path in (
        f"/Condition?subject={owner}",
        f"/Condition?patient={owner}",
        f"/Condition?subject:identifier={owner[8:]}",
    ):
        assert bounds(client.json(path)) == (number, number)
        assert {each["subject"]["reference"] for each in matches(client.json(path))} == {owner}


def test_a_chain_and_the_field_itself_give_the_same(client: Client) -> None:
    for chain, own in (
        (f"/Observation?code=C16899&focus:Condition.code={quote(f'{ICCC}|IV(a)')}", "IV(a)"),
        ("/Observation?code=C16899&focus:Condition.iccc-group=IV(a)", "IV(a)"),
    ):
        names = {each["focus"][0]["reference"] for each in whole(client, chain)}
        direct = {
            name_of(each) for each in whole(client, f"/Condition?iccc-group={own}&stage:missing=false&_count=1000")
        }
        assert names == direct != set()


def test_missing_and_not_missing_divide_all(client: Client) -> None:
    total = bounds(client.json("/Condition?_summary=count"))
    for name in ("code", "body-site", "onset-date", "age-at-diagnosis", "stage", "grade", "patient.gender"):
        parts = [
            bounds(client.json(f"/Condition?{name}:missing={is_missing}&_summary=count"))
            for is_missing in ("true", "false")
        ]
        assert parts[0][0] > 0 or name == "patient.gender"
        assert (parts[0][0] + parts[1][0], None if None in parts[0] else parts[0][1] + (parts[1][1] or 0)) == total


def test_has_finds_the_patients_of_the_tumours(client: Client) -> None:
    tumours = whole(client, "/Condition?iccc-group=IV(a)&_count=1000")
    patients = whole(client, "/Patient?_has:Condition:subject:iccc-group=IV(a)&_count=1000")
    assert {name_of(each) for each in patients} == {each["subject"]["reference"] for each in tumours} != set()
    same = client.json(f"/Patient?_has:Condition:patient:code={quote(f'{ICCC}|IV(a)')}&_summary=count")
    assert bounds(same)[0] == len(patients)


def test_the_text_of_a_code_is_the_name_that_a_condition_shows(client: Client) -> None:
    found = whole(client, "/Condition?code:text=neuroblastoma&_count=1000")
    assert {name_of(each) for each in found} >= {
        name_of(each) for each in whole(client, "/Condition?iccc-group=IV(a)&_count=1000")
    }
    for each in found:
        assert any("neuroblastoma" in coding.get("display", "").lower() for coding in each["code"]["coding"])
    assert bounds(client.json("/Condition?code:text=dragonpox&_summary=count")) == (0, 0)


@pytest.mark.parametrize(
    ("path", "types"),
    [
        (
            "/Condition?_include=Condition:subject&_revinclude=Observation:focus&_revinclude=Provenance:target",
            {"Patient", "Observation", "Provenance"},
        ),
        (
            "/Patient?_revinclude=Condition:subject&_revinclude=Observation:subject&_revinclude=Provenance:target",
            {"Condition", "Observation", "Provenance"},
        ),
        (
            "/Observation?_include=Observation:subject&_include=Observation:focus&_revinclude=Provenance:target",
            {"Patient", "Condition", "Provenance"},
        ),
    ],
)
def test_included_resources_belong_to_the_page_and_are_whole(
    client: Client, official: OfficialSchemas, path: str, types: set[str]
) -> None:
    without = path.partition("?")[0]
    for count in (3, 40):
        page, plain = client.json(f"{path}&_count={count}"), client.json(f"{without}?_count={count}")
        assert official.json_faults(page) == []
        assert matches(page) == matches(plain)
        assert bounds(page) == bounds(plain)
        more = included(page)
        assert {each["resourceType"] for each in more} == types
        named = [name_of(each) for each in more]
        assert len(named) == len(set(named))
        for name in [name for name in named if not name.startswith("Provenance/")][:6]:
            assert client.json(f"/{name}") == next(each for each in more if name_of(each) == name)
        targets = [each["target"][0]["reference"] for each in more if each["resourceType"] == "Provenance"]
        assert targets == [name_of(each) for each in matches(page)]
        following = link_of(page, "next")
        assert following is None or all(part in following for part in path.partition("?")[2].split("&"))


def test_a_provenance_has_the_same_id_in_every_process_and_another_for_another_version() -> None:
    def entries(snapshot: str | None) -> list[Json]:
        source = registry("de-two", "DE", make_cases("de-two", "DE", 5, 1))
        source.ability = replace(source.ability, snapshot=snapshot)
        page = Client(create(gateway_of(source))).json("/Condition?_revinclude=Provenance:target")
        return [entry for entry in page["entry"] if entry["resource"]["resourceType"] == "Provenance"]

    for snapshot in ("one", None):
        first = entries(snapshot)
        names = [entry["fullUrl"] for entry in first]
        assert names == [f"urn:uuid:{entry['resource']['id']}" for entry in first]
        assert len(set(names)) == 5
        assert names == [entry["fullUrl"] for entry in entries(snapshot)]
    assert not {entry["fullUrl"] for entry in entries("one")} & {entry["fullUrl"] for entry in entries("two")}


def test_every_patient_of_a_page_of_tumours_is_included(client: Client) -> None:
    page = client.json("/Condition?_include=Condition:subject&_count=1000")
    owners = {each["subject"]["reference"] for each in matches(page)}
    assert {name_of(each) for each in included(page)} == owners


def test_included_resources_come_in_xml_too(client: Client, official: OfficialSchemas) -> None:
    answer = client.get("/Condition?_include=Condition:subject&_revinclude=Observation:focus&_count=5&_format=xml")
    assert official.xml_faults(answer.content) == []


def test_ids_that_came_by_post_stay_out_of_links_and_must_fit_on_a_page(client: Client) -> None:
    owners = Counter(each["subject"]["reference"] for each in whole(client, "/Condition?_count=1000"))
    owner, number = owners.most_common(1)[0]
    found = client.request("POST", "/Condition/_search", data={"subject": owner})
    assert owner not in str(found.json()["link"])
    assert len(matches(found.json())) == number
    refused = client.request("POST", "/Condition/_search", data={"subject": owner, "_count": "1"})
    assert refused.status_code == 400
    assert "_count" in issues(refused.json())[0]["diagnostics"]


def test_what_a_question_leaves_out_does_not_open_its_total() -> None:
    gateway = gateway_of(
        registry("de-two", "DE", make_cases("de-two", "DE", 20, 1)),
        registry("gone", "FR", [], error=GONE),
        registry("shut", "US", make_cases("shut", "US", 20, 2)),
        policies={"shut": "closed"},
        broken={"torn": "cannot be opened"},
    )
    door = Client(create(gateway))
    assert "total" not in door.json("/Condition")
    assert door.json("/Condition?_source=de-two")["total"] == 20
    assert door.json("/Condition?_id=de-two.c1")["total"] == 1
    assert issues(door.json("/Condition?_source=de-two")) == []

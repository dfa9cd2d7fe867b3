"""The catalogue: who is behind the gateway, what each registry declares, and no number that is not released."""

from __future__ import annotations

import dataclasses

import pytest

from gateway.app import DOORS as MOUNTED
from gateway.app import create_app
from gateway.doors.fhir import create
from gateway.doors.fhir.catalogue import CONNECTION, DOORS
from gateway.doors.fhir.definitions import conformance_resources, guide
from gateway.doors.fhir.names import FALLBACK
from gateway.model.capability import Coverage
from tests.doors.fhir.client import Client, Json, bounds, matches
from tests.doors.fhir.registries import PUBLIC_URL, gateway_of, make_cases, registry
from tests.doors.fhir.reports import BOUNDS, statuses
from tests.doors.fhir.validation import OfficialSchemas, model_faults

KINDS = ("Organization", "Endpoint", "Library")
WHOLE = Coverage(
    country="DE",
    region="Bavaria",
    years=(1980, 2024),
    ages=(0, 17),
    behaviours=frozenset({1, 3}),
    population_based=False,
    multiple_primary_rule="iarc",
    overlaps=frozenset({"fr-one"}),
)


@pytest.fixture(scope="module")
def door() -> Client:
    """An open registry, one that gives counts alone, one that says nothing, one of few cases, one that is broken."""
    sizes = {"fr-one": 40, "de-two": 30, "us-three": 20, "it-four": 3}
    sources = {
        name: registry(name, name[:2].upper(), make_cases(name, name[:2].upper(), size, seed))
        for seed, (name, size) in enumerate(sizes.items())
    }
    two = sources["de-two"]
    two.ability = dataclasses.replace(two.ability, coverage=WHOLE, code_systems=(("ICDO3", "3.2"), ("ICD10", None)))
    gateway = gateway_of(
        *sources.values(),
        policies={"de-two": "count", "us-three": "closed", "it-four": "count"},
        broken={"xx-five": "the snapshot is of another version"},
    )
    return Client(create_app(gateway), "/fhir")


def test_every_registry_is_an_organization_and_so_is_the_operator(door: Client) -> None:
    found = {item["id"]: item for item in matches(door.json("/Organization"))}
    assert list(found) == ["org.example.gateway", "de-two", "fr-one", "it-four", "us-three", "xx-five"]
    assert found["de-two"]["name"] == "Registry de-two"
    assert found["de-two"]["address"] == [{"state": "Bavaria", "country": "DE"}]
    assert found["fr-one"]["active"] is True


def test_whether_a_broken_registry_is_active_is_unknown_and_why_is_said(door: Client) -> None:
    broken = door.json("/Organization/xx-five")
    assert "active" not in broken
    assert broken["_active"]["extension"][0]["valueCode"] == "unknown"
    assert statuses(broken) == {"xx-five": "error"}
    assert "address" not in broken


def test_meta_source_of_every_record_leads_to_its_registry(door: Client) -> None:
    sources = {item["meta"]["source"] for item in matches(door.json("/Condition"))}
    assert sources == {f"{PUBLIC_URL}/fhir/Organization/fr-one"}
    for source in sources:
        assert door.follow(source)["id"] == "fr-one"


def test_the_endpoints_are_the_doors_of_the_application(door: Client) -> None:
    assert {item.path for item in DOORS} == set(MOUNTED)
    whole = Client(door._app)
    for item in matches(door.json("/Endpoint")):
        assert item["managingOrganization"] == {"reference": "Organization/org.example.gateway"}
        path = item["address"].removeprefix(PUBLIC_URL)
        start = {"/fhir": "/metadata", "/beacon": "/info", "/statistics": "/counts"}[path]
        answer = whole.get(path + start)
        assert answer.status_code == 200
        assert answer.headers["content-type"].partition(";")[0] in item["payloadMimeType"]
        connection = item["connectionType"]
        if connection["system"] != CONNECTION:
            codes = conformance_resources()["CodeSystem", "connection-type"]["concept"]
            assert connection["code"] in {code["code"] for code in codes}


def coverage_of(library: Json) -> dict[str, object]:
    extension = next(item for item in library["extension"] if item["url"].endswith("/registry-coverage"))
    found: dict[str, object] = {}
    for part in extension["extension"]:
        value = next(value for key, value in part.items() if key != "url")
        found[part["url"]] = [*found.get(part["url"], []), value]  # type: ignore[misc]
    return found


def test_a_data_set_says_what_its_registry_declares(door: Client) -> None:
    library = door.json("/Library/dataset.de-two")
    assert coverage_of(library) == {
        "country": ["DE"],
        "region": ["Bavaria"],
        "years": [{"start": "1980", "end": "2024"}],
        "ages": [{"low": {"value": 0, "unit": "a"}, "high": {"value": 17, "unit": "a"}}],
        "behaviour": ["1", "3"],
        "populationBased": [False],
        "multiplePrimaryRule": ["iarc"],
        "overlaps": ["fr-one"],
    }
    assert library["version"] == "de-two-1"
    assert library["subjectReference"] == {"reference": "Organization/de-two"}
    assert [item["resource"] for item in library["relatedArtifact"]] == [
        "http://terminology.hl7.org/CodeSystem/icd-o-3|3.2",
        "http://hl7.org/fhir/sid/icd-10",
    ]


def cases_of(library: Json) -> tuple[object, ...] | None:
    for item in library["extension"]:
        if item["url"].endswith(BOUNDS):
            parts = {part["url"]: part for part in item["extension"]}
            return parts["low"]["valueUnsignedInt"], parts["precision"]["valueCode"]
    return None


def test_the_number_of_cases_is_what_the_policy_releases(door: Client) -> None:
    expected = {
        source["id"]: source["count"] and (source["count"]["low"], source["count"]["precision"])
        for source in Client(door._app).json("/statistics/counts?by=source")["sources"]
    }
    for name in ("fr-one", "de-two", "it-four", "us-three"):
        assert cases_of(door.json(f"/Library/dataset.{name}")) == expected[name]
    assert expected["it-four"] == (0, "suppressed")
    assert expected["us-three"] is None
    assert statuses(door.json("/Library/dataset.us-three")) == {"us-three": "withheld"}


FOUND = [
    ("Organization?name=registry", 4),
    ("Organization?name:exact=Registry de-two", 1),
    ("Organization?name:contains=GATEWAY", 1),
    ("Organization?identifier=de-two", 1),
    (f"Organization?identifier={PUBLIC_URL}/fhir/Organization%7Cde-two", 1),
    ("Organization?identifier=urn:other%7Cde-two", 0),
    ("Organization?address-country=de", 1),
    ("Organization?address-country=de,fr", 2),
    ("Organization?address-country:missing=true", 2),
    ("Organization?active=true", 5),
    ("Organization?active:missing=true", 1),
    ("Organization?endpoint=Endpoint/beacon", 1),
    ("Organization?_id=de-two,fr-one", 2),
    ("Endpoint?status=active", 3),
    ("Endpoint?status=off", 0),
    ("Endpoint?organization=Organization/org.example.gateway", 3),
    ("Endpoint?organization=Organization/de-two", 0),
    ("Endpoint?connection-type=hl7-fhir-rest", 1),
    (f"Endpoint?connection-type={CONNECTION}%7C", 1),
    ("Endpoint?name=beacon,ga4gh", 1),
    ("Library?type=asset-collection", 4),
    ("Library?type=logic-library", 1),
    ("Library?topic=childhood-cancer", 4),
    ("Library?title=registry de", 1),
    (f"Library?url={PUBLIC_URL}/fhir/Library/dataset.de-two", 1),
    (f"Library?url:below={PUBLIC_URL}/fhir/Library", 4),
    ("Library?version=de-two-1", 1),
    ("Library?identifier=fr-one", 1),
    ("Library?status=active&name=DataSetFrOne", 1),
]


@pytest.mark.parametrize(("query", "number"), FOUND)
def test_the_catalogue_is_searched_by_its_parameters(door: Client, query: str, number: int) -> None:
    bundle = door.json(f"/{query}")
    assert len(matches(bundle)) == number
    assert bounds(bundle) == (number, number)


def test_every_search_parameter_of_the_catalogue_is_tried(door: Client) -> None:
    tried = {query.partition("=")[0].partition(":")[0].replace("?", " ") for query, _ in FOUND}
    tried |= {
        f"{query.partition('?')[0]} {query.rpartition('&')[2].partition('=')[0]}" for query, _ in FOUND if "&" in query
    }
    for resource in door.json("/metadata")["rest"][0]["resource"]:
        if resource["type"] in KINDS:
            listed = {f"{resource['type']} {item['name']}" for item in resource["searchParam"]} - {
                f"{kind} _id" for kind in KINDS
            }
            assert listed <= tried


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_id_is_not_found_and_an_unknown_parameter_refused(door: Client, kind: str) -> None:
    assert door.json(f"/{kind}/nothing", 404)["issue"][0]["code"] == "not-found"
    assert door.json(f"/{kind}?colour=red", 400)["issue"][0]["location"] == ["http.colour"]


@pytest.mark.parametrize("kind", [*KINDS, "Group", "Measure"])
def test_every_resource_is_valid_in_both_formats_and_read_by_its_id(
    door: Client, official: OfficialSchemas, kind: str
) -> None:
    bundle = door.json(f"/{kind}?_count=1000")
    assert official.json_faults(bundle) == []
    assert official.xml_faults(door.get(f"/{kind}?_count=1000&_format=xml").content) == []
    for resource in matches(bundle):
        assert model_faults(resource) == []
        again = door.json(f"/{kind}/{resource['id']}")
        assert {**again, "meta": None} == {**resource, "meta": None}


@pytest.mark.parametrize(
    ("gateway_id", "shown"), [("de-two", FALLBACK), ("with blank", FALLBACK), ("x" * 65, FALLBACK), ("eu.x", "eu.x")]
)
def test_the_operator_has_an_id_that_no_registry_has(gateway_id: str, shown: str) -> None:
    gateway = dataclasses.replace(gateway_of(registry("de-two", "DE", [])), id=gateway_id)
    found = matches(Client(create(gateway)).json("/Organization"))
    assert [item["id"] for item in found] == [shown, "de-two"]
    assert found[0]["identifier"][0]["value"] == gateway_id


def test_own_codes_of_the_catalogue_are_published(door: Client) -> None:
    for library in matches(door.json("/Library?topic=childhood-cancer")):
        topic = library["topic"][0]["coding"][0]
        assert topic["system"] == guide().code_system("topic")
        assert topic["code"] in {item["code"] for item in conformance_resources()["CodeSystem", "topic"]["concept"]}

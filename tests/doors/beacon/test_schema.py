"""Every response against the published schemas and our own checks; both catch planted faults."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import ValidationError

from gateway.doors.beacon import create
from tests.doors.asgi import Client
from tests.doors.beacon.checks import Validate, faults
from tests.doors.beacon.registries import gateway_of, make_cases, registry

FRAMEWORK = "framework/json/responses"
MODEL = "models/json/beacon-v2-default-model"
NEUROBLASTOMA = {"filters": "ICCC3:IV(a)"}


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/", f"{FRAMEWORK}/beaconInfoResponse.json"),
        ("/info", f"{FRAMEWORK}/beaconInfoResponse.json"),
        ("/service-info", f"{FRAMEWORK}/ga4gh-service-info-1-0-0-schema.json"),
        ("/configuration", f"{FRAMEWORK}/beaconConfigurationResponse.json"),
        ("/map", f"{FRAMEWORK}/beaconMapResponse.json"),
        ("/entry_types", f"{FRAMEWORK}/beaconEntryTypesResponse.json"),
        ("/filtering_terms", f"{FRAMEWORK}/beaconFilteringTermsResponse.json"),
        ("/individuals/filtering_terms?limit=5&skip=3", f"{FRAMEWORK}/beaconFilteringTermsResponse.json"),
        ("/datasets", f"{FRAMEWORK}/beaconCollectionsResponse.json"),
        ("/datasets/fr-one", f"{FRAMEWORK}/beaconCollectionsResponse.json"),
        ("/datasets?requestedGranularity=boolean", f"{FRAMEWORK}/beaconBooleanResponse.json"),
        ("/datasets?requestedGranularity=count", f"{FRAMEWORK}/beaconCountResponse.json"),
        ("/individuals", f"{FRAMEWORK}/beaconResultsetsResponse.json"),
        ("/individuals?requestedGranularity=boolean", f"{FRAMEWORK}/beaconBooleanResponse.json"),
        ("/individuals?requestedGranularity=count", f"{FRAMEWORK}/beaconCountResponse.json"),
        ("/individuals?requestedGranularity=count", f"{FRAMEWORK}/beaconResultsetsResponse.json"),
        ("/individuals?includeResultsetResponses=NONE", f"{FRAMEWORK}/beaconCountResponse.json"),
        ("/individuals?testMode=true", f"{FRAMEWORK}/beaconResultsetsResponse.json"),
        ("/individuals?testMode=true&requestedGranularity=boolean", f"{FRAMEWORK}/beaconBooleanResponse.json"),
        ("/datasets/fr-one/individuals", f"{FRAMEWORK}/beaconResultsetsResponse.json"),
    ],
)
def test_every_endpoint_answers_by_its_published_schema(
    client: Client, validate: Validate, path: str, schema: str
) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    validate(schema, response.json())


@pytest.mark.parametrize("path", ["/nowhere", "/individuals?filters=nonsense", "/individuals/fr-one.nobody", "/x/y/z"])
def test_every_error_answers_by_the_published_schema(client: Client, validate: Validate, path: str) -> None:
    response = client.get(path)
    assert response.status_code in {400, 404}
    validate(f"{FRAMEWORK}/beaconErrorResponse.json", response.json())
    assert response.json()["error"]["errorCode"] == response.status_code


def test_every_individual_and_dataset_is_valid_by_the_default_model(client: Client, validate: Validate) -> None:
    answer = client.get("/individuals", params={"limit": 0}).json()
    records = [record for item in answer["response"]["resultSets"] for record in item["results"]]
    assert len(records) > 200
    for record in records:
        validate(f"{MODEL}/individuals/defaultSchema.json", record)
    one = client.get(f"/individuals/{records[0]['id']}").json()
    validate(f"{FRAMEWORK}/beaconResultsetsResponse.json", one)
    assert one["response"]["resultSets"][0]["results"] == records[:1]
    for dataset in client.get("/datasets").json()["response"]["collections"]:
        validate(f"{MODEL}/datasets/defaultSchema.json", dataset)


def test_every_entry_type_and_url_of_the_map_is_served(client: Client) -> None:
    declared = client.get("/entry_types").json()["response"]["entryTypes"]
    endpoints = client.get("/map").json()["response"]["endpointSets"]
    assert set(declared) == {entry["entryType"] for entry in endpoints.values()}
    base = "http://127.0.0.1:8080/beacon"
    for entry in endpoints.values():
        identifier = "fr-one" if entry["entryType"] == "dataset" else "fr-one.p0"
        urls = [entry["rootUrl"], entry["singleEntryUrl"], *(e["url"] for e in entry.get("endpoints", {}).values())]
        for url in [*urls, entry.get("filteringTermsUrl", entry["rootUrl"])]:
            assert url.startswith(base)
            assert client.get(url.removeprefix(base).replace("{id}", identifier)).status_code == 200, url


@pytest.mark.parametrize("granularity", ["boolean", "count", "record"])
@pytest.mark.parametrize("include", ["HIT", "MISS", "ALL", "NONE"])
@pytest.mark.parametrize("filters", ["", "ICCC3:IV(a)", "ICCC3:IV(a),age<=P4Y", "ICDO3:8000/3", "year=1950"])
def test_answers_are_consistent_in_themselves(client: Client, granularity: str, include: str, filters: str) -> None:
    parameters = {"requestedGranularity": granularity, "includeResultsetResponses": include, "filters": filters}
    answer = client.get("/individuals", params=parameters)
    assert answer.status_code == 200
    assert faults(answer.json()) == []


@pytest.fixture(scope="module")
def good() -> dict[str, Any]:
    """A record answer of two exact registries."""
    sources = [
        registry(name, country, make_cases(name, country, 40, 5, partial=False))
        for name, country in (("aa", "FR"), ("bb", "DE"))
    ]
    client = Client(create(gateway_of(*sources)))
    answer: dict[str, Any] = client.get("/individuals", params={"filters": "NCIT:C16576"}).json()
    assert answer["responseSummary"]["countPrecision"] == "exact"
    assert answer["response"]["resultSets"][0]["results"]
    assert faults(answer) == []
    return answer


def _set(answer: dict[str, Any]) -> Any:
    return answer["response"]["resultSets"][0]


def _record(answer: dict[str, Any]) -> Any:
    return _set(answer)["results"][0]


SEEDED: dict[str, Callable[[dict[str, Any]], object]] = {
    "total is not the sum": lambda a: a["responseSummary"].update(numTotalResults=10_000),
    "exists contradicts the total": lambda a: a["responseSummary"].update(exists=False),
    "exists contradicts a set": lambda a: _set(a).update(exists=False),
    "nonsense precision": lambda a: _set(a).update(countPrecision="about"),
    "nonsense precision of the total": lambda a: a["responseSummary"].update(countPrecision="suppressed"),
    "bounded without a range": lambda a: a["responseSummary"].update(countPrecision="imprecise"),
    "unknown field of a set": lambda a: _set(a).update(resultCount=1),
    "set given twice": lambda a: a["response"]["resultSets"].append(_set(a)),
    "sex of another ontology": lambda a: _record(a)["sex"].update(id="PATO:0000383"),
    "age in words": lambda a: _record(a)["diseases"][0].update(ageOfOnset={"iso8601duration": "two"}),
    "disease code without prefix": lambda a: _record(a)["diseases"][0].update(diseaseCode={"id": "95003"}),
    "record of another registry": lambda a: _record(a)["info"].update(dataset="other"),
    "more records than counted": lambda a: _set(a).update(resultsCount=1),
    "suppressed registry with a set": lambda a: a["info"]["nodes"][0].update(countPrecision="suppressed"),
    "silent timeout": lambda a: a["info"]["nodes"][1].update(status="timeout"),
    "records in a count answer": lambda a: a["meta"].update(returnedGranularity="count"),
    "counts in a boolean answer": lambda a: a["meta"].update(returnedGranularity="boolean"),
    "more than asked": lambda a: a["meta"]["receivedRequestSummary"].update(requestedGranularity="count"),
}


@pytest.mark.parametrize("fault", SEEDED)
def test_our_checks_catch_what_the_schemas_let_pass(good: dict[str, Any], fault: str) -> None:
    broken = copy.deepcopy(good)
    SEEDED[fault](broken)
    assert faults(broken)


INVALID: dict[str, Callable[[dict[str, Any]], object]] = {
    "no summary": lambda a: a.pop("responseSummary"),
    "no returnedGranularity": lambda a: a["meta"].pop("returnedGranularity"),
    "unknown granularity": lambda a: a["meta"].update(returnedGranularity="aggregated"),
    "set without results": lambda a: _set(a).pop("results"),
    "set without count": lambda a: _set(a).pop("resultsCount"),
    "count as text": lambda a: a["responseSummary"].update(numTotalResults="12"),
    "negative total": lambda a: a["responseSummary"].update(numTotalResults=-1),
    "exists unknown": lambda a: a["responseSummary"].update(exists=None),
}


@pytest.mark.parametrize("fault", INVALID)
def test_the_published_schemas_catch_a_broken_shape(validate: Validate, good: dict[str, Any], fault: str) -> None:
    broken = copy.deepcopy(good)
    INVALID[fault](broken)
    with pytest.raises((AssertionError, ValidationError)):
        validate(f"{FRAMEWORK}/beaconResultsetsResponse.json", broken)


def test_an_individual_without_sex_or_with_a_wrapped_age_is_caught(validate: Validate, good: dict[str, Any]) -> None:
    for change in (
        lambda record: record.pop("sex"),
        lambda record: record["diseases"][0].update(ageOfOnset={"age": {"iso8601duration": "P2Y"}}),
        lambda record: record["diseases"][0].pop("diseaseCode"),
    ):
        broken = copy.deepcopy(_record(good))
        change(broken)
        with pytest.raises(AssertionError):
            validate(f"{MODEL}/individuals/defaultSchema.json", broken)

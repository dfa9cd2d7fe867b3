"""Every form of a token finds what the resources themselves say: code, system|code, system|, |code, :not, :missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from gateway.doors.fhir.definitions import guide
from gateway.doors.fhir.verification import VERIFICATION_SYSTEM
from tests.doors.fhir.client import Client, bounds, matches
from tests.doors.fhir.validation import Json

ICDO = "http://terminology.hl7.org/CodeSystem/icd-o-3"
ICCC = "http://terminology.hl7.org/CodeSystem/iccc-3"
GENDER = "http://hl7.org/fhir/administrative-gender"
HISTOLOGY = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-histology-morphology-behavior"
CATEGORY = "http://hl7.org/fhir/us/core/CodeSystem/condition-category"
Codings = Callable[[Json], list[tuple[str, str]]]


def codings(concept: Json) -> list[tuple[str, str]]:
    return [(item["system"], item["code"]) for item in concept.get("coding", [])]


def extension(name: str) -> Codings:
    def read(resource: Json) -> list[tuple[str, str]]:
        url = name if name.startswith("http") else guide().extension(name)
        found = [item for item in resource.get("extension", []) if item["url"] == url]
        return [each for item in found for each in codings(item.get("valueCodeableConcept", {}))]

    return read


def side(resource: Json) -> list[tuple[str, str]]:
    return [each for site in resource["bodySite"] for each in extension("laterality")(site)]


def behaviour(resource: Json) -> list[tuple[str, str]]:
    return [(system, code.partition("/")[2]) for system, code in extension(HISTOLOGY)(resource) if "/" in code]


CONDITION: Mapping[str, tuple[str, str, Codings]] = {
    "code": (ICDO, "9500/3", lambda each: codings(each["code"])),
    "body-site": (ICDO, "C74.9", lambda each: codings(each["bodySite"][0])),
    "topography": (ICDO, "C74.9", lambda each: codings(each["bodySite"][0])),
    "morphology": (ICDO, "9500/3", extension(HISTOLOGY)),
    "iccc-group": (ICCC, "IV(a)", lambda each: codings(each["code"])),
    "basis-of-diagnosis": (guide().code_system("basis-of-diagnosis"), "7", extension("basis-of-diagnosis")),
    "laterality": (guide().code_system("laterality"), "left", side),
    "verification-status": (
        VERIFICATION_SYSTEM,
        "confirmed",
        lambda each: codings(each["verificationStatus"]),
    ),
    "category": (CATEGORY, "health-concern", lambda each: codings(each["category"][0])),
}
NEEDS_SYSTEM = frozenset({"code", "body-site"})


def ids(client: Client, query: Mapping[str, str], kind: str = "Condition") -> set[str]:
    page = client.get(f"/{kind}", params={**query, "_count": "1000"}).json()
    assert page["resourceType"] == "Bundle", page
    return {each["id"] for each in matches(page)}


@pytest.fixture(scope="module")
def everything(client: Client) -> list[Json]:
    return matches(client.get("/Condition?_count=1000").json())


@pytest.mark.parametrize("name", sorted(CONDITION))
def test_forms_of_a_token_find_what_conditions_say(client: Client, everything: list[Json], name: str) -> None:
    system, code, read = CONDITION[name]
    saying = {each["id"] for each in everything if (system, code) in read(each)}
    any_of = {each["id"] for each in everything if any(found == system for found, _ in read(each))}
    assert saying
    assert ids(client, {name: f"{system}|{code}"}) == saying
    if name not in NEEDS_SYSTEM:
        assert ids(client, {name: code}) == saying
    assert ids(client, {name: f"|{code}"}) == set()
    assert ids(client, {name: f"|{code},{system}|{code}"}) == saying
    assert ids(client, {name: f"{system}|"}) == any_of
    strange = client.get("/Condition", params={name: f"http://example.org/other|{code}"})
    assert strange.status_code == 400 or matches(strange.json()) == []


def test_behaviour_is_found_as_the_morphology_says_it(client: Client, everything: list[Json]) -> None:
    told = {each["id"] for each in everything if (ICDO, "3") in behaviour(each)}
    assert ids(client, {"behaviour": f"{ICDO}|3"}) >= told != set()


@pytest.mark.parametrize(
    "name", ["code", "body-site", "topography", "morphology", "basis-of-diagnosis", "laterality", "verification-status"]
)
def test_missing_is_what_the_resources_lack(client: Client, everything: list[Json], name: str) -> None:
    lacking = {each["id"] for each in everything if not CONDITION[name][2](each)}
    assert lacking
    assert ids(client, {f"{name}:missing": "true"}) == lacking
    assert ids(client, {f"{name}:missing": "false"}) == {each["id"] for each in everything} - lacking


@pytest.mark.parametrize(("name", "coarse"), [("basis-of-diagnosis", "microscopic"), ("laterality", "unilateral")])
def test_a_coarse_code_is_itself_and_its_finer_codes_are_below(
    client: Client, everything: list[Json], name: str, coarse: str
) -> None:
    system, _, read = CONDITION[name]
    finer = {"microscopic": {"5", "6", "7", "8"}, "unilateral": {"left", "right"}}[coarse]
    itself = {each["id"] for each in everything if (system, coarse) in read(each)}
    below = {each["id"] for each in everything if {code for _, code in read(each)} & {coarse, *finer}}
    assert itself
    assert itself < below
    for value in (coarse, f"{system}|{coarse}"):
        found = client.get("/Condition", params={name: value, "_summary": "count"}).json()
        assert bounds(found) == (len(itself), len(itself))
        assert ids(client, {name: value}) == itself
        assert ids(client, {f"{name}:below": value}) == below


@pytest.mark.parametrize("name", ["basis-of-diagnosis", "laterality"])
def test_not_gives_what_does_not_say_it(client: Client, everything: list[Json], name: str) -> None:
    system, code, read = CONDITION[name]
    coarse = {"basis-of-diagnosis": "microscopic", "laterality": "unilateral"}[name]
    saying = {each["id"] for each in everything if (system, code) in read(each)}
    open_ones = {each["id"] for each in everything if (system, coarse) in read(each)}
    without = {each["id"] for each in everything} - saying - open_ones
    assert {each["id"] for each in everything if not read(each)} <= without
    assert ids(client, {f"{name}:not": code}) == without
    found = client.get("/Condition", params={f"{name}:not": code, "_summary": "count"}).json()
    assert bounds(found) == (len(without), len(without) + len(open_ones))


def test_an_observation_of_a_coarse_value_is_itself(client: Client) -> None:
    system = guide().code_system("laterality")
    every = matches(client.get("/Observation", params={"code": "http://loinc.org|20228-3", "_count": "1000"}).json())
    said = {each["id"]: codings(each["valueCodeableConcept"])[0][1] for each in every}
    itself = {name for name, code in said.items() if code == "unilateral"}
    assert itself
    assert ids(client, {"value-concept": f"{system}|unilateral"}, "Observation") == itself
    below = {name for name, code in said.items() if code in {"unilateral", "left", "right"}}
    assert ids(client, {"value-concept:below": f"{system}|unilateral"}, "Observation") == below
    assert ids(client, {"value-concept": f"{system}|"}, "Observation") == set(said)
    assert ids(client, {"value-concept": "|left"}, "Observation") == set()


def test_gender_is_missing_where_the_patient_has_none(client: Client) -> None:
    patients = matches(client.get("/Patient?_count=1000").json())
    told = {each["id"] for each in patients if "gender" in each}
    assert ids(client, {"gender:missing": "false"}, "Patient") >= told
    found = client.get("/Patient", params={"gender:missing": "true", "_summary": "count"}).json()
    assert bounds(found) == (0, 0)
    unknown = {each["id"] for each in patients if each.get("gender") == "unknown"}
    assert unknown
    assert unknown <= ids(client, {"gender": f"{GENDER}|unknown"}, "Patient")
    assert unknown <= ids(client, {"gender:not": "male"}, "Patient")
    assert unknown <= ids(client, {"gender": f"{GENDER}|"}, "Patient")


@pytest.mark.parametrize(
    ("query", "countries"),
    [
        ({"address-country": "d"}, {"DE"}),
        ({"address-country": "De"}, {"DE"}),
        ({"address-country": "E"}, set()),
        ({"address-country:contains": "e"}, {"DE"}),
        ({"address-country:contains": "r,S"}, {"FR", "US"}),
        ({"address-country:exact": "DE"}, {"DE"}),
        ({"address-country:exact": "de"}, set()),
    ],
)
def test_a_country_is_a_string(client: Client, query: Mapping[str, str], countries: set[str]) -> None:
    page = client.get("/Patient", params={**query, "_count": "1000"}).json()
    assert {item["country"] for each in matches(page) for item in each.get("address", [])} == countries

"""The CapabilityStatement tells the truth in both directions: all it lists works, and nothing else does."""

from __future__ import annotations

import re

import pytest

from gateway.doors.fhir.definitions import conformance_resources, guide
from gateway.doors.fhir.parameters import SEARCHABLE
from tests.doors.fhir.client import Client, Json, bounds, matches

ICCC = "http://terminology.hl7.org/CodeSystem/iccc-3"
ICDO = "http://terminology.hl7.org/CodeSystem/icd-o-3"

# A value that matches some cases, one that matches all or may, and one that matches none.
VALUES = {
    "_id": ("de-two.c1,de-two.p1", None, "de-two.c99999"),
    "code": (f"{ICCC}|IV(a)", f"{ICDO}|8000,{ICDO}|C00,{ICCC}|I,{ICCC}|II,{ICCC}|III", f"{ICDO}|C19.9"),
    "body-site": (f"{ICDO}|C74.9", None, f"{ICDO}|C19.9"),
    "onset-date": ("ge2015", "ge1990", "lt1990"),
    "recorded-date": ("ge2015", "ge1990", "lt1990"),
    "age-at-diagnosis": ("lt5", "ge0", "ge90"),
    "patient.gender": ("female", "male,female,other,unknown", None),
    "subject:Patient.gender": ("female", "male,female,other,unknown", None),
    "gender": ("female", "male,female,other,unknown", None),
    "_source": ("de-two", "de-two,fr-one,us-three", None),
}
MODIFIED = {
    "code:in": f"{ICCC}?fhir_vs=isa/IV(a)",
    "code:not": f"{ICCC}|IV(a)",
    "code:below": f"{ICCC}|IV",
    "body-site:not": f"{ICDO}|C74.9",
    "body-site:below": f"{ICDO}|C74",
    "patient.gender:not": "female",
    "subject:Patient.gender:not": "female",
    "gender:not": "female",
    "_source:not": "de-two",
}
# Search parameters that R4 and mCODE define and this door does not have.
OTHERS = {
    "Condition": [
        "abatement-age",
        "abatement-date",
        "asserter",
        "category",
        "clinical-status",
        "encounter",
        "evidence",
        "identifier",
        "onset-age",
        "onset-info",
        "patient",
        "severity",
        "stage",
        "subject",
        "verification-status",
        "_lastUpdated",
        "_profile",
        "_tag",
        "_text",
        "_content",
        "_has:Observation:focus:code",
        "_list",
        "_type",
        "_sort",
        "_include",
        "_revinclude",
        "_elements",
        "_filter",
        "_contained",
    ],
    "Patient": [
        "active",
        "address",
        "address-country",
        "birthdate",
        "death-date",
        "deceased",
        "email",
        "family",
        "given",
        "identifier",
        "language",
        "link",
        "name",
        "organization",
        "phone",
        "telecom",
        "_has:Condition:subject:code",
        "_lastUpdated",
        "_profile",
        "_sort",
        "_elements",
    ],
}


@pytest.fixture(scope="module")
def statement(client: Client) -> Json:
    return client.json("/metadata")


def resources(statement: Json) -> dict[str, Json]:
    return {item["type"]: item for item in statement["rest"][0]["resource"]}


def records(statement: Json) -> dict[str, Json]:
    return {kind: item for kind, item in resources(statement).items() if kind in SEARCHABLE}


def test_it_has_what_a_capability_statement_of_an_instance_must_have(statement: Json) -> None:
    assert statement["kind"] == "instance"
    assert statement["fhirVersion"] == "4.0.1"
    assert statement["implementation"]["url"] == "http://gateway.test/fhir"
    assert statement["software"]["version"]


def test_every_listed_search_parameter_works_and_counts_agree(client: Client, statement: Json) -> None:
    listed = 0
    for kind, resource in records(statement).items():
        for parameter in resource.get("searchParam", []):
            listed += 1
            for value in VALUES[parameter["name"]]:
                if value is not None:
                    assert_counts_agree(client, kind, parameter["name"], value)
    assert listed == 12


def assert_counts_agree(client: Client, kind: str, name: str, value: str) -> None:
    query = {name: value}
    summary = bounds(client.get(f"/{kind}", params=query | {"_summary": "count"}).json())
    accurate = bounds(client.get(f"/{kind}", params=query | {"_total": "accurate", "_count": "1"}).json())
    page = client.get(f"/{kind}", params=query | {"_count": "1000"}).json()
    assert summary == accurate == bounds(page)
    assert len(matches(page)) == summary[0]


def test_some_all_and_none_are_told_apart(client: Client, statement: Json) -> None:
    for kind, resource in records(statement).items():
        if "searchParam" not in resource:
            continue
        everything = bounds(client.json(f"/{kind}?_summary=count"))[1]
        assert everything
        for parameter in resource["searchParam"]:
            some, whole, none = (
                None
                if value is None
                else bounds(client.get(f"/{kind}", params={parameter["name"]: value, "_summary": "count"}).json())
                for value in VALUES[parameter["name"]]
            )
            assert some is not None
            assert 0 < some[0] < everything
            if whole is not None:
                assert whole[1] == everything or parameter["name"] == "code"
            if none is not None:
                assert none[0] == 0


def test_every_listed_modifier_works_and_no_other(client: Client, statement: Json) -> None:
    known = set()
    for kind, resource in records(statement).items():
        for parameter in resource.get("searchParam", []):
            words = parameter["documentation"].rpartition("Modifiers: ")[2]
            listed = set(re.findall(r":([a-z-]+)", words))
            known |= {f"{parameter['name']}:{modifier}" for modifier in listed}
            for modifier in {
                "not",
                "in",
                "not-in",
                "below",
                "above",
                "text",
                "missing",
                "exact",
                "identifier",
                "of-type",
            }:
                name = f"{parameter['name']}:{modifier}"
                value = MODIFIED.get(name, "x")
                status = client.get(f"/{kind}", params={name: value, "_summary": "count"}).status_code
                assert (status == 200) == (modifier in listed), name
    assert known == set(MODIFIED)


def test_nothing_that_is_not_listed_works(client: Client, statement: Json) -> None:
    for kind, others in OTHERS.items():
        listed = {parameter["name"] for parameter in resources(statement)[kind]["searchParam"]}
        for name in others:
            assert name not in listed
            refused = client.get(f"/{kind}", params={name: "x"})
            assert refused.status_code == 400, name
            assert refused.json()["issue"][0]["location"] == [f"http.{name}"]


def test_every_definition_that_is_named_is_ours_and_fits_or_is_of_hl7(client: Client, statement: Json) -> None:
    for kind, resource in resources(statement).items():
        for parameter in resource.get("searchParam", []):
            canonical = parameter["definition"]
            if not canonical.startswith(guide().canonical):
                assert canonical.startswith("http://hl7.org/fhir/SearchParameter/")
                continue
            definition = conformance_resources()["SearchParameter", canonical.rpartition("/")[2]]
            assert definition["type"] == parameter["type"]
            assert kind in definition["base"]
            assert parameter["name"].replace("subject:Patient.", "patient.") == definition["code"]
            words = parameter["documentation"].rpartition("Modifiers: ")[2]
            assert set(definition.get("modifier", [])) == set(re.findall(r":([a-z-]+)", words))
            assert ("comparator" in definition) == ("Prefixes" in parameter["documentation"])


def test_every_listed_interaction_works_and_no_other(client: Client, statement: Json) -> None:
    ids = {"Condition": "de-two.c1", "Patient": "de-two.p1"}
    ids |= dict(conformance_resources().keys())
    for kind, resource in resources(statement).items():
        if "interaction" not in resource:
            continue
        codes = {item["code"] for item in resource["interaction"]}
        path = f"/{kind}/{ids[kind]}"
        assert client.get(path).status_code == 200
        tried = {
            "read": client.get(path).status_code,
            "search-type": client.get(f"/{kind}").status_code,
            "vread": client.get(f"{path}/_history/1").status_code,
            "history-instance": client.get(f"{path}/_history").status_code,
            "history-type": client.get(f"/{kind}/_history").status_code,
            "create": client.request("POST", f"/{kind}", json={}).status_code,
            "update": client.request("PUT", path, json={}).status_code,
            "patch": client.request("PATCH", path, json={}).status_code,
            "delete": client.request("DELETE", path).status_code,
        }
        assert {code for code, status in tried.items() if status == 200} == codes


@pytest.mark.parametrize("kind", ["Observation", "Specimen", "Group", "Measure", "Organization", "Encounter"])
def test_a_resource_type_that_is_not_listed_is_not_there(client: Client, statement: Json, kind: str) -> None:
    assert kind not in resources(statement)
    assert client.get(f"/{kind}").status_code == 404
    assert client.get(f"/{kind}/1").status_code == 404


def test_every_listed_format_works(client: Client, statement: Json) -> None:
    for name in statement["format"]:
        assert client.get(f"/metadata?_format={name}").status_code == 200
    assert client.get("/metadata?_format=ttl").status_code == 406

"""The CapabilityStatement tells the truth in both directions: all it lists works, and nothing else does."""

from __future__ import annotations

import re

import pytest

from gateway.doors.fhir.definitions import conformance_resources, guide
from gateway.doors.fhir.search.parameters import SEARCHABLE
from tests.doors.fhir.client import Client, Json, bounds, matches

ICCC = "http://terminology.hl7.org/CodeSystem/iccc-3"
ICDO = "http://terminology.hl7.org/CodeSystem/icd-o-3"

# A value that matches some, one that matches all or may, and one that matches none.
PATIENTS = {
    "_id": ("de-two.p1", None, "de-two.p99999"),
    "gender": ("female", "male,female,other,unknown", None),
    "deceased": ("true", None, None),
    "address-country": ("DE", "DE,FR,US", "BR"),
    "identifier": ("de-two.p1", None, "de-two.p99999"),
}
TUMOURS = {
    "code": (f"{ICCC}|IV(a)", None, f"{ICDO}|C19.9"),
    "body-site": (f"{ICDO}|C74.9", None, f"{ICDO}|C19.9"),
    "iccc-group": ("IV(a)", None, None),
    "topography": ("C74.9", None, "C19.9"),
    "morphology": ("9500/3", None, None),
    "behaviour": ("1", "0,1,2,3", None),
    "morphology-topography": ("9500/3$C74.9", None, "9500/3$C19.9"),
    "onset-date": ("ge2015", "ge1990", "lt1990"),
    "recorded-date": ("ge2015", "ge1990", "lt1990"),
    "age-at-diagnosis": ("lt5", "ge0", "ge90"),
    "age-at-diagnosis-days": ("lt1826", "ge0", "ge40000"),
    "basis-of-diagnosis": ("7", None, None),
    "laterality": ("left", None, None),
    "grade": ("3", None, None),
    "stage": ("toronto:localised", None, None),
    "category": ("health-concern", "health-concern", "encounter-diagnosis"),
    "verification-status": ("confirmed", None, "refuted"),
}
REGISTRIES = {"_source": ("de-two", "de-two,fr-one,us-three", None)}
BEHIND = {f"{prefix}.{name}": values for prefix in ("patient", "subject:Patient") for name, values in PATIENTS.items()}
SUBJECTS = {"subject": ("Patient/de-two.p1", None, "Patient/de-two.p99999"), "patient": ("de-two.p1", None, None)}
VALUES = {
    "Condition": {"_id": ("de-two.c1", None, "de-two.c99999"), **TUMOURS, **SUBJECTS, **BEHIND, **REGISTRIES},
    "Patient": {**PATIENTS, "organization": ("Organization/de-two", None, None), **REGISTRIES},
    "Observation": {
        "_id": ("de-two.c1-laterality,de-two.p1-vital-status", None, "de-two.c99999-stage"),
        "code": ("http://loinc.org|75186-7", "C16899,C18000,20228-3,75186-7", "http://loinc.org|1-8"),
        "category": ("exam", None, "vital-signs"),
        "value-concept": ("toronto:localised", None, "toronto:nowhere"),
        "status": ("final", "final", "preliminary"),
        "focus": ("Condition/de-two.c1", None, "Condition/de-two.c99999"),
        **SUBJECTS,
        **BEHIND,
        **{f"focus:Condition.{name}": (some, None, none) for name, (some, _, none) in TUMOURS.items()},
        **REGISTRIES,
    },
}
MODIFIED = {
    "in": f"{ICCC}?fhir_vs=isa/IV(a)",
    "not-in": f"{ICCC}?fhir_vs=isa/IV(a)",
    "above": f"{ICDO}|9500/3",
    "text": "neuroblastoma",
    "missing": "true",
    "identifier": "de-two.p1",
}
"""Value under a modifier; elsewhere the parameter's own."""
# Search parameters that R4 and mCODE define and this door does not have.
OTHERS = {
    "Condition": [
        "abatement-age",
        "abatement-date",
        "asserter",
        "clinical-status",
        "encounter",
        "evidence",
        "identifier",
        "onset-age",
        "onset-info",
        "severity",
        "_lastUpdated",
        "_profile",
        "_tag",
        "_text",
        "_content",
        "_has:Observation:focus:code",
        "_list",
        "_type",
        "_include",
        "_revinclude",
        "_sort",
        "_filter",
        "_contained",
        "subject:Group.name",
        "patient.organization.name",
    ],
    "Patient": [
        "active",
        "address",
        "birthdate",
        "death-date",
        "email",
        "family",
        "given",
        "language",
        "link",
        "name",
        "phone",
        "telecom",
        "_has:Observation:subject:code",
        "_has:Condition:subject:subject",
        "_lastUpdated",
        "_profile",
        "_sort",
        "_include",
        "_revinclude",
    ],
    "Observation": ["date", "value-quantity", "component-code", "encounter", "_sort", "_include", "_has:Patient:x:y"],
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


def test_the_guide_that_it_names_is_served(client: Client, statement: Json) -> None:
    (named,) = statement["implementationGuide"]
    (found,) = matches(client.json("/ImplementationGuide", params={"url": named}))
    assert found["url"] == named


def test_every_listed_search_parameter_works_and_counts_agree(client: Client, statement: Json) -> None:
    listed = 0
    for kind, resource in records(statement).items():
        for parameter in resource.get("searchParam", []):
            listed += 1
            for value in VALUES[kind][parameter["name"]]:
                if value is not None:
                    assert_counts_agree(client, kind, parameter["name"], value)
    assert listed == sum(map(len, VALUES.values()))


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
                for value in VALUES[kind][parameter["name"]]
            )
            assert some is not None
            assert 0 < some[0] < everything or some == whole == (everything, everything)
            if whole is not None:
                assert whole[1] == everything
            if none is not None:
                assert none[0] == 0


def test_every_listed_modifier_works_and_no_other(client: Client, statement: Json) -> None:
    tried = 0
    for kind, resource in records(statement).items():
        for parameter in resource.get("searchParam", []):
            words = parameter["documentation"].rpartition("Modifiers: ")[2]
            listed = set(re.findall(r":([a-z-]+)", words))
            tried += len(listed)
            for modifier in (*MODIFIED, "not", "below", "exact", "contains", "of-type"):
                value = MODIFIED.get(modifier, VALUES[kind][parameter["name"]][0])
                name = f"{parameter['name']}:{modifier}"
                status = client.get(f"/{kind}", params={name: value, "_summary": "count"}).status_code
                assert (status == 200) == (modifier in listed), name
    assert tried > 60


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
            if "." in parameter["name"]:
                assert "definition" not in parameter, "a chain is no parameter of its own"
                continue
            canonical = parameter["definition"]
            if not canonical.startswith(guide().canonical):
                assert canonical.startswith("http://hl7.org/fhir/SearchParameter/")
                continue
            definition = conformance_resources()["SearchParameter", canonical.rpartition("/")[2]]
            assert definition["type"] == parameter["type"]
            assert kind in definition["base"]
            assert parameter["name"] == definition["code"]
            words = parameter["documentation"].rpartition("Modifiers: ")[2]
            assert set(definition.get("modifier", [])) == set(re.findall(r":([a-z-]+)", words))
            assert ("comparator" in definition) == ("Prefixes" in parameter["documentation"])


def test_every_listed_interaction_works_and_no_other(client: Client, statement: Json) -> None:
    ids = {"Condition": "de-two.c1", "Patient": "de-two.p1", "Observation": "de-two.c3-stage"}
    ids |= {"Organization": "de-two", "Endpoint": "fhir", "Library": "question", "Group": "iccc3-2017.IVa"}
    ids |= {"Measure": "incidence"}
    ids |= dict(conformance_resources().keys())
    for kind, resource in resources(statement).items():
        if "interaction" not in resource:
            continue
        codes = {item["code"] for item in resource["interaction"]}
        resource_id = ids.get(kind) or client.json(f"/{kind}?_count=1")["entry"][0]["resource"]["id"]
        path = f"/{kind}/{resource_id}"
        assert client.get(path).status_code == 200
        version = client.json(path).get("meta", {}).get("versionId", "1")
        tried = {
            "read": client.get(path).status_code,
            "search-type": client.get(f"/{kind}").status_code,
            "vread": client.get(f"{path}/_history/{version}").status_code,
            "history-instance": client.get(f"{path}/_history").status_code,
            "history-type": client.get(f"/{kind}/_history").status_code,
            "create": client.request("POST", f"/{kind}", json={}).status_code,
            "update": client.request("PUT", path, json={}).status_code,
            "patch": client.request("PATCH", path, json={}).status_code,
            "delete": client.request("DELETE", path).status_code,
        }
        assert {code for code, status in tried.items() if status == 200} == codes


@pytest.mark.parametrize("kind", ["Specimen", "Encounter"])
def test_a_resource_type_that_is_not_listed_is_not_there(client: Client, statement: Json, kind: str) -> None:
    assert kind not in resources(statement)
    assert client.get(f"/{kind}").status_code == 404
    assert client.get(f"/{kind}/1").status_code == 404


def test_every_listed_format_works(client: Client, statement: Json) -> None:
    for name in statement["format"]:
        assert client.get(f"/metadata?_format={name}").status_code == 200
    assert client.get("/metadata?_format=ttl").status_code == 406

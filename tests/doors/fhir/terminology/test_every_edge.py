"""What a ConceptMap holds, $translate says too; editions do not mix, and targets may be value sets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.doors.fhir.client import Client
from tests.doors.fhir.validation import OfficialSchemas

ICCC3 = "http://terminology.hl7.org/CodeSystem/iccc-3"
ICDO3 = "http://terminology.hl7.org/CodeSystem/icd-o-3"
GUIDE = "https://w3id.org/iccd/fhir"
OID = "urn:oid:2.16.840.1.113883.6.43.1"


def said(client: Client, path: str, **parameters: str) -> dict[str, Any]:
    body = client.get(path, params=parameters).json()
    assert body["resourceType"] == "Parameters", body
    found = {
        item["name"]: next((v for k, v in item.items() if k.startswith("value")), None) for item in body["parameter"]
    }
    matches = [item["part"] for item in body["parameter"] if item["name"] == "match"]
    found["codes"] = [part["valueCoding"]["code"] for match in matches for part in match if part["name"] == "concept"]
    return found


@pytest.mark.parametrize("name", ["icd-o-3-to-iccc-3-2017", "icd-o-3-to-iccc-3-2005"])
def test_every_code_of_the_map_is_translated(client: Client, name: str) -> None:
    elements = client.json(f"/ConceptMap/{name}")["group"][0]["element"]
    assert len(elements) > 800
    for element in elements:
        targets = {item["code"] for item in element["target"] if item.get("equivalence") != "unmatched"}
        if targets:
            found = said(client, f"/ConceptMap/{name}/$translate", code=element["code"])
            assert found["result"] is True, element["code"]
            assert targets <= set(found["codes"]), element["code"]


@pytest.mark.parametrize("group", ["VIII(c).1", "IV(a)", "I(a)", "XI(d)"])
def test_the_way_back_has_the_codes_of_every_edition(client: Client, group: str) -> None:
    elements = client.json("/ConceptMap/iccc-3-2017-to-icd-o-3")["group"][0]["element"]
    held = {t["code"] for item in elements if item["code"].startswith(group) for t in item["target"]}
    found = said(client, "/ConceptMap/iccc-3-2017-to-icd-o-3/$translate", code=group)
    assert held - set(found["codes"]) == set()


@pytest.mark.parametrize("version", ["3.1", "3.0"])
def test_a_code_that_one_edition_has_is_not_of_the_others(client: Client, version: str) -> None:
    asked = {"system": ICDO3, "code": "9260/3", "targetsystem": ICCC3}
    assert said(client, "/ConceptMap/$translate", **asked, version=version)["result"] is True
    assert said(client, "/ConceptMap/$translate", **asked, version="3.2")["result"] is False


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (f"{GUIDE}/ValueSet/iccc-3", True),
        (f"{GUIDE}/ValueSet/iccc-3-IV", True),
        (f"{ICCC3}?fhir_vs=isa/IV", True),
        (f"{ICCC3}?fhir_vs=isa/V", False),
        (f"{ICCC3}?fhir_vs", True),
    ],
)
def test_a_target_may_be_a_value_set(client: Client, target: str, found: bool) -> None:
    body = said(client, "/ConceptMap/$translate", system=ICDO3, code="9500/3", target=target)
    assert body["result"] is found
    assert not found or "IV(a)" in body["codes"]


def test_a_value_set_that_nobody_knows_is_refused(client: Client) -> None:
    for name in ("target", "source"):
        asked = {"system": ICDO3, "code": "9500/3", name: "http://example.org/none"}
        answer = client.get("/ConceptMap/$translate", params=asked)
        assert answer.status_code == 404
        assert name in answer.text


def test_without_a_target_every_system_is_tried(client: Client) -> None:
    codes = said(client, "/ConceptMap/$translate", system=ICDO3, code="9500/3")["codes"]
    assert {"IV(a)", "C3270"} <= set(codes)


@pytest.mark.parametrize("name", ["inss-inrgss", "laterality-ncit", "stage-common", "toronto-tier-1", "toronto-tier-2"])
def test_a_map_of_the_guide_is_translated_at_its_instance(client: Client, name: str) -> None:
    code = client.json(f"/ConceptMap/{name}")["group"][0]["element"][0]["code"]
    assert said(client, f"/ConceptMap/{name}/$translate", code=code)["codes"]


@pytest.mark.parametrize(
    "path",
    [
        "/ConceptMap/icd-o-3-to-iccc-3-2005/$translate?code=8963/3-C22.0&targetVersion=2017",
        f"/ConceptMap/icd-o-3-to-iccc-3-2005/$translate?code=8963/3-C22.0&target={ICCC3}?fhir_vs|2017",
        f"/ConceptMap/icd-o-3-to-iccc-3-2005/$translate?code=8963/3-C22.0&url={GUIDE}/ConceptMap/inss-inrgss",
        "/CodeSystem/iccc-3-2005/$lookup?code=IX(d).11&version=2017",
        "/CodeSystem/iccc-3-2005/$validate-code?code=IX(d).11&version=2017",
    ],
)
def test_an_instance_is_one_edition(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_codings_of_two_editions_are_not_compared(client: Client) -> None:
    def coding(name: str, version: str, code: str) -> dict[str, Any]:
        return {"name": name, "valueCoding": {"system": ICCC3, "version": version, "code": code}}

    body = {
        "resourceType": "Parameters",
        "parameter": [coding("codingA", "2005", "VI(a)"), coding("codingB", "2017", "VI(a)")],
    }
    assert client.request("POST", "/CodeSystem/$subsumes", json=body).status_code == 400


def test_rules_of_versions_hold_in_lookup(client: Client) -> None:
    asked = {"system": ICCC3, "code": "VI(a)", "version": "2017", "check-system-version": f"{ICCC3}|2005"}
    assert client.get("/CodeSystem/$lookup", params=asked).status_code == 422


def test_names_of_one_code_system_are_one(client: Client) -> None:
    for url, system in ((ICDO3, OID), (OID, ICDO3)):
        asked = {"url": f"{url}?fhir_vs", "system": system, "code": "9500/3"}
        assert said(client, "/ValueSet/$validate-code", **asked)["result"] is True
    codings = [
        {"name": name, "valueCoding": {"system": url, "code": code}}
        for name, url, code in (("codingA", ICDO3, "9500"), ("codingB", OID, "9500/3"))
    ]
    body = client.request(
        "POST", "/CodeSystem/$subsumes", json={"resourceType": "Parameters", "parameter": codings}
    ).json()
    assert body["parameter"][0]["valueCode"] == "subsumes"
    ruled = {"url": OID, "code": "9260/3", "system-version": f"{ICDO3}|3.1"}
    assert said(client, "/CodeSystem/$validate-code", **ruled)["result"] is True


def test_the_display_is_that_of_the_coding_that_was_accepted(client: Client) -> None:
    codings = [{"system": ICCC3, "code": "IV(a)"}, {"system": ICDO3, "code": "9500/3"}]
    parameters = [
        {"name": "url", "valueUri": ICCC3},
        {"name": "codeableConcept", "valueCodeableConcept": {"coding": codings}},
    ]
    body = client.request(
        "POST", "/CodeSystem/$validate-code", json={"resourceType": "Parameters", "parameter": parameters}
    ).json()
    shown = next(item["valueString"] for item in body["parameter"] if item["name"] == "display")
    assert shown.startswith("Neuroblastoma and ganglioneuroblastoma")


def test_a_code_system_may_come_without_its_url(client: Client) -> None:
    system = {
        "resourceType": "CodeSystem",
        "url": "http://example.org/cs",
        "status": "active",
        "content": "complete",
        "concept": [{"code": "a"}],
    }
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "codeSystem", "resource": system}, {"name": "code", "valueCode": "a"}],
    }
    answer = client.request("POST", "/CodeSystem/$validate-code", json=body).json()
    assert answer["parameter"][0] == {"name": "result", "valueBoolean": True}


def dependent(element: str, value: str, /, **asked: str) -> dict[str, Any]:
    parts = [
        {"name": "element", "valueUri": element},
        {"name": "concept", "valueCodeableConcept": {"coding": [{"code": value}]}},
    ]
    parameters: list[dict[str, Any]] = [{"name": name, "valueString": given} for name, given in asked.items()]
    return {"resourceType": "Parameters", "parameter": [*parameters, {"name": "dependency", "part": parts}]}


def test_a_dependency_that_is_not_understood_is_refused(client: Client) -> None:
    asked = {"code": "9500/3", "system": ICDO3, "targetsystem": ICCC3}
    body = dependent("http://example.org/gender", "f", **asked)
    answer = client.request("POST", "/ConceptMap/$translate", json=body)
    assert answer.status_code == 400
    assert "dependency" in answer.text


def test_a_topography_goes_to_icd_10_by_its_behaviour(client: Client) -> None:
    elements = client.json("/ConceptMap/icd-o-3-to-icd-10")["group"][0]["element"]
    targets = next(item["target"] for item in elements if item["code"] == "C22.0")
    assert len(targets) > 1
    for target in targets:
        part = next(item for item in target["dependsOn"] if item["property"].endswith("behaviour"))
        body = dependent(part["property"], part["value"], code="C22.0")
        answer = client.request("POST", "/ConceptMap/icd-o-3-to-icd-10/$translate", json=body).json()["parameter"]
        assert answer[0]["valueBoolean"] is True
        parts = [part for item in answer[1:] for part in item.get("part", ())]
        found = [part["valueCoding"]["code"] for part in parts if part["name"] == "concept"]
        assert found == [target["code"]]


def test_a_map_that_is_brought_along_is_followed_by_its_dependencies(client: Client) -> None:
    def target(code: str, sex: str) -> dict[str, Any]:
        return {
            "code": code,
            "equivalence": "equal",
            "dependsOn": [{"property": "http://example.org/sex", "value": sex}],
        }

    brought = {
        "resourceType": "ConceptMap",
        "url": "http://example.org/map",
        "status": "active",
        "group": [
            {
                "source": "http://example.org/a",
                "target": "http://example.org/b",
                "element": [{"code": "x", "target": [target("one", "f"), target("two", "m")]}],
            }
        ],
    }
    body = dependent("http://example.org/sex", "m", code="x", system="http://example.org/a")
    body["parameter"].append({"name": "conceptMap", "resource": brought})
    answer = client.request("POST", "/ConceptMap/$translate", json=body).json()["parameter"]
    found = [part["valueCoding"]["code"] for item in answer[1:] for part in item["part"] if part["name"] == "concept"]
    assert found == ["two"]


@pytest.mark.parametrize(
    "asked",
    [
        f"url={ICDO3}?fhir_vs=isa/9500",
        f"url={ICDO3}?fhir_vs=isa/9500&property=behaviour&property=code",
        f"url={ICCC3}?fhir_vs=isa/IV&includeDesignations=true&property=seer_recode",
        f"url={ICCC3}?fhir_vs&excludeNested=true&count=5",
    ],
)
def test_an_expansion_in_xml_keeps_the_order_of_the_schema(
    client: Client, official: OfficialSchemas, asked: str
) -> None:
    answer = client.get(f"/ValueSet/$expand?{asked}&_format=xml")
    assert answer.status_code == 200
    assert official.xml_faults(answer.content) == []


def test_a_large_system_is_expanded_page_by_page(client: Client) -> None:
    system = {
        "resourceType": "CodeSystem",
        "url": "http://example.org/large",
        "status": "active",
        "content": "complete",
        "concept": [{"code": f"c{number}"} for number in range(10_050)],
    }
    parameters = [
        {"name": "url", "valueUri": "http://example.org/large?fhir_vs"},
        {"name": "tx-resource", "resource": system},
    ]
    page = [{"name": "count", "valueInteger": 10}, {"name": "offset", "valueInteger": 10_045}]
    whole = client.request("POST", "/ValueSet/$expand", json={"resourceType": "Parameters", "parameter": parameters})
    assert whole.status_code == 422
    found = client.request(
        "POST", "/ValueSet/$expand", json={"resourceType": "Parameters", "parameter": parameters + page}
    ).json()["expansion"]
    assert found["total"] == 10_050
    assert [item["code"] for item in found["contains"]] == ["c10045", "c10046", "c10047", "c10048", "c10049"]


@pytest.mark.parametrize(
    "path",
    [
        f"/ValueSet/$expand?url={ICCC3}?fhir_vs&date=2015",
        f"/ValueSet/$expand?url={ICCC3}?fhir_vs&context=x",
        f"/CodeSystem/$lookup?system={ICCC3}&code=IV(a)&date=1990",
    ],
)
def test_what_would_change_the_answer_and_is_not_served_is_refused(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["code"] == "not-supported"


def test_every_code_system_that_is_looked_up_is_listed(client: Client) -> None:
    listed = {item["uri"] for item in client.json("/metadata?mode=terminology")["codeSystem"]}
    entries = client.json("/CodeSystem?_count=1000")["entry"]
    assert {entry["resource"]["url"] for entry in entries} <= listed


@pytest.mark.parametrize(
    ("group", "code", "inside"),
    [("C74", "9500/3-C74.9", True), ("9500", "9500/3-C74.9", True), ("C71", "9500/3-C74.9", False)],
)
def test_a_pair_is_below_both_of_its_codes(client: Client, group: str, code: str, inside: bool) -> None:
    asked = {"url": f"{ICDO3}?fhir_vs=isa/{group}", "system": ICDO3, "code": code}
    assert said(client, "/ValueSet/$validate-code", **asked)["result"] is inside


def test_a_coding_of_another_code_system_is_said_to_be_one(client: Client) -> None:
    parameters = [
        {"name": "url", "valueUri": ICCC3},
        {"name": "coding", "valueCoding": {"system": ICDO3, "code": "9500/3"}},
    ]
    body = {"resourceType": "Parameters", "parameter": parameters}
    answer = client.request("POST", "/CodeSystem/$validate-code", json=body).json()["parameter"]
    found = {item["name"]: item for item in answer}
    assert found["result"]["valueBoolean"] is False
    assert "another code system" in found["message"]["valueString"]

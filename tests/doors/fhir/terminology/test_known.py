"""Parameters that an operation has, those known to be without effect, and those that nobody defines."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.doors.fhir.terminology.known import WITHOUT_EFFECT
from gateway.doors.fhir.terminology.parameters import WORDS
from tests.doors.fhir.client import Client
from tests.doors.fhir.validation import OfficialSchemas

ICCC3 = "http://terminology.hl7.org/CodeSystem/iccc-3"
ICDO3 = "http://terminology.hl7.org/CodeSystem/icd-o-3"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
LENIENT = {"prefer": "respond-async, handling=lenient"}
Json = dict[str, Any]

ASKED = {
    "/CodeSystem/$lookup": {"system": ICCC3, "code": "IV(a)"},
    "/CodeSystem/$validate-code": {"url": ICCC3, "code": "IV(a)"},
    "/CodeSystem/$subsumes": {"system": ICCC3, "codeA": "IV", "codeB": "IV(a)"},
    "/ValueSet/$expand": {"url": f"{ICCC3}?fhir_vs=isa/IV"},
    "/ValueSet/$validate-code": {"url": f"{ICCC3}?fhir_vs", "system": ICCC3, "code": "IV(a)"},
    "/ConceptMap/$translate": {"system": ICDO3, "code": "9500/3", "targetsystem": ICCC3},
}
OF_R4_AND_R5 = {
    "/CodeSystem/$lookup": "code system version coding date displayLanguage property useSupplement",
    "/CodeSystem/$validate-code": "url codeSystem code version display coding codeableConcept date abstract displayLanguage",
    "/CodeSystem/$subsumes": "codeA codeB system version codingA codingB",
    "/ValueSet/$expand": "url valueSet valueSetVersion context contextDirection filter date offset count "
    "includeDesignations designation includeDefinition activeOnly useSupplement excludeNested excludeNotForUI "
    "excludePostCoordinated displayLanguage property exclude-system system-version check-system-version "
    "force-system-version",
    "/ValueSet/$validate-code": "url context valueSet valueSetVersion code system systemVersion display coding "
    "codeableConcept date abstract displayLanguage useSupplement inferSystem",
    "/ConceptMap/$translate": "url conceptMap conceptMapVersion code system version source coding codeableConcept target "
    "targetsystem dependency reverse sourceCode sourceScope sourceCoding sourceCodeableConcept targetCode targetCoding "
    "targetCodeableConcept targetScope targetSystem",
}
OPERATIONS = {path: f"{path.split('/')[1]}-{path.split('$')[1]}" for path in ASKED}


def plain(body: Json) -> Json:
    """An answer without what is new in every expansion."""
    expansion = {key: value for key, value in body.get("expansion", {}).items() if key in ("total", "contains")}
    return {**body, "expansion": expansion}


@pytest.mark.parametrize("path", ASKED)
@pytest.mark.parametrize("name", ["fliter", "Code", "x", "", "a b", "\x00", "[é]"])
def test_a_parameter_that_nobody_defines_is_refused_by_name(
    client: Client, official: OfficialSchemas, path: str, name: str
) -> None:
    answer = client.get(path, params={**ASKED[path], name: "x"})
    assert answer.status_code == 400
    body = answer.json()
    assert official.json_faults(body) == []
    assert body["issue"][0]["code"] == "not-supported"
    if name.isascii() and name.isalpha():
        assert name in body["issue"][0]["details"]["text"]
        assert body["issue"][0]["location"] == [f"http.{name}"]
    written = [{"name": key, "valueString": value} for key, value in {**ASKED[path], name or "fliter": "x"}.items()]
    posted = client.request("POST", path, json={"resourceType": "Parameters", "parameter": written})
    assert posted.status_code == 400


@pytest.mark.parametrize("path", ASKED)
def test_lenient_handling_leaves_it_out(client: Client, path: str) -> None:
    asked = {**ASKED[path], "fliter": "x"}
    wanted = plain(client.json(path, params=ASKED[path]))
    assert plain(client.json(path, params=asked, headers=LENIENT)) == wanted
    assert client.get(path, params=asked).status_code == 400
    assert client.get(path, params=asked, headers={"prefer": "handling=strict"}).status_code == 400


@pytest.mark.parametrize("path", ASKED)
def test_a_second_value_where_one_is_meant_is_refused(client: Client, path: str) -> None:
    for name, value in ASKED[path].items():
        answer = client.get(path, params=[*ASKED[path].items(), (name, value)])
        assert answer.status_code == 400
        assert answer.json()["issue"][0]["location"] == [f"http.{name}"]
        body = {"resourceType": "Parameters", "parameter": [{"name": name, "valueString": value}]}
        assert client.request("POST", path, params=ASKED[path], json=body).status_code == 400


def test_what_may_come_again_may(client: Client) -> None:
    twice = [*ASKED["/CodeSystem/$lookup"].items(), ("property", "seer_recode"), ("property", "parent")]
    found = client.json("/CodeSystem/$lookup", params=twice)["parameter"]
    shown = {part["valueCode"] for item in found for part in item.get("part", []) if part["name"] == "code"}
    assert shown == {"seer_recode", "parent"}


@pytest.mark.parametrize("path", ASKED)
def test_what_is_known_to_be_without_effect_changes_nothing(client: Client, path: str) -> None:
    followed = {word.partition(":")[0] for word in WORDS[OPERATIONS[path]][0].split()}
    values = {"count": "1", "offset": "1", "property": "parent", "profile": "http://example.org/profile"}
    asked = {name: values.get(name, "true") for name in WITHOUT_EFFECT if name not in followed}
    assert plain(client.json(path, params={**ASKED[path], **asked})) == plain(client.json(path, params=ASKED[path]))


@pytest.mark.parametrize("path", ASKED)
def test_every_parameter_of_r4_and_r5_is_known(client: Client, path: str) -> None:
    for name in OF_R4_AND_R5[path].split():
        answer = client.get(path, params={**ASKED[path], name: ASKED[path].get(name, "1")})
        assert "no parameter" not in answer.text, name


@pytest.mark.parametrize("path", ASKED)
def test_the_definition_of_an_operation_has_what_it_follows(client: Client, path: str) -> None:
    definition = client.json(f"/OperationDefinition/{OPERATIONS[path]}")
    names = {item["name"] for item in definition["parameter"] if item["use"] == "in"}
    assert names >= {word.partition(":")[0] for word in WORDS[OPERATIONS[path]][0].split()}
    assert names >= set(ASKED[path])


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        ({"sourceCode": "9500/3", "system": ICDO3, "targetSystem": ICCC3}, {}),
        ({"sourceCode": "9500/3", "sourceSystem": ICDO3, "targetScope": f"{ICCC3}?fhir_vs"}, {}),
        (
            {"targetCode": "IV(a)", "targetSystem": ICCC3, "sourceSystem": ICDO3},
            {"code": "IV(a)", "system": ICCC3, "targetsystem": ICDO3, "reverse": "true"},
        ),
        (
            {"targetCode": "IV(a)", "system": ICCC3, "sourceScope": f"{ICDO3}?fhir_vs"},
            {"code": "IV(a)", "system": ICCC3, "targetsystem": ICDO3, "reverse": "true"},
        ),
    ],
)
def test_translate_takes_the_names_of_r5(client: Client, newer: dict[str, str], older: dict[str, str]) -> None:
    path = "/ConceptMap/$translate"
    assert client.json(path, params=newer) == client.json(path, params=older or ASKED[path])


def test_a_coding_may_have_its_name_of_r5(client: Client) -> None:
    coding = {"name": "sourceCoding", "valueCoding": {"system": ICDO3, "code": "9500/3"}}
    target = {"name": "targetSystem", "valueUri": ICCC3}
    body = {"resourceType": "Parameters", "parameter": [coding, target]}
    path = "/ConceptMap/$translate"
    assert client.request("POST", path, json=body).json() == client.json(path, params=ASKED[path])


@pytest.mark.parametrize(("system", "total"), [(ICCC3, 0), (f"{ICCC3}|2017", 0), (f"{ICCC3}|2005", 3), (ICDO3, 3)])
def test_a_code_system_is_left_out_of_an_expansion(client: Client, system: str, total: int) -> None:
    asked = {**ASKED["/ValueSet/$expand"], "exclude-system": system}
    found = client.json("/ValueSet/$expand", params=asked)["expansion"]
    assert found["total"] == total
    assert {"name": "exclude-system", "valueUri": system} in found["parameter"]


def test_what_lenient_handling_leaves_out_moves_nothing_else(client: Client) -> None:
    body = {"resourceType": "Parameters", "parameter": [{"name": "code", "valueCode": "IV(a)"}]}
    found = client.request(
        "POST",
        "/CodeSystem/$lookup?strange=1&odd=2&system=http://terminology.hl7.org/CodeSystem/iccc-3",
        json=body,
        headers={"prefer": "handling=lenient"},
    )
    assert found.status_code == 200, found.text


def test_a_refusal_names_the_parameter_that_says_what_was_asked_about(client: Client) -> None:
    found = client.get("/ValueSet/$expand?url=http://example.org/none")
    assert found.status_code == 404
    assert found.json()["issue"][0]["location"] == ["http.url"]

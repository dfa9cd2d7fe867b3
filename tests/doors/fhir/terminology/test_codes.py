"""Every spelling of an ICD-O-3 code, each URI of the code system and each edition, through every operation."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from gateway.doors.fhir.definitions import code_systems
from tests.doors.fhir.client import Client
from tests.doors.fhir.validation import OfficialSchemas

ICCC3 = "http://terminology.hl7.org/CodeSystem/iccc-3"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
ICDO3 = "http://terminology.hl7.org/CodeSystem/icd-o-3"
SPELLINGS = {
    "9500/3": "9500/3",
    "95003": "9500/3",
    "9500-3": "9500/3",
    "9500 3": "9500/3",
    "pgx:icdom-95003": "9500/3",
    "M-95003": "9500/3",
    "9500/3-NULL": "9500/3",
    "C74.9": "C74.9",
    "C749": "C74.9",
    "c74.9": "C74.9",
    "749": "C74.9",
    "pgx:icdot-C74.9": "C74.9",
    "NULL-C74.9": "C74.9",
    "9500/3-C74.9": "9500/3-C74.9",
    "95003-C749": "9500/3-C74.9",
    "95003C749": "9500/3-C74.9",
}
URIS = [url for system in code_systems() if system.prefix == "ICDO3" for url in (system.url, *system.synonyms)]
EDITIONS = ("3.0", "3.1", "3.2")
Json = dict[str, Any]


def value(body: Json, name: str) -> object:
    found = next((item for item in body["parameter"] if item["name"] == name), {})
    return next((entry for key, entry in found.items() if key.startswith("value")), None)


def codes(contains: list[Json]) -> list[str]:
    return [code for item in contains for code in (item["code"], *codes(item.get("contains", [])))]


def expanded(client: Client, url: str, edition: str, **include: list[Json]) -> Json:
    compose = {"include": [{"system": url, "version": edition, **include}]}
    brought = {"resourceType": "ValueSet", "status": "active", "compose": compose}
    body = {"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": brought}]}
    found: Json = client.request("POST", "/ValueSet/$expand", json=body).json()["expansion"]
    return found


@pytest.mark.parametrize("url", URIS)
@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize(("given", "code"), SPELLINGS.items())
def test_each_uri_takes_each_spelling_in_every_operation(
    client: Client, url: str, edition: str, given: str, code: str
) -> None:
    spelt = None if given == code else code

    def asked(path: str, **parameters: str) -> Json:
        return client.json(path, params=parameters)

    known = asked("/CodeSystem/$lookup", system=url, code=given, version=edition)
    assert [value(known, name) for name in ("system", "version", "code", "normalized-code")] == [
        url,
        edition,
        code,
        spelt,
    ]
    assert value(known, "name")
    assert value(known, "display")
    for verdict in (
        asked("/CodeSystem/$validate-code", url=url, code=given, version=edition),
        asked("/ValueSet/$validate-code", url=f"{url}?fhir_vs", system=url, code=given, systemVersion=edition),
    ):
        assert value(verdict, "result") is True
        assert [value(verdict, name) for name in ("system", "version", "normalized-code")] == [url, edition, spelt]
    same = asked("/CodeSystem/$subsumes", system=url, version=edition, codeA=given, codeB=code)
    assert value(same, "outcome") == "equivalent"
    assert [value(same, name) for name in ("system", "version", "normalized-codeA", "normalized-codeB")] == [
        url,
        edition,
        spelt,
        None,
    ]
    found = asked("/ConceptMap/$translate", system=url, code=given, version=edition, targetsystem=ICCC3)
    assert value(found, "result") is True
    assert [value(found, name) for name in ("system", "version", "normalized-code")] == [ICDO3, edition, spelt]
    below = expanded(client, url, edition, filter=[{"property": "concept", "op": "is-a", "value": given}])
    assert codes(below["contains"])[0] == code
    assert {"name": "used-codesystem", "valueUri": f"{url}|{edition}"} in below["parameter"]


@pytest.mark.parametrize(("given", "code"), SPELLINGS.items())
def test_a_value_set_may_list_a_code_in_each_spelling(client: Client, given: str, code: str) -> None:
    found = expanded(client, ICDO3, "3.2", concept=[{"code": given}])
    assert codes(found["contains"]) == [code]
    said = {"name": "normalized-code", "valueCode": code}
    assert (said in found["parameter"]) is (given != code)


@pytest.mark.parametrize(("edition", "number"), [("2005", 141), ("who2008", 141), ("2017", 143)])
def test_an_edition_of_iccc3_expands_to_its_groups_in_hierarchy(client: Client, edition: str, number: int) -> None:
    asked = {"url": f"{ICCC3}?fhir_vs", "valueSetVersion": edition}
    expansion = client.get("/ValueSet/$expand", params=asked).json()["expansion"]
    assert expansion["total"] == number == len(set(codes(expansion["contains"])))
    assert len(expansion["contains"]) == 12
    first = expansion["contains"][0]
    assert (first["code"], first["contains"][0]["code"], first["contains"][0]["contains"][0]["code"]) == (
        "I",
        "I(a)",
        "I(a).1",
    )
    assert {"name": "used-codesystem", "valueUri": f"{ICCC3}|{edition}"} in expansion["parameter"]


@pytest.mark.parametrize("given", ["IVa", "IV.a", "IV a", "4a", "041"])
def test_each_spelling_of_a_group_is_normalised(client: Client, given: str) -> None:
    for path, name in (("/CodeSystem/$lookup", "system"), ("/CodeSystem/$validate-code", "url")):
        body = client.json(path, params={name: ICCC3, "code": given})
        assert (value(body, "code"), value(body, "normalized-code")) == (
            "IV(a)" if "lookup" in path else given,
            "IV(a)",
        )


def test_a_group_of_one_edition_is_no_group_of_another(client: Client) -> None:
    path = "/CodeSystem/$validate-code"
    of_2005 = {"url": ICCC3, "code": "VI(a).4", "version": "2005"}
    assert value(client.get(path, params=of_2005).json(), "result") is True
    assert value(client.get(path, params=of_2005 | {"version": "2017"}).json(), "result") is False


def test_a_pair_stands_below_its_parts_and_a_pair_that_is_none_is_refused(client: Client) -> None:
    def outcome(one: str, other: str) -> object:
        answer = client.get("/CodeSystem/$subsumes", params={"system": ICDO3, "codeA": one, "codeB": other})
        return value(answer.json(), "outcome")

    pair = "9500/3-C74.9"
    assert [outcome(one, pair) for one in ("9500/3", "9500", "C74", "9500/3-C74")] == ["subsumes"] * 4
    assert outcome(pair, "C74.9") == "subsumed-by"
    assert outcome("C71", pair) == "not-subsumed"
    for wrong in ("9500/3-C99.9", "9999/9-C74.9", "9500/3-"):
        assert client.get("/CodeSystem/$lookup", params={"system": ICDO3, "code": wrong}).status_code == 404


def test_post_and_get_and_an_instance_give_one_answer(client: Client) -> None:
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "coding", "valueCoding": {"system": ICCC3, "code": "041", "version": "2005"}}],
    }
    posted: httpx.Response = client.request("POST", "/CodeSystem/$lookup", json=body)
    got = client.get("/CodeSystem/$lookup", params={"system": ICCC3, "code": "041", "version": "2005"})
    assert posted.json() == got.json() == client.json("/CodeSystem/iccc-3-2005/$lookup?code=041")


def test_a_behaviour_that_no_list_has_is_accepted_by_the_matrix_rule(client: Client, official: OfficialSchemas) -> None:
    for given, code in (("9500/6", "9500/6"), ("95006", "9500/6"), ("9500/6-C74.9", "9500/6-C74.9")):
        known = client.json("/CodeSystem/$lookup", params={"system": ICDO3, "code": given})
        assert official.json_faults(known) == []
        assert (value(known, "code"), value(known, "display"), value(known, "version")) == (code, code, "3.2")
        rule = [{"name": "code", "valueCode": "matrix_rule"}, {"name": "value", "valueBoolean": True}]
        assert {"name": "property", "part": rule} in known["parameter"]
        for path, asked in (
            ("/CodeSystem/$validate-code", {"url": ICDO3, "code": given}),
            ("/ValueSet/$validate-code", {"url": f"{ICDO3}?fhir_vs", "system": ICDO3, "code": given}),
            ("/ValueSet/$validate-code", {"url": f"{ICDO3}?fhir_vs=isa/9500", "system": ICDO3, "code": given}),
        ):
            verdict = client.json(path, params=asked)
            assert official.json_faults(verdict) == []
            assert (value(verdict, "result"), value(verdict, "message")) == (True, None)
            issues = next(item["resource"]["issue"] for item in verdict["parameter"] if item["name"] == "issues")
            said = [issue["details"]["text"] for issue in issues if issue["severity"] == "information"]
            assert any("accepted by the matrix rule" in text for text in said)
    above = client.json("/CodeSystem/$subsumes", params={"system": ICDO3, "codeA": "9500", "codeB": "95006"})
    assert value(above, "outcome") == "subsumes"
    asked = {"system": ICDO3, "code": "9500/6-C74.9", "targetsystem": ICD10}
    assert value(client.json("/ConceptMap/$translate", params=asked), "result") is True


@pytest.mark.parametrize("code", ["9500/7", "9999/3", "9260/3", "8157/1", "9500/6-C99.9"])
def test_the_matrix_rule_makes_no_morphology_and_no_code_of_another_edition(client: Client, code: str) -> None:
    asked = {"url": ICDO3, "code": code, "version": "3.2"}
    assert value(client.json("/CodeSystem/$validate-code", params=asked), "result") is False


@pytest.mark.parametrize("code", ["9421/3", "9380/1"])
def test_a_code_of_the_us_list_is_one_and_said_to_be(client: Client, code: str) -> None:
    verdict = client.json("/CodeSystem/$validate-code", params={"url": ICDO3, "code": code})
    assert value(verdict, "result") is True
    issues = next(item["resource"]["issue"] for item in verdict["parameter"] if item["name"] == "issues")
    assert any("in the US list only" in issue["details"]["text"] for issue in issues)


def test_an_expansion_does_not_list_what_the_matrix_rule_allows(client: Client) -> None:
    found = client.json("/ValueSet/$expand", params={"url": f"{ICDO3}?fhir_vs=isa/9500"})["expansion"]
    assert "9500/6" not in codes(found["contains"])

"""Every spelling of an ICD-O-3 code, each URI of a code system and each edition, through every operation."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from gateway.doors.fhir.definitions import code_systems
from tests.doors.fhir.client import Client

ICCC3 = "http://terminology.hl7.org/CodeSystem/iccc-3"
ICDO3 = "http://terminology.hl7.org/CodeSystem/icd-o-3"
SPELLINGS = {
    "9500/3": "9500/3",
    "95003": "9500/3",
    "9500-3": "9500/3",
    "pgx:icdom-95003": "9500/3",
    "M-95003": "9500/3",
    "C74.9": "C74.9",
    "C749": "C74.9",
    "749": "C74.9",
    "9500/3-C74.9": "9500/3-C74.9",
    "95003C749": "9500/3-C74.9",
}
URIS = [(url, ICDO3) for system in code_systems() if system.prefix == "ICDO3" for url in (system.url, *system.synonyms)]
EDITIONS = ("3.0", "3.1", "3.2")
Json = dict[str, Any]


def value(body: Json, name: str) -> object:
    found = next((item for item in body["parameter"] if item["name"] == name), {})
    return next((entry for key, entry in found.items() if key.startswith("value")), None)


def codes(contains: list[Json]) -> list[str]:
    return [code for item in contains for code in (item["code"], *codes(item.get("contains", [])))]


@pytest.mark.parametrize(("given", "code"), SPELLINGS.items())
@pytest.mark.parametrize("edition", EDITIONS)
def test_each_spelling_is_taken_in_each_edition_and_the_answer_says_the_code(
    client: Client, given: str, code: str, edition: str
) -> None:
    asked = {"code": given, "version": edition}
    known = client.get("/CodeSystem/$lookup", params=asked | {"system": ICDO3}).json()
    assert (value(known, "code"), value(known, "version"), value(known, "system")) == (code, edition, ICDO3)
    for path, more in (
        ("/CodeSystem/$validate-code", asked | {"url": ICDO3}),
        (
            "/ValueSet/$validate-code",
            {"url": f"{ICDO3}?fhir_vs", "system": ICDO3, "code": given, "systemVersion": edition},
        ),
    ):
        verdict = client.get(path, params=more).json()
        assert value(verdict, "result") is True
        assert (value(verdict, "version"), value(verdict, "system")) == (edition, ICDO3)
        assert value(verdict, "normalized-code") == (None if given == code else code)
    same = client.get("/CodeSystem/$subsumes", params={"system": ICDO3, "codeA": given, "codeB": code}).json()
    assert value(same, "outcome") == "equivalent"


@pytest.mark.parametrize(("url", "_system"), URIS)
def test_each_uri_of_icd_o_3_is_taken(client: Client, url: str, _system: str) -> None:
    known = client.get("/CodeSystem/$lookup", params={"system": url, "code": "95003"}).json()
    assert (value(known, "code"), value(known, "version")) == ("9500/3", "3.2")
    assert value(client.get("/CodeSystem/$validate-code", params={"url": url, "code": "C749"}).json(), "result") is True
    found = client.get("/ConceptMap/$translate", params={"system": url, "code": "95003", "targetsystem": ICCC3}).json()
    assert value(found, "result") is True


@pytest.mark.parametrize("given", list(SPELLINGS))
def test_each_spelling_is_translated(client: Client, given: str) -> None:
    found = client.get("/ConceptMap/$translate", params={"system": ICDO3, "code": given, "targetsystem": ICCC3}).json()
    assert value(found, "result") is True


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

"""Expansions: the order of the schema, what a filter finds, totals, and the value set that they are of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.doors.fhir.client import Client
from tests.doors.fhir.validation import OfficialSchemas

ICCC3 = "http://terminology.hl7.org/CodeSystem/iccc-3"
ICDO3 = "http://terminology.hl7.org/CodeSystem/icd-o-3"
GUIDE = "https://w3id.org/iccd/fhir"
Json = dict[str, Any]

HERBS: Json = {
    "resourceType": "CodeSystem",
    "url": "http://example.org/herbs",
    "version": "1",
    "status": "active",
    "content": "complete",
    "property": [
        {"code": "notSelectable", "type": "boolean"},
        {"code": "inactive", "type": "boolean"},
        {"code": "colour", "uri": "http://example.org/colour", "type": "string"},
    ],
    "concept": [
        {
            "code": "all",
            "display": "Every herb",
            "property": [{"code": "notSelectable", "valueBoolean": True}],
            "concept": [
                {
                    "code": "mint-1",
                    "display": "Crème de menthe",
                    "designation": [{"language": "de", "value": "Pfefferminze"}],
                    "property": [
                        {"code": "inactive", "valueBoolean": True},
                        {"code": "colour", "valueString": "green"},
                    ],
                },
                {"code": "dill", "display": "Dill (garden herb)"},
            ],
        }
    ],
}


def expansion(client: Client, **asked: str) -> Json:
    body = client.json("/ValueSet/$expand", params=asked)
    found: Json = body["expansion"]
    return found


def of_herbs(client: Client, *parameters: Json, form: str = "json") -> bytes:
    given = [{"name": "url", "valueUri": "http://example.org/herbs?fhir_vs"}, *parameters]
    body = {"resourceType": "Parameters", "parameter": [*given, {"name": "tx-resource", "resource": HERBS}]}
    answer = client.request("POST", f"/ValueSet/$expand?_format={form}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.content


def codes(found: Json) -> list[str]:
    return [item["code"] for item in found.get("contains", [])]


def test_a_tree_with_all_that_a_code_may_have_keeps_the_order_of_the_schema(
    client: Client, official: OfficialSchemas
) -> None:
    parameters = [
        {"name": "property", "valueCode": "colour"},
        {"name": "includeDesignations", "valueBoolean": True},
    ]
    written = of_herbs(client, *parameters, form="xml")
    for element in (b"<abstract ", b"<inactive ", b"<designation>", b"contains.property"):
        assert element in written
    assert written.count(b"<contains>") == 3
    assert official.xml_faults(written) == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("IV(a)", ["IV(a)"]),
        ("iva", ["IV(a)"]),
        ("041", ["IV(a)"]),
        ("neuroblast", ["IV", "IV(a)"]),
        ("gangl", ["IV(a)"]),
        ("NEURO  gangl", ["IV(a)"]),
        ("gangl neuro", ["IV(a)"]),
        ("non-epithelial renal", ["VI(a)"]),
        ("IV other", ["IV", "IV(b)"]),
        ("lastoma", ["IV", "IV(a)"]),
        ("neuro gangx", []),
        ("oma", []),
        ("§", []),
    ],
)
def test_each_word_of_a_filter_is_in_a_word_of_a_name_or_begins_the_code(
    client: Client, words: str, found: list[str]
) -> None:
    answer = expansion(client, url=f"{ICCC3}?fhir_vs", filter=words)
    assert [code for code in codes(answer) if code in found] == found
    if len(found) < 2:
        assert codes(answer) == found
    assert answer["total"] == len(codes(answer))


@pytest.mark.parametrize(("words", "found"), [("creme", ["mint-1"]), ("pfeffer", ["mint-1"]), ("garden", ["dill"])])
def test_a_filter_looks_at_every_designation_and_not_at_accents(client: Client, words: str, found: list[str]) -> None:
    answer = json.loads(of_herbs(client, {"name": "filter", "valueString": words}))["expansion"]
    assert codes(answer) == found


def test_pages_of_a_filter_have_the_total_of_all(client: Client) -> None:
    asked = {"url": f"{ICDO3}?fhir_vs", "filter": "neuro"}
    whole = expansion(client, **asked)
    page = expansion(client, **asked, offset="2", count="3")
    assert page["total"] == whole["total"] == len(codes(whole)) > 5
    assert codes(page) == codes(whole)[2:5]


def test_a_filter_finds_parts_of_words_after_what_begins_one(client: Client) -> None:
    asked = {"url": f"{ICDO3}?fhir_vs", "filter": "blastoma"}
    found = expansion(client, **asked)["contains"]
    begins = [any(word.startswith("blastoma") for word in item["display"].lower().split()) for item in found]
    assert all("blastoma" in item["display"].lower() for item in found)
    assert begins == sorted(begins, reverse=True)
    assert "9500/3" in codes({"contains": found})
    pages = [expansion(client, **asked, offset=str(at), count="7") for at in range(0, len(found), 7)]
    assert [code for page in pages for code in codes(page)] == codes({"contains": found})
    assert {page["total"] for page in pages} == {len(found)}


def test_a_code_in_full_comes_before_names_that_begin_with_it(client: Client) -> None:
    later = {"code": "z", "display": "Mint leaf"}, {"code": "m", "display": "Peppermint"}, {"code": "mint"}
    system = {**HERBS, "concept": [*later]}
    parameters = [
        {"name": "url", "valueUri": "http://example.org/herbs?fhir_vs"},
        {"name": "filter", "valueString": "mint"},
        {"name": "tx-resource", "resource": system},
    ]
    body = {"resourceType": "Parameters", "parameter": parameters}
    found = client.request("POST", "/ValueSet/$expand", json=body).json()["expansion"]
    assert codes(found) == ["mint", "z", "m"]


@pytest.mark.parametrize("words", ["9500/3", "95003", "C74.9", "C749"])
def test_a_filter_finds_a_code_in_other_spellings(client: Client, words: str) -> None:
    assert codes(expansion(client, url=f"{ICDO3}?fhir_vs", filter=words)) == [
        {"95003": "9500/3", "C749": "C74.9"}.get(words, words)
    ]


@pytest.mark.parametrize(
    ("asked", "instance"),
    [
        ({"url": f"{GUIDE}/ValueSet/iccc-3-IVa"}, "iccc-3-IVa"),
        ({"url": f"{GUIDE}/ValueSet/iccc-3-IVa|2005"}, "iccc-3-2005-IVa"),
        ({"url": f"{GUIDE}/ValueSet/iccc-3-IVa", "system-version": f"{ICCC3}|2005"}, "iccc-3-2005-IVa"),
        ({"url": f"{GUIDE}/ValueSet/iccc-3"}, "iccc-3"),
        ({"url": f"{ICDO3}?fhir_vs"}, "icd-o-3-all"),
    ],
)
def test_a_value_set_is_named_the_same_by_its_url_and_by_its_id(
    client: Client, asked: dict[str, str], instance: str
) -> None:
    named = client.json("/ValueSet/$expand", params={**asked, "count": "1"})
    held = client.json(f"/ValueSet/{instance}/$expand", params={"count": "1"})
    assert {**named, "expansion": 0} == {**held, "expansion": 0}
    assert list(named) == list(held)
    assert named["name"]
    assert named["title"]
    assert named["version"]
    assert named["expansion"]["contains"] == held["expansion"]["contains"]


def test_a_page_says_only_the_properties_that_it_shows(client: Client) -> None:
    asked = {"url": f"{ICCC3}?fhir_vs", "property": "seer_recode", "count": "2"}
    assert "extension" in expansion(client, **asked)
    assert "extension" not in expansion(client, **(asked | {"count": "0"}))

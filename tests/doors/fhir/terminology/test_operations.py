"""The terminology operations over our own code systems, and over one that is brought along."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.doors.fhir.client import Client
from tests.doors.fhir.validation import OfficialSchemas

ICCC3 = "http://terminology.hl7.org/CodeSystem/iccc-3"
ICDO3 = "http://terminology.hl7.org/CodeSystem/icd-o-3"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
Json = dict[str, Any]

PLANTS: Json = {
    "resourceType": "CodeSystem",
    "url": "http://example.org/plants",
    "version": "1.0.0",
    "status": "active",
    "content": "complete",
    "caseSensitive": True,
    "concept": [
        {"code": "tree", "display": "Tree", "concept": [{"code": "oak", "display": "Oak"}, {"code": "fir"}]},
        {"code": "moss", "display": "Moss"},
    ],
}


def value(body: Json, name: str) -> object:
    found = next((item for item in body["parameter"] if item["name"] == name), {})
    return next((entry for key, entry in found.items() if key.startswith("value")), None)


def codes(contains: list[Json]) -> list[str]:
    return [code for item in contains for code in (item["code"], *codes(item.get("contains", [])))]


def post(client: Client, path: str, *parameters: Json) -> httpx.Response:
    return client.request("POST", path, json={"resourceType": "Parameters", "parameter": list(parameters)})


@pytest.mark.parametrize(
    ("system", "given", "version", "code"),
    [
        (ICCC3, "IV(a)", "2017", "IV(a)"),
        (ICCC3, "IVa", "2005", "IV(a)"),
        (ICCC3, "041", "2017", "IV(a)"),
        (ICDO3, "95003", "3.1", "9500/3"),
        (ICDO3, "C749", "3.2", "C74.9"),
    ],
)
def test_lookup_takes_each_spelling_and_says_code_and_version(
    client: Client, system: str, given: str, version: str, code: str
) -> None:
    body = client.get("/CodeSystem/$lookup", params={"system": system, "code": given, "version": version}).json()
    assert (value(body, "code"), value(body, "version"), value(body, "system")) == (code, version, system)


def test_an_instance_answers_as_its_type_does(client: Client) -> None:
    of_type = client.get("/CodeSystem/$lookup", params={"system": ICCC3, "code": "I"}).json()
    assert client.json("/CodeSystem/iccc-3/$lookup?code=I") == of_type
    assert client.get("/CodeSystem/nothing/$lookup?code=I").status_code == 404


@pytest.mark.parametrize(
    ("system", "one", "other", "outcome"),
    [
        (ICCC3, "IV", "IV(a)", "subsumes"),
        (ICCC3, "IV(a)", "IV", "subsumed-by"),
        (ICCC3, "IVa", "041", "equivalent"),
        (ICCC3, "I", "II", "not-subsumed"),
        (ICDO3, "9500", "9500/3", "subsumes"),
        (ICDO3, "C74", "C74.9", "subsumes"),
    ],
)
def test_subsumes(client: Client, system: str, one: str, other: str, outcome: str) -> None:
    body = client.get("/CodeSystem/$subsumes", params={"system": system, "codeA": one, "codeB": other}).json()
    assert value(body, "outcome") == outcome


def test_an_expansion_of_iccc3_is_a_tree_and_its_pages_are_flat(client: Client) -> None:
    url = f"{ICCC3}?fhir_vs"
    tree = client.get("/ValueSet/$expand", params={"url": url}).json()["expansion"]
    assert [item["code"] for item in tree["contains"]][:3] == ["I", "II", "III"]
    pages = [
        client.get("/ValueSet/$expand", params={"url": url, "offset": at, "count": 50}).json()["expansion"]
        for at in (0, 50, 100)
    ]
    assert [code for page in pages for code in codes(page["contains"])] == codes(tree["contains"])
    assert {page["total"] for page in pages} == {tree["total"]} == {len(codes(tree["contains"]))}


def test_editions_do_not_mix(client: Client) -> None:
    path = "/ValueSet/$validate-code"
    asked = {"url": f"{ICCC3}?fhir_vs", "valueSetVersion": "2005", "system": ICCC3, "code": "IV(a)"}
    assert value(client.get(path, params=asked).json(), "version") == "2005"
    assert value(client.get(path, params=asked | {"systemVersion": "2017"}).json(), "result") is False
    unknown = client.get("/CodeSystem/$lookup", params={"system": ICCC3, "code": "I", "version": "1999"})
    assert unknown.status_code == 404
    assert "2005, 2017 or who2008" in unknown.text


def test_a_code_beyond_a_fragment_is_not_called_wrong(client: Client) -> None:
    known = client.get("/CodeSystem/$validate-code", params={"url": ICD10, "code": "A00"}).json()
    assert value(known, "result") is True
    issues = next(item["resource"] for item in known["parameter"] if item["name"] == "issues")["issue"]
    assert [item["severity"] for item in issues] == ["warning"]
    wrong = client.get("/CodeSystem/$validate-code", params={"url": ICDO3, "code": "9999/9"}).json()
    assert value(wrong, "result") is False


def test_translate_says_how_each_target_stands_to_the_code(client: Client) -> None:
    asked = {"system": ICDO3, "code": "9500/3", "targetsystem": ICCC3}
    body = client.get("/ConceptMap/$translate", params=asked).json()
    found = {
        part["valueCoding"]["code"]: match["part"][0]["valueCode"]
        for match in body["parameter"]
        if match["name"] == "match"
        for part in match["part"]
        if part["name"] == "concept"
    }
    assert found == {"IV": "wider", "IV(a)": "wider"}
    none = client.get("/ConceptMap/$translate", params=asked | {"targetsystem": "http://example.org/none"})
    assert (none.status_code, value(none.json(), "result")) == (200, False)
    assert value(none.json(), "message")


def test_a_code_system_that_is_brought_along_is_served(client: Client, official: OfficialSchemas) -> None:
    brought = {"name": "tx-resource", "resource": PLANTS}
    url = {"name": "url", "valueUri": "http://example.org/plants?fhir_vs=isa/tree"}
    expansion = post(client, "/ValueSet/$expand", brought, url).json()
    assert official.json_faults(expansion) == []
    assert codes(expansion["expansion"]["contains"]) == ["tree", "oak", "fir"]
    coding = {"name": "coding", "valueCoding": {"system": PLANTS["url"], "code": "moss"}}
    verdict = post(client, "/ValueSet/$validate-code", brought, url, coding).json()
    assert official.json_faults(verdict) == []
    assert value(verdict, "result") is False
    assert value(post(client, "/CodeSystem/$lookup", brought, coding).json(), "display") == "Moss"
    assert post(client, "/CodeSystem/$lookup", coding).status_code == 404


def test_imports_without_end_are_refused(client: Client) -> None:
    sets = [
        {
            "resourceType": "ValueSet",
            "url": f"http://example.org/{n}",
            "status": "active",
            "compose": {"include": [{"valueSet": [f"http://example.org/{n + 1}"]}] * 2},
        }
        for n in range(60)
    ]
    brought = [{"name": "tx-resource", "resource": item} for item in sets]
    url = {"name": "url", "valueUri": "http://example.org/0"}
    code = [{"name": "code", "valueCode": "x"}, {"name": "system", "valueUri": "http://example.org/plants"}]
    for operation, more in (("$expand", []), ("$validate-code", code)):
        answer = post(client, f"/ValueSet/{operation}", *brought, url, *more)
        assert answer.status_code == 422
        assert answer.json()["issue"][0]["code"] == "too-costly"


@pytest.mark.parametrize(
    "resource",
    [
        {**PLANTS, "concept": "tree"},
        {**PLANTS, "concept": ["tree"]},
        {**PLANTS, "concept": [{"display": "no code"}]},
        {**PLANTS, "url": 5},
        {**PLANTS, "concept": [{"code": "a", "property": [{"valueString": "x"}]}]},
        {"resourceType": "ValueSet", "url": "http://example.org/plants?fhir_vs", "compose": []},
        {
            "resourceType": "ValueSet",
            "url": "http://example.org/plants?fhir_vs",
            "compose": {"include": [{"system": {}}]},
        },
    ],
)
def test_what_is_brought_along_in_a_wrong_shape_is_refused(client: Client, resource: Json) -> None:
    url = {"name": "url", "valueUri": "http://example.org/plants?fhir_vs"}
    answer = post(client, "/ValueSet/$expand", {"name": "tx-resource", "resource": resource}, url)
    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"{", "application/fhir+json", 400),
        (b"[]", "application/fhir+json", 400),
        (b'{"resourceType": "Patient"}', "application/fhir+json", 400),
        (b"<Parameters/>", "application/fhir+xml", 400),
        (b"<Parameters/>", "text/turtle", 415),
        (b"x" * 9_000_000, "application/fhir+json", 413),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(client: Client, body: bytes, media_type: str, status: int) -> None:
    answer = client.request("POST", "/ValueSet/$expand", content=body, headers={"content-type": media_type})
    assert (answer.status_code, answer.json()["resourceType"]) == (status, "OperationOutcome")


def test_xml_is_written_and_valid(client: Client, official: OfficialSchemas) -> None:
    for path in ("/CodeSystem/iccc-3/$lookup?code=041", "/ValueSet/iccc-3-IV/$expand?count=100"):
        answer = client.get(f"{path}&_format=xml")
        assert answer.status_code == 200
        assert official.xml_faults(answer.content) == []


def test_terminology_capabilities_name_each_code_system_and_its_default(
    client: Client, official: OfficialSchemas
) -> None:
    body = client.json("/metadata?mode=terminology")
    assert official.json_faults(body) == []
    versions = {item["uri"]: item.get("version", []) for item in body["codeSystem"]}
    assert [each["code"] for each in versions[ICCC3] if each["isDefault"]] == ["2017"]
    for url in versions:
        assert client.get("/CodeSystem/$lookup", params={"system": url, "code": "?"}).status_code == 404


def test_our_value_sets_are_found_by_url(client: Client) -> None:
    everything = client.json("/ValueSet")
    url = everything["entry"][0]["resource"]["url"]
    assert client.get("/ValueSet", params={"url": url}).json()["total"] == 1
    assert client.get("/ValueSet", params={"url": "http://example.org/none"}).json()["total"] == 0
    assert client.get("/ValueSet", params={"name": "no set is called so"}).json()["total"] == 0
    assert client.get("/ValueSet", params={"nothing": "x"}).status_code == 400


def test_the_fhir_versions_are_told(client: Client) -> None:
    assert value(client.json("/$versions"), "default") == "4.0"


def test_a_pattern_that_would_never_end_is_answered_at_once(client: Client) -> None:
    system = {**PLANTS, "concept": [{"code": "a" * 60 + "!"}, {"code": "a" * 60}]}
    include = {"system": PLANTS["url"], "filter": [{"property": "code", "op": "regex", "value": "((a+)+)+"}]}
    value_set = {"resourceType": "ValueSet", "status": "active", "compose": {"include": [include]}}
    brought = [{"name": "tx-resource", "resource": system}, {"name": "valueSet", "resource": value_set}]
    assert codes(post(client, "/ValueSet/$expand", *brought).json()["expansion"]["contains"]) == ["a" * 60]
    include["filter"][0]["value"] = "(("
    assert post(client, "/ValueSet/$expand", *brought).status_code == 400


def test_an_exclude_of_a_version_that_is_not_included_counts_for_all(client: Client) -> None:
    newer = {**PLANTS, "version": "2.0.0", "concept": [{"code": "moss"}, {"code": "fern"}]}
    compose = {
        "include": [{"system": PLANTS["url"], "version": "2.0.0"}],
        "exclude": [{"system": PLANTS["url"], "version": "1.0.0"}],
    }
    value_set = {"resourceType": "ValueSet", "status": "active", "compose": compose}
    brought = [{"name": "tx-resource", "resource": item} for item in (PLANTS, newer)]
    expansion = post(client, "/ValueSet/$expand", *brought, {"name": "valueSet", "resource": value_set}).json()
    assert codes(expansion["expansion"]["contains"]) == ["fern"]
    assert {"name": "versionsMatch", "valueBoolean": True} in expansion["expansion"]["parameter"]


@pytest.mark.parametrize(
    ("path", "asked", "status"),
    [
        ("/ValueSet/iccc-3-ZZ/$expand", {}, 404),
        ("/ValueSet/$expand", {"url": f"{ICCC3}?fhir_vs=isa/ZZ"}, 404),
        ("/ValueSet/$expand", {"url": f"{ICCC3}?fhir_vs", "valueSetVersion": "1999"}, 404),
        ("/ConceptMap/$translate", {"system": ICCC3, "code": "I", "targetsystem": ICDO3, "version": "1999"}, 400),
        (
            "/ConceptMap/$translate",
            {"system": ICDO3, "code": "9500/3", "targetsystem": ICCC3, "targetVersion": "9"},
            400,
        ),
        ("/ConceptMap/$translate", {"system": ICCC3, "code": "I", "url": "http://example.org/none"}, 404),
        ("/CodeSystem/$lookup", {"system": ICCC3}, 400),
        ("/ValueSet/$expand", {"url": f"{ICCC3}?fhir_vs", "count": "-1"}, 400),
        ("/ValueSet/$validate-code", {"url": f"{ICCC3}?fhir_vs", "code": "I"}, 400),
    ],
)
def test_what_is_not_there_is_refused_and_never_an_empty_answer(
    client: Client, path: str, asked: dict[str, str], status: int
) -> None:
    answer = client.get(path, params=asked)
    assert (answer.status_code, answer.json()["resourceType"]) == (status, "OperationOutcome")


def test_translate_takes_alternate_codes_and_the_edition_of_its_target(client: Client) -> None:
    path = "/ConceptMap/$translate"
    asked = {"system": ICCC3, "targetsystem": ICDO3}
    plain = client.get(path, params=asked | {"code": "IV(a)"}).json()
    assert value(plain, "result") is True
    spelt = client.get(path, params=asked | {"code": "041"}).json()
    assert value(spelt, "normalized-code") == "IV(a)"
    assert [item for item in spelt["parameter"] if item["name"] != "normalized-code"] == plain["parameter"]
    older = {"system": ICDO3, "code": "9500/3", "targetsystem": ICCC3, "targetVersion": "2005"}
    assert value(client.get(path, params=older).json(), "result") is True

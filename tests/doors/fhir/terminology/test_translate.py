"""$translate over our own maps: equivalence, pairs, the map, what has no match, and the way back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.doors.fhir.client import Client
from tests.doors.fhir.terminology.matches import Match, matches_of
from tests.doors.fhir.validation import OfficialSchemas

ICCC3 = "http://terminology.hl7.org/CodeSystem/iccc-3"
ICDO3 = "http://terminology.hl7.org/CodeSystem/icd-o-3"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
OMOP = "https://fhir-terminology.ohdsi.org"
MAP = "https://w3id.org/iccd/fhir/ConceptMap"
PATH = "/ConceptMap/$translate"
Json = dict[str, Any]


def asked(client: Client, system: str, code: str, target: str, **more: str) -> list[Match]:
    return matches_of(client.get(PATH, params={"system": system, "code": code, "targetsystem": target, **more}).json())


def result(body: Json) -> tuple[bool, str]:
    values = {item["name"]: item for item in body["parameter"]}
    return values["result"]["valueBoolean"], values.get("message", {}).get("valueString", "")


def test_a_tumour_has_its_group_and_the_map_is_named(client: Client, official: OfficialSchemas) -> None:
    source = f"{MAP}/icd-o-3-to-iccc-3-2017"
    assert asked(client, ICDO3, "8000/3-C71.9", ICCC3) == [
        Match("III(f)", "wider", source, (), ()),
        Match("III", "wider", "", (), ()),
    ]
    assert client.get(f"/ConceptMap/{source.rpartition('/')[2]}").status_code == 200
    body = client.get(PATH, params={"system": ICDO3, "code": "8000/3", "targetsystem": ICCC3}).json()
    assert official.json_faults(body) == []


def test_a_topography_beside_a_morphology_is_a_dependency(client: Client) -> None:
    site = {"coding": [{"system": ICDO3, "code": "C719"}]}
    dependency = {
        "name": "dependency",
        "part": [
            {"name": "element", "valueUri": "https://w3id.org/iccd/fhir/property/topography"},
            {"name": "concept", "valueCodeableConcept": site},
        ],
    }
    parameters = [
        {"name": "system", "valueUri": ICDO3},
        {"name": "code", "valueCode": "80003"},
        {"name": "targetsystem", "valueUri": ICCC3},
        dependency,
    ]
    body = {"resourceType": "Parameters", "parameter": parameters}
    assert matches_of(client.request("POST", PATH, json=body).json()) == asked(client, ICDO3, "8000/3-C71.9", ICCC3)


def test_where_the_group_hangs_on_the_site_each_match_says_at_which_sites(client: Client) -> None:
    found = {match.code: match for match in asked(client, ICDO3, "8000/3", ICCC3)}
    assert {match.equivalence for match in found.values()} == {"inexact"}
    assert "C71" in found["III(f)"].depends
    for site in found["III(f)"].depends:
        assert "III(f)" in {match.code for match in asked(client, ICDO3, f"8000/3-{site}", ICCC3)}


def test_a_group_becomes_morphologies_with_topographies_where_they_count(client: Client) -> None:
    import terminology
    from terminology.codes import parse_icdo

    found = asked(client, ICCC3, "VI(a)", ICDO3)
    assert {match.equivalence for match in found} == {"narrower"}
    assert Match("8960/3", "narrower", "", (), ()) in found
    assert any(match.products for match in found)
    for match in found:
        code = f"{match.code}-{match.products[0]}" if match.products else match.code
        assert {leaf.group for leaf in terminology.load().possible_groups(parse_icdo(code))} == {"VI(a)"}


@pytest.mark.parametrize("edition", ["2005", "who2008", "2017"])
def test_a_map_is_of_one_edition(client: Client, edition: str) -> None:
    name = f"icd-o-3-to-iccc-3-{edition}"
    plain = asked(client, ICDO3, "9364/3-C64.9", ICCC3, targetVersion=edition)
    assert {match.source for match in plain} == {f"{MAP}/{name}", ""}
    assert matches_of(client.json(f"/ConceptMap/{name}/$translate?code=9364/3-C64.9")) == plain
    by_url = client.get(PATH, params={"url": f"{MAP}/{name}", "system": ICDO3, "code": "9364/3-C64.9"}).json()
    assert matches_of(by_url) == plain
    assert {match.code for match in plain} >= ({"IX(d)"} if edition == "2017" else {"VI(a)"})


def test_an_edition_of_each_end_may_be_said(client: Client) -> None:
    found = asked(client, ICDO3, "9500/3", ICCC3, version="3.1", targetVersion="2005")
    assert {match.code: match.source for match in found} == {"IV(a)": f"{MAP}/icd-o-3-to-iccc-3-2005", "IV": ""}


def test_reverse_gives_the_source_of_the_map_and_names_it(client: Client) -> None:
    back = asked(client, ICCC3, "IV(a)", ICDO3, reverse="true")
    assert {(match.code, match.equivalence) for match in back} == {("9490/3", "wider"), ("9500/3", "wider")}
    assert {match.source for match in back} == {f"{MAP}/icd-o-3-to-iccc-3-2017"}
    instance = client.json("/ConceptMap/icd-o-3-to-iccc-3-2017/$translate?code=IV(a)&reverse=true")
    assert matches_of(instance) == back


@pytest.mark.parametrize(
    ("system", "code", "target", "expected"),
    [
        (ICDO3, "9500/3-C74.9", ICD10, ("C74.9", "wider")),
        (ICD10, "C74.9", ICCC3, ("IV(a)", "inexact")),
        (ICDO3, "9500/3", NCIT, ("C3270", "equal")),
        (NCIT, "C3270", ICDO3, ("9500/3", "equal")),
        (OMOP, "36527397", ICDO3, ("9500/3", "equal")),
    ],
)
def test_every_system_translates_to_every_other(
    client: Client, system: str, code: str, target: str, expected: tuple[str, str]
) -> None:
    found = asked(client, system, code, target)
    assert expected[0] in {match.code for match in found}
    named = {match.source for match in found if match.code == expected[0]}
    assert all(each.startswith(MAP) if ICDO3 in (system, target) else not each for each in named)
    assert expected in {(match.code, match.equivalence) for match in found}


@pytest.mark.parametrize(
    ("system", "code", "target"),
    [
        (ICDO3, "8500/2-C50.9", ICCC3),
        (ICDO3, "9500/3", "http://example.org/none"),
        (ICDO3, "no code", ICCC3),
    ],
)
def test_what_has_no_match_is_an_answer_with_a_message(client: Client, system: str, code: str, target: str) -> None:
    answer = client.get(PATH, params={"system": system, "code": code, "targetsystem": target})
    assert answer.status_code == 200
    good, message = result(answer.json())
    assert not good
    assert message
    assert matches_of(answer.json()) == []


def test_a_map_that_is_not_there_is_refused(client: Client) -> None:
    assert client.get("/ConceptMap/none/$translate?code=9500/3").status_code == 404
    assert client.get("/ConceptMap/icd-o-3-to-iccc-3-1999/$translate?code=9500/3").status_code == 404


def test_dependencies_of_a_map_that_is_brought_along_are_told(client: Client) -> None:
    target = {
        "code": "b",
        "equivalence": "wider",
        "dependsOn": [{"property": "http://example.org/p", "value": "x"}],
        "product": [{"property": "http://example.org/q", "system": "http://example.org/s", "value": "y"}],
    }
    brought = {
        "resourceType": "ConceptMap",
        "url": "http://example.org/map",
        "status": "active",
        "group": [
            {
                "source": "http://example.org/a",
                "target": "http://example.org/b",
                "element": [{"code": "a", "target": [target]}],
            }
        ],
    }
    parameters = [
        {"name": "conceptMap", "resource": brought},
        {"name": "system", "valueUri": "http://example.org/a"},
        {"name": "code", "valueCode": "a"},
    ]
    body = client.request("POST", PATH, json={"resourceType": "Parameters", "parameter": parameters}).json()
    parts = {part["name"]: part for part in body["parameter"][1]["part"]}
    assert parts["dependsOn"]["part"][1]["valueCoding"] == {"code": "x"}
    assert parts["product"]["part"][1]["valueCoding"] == {"system": "http://example.org/s", "code": "y"}

"""Every edge of every ConceptMap is what $translate says, both ways; a match names a map that has it, or none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from tests.doors.fhir.client import Client
from tests.doors.fhir.terminology.matches import Match, matches_of

ICCC3 = "http://terminology.hl7.org/CodeSystem/iccc-3"
ICDO3 = "http://terminology.hl7.org/CodeSystem/icd-o-3"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
OMOP = "https://fhir-terminology.ohdsi.org"
MAP = "https://w3id.org/iccd/fhir/ConceptMap"
PATH = "/ConceptMap/$translate"
RANKS = {"equal": 0, "equivalent": 0, "wider": 1, "narrower": 1}
ASKED = 6
Json = dict[str, Any]

OTHERS = ("iccc-3-2005", "iccc-3-who2008", "iccc-3-2017", "icd-10", "icd-10-cm", "ncit", "omop")
OURS = [name for other in OTHERS for name in (f"icd-o-3-to-{other}", f"{other}-to-icd-o-3")]
OF_THE_GUIDE = ["inss-inrgss", "laterality-ncit", "stage-common", "toronto-tier-1", "toronto-tier-2"]


@dataclass(frozen=True)
class Edge:
    """An edge of a map; `part` is the topography or behaviour that stands beside the code of ICD-O-3."""

    source: str
    target: str
    equivalence: str
    part: str = ""


def written(name: str, value: str) -> Json:
    """A parameter of $translate; one alone is a truth."""
    return (
        {"name": name, "valueBoolean": value == "true"} if name == "reverse" else {"name": name, "valueString": value}
    )


def edges_of(concept_map: Json) -> Iterator[Edge]:
    for group in concept_map["group"]:
        for element in group["element"]:
            for target in element["target"]:
                parts = [part["value"] for part in (*target.get("dependsOn", ()), *target.get("product", ()))]
                if "code" in target:
                    yield Edge(element["code"], target["code"], target["equivalence"], "".join(parts))


def translated(client: Client, name: str, code: str, part: str = "", **more: str) -> list[Match]:
    """Translations at a map; a topography goes with the code, a behaviour as a dependency."""
    parameters: list[Json] = [written(*each) for each in more.items()]
    if len(part) == 1:
        coding = {"system": ICDO3, "code": part}
        element = {"name": "element", "valueUri": "https://w3id.org/iccd/fhir/property/behaviour"}
        parameters.append({"name": "dependency", "part": [element, {"name": "concept", "valueCoding": coding}]})
    elif part:
        code = f"{code}-{part}"
    body = {"resourceType": "Parameters", "parameter": [{"name": "code", "valueCode": code}, *parameters]}
    return matches_of(client.request("POST", f"/ConceptMap/{name}/$translate", json=body).json())


def sampled(values: list[Any], count: int = ASKED) -> list[Any]:
    """Some of many, spread evenly, with the first and the last."""
    if len(values) <= count:
        return values
    return [values[number * (len(values) - 1) // (count - 1)] for number in range(count)]


@cache
def held(client: Client, name: str) -> tuple[Edge, ...]:
    return tuple(edges_of(client.json(f"/ConceptMap/{name}")))


@pytest.mark.parametrize("reverse", ["false", "true"])
@pytest.mark.parametrize("name", OURS)
def test_an_edge_is_a_match_with_its_equivalence_and_product(client: Client, name: str, reverse: str) -> None:
    """A code of ICD-O-3 is asked with the part that the edge needs; of what is found on that side it is the product."""
    edges = held(client, name)
    from_icdo3 = name.startswith("icd-o-3") is (reverse == "false")
    url = f"{MAP}/{name}"
    ends = {edge: (edge.target, edge.source) if reverse == "true" else (edge.source, edge.target) for edge in edges}
    wanted: dict[tuple[str, str], set[tuple[str, str, str]]] = {}
    for edge in edges:
        near, far = ends[edge]
        key = (near, edge.part) if from_icdo3 else (near, "")
        wanted.setdefault(key, set()).add((far, edge.equivalence, "" if from_icdo3 else edge.part))
    for near, part in sampled(sorted(wanted)):
        matches = translated(client, name, near, part, reverse=reverse)
        cited = {(m.code, m.equivalence, "".join(m.products)) for m in matches if m.source == m.origin == url}
        assert wanted[near, part] <= cited, (near, part)
        if not from_icdo3:
            assert cited == wanted[near, part]
        assert {m.source for m in matches} <= {url, ""}


@pytest.mark.parametrize("name", [name for name in OURS if name.startswith("icd-o-3")])
def test_of_a_code_alone_a_match_names_the_map_only_where_an_edge_has_it(client: Client, name: str) -> None:
    edges = held(client, name)
    for code in sampled(sorted({edge.source for edge in edges})):
        targets = {edge.target for edge in edges if edge.source == code}
        parts = {(edge.target, edge.part) for edge in edges if edge.source == code}
        for match in translated(client, name, code):
            assert (match.source == f"{MAP}/{name}") is (match.code in targets), (code, match)
            assert match.source or not match.depends or name.startswith("icd-o-3-to-iccc-3")
            if match.source and match.depends:
                assert {(match.code, each) for each in match.depends} <= parts
        if not targets:
            assert f"{MAP}/{name}" not in {match.source for match in translated(client, name, code)}


@pytest.mark.parametrize("reverse", ["false", "true"])
@pytest.mark.parametrize("name", OF_THE_GUIDE)
def test_an_edge_of_a_map_of_the_guide_is_a_match_that_names_it(client: Client, name: str, reverse: str) -> None:
    concept_map = client.json(f"/ConceptMap/{name}")
    for group in concept_map["group"]:
        for element in group["element"]:
            for target in (each for each in element["target"] if "code" in each):
                ends = [(group["source"], element["code"]), (group["target"], target["code"])]
                near, far = reversed(ends) if reverse == "true" else ends
                body = client.json(
                    f"/ConceptMap/{name}/$translate",
                    params={"system": near[0], "code": near[1], "targetsystem": far[0], "reverse": reverse},
                )
                matches = matches_of(body)
                expected = (far[1], target["equivalence"], concept_map["url"])
                assert expected in {(m.code, m.equivalence, m.source) for m in matches}
                assert {m.origin for m in matches} == {concept_map["url"]}
                assert "valueCoding" not in {
                    key
                    for item in body["parameter"]
                    for p in item.get("part", ())
                    for key in p
                    if p["name"] == "source"
                }


@pytest.mark.parametrize(
    ("name", "code", "expected"),
    [
        ("ncit-to-icd-o-3", "C12410", ("C61.9", "wider", ())),
        ("ncit-to-icd-o-3", "C12220", ("C00.9", "narrower", ())),
        ("icd-o-3-to-ncit", "C00.9", ("C12220", "wider", ())),
        ("icd-o-3-to-ncit", "8721/3", ("C205125", "narrower", ())),
        ("icd-o-3-to-ncit", "C62", ("C61599", "wider", ())),
        ("omop-to-icd-o-3", "44500138", ("8260/3", "equal", ("C19.9",))),
    ],
)
def test_a_match_has_the_code_of_the_map(client: Client, name: str, code: str, expected: tuple[Any, ...]) -> None:
    found = {(m.code, m.equivalence, m.products): m.source for m in translated(client, name, code)}
    assert found[expected] == f"{MAP}/{name}"


@pytest.mark.parametrize(
    ("code", "target", "first"),
    [("9500/3", NCIT, "C3270"), ("9500/3-C74.9", ICD10, "C74.9"), ("C74.9", NCIT, "C12666"), ("C61.9", NCIT, "C12410")],
)
def test_the_best_match_comes_first(client: Client, code: str, target: str, first: str) -> None:
    asked = {"system": ICDO3, "code": code, "targetsystem": target}
    matches = matches_of(client.json(PATH, params=asked))
    assert len(matches) > 1
    assert matches[0].code == first
    assert matches == matches_of(client.json(PATH, params=asked))


def test_a_group_that_a_site_only_touches_names_no_map(client: Client) -> None:
    found = matches_of(client.json(PATH, params={"system": ICDO3, "code": "C74.9", "targetsystem": ICCC3}))
    assert len(found) > 50
    assert {match.source for match in found} == {""}


@pytest.mark.parametrize("name", OURS)
def test_codes_of_icd_o_3_in_a_map_are_codes_of_a_served_edition(client: Client, name: str) -> None:
    group = client.json(f"/ConceptMap/{name}")["group"][0]
    end = 0 if name.startswith("icd-o-3") else 1
    codes = {(edge.source, edge.target)[end] for edge in held(client, name)}
    if not end:
        codes |= {element["code"] for element in group["element"]}
    listed: set[str] = set()
    for edition in ("icd-o-3-3.0", "icd-o-3-3.1", "icd-o-3"):
        listed |= {concept["code"] for concept in flattened(client.json(f"/CodeSystem/{edition}")["concept"])}
    for code in sorted(codes - listed):
        answers = [
            client.json("/CodeSystem/$validate-code", params={"url": ICDO3, "code": code, "version": version})
            for version in ("3.2", "3.1", "3.0")
        ]
        assert any(answer["parameter"][0]["valueBoolean"] is True for answer in answers), code


def flattened(concepts: list[Json]) -> Iterator[Json]:
    for concept in concepts:
        yield concept
        yield from flattened(concept.get("concept", []))


@pytest.mark.parametrize("code", ["8859/3", "9999/3", "nonsense"])
def test_a_code_that_no_edition_has_is_said_to_be_unknown(client: Client, code: str) -> None:
    body = client.json(PATH, params={"system": ICDO3, "code": code, "targetsystem": ICCC3})
    found = {item["name"]: item for item in body["parameter"]}
    assert found["result"]["valueBoolean"] is False
    assert f"Unknown code '{code}'" in found["message"]["valueString"]
    assert found["version"]["valueString"] == "3.2"


@pytest.mark.parametrize(
    ("code", "version"), [("8000/2", "3.2"), ("9500/3", "3.2"), ("9260/3", "3.1"), ("9421/3", "3.2")]
)
def test_the_answer_says_the_edition_that_has_the_code(client: Client, code: str, version: str) -> None:
    body = client.json(PATH, params={"system": ICDO3, "code": code, "targetsystem": ICCC3})
    found = {item["name"]: item for item in body["parameter"] if item["name"] != "match"}
    assert found["version"]["valueString"] == version
    valid = client.json("/CodeSystem/$validate-code", params={"url": ICDO3, "code": code, "version": version})
    assert valid["parameter"][0]["valueBoolean"] is True


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"url": "http://example.org/none"}, "http.url"),
        ({"url": f"{MAP}/icd-o-3-to-ncit|77"}, "http.url"),
        ({"url": f"{MAP}/icd-o-3-to-ncit", "conceptMapVersion": "77"}, "http.conceptMapVersion"),
        ({"target": "http://example.org/none"}, "http.target"),
        ({"source": "http://example.org/none"}, "http.source"),
        ({"url": f"{MAP}/icd-o-3-to-ncit", "source": "http://example.org/none"}, "http.source"),
    ],
)
def test_what_is_named_and_not_here_is_refused_at_its_parameter(
    client: Client, more: dict[str, str], place: str
) -> None:
    issue = client.json(PATH, 404, params={"system": ICDO3, "code": "9500/3", **more})["issue"][0]
    assert issue["location"] == [place]
    assert issue["code"] == "not-found"


OID = "urn:oid:2.16.840.1.113883.6.43.1"


def brought(source: str, target: str) -> Json:
    elements = [{"code": "x", "target": [{"code": target, "equivalence": "equal"}]}]
    return {
        "resourceType": "ConceptMap",
        "url": "http://e.org/map",
        "status": "active",
        "group": [{"source": "http://e.org/a", "target": source, "element": elements}],
    }


@pytest.mark.parametrize("name", ["conceptMap", "tx-resource"])
@pytest.mark.parametrize("code", ["9500/3", "95003", "M-9500/3"])
@pytest.mark.parametrize("system", [ICDO3, OID, "http://terminology.hl7.org/CodeSystem/icd-o"])
@pytest.mark.parametrize("held_as", [(ICDO3, "9500/3"), (OID, "95003")])
def test_a_map_that_is_brought_along_is_read_in_every_spelling(
    client: Client, name: str, code: str, system: str, held_as: tuple[str, str]
) -> None:
    values = {"system": system, "code": code, "reverse": "true", "targetsystem": "http://e.org/a"}
    parameters: list[Json] = [written(*each) for each in values.items()]
    parameters.append({"name": name, "resource": brought(*held_as)})
    body = client.request("POST", PATH, json={"resourceType": "Parameters", "parameter": parameters}).json()
    assert body["parameter"][0] == {"name": "result", "valueBoolean": True}
    parts = {part["name"]: part for item in body["parameter"] for part in item.get("part", ())}
    assert parts["source"]["valueCoding"] == {"system": "http://e.org/a", "code": "x"}
    assert parts["originMap"]["valueCanonical"] == "http://e.org/map"


def test_a_map_that_is_brought_along_goes_before_the_one_that_is_held(client: Client) -> None:
    own = client.json("/ConceptMap/laterality-ncit")
    group = own["group"][0]
    changed = {
        **own,
        "group": [{**group, "element": [{"code": "left", "target": [{"code": "C1", "equivalence": "equal"}]}]}],
    }
    values = {"system": group["source"], "code": "left", "url": own["url"]}
    parameters: list[Json] = [written(*each) for each in values.items()]
    parameters.append({"name": "tx-resource", "resource": changed})
    body = client.request("POST", PATH, json={"resourceType": "Parameters", "parameter": parameters}).json()
    assert [match.code for match in matches_of(body)] == ["C1"]


@pytest.mark.parametrize("value", ["C74.9", "C749", "c74.9"])
def test_a_dependency_of_a_map_that_is_brought_along_is_read_in_every_spelling(client: Client, value: str) -> None:
    concept_map = brought("http://e.org/b", "y")
    needed = {"property": "http://e.org/site", "system": ICDO3, "value": "C74.9"}
    concept_map["group"][0]["element"][0]["target"][0]["dependsOn"] = [needed]
    site = {"name": "concept", "valueCoding": {"system": OID, "code": value}}
    dependency = {"name": "dependency", "part": [{"name": "element", "valueUri": "http://e.org/site"}, site]}
    parameters: list[Json] = [
        {"name": "system", "valueString": "http://e.org/a"},
        {"name": "code", "valueString": "x"},
        {"name": "conceptMap", "resource": concept_map},
        dependency,
    ]
    body = client.request("POST", PATH, json={"resourceType": "Parameters", "parameter": parameters}).json()
    assert [match.code for match in matches_of(body)] == ["y"]
    site["valueCoding"] = {"system": OID, "code": "C71.9"}
    body = client.request("POST", PATH, json={"resourceType": "Parameters", "parameter": parameters}).json()
    assert matches_of(body) == []


def test_reverse_over_a_map_of_the_guide_gives_what_was_found(client: Client) -> None:
    stage = client.json("/ConceptMap/inss-inrgss")["group"][0]["target"]
    asked = {"system": stage, "code": "inrgss:L1", "reverse": "true"}
    matches = matches_of(client.json("/ConceptMap/inss-inrgss/$translate", params=asked))
    assert matches
    assert all(match.code.startswith("inss:") for match in matches)
    assert {match.source for match in matches} == {f"{MAP}/inss-inrgss"}

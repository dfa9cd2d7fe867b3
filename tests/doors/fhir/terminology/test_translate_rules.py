"""$translate: rules of versions, value sets, dependencies, and maps that are brought along by mode and version."""

from __future__ import annotations

from typing import Any

import pytest

from tests.doors.fhir.client import Client

ICCC3 = "http://terminology.hl7.org/CodeSystem/iccc-3"
ICDO3 = "http://terminology.hl7.org/CodeSystem/icd-o-3"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
GUIDE = "https://w3id.org/iccd/fhir"
PATH = "/ConceptMap/$translate"
TOPOGRAPHY, BEHAVIOUR = f"{GUIDE}/property/topography", f"{GUIDE}/property/behaviour"
Json = dict[str, Any]


def texts(**values: str) -> list[Json]:
    return [{"name": name, "valueString": value} for name, value in values.items()]


def posted(client: Client, *parameters: Json, status: int = 200) -> Json:
    answer = client.request("POST", PATH, json={"resourceType": "Parameters", "parameter": list(parameters)})
    assert answer.status_code == status, answer.text
    body: Json = answer.json()
    return body


def concepts(body: Json) -> list[Json]:
    assert body["resourceType"] == "Parameters", body
    parts = [part for item in body["parameter"] if item["name"] == "match" for part in item["part"]]
    return [part["valueCoding"] for part in parts if part["name"] == "concept"]


def codes(body: Json) -> set[str]:
    return {str(item["code"]) for item in concepts(body)}


def depends(element: str, *codings: Json) -> Json:
    parts: list[Json] = [{"name": "element", "valueUri": element}]
    return {"name": "dependency", "part": [*parts, {"name": "concept", "valueCodeableConcept": {"coding": codings}}]}


def concept_map(url: str, *targets: Json, version: str = "", **group: Any) -> Json:
    element = [{"code": "x", "target": list(targets)}]
    groups = [{"source": "http://e.org/a", "target": "http://e.org/b", "element": element, **group}]
    found = {"resourceType": "ConceptMap", "url": url, "status": "active", "group": groups}
    return {**found, "version": version} if version else found


@pytest.mark.parametrize(("name", "behaviour", "code"), [("icd-10", "0", "D10.0"), ("icd-10-cm", "1", "D37.01")])
def test_the_way_back_from_icd_10_has_topographies_with_their_behaviour(
    client: Client, name: str, behaviour: str, code: str
) -> None:
    elements = client.json(f"/ConceptMap/{name}-to-icd-o-3")["group"][0]["element"]
    targets = next(item["target"] for item in elements if item["code"] == code)
    held = {t["code"] for t in targets if any(part["value"] == behaviour for part in t.get("product", []))}
    body = client.json(f"/ConceptMap/{name}-to-icd-o-3/$translate?code={code}")
    assert held
    assert held <= codes(body)
    product = {
        "name": "product",
        "part": [
            {"name": "element", "valueUri": BEHAVIOUR},
            {"name": "concept", "valueCoding": {"system": ICDO3, "code": behaviour}},
        ],
    }
    assert any(product in item["part"] for item in body["parameter"] if item["name"] == "match")


@pytest.mark.parametrize("parameter", ["system-version", "force-system-version", "check-system-version"])
@pytest.mark.parametrize("target", [{"targetsystem": ICCC3}, {}])
def test_rules_of_versions_hold_for_the_target(client: Client, parameter: str, target: dict[str, str]) -> None:
    asked = {"system": ICDO3, "code": "9364/3-C64.9", parameter: f"{ICCC3}|2005", **target}
    found = concepts(client.get(PATH, params=asked).json())
    assert {item["version"] for item in found if item["system"] == ICCC3} == {"2005"}


def test_rules_of_versions_hold_for_the_source(client: Client) -> None:
    asked = {"system": ICDO3, "code": "9260/3", "targetsystem": ICCC3}
    for more in ({"system-version": f"{ICDO3}|3.2"}, {"version": "3.1", "force-system-version": f"{ICDO3}|3.2"}):
        assert codes(client.get(PATH, params={**asked, **more}).json()) == set()
    broken = client.get(PATH, params={**asked, "version": "3.1", "check-system-version": f"{ICDO3}|3.2"})
    assert broken.status_code == 422
    back = {"system": ICCC3, "code": "IV(a)", "targetsystem": ICDO3, "system-version": f"{ICCC3}|2005"}
    assert "iccc-3-2005-to-icd-o-3" in client.get(PATH, params=back).text


@pytest.mark.parametrize(
    "path",
    [
        f"icd-o-3-to-iccc-3-2005/$translate?code=8963/3-C22.0&target={ICCC3}?fhir_vs=isa/IV|2017",
        f"icd-o-3-to-iccc-3-2005/$translate?code=8963/3-C22.0&target={GUIDE}/ValueSet/iccc-3|2017",
        "iccc-3-2017-to-icd-o-3/$translate?code=VI(a)&version=2005",
    ],
)
def test_an_edition_of_another_map_is_refused(client: Client, path: str) -> None:
    client.json(f"/ConceptMap/{path}", 400)


def test_a_value_set_says_the_edition(client: Client) -> None:
    asked = {"system": ICDO3, "code": "9500/3", "target": f"{ICCC3}?fhir_vs=isa/IV|2005"}
    assert {item["version"] for item in concepts(client.get(PATH, params=asked).json())} == {"2005"}


def test_a_value_set_may_take_in_another(client: Client) -> None:
    inner: Json = {"resourceType": "ValueSet", "url": "http://e.org/in", "status": "active"}
    inner["compose"] = {"include": [{"system": ICCC3, "concept": [{"code": "IV(a)"}]}]}
    outer = {**inner, "url": "http://e.org/out", "compose": {"include": [{"valueSet": ["http://e.org/in"]}]}}
    asked = texts(system=ICDO3, code="9500/3", target="http://e.org/out")
    brought: list[Json] = [{"name": "tx-resource", "resource": item} for item in (inner, outer)]
    assert codes(posted(client, *asked, *brought)) == {"IV(a)"}
    posted(client, *asked, brought[1], status=404)


def test_target_holds_beside_targetsystem(client: Client) -> None:
    asked = {"system": ICDO3, "code": "9500/3", "targetsystem": ICCC3, "target": f"{GUIDE}/ValueSet/iccc-3-V"}
    assert codes(client.get(PATH, params=asked).json()) == set()


@pytest.mark.parametrize(
    "dependency",
    [
        depends(TOPOGRAPHY, {"system": ICD10, "code": "C74.9"}),
        depends(TOPOGRAPHY, {"display": "a coding without a code"}),
        depends(BEHAVIOUR, {"code": "0"}),
    ],
)
def test_a_dependency_that_cannot_be_followed_is_refused(client: Client, dependency: Json) -> None:
    body = posted(client, *texts(system=ICDO3, code="9500/3", targetsystem=ICCC3), dependency, status=400)
    assert "dependency" in str(body)


def test_of_a_dependency_the_coding_of_icd_o_3_is_meant(client: Client) -> None:
    two = depends(TOPOGRAPHY, {"system": ICD10, "code": "C22.0"}, {"system": ICDO3, "code": "C71.9"})
    body = posted(client, *texts(system=ICDO3, code="8000/3", targetsystem=ICCC3), two)
    assert codes(body) == {"III", "III(f)"}


def test_a_dependency_belongs_to_a_code_of_icd_o_3(client: Client) -> None:
    asked = texts(system=ICCC3, code="IV(a)", targetsystem=ICDO3)
    posted(client, *asked, depends(TOPOGRAPHY, {"code": "C74.9"}), status=400)


def test_a_category_goes_to_icd_10_by_its_behaviour(client: Client) -> None:
    asked = texts(system=ICDO3, code="C22", targetsystem=ICD10)
    assert "C22.0" in codes(posted(client, *asked, depends(BEHAVIOUR, {"code": "3"})))


def test_a_coding_without_code_system_is_refused(client: Client) -> None:
    coding = {"name": "coding", "valueCoding": {"code": "x"}}
    posted(client, *texts(source=f"{GUIDE}/ValueSet/iccc-3"), coding, status=400)


@pytest.mark.parametrize(
    ("unmapped", "found"),
    [
        ({"mode": "fixed", "code": "rest"}, {"rest"}),
        ({"mode": "provided"}, {"z"}),
        ({"mode": "other-map", "url": "http://e.org/other"}, {"z2"}),
        ({"mode": "other-map", "url": "http://e.org/none"}, set()),
        ({"mode": "other-map", "url": "http://e.org/map"}, set()),
    ],
)
def test_what_a_map_says_of_all_others_is_followed(client: Client, unmapped: Json, found: set[str]) -> None:
    one = concept_map("http://e.org/map", {"code": "one", "equivalence": "equal"}, unmapped=unmapped)
    rest = [{"code": "z", "target": [{"code": "z2", "equivalence": "equal"}]}]
    other = concept_map("http://e.org/other", element=rest)
    maps = [{"name": "conceptMap", "resource": one}, {"name": "tx-resource", "resource": other}]
    assert codes(posted(client, *texts(system="http://e.org/a", code="z"), *maps)) == found
    assert codes(posted(client, *texts(system="http://e.org/a", code="x"), *maps)) == {"one"}


@pytest.mark.parametrize(("url", "found"), [("|1", {"v1"}), ("|2", {"v2"}), ("", {"v2"})])
def test_a_map_is_named_with_its_version(client: Client, url: str, found: set[str]) -> None:
    maps = [
        {"name": "tx-resource", "resource": concept_map("http://e.org/map", {"code": f"v{each}"}, version=each)}
        for each in ("1", "2")
    ]
    asked = texts(system="http://e.org/a", code="x", url=f"http://e.org/map{url}")
    assert codes(posted(client, *asked, *maps)) == found
    posted(client, *texts(system="http://e.org/a", code="x", url="http://e.org/map|3"), *maps, status=404)


def test_a_map_of_ours_is_named_with_its_version(client: Client) -> None:
    name = f"{GUIDE}/ConceptMap/icd-o-3-to-iccc-3-2017"
    version = client.json("/ConceptMap/icd-o-3-to-iccc-3-2017")["version"]
    asked = {"system": ICDO3, "code": "9500/3", "url": f"{name}|{version}"}
    assert "IV(a)" in codes(client.get(PATH, params=asked).json())
    assert client.get(PATH, params={**asked, "url": f"{name}|77"}).status_code == 404


def test_a_map_that_is_brought_along_is_a_concept_map(client: Client) -> None:
    other = {"resourceType": "ValueSet", "url": "http://e.org/vs", "status": "active"}
    asked = texts(system="http://e.org/a", code="x")
    posted(client, *asked, {"name": "conceptMap", "resource": other}, status=400)


def test_dependencies_of_a_map_that_is_brought_along_have_a_code_system(client: Client) -> None:
    needed = {"property": "http://e.org/sex", "system": "http://e.org/s", "value": "f"}
    brought = concept_map("http://e.org/map", {"code": "one", "dependsOn": [needed]})
    asked = [*texts(system="http://e.org/a", code="x"), {"name": "conceptMap", "resource": brought}]
    sex = "http://e.org/sex"
    assert codes(posted(client, *asked, depends(sex, {"system": "http://e.org/s", "code": "f"}))) == {"one"}
    assert codes(posted(client, *asked, depends(sex, {"system": "http://e.org/t", "code": "f"}))) == set()
    posted(client, *asked, depends("http://e.org/age", {"code": "f"}), status=400)


def test_a_map_that_does_not_exist_is_not_named(client: Client) -> None:
    answer = client.get(PATH, params={"system": ICD10, "code": "C74.9", "targetsystem": ICCC3})
    assert "IV(a)" in codes(answer.json())
    assert "ConceptMap/" not in answer.text


NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
OMOP = "https://fhir-terminology.ohdsi.org"


@pytest.mark.parametrize("target", [ICCC3, NCIT, OMOP, ICD10])
def test_a_behaviour_beside_a_topography_is_followed_to_every_code_system(client: Client, target: str) -> None:
    asked = texts(system=ICDO3, code="C74.9", targetsystem=target)
    every = codes(posted(client, *asked))
    benign = codes(posted(client, *asked, depends(BEHAVIOUR, {"code": "/0"})))
    malignant = codes(posted(client, *asked, depends(BEHAVIOUR, {"code": "3"})))
    assert benign
    assert malignant
    assert benign | malignant <= every
    assert benign != malignant


def test_no_group_of_iccc_3_has_a_metastasis(client: Client) -> None:
    asked = texts(system=ICDO3, code="C74.9", targetsystem=ICCC3)
    assert codes(posted(client, *asked, depends(BEHAVIOUR, {"code": "6"}))) == set()


@pytest.mark.parametrize("code", ["9500", "pgx:icdom-9500", "9500-C74.9", "95003"])
def test_a_behaviour_goes_with_a_morphology_in_any_spelling(client: Client, code: str) -> None:
    asked = texts(system=ICDO3, code=code, targetsystem=ICCC3)
    assert codes(posted(client, *asked, depends(BEHAVIOUR, {"code": "3"}))) == {"IV", "IV(a)"}


@pytest.mark.parametrize(
    ("code", "dependency", "named"),
    [
        ("9500/3", depends(TOPOGRAPHY, {"code": "C99.9"}), "C99.9"),
        ("9500/3", depends(TOPOGRAPHY, {"code": "9500/3"}), "9500/3"),
        ("9500", depends(BEHAVIOUR, {"code": "7"}), "'7'"),
        ("95003", depends(BEHAVIOUR, {"code": "6"}), "another behaviour"),
        ("C74.9", depends(TOPOGRAPHY, {"code": "C71.9"}), "another topography"),
        ("95003C749", depends(TOPOGRAPHY, {"code": "C71.9"}), "another topography"),
    ],
)
def test_a_dependency_that_does_not_exist_or_is_against_the_code_is_named(
    client: Client, code: str, dependency: Json, named: str
) -> None:
    body = posted(client, *texts(system=ICDO3, code=code, targetsystem=ICCC3), dependency, status=400)
    assert named in body["issue"][0]["details"]["text"]
    assert body["issue"][0]["location"] == ["http.dependency"]

"""Code systems, value sets, concept maps, naming systems and operation definitions as resources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.doors.fhir.client import Client, matches
from tests.doors.fhir.validation import OfficialSchemas, model_of

ICCC3 = "http://terminology.hl7.org/CodeSystem/iccc-3"
ICDO3 = "http://terminology.hl7.org/CodeSystem/icd-o-3"
OWN = "https://w3id.org/iccd/fhir"
KINDS = (
    "CodeSystem",
    "ValueSet",
    "ConceptMap",
    "NamingSystem",
    "OperationDefinition",
    "SearchParameter",
    "StructureDefinition",
    "CapabilityStatement",
    "TerminologyCapabilities",
)
Json = dict[str, Any]


def found(client: Client, kind: str, **parameters: str) -> list[str]:
    """Ids of a search, all pages."""
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    return [item["id"] for page in client.pages(f"/{kind}?_count=200&{query}") for item in matches(page)]


def concepts(items: list[Json]) -> Iterator[Json]:
    for item in items:
        yield item
        yield from concepts(item.get("concept", []))


@pytest.mark.parametrize("kind", KINDS)
def test_every_resource_that_a_search_lists_is_read_and_valid(
    client: Client, official: OfficialSchemas, kind: str
) -> None:
    ids = found(client, kind)
    assert ids
    assert len(ids) == len(set(ids))
    for resource_id in ids if len(ids) < 30 else ids[::40]:
        if kind == "ConceptMap" and resource_id not in ("icd-o-3-to-omop", "omop-to-icd-o-3"):
            continue
        resource = client.json(f"/{kind}/{resource_id}")
        assert resource["id"] == resource_id
        assert official.json_faults(resource) == []
        model_of(kind).model_validate(resource)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_resource_of_each_type_is_valid_xml(client: Client, official: OfficialSchemas, kind: str) -> None:
    page = client.get(f"/{kind}?_count=2&_format=xml")
    assert official.xml_faults(page.content) == []


def test_each_edition_is_a_resource_of_its_own(client: Client) -> None:
    assert found(client, "CodeSystem", url=ICCC3) == ["iccc-3-2005", "iccc-3-who2008", "iccc-3"]
    assert found(client, "CodeSystem", url=ICDO3, version="3.1") == ["icd-o-3-3.1"]
    assert client.json("/CodeSystem/icd-o-3-3.0")["version"] == "3.0"
    assert client.get("/CodeSystem/icd-o-3-3.9").status_code == 404


@pytest.mark.parametrize("resource_id", ["iccc-3", "iccc-3-who2008", "iccc-3-2005"])
def test_the_numbers_of_seer_are_alternate_codes(client: Client, official: OfficialSchemas, resource_id: str) -> None:
    system = client.json(f"/CodeSystem/{resource_id}")
    alternates = {}
    for concept in concepts(system["concept"]):
        for extension in concept.get("extension", ()):
            assert next(iter(concept)) == "extension"
            assert extension["url"] == "http://hl7.org/fhir/StructureDefinition/codesystem-alternate"
            parts = {part["url"]: part for part in extension["extension"]}
            assert parts["use"]["valueCoding"]["code"] == "seer_recode"
            alternates[parts["code"]["valueCode"]] = concept["code"]
    assert alternates["041"] == "IV(a)"
    assert alternates["061"] == "VI(a)"
    assert len(alternates) > 40
    for number, code in alternates.items():
        asked = {"system": ICCC3, "code": number, "version": system["version"]}
        found = client.json("/CodeSystem/$lookup", params=asked)["parameter"]
        assert {"name": "normalized-code", "valueCode": code} in found
    assert official.json_faults(system) == []
    assert official.xml_faults(client.get(f"/CodeSystem/{resource_id}?_format=xml").content) == []


@pytest.mark.parametrize(("resource_id", "groups"), [("iccc-3-2005", 141), ("iccc-3-who2008", 141), ("iccc-3", 143)])
def test_iccc3_holds_its_groups_in_hierarchy_with_the_numbers_of_seer(
    client: Client, resource_id: str, groups: int
) -> None:
    body = client.json(f"/CodeSystem/{resource_id}")
    assert (body["content"], body["count"], len(body["concept"])) == ("complete", groups, 12)
    listed = list(concepts(body["concept"]))
    assert len({item["code"] for item in listed}) == groups
    numbers = {
        item["code"]: entry["valueString"]
        for item in listed
        for entry in item.get("property", [])
        if entry["code"] == "seer_recode"
    }
    assert (numbers["I(a)"], numbers["V"], numbers["XII(b)"]) == ("011", "050", "122")


@pytest.mark.parametrize(
    ("resource_id", "content"),
    [("icd-o-3", "complete"), ("icd-10", "fragment"), ("ncit", "fragment"), ("omop", "fragment")],
)
def test_a_large_code_system_is_a_subset_in_a_search_and_whole_when_read(
    client: Client, resource_id: str, content: str
) -> None:
    listed = matches(client.json(f"/CodeSystem?_id={resource_id}"))[0]
    whole = client.json(f"/CodeSystem/{resource_id}")
    assert "concept" not in listed
    assert [tag["code"] for tag in listed["meta"]["tag"]] == ["SUBSETTED"]
    assert listed["content"] == whole["content"] == content
    assert len(list(concepts(whole["concept"]))) == whole["count"] == listed["count"] > 200
    assert "meta" not in whole
    assert whole["copyright"]


def test_no_term_of_icd_o_or_icd_10_is_shown(client: Client) -> None:
    assert not any("display" in item for item in concepts(client.json("/CodeSystem/icd-10")["concept"]))
    assert "CC BY 4.0" in client.json("/CodeSystem/icd-o-3")["copyright"]


def test_a_code_finds_the_code_systems_and_value_sets_that_have_it(client: Client) -> None:
    assert found(client, "CodeSystem", code="9500/3") == ["icd-o-3-3.0", "icd-o-3-3.1", "icd-o-3"]
    assert found(client, "CodeSystem", code="basis") == []
    sets = found(client, "ValueSet", code=f"{ICCC3}|VI(a).4")
    assert "iccc-3-2005-VIa" in sets
    assert "iccc-3-VIa" not in sets
    assert found(client, "ValueSet", reference=ICDO3) == ["icd-o-3-3.0-all", "icd-o-3-3.1-all", "icd-o-3-all"]


def test_every_group_of_every_edition_is_a_value_set_that_expands(client: Client) -> None:
    of_group = found(client, "ValueSet", url=f"{OWN}/ValueSet/iccc-3-IVa")
    assert of_group == ["iccc-3-2005-IVa", "iccc-3-who2008-IVa", "iccc-3-IVa"]
    assert len([each for each in found(client, "ValueSet") if each.startswith("iccc-3")]) == 141 + 141 + 143 + 6
    for resource_id, version in zip(of_group, ("2005", "who2008", "2017"), strict=True):
        expansion = client.json(f"/ValueSet/{resource_id}/$expand")["expansion"]
        assert [item["code"] for item in expansion["contains"]] == ["IV(a)"]
        assert expansion["parameter"][0]["valueUri"] == f"{ICCC3}|{version}"


def test_an_instance_is_asked_in_its_own_edition(client: Client) -> None:
    assert client.get("/CodeSystem/iccc-3-2005/$lookup?code=VI(a).4").status_code == 200
    assert client.get("/CodeSystem/iccc-3/$lookup?code=VI(a).4").status_code == 404
    assert client.get("/CodeSystem/iccc-3/$lookup?code=VI(a).4&version=2005").status_code == 200


def test_a_concept_map_has_its_elements_when_read_and_its_ends_when_searched(client: Client) -> None:
    assert found(client, "ConceptMap", **{"source-system": ICDO3, "target-system": ICCC3}) == [
        "icd-o-3-to-iccc-3-2005",
        "icd-o-3-to-iccc-3-who2008",
        "icd-o-3-to-iccc-3-2017",
    ]
    assert found(client, "ConceptMap", source=f"{ICCC3}?fhir_vs|2017") == ["iccc-3-2017-to-icd-o-3"]
    listed = matches(client.json("/ConceptMap?_id=icd-o-3-to-iccc-3-2017"))[0]
    assert "group" not in listed
    out = targets(client, "icd-o-3-to-iccc-3-2017")
    back = targets(client, "iccc-3-2017-to-icd-o-3")
    assert out["9500/3"] == [{"code": "IV(a)", "equivalence": "wider"}]
    assert {"code": "9500/3", "equivalence": "narrower"} in back["IV(a)"]
    sites = [(item["code"], item["dependsOn"][0]["value"]) for item in out["8000/3"] if "code" in item]
    assert ("III(f)", "C71") in sites or any(code.startswith("III(f)") and site == "C71" for code, site in sites)
    ganglioglioma = [item for item in out["8000/3"] if item["equivalence"] == "unmatched"]
    assert all("code" not in item for item in ganglioglioma)


def targets(client: Client, resource_id: str) -> dict[str, list[Json]]:
    group = client.json(f"/ConceptMap/{resource_id}")["group"][0]
    return {element["code"]: element["target"] for element in group["element"]}


def test_a_concept_map_to_icc3_says_what_classifying_says(client: Client) -> None:
    import terminology
    from terminology.codes import parse_icdo

    asked = terminology.load()
    for code, entries in list(targets(client, "icd-o-3-to-iccc-3-2005").items())[::97]:
        for entry in entries:
            site = entry["dependsOn"][0]["value"] if "dependsOn" in entry else ""
            leaves = asked.possible_groups(parse_icdo(f"{code}-{site}" if site else code), "2005")
            assert [leaf.code for leaf in leaves] == [entry.get("code", "")]


@pytest.mark.parametrize(
    "resource_id", ["icd-o-3-to-icd-10", "icd-10-to-icd-o-3", "icd-o-3-to-ncit", "ncit-to-icd-o-3"]
)
def test_the_other_maps_are_there_both_ways(client: Client, official: OfficialSchemas, resource_id: str) -> None:
    body = client.json(f"/ConceptMap/{resource_id}")
    assert official.json_faults(body) == []
    assert len(body["group"][0]["element"]) > 400


def test_naming_systems_name_every_uri_and_the_patients_of_each_registry(client: Client) -> None:
    body = client.json("/NamingSystem/icd-o-3")
    unique = {item["value"]: item["type"] for item in body["uniqueId"]}
    assert unique[ICDO3] == "uri"
    assert unique["2.16.840.1.113883.6.43.1"] == "oid"
    assert [item["value"] for item in body["uniqueId"] if item["preferred"]] == [ICDO3]
    patient = matches(client.json("/Patient?_count=1"))[0]
    system = patient["identifier"][0]["system"]
    assert found(client, "NamingSystem", value=system) == [system.rpartition("/")[2]]
    assert client.json(f"/NamingSystem/{system.rpartition('/')[2]}")["kind"] == "identifier"


def test_every_operation_of_the_statement_has_its_definition_here(client: Client) -> None:
    statement = client.json("/CapabilityStatement/iccd")
    assert statement == client.json("/metadata")
    assert client.json("/TerminologyCapabilities/iccd") == client.json("/metadata?mode=terminology")
    named = {
        operation["definition"].rpartition("/")[2]
        for resource in statement["rest"][0]["resource"]
        for operation in resource.get("operation", [])
    }
    assert named <= set(found(client, "OperationDefinition"))
    expand = client.json("/OperationDefinition/ValueSet-expand")
    assert expand["base"] == "http://hl7.org/fhir/OperationDefinition/ValueSet-expand"
    assert {"url", "filter", "return"} <= {item["name"] for item in expand["parameter"]}
    assert (expand["system"], expand["type"], expand["instance"]) == (False, True, True)


def test_an_operation_outcome_is_not_stored(client: Client) -> None:
    assert client.get("/OperationOutcome").status_code == 404


@pytest.mark.parametrize("kind", ["CodeSystem", "ValueSet", "NamingSystem"])
def test_every_whole_resource_is_valid_in_xml(client: Client, official: OfficialSchemas, kind: str) -> None:
    names = [each["id"] for each in matches(client.json(f"/{kind}?_count=1000&_elements=id"))]
    whole = names if kind == "CodeSystem" else names[::9]
    for name in whole:
        assert official.xml_faults(client.get(f"/{kind}/{name}?_format=xml").content) == [], name

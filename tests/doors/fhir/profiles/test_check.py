"""Our checker: what leaves the door holds its profiles, and every rule that it knows can fail."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from gateway.doors.fhir.definitions import conformance_resources, examples, guide
from gateway.doors.fhir.profiles.check import Checker, own_checker
from gateway.doors.fhir.wire.xml import to_xml
from tests.doors.fhir.client import Client, matches
from tests.doors.fhir.profiles.faults import CONDITION, FAULTS, PATIENT, STAGE
from tests.doors.fhir.validation import OfficialSchemas, model_faults

Json = dict[str, Any]
VITAL_STATUS = "Observation-registry.p1-vital-status.json"


def example(name: str) -> Json:
    return copy.deepcopy(dict(examples()[name]))


@pytest.mark.parametrize("kind", ["Condition", "Patient", "Observation"])
def test_everything_that_leaves_holds_the_profiles_it_claims(client: Client, kind: str) -> None:
    answer = client.get(f"/{kind}?_count=1000")
    if answer.status_code == 404:
        pytest.skip(f"this door has no {kind} yet")
    found = matches(answer.json())
    claiming = [each for each in found if any(guide().canonical in url for url in each["meta"].get("profile", ()))]
    assert len(claiming) > 100
    assert [finding for each in found for finding in own_checker().claims(each)] == []


@pytest.mark.parametrize("name", sorted(examples()))
def test_an_example_is_valid_in_json_and_xml_and_holds_its_profiles(name: str, official: OfficialSchemas) -> None:
    resource = example(name)
    assert name == f"{resource['resourceType']}-{resource['id']}.json"
    assert official.json_faults(resource) == []
    assert model_faults(resource) == []
    assert official.xml_faults(to_xml(resource)) == []
    assert own_checker().claims(resource) == []


def test_every_profile_has_an_example_and_every_extension_stands_in_one() -> None:
    profiled = {url for each in examples().values() for url in each.get("meta", {}).get("profile", ())}
    used = {url for each in examples().values() for url in _extension_urls(each)}
    for (kind, _), definition in conformance_resources().items():
        if kind == "StructureDefinition":
            assert definition["url"] in (used if definition["type"] == "Extension" else profiled)


def _extension_urls(element: object) -> set[str]:
    if isinstance(element, list):
        return {url for item in element for url in _extension_urls(item)}
    if not isinstance(element, dict):
        return set()
    own = {item["url"] for item in element.get("extension", ())}
    return own.union(*(_extension_urls(value) for value in element.values()))


def test_examples_are_not_served_as_definitions(client: Client) -> None:
    assert {kind for kind, _ in conformance_resources()}.isdisjoint({"Condition", "Patient", "Observation", "Bundle"})
    assert client.get("/Observation/registry.c1-stage").status_code in {403, 404}


PLANTED: dict[str, tuple[str, Callable[[Json], object], str]] = {
    "no list": (CONDITION, lambda r: r.update(bodySite=r["bodySite"][0]), "type"),
    "text for an Age": (CONDITION, lambda r: r["extension"][3]["extension"][0].update(valueAge="3"), "type"),
    "text for a number": (PATIENT, lambda r: r.update(deceasedBoolean="no"), "type"),
    "another kind of subject": (CONDITION, lambda r: r["subject"].update(reference="Group/1"), "reference"),
    "extension of ours that is not defined": (
        CONDITION,
        lambda r: r["extension"].append({"url": f"{guide().canonical}/StructureDefinition/none", "valueCode": "x"}),
        "extension",
    ),
    "extension with a value of another type": (
        CONDITION,
        lambda r: r["extension"][3]["extension"][0].update(valueString="3"),
        "unknown",
    ),
    "unknown part of a datatype": (CONDITION, lambda r: r["code"]["coding"][0].update(colour="red"), "unknown"),
    "extension twice": (CONDITION, lambda r: r["extension"].append(r["extension"][1]), "max"),
    "another ICCC-3 system in the extension": (
        CONDITION,
        lambda r: r["extension"][2]["extension"][0]["valueCoding"].update(system="http://example.org"),
        "fixed",
    ),
    "equivalence that is none": (
        CONDITION,
        lambda r: r["code"]["coding"][0]["extension"][0].update(valueCode="same"),
        "binding",
    ),
    "name without its reason": (PATIENT, lambda r: r.update(name=[{"use": "official"}]), "min"),
    "Toronto stage by another method": (STAGE, lambda r: r["method"]["coding"][0].update(code="inss"), "pattern"),
    "vital status of another code": (
        VITAL_STATUS,
        lambda r: r["valueCodeableConcept"]["coding"][0].update(code="unknown"),
        "binding",
    ),
    "another resource type": (VITAL_STATUS, lambda r: r.update(resourceType="Condition"), "type"),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_the_checker_names_the_rule_that_is_broken(fault: str) -> None:
    name, plant, rule = PLANTED[fault]
    resource = example(name)
    plant(resource)
    assert rule in {finding.rule for finding in own_checker().claims(resource)}


def test_a_sliced_list_may_be_closed_and_a_slice_may_be_found_by_type_or_existence() -> None:
    def definition(slicing: Json, *parts: Json) -> Checker:
        elements = [
            {"id": "Basic", "path": "Basic"},
            {"id": "Basic.x[x]", "path": "Basic.x[x]", "max": "*", "type": [{"code": "string"}, {"code": "Coding"}]},
            *parts,
        ]
        elements[1]["slicing"] = slicing
        held = {"u": {"url": "u", "type": "Basic", "snapshot": {"element": elements}}}
        coding = [
            {"id": "Coding", "path": "Coding"},
            {"id": "Coding.code", "path": "Coding.code", "max": "1", "type": [{"code": "code"}]},
        ]
        return Checker(held, {"Coding": coding}, {}, "own:")

    part: Json = {"id": "Basic.x[x]:text", "path": "Basic.x[x]", "sliceName": "text", "max": "1"}
    by_type = definition(
        {"discriminator": [{"type": "type", "path": "$this"}], "rules": "closed"}, part | {"type": [{"code": "string"}]}
    )
    rules = [finding.rule for finding in by_type.check({"resourceType": "Basic", "xCoding": [{"code": "c"}]}, "u")]
    assert rules == ["slice"]
    assert by_type.check({"resourceType": "Basic", "xString": ["c"]}, "u") == []
    assert [item.rule for item in by_type.check({"resourceType": "Basic", "xString": ["c", "d"]}, "u")] == ["max"]

    coded: Json = {"id": "Basic.x[x]:text.code", "path": "Basic.x[x].code", "min": 1, "max": "1"}
    by_presence = definition(
        {"discriminator": [{"type": "exists", "path": "code"}], "rules": "open"},
        part | {"type": [{"code": "Coding"}], "min": 1},
        coded | {"type": [{"code": "code"}]},
    )
    assert [item.rule for item in by_presence.check({"resourceType": "Basic", "xCoding": [{}]}, "u")] == ["min"]
    assert by_presence.check({"resourceType": "Basic", "xCoding": [{"code": "c"}]}, "u") == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen_by_the_judges_in_the_house_that_can(fault: str, official: OfficialSchemas) -> None:
    planted = FAULTS[fault]
    resource = planted.resource()
    found = {
        "JSON schema": official.json_faults(resource),
        "XML schema": official.xml_faults(to_xml(resource)),
        "fhir.resources": model_faults(resource),
        "our checker": own_checker().claims(resource),
    }
    assert {name for name, findings in found.items() if findings} == planted.seen_by & set(found)

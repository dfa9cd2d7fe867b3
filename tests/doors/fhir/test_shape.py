"""`_summary` and `_elements`: parts of resources, tagged as parts, on every read and search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.doors.fhir.search import build_elements
from gateway.doors.fhir.search.elements import types
from gateway.doors.fhir.types import SERVED
from tests.doors.fhir.client import Client, Json, link_of, matches
from tests.doors.fhir.validation import OfficialSchemas, model_faults, model_of

ID = {"Condition": "de-two.c1", "Patient": "de-two.p1", "ValueSet": "laterality", "StructureDefinition": "laterality"}
PLACES = [(f"/{kind}", f"/{kind}/{name}") for kind, name in ID.items()]
TAG = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}


def is_tagged(resource: Json) -> bool:
    return TAG in resource.get("meta", {}).get("tag", [])


def summary_elements(kind: str) -> set[str]:
    """By the models of fhir.resources, an outside judge."""
    model = model_of(kind)
    must = {
        name for name, field in model.model_fields.items() if (field.json_schema_extra or {}).get("element_required")
    }
    return {*model.summary_elements_sequence(), *must, "resourceType", "modifierExtension"}


def test_the_table_of_elements_is_what_its_generator_makes() -> None:
    assert Path(build_elements.TABLE).read_text("utf-8") == build_elements.build()
    assert set(SERVED) <= set(types())


@pytest.mark.parametrize(("search", "read"), PLACES)
@pytest.mark.parametrize("accept", ["application/fhir+json", "application/fhir+xml"])
def test_a_summary_holds_the_elements_of_the_summary_and_no_other(
    client: Client, official: OfficialSchemas, search: str, read: str, accept: str
) -> None:
    for path in (f"{search}?_summary=true&_count=7", f"{read}?_summary=true"):
        answer = client.get(path, headers={"accept": accept})
        assert answer.status_code == 200
        if accept.endswith("xml"):
            assert official.xml_faults(answer.content) == []
            continue
        body = answer.json()
        assert official.json_faults(body) == []
        for resource in matches(body) if body["resourceType"] == "Bundle" else [body]:
            allowed = summary_elements(resource["resourceType"])
            assert {name.removeprefix("_") for name in resource} <= allowed
            whole = client.json(f"{search}/{resource['id']}")
            assert (allowed & whole.keys()) <= resource.keys()
            assert is_tagged(resource) == (resource != whole)
            assert not (is_tagged(resource) and "profile" in resource["meta"])


def test_nested_elements_are_those_of_the_summary_too(client: Client) -> None:
    whole = client.json("/ValueSet/laterality")
    part = client.json("/ValueSet/laterality?_summary=true")
    assert "compose" in whole
    assert "compose" not in part
    statement = client.json("/metadata?_summary=true")
    assert "resource" in statement["rest"][0]
    assert all("documentation" not in item for item in statement["rest"][0]["resource"])


@pytest.mark.parametrize(("search", "read"), PLACES)
def test_text_data_and_false(client: Client, search: str, read: str) -> None:
    whole = client.json(read)
    assert client.json(f"{read}?_summary=false") == whole
    assert client.json(f"{read}?_summary=data") == whole
    text = client.json(f"{read}?_summary=text")
    mandatory = {name for name, element in types()[whole["resourceType"]].items() if element.mandatory}
    assert set(text) <= {"resourceType", "id", "meta", "text", *mandatory}
    assert is_tagged(text)
    assert matches(client.json(f"{search}?_summary=count")) == []


def test_the_name_of_the_type_is_an_element_that_every_resource_keeps(client: Client) -> None:
    """As fhirpy asks: the elements wanted, and resourceType."""
    named = client.get("/Condition", params={"_elements": "bodySite,resourceType,id", "_count": "5"}).json()
    plain = client.get("/Condition", params={"_elements": "bodySite,id", "_count": "5"}).json()
    assert matches(named) == matches(plain) != []
    assert all("bodySite" in found and "onsetDateTime" not in found for found in matches(named))


def test_elements_are_those_that_were_asked_for_and_the_mandatory_ones(client: Client) -> None:
    for name in ("onset", "onset[x]"):
        found = client.get("/Condition", params={"_elements": f"{name},bodySite", "_count": "40"}).json()
        kinds = {key for resource in matches(found) for key in resource}
        assert {"resourceType", "id", "meta", "bodySite", "subject", "onsetDateTime", "onsetPeriod"} <= kinds
        assert kinds <= {
            *("resourceType", "id", "meta", "bodySite", "subject"),
            *("onsetDateTime", "_onsetDateTime", "onsetPeriod"),
        }
        assert all(is_tagged(resource) and model_faults(resource) == [] for resource in matches(found))


def test_links_keep_the_part_that_was_asked_for(client: Client) -> None:
    for wish in ("_summary=true", "_elements=code,subject"):
        first = client.json(f"/Condition?{wish}&_count=5")
        assert wish in str(link_of(first, "self"))
        following = client.follow(str(link_of(first, "next")))
        assert wish in str(link_of(following, "self"))
        assert all(is_tagged(resource) for resource in matches(following))


def test_what_the_registries_say_stays_whole(client: Client) -> None:
    whole = client.json("/Condition?recorded-date=ge2010&_count=2")
    part = client.json("/Condition?recorded-date=ge2010&_count=2&_summary=text")
    outcomes = [[e for e in page["entry"] if e["search"]["mode"] == "outcome"] for page in (whole, part)]
    assert outcomes[0] == outcomes[1] != []


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/Condition?_elements=onst", "_elements"),
        ("/Condition?_elements=code,", "_elements"),
        ("/Condition?_elements=code.coding", "_elements"),
        ("/Condition/de-two.c1?_elements=gender", "_elements"),
        ("/Condition?_summary=short", "_summary"),
        ("/Condition/de-two.c1?_summary=count", "_summary"),
        ("/Condition?_summary=true&_elements=code", "_elements"),
        ("/Condition?_summary=true&_summary=text", "_summary"),
        ("/metadata?_elements=code", "_elements"),
        ("/ValueSet?_elements=gender", "_elements"),
    ],
)
def test_a_part_that_cannot_be_had_is_refused_by_name(client: Client, path: str, name: str) -> None:
    for prefer in ("handling=strict", "handling=lenient"):
        refused: Any = client.get(path, headers={"prefer": prefer})
        assert refused.status_code == 400
        assert refused.json()["issue"][0]["location"] == [f"http.{name}"]

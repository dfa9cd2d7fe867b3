"""`_summary` and `_elements`: parts of resources, tagged as parts, on every read and search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from gateway.doors.fhir.search import build_elements
from gateway.doors.fhir.search.elements import JUDGED_ALONE, types
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


XS = "{http://www.w3.org/2001/XMLSchema}"
NOT_IN_SCHEMA = {("TimingRepeat", "dayOfWeek"), ("ParameterDefinition", "use")}
"""Codes of a required binding that the XML schema takes as any."""
OPEN = {"fhirVersion", "license", "language"}
"""Codes that the XML schema lists, and that no request brings or whose binding is not required."""


class Schema:
    """Elements of the official XML schema by type, in their order, with their types and codes."""

    def __init__(self, path: Path) -> None:
        self.types = {item.get("name"): item for item in etree.parse(str(path)).getroot() if item.get("name")}

    def elements(self, name: str) -> dict[str, str]:
        """Types of the elements of a type by their names."""
        extension = self.types[name].find(f"{XS}complexContent/{XS}extension")
        own = self.types[name] if extension is None else extension
        base = {} if extension is None else self.elements(str(extension.get("base")))
        return base | {str(item.get("name")): str(item.get("type")) for item in own.iter(f"{XS}element")}

    def codes(self, name: str) -> frozenset[str]:
        """Codes of a type; none where any may stand."""
        value = self.types[name].find(f".//{XS}attribute[@name='value']")
        kind = "" if value is None else str(value.get("type"))
        listed = self.types[kind].iter(f"{XS}enumeration") if kind.endswith("-list") else ()
        return frozenset(str(item.get("value")) for item in listed)


def test_the_table_of_elements_is_that_of_the_official_schema(shared_dir: Path) -> None:
    path = shared_dir / "specs" / "fhir-r4" / "fhir-single.xsd"
    if not path.is_file():
        pytest.skip("the FHIR R4 schemas are kept outside this repository and are not here")
    schema = Schema(path)
    waiting = [(name, name) for name in types() if name in schema.types]
    compared = set()
    while waiting:
        name, official_name = waiting.pop()
        if name in compared or name in JUDGED_ALONE:
            continue
        compared.add(name)
        official = schema.elements(official_name)
        own = {key: element for key, element in types()[name].items() if key in official}
        assert types()[name].keys() - own.keys() <= {"id", "url", "div"}, name
        places = [list(official).index(key) for key in own]
        ranks = [element.rank for element in own.values()]
        assert sorted(ranks) == ranks
        for place, (key, element) in zip(places, own.items(), strict=True):
            later = [each for each, other in zip(places, own.values(), strict=True) if other.rank > element.rank]
            assert all(place < each for each in later), (name, key)
            kind = official[key]
            if element.primitive and (codes := schema.codes(kind)):
                assert element.codes in (codes, frozenset()), (name, key)
                assert element.codes or key in OPEN or name == "OperationOutcomeIssue", (name, key)
            elif element.primitive:
                assert element.type == kind or kind == "SampledDataDataType", (name, key)
                assert not element.codes or (name, key) in NOT_IN_SCHEMA, (name, key)
            elif kind in schema.types and element.type != "Resource":
                waiting.append((element.type, kind))
    assert compared == types().keys() - JUDGED_ALONE


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

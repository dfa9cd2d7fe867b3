"""Systems, codes and versions that nobody meant: an answer of the operation or an OperationOutcome, never a fault."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.doors.fhir.client import Client, Json
from tests.doors.fhir.validation import OfficialSchemas

ICCC3 = "http://terminology.hl7.org/CodeSystem/iccc-3"
ICDO3 = "http://terminology.hl7.org/CodeSystem/icd-o-3"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SYSTEM = st.one_of(
    st.sampled_from(("' or 1=1 --", "a b", "", " ", "\x00", "|", "a|b", "#a", "urn:x", "http://x y", ICCC3, ICDO3)),
    st.tuples(st.sampled_from((ICCC3, ICDO3)), TEXT).map("".join),
    st.tuples(st.sampled_from((f"{ICCC3}?fhir_vs", f"{ICDO3}?fhir_vs=isa/", f"{ICCC3}|")), TEXT).map("".join),
    TEXT,
)
CODE = st.one_of(st.sampled_from(("*,1000000000", "IV(a)", "9500/3", "C74.9", "", " ", " I ", "I\n", "\x00")), TEXT)
OPERATIONS = {
    "/CodeSystem/$lookup": {"system": SYSTEM, "code": CODE, "version": CODE, "property": CODE, "displayLanguage": TEXT},
    "/CodeSystem/$validate-code": {
        "system": SYSTEM,
        "url": SYSTEM,
        "code": CODE,
        "version": CODE,
        "display": CODE,
        "displayLanguage": TEXT,
    },
    "/CodeSystem/$subsumes": {"system": SYSTEM, "codeA": CODE, "codeB": CODE, "version": CODE},
    "/ConceptMap/$translate": {
        "url": SYSTEM,
        "system": SYSTEM,
        "code": CODE,
        "version": CODE,
        "targetsystem": SYSTEM,
        "target": SYSTEM,
        "source": SYSTEM,
    },
    "/ValueSet/$expand": {
        "url": SYSTEM,
        "filter": CODE,
        "count": CODE,
        "offset": CODE,
        "valueSetVersion": CODE,
        "displayLanguage": TEXT,
        "system-version": SYSTEM,
        "exclude-system": SYSTEM,
        "property": CODE,
    },
    "/ValueSet/$validate-code": {
        "url": SYSTEM,
        "system": SYSTEM,
        "code": CODE,
        "systemVersion": CODE,
        "display": CODE,
        "valueSetVersion": CODE,
        "inferSystem": st.sampled_from(("true", "false", "x")),
        "system-version": SYSTEM,
    },
}


@st.composite
def askings(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    """An operation and some of its parameters."""
    path = draw(st.sampled_from(sorted(OPERATIONS)))
    return path, draw(st.fixed_dictionaries({}, optional=OPERATIONS[path]))


@settings(max_examples=300, deadline=None)
@given(askings(), st.booleans())
@example(("/CodeSystem/$validate-code", {"code": "*,1000000000", "system": "' or 1=1 --"}), True)
def test_no_system_code_or_version_breaks_an_operation(
    client: Client, official: OfficialSchemas, asking: tuple[str, dict[str, str]], as_xml: bool
) -> None:
    path, parameters = asking
    accept = "application/fhir+xml" if as_xml else "application/fhir+json"
    check(client.get(path, params=parameters, headers={"accept": accept}), official)


CODING = st.fixed_dictionaries({}, optional={"system": SYSTEM, "code": CODE, "version": CODE, "display": CODE})
POSTED = {
    "/CodeSystem/$lookup": ("coding",),
    "/CodeSystem/$validate-code": ("coding", "codeableConcept"),
    "/CodeSystem/$subsumes": ("codingA", "codingB"),
    "/ConceptMap/$translate": ("coding", "codeableConcept"),
    "/ValueSet/$validate-code": ("coding", "codeableConcept"),
}


@example("/CodeSystem/$validate-code", {}, {"system": "|", "version": "["}, "", True)
@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(POSTED)), CODING, CODING, SYSTEM, st.booleans())
def test_no_coding_breaks_an_operation(
    client: Client, official: OfficialSchemas, path: str, one: Json, other: Json, url: str, as_xml: bool
) -> None:
    concept = {"coding": [item for item in (one, other) if item]}
    parameters: list[Json] = [{"name": "url", "valueUri": url}]
    for name, coding in zip(POSTED[path], (one, other), strict=False):
        value = {"valueCodeableConcept": concept} if name == "codeableConcept" else {"valueCoding": coding}
        parameters.append({"name": name, **value})
    body = {"resourceType": "Parameters", "parameter": parameters}
    accept = "application/fhir+xml" if as_xml else "application/fhir+json"
    check(client.request("POST", path, json=body, headers={"accept": accept}), official)


def check(answer: httpx.Response, official: OfficialSchemas) -> None:
    """A resource of the operation or an OperationOutcome, valid by the official schemas."""
    assert answer.status_code < 500
    if "xml" in answer.headers["content-type"]:
        assert official.xml_faults(answer.content) == []
        return
    body: Json = answer.json()
    assert official.json_faults(body) == []
    assert body["resourceType"] in ({"OperationOutcome"} if answer.status_code >= 300 else {"Parameters", "ValueSet"})


@pytest.mark.parametrize(
    ("path", "parameters", "name"),
    [
        ("/CodeSystem/$validate-code", {"system": "' or 1=1 --", "code": "*"}, "system"),
        ("/CodeSystem/$validate-code", {"url": "a b", "code": "*"}, "url"),
        ("/CodeSystem/$lookup", {"system": ICCC3, "code": " I"}, "code"),
        ("/CodeSystem/$lookup", {"system": ICCC3, "code": "I  a"}, "code"),
        ("/CodeSystem/$subsumes", {"system": ICCC3, "codeA": "I", "codeB": "I\n"}, "codeB"),
        ("/ConceptMap/$translate", {"system": ICDO3, "code": "9500/3", "targetsystem": "a b"}, "targetsystem"),
        ("/ValueSet/$expand", {"url": f"{ICCC3}?fhir_vs= "}, "url"),
        ("/ValueSet/$expand", {"url": f"{ICCC3}?fhir_vs", "filter": "\x00"}, "filter"),
    ],
)
def test_a_value_that_its_type_cannot_hold_is_refused_by_name(
    client: Client, path: str, parameters: dict[str, str], name: str
) -> None:
    answer = client.get(path, params=parameters)
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["location"] == [f"http.{name}"]


def test_an_element_that_its_type_cannot_hold_is_refused_by_its_path(client: Client) -> None:
    coding = {"system": "a b", "code": "I"}
    body = {"resourceType": "Parameters", "parameter": [{"name": "coding", "valueCoding": coding}]}
    answer = client.request("POST", "/CodeSystem/$validate-code", json=body)
    assert answer.status_code == 400
    assert "valueCoding.system" in answer.json()["issue"][0]["location"][0]


def test_blanks_of_an_accept_language_header_are_not_repeated(client: Client, official: OfficialSchemas) -> None:
    answer = client.get(
        "/ValueSet/$expand", params={"url": f"{ICCC3}?fhir_vs"}, headers={"accept-language": "de,  en "}
    )
    noted = {item["name"]: item for item in answer.json()["expansion"]["parameter"]}
    assert noted["displayLanguage"]["valueCode"] == "de, en"
    assert official.json_faults(answer.json()) == []


def test_a_value_set_in_any_order_of_elements_is_repeated_in_that_of_the_specification(
    client: Client, official: OfficialSchemas
) -> None:
    include = {"concept": [{"display": "own words", "code": "IV(a)"}], "version": "2017", "system": ICCC3}
    brought = {"status": "active", "name": "Own", "url": "http://example.org/own", "resourceType": "ValueSet"}
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "valueSet", "resource": {"compose": {"include": [include]}, **brought}},
            {"name": "includeDefinition", "valueBoolean": True},
        ],
    }
    for accept in ("application/fhir+json", "application/fhir+xml"):
        answer = client.request("POST", "/ValueSet/$expand", json=body, headers={"accept": accept})
        assert answer.status_code == 200
        check(answer, official)

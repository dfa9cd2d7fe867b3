"""What a request brings along, by its types: taken where it is FHIR R4, refused by its path where it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from gateway.doors.fhir.search.elements import types
from gateway.doors.fhir.wire.xml import to_xml
from tests.doors.fhir.client import Client, Json
from tests.doors.fhir.validation import OfficialSchemas

JSON = "application/fhir+json"
XML = "application/fhir+xml"
OWN = "http://example.org/cs"
ICCC3 = "http://terminology.hl7.org/CodeSystem/iccc-3"
P = "Parameters.parameter"

CODING = {"userSelected": True, "display": "D", "code": "a", "version": "1", "system": OWN, "id": "x"}
"""A Coding, its elements in the wrong order."""


def code_system(**concept: Any) -> Json:
    return {
        "resourceType": "CodeSystem",
        "url": OWN,
        "status": "active",
        "content": "complete",
        "property": [{"code": "r", "type": "Coding"}],
        "concept": [{"code": "a", "display": "A", **concept}],
    }


def value_set(**more: Any) -> Json:
    own = {"resourceType": "ValueSet", "url": "http://example.org/vs", "status": "active"}
    whole = {**own, "compose": {"include": [{"system": ICCC3, "concept": [{"code": "IV(a)"}]}]}, **more}
    return {name: value for name, value in whole.items() if value is not None}


def in_order(value: Any, kind: str) -> Any:
    """A resource as XML has it: its elements in their order."""
    if isinstance(value, list):
        return [in_order(item, kind) for item in value]
    if not isinstance(value, dict):
        return value
    table = types().get(value.get("resourceType", kind), {})
    inner = {name: element.type for name, element in table.items()}
    names = sorted(value, key=lambda name: list(table).index(name.strip("_")) if name.strip("_") in table else -1)
    return {name: in_order(value[name], "Extension" if name[0] == "_" else inner.get(name, "")) for name in names}


def ask(client: Client, path: str, *parameters: Json, accept: str = JSON, kind: str = JSON) -> httpx.Response:
    body = {"resourceType": "Parameters", "parameter": list(parameters)}
    content = orjson.dumps(body) if kind == JSON else to_xml(in_order(body, ""))
    return client.request("POST", path, content=content, headers={"content-type": kind, "accept": accept})


def looked_up(client: Client, resource: Json, accept: str = JSON) -> httpx.Response:
    code = ({"name": "system", "valueUri": OWN}, {"name": "code", "valueCode": "a"})
    return ask(client, "/CodeSystem/$lookup", *code, {"name": "tx-resource", "resource": resource}, accept=accept)


def expanded(client: Client, resource: Json, *more: Json, accept: str = JSON, kind: str = JSON) -> httpx.Response:
    brought = {"name": "valueSet", "resource": resource}
    return ask(client, "/ValueSet/$expand", brought, *more, accept=accept, kind=kind)


def check_both(official: OfficialSchemas, answers: list[httpx.Response], status: int = 200) -> None:
    """An answer in JSON and one in XML, both valid."""
    for answer in answers:
        assert answer.status_code == status, answer.text
        if "xml" in answer.headers["content-type"]:
            assert official.xml_faults(answer.content) == []
        else:
            assert official.json_faults(answer.json()) == []


@pytest.mark.parametrize(
    "concept",
    [
        {"property": [{"valueCoding": CODING, "code": "r"}]},
        {"designation": [{"value": "Other", "use": CODING, "language": "en"}]},
        {
            "designation": [
                {"value": "Other", "extension": [{"valuePeriod": {"end": "2020", "start": "2019"}, "url": "u"}]}
            ]
        },
        {
            "extension": [
                {"valueIdentifier": {"value": "1", "type": {"text": "t", "coding": [CODING]}}, "url": "http://e"}
            ]
        },
    ],
)
def test_what_is_repeated_has_its_elements_in_the_order_of_its_type(
    client: Client, official: OfficialSchemas, concept: Json
) -> None:
    """The XML schema wants that order; JSON has none."""
    check_both(official, [looked_up(client, code_system(**concept), accept) for accept in (JSON, XML)])
    all_of_it = {**value_set(), "compose": {"include": [{"system": OWN}]}}
    more = (
        {"name": "tx-resource", "resource": dict(reversed(code_system(**concept).items()))},
        {"name": "includeDesignations", "valueBoolean": True},
        {"name": "property", "valueCode": "r"},
    )
    check_both(official, [expanded(client, all_of_it, *more, accept=accept) for accept in (JSON, XML)])


def extended(**value: Any) -> list[Json]:
    return [{"url": "http://example.org/e", **value}]


BAD_VALUES: list[tuple[str, Json]] = [
    ("meta.lastUpdated", {"meta": {"lastUpdated": "foo"}}),
    ("meta.versionId", {"meta": {"versionId": "a b!!"}}),
    ("meta.profile[0]", {"meta": {"profile": ["a b"]}}),
    ("implicitRules", {"implicitRules": "a b"}),
    ("language", {"language": " de"}),
    ("status", {"status": "foo"}),
    ("date", {"date": "foo"}),
    ("date", {"date": "2020-02-30"}),
    ("date", {"date": "2020-01-01T10:00:00"}),
    ("version", {"version": "a b"}),
    ("identifier[0].use", {"identifier": [{"use": "foo"}]}),
    ("contact[0].telecom[0].rank", {"contact": [{"telecom": [{"rank": 0}]}]}),
    ("_name.extension[0].valueDate", {"name": "N", "_name": {"extension": extended(valueDate="foo")}}),
    ("_name.extension[0].valuePositiveInt", {"name": "N", "_name": {"extension": extended(valuePositiveInt=-1)}}),
    ("extension[0].url", {"extension": [{"url": "a b", "valueCode": "x"}]}),
    ("extension[0]", {"extension": [{"valueCode": "x"}]}),
    ("extension[0].valueUnsignedInt", {"extension": extended(valueUnsignedInt=-5)}),
    ("extension[0].valuePositiveInt", {"extension": extended(valuePositiveInt=2**31)}),
    ("extension[0].valueInstant", {"extension": extended(valueInstant="x")}),
    ("extension[0].valueInstant", {"extension": extended(valueInstant="2020-01-01")}),
    ("extension[0].valueBase64Binary", {"extension": extended(valueBase64Binary="!!")}),
    ("extension[0].valueBase64Binary", {"extension": extended(valueBase64Binary="AAA")}),
    ("extension[0].valueBase64Binary", {"extension": extended(valueBase64Binary=" ")}),
    ("extension[0].valueId", {"extension": extended(valueId="a_b")}),
    ("extension[0].valueOid", {"extension": extended(valueOid="1.2.3")}),
    ("extension[0].valueTime", {"extension": extended(valueTime="25:00:00")}),
    ("extension[0].valueUuid", {"extension": extended(valueUuid="urn:uuid:x")}),
    ("extension[0].valueUrl", {"extension": extended(valueUrl="http://[")}),
    ("extension[0].valueCode", {"extension": extended(valueCode="a  b")}),
    ("extension[0].valueCode", {"extension": extended(valueCode="a\u00a0b")}),
    ("extension[0].valueCode", {"extension": extended(valueCode="\ufeff")}),
    ("extension[0].valuePeriod.start", {"extension": extended(valuePeriod={"start": "yesterday"})}),
    ("extension[0].valueQuantity.comparator", {"extension": extended(valueQuantity={"comparator": "=="})}),
    ("compose.inactive", {"compose": {"inactive": "yes"}}),
    ("", {"status": None}),
    ("compose", {"compose": {"inactive": True}}),
    ("compose.include[0].concept[0]", {"compose": {"include": [{"concept": [{"display": "x"}]}]}}),
    ("compose.include[0].filter[0]", {"compose": {"include": [{"filter": [{"property": "p", "op": "="}]}]}}),
    ("useContext[0]", {"useContext": [{"code": {"code": "x"}}]}),
    ("text", {"text": {"status": "generated"}}),
    ("extension[0].valueAnnotation", {"extension": extended(valueAnnotation={"authorString": "x"})}),
    ("compose.lockedDate", {"compose": {"lockedDate": "x"}}),
    ("compose.include[0].filter[0].op", {"compose": {"include": [{"filter": [{"op": "foo"}]}]}}),
    ("compose.include[0].valueSet[0]", {"compose": {"include": [{"valueSet": ["a b"]}]}}),
    (
        "compose.include[0].valueSet[0]",
        {"compose": {"include": [{"valueSet": [None], "_valueSet": [{"extension": extended(valueCode="x")}]}]}},
    ),
]


@pytest.mark.parametrize("kind", [JSON, XML])
@pytest.mark.parametrize(("where", "more"), BAD_VALUES, ids=[str(number) for number in range(len(BAD_VALUES))])
def test_a_value_that_its_type_does_not_have_is_refused_by_its_path(
    client: Client, official: OfficialSchemas, where: str, more: Json, kind: str
) -> None:
    answer = expanded(client, value_set(**more), kind=kind)
    assert answer.status_code == 400, answer.text
    assert official.json_faults(answer.json()) == []
    place = f"{P}[0].resource.{where}".removesuffix(".")
    # XML writes ids and extensions of a primitive into its element.
    assert answer.json()["issue"][0]["expression"] == [place.replace("_name.", "name.") if kind == XML else place]


@pytest.mark.parametrize(
    ("where", "resource"),
    [
        ("content", {**code_system(), "content": "foo"}),
        ("count", {**code_system(), "count": -1}),
        ("hierarchyMeaning", {**code_system(), "hierarchyMeaning": "foo"}),
        ("property[0].type", {**code_system(), "property": [{"code": "p", "type": "foo"}]}),
        ("property[0]", {**code_system(), "property": [{"type": "code"}]}),
        ("concept[0].property[0].valueDateTime", code_system(property=[{"code": "r", "valueDateTime": "foo"}])),
        ("concept[0].property[0]", code_system(property=[{"valueCode": "x"}])),
        ("concept[0].designation[0]", code_system(designation=[{"language": "de"}])),
        ("concept[0].concept[0]", code_system(concept=[{"display": "x"}])),
    ],
)
def test_a_code_system_with_a_value_that_its_type_does_not_have_is_refused_by_its_path(
    client: Client, where: str, resource: Json
) -> None:
    answer = looked_up(client, resource)
    assert answer.status_code == 400, answer.text
    assert answer.json()["issue"][0]["expression"] == [f"{P}[2].resource.{where}"]


GOOD: list[Json] = [
    {"identifier": [{"use": "official", "value": "1"}]},
    {"useContext": [{"code": {"system": "http://s", "code": "a"}, "valueCodeableConcept": {"text": "x"}}]},
    {"extension": extended(valueIdentifier={"use": "usual", "system": "urn:oid:1.2", "value": "1"})},
    {"extension": extended(valueContactPoint={"system": "phone", "use": "home", "value": "1"})},
    {"extension": extended(valueUsageContext={"code": {"code": "a"}, "valueRange": {"low": {"value": 1}}})},
    {"extension": extended(valueDataRequirement={"type": "Patient", "codeFilter": [{"path": "code"}]})},
    {"extension": extended(valueDateTime="2020-02-29T10:00:00.5+14:00")},
    {"extension": extended(valueBase64Binary="QUJD\nRA==")},
    {"extension": extended(valueTime="23:59:59.9")},
    {"extension": extended(valueOid="urn:oid:2.16.840")},
    {"extension": extended(valueUuid="urn:uuid:c757873d-ec9a-4326-a141-556f43239520")},
    {"contained": [{"resourceType": "Observation", "status": "final", "code": {"text": "x"}}]},
    {"contained": [{"resourceType": "Medication", "code": {"text": "x"}, "form": {"text": "y"}}]},
    {"text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">a\u00a0b\u2003\u0085</div>'}},
    {"title": "A\u00a0B", "description": "one\u2028two\u3000three\u202f", "copyright": "\u00a9\u00a02020\ufeff\u0092"},
    {"compose": {"include": [{"system": ICCC3, "concept": [{"code": "IV(a)", "display": "own\u00a0words"}]}]}},
    {"publisher": "z\u200bero\u180ewidth"},
]


@pytest.mark.parametrize("kind", [JSON, XML])
@pytest.mark.parametrize("more", GOOD, ids=[str(number) for number in range(len(GOOD))])
def test_what_r4_has_is_taken_and_repeated_as_a_valid_resource(
    client: Client, official: OfficialSchemas, more: Json, kind: str
) -> None:
    definition = {"name": "includeDefinition", "valueBoolean": True}
    answers = [expanded(client, value_set(**more), definition, accept=accept, kind=kind) for accept in (JSON, XML)]
    check_both(official, answers)


@pytest.mark.parametrize("kind", [JSON, XML])
def test_a_tx_resource_may_lack_what_clients_leave_out(client: Client, kind: str) -> None:
    system = {name: value for name, value in code_system().items() if name != "status"}
    lookup = ({"name": "system", "valueUri": OWN}, {"name": "code", "valueCode": "a"})
    for resource, status in ((system, 200), ({**system, "content": None}, 400)):
        given = {name: value for name, value in resource.items() if value is not None}
        answer = ask(client, "/CodeSystem/$lookup", *lookup, {"name": "tx-resource", "resource": given}, kind=kind)
        assert answer.status_code == status, answer.text


@pytest.mark.parametrize("kind", [JSON, XML])
def test_an_operator_of_later_versions_is_taken_in_a_tx_resource(
    client: Client, official: OfficialSchemas, kind: str
) -> None:
    """It is said as R4 says it, by an extension."""
    include = {"system": OWN, "filter": [{"property": "concept", "op": "child-of", "value": "a"}]}
    asked = value_set(compose={"include": [include]})
    system = code_system(concept=[{"code": "b", "concept": [{"code": "c"}]}])
    parameters = (
        {"name": "url", "valueUri": asked["url"]},
        {"name": "tx-resource", "resource": asked},
        {"name": "tx-resource", "resource": system},
        {"name": "includeDefinition", "valueBoolean": True},
    )
    answers = [ask(client, "/ValueSet/$expand", *parameters, accept=accept, kind=kind) for accept in (JSON, XML)]
    check_both(official, answers)
    assert [item["code"] for item in answers[0].json()["expansion"]["contains"]] == ["b"]


def test_odd_blanks_are_plain_ones_in_an_answer(client: Client) -> None:
    answer = expanded(client, value_set(title="A\u00a0B\ufeffC\u0092"))
    assert answer.json()["title"] == "A B C\ufffd"
    validated = ask(
        client,
        "/CodeSystem/$validate-code",
        {"name": "url", "valueUri": OWN},
        {"name": "coding", "valueCoding": {"system": OWN, "code": "a", "display": "A\u00a0B"}},
        {"name": "tx-resource", "resource": code_system(display="A\u2002B")},
    )
    assert validated.json()["parameter"][0]["valueBoolean"] is True


WRONG_TYPES: list[tuple[str, str, Json]] = [
    ("/CodeSystem/$lookup", "valueBoolean", {"name": "code", "valueBoolean": True}),
    ("/CodeSystem/$lookup", "valueInteger", {"name": "code", "valueInteger": 1}),
    ("/CodeSystem/$lookup", "valueCoding", {"name": "code", "valueCoding": {"code": "a"}}),
    ("/CodeSystem/$lookup", "valueCode", {"name": "coding", "valueCode": "a"}),
    ("/CodeSystem/$lookup", "resource", {"name": "code", "resource": {"resourceType": "Basic"}}),
    ("/CodeSystem/$lookup", "part", {"name": "code", "part": [{"name": "x"}]}),
    ("/CodeSystem/$lookup", "valueUri", {"name": "tx-resource", "valueUri": "http://x"}),
    ("/CodeSystem/$lookup", "valueDecimal", {"name": "property", "valueDecimal": 1.5}),
    ("/CodeSystem/$validate-code", "valueCoding", {"name": "codeableConcept", "valueCoding": {"code": "a"}}),
    ("/CodeSystem/$validate-code", "valueString", {"name": "abstract", "valueString": "true"}),
    ("/CodeSystem/$subsumes", "valueString", {"name": "codingA", "valueString": "a"}),
    ("/ValueSet/$expand", "valueString", {"name": "count", "valueString": "1"}),
    ("/ValueSet/$expand", "valueBoolean", {"name": "filter", "valueBoolean": False}),
    ("/ValueSet/$expand", "resource", {"name": "valueSet", "resource": {"resourceType": "Basic"}}),
    ("/ConceptMap/$translate", "valueBoolean", {"name": "sourceCode", "valueBoolean": True}),
    ("/ConceptMap/$translate", "valueCode", {"name": "dependency", "valueCode": "a"}),
    ("/ConceptMap/$translate", "valueCode", {"name": "reverse", "valueCode": "true"}),
]


@pytest.mark.parametrize(("path", "key", "parameter"), WRONG_TYPES)
def test_a_parameter_of_another_type_is_refused_by_its_value(
    client: Client, path: str, key: str, parameter: Json
) -> None:
    answer = ask(client, path, {"name": "displayLanguage", "valueCode": "en"}, parameter)
    assert answer.status_code == 400, answer.text
    assert answer.json()["issue"][0]["expression"] == [f"{P}[1].{key}"]


@pytest.mark.parametrize(("system", "code"), [("valueString", "valueString"), ("valueUrl", "valueId")])
def test_types_that_are_texts_are_taken_for_each_other(client: Client, system: str, code: str) -> None:
    code_of = {"valueId": "IVa", "valueString": "IV(a)"}[code]
    answer = ask(client, "/CodeSystem/$lookup", {"name": "system", system: ICCC3}, {"name": "code", code: code_of})
    assert answer.status_code == 200, answer.text
    whole = ask(
        client,
        "/ValueSet/$expand",
        {"name": "url", "valueUri": f"{ICCC3}?fhir_vs"},
        {"name": "count", "valueUnsignedInt": 1},
    )
    assert len(whole.json()["expansion"]["contains"]) == 1


def test_a_parameter_without_name_is_told_by_its_path(client: Client) -> None:
    for path in ("/CodeSystem/$lookup", "/Measure/cases/$evaluate-measure"):
        answer = ask(client, path, {"name": "code", "valueCode": "a"}, {"valueCode": "b"})
        assert answer.status_code == 400
        assert answer.json()["issue"][0]["expression"] == [f"{P}[1]"]


SIGNS = (
    "\ufeff",
    "\u180e",
    "\u200b",
    "\u2028",
    "\u2029",
    "\u3000",
    "\u0085",
    "\u00a0",
    "\u1680",
    "\u2060",
    "\u009f",
    "\u00ad",
)


@pytest.mark.parametrize("sign", SIGNS)
def test_no_sign_of_a_parameter_makes_an_answer_invalid(client: Client, official: OfficialSchemas, sign: str) -> None:
    """Blanks and marks that the patterns of the official schemas tell apart otherwise than Python does."""
    for accept in (JSON, XML):
        for path, parameters in (
            ("/Condition", {"_source": sign}),
            ("/ValueSet/$expand", {"url": f"{ICCC3}?fhir_vs", "filter": sign}),
            ("/CodeSystem/$lookup", {"system": ICCC3, "code": f"I{sign}"}),
            ("/CodeSystem/$lookup", {"system": f"{ICCC3}{sign}", "code": "I"}),
            ("/CodeSystem/$validate-code", {"url": ICCC3, "code": "IV(a)", "display": f"a{sign}b"}),
            ("/CodeSystem/$lookup", {"system": ICCC3, "code": "IV(a)", f"x{sign}": sign}),
        ):
            answer = client.get(path, params=parameters, headers={"accept": accept})
            assert answer.status_code < 500
            if accept == XML:
                assert official.xml_faults(answer.content) == []
            else:
                assert official.json_faults(answer.json()) == []
        lenient = {"accept": accept, "prefer": "handling=lenient"}
        answer = client.get("/Condition", params={f"un{sign}known": sign}, headers=lenient)
        assert answer.status_code == 200
        assert (official.xml_faults(answer.content) if accept == XML else official.json_faults(answer.json())) == []


LONG = "http://example.org/" + "a" * 100_000


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/CodeSystem/$lookup", [{"name": "system", "valueUri": LONG}, {"name": "code", "valueCode": "a"}]),
        ("/CodeSystem/$lookup", [{"name": "system", "valueUri": ICCC3}, {"name": "code", "valueCode": LONG}]),
        ("/CodeSystem/$lookup", [{"name": LONG, "valueCode": "a"}]),
        ("/CodeSystem/$lookup", [{"name": f"Parameters.{'a' * 100_000}", "valueCode": "a"}]),
        ("/CodeSystem/$validate-code", [{"name": "url", "valueUri": LONG}, {"name": "code", "valueCode": "a"}]),
        ("/ValueSet/$expand", [{"name": "url", "valueUri": LONG}]),
        ("/Measure/cases/$evaluate-measure", [{"name": f"Parameters.{'a' * 100_000}", "valueCode": "a"}]),
    ],
)
def test_no_text_of_an_outcome_is_as_long_as_the_request(
    client: Client, official: OfficialSchemas, path: str, parameters: list[Json]
) -> None:
    answer = ask(client, path, *parameters)
    body = answer.json()
    assert official.json_faults(body) == []
    told = [item.get("valueString", "") for item in body.get("parameter", [])] + [
        text
        for issue in body.get("issue", [])
        for text in (issue["details"]["text"], issue.get("diagnostics", ""), *issue["location"])
    ]
    assert told
    assert max(map(len, told)) < 5000


@pytest.mark.samples
def test_the_value_sets_of_the_outside_suite_are_taken(client: Client, shared_dir: Path) -> None:
    for path in sorted((shared_dir / "suites" / "fhir-tx" / "tests").rglob("valueset-*.json")):
        resource = orjson.loads(path.read_bytes())
        answer = ask(
            client,
            "/CodeSystem/$lookup",
            {"name": "system", "valueUri": ICCC3},
            {"name": "code", "valueCode": "IV(a)"},
            {"name": "tx-resource", "resource": resource},
        )
        assert answer.status_code == 200, (path.name, answer.text)

"""Bodies in JSON and XML: the same resource either way; what cannot be read is refused with its place."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest
from lxml import etree

from gateway.doors.fhir.definitions import conformance_resources
from gateway.doors.fhir.wire.from_json import from_json
from gateway.doors.fhir.wire.from_xml import from_xml
from gateway.doors.fhir.wire.xml import to_xml
from gateway.errors import BadQuestion
from tests.doors.fhir.client import Client, Json
from tests.doors.fhir.validation import OfficialSchemas, model_of

HEAD = "<Parameters xmlns='http://hl7.org/fhir'>"
XML = {"content-type": "application/fhir+xml"}
JSON = {"content-type": "application/fhir+json"}
ICCC = "http://terminology.hl7.org/CodeSystem/iccc-3"


@pytest.mark.parametrize(
    "path",
    ["/Condition?_count=60", "/Patient?_count=60", "/metadata", "/StructureDefinition", "/ValueSet?_summary=true"],
)
def test_what_this_door_writes_as_xml_it_reads_as_the_same_json(client: Client, path: str) -> None:
    json = client.json(path)
    xml = client.get(path, headers={"accept": "application/fhir+xml"})
    assert from_xml(xml.content) == json


@pytest.mark.parametrize("key", sorted(conformance_resources()))
def test_the_models_of_fhir_resources_read_the_same(key: tuple[str, str]) -> None:
    resource = conformance_resources()[key]
    document = to_xml(resource)
    assert from_xml(document) == resource
    if key[0] != "StructureDefinition":  # there the models lose the ids of elements
        assert model_of(key[0]).model_validate_xml(document) == model_of(key[0]).model_validate(from_xml(document))


def test_primitives_lists_and_nested_resources_have_their_types() -> None:
    text = f"""{HEAD}
      <parameter><name value="a"/><valueBoolean value="true"/></parameter>
      <parameter><name value="b"/><valueDecimal value="1.5"/></parameter>
      <parameter><name value="c"/><valueInteger value="-3"/></parameter>
      <parameter><name value="d"/><resource><Patient><id value="p"/>
      <contained><Organization><name value="o"/></Organization></contained><name>
        <given value="x"/><given id="g"><extension url="http://e"><valueString value="1"/></extension></given>
      </name><birthDate value="2015-02"><extension url="http://f"><valueCode value="z"/></extension></birthDate>
      </Patient></resource></parameter>
    </Parameters>"""
    found = from_xml(text.encode())
    assert [list(part.values())[1] for part in found["parameter"][:3]] == [True, 1.5, -3]
    patient = found["parameter"][3]["resource"]
    assert patient["name"] == [
        {
            "given": ["x", None],
            "_given": [None, {"id": "g", "extension": [{"url": "http://e", "valueString": "1"}]}],
        }
    ]
    assert patient["birthDate"] == "2015-02"
    assert patient["_birthDate"] == {"extension": [{"url": "http://f", "valueCode": "z"}]}
    assert patient["contained"] == [{"resourceType": "Organization", "name": "o"}]


NESTED_XML = "<part><name value='x'/>" * 100 + "</part>" * 100
BOMB = (
    "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>"
    + "".join(f"<!ENTITY a{n} '{('&a' + (str(n - 1) if n else '') + ';') * 10}'>" for n in range(9))
    + f"]>{HEAD}<parameter><name value='&a8;'/></parameter></Parameters>"
)
BROKEN_XML = [
    ("", "body:1"),
    ("<", "body:1"),
    ("hello", "body:1"),
    (f"{HEAD}\n\n<parameter></Parameters>", "body:3"),
    ("<Parameters/>", "body:1"),
    ("<Nothing xmlns='http://hl7.org/fhir'/>", "body:1"),
    (f"{HEAD}\n<wrong value='1'/></Parameters>", "Parameters.wrong"),
    (f"{HEAD}<parameter><name value='a'/><name value='b'/></parameter></Parameters>", "Parameters.parameter[0].name"),
    (f"{HEAD}<parameter><valueBoolean value='yes'/></parameter></Parameters>", "Parameters.parameter[0].valueBoolean"),
    (f"{HEAD}<parameter><valueInteger value='١'/></parameter></Parameters>", "Parameters.parameter[0].valueInteger"),
    (f"{HEAD}<parameter><valueDecimal value='NaN'/></parameter></Parameters>", "Parameters.parameter[0].valueDecimal"),
    (f"{HEAD}<parameter><name/></parameter></Parameters>", "Parameters.parameter[0].name"),
    (f"{HEAD}<parameter x='1'/></Parameters>", "Parameters.parameter[0]"),
    (f"{HEAD}<parameter>text</parameter></Parameters>", "Parameters.parameter[0]"),
    (f"{HEAD}<parameter><resource/></parameter></Parameters>", "Parameters.parameter[0].resource"),
    (f"{HEAD}<parameter><name value='a'/>{NESTED_XML}</parameter></Parameters>", "body:1"),
    (f"<!DOCTYPE Parameters SYSTEM 'file:///etc/passwd'>{HEAD}</Parameters>", "body:1"),
    (f"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>{HEAD}&x;</Parameters>", "body:1"),
    (BOMB, "body:1"),
    (f"{HEAD}&unknown;</Parameters>", "body:1"),
]


@pytest.mark.parametrize(("text", "where"), BROKEN_XML, ids=[str(number) for number in range(len(BROKEN_XML))])
def test_xml_that_cannot_be_read_is_refused_with_its_place(text: str, where: str) -> None:
    with pytest.raises(BadQuestion) as raised:
        from_xml(text.encode())
    found = raised.value.where or ""
    assert found == where or (where.startswith("body:") and found.startswith(f"{where}:"))
    assert "passwd" not in str(raised.value)


def test_xml_in_another_encoding_is_refused() -> None:
    for encoding in ("utf-16", "latin-1"):
        with pytest.raises(BadQuestion):
            from_xml(f"{HEAD}<parameter><name value='é'/></parameter></Parameters>".encode(encoding))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("{", "body:1:2"),
        ('{\n"a": }', "body:2:6"),
        ("[]", "body"),
        ("1", "body"),
        ("{'a': 1}", "body:1:2"),
        ('{"a": NaN}', "body:1:7"),
        ('{"a":' * 100 + "1" + "}" * 100, "body"),
        ('{"a":[' * 100 + "1" + "]}" * 100, "body"),
        ("[" * 5000 + "]" * 5000, None),
    ],
)
def test_json_that_cannot_be_read_is_refused_with_its_place(text: str, where: str | None) -> None:
    with pytest.raises(BadQuestion) as raised:
        from_json(text.encode())
    assert where is None or raised.value.where == where


@pytest.mark.parametrize("accept", ["application/fhir+json", "application/fhir+xml"])
def test_operations_take_parameters_as_xml(client: Client, accept: str) -> None:
    json = {
        "resourceType": "Parameters",
        "parameter": [{"name": "coding", "valueCoding": {"system": ICCC, "code": "IV(a)"}}],
    }
    for path in ("/CodeSystem/$lookup", "/CodeSystem/$validate-code"):
        by_json = client.request("POST", path, json=json, headers={"accept": accept, **JSON})
        by_xml = client.request("POST", path, content=to_xml(json), headers={"accept": accept, **XML})
        assert by_json.status_code == by_xml.status_code == 200
        assert by_json.content == by_xml.content


def test_a_code_system_that_is_brought_along_as_xml_is_read_like_json(client: Client) -> None:
    system = {
        "resourceType": "CodeSystem",
        "url": "http://example.org/cs",
        "status": "active",
        "content": "complete",
        "concept": [{"code": "a", "display": "A", "concept": [{"code": "b", "display": "B"}]}],
    }
    parameters = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "url", "valueUri": "http://example.org/cs?fhir_vs"},
            {"name": "tx-resource", "resource": system},
        ],
    }
    found = client.request("POST", "/ValueSet/$expand", content=to_xml(parameters), headers=XML)
    assert found.status_code == 200, found.text
    assert "b" in [
        inner["code"] for item in found.json()["expansion"]["contains"] for inner in item.get("contains", [item])
    ]


@pytest.mark.parametrize("accept", ["application/fhir+json", "application/fhir+xml"])
def test_a_bad_body_is_answered_by_an_outcome_in_the_asked_format(client: Client, accept: str) -> None:
    cases = [
        ("application/fhir+json", "{", 400),
        ("application/fhir+xml", "<", 400),
        ("application/fhir+xml", BOMB, 400),
        ("application/fhir+json", '{"resourceType":"Patient"}', 400),
        ("application/fhir+xml", "<Patient xmlns='http://hl7.org/fhir'/>", 400),
        ("application/fhir+xml", f"{HEAD}<parameter><name value='a'/>{NESTED_XML}</parameter></Parameters>", 400),
        ("application/fhir+json", " " * 10_000_000, 413),
        ("text/turtle", "a b c.", 415),
        ("multipart/form-data; boundary=x", "--x--", 415),
        ("", "{}", 415),
    ]
    for media_type, text, status in cases:
        answer = client.request(
            "POST", "/CodeSystem/$lookup", content=text, headers={"content-type": media_type, "accept": accept}
        )
        assert answer.status_code == status, text[:40]
        assert answer.headers["content-type"].startswith(accept)
        if accept.endswith("xml"):
            assert etree.fromstring(answer.content).tag == "{http://hl7.org/fhir}OperationOutcome"
        else:
            assert answer.json()["resourceType"] == "OperationOutcome"
            assert answer.json()["issue"][0]["location"]


def test_a_value_set_that_is_another_resource_is_refused(client: Client) -> None:
    """Found by fuzzing: it was answered as an expansion of type CodeSystem."""
    brought = {"resourceType": "CodeSystem", "url": "u", "status": "active", "content": "complete"}
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": brought}]}
    refused = client.request("POST", "/ValueSet/$expand", json=parameters, headers=JSON)
    assert refused.status_code == 400
    assert refused.json()["issue"][0]["location"] == ["Parameters.parameter[0].resource"]


P = "Parameters.parameter"
DEEP = '{"name": "x", "part": [' * 100 + '{"name": "y"}' + "]}" * 100
WRONG_JSON = [
    ('{"wrong": 1}', "Parameters.wrong"),
    ('{"a b": 1}', "Parameters"),
    ('{"parameter": {"name": "a"}}', P),
    ('{"parameter": []}', P),
    ('{"parameter": null}', P),
    ('{"parameter": [null]}', f"{P}[0]"),
    ('{"parameter": ["a"]}', f"{P}[0]"),
    ('{"parameter": [{}]}', f"{P}[0]"),
    ('{"parameter": [{"name": null}]}', f"{P}[0].name"),
    ('{"parameter": [{"name": ""}]}', f"{P}[0].name"),
    ('{"parameter": [{"name": 1}]}', f"{P}[0].name"),
    ('{"parameter": [{"name": ["a"]}]}', f"{P}[0].name"),
    ('{"parameter": [{"name": {}}]}', f"{P}[0].name"),
    ('{"parameter": [{"name": "a\\u0000"}]}', f"{P}[0].name"),
    ('{"parameter": [{"name": "a"}, {"name": "b", "colour": "red"}]}', f"{P}[1].colour"),
    ('{"parameter": [{"name": "a", "valueBoolean": "true"}]}', f"{P}[0].valueBoolean"),
    ('{"parameter": [{"name": "a", "valueBoolean": 1}]}', f"{P}[0].valueBoolean"),
    ('{"parameter": [{"name": "a", "valueInteger": true}]}', f"{P}[0].valueInteger"),
    ('{"parameter": [{"name": "a", "valueInteger": 1.0}]}', f"{P}[0].valueInteger"),
    ('{"parameter": [{"name": "a", "valueInteger": 2147483648}]}', f"{P}[0].valueInteger"),
    ('{"parameter": [{"name": "a", "valueDecimal": "1.5"}]}', f"{P}[0].valueDecimal"),
    ('{"parameter": [{"name": "a", "valueDecimal": 1e300}]}', f"{P}[0].valueDecimal"),
    (
        '{"parameter": [{"name": "a", "resource": {"resourceType": "Patient", "name": '
        '[{"given": ["x"], "_given": [null]}]}}]}',
        "_given",
    ),
    ('{"parameter": [{"name": "a", "valueString": true}]}', f"{P}[0].valueString"),
    ('{"parameter": [{"name": "a", "valueCoding": "x|y"}]}', f"{P}[0].valueCoding"),
    ('{"parameter": [{"name": "a", "valueCoding": [{"code": "x"}]}]}', f"{P}[0].valueCoding"),
    ('{"parameter": [{"name": "a", "valueCoding": {}}]}', f"{P}[0].valueCoding"),
    ('{"parameter": [{"name": "a", "valueString": "x", "valueCode": "y"}]}', f"{P}[0]"),
    ('{"parameter": [{"name": "a", "_name": {}}]}', f"{P}[0]._name"),
    ('{"parameter": [{"name": "a", "_name": "x"}]}', f"{P}[0]._name"),
    ('{"parameter": [{"name": "a", "_name": {"id": 1}}]}', f"{P}[0]._name.id"),
    ('{"parameter": [{"name": "a", "_name": {"value": 1}}]}', f"{P}[0]._name.value"),
    ('{"parameter": [{"name": "a", "_part": {"id": "x"}}]}', f"{P}[0]._part"),
    ('{"parameter": [{"name": "a", "_id": {"id": "x"}}]}', f"{P}[0]._id"),
    ('{"parameter": [{"name": "a", "resource": {"id": "x"}}]}', f"{P}[0].resource"),
    ('{"parameter": [{"name": "a", "resource": {"resourceType": "Nothing"}}]}', f"{P}[0].resource"),
    ('{"parameter": [{"name": "a", "resource": {"resourceType": 1}}]}', f"{P}[0].resource"),
    (
        '{"parameter": [{"name": "a", "resource": {"resourceType": "Patient", "contained": [{}]}}]}',
        f"{P}[0].resource.contained[0]",
    ),
    (
        '{"parameter": [{"name": "a", "resource": {"resourceType": "Patient", "gender": {"value": "male"}}}]}',
        f"{P}[0].resource.gender",
    ),
    (f'{{"parameter": [{DEEP}]}}', f"{P}[0]" + ".part[0]" * 64),
    (
        '{"parameter": [{"name": "a", "resource": {"resourceType": "Patient", "name": [{"given": [null]}]}}]}',
        "given[0]",
    ),
    (
        '{"parameter": [{"name": "a", "resource": {"resourceType": "Patient", "name": '
        '[{"given": ["x", null], "_given": [{"id": "i"}]}]}}]}',
        "given[1]",
    ),
    (
        '{"parameter": [{"name": "a", "resource": {"resourceType": "Patient", "name": '
        '[{"given": ["x", null], "_given": [null, null]}]}}]}',
        "given[1]",
    ),
]


@pytest.mark.parametrize("accept", ["application/fhir+json", "application/fhir+xml"])
@pytest.mark.parametrize(("text", "where"), WRONG_JSON, ids=[str(number) for number in range(len(WRONG_JSON))])
def test_json_that_is_not_what_its_type_has_is_refused_with_its_path(
    client: Client, official: OfficialSchemas, accept: str, text: str, where: str
) -> None:
    body = f'{{"resourceType": "Parameters", {text[1:]}'
    answer = client.request("POST", "/CodeSystem/$lookup", content=body, headers={**JSON, "accept": accept})
    assert answer.status_code == 400, answer.text
    if accept.endswith("xml"):
        assert official.xml_faults(answer.content) == []
        return
    assert official.json_faults(answer.json()) == []
    issue = answer.json()["issue"][0]
    assert issue["code"] == "invalid"
    if where.startswith("Parameters."):
        assert issue["location"] == issue["expression"] == [where]
    else:
        assert issue["location"][0].endswith(where)


SAME_FAULTS = [
    ('"wrong": 1', "<wrong value='1'/>"),
    ('"parameter": [{}]', "<parameter/>"),
    ('"parameter": [{"name": ""}]', "<parameter><name value=''/></parameter>"),
    (
        '"parameter": [{"name": "a", "valueBoolean": "yes"}]',
        "<parameter><name value='a'/><valueBoolean value='yes'/></parameter>",
    ),
    (
        '"parameter": [{"name": "a", "valueInteger": 2147483648}]',
        "<parameter><name value='a'/><valueInteger value='2147483648'/></parameter>",
    ),
    (
        '"parameter": [{"name": "a", "valueCoding": {}}]',
        "<parameter><name value='a'/><valueCoding/></parameter>",
    ),
    (
        '"parameter": [{"name": "a", "valueCode": "x", "valueUri": "y"}]',
        "<parameter><name value='a'/><valueCode value='x'/><valueUri value='y'/></parameter>",
    ),
    (
        '"parameter": [{"name": "a", "resource": {"resourceType": "Nothing"}}]',
        "<parameter><name value='a'/><resource><Nothing/></resource></parameter>",
    ),
    (
        '"parameter": [{"name": "a", "part": [{"name": "b", "colour": "red"}]}]',
        "<parameter><name value='a'/><part><name value='b'/><colour value='red'/></part></parameter>",
    ),
]


@pytest.mark.parametrize(("json", "xml"), SAME_FAULTS, ids=[str(number) for number in range(len(SAME_FAULTS))])
def test_the_same_fault_is_refused_alike_in_both_formats(client: Client, json: str, xml: str) -> None:
    bodies = ((JSON, f'{{"resourceType": "Parameters", {json}}}'), (XML, f"{HEAD}{xml}</Parameters>"))
    answers = [client.request("POST", "/CodeSystem/$lookup", content=body, headers=kind) for kind, body in bodies]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].json()["issue"][0]["expression"] == answers[1].json()["issue"][0]["expression"]


def test_ids_and_extensions_of_primitives_are_read() -> None:
    resource = {
        "resourceType": "Patient",
        "id": "p",
        "language": "en",
        "_language": {"id": "l"},
        "contained": [{"resourceType": "Organization", "name": "o"}],
        "extension": [{"url": "http://e", "valueDecimal": 1}],
        "name": [{"given": ["x", None], "_given": [None, {"extension": [{"url": "http://e", "valueBoolean": True}]}]}],
        "_birthDate": {"extension": [{"url": "http://f", "valueCode": "z"}]},
        "multipleBirthInteger": 2,
    }
    assert from_json(orjson.dumps(resource)) == resource == from_xml(to_xml(resource))


@pytest.mark.parametrize("kind", ["json", "xml"])
def test_what_a_tx_resource_has_beyond_r4_is_left_out(client: Client, kind: str) -> None:
    """Clients of later versions bring what those have; R4 elements are checked there as anywhere."""
    system = {
        "resourceType": "CodeSystem",
        "url": "http://example.org/r5",
        "versionAlgorithmString": "semver",
        "status": "active",
        "topic": [{"text": "x"}],
        "content": "complete",
        "concept": [{"code": "a", "display": "A"}],
    }

    def asked(resource: Json, name: str = "tx-resource") -> httpx.Response:
        parameters = {
            "resourceType": "Parameters",
            "parameter": [
                {"name": "url", "valueUri": "http://example.org/r5"},
                {"name": "code", "valueCode": "a"},
                {"name": name, "resource": resource},
            ],
        }
        path, headers = "/CodeSystem/$validate-code", JSON if kind == "json" else XML
        content = orjson.dumps(parameters) if kind == "json" else to_xml(parameters)
        return client.request("POST", path, content=content, headers=headers)

    found = asked(system)
    assert found.status_code == 200, found.text
    assert found.json()["parameter"][0] == {"name": "result", "valueBoolean": True}
    for resource, name in (({**system, "concept": {"code": "a"}}, "tx-resource"), (system, "codeSystem")):
        if kind == "xml" and name == "tx-resource":
            continue  # XML does not tell one from a list
        assert asked(resource, name).status_code == 400


ODD: tuple[object, ...] = (
    *(None, True, 0, -1, 1.5, 2**31, 10**18, 1e300, 1e-5, "", "x", " ", "\u00a0", "\r\n", [], {}, ["x"], [None]),
    *(
        {"id": "x"},
        {"extension": [{"url": "u"}]},
        {"url": "u"},
        {"resourceType": "Patient"},
        [{"resourceType": "Basic"}],
    ),
)
ODD_NAMES = ("id", "_id", "url", "_url", "code", "_code", "div", "contained", "resource", "foo", "given", "_given")


def test_whatever_is_read_as_json_is_the_same_resource_as_xml(client: Client) -> None:
    """Resources with one or two elements changed at random are refused, or read alike in both formats."""
    paths = ("/Condition?_count=2", "/Patient?_revinclude=Provenance:target&_count=2", "/metadata", "/Measure?_count=1")
    whole, chance, read = [client.json(path) for path in paths], random.Random(1), 0
    for _ in range(2000):
        resource = orjson.loads(orjson.dumps(chance.choice(whole)))
        for _ in range(chance.choice((1, 1, 2))):
            holder, key = chance.choice(list(_places(resource)))
            if isinstance(holder, dict) and chance.random() < 0.4:
                key = chance.choice((*ODD_NAMES, f"_{key}"))
            holder[key] = chance.choice(ODD)
        try:
            found = from_json(orjson.dumps(resource))
        except BadQuestion:
            continue
        read += 1
        assert from_xml(to_xml(found)) == found
    assert read > 50


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])

"""Bodies in JSON and XML: the same resource either way; what cannot be read is refused with its place."""

from __future__ import annotations

import pytest
from lxml import etree

from gateway.doors.fhir.definitions import conformance_resources
from gateway.doors.fhir.wire.bodies import from_json
from gateway.doors.fhir.wire.from_xml import from_xml
from gateway.doors.fhir.wire.xml import to_xml
from gateway.errors import BadQuestion
from tests.doors.fhir.client import Client
from tests.doors.fhir.validation import model_of

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
      <parameter><name value="d"/><resource><Patient><id value="p"/><name>
        <given value="x"/><given id="g"><extension url="http://e"><valueString value="1"/></extension></given>
      </name><birthDate value="2015-02"><extension url="http://f"><valueCode value="z"/></extension></birthDate>
      <contained><Organization><name value="o"/></Organization></contained></Patient></resource></parameter>
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
    (f"{HEAD}\n<wrong value='1'/></Parameters>", "Parameters (body:2)"),
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
    assert raised.value.where == where
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
        ('{"a":' * 100 + "1" + "}" * 100, None),
        ('{"a":[' * 100 + "1" + "]}" * 100, "body"),
        ("[" * 5000 + "]" * 5000, None),
    ],
)
def test_json_that_cannot_be_read_is_refused_with_its_place(text: str, where: str | None) -> None:
    if where is None and text.startswith("{"):
        assert from_json(text.encode())
        return
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
    assert refused.json()["issue"][0]["location"] == ["http.valueSet"]

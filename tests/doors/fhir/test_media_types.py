"""Media types of bodies and of answers: version of FHIR, charset, encoding; uploads that break off; names that stand twice."""

from __future__ import annotations

import asyncio
import logging

import orjson
import pytest
from starlette.types import ASGIApp, Message

from gateway.doors.fhir import create
from gateway.doors.fhir.wire.xml import to_xml
from gateway.federation.gateway import Gateway
from tests.doors.fhir.client import Client, Json

ICCC3 = "http://terminology.hl7.org/CodeSystem/iccc-3"
LOOKUP = "/CodeSystem/$lookup"
ASKED: Json = {
    "resourceType": "Parameters",
    "parameter": [{"name": "system", "valueUri": ICCC3}, {"name": "code", "valueCode": "IV(a)"}],
}
BODIES = {"json": orjson.dumps(ASKED), "xml": to_xml(ASKED)}


@pytest.mark.parametrize("kind", ["json", "xml"])
@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ("", 200),
        ("; fhirVersion=4.0", 200),
        (';FHIRVERSION="4.0"; charset=UTF-8', 200),
        ("; fhirVersion=4.0.1", 200),
        ('; charset="utf-8"', 200),
        ("; charset=us-ascii", 200),
        ("; fhirVersion=5.0", 415),
        ("; fhirVersion=3.0; charset=utf-8", 415),
        ("; charset=latin1", 415),
        ("; charset=utf-16", 415),
        ("; charset=", 415),
    ],
)
def test_a_body_is_r4_in_utf_8_or_refused(client: Client, kind: str, parameters: str, status: int) -> None:
    headers = {"content-type": f"application/fhir+{kind}{parameters}"}
    answer = client.request("POST", LOOKUP, content=BODIES[kind], headers=headers)
    assert answer.status_code == status, answer.text
    if status == 415:
        assert answer.json()["issue"][0]["location"] == ["http.content-type"]


def test_the_form_of_a_search_is_in_utf_8_too(client: Client) -> None:
    form = "application/x-www-form-urlencoded"
    for charset, status in (("utf-8", 200), ("latin1", 415)):
        headers = {"content-type": f"{form}; charset={charset}"}
        assert client.request("POST", "/Condition/_search", content="_count=1", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("version", "status"), [("4.0", 200), ("4.0.1", 200), ('"4.0"', 200), ("5.0", 406), ("4.3", 406), ("", 406)]
)
def test_an_answer_is_r4_or_refused(client: Client, version: str, status: int) -> None:
    media_type = f"application/fhir+json; fhirVersion={version}"
    assert client.get("/Condition", headers={"accept": media_type}).status_code == status
    assert client.get("/Condition", params={"_format": media_type, "_count": "1"}).status_code == status


@pytest.mark.parametrize(
    ("declaration", "status"),
    [
        ('<?xml version="1.0"?>', 200),
        ('<?xml version="1.0" encoding="UTF-8"?>', 200),
        ("<?xml version='1.0' encoding = 'utf-8' standalone='yes'?>", 200),
        ('<?xml version="1.0" encoding="ISO-8859-1"?>', 400),
        ('<?xml version="1.0" encoding="utf-16"?>', 400),
        ('<?xml version="1.0" encoding="nothing"?>', 400),
        ('<?xml version="1.0" encoding="" ?>', 400),
    ],
)
def test_an_xml_declaration_names_utf_8_or_is_refused(client: Client, declaration: str, status: int) -> None:
    document = declaration.encode() + BODIES["xml"].partition(b"?>")[2]
    answer = client.request("POST", LOOKUP, content=document, headers={"content-type": "application/fhir+xml"})
    assert answer.status_code == status, answer.text
    if status == 400:
        assert answer.json()["issue"][0]["location"] == ["http.body:1:1"]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"resourceType": "Parameters", "resourceType": "Parameters"}', "Parameters.resourceType"),
        ('{"parameter": [], "resourceType": "Parameters", "parameter": []}', "Parameters.parameter"),
        (
            '{"resourceType": "Parameters", "parameter": [{"name": "code", "name" : "system"}]}',
            "Parameters.parameter[0].name",
        ),
        (
            '{"resourceType": "Parameters", "parameter": [{"name": "a"}, {"name": "\\":", '
            '"valueCoding": {"code": "\\\\", "c\\u006fde"\n: "b"}}]}',
            "Parameters.parameter[1].valueCoding.code",
        ),
    ],
)
def test_a_name_that_stands_twice_is_refused_by_its_path(client: Client, text: str, where: str) -> None:
    """As in XML; the last one would have counted."""
    answer = client.request("POST", LOOKUP, content=text, headers={"content-type": "application/fhir+json"})
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == [where]
    assert "more than once" in answer.json()["issue"][0]["details"]["text"]


def test_texts_that_look_like_names_are_none(client: Client) -> None:
    display = '":":\\": "a":1, \\\\":'
    coding = {"system": ICCC3, "code": "IV(a)", "display": display}
    body = {"resourceType": "Parameters", "parameter": [{"name": "coding", "valueCoding": coding}]}
    for text in (
        orjson.dumps(body),
        orjson.dumps(body, option=orjson.OPT_INDENT_2).replace(b'"code":', b'"code"\r\n\t :'),
    ):
        answer = client.request("POST", LOOKUP, content=text, headers={"content-type": "application/fhir+json"})
        assert answer.status_code == 200, answer.text


def test_json_that_is_too_deep_is_called_so(client: Client) -> None:
    within = '{"resourceType": "Parameters", "parameter": ' + '[{"part": ' * 300 + "1" + "}]" * 300 + "}"
    for text in ("[" * 5000 + "]" * 5000, '{"a":' * 2000 + "1" + "}" * 2000, within):
        answer = client.request("POST", LOOKUP, content=text, headers={"content-type": "application/fhir+json"})
        assert answer.status_code == 400
        assert "too deep" in answer.json()["issue"][0]["details"]["text"]


@pytest.mark.parametrize(("kind", "text"), [("json", '{\n  "a": }'), ("xml", "<Parameters>\n  <a></b></Parameters>")])
def test_a_body_that_cannot_be_read_is_told_by_line_and_column(client: Client, kind: str, text: str) -> None:
    headers = {"content-type": f"application/fhir+{kind}"}
    place = client.request("POST", LOOKUP, content=text, headers=headers).json()["issue"][0]["location"][0]
    line, column = place.removeprefix("http.body:").split(":")
    assert (line, int(column) > 1) == ("2", True)


@pytest.mark.parametrize("path", [LOOKUP, "/Condition/_search", "/"])
def test_a_client_that_leaves_in_an_upload_is_no_fault(
    gateway: Gateway, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    with caplog.at_level(logging.INFO):
        asyncio.run(_break_off(create(gateway), path))
    assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.WARNING]


async def _break_off(app: ASGIApp, path: str) -> None:
    messages = iter(({"type": "http.request", "body": b'{"resource', "more_body": True}, {"type": "http.disconnect"}))

    async def receive() -> Message:
        return next(messages)

    async def send(_: Message) -> None:
        """Nobody listens."""

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"x"), (b"content-type", b"application/fhir+json")],
        "server": ("x", 80),
        "client": ("y", 1),
    }
    await app(scope, receive, send)

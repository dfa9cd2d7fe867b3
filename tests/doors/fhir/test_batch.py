"""Batch: each entry is answered as if it were asked alone, in JSON and XML; nothing is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from lxml import etree

from gateway.app import create_app
from gateway.doors.fhir import create
from gateway.doors.fhir.wire.from_xml import from_xml
from gateway.doors.fhir.wire.xml import to_xml
from gateway.federation.gateway import Gateway
from tests.doors.fhir.client import Client, Json
from tests.doors.fhir.registries import gateway_of, make_cases, registry
from tests.doors.fhir.validation import OfficialSchemas, model_faults

ICCC = "http://terminology.hl7.org/CodeSystem/iccc-3"
PARAMETERS = {
    "resourceType": "Parameters",
    "parameter": [{"name": "coding", "valueCoding": {"system": ICCC, "code": "IV(a)"}}],
}
ASKED = [
    ("GET", "Condition?_count=3", None, 200),
    ("GET", "/Condition/de-two.c1", None, 200),
    ("GET", "http://gateway.test/fhir/Patient/de-two.p1", None, 200),
    ("HEAD", "Patient/de-two.p1", None, 200),
    ("GET", f"Condition?code={ICCC}%7CIV(a)&_summary=count", None, 200),
    ("POST", "Condition/_search?_count=2", None, 200),
    ("POST", "CodeSystem/$validate-code", PARAMETERS, 200),
    ("POST", "CodeSystem/$lookup", PARAMETERS, 200),
    ("GET", f"CodeSystem/$lookup?system={ICCC}&code=IV(a)", None, 200),
    ("GET", "metadata", None, 200),
    ("GET", "Condition?foo=1", None, 400),
    ("GET", "Condition/de-two.c99999", None, 404),
    ("GET", "Nothing/1", None, 404),
    ("POST", "Condition", None, 405),
    ("POST", "CodeSystem/$lookup", {"resourceType": "Patient"}, 400),
    ("PUT", "Patient/1", None, 405),
    ("DELETE", "Condition/de-two.c1", None, 405),
    ("PATCH", "metadata", None, 405),
    ("PUT", "Nothing/1", None, 404),
    ("OPTIONS", "metadata", None, 400),
    ("GET", "http://elsewhere.test/fhir/Patient/1", None, 400),
    ("GET", "//elsewhere.test/Patient/1", None, 400),
    ("POST", "/", None, 400),
    ("POST", "http://gateway.test/fhir", None, 400),
    ("GET", "Condition?_format=xml&_count=1", None, 200),
    ("GET", "Condition/%00", None, 404),
    ("GET", "Condition?code=%ff", None, 400),
]


def bundle(*requests: Json, kind: str = "batch") -> Json:
    return {"resourceType": "Bundle", "type": kind, **({"entry": list(requests)} if requests else {})}


def entry(method: str, url: str, resource: Json | None = None, **more: str) -> Json:
    brought = {"resource": resource} if resource else {}
    return {**brought, "request": {"method": method, "url": url, **more}}


def post(client: Client, body: Json, path: str = "/", **headers: str) -> httpx.Response:
    return client.request("POST", path, json=body, headers={"content-type": "application/fhir+json", **headers})


def test_each_entry_is_answered_as_if_it_were_asked_alone(client: Client, official: OfficialSchemas) -> None:
    found = post(client, bundle(*(entry(*row[:3]) for row in ASKED)))
    assert found.status_code == 200
    body = found.json()
    assert official.json_faults(body) == []
    assert model_faults(body) == []
    assert body["type"] == "batch-response"
    for (method, url, resource, status), answer in zip(ASKED, body["entry"], strict=True):
        assert answer["response"]["status"].startswith(f"{status} "), url
        if status != 200:
            assert answer["response"]["outcome"]["resourceType"] == "OperationOutcome"
            assert "resource" not in answer
        elif method == "HEAD":
            assert "resource" not in answer
        elif "_format" not in url:
            alone = client.request(
                method, f"/{url.removeprefix('http://gateway.test/fhir').lstrip('/')}", json=resource
            )
            assert answer["resource"] == alone.json()
            assert answer["response"].get("etag") == alone.headers.get("etag")


def test_a_batch_in_xml_is_the_same_batch(client: Client, official: OfficialSchemas) -> None:
    asked = bundle(*(entry(*row[:3]) for row in ASKED[:14] if row[0] != "HEAD"))
    json = post(client, asked).json()
    xml = client.request(
        "POST", "/?_format=xml", content=to_xml(asked), headers={"content-type": "application/fhir+xml"}
    )
    assert official.xml_faults(xml.content) == []
    again = from_xml(xml.content)
    for one, other in zip(json["entry"], again["entry"], strict=True):
        assert one.get("resource") == other.get("resource")
        assert one["response"]["status"] == other["response"]["status"]


def test_an_entry_may_be_conditional(client: Client) -> None:
    first = client.get("/Condition/de-two.c1")
    wishes: list[Json] = [
        {"ifNoneMatch": first.headers["etag"]},
        {"ifModifiedSince": "2026-11-01T08:00:00Z"},
        {"ifModifiedSince": "2025-11-01T08:00:00+01:00"},
        {"ifModifiedSince": "last year"},
        {"ifNoneMatch": 'W/"\n"'},
    ]
    found = post(client, bundle(*(entry("GET", "Condition/de-two.c1", **wish) for wish in wishes))).json()["entry"]
    assert [answer["response"]["status"][:3] for answer in found] == ["304", "304", "200", "400", "400"]
    assert found[2]["response"]["lastModified"] == "2026-11-01T08:00:00Z"


def test_the_wishes_of_the_batch_hold_for_its_entries(client: Client) -> None:
    asked = bundle(entry("GET", "Condition?foo=1&_count=1"))
    assert post(client, asked).json()["entry"][0]["response"]["status"].startswith("400")
    lenient = post(client, asked, prefer="handling=lenient").json()["entry"][0]
    assert lenient["response"]["status"].startswith("200")


@pytest.mark.parametrize(
    ("body", "status", "where"),
    [
        (bundle(kind="transaction"), 400, "Bundle.type"),
        (bundle(kind="searchset"), 400, "Bundle.type"),
        (bundle(*[entry("GET", "metadata")] * 101), 422, "Bundle.entry"),
        ({"resourceType": "Bundle", "type": "batch", "entry": {}}, 400, "Bundle.entry"),
        ({"resourceType": "Bundle", "type": "batch", "entry": []}, 400, "Bundle.entry"),
        ({"resourceType": "Bundle", "type": "batch", "entry": ["x"]}, 400, "Bundle.entry[0]"),
        (bundle({}), 400, "Bundle.entry[0]"),
        (bundle({"request": []}), 400, "Bundle.entry[0].request"),
        (bundle({"request": {"method": "GET", "url": 1}}), 400, "Bundle.entry[0].request.url"),
        (bundle({"request": {"method": 1, "url": "metadata"}}), 400, "Bundle.entry[0].request.method"),
        (bundle({"request": {"method": "GET", "url": ""}}), 400, "Bundle.entry[0].request.url"),
        ({"resourceType": "Bundle", "type": []}, 400, "Bundle.type"),
        ({"resourceType": "Patient"}, 400, "body"),
    ],
)
def test_what_is_no_batch_is_refused(client: Client, body: Json, status: int, where: str) -> None:
    refused = post(client, body)
    assert refused.status_code == status
    assert refused.json()["issue"][0]["location"] == [where if where.startswith("Bundle.") else f"http.{where}"]


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"fullUrl": "urn:uuid:1"}, "request"),
        ({"request": {"url": "metadata"}}, "request.method"),
        ({"request": {"method": "GET"}}, "request.url"),
        ({"request": {"method": "GET", "url": "http://[x"}}, "request.url"),
    ],
)
def test_a_broken_entry_is_named_and_the_others_are_answered(client: Client, wrong: Any, where: str) -> None:
    found = post(client, bundle(entry("GET", "metadata"), wrong)).json()["entry"]
    assert found[0]["response"]["status"] == "200 OK"
    assert found[1]["response"]["outcome"]["issue"][0]["expression"] == [f"Bundle.entry[1].{where}"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("$export", "$export"),
        ("/$export/?_type=Patient", "$export"),
        ("http://gateway.test/fhir/$export", "$export"),
        ("Patient/$export", "$export"),
        ("Patient%2F%24export", "$export"),
        ("Group/iccc-3-I/$export", "$export"),
        ("$export-status/1", "$export-status"),
        ("$export-file/1/Patient.ndjson", "$export-file"),
    ],
)
def test_an_export_in_a_batch_is_refused_by_name_and_never_started(
    tmp_path: Path, official: OfficialSchemas, method: str, url: str, name: str
) -> None:
    exporting = replace(gateway_of(registry("fr-one", "FR", make_cases("fr-one", "FR", 3, 1))), state=tmp_path)
    asked = bundle(entry("GET", "Condition/fr-one.c1"), entry(method, url))
    body = post(Client(create(exporting)), asked, prefer="respond-async").json()
    assert official.json_faults(body) == []
    known, refused = (each["response"] for each in body["entry"])
    assert known["status"] == "200 OK"
    assert refused["status"] == "400 Bad Request"
    assert refused["outcome"]["issue"][0]["expression"] == ["Bundle.entry[1].request.url"]
    assert f"{name} is asynchronous" in refused["outcome"]["issue"][0]["details"]["text"]
    assert not any(tmp_path.rglob("*"))


def test_an_empty_batch_has_an_empty_answer(client: Client) -> None:
    assert post(client, {"resourceType": "Bundle", "type": "batch"}).json() == {
        "resourceType": "Bundle",
        "type": "batch-response",
    }
    assert client.request("POST", "/").status_code == 400
    assert client.get("/").status_code == 405


def test_what_a_registry_withholds_it_withholds_in_a_batch() -> None:
    shut = gateway_of(registry("shut", "FR", make_cases("shut", "FR", 3, 1)), policies={"shut": "count"})
    client = Client(create(shut))
    found = post(client, bundle(entry("GET", "Condition/shut.c1"), entry("GET", "Condition"))).json()["entry"]
    assert found[0]["response"]["status"].startswith("403")
    assert "total" not in found[1]["resource"]
    assert found[1]["resource"] == client.json("/Condition")


def test_the_root_of_the_door_takes_a_batch_with_and_without_a_slash(gateway: Gateway) -> None:
    client = Client(create_app(gateway))
    for path in ("/fhir", "/fhir/"):
        found = post(client, bundle(entry("GET", "Condition/de-two.c1")), path)
        assert found.status_code == 200, path
        assert found.json()["entry"][0]["resource"]["id"] == "de-two.c1"
    wrong = client.get("/fhir", headers={"accept": "application/fhir+xml"})
    assert wrong.status_code == 405
    assert etree.fromstring(wrong.content).tag == "{http://hl7.org/fhir}OperationOutcome"

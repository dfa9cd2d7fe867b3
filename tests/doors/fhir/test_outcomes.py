"""What went wrong is said: sources by name in the search set, errors as OperationOutcome in the asked format."""

from __future__ import annotations

import gzip

import pytest
from lxml import etree

from gateway.doors.fhir import create
from gateway.doors.fhir.wire.outcome import KINDS, of_error, of_status
from gateway.errors import (
    BadFile,
    BadQuestion,
    BadSettings,
    Expired,
    IccdError,
    LoadRefused,
    NotFound,
    NotPermitted,
    SourceFailure,
    SourceUnavailable,
    TooCostly,
    UnknownTerm,
    Unsupported,
)
from gateway.federation.gateway import Gateway
from tests.doors.fhir.client import Client, bounds, issues, matches
from tests.doors.fhir.registries import CANNOT, GONE, gateway_of, make_cases, registry

ICCC = "http://terminology.hl7.org/CodeSystem/iccc-3"
FORM = {"content-type": "application/x-www-form-urlencoded"}
STATUS_SYSTEM = "https://w3id.org/iccd/fhir/CodeSystem/source-status"


@pytest.fixture(scope="module")
def troubled() -> Client:
    """One registry that answers, and one of each kind that does not."""
    names = ("a-open", "b-gone", "c-slow", "d-cannot", "e-counts")
    sources = {name: registry(name, f"X{name[0].upper()}", make_cases(name, "FR", 30, 3)) for name in names}
    sources["b-gone"].error = GONE
    sources["c-slow"].delay_seconds = 5
    sources["d-cannot"].error = CANNOT
    gateway = gateway_of(
        *sources.values(),
        policies={"e-counts": "count"},
        broken={"f-broken": "the snapshot is of another version"},
        deadline_seconds=0.3,
    )
    return Client(create(gateway))


def test_each_source_that_could_not_fully_answer_is_named_and_never_counts_as_zero(troubled: Client) -> None:
    found = troubled.json("/Condition?_count=100")
    low, high = bounds(found)
    assert low >= 30
    assert high is None
    named = {
        next(part["valueString"] for part in issue["extension"][0]["extension"] if part["url"] == "source"): (
            issue["code"],
            issue["details"]["coding"][0]["code"],
        )
        for issue in issues(found)
        if "extension" in issue
    }
    assert named == {
        "b-gone": ("incomplete", "error"),
        "c-slow": ("timeout", "timeout"),
        "d-cannot": ("not-supported", "unsupported"),
        "e-counts": ("suppressed", "ok"),
        "f-broken": ("incomplete", "error"),
    }
    assert {resource["meta"]["source"].rpartition("/")[2] for resource in matches(found)} == {"a-open"}
    assert {issue["details"]["coding"][0]["system"] for issue in issues(found) if "extension" in issue} == {
        STATUS_SYSTEM
    }


def test_a_source_that_withholds_everything_is_named() -> None:
    client = Client(
        create(gateway_of(registry("shut", "FR", make_cases("shut", "FR", 9, 1)), policies={"shut": "closed"}))
    )
    found = client.json("/Condition")
    assert [issue["code"] for issue in issues(found)] == ["suppressed"]
    assert bounds(found) == (0, None)
    assert not matches(found)


def test_a_record_of_a_source_that_may_not_show_it_is_forbidden_whether_or_not_it_exists(troubled: Client) -> None:
    for name in ("c1", "c99999"):
        refused = troubled.json(f"/Condition/e-counts.{name}", status=403)
        assert refused["issue"][0]["code"] == "forbidden"
        assert refused["issue"][0]["location"] == ["http.path"]
        assert name not in str(refused)


def test_a_record_of_a_source_that_does_not_answer_is_unavailable_and_not_missing(troubled: Client) -> None:
    for source in ("b-gone", "c-slow", "f-broken"):
        issue = troubled.json(f"/Condition/{source}.c1", status=503)["issue"][0]
        assert (issue["code"], issue["location"]) == ("transient", ["http.path"])


def test_a_place_of_this_gateway_is_never_told() -> None:
    for kind in (BadSettings, SourceFailure, BadFile, SourceUnavailable, IccdError):
        _, told = of_error(kind("wrong", where="/var/data/x.duckdb", expected="right"))
        assert told["issue"][0]["location"] == ["http.path"]
        assert "/var" not in str(told)


def test_every_error_of_ours_has_one_status_and_issue_type() -> None:
    errors: list[IccdError] = [
        kind("wrong", where="here", expected="right")
        for kind in (
            BadQuestion,
            UnknownTerm,
            TooCostly,
            Unsupported,
            NotFound,
            Expired,
            NotPermitted,
            BadSettings,
            SourceFailure,
            BadFile,
            LoadRefused,
            SourceUnavailable,
            IccdError,
        )
    ]
    assert {error.category for error in errors} == set(KINDS)
    statuses = {type(error).__name__: of_error(error)[0] for error in errors}
    assert statuses["TooCostly"] == 422
    assert statuses["Expired"] == 410
    assert statuses["SourceUnavailable"] == 503
    issue = of_error(UnknownTerm("no such code", where="code", expected="a code"))[1]["issue"][0]
    assert issue == {
        "severity": "error",
        "code": "code-invalid",
        "details": {"text": "code: no such code"},
        "diagnostics": "expected a code",
        "location": ["http.code"],
    }


WRONG = [
    ("GET", "/Condition?foo=1", 400, "not-supported", "foo"),
    ("GET", "/Condition?code=IV(a)", 400, "invalid", "code"),
    ("GET", f"/Condition?code={ICCC}|XX(q)", 400, "code-invalid", "code"),
    (
        "GET",
        "/Condition?code:not=http://terminology.hl7.org/CodeSystem/icd-o-3|9999/3",
        400,
        "code-invalid",
        "code:not",
    ),
    ("GET", "/Condition?onset-date=yesterday", 400, "invalid", "onset-date"),
    ("GET", "/Condition?_count=-1", 400, "invalid", "_count"),
    ("GET", "/Condition?_source=nowhere", 400, "invalid", "_source"),
    ("GET", "/Condition?code=%ff", 400, "invalid", "search"),
    ("GET", "/Condition?" + "&".join(["_source=x"] * 70), 422, "too-costly", "search"),
    ("GET", "/Condition/de-two.c99999", 404, "not-found", "path"),
    ("GET", "/Condition/nowhere.c1", 404, "not-found", "path"),
    ("GET", "/Condition/%00", 404, "not-found", "path"),
    ("GET", "/Condition/de-two.c1?code=1", 400, "invalid", "code"),
    ("GET", "/metadata?mode=nothing", 400, "not-supported", "mode"),
    ("GET", "/StructureDefinition/none", 404, "not-found", "path"),
    ("GET", "/Practitioner", 404, "not-found", "path"),
    ("GET", "/", 405, "not-supported", "method"),
    ("GET", "/Condition/../x", 404, "not-found", "path"),
    ("GET", "/metadata?_format=ttl", 406, "not-supported", "_format"),
    ("GET", "/Condition?_cursor=x", 400, "invalid", "_cursor"),
    ("GET", "/ValueSet?_cursor=x", 400, "invalid", "_cursor"),
    ("GET", "/ValueSet/$expand", 400, "invalid", "url"),
    ("QUERY", "/Condition", 405, "not-supported", "method"),
    ("GET", "/Condition/de-two.c1/_history/1", 404, "not-found", "path"),
    ("POST", "/Condition", 405, "not-supported", "method"),
    ("PUT", "/Condition/de-two.c1", 405, "not-supported", "method"),
    ("DELETE", "/Patient/de-two.p1", 405, "not-supported", "method"),
    ("PATCH", "/metadata", 405, "not-supported", "method"),
]


@pytest.mark.parametrize(("method", "path", "status", "code", "where"), WRONG)
def test_an_error_is_an_operation_outcome_that_names_the_place(
    client: Client, method: str, path: str, status: int, code: str, where: str | None
) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/fhir+json")
    issue = answer.json()["issue"][0]
    assert (issue["severity"], issue["code"]) == ("error", code)
    assert issue.get("location") == (None if where is None else [f"http.{where}"])
    assert "Traceback" not in answer.text
    if status == 405:
        assert ("POST" if path == "/" else "GET") in answer.headers["allow"]


@pytest.mark.parametrize(("method", "path", "status"), [row[:3] for row in WRONG])
def test_an_error_comes_in_xml_where_xml_was_asked_for(client: Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path, headers={"accept": "application/fhir+xml"})
    assert answer.status_code == status
    assert etree.fromstring(answer.content).tag == "{http://hl7.org/fhir}OperationOutcome"


@pytest.mark.parametrize(
    ("query", "accept", "status", "kind"),
    [
        ("", "*/*", 200, "json"),
        ("", "application/fhir+json;fhirVersion=4.0", 200, "json"),
        ("", "application/fhir+json;fhirVersion=5.0", 406, "json"),
        ("", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 200, "xml"),
        ("", "application/fhir+xml;q=0.1, application/json", 200, "json"),
        ("", "text/turtle", 406, "json"),
        ("", "application/json;q=0", 406, "json"),
        ("?_format=xml", "application/json", 200, "xml"),
        ("?_format=application/fhir+xml", "*/*", 200, "xml"),
        ("?_format=application%2Ffhir%2Bjson", "application/xml", 200, "json"),
        ("?_format=ttl", "*/*", 406, "json"),
        ("?_format=json&_pretty=true", "*/*", 200, "json"),
    ],
)
def test_format_wins_over_accept_and_what_cannot_be_had_is_406(
    client: Client, query: str, accept: str, status: int, kind: str
) -> None:
    for path in ("/metadata", "/Condition", "/Condition/de-two.c1"):
        answer = client.get(path + query, headers={"accept": accept})
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == f"application/fhir+{kind}; charset=utf-8"


def test_a_body_of_another_type_or_size_is_refused(client: Client) -> None:
    json = client.request("POST", "/Condition/_search", json={"code": "x"})
    assert (json.status_code, json.json()["issue"][0]["code"]) == (415, "not-supported")
    form = {"content-type": "application/x-www-form-urlencoded"}
    large = client.request("POST", "/Condition/_search", content="code=" + "x" * 300_000, headers=form)
    assert (large.status_code, large.json()["issue"][0]["code"]) == (413, "too-long")


@pytest.mark.parametrize("path", ["/Condition/_search", "/CodeSystem/$lookup", "/"])
@pytest.mark.parametrize("accept", ["application/fhir+json", "application/fhir+xml"])
def test_a_body_that_is_compressed_is_refused_by_its_header(client: Client, path: str, accept: str) -> None:
    form = path.endswith("_search")
    headers = {
        "content-type": "application/x-www-form-urlencoded" if form else "application/fhir+json",
        "content-encoding": "gzip",
        "accept": accept,
    }
    refused = client.request("POST", path, content=gzip.compress(b"_count=1"), headers=headers)
    assert refused.status_code == 415
    assert refused.headers["accept-encoding"] == "identity"
    assert "http.content-encoding" in refused.text
    plain = client.request(
        "POST", "/Condition/_search", content=b"_count=1", headers={**FORM, "content-encoding": "Identity"}
    )
    assert plain.status_code == 200


def test_a_fault_of_the_server_tells_nothing_of_itself(monkeypatch: pytest.MonkeyPatch, gateway: Gateway) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("patient 4711 in /var/lib")

    monkeypatch.setattr(Gateway, "ask", broken)
    answer = Client(create(gateway), quiet=True).get("/Condition")
    assert answer.status_code == 500
    assert answer.json()["issue"][0]["code"] == "exception"
    assert answer.json()["issue"][0]["location"] == ["http.path"]
    assert "4711" not in answer.text
    assert "/var" not in answer.text


@pytest.mark.parametrize(("policy", "low"), [("count", 0), ("existence", 0), ("closed", 0)])
def test_a_count_that_may_not_be_shown_is_masked_and_gives_no_record(policy: str, low: int) -> None:
    cases = make_cases("one", "FR", 3, 1)
    client = Client(create(gateway_of(registry("one", "FR", cases), policies={"one": policy})))
    for path in ("/Condition", "/Condition?_summary=count", "/Patient", "/Patient?gender=female,male,other,unknown"):
        found = client.json(path)
        assert "total" not in found
        assert bounds(found) == (low, None)
        assert found["_total"]["extension"][1]["valueCode"] == "masked"
        assert not matches(found)
        assert "suppressed" in {issue["code"] for issue in issues(found)}


def test_a_slash_at_the_end_changes_nothing(client: Client) -> None:
    for path in ("/Condition", "/metadata", "/Condition/de-two.c1"):
        assert client.get(f"{path}/?_format=json").content == client.get(f"{path}?_format=json").content
    assert client.get("/Nothing/").status_code == 404


@pytest.mark.parametrize(
    ("status", "text", "where"),
    [
        (404, "Not Found", "path"),
        (405, "Method Not Allowed", "method"),
        (406, "Accept: no such format", "Accept"),
        (413, "the body is too large", "body"),
        (415, "content-type: no such format", "content-type"),
        (429, "too many exports are running", "path"),
        (500, "the gateway could not answer", "path"),
    ],
)
def test_every_status_names_a_location(status: int, text: str, where: str) -> None:
    assert of_status(status, text)["issue"][0]["location"] == [f"http.{where}"]

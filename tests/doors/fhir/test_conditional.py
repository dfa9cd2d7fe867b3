"""Validators, 304, HEAD and versions: the same bytes for the same snapshot in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.disclosure.policy import load_policy
from gateway.doors.fhir import create
from gateway.doors.fhir.recordversions import release_digest
from tests.doors.fhir.client import Client
from tests.doors.fhir.registries import GONE, gateway_of, make_cases, registry
from tests.doors.fhir.validation import OfficialSchemas

PATHS = (
    "/Condition?_count=20",
    "/Condition?_count=20&_format=xml",
    "/Condition?_summary=count",
    "/Patient?gender=female",
    "/Condition/de-two.c1",
    "/Condition/de-two.c1?_elements=code",
    "/Patient/de-two.p1?_format=xml",
    "/metadata",
    "/ValueSet",
    "/CodeSystem/laterality",
    "/CodeSystem/$lookup?system=http://terminology.hl7.org/CodeSystem/iccc-3&code=IV(a)",
)
RECORDS = [path for path in PATHS if path.startswith(("/Condition", "/Patient"))]
CHANGED = "Sun, 01 Nov 2026 08:00:00 GMT"


def fresh(snapshot: str = "1", error: Exception | None = None, policy: str = "open") -> Client:
    """The same registries in another process."""
    sources = [registry(name, "FR", make_cases(name, "FR", 60, 5)) for name in ("de-two", "fr-one")]
    sources[0].ability = replace(sources[0].ability, snapshot=snapshot)
    sources[1].error = error
    return Client(create(gateway_of(*sources, policies={"de-two": policy})))


@pytest.mark.parametrize("path", PATHS)
def test_what_a_client_has_already_is_not_sent_again(client: Client, path: str) -> None:
    first = client.get(path)
    tag = first.headers["etag"]
    for wish in (tag, f'"x", {tag}', "*", tag.removeprefix("W/"), f"W/{tag.removeprefix('W/')}"):
        again = client.get(path, headers={"if-none-match": wish})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["vary"] == first.headers["vary"]
    other = client.get(path, headers={"if-none-match": '"x"', "if-modified-since": CHANGED})
    assert (other.status_code, other.content) == (200, first.content)


@pytest.mark.parametrize("path", RECORDS)
def test_records_tell_when_their_snapshot_was_loaded(client: Client, path: str) -> None:
    assert client.get(path).headers["last-modified"] == CHANGED
    for since, status in (
        (CHANGED, 304),
        ("Mon, 02 Nov 2026 08:00:00 GMT", 304),
        ("Sun, 01 Nov 2026 07:59:59 GMT", 200),
        ("yesterday", 200),
    ):
        assert client.get(path, headers={"if-modified-since": since}).status_code == status


@pytest.mark.parametrize("path", PATHS)
def test_every_process_gives_the_same_bytes_and_tag(path: str) -> None:
    one, two = fresh().get(path), fresh().get(path)
    assert one.content == two.content
    assert one.headers["etag"] == two.headers["etag"]


def test_the_order_of_sets_in_a_process_changes_no_byte() -> None:
    script = (
        "from tests.doors.fhir.test_conditional import *; print(*(fresh().get(path).headers['etag'] for path in PATHS))"
    )
    tags = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert tags[0] == tags[1] != b""


@pytest.mark.parametrize("path", [path for path in RECORDS if "_summary=count" not in path])
def test_a_new_snapshot_has_a_new_tag(path: str) -> None:
    assert fresh("1").get(path).headers["etag"] != fresh("2").get(path).headers["etag"]


def test_an_answer_that_lacks_a_registry_is_never_taken_for_the_whole_one() -> None:
    whole, part = fresh().get("/Condition"), fresh(error=GONE).get("/Condition")
    assert whole.headers["etag"] != part.headers["etag"]
    assert "last-modified" not in part.headers
    assert "lastUpdated" not in part.json().get("meta", {})
    since = {"if-modified-since": CHANGED}
    assert fresh(error=GONE).get("/Condition", headers=since).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_head_has_the_headers_of_get_and_no_body(client: Client, path: str) -> None:
    get, head = client.get(path), client.request("HEAD", path)
    assert (head.status_code, head.content) == (200, b"")
    assert dict(head.headers) == dict(get.headers)
    assert client.request("HEAD", path, headers={"if-none-match": get.headers["etag"]}).status_code == 304


@pytest.mark.parametrize("path", ["/nothing", "/Condition/de-two.c99999", "/Condition?foo=1"])
def test_head_of_what_is_refused_has_its_status_and_no_body(client: Client, path: str) -> None:
    head = client.request("HEAD", path)
    assert (head.status_code, head.content) == (client.get(path).status_code, b"")


@pytest.mark.parametrize("path", ["/Condition/de-two.c1", "/Patient/de-two.p1"])
def test_a_version_is_that_of_the_snapshot_and_others_are_not_kept(client: Client, path: str) -> None:
    read = client.get(path)
    meta = read.json()["meta"]
    assert list(meta)[:3] == ["versionId", "lastUpdated", "source"]
    assert meta["lastUpdated"] == "2026-11-01T08:00:00Z"
    assert read.headers["etag"] == f'W/"{meta["versionId"]}"'
    assert client.json(f"{path}/_history/{meta['versionId']}") == read.json()
    for other in ("1", f"{meta['versionId']}x", "%20"):
        missing = client.json(f"{path}/_history/{other}", status=404)
        assert missing["issue"][0]["code"] == "not-found"
    assert client.get(f"{path.rpartition('.')[0]}.z/_history/{meta['versionId']}").status_code == 404


def test_a_page_and_a_read_tell_the_same_version(client: Client) -> None:
    for kind in ("Condition", "Patient"):
        entry = client.json(f"/{kind}?_count=1")["entry"][0]["resource"]
        assert entry == client.json(f"/{kind}/{entry['id']}")


def test_a_live_registry_has_no_versions() -> None:
    live = registry("live", "FR", make_cases("live", "FR", 9, 1))
    live.ability = replace(live.ability, snapshot=None, loaded_at=None)
    client = Client(create(gateway_of(live)))
    read = client.get("/Condition/live.c1")
    assert "versionId" not in read.json()["meta"]
    assert "last-modified" not in read.headers
    assert not read.headers["etag"].startswith("W/")
    assert (
        client.get("/Condition", headers={"if-none-match": client.get("/Condition").headers["etag"]}).status_code == 304
    )
    assert client.get("/Condition/live.c1/_history/1").status_code == 404


REPEATED = ("/Condition?_count=20", "/Condition?_summary=count", "/Patient?gender=female", "/Observation?_count=5")


@pytest.mark.parametrize("path", REPEATED)
def test_an_answer_given_again_changes_with_the_snapshot(path: str) -> None:
    source = registry("one", "FR", make_cases("one", "FR", 60, 5))
    client = Client(create(gateway_of(source)))
    first = client.get(path)
    for method, status in (("GET", 200), ("HEAD", 200)):
        again = client.request(method, path)
        assert (again.status_code, dict(again.headers)) == (status, dict(first.headers))
        assert again.content == (first.content if method == "GET" else b"")
    assert client.get(path, headers={"accept": "application/fhir+xml"}).content.startswith(b"<")
    assert client.get(f"{path}&foo=1").status_code == 400
    assert client.get(f"{path}&foo=1", headers={"prefer": "handling=lenient"}).status_code == 200
    source.cases = source.cases[:30]
    source.ability = replace(source.ability, snapshot="one-2")
    assert client.get(path).content != first.content
    assert client.get(path).content == client.get(path).content


@pytest.mark.parametrize("path", REPEATED)
def test_what_a_live_registry_said_is_not_said_again(path: str) -> None:
    live = registry("live", "FR", make_cases("live", "FR", 60, 5))
    live.ability = replace(live.ability, snapshot=None, loaded_at=None)
    client = Client(create(gateway_of(live)))
    first = client.get(path).content
    live.cases = live.cases[:30]
    assert client.get(path).content != first


@pytest.mark.parametrize("path", REPEATED)
def test_a_registry_that_was_out_of_order_is_asked_again(path: str) -> None:
    source = registry("one", "FR", make_cases("one", "FR", 60, 5))
    source.error = GONE
    client = Client(create(gateway_of(source)))
    without = client.get(path).content
    source.error = None
    assert client.get(path).content != without


def test_another_policy_makes_another_version() -> None:
    policies = {release_digest(load_policy(name)) for name in ("open", "count", "closed")}
    assert len(policies) == 3


@pytest.mark.parametrize("query", ["Condition?_source=still", "Patient?_source:not=live", "Observation?_source=still"])
def test_a_search_without_the_live_registry_tells_when_its_data_changed(query: str) -> None:
    live = registry("live", "FR", make_cases("live", "FR", 9, 1))
    live.ability = replace(live.ability, snapshot=None, loaded_at=None)
    still = registry("still", "DE", make_cases("still", "DE", 9, 2))
    client = Client(create(gateway_of(live, still)))
    assert "last-modified" not in client.get(f"/{query.partition('?')[0]}").headers
    found = client.get(f"/{query}")
    assert found.headers["last-modified"]
    assert found.json()["meta"]["lastUpdated"]
    since = {"if-modified-since": found.headers["last-modified"]}
    assert client.get(f"/{query}", headers=since).status_code == 304


@pytest.mark.parametrize("path", PATHS)
def test_what_is_wanted_as_it_was_is_refused_where_it_is_another(
    client: Client, official: OfficialSchemas, path: str
) -> None:
    """R4 http.html section 3.1.0.5, RFC 9110 section 13.1.1; a kept answer is judged like a new one."""
    tag = client.get(path).headers["etag"]
    for wish in (tag, f'"x", {tag}', "*", tag.removeprefix("W/")):
        assert client.get(path, headers={"if-match": wish}).status_code == 200
    both = {"if-match": tag, "if-none-match": tag, "if-unmodified-since": "Mon, 01 Jan 2001 00:00:00 GMT"}
    assert client.get(path, headers=both).status_code == 304
    for wish in ('W/"x"', '"x", "y"', "x"):
        for more in ({}, {"if-none-match": tag}):
            answer = client.get(path, headers={"if-match": wish, "accept": "application/fhir+json", **more})
            assert answer.status_code == 412
            if "xml" in path:
                assert official.xml_faults(answer.content) == []
                continue
            assert official.json_faults(answer.json()) == []
            assert answer.json()["issue"][0]["code"] == "conflict"
            assert answer.json()["issue"][0]["location"] == ["http.If-Match"]
        assert client.request("HEAD", path, headers={"if-match": wish}).status_code == 412


@pytest.mark.parametrize("path", RECORDS)
def test_what_is_wanted_unmodified_is_refused_where_it_was_loaded_since(client: Client, path: str) -> None:
    for since, status in ((CHANGED, 200), ("Sun, 01 Nov 2026 07:59:59 GMT", 412), ("yesterday", 200)):
        assert client.get(path, headers={"if-unmodified-since": since}).status_code == status


def test_an_entry_of_a_batch_wants_its_own_version(client: Client) -> None:
    tag = client.get("/Condition/de-two.c1").headers["etag"]
    requests = [{"method": "GET", "url": "Condition/de-two.c1", "ifMatch": wish} for wish in (tag, 'W/"x"')]
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [{"request": request} for request in requests]}
    answer = client.request("POST", "/", json=bundle, headers={"if-match": '"x"'})
    assert [entry["response"]["status"][:3] for entry in answer.json()["entry"]] == ["200", "412"]

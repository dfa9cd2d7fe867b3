"""$export by the Bulk Data specification: asynchronous, whole, by policy, and gone when it is deleted."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import json
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest

from gateway.doors.fhir import create
from gateway.doors.fhir.export import jobs as kept
from gateway.federation.gateway import Gateway
from gateway.model.answer import SourceAnswer
from gateway.model.query import CaseQuery
from tests.doors.fhir.client import Client, Json, matches
from tests.doors.fhir.registries import GONE, PUBLIC_URL, ListedRegistry, gateway_of, make_cases, registry
from tests.doors.fhir.validation import OfficialSchemas

ASYNC = {"prefer": "respond-async"}
Session = Callable[[httpx.AsyncClient], Awaitable[Any]]


def in_one_loop(gateway: Gateway, session: Session) -> Any:
    """Run a session of requests; jobs go on between them."""

    async def run() -> Any:
        transport = httpx.ASGITransport(create(gateway))
        async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
            return await session(client)

    return asyncio.run(run())


def path_of(url: str) -> str:
    return urlsplit(url).path.removeprefix("/fhir")


async def finished(client: httpx.AsyncClient, kick_off: httpx.Response) -> httpx.Response:
    """Status of a job when it runs no longer."""
    assert kick_off.status_code == 202, kick_off.text
    place = path_of(kick_off.headers["content-location"])
    for _ in range(60):
        status = await client.get(place)
        if status.status_code not in {202, 429}:
            return status
        await asyncio.sleep(0.51)
    raise AssertionError("the export does not end")


async def files(client: httpx.AsyncClient, manifest: Json, part: str = "output") -> dict[str, list[Json]]:
    found = {}
    for item in manifest[part]:
        answer = await client.get(path_of(item["url"]))
        assert answer.headers["content-type"].startswith("application/fhir+ndjson")
        found[item["type"]] = [json.loads(line) for line in answer.text.splitlines()]
        assert len(found[item["type"]]) == item["count"]
    return found


@pytest.fixture
def exporting(gateway: Gateway, tmp_path: Path) -> Gateway:
    return replace(gateway, state=tmp_path)


def exported(
    gateway: Gateway, path: str, body: Json | None = None, prefer: str = "respond-async"
) -> tuple[Json, dict[str, list[Json]], dict[str, list[Json]]]:
    async def session(client: httpx.AsyncClient) -> Any:
        method = "POST" if body else "GET"
        started = await client.request(method, path, json=body, headers={"prefer": prefer})
        manifest = (await finished(client, started)).json()
        return manifest, await files(client, manifest), await files(client, manifest, "error")

    found: tuple[Json, dict[str, list[Json]], dict[str, list[Json]]] = in_one_loop(gateway, session)
    return found


@pytest.mark.parametrize("path", ["/$export", "/Patient/$export"])
def test_an_export_holds_what_searches_hold(
    exporting: Gateway, client: Client, official: OfficialSchemas, path: str
) -> None:
    manifest, found, errors = exported(exporting, path)
    assert manifest["request"].endswith(path)
    assert manifest["requiresAccessToken"] is False
    for kind in ("Patient", "Condition", "Observation"):
        searched = [each for page in client.pages(f"/{kind}?_count=1000") for each in matches(page)]
        assert sorted(found[kind], key=lambda each: each["id"]) == sorted(searched, key=lambda each: each["id"])
        assert all(official.json_faults(each) == [] for each in found[kind])
    assert all(each["resourceType"] == "OperationOutcome" for each in errors.get("OperationOutcome", []))


def test_a_group_is_exported_with_all_tumours_of_its_patients(exporting: Gateway, client: Client) -> None:
    _, found, _ = exported(exporting, "/Group/iccc3-2017.IVa/$export?_type=Patient,Condition")
    assert set(found) == {"Patient", "Condition"}
    wanted = {each["subject"]["reference"] for each in matches(client.json("/Condition?iccc-group=IV(a)&_count=1000"))}
    assert {f"Patient/{each['id']}" for each in found["Patient"]} == wanted
    everything = matches(client.json("/Condition?_count=1000"))
    assert len(found["Condition"]) == sum(each["subject"]["reference"] in wanted for each in everything)


def said_of(errors: dict[str, list[Json]], name: str) -> str:
    """What the errors of an export say of a parameter."""
    issues = [issue for each in errors.get("OperationOutcome", []) for issue in each["issue"]]
    return " ".join(issue["details"]["text"] for issue in issues if issue.get("location") == [f"http.{name}"])


@pytest.mark.parametrize("posted", [False, True])
def test_a_type_may_be_named_in_a_parameter_of_its_own(exporting: Gateway, *, posted: bool) -> None:
    if posted:
        named = [{"name": "_type", "valueString": name} for name in ("Patient", "Condition")]
        _, found, _ = exported(exporting, "/$export", {"resourceType": "Parameters", "parameter": named})
    else:
        _, found, _ = exported(exporting, "/$export?_type=Patient&_type=Condition")
    assert set(found) == {"Patient", "Condition"}


def test_what_lenient_handling_leaves_out_is_named_among_the_errors(
    exporting: Gateway, official: OfficialSchemas
) -> None:
    path = "/$export?_type=Device,Patient&_typeFilter=Patient%3Fgender%3Dmale&patient=x&_until=2020-01-01T00:00:00Z"
    manifest, found, errors = exported(exporting, path, prefer="respond-async, handling=lenient")
    assert set(found) == {"Patient"}
    assert [item["type"] for item in manifest["error"]] == ["OperationOutcome"]
    assert "'Device'" in said_of(errors, "_type")
    for name in ("_typeFilter", "patient", "_until"):
        assert "was ignored" in said_of(errors, name)
    assert all(official.json_faults(each) == [] for each in errors["OperationOutcome"])


def test_types_of_which_none_is_exported_are_refused_by_lenient_handling_too(exporting: Gateway) -> None:
    headers = {"prefer": "respond-async, handling=lenient"}
    answer = in_one_loop(exporting, lambda client: client.get("/$export?_type=Device", headers=headers))
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["location"] == ["http._type"]


def test_it_runs_apart_tells_its_progress_and_refuses_to_be_asked_all_the_time(exporting: Gateway) -> None:
    async def session(client: httpx.AsyncClient) -> None:
        started = await client.get("/$export", headers=ASYNC)
        assert started.status_code == 202
        assert started.content == b""
        place = path_of(started.headers["content-location"])
        first = await client.get(place)
        assert first.status_code == 202
        assert "patients" in first.headers["x-progress"]
        assert int(first.headers["retry-after"]) > 0
        again = await client.get(place)
        assert again.status_code == 429
        assert int(again.headers["retry-after"]) > 0
        assert again.json()["issue"][0]["code"] == "throttled"
        assert (await finished(client, started)).status_code == 200

    in_one_loop(exporting, session)


def test_a_client_that_asks_too_often_is_answered_all_the_same(exporting: Gateway) -> None:
    """What is refused does not start the time anew."""

    async def session(client: httpx.AsyncClient) -> None:
        started = await client.get("/$export?_type=Patient", headers=ASYNC)
        place = path_of(started.headers["content-location"])
        told = []
        for _ in range(12):
            told.append((await client.get(place)).status_code)
            await asyncio.sleep(0.3)
        assert 429 in told
        assert told[-2:].count(200) == 1
        assert not any(a == b == 429 for a, b in itertools.pairwise(told))

    in_one_loop(exporting, session)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST", "OPTIONS"])
def test_another_method_at_a_job_is_told_each_that_it_takes(exporting: Gateway, method: str) -> None:
    answer = in_one_loop(exporting, lambda client: client.request(method, f"/$export-status/{'a' * 32}"))
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "DELETE"}


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/$export", ""),
        ("/Patient/$export/", "?_type=Patient&_since=2020-01-01T00:00:00%2B01:00"),
        ("/Group/iccc3-2017.IVa/$export", "?_type=Patient,Condition"),
    ],
)
def test_the_manifest_tells_the_request_at_the_public_address(exporting: Gateway, path: str, query: str) -> None:
    async def session(client: httpx.AsyncClient) -> str:
        started = await client.get(f"{path}{query}", headers={**ASYNC, "host": "elsewhere.test"})
        manifest: Json = (await finished(client, started)).json()
        return str(manifest["request"])

    assert in_one_loop(exporting, session) == f"{PUBLIC_URL}/fhir{path.rstrip('/')}{query}"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/Condition/$export", "expected an operation that metadata lists"),
        ("/Group/$export", "expected Group/[id]/$export"),
        ("/Patient/de-two.p1/$export", "expected Patient/$export"),
        ("/Observation/$lastn", "expected an operation that metadata lists"),
        ("/Measure/$nothing", "expected an operation that metadata lists"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_operation_that_is_not_there_is_told_as_one(exporting: Gateway, method: str, path: str, words: str) -> None:
    answer = in_one_loop(exporting, lambda client: client.request(method, path, headers=ASYNC))
    assert answer.status_code == 404
    (issue,) = answer.json()["issue"]
    assert (issue["code"], issue["location"]) == ("not-found", ["http.path"])
    assert "has no such operation" in issue["details"]["text"]
    assert issue["diagnostics"] == words


def test_a_deleted_export_is_gone_with_its_files(exporting: Gateway) -> None:
    async def session(client: httpx.AsyncClient) -> None:
        started = await client.post("/Patient/$export", headers=ASYNC)
        place = path_of(started.headers["content-location"])
        manifest = (await finished(client, started)).json()
        assert (await client.delete(place)).status_code == 202
        assert (await client.get(place)).status_code == 404
        assert (await client.get(path_of(manifest["output"][0]["url"]))).status_code == 404
        assert (await client.delete(place)).status_code == 404

    in_one_loop(exporting, session)
    assert exporting.state
    assert list((exporting.state / "export").iterdir()) == []


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/fhir+ndjson", 200),
        ("application/fhir+ndjson; fhirVersion=4.0", 200),
        ("application/ndjson", 200),
        ("application/*", 200),
        ("*/*", 200),
        ("", 200),
        ("application/fhir+json", 200),
        ("text/html, application/fhir+ndjson;q=0.1", 200),
        ("text/html, */*;q=0.1", 200),
        ("text/html", 406),
        ("text/csv, image/*", 406),
        ("application/fhir+ndjson;q=0, */*", 406),
        ("application/fhir+ndjson;q=most", 406),
        ("application/fhir+ndjson; fhirVersion=5.0", 406),
    ],
)
def test_a_file_is_given_to_whoever_takes_ndjson(exporting: Gateway, accept: str, status: int) -> None:
    async def session(client: httpx.AsyncClient) -> httpx.Response:
        manifest = (await finished(client, await client.get("/$export?_type=Patient", headers=ASYNC))).json()
        place = path_of(manifest["output"][0]["url"])
        return await client.get(place, headers={"accept": accept, "accept-encoding": "gzip"})

    answer: httpx.Response = in_one_loop(exporting, session)
    assert answer.status_code == status
    if status == 200:
        assert answer.headers["content-type"].startswith("application/fhir+ndjson")
        assert json.loads(answer.text.splitlines()[0])["resourceType"] == "Patient"
    else:
        assert answer.json()["resourceType"] == "OperationOutcome"
        assert answer.json()["issue"][0]["location"] == ["http.Accept"]


@pytest.mark.parametrize(
    ("path", "headers", "status", "named"),
    [
        ("/$export", {}, 400, "Prefer"),
        ("/$export", {**ASYNC, "accept": "application/fhir+ndjson"}, 406, "http.Accept"),
        ("/$export?_type=Encounter", ASYNC, 400, "_type"),
        ("/$export?_outputFormat=csv", ASYNC, 400, "_outputFormat"),
        ("/$export?_since=2020-01-01", ASYNC, 400, "http._since"),
        ("/$export?_since=2020-01-01T00:00:00", ASYNC, 400, "http._since"),
        ("/$export?_since=2020-02-30T00:00:00Z", ASYNC, 400, "http._since"),
        ("/$export?_since=2020-01-01T00:00:00%2B15:00", ASYNC, 400, "http._since"),
        ("/$export?_since=2020-01-01T24:00:00Z", ASYNC, 400, "http._since"),
        ("/$export?_since=9999-12-31T23:59:60Z", ASYNC, 400, "http._since"),
        ("/$export?_since=yesterday", {"prefer": "respond-async, handling=lenient"}, 400, "http._since"),
        ("/$export?_since=", ASYNC, 400, "http._since"),
        ("/$export?_since=2020-01-01T00:00:00Z&_since=2021-01-01T00:00:00Z", ASYNC, 400, "http._since"),
        ("/$export?_elements=id", ASYNC, 400, "http._elements"),
        ("/$export?_typeFilter=Condition%3Fcode%3Dx", ASYNC, 400, "_typeFilter"),
        ("/$export?_type=Patient&_type=Encounter", ASYNC, 400, "_type"),
        ("/$export?_until=2020-01-01T00:00:00Z", ASYNC, 400, "_until"),
        ("/$export?includeAssociatedData=LatestProvenanceResources", ASYNC, 400, "includeAssociatedData"),
        ("/$export?patient=Patient/x", ASYNC, 400, "http.patient"),
        ("/Group/nobody/$export", ASYNC, 404, "Group"),
        ("/$export-status/x", {}, 404, "export"),
        ("/$export-status/..%2f..%2fsecret", {}, 404, ""),
        (f"/$export-file/{'a' * 32}/job.json", {}, 404, "export"),
    ],
)
def test_what_cannot_be_exported_is_refused_by_name(
    exporting: Gateway, path: str, headers: dict[str, str], status: int, named: str
) -> None:
    answer = in_one_loop(exporting, lambda client: client.get(path, headers=headers))
    assert answer.status_code == status
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert named in answer.text


def test_records_leave_only_where_the_policy_lets_them(tmp_path: Path) -> None:
    counts = gateway_of(registry("a", "FR", make_cases("a", "FR", 30, 1)), policies={"a": "count"})
    answer = in_one_loop(replace(counts, state=tmp_path), lambda client: client.get("/$export", headers=ASYNC))
    assert answer.status_code == 403
    assert answer.json()["issue"][0]["code"] == "forbidden"
    mixed = gateway_of(
        registry("a", "FR", make_cases("a", "FR", 30, 1)),
        registry("b", "DE", make_cases("b", "DE", 30, 2)),
        registry("c", "US", [], error=GONE),
        policies={"a": "count"},
    )
    _, found, errors = exported(replace(mixed, state=tmp_path), "/$export")
    assert {each["id"].partition(".")[0] for each in found["Condition"]} == {"b"}
    said = " ".join(issue["details"]["text"] for each in errors["OperationOutcome"] for issue in each["issue"])
    assert "source a" in said
    assert "source c" in said


def test_a_job_whose_worker_died_or_whose_data_went_away_says_so(exporting: Gateway) -> None:
    async def session(client: httpx.AsyncClient) -> None:
        assert exporting.state
        store = kept.Jobs(exporting.state / "export")
        job = store.new("http://gateway.test/fhir/$export", "public anonymous", "2026-01-01T00:00:00Z")
        state = store.place(job.id) / kept.STATE
        old = time.time() - 2 * kept.STALE_SECONDS
        os.utime(state, (old, old))
        answer = await client.get(f"/$export-status/{job.id}")
        assert answer.status_code == 503
        assert "interrupted" in answer.text
        assert await asyncio.to_thread(store.running) == 0

    in_one_loop(exporting, session)


def test_a_job_of_somebody_else_is_not_there(exporting: Gateway) -> None:
    assert exporting.state
    store = kept.Jobs(exporting.state / "export")
    job = store.new("http://gateway.test/fhir/$export", "owner registry", "2026-01-01T00:00:00Z")
    answer = in_one_loop(exporting, lambda client: client.get(f"/$export-status/{job.id}"))
    assert answer.status_code == 404


def test_only_so_many_exports_run_at_a_time(exporting: Gateway) -> None:
    assert exporting.state
    store = kept.Jobs(exporting.state / "export")
    for _ in range(kept.MOST_RUNNING):
        store.new("http://gateway.test/fhir/$export", "owner registry", "2026-01-01T00:00:00Z")
    answer = in_one_loop(exporting, lambda client: client.get("/$export", headers=ASYNC))
    assert answer.status_code == 429


def test_a_gateway_without_a_folder_exports_nothing(gateway: Gateway) -> None:
    answer = in_one_loop(gateway, lambda client: client.get("/$export", headers=ASYNC))
    assert answer.status_code == 503


NEVER_SERVED = {
    "_typeFilter": {"valueString": "Condition?code=x"},
    "_elements": {"valueString": "id"},
    "_until": {"valueInstant": "2020-01-01T00:00:00Z"},
    "includeAssociatedData": {"valueCode": "LatestProvenanceResources"},
    "patient": {"valueReference": {"reference": "Patient/x"}},
}


@pytest.mark.parametrize("posted", [False, True])
@pytest.mark.parametrize("name", NEVER_SERVED)
def test_a_parameter_that_is_not_served_is_refused_or_left_out_by_name(
    exporting: Gateway, name: str, *, posted: bool
) -> None:
    value = NEVER_SERVED[name]
    body: Json = {"resourceType": "Parameters", "parameter": [{"name": name, **value}]}
    (plain,) = (each["reference"] if isinstance(each, dict) else each for each in value.values())
    path, sent = ("/Patient/$export", body) if posted else (f"/Patient/$export?{name}={quote(plain)}", None)
    method = "POST" if posted else "GET"
    answer = in_one_loop(exporting, lambda client: client.request(method, path, json=sent, headers=ASYNC))
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["location"] == [f"http.{name}"]
    assert answer.json()["issue"][0]["code"] == "not-supported"
    _, found, errors = exported(exporting, path, sent, prefer="respond-async; handling=lenient")
    assert set(found) == {"Patient", "Condition", "Observation"}
    assert "was ignored" in said_of(errors, name)


OLD, NEW = "2026-01-10T08:00:00+00:00", "2026-03-10T08:00:00.250000+00:00"


def of_two_times(tmp_path: Path, **policies: str) -> Gateway:
    """Registry a, which changed long ago, and b, which changed later."""
    sources = [
        registry(name, country, make_cases(name, country, 30, seed))
        for seed, (name, country) in enumerate((("a", "FR"), ("b", "DE")))
    ]
    for source, moment in zip(sources, (OLD, NEW), strict=True):
        source.ability = replace(source.ability, loaded_at=moment)
    return replace(gateway_of(*sources, policies=policies), state=tmp_path)


def registries_of(found: dict[str, list[Json]]) -> set[str]:
    return {each["id"].partition(".")[0] for resources in found.values() for each in resources}


@pytest.mark.parametrize(
    ("since", "left"),
    [
        ("2026-01-10T07:59:59Z", {"a", "b"}),
        ("2026-01-10T08:00:00Z", {"b"}),
        ("2026-01-10T08:00:00.000Z", {"b"}),
        ("2026-01-10T09:00:00%2B01:00", {"b"}),
        ("2026-01-10T09:00:00+01:00", {"b"}),
        ("2026-01-10T08:59:59%2B01:00", {"a", "b"}),
        ("2026-01-10T02:59:60-05:00", {"b"}),
        ("2026-03-10T08:00:00Z", {"b"}),
        ("2026-03-10T08:00:00.25Z", set()),
        ("2999-01-01T00:00:00Z", set()),
    ],
)
@pytest.mark.parametrize("path", ["/$export", "/Patient/$export", "/Group/iccc3-2017.IVa/$export"])
def test_only_registries_that_changed_after_an_instant_are_exported(
    tmp_path: Path, path: str, since: str, left: set[str]
) -> None:
    gateway = of_two_times(tmp_path)
    manifest, found, _ = exported(gateway, f"{path}?_since={since}")
    assert registries_of(found) == left
    assert left or manifest["error"] == manifest["output"] == []
    _, everything, _ = exported(gateway, path)
    for name, resources in everything.items():
        expected = [each for each in resources if each["id"].partition(".")[0] in left]
        assert found.get(name, []) == expected
    moment = dt.datetime.fromisoformat(since.replace("%2B", "+").replace(":60", ":59"))
    told = [each["meta"]["lastUpdated"] for resources in found.values() for each in resources]
    assert all(dt.datetime.fromisoformat(each) > moment for each in told)


def test_an_instant_may_be_posted(tmp_path: Path) -> None:
    since = {"name": "_since", "valueInstant": "2026-02-01T00:00:00+02:00"}
    _, found, _ = exported(of_two_times(tmp_path), "/$export", {"resourceType": "Parameters", "parameter": [since]})
    assert registries_of(found) == {"b"}


def test_an_export_after_which_nothing_changed_is_complete_and_empty(tmp_path: Path) -> None:
    gateway = of_two_times(tmp_path)
    first, found, _ = exported(gateway, "/$export")
    assert registries_of(found) == {"a", "b"}
    second, _, _ = exported(gateway, f"/$export?_since={first['transactionTime']}")
    assert (second["output"], second["error"]) == ([], [])
    assert second["request"].endswith(f"/$export?_since={first['transactionTime']}")


@pytest.mark.parametrize("snapshot", [None, "live-1"])
def test_a_registry_that_does_not_tell_when_it_changed_is_exported_and_named(
    tmp_path: Path, snapshot: str | None, official: OfficialSchemas
) -> None:
    live = registry("live", "FR", make_cases("live", "FR", 30, 1))
    live.ability = replace(live.ability, snapshot=snapshot, loaded_at=None)
    still = registry("still", "DE", make_cases("still", "DE", 30, 2))
    gateway = replace(gateway_of(live, still, registry("gone", "US", [], error=GONE)), state=tmp_path)
    _, found, errors = exported(gateway, "/Patient/$export?_since=2999-01-01T00:00:00Z")
    assert registries_of(found) == {"live"}
    assert "source live does not tell when its records changed" in said_of(errors, "_since")
    assert "still" not in json.dumps(errors)
    assert all(official.json_faults(each) == [] for each in errors["OperationOutcome"])
    _, _, whole = exported(gateway, "/Patient/$export")
    assert said_of(whole, "_since") == ""


@pytest.mark.parametrize("policy", ["count", "closed"])
def test_an_instant_does_not_tell_when_a_registry_that_gives_no_records_changed(tmp_path: Path, policy: str) -> None:
    gateway = of_two_times(tmp_path, a=policy)
    said = [
        exported(gateway, f"/$export?_type=Patient&_since={since}")[2]
        for since in ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")
    ]
    assert said[0] == said[1]
    assert "source a" in json.dumps(said[0])


@dataclass
class Renewing(ListedRegistry):
    """A registry during whose first page others load anew."""

    others: list[ListedRegistry] = field(default_factory=list)

    async def answer(self, query: CaseQuery, deadline: object) -> SourceAnswer:
        if query.page is not None and query.page.limit > 1:
            while self.others:
                other = self.others.pop()
                other.ability = replace(other.ability, snapshot=f"{other.id}-2", loaded_at=NEW)
        return await super().answer(query, deadline)


def test_a_registry_that_changes_during_the_export_is_not_left_out(tmp_path: Path) -> None:
    still = registry("still", "FR", make_cases("still", "FR", 30, 2))
    still.ability = replace(still.ability, loaded_at=OLD)
    plain = registry("one", "FR", make_cases("one", "FR", 30, 1))
    first = Renewing("one", plain.cases, plain.ability, others=[still])
    gateway = replace(gateway_of(first, still), state=tmp_path)
    _, found, _ = exported(gateway, "/Patient/$export?_since=2026-02-01T00:00:00Z")
    assert registries_of(found) == {"one", "still"}


@pytest.mark.parametrize(
    ("written", "media_type"),
    [
        ("json", "application/fhir+json"),
        ("xml", "application/fhir+xml"),
        ("application/fhir+xml", "application/fhir+xml"),
    ],
)
def test_the_format_of_a_kick_off_is_that_of_its_errors(exporting: Gateway, written: str, media_type: str) -> None:
    async def session(client: httpx.AsyncClient) -> None:
        path = f"/$export?_type=Patient&_format={quote(written)}&_pretty=true"
        manifest = await finished(client, await client.get(path, headers=ASYNC))
        assert manifest.headers["content-type"] == "application/json"
        assert set(await files(client, manifest.json())) == {"Patient"}
        refused = await client.get(f"{path}&_until=x", headers=ASYNC)
        assert refused.status_code == 400
        assert refused.headers["content-type"].startswith(media_type)
        assert "http._until" in refused.text
        unknown = await client.get("/$export?_format=csv", headers=ASYNC)
        assert unknown.status_code == 406
        assert unknown.json()["issue"][0]["location"] == ["http._format"]

    in_one_loop(exporting, session)


def test_a_manifest_says_until_when_its_files_are_there(exporting: Gateway) -> None:
    async def session(client: httpx.AsyncClient) -> None:
        started = await client.get("/$export?_type=Patient", headers=ASYNC)
        status = await finished(client, started)
        expires = parsedate_to_datetime(status.headers["expires"])
        left = (expires - dt.datetime.now(dt.UTC)).total_seconds()
        assert kept.KEPT_SECONDS - 60 < left <= kept.KEPT_SECONDS
        assert status.headers["cache-control"] == "private, no-cache"
        assert exporting.state
        place = path_of(started.headers["content-location"])
        state = exporting.state / "export" / place.rpartition("/")[2] / kept.STATE
        old = time.time() - kept.KEPT_SECONDS - 1
        os.utime(state, (old, old))
        assert (await client.get(place)).status_code == 404
        assert (await client.get(path_of(status.json()["output"][0]["url"]))).status_code == 404

    in_one_loop(exporting, session)


@pytest.mark.parametrize("path", ["/$export", "/Patient/$export", "/Group/iccc3-2017.IVa/$export"])
@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE"])
def test_an_export_is_started_by_get_and_post_alone(exporting: Gateway, path: str, method: str) -> None:
    answer = in_one_loop(exporting, lambda client: client.request(method, path, headers=ASYNC))
    assert answer.status_code == 405
    assert sorted(answer.headers["allow"].split(", ")) == ["GET", "POST"]
    assert exporting.state
    assert not (exporting.state / "export").exists()
    if method == "HEAD":
        assert answer.content == b""
    else:
        assert answer.json()["issue"][0]["location"] == ["http.method"]


def test_metadata_names_what_an_export_takes(client: Client) -> None:
    (rest,) = client.json("/metadata")["rest"]
    levels = [rest, *(each for each in rest["resource"] if each["type"] in {"Patient", "Group"})]
    found = [each for level in levels for each in level["operation"] if each["name"] == "export"]
    assert [each["definition"].rpartition("/")[2] for each in found] == ["export", "patient-export", "group-export"]
    assert all("_outputFormat, _since, _type" in each["documentation"] for each in found)

"""A registry of whose file a part could not be used: the same bounds through every door, and a reason beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.app import create_app
from gateway.sources.snapshot import SnapshotSource
from tests.doors.asgi import Client
from tests.doors.test_same_number import bounds_of_beacon, bounds_of_bundle
from tests.federation.doubles import ListSource, case, gateway_of
from tests.sources.loading.loads import PROFILE, config_of, context, load_lines

STRICTER = PROFILE.replace("max_reject_share = 1.0", "max_reject_share = 0.1")
GOOD = [f"p{number};1;2;20120203;C74.9;9500;3" for number in range(20)]
BAD = [f"b{number};1;2;20120203;C74.9;9999;3" for number in range(6)]
REASON = "6 of 26 records could not be used; any of them may match, and no cell of known values holds them"
FILTERS = {"filters": [{"id": "ICCC3:IV(a)"}], "requestedGranularity": "count"}


def client_of(folder: Path, policy: str = "open", bad: int = 6) -> Client:
    load_lines(folder, *GOOD, *BAD[:bad], profile=STRICTER)
    source = SnapshotSource(config_of(folder, [], STRICTER), context())
    whole = ListSource("whole", [case(number, "whole") for number in range(10)])
    return Client(create_app(gateway_of(source, whole, policy=policy, deadline_seconds=30)))


def counts(client: Client, question: str) -> Any:
    return client.get(f"/statistics/counts?diagnosis=ICCC3:IV(a){question}").json()


def test_every_door_gives_the_same_bounds(tmp_path: Path) -> None:
    client = client_of(tmp_path)
    assert counts(client, "")["total"] == {"low": 30, "high": 36, "precision": "bounded"}
    code = "http://terminology.hl7.org/CodeSystem/iccc-3%7CIV(a)"
    bundle = client.get(f"/fhir/Condition?code={code}&_summary=count").json()
    assert bounds_of_bundle(bundle) == (30, 36)
    body = client.post("/beacon/individuals", json={"meta": {"apiVersion": "v2.1.1"}, "query": FILTERS}).json()
    assert bounds_of_beacon(body) == (30, 36)
    assert REASON in str(bundle)
    assert REASON in str(body)


def test_the_registry_is_partial_by_name_and_the_others_are_not(tmp_path: Path) -> None:
    sources = counts(client_of(tmp_path), "")["sources"]
    assert [(source["id"], source["status"], source["reason"]) for source in sources] == [
        ("registry", "partial", REASON),
        ("whole", "ok", None),
    ]


def test_cells_add_up_to_the_total_with_a_cell_of_unknown_values(tmp_path: Path) -> None:
    answer = counts(client_of(tmp_path), "&by=source,sex")
    cells = {(cell["source"], cell["sex"]): (cell["count"]["low"], cell["count"]["high"]) for cell in answer["cells"]}
    assert cells == {("registry", "female"): (20, 20), ("registry", "unknown"): (0, 6), ("whole", "female"): (10, 10)}
    by_source = counts(client_of(tmp_path), "&by=source")["cells"]
    assert [cell["count"]["high"] for cell in by_source] == [26, 10]


def test_a_registry_that_the_question_excludes_widens_nothing(tmp_path: Path) -> None:
    total = counts(client_of(tmp_path), "&source=whole")["total"]
    assert (total["low"], total["high"]) == (10, 10)


@pytest.mark.parametrize(("policy", "bad"), [("existence", 6), ("count", 4)])
def test_how_many_is_not_told_where_the_policy_shows_no_such_count(tmp_path: Path, policy: str, bad: int) -> None:
    source = counts(client_of(tmp_path, policy, bad), "")["sources"][0]
    assert source["status"] == "partial"
    assert source["reason"].startswith("some records could not be used")


def test_a_tumour_by_its_id_is_exact_and_the_tumours_of_a_person_may_be_more(tmp_path: Path) -> None:
    client = client_of(tmp_path)
    tumour = next(
        entry["resource"]
        for entry in client.get("/fhir/Condition?_source=registry&_count=1").json()["entry"]
        if entry["search"]["mode"] == "match"
    )
    assert bounds_of_bundle(client.get(f"/fhir/Condition?_id={tumour['id']}").json()) == (1, 1)
    owner = tumour["subject"]["reference"]
    assert bounds_of_bundle(client.get(f"/fhir/Condition?subject={owner}").json()) == (1, 7)
    assert bounds_of_bundle(client.get(f"/fhir/Patient?_id={owner.removeprefix('Patient/')}").json()) == (1, 1)

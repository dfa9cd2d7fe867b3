"""The door over registries loaded from files and a database: counts, records and pages of real sources."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.app import create_app
from gateway.cli import iccd
from gateway.federation.opening import open_gateway
from tests.doors.asgi import Client
from tests.doors.beacon.checks import Validate, faults
from tests.doors.beacon.test_same_number import QUESTION, agree

SETTINGS = """
[gateway]
id = "org.example.files"
title = "Files"
data = "./data"
public_url = "http://127.0.0.1:8080"
[sources.naaccr]
kind = "naaccr_xml"
location = "naaccr_xml.xml"
country = "US"
policy = "open"
[sources.omop]
kind = "omop"
location = "omop.duckdb"
country = "IT"
policy = "open"
[sources.fr-one]
kind = "tabular"
profile = "encr"
location = "encr.csv"
country = "FR"
policy = "open"
[sources.us-three]
kind = "tabular"
profile = "seer-style"
location = "seer_style.csv"
country = "DE"
policy = "count"
"""


def run(*arguments: str) -> None:
    answer = CliRunner().invoke(iccd, [*arguments])
    assert answer.exit_code == 0, answer.output


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder: Path = tmp_path_factory.mktemp("files")
    run("synth", "--out", str(folder), "--cases", "500", "--seed", "11")
    (folder / "iccd.toml").write_text(SETTINGS, "utf-8")
    run("load", "--settings", str(folder / "iccd.toml"))
    gateway = open_gateway(folder / "iccd.toml")
    assert not gateway.broken
    yield Client(create_app(gateway))
    gateway.close()


def search(files: Client, **parameters: Any) -> dict[str, Any]:
    response = files.get("/beacon/individuals", params=parameters)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert faults(answer) == []
    return answer


def records(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [record for item in answer["response"]["resultSets"] for record in item["results"]]


@settings(deadline=None, max_examples=30)
@given(question=QUESTION, granularity=st.sampled_from(["count", "record"]))
def test_loaded_registries_give_the_same_number_through_both_doors(
    files: Client, question: tuple[tuple[str, str], ...], granularity: str
) -> None:
    filters = ",".join(mine for mine, _ in question)
    numbers = files.get(f"/statistics/counts?{'&'.join([*(theirs for _, theirs in question), 'unit=patients'])}")
    assert numbers.status_code == 200, numbers.text
    answer = search(files, filters=filters, requestedGranularity=granularity, includeResultsetResponses="ALL")
    agree(answer, numbers.json())


def test_pages_over_loaded_registries_hold_each_individual_once(files: Client) -> None:
    whole = records(search(files, filters="ICCC3:IV", limit=0))
    found: list[dict[str, Any]] = []
    parameters: dict[str, Any] = {"filters": "ICCC3:IV", "limit": 9}
    while True:
        answer = search(files, **parameters)
        found += records(answer)
        if "nextPage" not in answer["info"]:
            break
        parameters["nextPage"] = answer["info"]["nextPage"]
    assert [record["id"] for record in found] == [record["id"] for record in whole]
    assert len({record["id"] for record in whole}) == len(whole) > 30
    assert {record["info"]["dataset"] for record in whole} == {"naaccr", "omop", "fr-one"}
    third = records(search(files, filters="ICCC3:IV", limit=9, skip=2))
    assert third == whole[18:27]


def test_records_of_loaded_registries_are_valid_and_found_by_id(files: Client, validate: Validate) -> None:
    for record in records(search(files, filters="ICCC3:IV(a)", limit=0)):
        validate("models/json/beacon-v2-default-model/individuals/defaultSchema.json", record)
        one = files.get(f"/beacon/individuals/{record['id']}")
        assert one.status_code == 200
        assert records(one.json()) == [record]


def test_the_mounted_door_keeps_its_error_form(files: Client) -> None:
    for path, status in (("/beacon/nowhere", 404), ("/beacon/individuals?filters=x", 400)):
        response = files.get(path)
        assert response.status_code == status
        assert response.json()["error"]["errorCode"] == status
    assert files.request("DELETE", "/beacon/individuals").json()["error"]["errorCode"] == 405
    assert files.get("/beacon/").json()["response"]["id"] == "org.example.files"

"""Registries whose file is gone or broken are named with a reason, and no answer names a file or server of ours."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from gateway.app import create_app
from gateway.cli import iccd
from gateway.federation.opening import open_gateway
from tests.doors.fhir.client import Client, issues, matches

NAMES = ("damaged", "vanished", "never", "omop-gone", "omop-bad", "omop-empty", "omop-far")
FILES = ("one.csv", "gone.duckdb", "bad.duckdb", "empty.duckdb", "db.internal.invalid", "people")
SOURCE = '[sources.{name}]\nkind = "{kind}"\n{more}location = "{location}"\npolicy = "open"\n'


def block(name: str, kind: str, location: str, more: str = "") -> str:
    return SOURCE.format(name=name, kind=kind, location=location, more=more)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hidden-folder")
    made = folder / "made"
    answer = CliRunner().invoke(iccd, ["synth", "--out", str(made), "--cases", "20", "--format", "encr"])
    assert answer.exit_code == 0, answer.output
    (folder / "one.csv").write_bytes(next(made.rglob("*.csv")).read_bytes())
    files = "".join(
        block(name, "tabular", "one.csv", 'profile = "encr"\n') for name in ("damaged", "vanished", "never", "whole")
    )
    databases = (
        ("omop-gone", "duckdb://{}/gone.duckdb"),
        ("omop-bad", "duckdb://{}/bad.duckdb"),
        ("omop-empty", "duckdb://{}/empty.duckdb"),
        ("omop-far", "postgresql://reader@db.internal.invalid/people"),
    )
    live = "".join(block(name, "omop", place.format(folder)) for name, place in databases)
    (folder / "iccd.toml").write_text(f'[gateway]\ndata = "./data"\n{files}{live}', "utf-8")
    (folder / "bad.duckdb").write_bytes(b"no database" * 1000)
    duckdb.connect(str(folder / "empty.duckdb")).close()
    loaded = CliRunner().invoke(iccd, ["load", "--settings", str(folder / "iccd.toml"), "damaged", "vanished", "whole"])
    assert loaded.exit_code == 0, loaded.output
    for path in (folder / "data" / "snapshots" / "damaged").glob("*.duckdb"):
        path.write_bytes(b"no snapshot" * 1000)
    for path in (folder / "data" / "snapshots" / "vanished").glob("*.duckdb"):
        path.unlink()
    return folder / "iccd.toml"


@pytest.fixture(scope="module")
def client(settings: Path) -> Iterator[Client]:
    gateway = open_gateway(settings)
    yield Client(create_app(gateway))
    gateway.close()


ASKED = (
    "/fhir/Condition",
    "/fhir/Condition?_format=xml",
    "/fhir/Condition?require-complete=true",
    "/fhir/Condition/damaged.c1",
    "/fhir/Condition/omop-gone.c1",
    "/fhir/Organization",
    "/fhir/Endpoint",
    "/fhir/Observation",
    "/fhir/Measure/$evaluate-measure?periodStart=2010&periodEnd=2020",
    "/statistics/counts",
    "/statistics/counts?by=source",
    "/beacon/individuals",
    "/beacon/individuals/damaged.p1",
    "/beacon/datasets",
)


@pytest.mark.parametrize("path", ASKED)
def test_no_answer_names_a_file_or_server(client: Client, settings: Path, path: str) -> None:
    answer = client.get(path)
    for name in (*FILES, "hidden-folder", str(settings.parent), "snapshots", "iccd.toml", ".duckdb"):
        assert name not in answer.text, name


def test_a_question_that_leaves_broken_registries_out_is_answered_in_full(client: Client) -> None:
    """A registry that could not be opened, and that the question excludes, was read for records: a fault."""
    found = client.json("/fhir/Condition?_source=whole&_count=3")
    assert found["total"] > 0
    assert len(matches(found)) == 3
    assert client.json(f"/fhir/Condition/{matches(found)[0]['id']}") == matches(found)[0]


def test_each_broken_registry_is_named_with_what_is_wrong(settings: Path) -> None:
    gateway = open_gateway(settings)
    client = Client(create_app(gateway))
    body = client.json("/statistics/counts")
    said = {source["id"]: (source["status"], source["reason"]) for source in body["sources"]}
    assert said["whole"] == ("ok", None)
    assert {name: said[name][0] for name in NAMES} == dict.fromkeys(NAMES, "error")
    assert all(said[name][1] for name in NAMES)
    assert "damaged or cannot be opened" in said["damaged"][1]
    assert "is not there" in said["vanished"][1]
    assert "nothing is loaded yet" in said["never"][1]
    assert "No such file" in said["omop-gone"][1]
    told = {issue["diagnostics"] for issue in issues(client.json("/fhir/Condition")) if "diagnostics" in issue}
    gateway.close()
    assert {f"{name}: {said[name][1]}" for name in NAMES} <= told


def test_a_first_load_that_cannot_be_read_stops_no_other_registry(settings: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(settings.parent, folder)
    gateway = open_gateway(folder / "iccd.toml")
    client = Client(create_app(gateway))
    shutil.copytree(folder / "data" / "snapshots" / "damaged", folder / "data" / "snapshots" / "never")
    body = client.json("/statistics/counts")
    gateway.close()
    said = {source["id"]: (source["status"], source["reason"]) for source in body["sources"]}
    assert said["whole"] == ("ok", None)
    assert said["never"][0] == "error"
    assert "damaged or cannot be opened" in said["never"][1]


def test_the_log_names_the_file(settings: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        gateway = open_gateway(settings)
        client = Client(create_app(gateway))
        client.get("/statistics/counts")
        gateway.close()
    said = "\n".join(record.getMessage() for record in caplog.records)
    for name in ("snapshots/damaged", "gone.duckdb", "bad.duckdb", "db.internal.invalid"):
        assert name in said

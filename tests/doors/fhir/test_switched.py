"""Pages of files whose snapshot is switched while somebody reads them: never a mixture, each record once."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from click.testing import CliRunner

from gateway.app import create_app
from gateway.cli import iccd
from gateway.federation.opening import open_gateway
from tests.doors.fhir.client import Client, Json, issues, link_of, matches
from tests.doors.fhir.registries import PUBLIC_URL

SETTINGS = f"""
[gateway]
id = "org.example.switched"
title = "Switched"
data = "./data"
public_url = "{PUBLIC_URL}"
[sources.one]
kind = "tabular"
profile = "encr"
location = "one.csv"
country = "DE"
policy = "open"
[sources.two]
kind = "tabular"
profile = "encr"
location = "two.csv"
country = "FR"
policy = "open"
"""
CASES = 40


def run(*arguments: str) -> None:
    answer = CliRunner().invoke(iccd, [*arguments])
    assert answer.exit_code == 0, answer.output


def write(folder: Path, name: str, seed: int) -> None:
    made = folder / f"{name}-{seed}"
    run("synth", "--out", str(made), "--cases", str(CASES), "--seed", str(seed), "--format", "encr")
    (folder / f"{name}.csv").write_bytes(next(made.rglob("*.csv")).read_bytes())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "one", 1)
    write(tmp_path, "two", 2)
    (tmp_path / "iccd.toml").write_text(SETTINGS, "utf-8")
    run("load", "--settings", str(tmp_path / "iccd.toml"))
    return tmp_path


def switch(folder: Path, name: str, seed: int) -> None:
    """Load another file of a source, as its registry would."""
    write(folder, name, seed)
    run("load", name, "--settings", str(folder / "iccd.toml"), "--force")


def ids(client: Client, path: str) -> list[str]:
    return [item["id"] for page in client.pages(path) for item in matches(page)]


@pytest.mark.parametrize("count", [1, 7, 50, 1000])
def test_pages_of_one_search_never_mix_two_snapshots(folder: Path, count: int) -> None:
    gateway = open_gateway(folder / "iccd.toml")
    client = Client(create_app(gateway), "/fhir")
    before = ids(client, f"/Condition?_count={count}")
    assert len(before) == len(set(before)) == client.json("/Condition?_summary=count")["total"]
    page = client.json(f"/Condition?_count={count}")
    seen = [item["id"] for item in matches(page)]
    switch(folder, "two", 3)
    gone = None
    while link := link_of(page, "next"):
        parts = urlsplit(link)
        answer = client.get(f"{parts.path.removeprefix('/fhir')}?{parts.query}")
        if answer.status_code != 200:
            gone = answer
            break
        page = answer.json()
        seen += [item["id"] for item in matches(page)]
    if gone is None:
        assert seen == before
    else:
        assert gone.status_code == 410
        assert issues(gone.json())[0]["location"] == ["http._cursor"]
        assert seen == before[: len(seen)]
    fresh = ids(client, f"/Condition?_count={count}")
    assert len(fresh) == len(set(fresh)) == client.json("/Condition?_summary=count")["total"]
    assert fresh != before
    gateway.close()


KEPT = (
    "Condition?_count=3&_elements=code,subject",
    "Condition?_count=3&_summary=true&_total=accurate",
    "Condition?_count=3&_format=json&_include=Condition:subject&_revinclude=Observation:focus",
    "Condition?_count=3&_sort=-onset-date&patient.gender=male,female&onset-date=ge2005&onset-date=lt2030",
    "Condition?_count=3&code:not=http://terminology.hl7.org/CodeSystem/iccc-3|IV(a)&onset-date:missing=false",
    "Patient?_count=3&_has:Condition:subject:behaviour=3&_pretty=true",
    "Observation?_count=3&_include=Observation:subject",
)


def pairs(link: str) -> list[tuple[str, str]]:
    return [pair for pair in parse_qsl(urlsplit(link).query) if pair[0] != "_cursor"]


@pytest.mark.parametrize("query", KEPT)
def test_every_next_link_keeps_every_parameter(folder: Path, query: str) -> None:
    gateway = open_gateway(folder / "iccd.toml")
    client = Client(create_app(gateway), "/fhir")
    asked = sorted(parse_qsl(query.partition("?")[2]))
    read: list[Json] = []
    for page in client.pages(f"/{query}"):
        read.append(page)
        for relation in ("self", "next"):
            link = link_of(page, relation)
            assert link is None or sorted(pairs(link)) == asked
            assert link is None or link.startswith(f"{PUBLIC_URL}/fhir/{query.partition('?')[0]}?")
    assert len(read) > 3
    gateway.close()

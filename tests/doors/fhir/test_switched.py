"""Pages of files whose snapshot is switched while somebody reads them: never a mixture, each record once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
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
CASES = 60
"""Tumours of each of the two registries."""
FORM = {"content-type": "application/x-www-form-urlencoded"}


def run(*arguments: str) -> None:
    answer = CliRunner().invoke(iccd, [*arguments])
    assert answer.exit_code == 0, answer.output


def write(folder: Path, name: str, seed: int) -> None:
    made = folder / f"{name}-{seed}"
    run("synth", "--out", str(made), "--cases", str(CASES), "--seed", str(seed), "--format", "encr")
    (folder / f"{name}.csv").write_bytes(next(made.rglob("*.csv")).read_bytes())


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two registries as they are at first, for reading alone."""
    folder = tmp_path_factory.mktemp("switched")
    write(folder, "one", 1)
    write(folder, "two", 2)
    (folder / "iccd.toml").write_text(SETTINGS, "utf-8")
    run("load", "--settings", str(folder / "iccd.toml"))
    return folder


@pytest.fixture(scope="module")
def client(loaded: Path) -> Iterator[Client]:
    """The door over registries that nobody switches."""
    gateway = open_gateway(loaded / "iccd.toml")
    yield Client(create_app(gateway), "/fhir")
    gateway.close()


@pytest.fixture
def folder(loaded: Path, tmp_path: Path) -> Path:
    """A copy of them whose data may be switched."""
    return shutil.copytree(loaded, tmp_path / "copy")


def switch(folder: Path, name: str, seed: int) -> None:
    """Load another file of a source, as its registry would."""
    write(folder, name, seed)
    run("load", name, "--settings", str(folder / "iccd.toml"), "--force")


def ids(client: Client, path: str) -> list[str]:
    return [item["id"] for page in client.pages(path) for item in matches(page)]


@pytest.mark.parametrize("kind", ["Condition", "Patient"])
@pytest.mark.parametrize("count", [1, 7, 50, 1000])
def test_pages_of_one_search_never_mix_two_snapshots(folder: Path, kind: str, count: int) -> None:
    gateway = open_gateway(folder / "iccd.toml")
    client = Client(create_app(gateway), "/fhir")
    path = f"/{kind}?_count={count}"
    before = ids(client, path)
    assert len(before) == len(set(before)) == client.json(f"/{kind}?_summary=count")["total"] > CASES
    page = client.json(path)
    seen = [item["id"] for item in matches(page)]
    while len(seen) < len(before) // 2:
        page = client.follow(str(link_of(page, "next")))
        seen += [item["id"] for item in matches(page)]
    switch(folder, "two", 3)
    gone = None
    while link := link_of(page, "next"):
        assert link.startswith(f"{PUBLIC_URL}/fhir/")
        answer = client.get(link.removeprefix(f"{PUBLIC_URL}/fhir"))
        if answer.status_code != 200:
            gone = answer
            break
        page = answer.json()
        seen += [item["id"] for item in matches(page)]
    if gone is None:
        assert seen == before
    else:
        assert gone.status_code == 410
        assert gone.json()["resourceType"] == "OperationOutcome"
        assert issues(gone.json())[0]["location"] == ["http._cursor"]
        assert seen == before[: len(seen)]
    fresh = ids(client, path)
    assert len(fresh) == len(set(fresh)) == client.json(f"/{kind}?_summary=count")["total"]
    assert fresh != before
    gateway.close()


@pytest.mark.parametrize("query", ["Condition?_source=one", "Patient?_source:not=two", "Observation?_source=one"])
def test_a_registry_that_a_search_leaves_out_may_be_loaded_anew(folder: Path, query: str) -> None:
    gateway = open_gateway(folder / "iccd.toml")
    client = Client(create_app(gateway), "/fhir")
    whole = ids(client, f"/{query}&_count=1000")
    page = client.json(f"/{query}&_count=7")
    seen = [item["id"] for item in matches(page)]
    switch(folder, "two", 3)
    while link_of(page, "next"):
        page = client.follow(str(link_of(page, "next")))
        seen += [item["id"] for item in matches(page)]
    assert seen == whole
    gateway.close()


KEPT = (
    "Condition?_count=3&_elements=code,subject",
    "Condition?_count=3&_summary=true&_total=accurate",
    "Condition?_count=3&_format=json&_include=Condition:subject&_revinclude=Observation:focus",
    "Condition?_count=3&_sort=-onset-date&patient.gender=male,female&onset-date=ge2005&onset-date=lt2030",
    "Condition?_count=3&code:not=http://terminology.hl7.org/CodeSystem/iccc-3|IV(a)&onset-date:missing=false",
    "Patient?_count=3&_has:Condition:subject:behaviour=3&_pretty=true",
    "Condition?_count=3&_total=none&_format=application/fhir%2Bjson&_include=Condition:subject&_elements=code"
    "&patient.gender:not=unknown&patient.gender:not=other&behaviour:not=0&behaviour:not=1&_source=one,two",
    "Condition?_count=3&_summary=data&code:in=http://terminology.hl7.org/CodeSystem/iccc-3?fhir_vs"
    "&code:text=tumours,leukemias&code:below=http://terminology.hl7.org/CodeSystem/iccc-3|I,"
    "http://terminology.hl7.org/CodeSystem/iccc-3|III",
    "Patient?_count=3&_summary=false&_sort=_id&_total=estimate&gender:not=other&gender:not=unknown",
    "Observation?_count=3&_include=Observation:subject",
    "Observation?_count=3&_include=Observation:subject&_include=Observation:focus&_elements=value&status=final",
)


def pairs(link: str) -> list[tuple[str, str]]:
    return [pair for pair in parse_qsl(urlsplit(link).query) if pair[0] != "_cursor"]


@pytest.mark.parametrize("query", KEPT)
def test_every_next_link_keeps_every_parameter(client: Client, query: str) -> None:
    asked = sorted(parse_qsl(query.partition("?")[2]))
    read: list[Json] = []
    for page in client.pages(f"/{query}"):
        read.append(page)
        for relation in ("self", "next"):
            link = link_of(page, relation)
            assert link is None or sorted(pairs(link)) == asked
            assert link is None or link.startswith(f"{PUBLIC_URL}/fhir/{query.partition('?')[0]}?")
    assert len(read) > 3


@pytest.mark.parametrize("query", KEPT)
def test_the_next_link_of_a_posted_search_is_that_of_the_same_search_by_get(client: Client, query: str) -> None:
    kind, _, form = query.partition("?")
    posted = client.request("POST", f"/{kind}/_search", content=form, headers=FORM).json()
    got = client.json(f"/{query}")
    for relation in ("self", "next"):
        assert sorted(pairs(str(link_of(posted, relation)))) == sorted(pairs(str(link_of(got, relation))))
    following = client.follow(str(link_of(posted, "next")))
    assert matches(following) == matches(client.follow(str(link_of(got, "next"))))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Patient", "_id"),
        ("Patient", "identifier"),
        ("Condition", "_id"),
        ("Condition", "subject"),
        ("Condition", "patient"),
        ("Condition", "patient:identifier"),
        ("Condition", "patient._id"),
        ("Condition", "patient.identifier"),
        ("Condition", "subject:Patient.identifier"),
        ("Observation", "_id"),
        ("Observation", "subject"),
        ("Observation", "patient.identifier"),
        ("Observation", "focus"),
    ],
)
def test_no_id_of_a_record_that_came_by_post_is_in_a_link(client: Client, kind: str, name: str) -> None:
    of = "Condition" if name == "focus" else kind if name == "_id" else "Patient"
    asked = ids(client, f"/{of}?_count=1000")[:4]
    form = f"{name}={','.join(asked)}&_total=accurate"
    whole = client.request("POST", f"/{kind}/_search", content=f"{form}&_count=1000", headers=FORM)
    assert whole.status_code == 200, whole.text
    assert matches(whole.json())
    links = [link["url"] for link in whole.json()["link"]]
    assert not [link for link in links for each in asked if each in link]
    assert all("_total=accurate" in link for link in links)
    cut = client.request("POST", f"/{kind}/_search", content=f"{form}&_count=1", headers=FORM)
    assert cut.status_code == 400
    assert issues(cut.json())[0]["location"] == [f"http.{name}"]

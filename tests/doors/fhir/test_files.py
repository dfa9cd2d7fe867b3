"""The door over registries that were loaded from files: synthetic ones, in two formats of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.app import create_app
from gateway.cli import iccd
from gateway.federation.opening import open_gateway
from tests.doors.fhir.client import Client, bounds, matches
from tests.doors.fhir.registries import PUBLIC_URL
from tests.doors.fhir.validation import OfficialSchemas, model_faults

ICCC = "http://terminology.hl7.org/CodeSystem/iccc-3"
SETTINGS = f"""
[gateway]
id = "org.example.files"
title = "Files"
data = "./data"
public_url = "{PUBLIC_URL}"
[sources.encr]
kind = "tabular"
profile = "encr"
location = "encr.csv"
country = "DE"
policy = "open"
[sources.naaccr]
kind = "naaccr_xml"
location = "naaccr_xml.xml"
country = "US"
policy = "open"
[sources.counts]
kind = "tabular"
profile = "seer-style"
location = "seer_style.csv"
country = "FR"
policy = "count"
"""


def run(*arguments: str) -> None:
    answer = CliRunner().invoke(iccd, [*arguments])
    assert answer.exit_code == 0, answer.output


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder: Path = tmp_path_factory.mktemp("files")
    run("synth", "--out", str(folder), "--cases", "500", "--seed", "7")
    (folder / "iccd.toml").write_text(SETTINGS, "utf-8")
    run("load", "--settings", str(folder / "iccd.toml"))
    gateway = open_gateway(folder / "iccd.toml")
    assert not gateway.broken
    yield Client(create_app(gateway), "/fhir")
    gateway.close()


@pytest.mark.parametrize("query", [f"code={ICCC}|I", f"code={ICCC}|IV(a)&age-at-diagnosis=lt15", "patient.gender=male"])
def test_every_certain_case_of_the_files_comes_once(files: Client, query: str) -> None:
    pages = list(files.pages(f"/Condition?_source=encr,naaccr&{query}&_count=37"))
    names = [resource["id"] for page in pages for resource in matches(page)]
    assert len(names) == len(set(names)) == bounds(pages[0])[0] > 0
    everywhere = bounds(files.json(f"/Condition?_summary=count&{query}"))
    assert everywhere[0] >= len(names)


def test_records_of_files_are_valid_in_both_formats(files: Client, official: OfficialSchemas) -> None:
    for path in ("/Condition?_count=1000", "/Patient?_count=1000"):
        body = files.json(path)
        assert len(matches(body)) > 400
        assert official.json_faults(body) == []
        assert model_faults(body) == []
        assert official.xml_faults(files.get(f"{path}&_format=xml").content) == []


def test_a_record_is_read_by_its_id_and_leads_to_its_patient(files: Client) -> None:
    for resource in matches(files.json("/Condition?_count=5")):
        assert files.json(f"/Condition/{resource['id']}") == resource
        person = files.json(f"/{resource['subject']['reference']}")
        again = files.json(f"/Patient?_id={person['id']}")
        assert matches(again) == [person]
        assert again["total"] == 1


def test_a_registry_that_gives_counts_alone_gives_no_record(files: Client) -> None:
    assert {
        resource["meta"]["source"].rpartition("/")[2] for resource in matches(files.json("/Condition?_count=1000"))
    } == {
        "encr",
        "naaccr",
    }
    assert files.get("/Condition/counts.0123").status_code == 403

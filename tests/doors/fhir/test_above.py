"""`:above` on morphologies gives the Conditions that carry the code or the one above it, no more and no fewer."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace

import pytest
from click.testing import CliRunner

from gateway.cli import iccd
from gateway.doors.fhir import create
from gateway.federation.opening import open_gateway
from gateway.model.case import Diagnosis
from gateway.model.values import Absent
from tests.doors.fhir.client import Client, Json, bounds, matches
from tests.doors.fhir.registries import PUBLIC_URL, gateway_of, make_cases, registry

ICDO = "http://terminology.hl7.org/CodeSystem/icd-o-3"
SETTINGS = f"""
[gateway]
id = "org.example.above"
title = "Above"
data = "./data"
public_url = "{PUBLIC_URL}"
[sources.one]
kind = "tabular"
profile = "encr"
location = "one.csv"
country = "DE"
policy = "open"
"""
# Other codes narrow what is open on the axes, and must not decide what was recorded.
NARROWED = (
    Diagnosis("C74.9", 9500, Absent.UNKNOWN, icd10="C74.9"),
    Diagnosis(Absent.UNKNOWN, 9500, Absent.NOT_COLLECTED),
    Diagnosis(Absent.UNKNOWN, 9500, 1),
    Diagnosis("C74.9", Absent.UNKNOWN, Absent.UNKNOWN, iccc="2017:IV(a)"),
    Diagnosis("C71.9", 9421, Absent.UNKNOWN),
)


@pytest.fixture(scope="module")
def listed() -> Client:
    """Cases in memory, some without behaviour or morphology."""
    cases = make_cases("one", "FR", 150, 7)
    odd = [
        replace(case, diagnosis=NARROWED[index % len(NARROWED)]) if index % 3 else case
        for index, case in enumerate(cases)
    ]
    return Client(create(gateway_of(registry("one", "FR", odd))))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A snapshot of a file in which every third tumour has no behaviour."""
    folder = tmp_path_factory.mktemp("above")
    run("synth", "--out", str(folder), "--cases", "90", "--seed", "4", "--format", "encr")
    with (folder / "encr.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    with (folder / "one.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(row | {"Beh": ""} if index % 3 == 0 else row for index, row in enumerate(rows))
    (folder / "iccd.toml").write_text(SETTINGS, "utf-8")
    run("load", "--settings", str(folder / "iccd.toml"), "--force")
    gateway = open_gateway(folder / "iccd.toml")
    yield Client(create(gateway))
    gateway.close()


def run(*arguments: str) -> None:
    answer = CliRunner().invoke(iccd, [*arguments])
    assert answer.exit_code == 0, answer.output


def morphology(condition: Json) -> str | None:
    """Morphology among the served codings of Condition.code."""
    codings = condition["code"].get("coding", [])
    return next((each["code"] for each in codings if each["system"] == ICDO), None)


@pytest.mark.parametrize("fixture", ["client", "listed", "loaded"])
def test_it_gives_what_carries_the_code_or_the_one_above_it(fixture: str, request: pytest.FixtureRequest) -> None:
    client: Client = request.getfixturevalue(fixture)
    served = {item["id"]: morphology(item) for page in client.pages("/Condition?_count=1000") for item in matches(page)}
    codes = {code for code in served.values() if code}
    alone = {code for code in codes if "/" not in code}
    assert alone
    assert codes - alone
    asked = codes | {f"{code}/{behaviour}" for code in alone for behaviour in (1, 3)}
    for code in sorted(asked | {each.partition("/")[0] for each in codes}):
        wanted = {name for name, found in served.items() if found in {code, code.partition("/")[0]}}
        for query in (f"morphology:above={code}", f"morphology:above={ICDO}|{code}", f"code:above={ICDO}|{code}"):
            page = client.json(f"/Condition?_count=1000&{query}")
            assert {item["id"] for item in matches(page)} == wanted, query
            assert bounds(page) == (len(wanted), len(wanted)), query


def test_several_codes_and_the_way_back_from_the_patient(listed: Client) -> None:
    both = listed.json("/Condition?_count=1000&morphology:above=9500/3,9421/1")
    each = [listed.json(f"/Condition?_count=1000&morphology:above={code}") for code in ("9500/3", "9421/1")]
    assert {item["id"] for item in matches(both)} == {item["id"] for page in each for item in matches(page)}
    people = listed.json("/Patient?_count=1000&_has:Condition:subject:morphology:above=9500/3,9421/1")
    subjects = {item["subject"]["reference"] for item in matches(both)}
    assert {f"Patient/{item['id']}" for item in matches(people)} == subjects


def test_another_spelling_is_the_same_code(listed: Client) -> None:
    totals = {
        listed.json(f"/Condition?_summary=count&morphology:above={code}")["total"] for code in ("9500/3", "95003")
    }
    assert len(totals) == 1
    assert totals != {0}


@pytest.mark.parametrize(
    "query",
    [
        "code:above=http://terminology.hl7.org/CodeSystem/iccc-3|IV(a)",
        "code:above=http://hl7.org/fhir/sid/icd-10|C74.9",
        f"code:above={ICDO}|C74.9",
        f"body-site:above={ICDO}|C74.9",
        "topography:above=C74.9",
        "iccc-group:above=IV(a)",
        "behaviour:above=3",
    ],
)
def test_what_cannot_be_told_exactly_is_refused_by_name(listed: Client, query: str) -> None:
    refused = listed.json(f"/Condition?{query}", 400)
    assert refused["issue"][0]["code"] == "not-supported"
    assert refused["issue"][0]["location"] == [f"http.{query.partition('=')[0]}"]

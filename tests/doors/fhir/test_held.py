"""Read and search of resources that the door holds itself, through the real types."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

import pytest

from gateway.doors.fhir import create
from gateway.errors import SourceUnavailable
from tests.doors.fhir.client import Client, issues, link_of, matches
from tests.doors.fhir.registries import gateway_of, make_cases, registry
from tests.doors.fhir.validation import OfficialSchemas

ICCC3 = "http://terminology.hl7.org/CodeSystem/iccc-3"
ICDO3 = "http://terminology.hl7.org/CodeSystem/icd-o-3"
OWN = "https://w3id.org/iccd/fhir"


def found(client: Client, query: str, kind: str = "CodeSystem") -> list[str]:
    return sorted(item["id"] for item in matches(client.json(f"/{kind}?_count=1000&{query}")))


def every(client: Client, kind: str = "CodeSystem") -> list[str]:
    return found(client, "", kind)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        (f"url={ICCC3}", ["iccc-3", "iccc-3-2005", "iccc-3-who2008"]),
        (f"url={ICCC3},{OWN}/CodeSystem/laterality", ["iccc-3", "iccc-3-2005", "iccc-3-who2008", "laterality"]),
        (f"url={ICCC3}&version=2005", ["iccc-3-2005"]),
        ("url=http://example.org/none", []),
        ("version=3.2", ["icd-o-3"]),
        ("version=3.0,3.2", ["icd-o-3", "icd-o-3-3.0"]),
        ("_id=laterality,ncit", ["laterality", "ncit"]),
        ("name=iccc", ["iccc-3", "iccc-3-2005", "iccc-3-who2008"]),
        ("name:exact=ICCC_3", ["iccc-3"]),
        ("name:exact=iccc_3", []),
        ("name:contains=CM", ["icd-10-cm"]),
        ("title:contains=childhood", ["iccc-3", "iccc-3-2005", "iccc-3-who2008"]),
        ("title=Cancer", []),
        ("content-mode=fragment", ["icd-10", "icd-10-cm", "ncit", "omop", "stage", "staging-system"]),
        ("code=C74.9,IV(a)&content-mode=complete&version=2005,3.0", ["iccc-3-2005", "icd-o-3-3.0"]),
    ],
)
def test_a_search_finds_what_its_parameters_say(client: Client, query: str, ids: list[str]) -> None:
    assert found(client, query) == ids


@pytest.mark.parametrize("kind", ["CodeSystem", "ValueSet", "SearchParameter", "NamingSystem"])
def test_not_is_the_rest(client: Client, kind: str) -> None:
    every_id = every(client, kind)
    assert found(client, "status=active", kind) == every_id
    assert found(client, "status:not=active", kind) == []
    assert found(client, "status=draft", kind) == []
    if kind == "CodeSystem":
        rest = found(client, "content-mode:not=fragment", kind)
        assert sorted([*rest, *found(client, "content-mode=fragment")]) == every_id
        assert found(client, "content-mode:not=fragment,complete") == []


def test_missing_tells_apart_what_has_no_value(client: Client) -> None:
    without = found(client, "version:missing=true")
    assert without == ["icd-10", "icd-10-cm", "ncit", "omop"]
    assert sorted([*without, *found(client, "version:missing=false")]) == every(client)
    assert client.get("/CodeSystem?version:missing=maybe").status_code == 400


def test_a_uri_is_whole_and_below_takes_what_is_under_it(client: Client) -> None:
    assert found(client, f"url={OWN}") == []
    own = sorted(
        item["id"]
        for item in matches(client.json("/CodeSystem?_count=1000"))
        if item["url"].startswith(f"{OWN}/CodeSystem/")
    )
    assert found(client, f"url:below={OWN}/CodeSystem") == own
    assert "laterality" in own
    assert found(client, f"url:below={OWN}/Code") == []


@pytest.mark.parametrize(
    ("date", "some"),
    [
        ("2026-11-23", True),
        ("2026-11", True),
        ("2026", True),
        ("ge2026-11-23", True),
        ("gt2026-11-23", False),
        ("lt2026-11-23", False),
        ("le2026", True),
        ("sa2025", True),
        ("eb2026", False),
        ("ne2026-11-24", True),
        ("ap2026-11", True),
        ("2025", False),
        ("2025,2026", True),
    ],
)
def test_a_date_has_prefixes_and_partial_precision(client: Client, date: str, some: bool) -> None:
    assert bool(found(client, f"_id=laterality&date={date}")) is some


def test_a_reference_is_the_canonical_or_its_end(client: Client) -> None:
    base = "http://hl7.org/fhir/OperationDefinition/ValueSet-expand"
    assert found(client, f"base={base}", "OperationDefinition") == ["ValueSet-expand"]
    assert found(client, "base=OperationDefinition/ValueSet-expand", "OperationDefinition") == ["ValueSet-expand"]
    assert found(client, "base=expand", "OperationDefinition") == []


def test_a_token_may_say_its_system(client: Client) -> None:
    of_group = found(client, f"code={ICCC3}|IV(a)", "ValueSet")
    assert "iccc-3-IVa" in of_group
    assert found(client, "code=IV(a)", "ValueSet") == of_group
    assert found(client, f"code={ICDO3}|IV(a)", "ValueSet") == []
    assert "laterality" not in found(client, f"code={ICCC3}|", "ValueSet")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("unheard=1", "unheard"),
        ("name:below=x", "name:below"),
        ("url:text=x", "url:text"),
        ("status:in=x", "status:in"),
        ("_include=CodeSystem:x", "_include"),
        ("subject=1", "subject"),
    ],
)
def test_what_is_not_served_is_refused_by_name_and_ignored_by_name_if_lenient(
    client: Client, official: OfficialSchemas, query: str, name: str
) -> None:
    refused = client.get(f"/CodeSystem?{query}")
    assert refused.status_code == 400
    assert refused.json()["issue"][0]["location"] == [f"http.{name}"]
    body = client.get(f"/CodeSystem?{query}&version=3.2", headers={"Prefer": "handling=lenient"}).json()
    assert [item["id"] for item in matches(body)] == ["icd-o-3"]
    assert [item["location"] for item in issues(body)] == [[f"http.{name}"]]
    assert name not in (link_of(body, "self") or "")
    assert official.json_faults(body) == []


@pytest.mark.parametrize(
    "query", ["name=", "date=yesterday", "_count=x", "_cursor=x", "_total=some", "version:missing="]
)
def test_a_value_that_cannot_be_read_is_refused_lenient_or_not(client: Client, query: str) -> None:
    for headers in ({}, {"Prefer": "handling=lenient"}):
        answer = client.get(f"/CodeSystem?{query}", headers=headers)
        assert answer.status_code == 400
        assert answer.json()["issue"][0]["location"][0].startswith("http.")


@pytest.mark.parametrize("count", [1, 7, 100])
def test_pages_give_each_resource_once_and_keep_every_parameter(client: Client, count: int) -> None:
    whole = matches(client.json("/ValueSet?_count=1000&url:below=https://w3id.org/iccd&status=active"))
    pages = list(client.pages(f"/ValueSet?_count={count}&url:below=https://w3id.org/iccd&status=active&name=ICCC_3_I"))
    ids = [item["id"] for page in pages for item in matches(page)]
    wanted = [item["id"] for item in whole if item["name"].startswith("ICCC_3_I")]
    assert ids == wanted
    assert {page["total"] for page in pages} == {len(wanted)}
    for page in pages[:-1]:
        following = link_of(page, "next") or ""
        assert "status=active" in following
        assert f"_count={count}" in following
    assert link_of(pages[-1], "next") is None


def test_a_count_has_no_entries_and_a_total_can_be_left_out(client: Client) -> None:
    counted = client.json("/CodeSystem?_summary=count")
    assert counted["total"] == len(every(client))
    assert "entry" not in counted
    assert "total" not in client.json("/CodeSystem?_total=none")
    assert client.json("/CodeSystem?_count=0").get("entry") is None


def test_a_post_asks_the_same(client: Client) -> None:
    form = urlencode({"url": ICCC3, "version": "2005"})
    headers = {"content-type": "application/x-www-form-urlencoded"}
    posted = client.request("POST", "/CodeSystem/_search", content=form, headers=headers).json()
    assert [item["id"] for item in matches(posted)] == ["iccc-3-2005"]


def test_a_read_knows_its_id_alone(client: Client) -> None:
    assert client.json("/CodeSystem/laterality")["id"] == "laterality"
    for path in ("/CodeSystem/none", "/ValueSet/none", "/NamingSystem/none", "/OperationDefinition/none"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["resourceType"]) == (404, "OperationOutcome")
    assert client.get("/CodeSystem/laterality?name=x").status_code == 400


@pytest.mark.parametrize(
    ("asked", "bare"),
    [
        ("CodeSystem?status=http://hl7.org/fhir/publication-status|active", "CodeSystem?status=active"),
        ("ConceptMap?status=http://hl7.org/fhir/publication-status|active", "ConceptMap?status=active"),
        ("OperationDefinition?kind=http://hl7.org/fhir/operation-kind|operation", "OperationDefinition?kind=operation"),
        ("CodeSystem?code=http://terminology.hl7.org/CodeSystem/iccc-3|IV(a)", "CodeSystem?code=IV(a)"),
        ("NamingSystem?kind=http://hl7.org/fhir/namingsystem-type|codesystem", "NamingSystem?kind=codesystem"),
    ],
)
def test_a_code_is_found_with_the_system_of_its_binding(client: Client, asked: str, bare: str) -> None:
    found = client.json(f"/{asked}&_summary=count")["total"]
    assert found == client.json(f"/{bare}&_summary=count")["total"] > 0
    assert client.json(f"/{asked.replace('=http://', '=http://other.', 1)}&_summary=count")["total"] == 0


@pytest.mark.parametrize(
    "time",
    ["T99:99:99Z", "T24:00:00Z", "T12:60Z", "T12:00:61Z", "T12Z", "T12:00:00+15:00", "T12:00:00 02:00", "T", "T:"],
)
def test_a_time_of_day_that_does_not_exist_is_refused(client: Client, time: str) -> None:
    refused = client.json(f"/ValueSet?{urlencode({'date': f'ge2020-01-01{time}'})}", 400)
    assert refused["issue"][0]["location"] == ["http.date"]


@pytest.mark.parametrize("time", ["T12:00", "T23:59:59Z", "T00:00:00.000Z", "T12:00:00+14:00", "T12:00-05:00"])
def test_a_time_of_day_is_taken(client: Client, time: str) -> None:
    assert client.json(f"/ValueSet?{urlencode({'date': f'ge2020-01-01{time}'})}")["total"] > 0


@pytest.mark.parametrize("cursor", ["-1", "1.5", "1e3", "9999999", "9" * 400, "x", "\u0661", "+1", " ", "0x1"])
@pytest.mark.parametrize("kind", ["ValueSet", "CodeSystem", "Organization", "Measure"])
def test_a_page_that_no_link_has_is_refused(client: Client, kind: str, cursor: str) -> None:
    refused = client.json(f"/{kind}?{urlencode({'_cursor': cursor})}", 400)
    assert refused["issue"][0]["location"] == ["http._cursor"]


@pytest.mark.parametrize(("asked", "applied"), [("5000", "1000"), ("1000", "1000"), ("007", "7"), ("0", "0")])
def test_the_self_link_tells_the_count_that_was_applied(client: Client, asked: str, applied: str) -> None:
    link = link_of(client.json(f"/ValueSet?_count={asked}"), "self") or ""
    assert link.endswith(f"/ValueSet?_count={applied}")


def test_a_page_token_is_signed_and_of_its_question(client: Client) -> None:
    page = client.json("/StructureDefinition?_count=2")
    link = str(link_of(page, "next"))
    token = link.partition("_cursor=")[2]
    assert matches(client.json(f"/StructureDefinition?_count=2&_cursor={token}"))
    changed = f"{token[:-1]}{'A' if token[-1] != 'A' else 'B'}"
    for other in (changed, "2", "999", f"{token}0", "-1", "..", "2.ü.ü", "2\u0660"):
        answer = client.get(f"/StructureDefinition?_count=2&_cursor={other}")
        assert answer.status_code in (400, 410), other
        assert issues(answer.json())[0]["location"] == ["http._cursor"]
    assert client.get(f"/StructureDefinition?_count=2&status=active&_cursor={token}").status_code == 400


@pytest.mark.parametrize("kind", ["Group", "Library"])
def test_registries_that_did_not_answer_are_named_beside_what_is_made_of_their_counts(kind: str) -> None:
    fine = registry("fine", "FR", make_cases("fine", "FR", 30, 1))
    gone = registry("gone", "DE", [], error=SourceUnavailable("the database cannot be reached"))
    found = Client(create(gateway_of(fine, gone))).json(f"/{kind}?_count=1000")
    assert any("source gone" in issue["details"]["text"] for issue in issues(found))
    assert {entry["search"]["mode"] for entry in found["entry"]} == {"match", "outcome"}


def test_a_page_of_cohorts_is_gone_when_a_registry_was_loaded_anew() -> None:
    one = registry("one", "FR", make_cases("one", "FR", 30, 1))
    client = Client(create(gateway_of(one)))
    link = str(link_of(client.json("/Group?_count=7"), "next"))
    one.ability = replace(one.ability, snapshot="one-2")
    answer = client.get(link.partition("/fhir")[2])
    assert answer.status_code == 410
    assert issues(answer.json())[0]["location"] == ["http._cursor"]

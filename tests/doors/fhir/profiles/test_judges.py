"""Judges of other projects: what leaves the door passes them, each sees the faults it can see, XML says what JSON says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.doors.fhir.definitions import conformance_resources, examples, guide
from tests.doors.fhir.client import Client, matches
from tests.doors.fhir.profiles.conftest import Judge
from tests.doors.fhir.profiles.faults import FAULTS, JUDGES

Json = dict[str, Any]
DOCS = Path(__file__).parents[4] / "docs" / "doors" / "fhir-profiles.md"
PAGE = 40
IN_NODE = {"medplum": "medplum", "npm fhir": "fhir"}


@pytest.fixture(scope="module")
def leaving(client: Client) -> list[Json]:
    """A page of every type that is made from cases, and the examples."""
    kinds = [kind for kind in ("Condition", "Patient", "Observation") if client.get(f"/{kind}").status_code == 200]
    found = [each for kind in kinds for each in matches(client.json(f"/{kind}?_count={PAGE}"))]
    return [*found, *(dict(each) for each in examples().values())]


def own_claims(resource: Json) -> list[str]:
    return [url for url in resource.get("meta", {}).get("profile", ()) if url.startswith(guide().canonical)]


def test_medplum_finds_nothing_in_what_leaves(leaving: list[Json], node_judge: Judge) -> None:
    tasks = [{"tool": "medplum", "resource": each} for each in leaving]
    tasks += [{"tool": "medplum", "resource": each, "profile": url} for each in leaving for url in own_claims(each)]
    assert len(tasks) > 2 * PAGE
    assert [found for found in node_judge(tasks) if found] == []


def test_npm_fhir_finds_nothing_in_what_leaves(leaving: list[Json], node_judge: Judge) -> None:
    assert [found for found in node_judge([{"tool": "fhir", "resource": each} for each in leaving]) if found] == []


def test_fhircraft_finds_nothing_in_what_leaves_and_exactly_the_faults_it_is_said_to_see(
    leaving: list[Json], fhircraft: Judge
) -> None:
    planted = {fault: each.resource() for fault, each in FAULTS.items()}
    tasks = [{"resource": each, "profile": own_claims(each)[0]} for each in planted.values()]
    tasks += [{"resource": each, "profile": url} for each in leaving for url in own_claims(each)]
    found = fhircraft(tasks)
    of_faults = dict(zip(planted, found[: len(planted)], strict=True))
    assert {fault for fault, findings in of_faults.items() if findings} == _seen_by("fhircraft")
    assert [findings for findings in found[len(planted) :] if findings] == []


def test_each_judge_of_node_sees_exactly_the_faults_it_is_said_to_see(node_judge: Judge) -> None:
    for name, tool in IN_NODE.items():
        planted = {fault: each.resource() for fault, each in FAULTS.items()}
        tasks = [{"tool": tool, "resource": each, "profile": own_claims(each)[0]} for each in planted.values()]
        found = dict(zip(planted, node_judge(tasks), strict=True))
        assert {fault for fault, findings in found.items() if findings} == _seen_by(name), name


def _seen_by(judge: str) -> set[str]:
    return {fault for fault, each in FAULTS.items() if judge in each.seen_by}


def test_the_docs_say_which_judge_sees_which_fault() -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in DOCS.read_text("utf-8").splitlines()]
    head = rows.index(["planted fault", *JUDGES])
    table = {
        row[0]: {judge for judge, cell in zip(JUDGES, row[1:], strict=True) if cell == "x"}
        for row in rows[head + 2 : head + 2 + len(FAULTS)]
    }
    assert table == {fault: set(each.seen_by) for fault, each in FAULTS.items()}


def test_xml_says_what_json_says_for_every_type_by_npm_fhir(client: Client, node_judge: Judge) -> None:
    """Criterion: JSON and XML of the same resource are equal after conversion."""
    paths = _paths(client)
    xml = [client.get(path, headers={"accept": "application/fhir+xml"}).text for path in paths]
    converted = node_judge([{"tool": "convert", "xml": document} for document in xml])
    for path, from_xml in zip(paths, converted, strict=True):
        assert _comparable(from_xml) == _comparable(client.get(path).json()), path


def _paths(client: Client) -> list[str]:
    """A search of every type that is searched, a read of each definition, operations, errors."""
    (rest,) = client.json("/metadata")["rest"]
    searched = [
        f"/{kind['type']}?_count={PAGE}"
        for kind in rest["resource"]
        if {"code": "search-type"} in kind.get("interaction", ())
    ]
    first = dict(conformance_resources().keys())
    reads = [f"/{kind}/{name}" for kind, name in first.items()]
    iccc3 = "system=http://terminology.hl7.org/CodeSystem/iccc-3&code=IV(a)"
    operations = [
        f"/CodeSystem/$lookup?{iccc3}",
        "/CodeSystem/$validate-code?url=http://terminology.hl7.org/CodeSystem/iccc-3&code=IV(a)",
        f"/ValueSet/$expand?url={guide().canonical}/ValueSet/iccc-3-IVa",
        "/$versions",
        "/Measure/incidence/$evaluate-measure?periodStart=2010&periodEnd=2012&stratifier=sex",
    ]
    errors = ["/Condition?foo=1", "/nothing", "/Condition/none.c1"]
    return ["/metadata", "/metadata?mode=terminology", *searched, *reads, *operations, *errors]


def _comparable(element: Any) -> Any:
    """Without what differs between two requests: the time of an answer, the time and id of an expansion."""
    if isinstance(element, list):
        return [_comparable(item) for item in element]
    if not isinstance(element, dict):
        return element
    kept = {name: _comparable(value) for name, value in element.items() if name != "lastUpdated"}
    if kept.get("resourceType") == "MeasureReport":
        kept.pop("date")
    if "expansion" in kept:
        kept["expansion"] = {
            name: value for name, value in kept["expansion"].items() if name not in {"timestamp", "identifier"}
        }
    return kept

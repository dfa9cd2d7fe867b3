"""The reference page of the door names every parameter, system, status and issue that the tables hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.doors.fhir.definitions import code_systems, guide
from gateway.doors.fhir.render.bundle import STATUS_ISSUES
from gateway.doors.fhir.search.controls import CONTROL_NAMES, DEFAULT_COUNT, MOST_COUNT
from gateway.doors.fhir.search.parameters import SEARCHABLE
from gateway.doors.fhir.wire.outcome import KINDS

PAGE = (Path(__file__).parents[3] / "docs" / "doors" / "fhir.md").read_text("utf-8")


@pytest.mark.parametrize("kind", sorted(SEARCHABLE))
def test_every_search_parameter_and_modifier_has_its_row(kind: str) -> None:
    section = PAGE.split(f"### {kind}\n")[1].split("\n### ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    for parameter in SEARCHABLE[kind].parameters.values():
        row = next(line for line in rows if f"`{parameter.name}`" in line.split("|")[1])
        assert parameter.type in row
        assert all(f"`:{modifier}`" in row for modifier in parameter.modifiers)


def test_every_control_is_named_with_its_limits() -> None:
    assert [name for name in CONTROL_NAMES if f"`{name}" not in PAGE] == []
    assert f"{DEFAULT_COUNT} unless given, at most {MOST_COUNT}" in PAGE


def test_every_code_system_is_named_by_all_its_urls() -> None:
    for system in code_systems():
        assert f"`{system.url}`" in PAGE
        assert all(synonym.rpartition("/")[2] in PAGE for synonym in system.synonyms)
    assert guide().canonical in PAGE


def test_every_status_and_error_has_its_row() -> None:
    for status, issue in STATUS_ISSUES.items():
        assert f"| `{status}` | `{issue.code}` | {issue.severity} |" in PAGE
    for kind in KINDS.values():
        assert kind.status == 500 or f"| {kind.status} | `" in PAGE

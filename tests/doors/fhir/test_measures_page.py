"""The reference page of measures, cohorts and catalogue: every parameter has its place and every example runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.doors.fhir.measures.evaluate import MOST_STRATA
from gateway.doors.fhir.measures.parse import PARAMETERS, REFUSED
from gateway.doors.fhir.measures.resources import MEASURES
from gateway.doors.fhir.measures.stratifiers import STRATIFIERS
from gateway.doors.fhir.types import SERVED
from tests.doors.fhir.client import Client

PAGE = (Path(__file__).parents[3] / "docs" / "doors" / "fhir-measures.md").read_text("utf-8")
EXAMPLES = re.findall(r"^curl -g 'http://127.0.0.1:8080/fhir(/.+)'$", PAGE, re.MULTILINE)
TYPES = ("Organization", "Endpoint", "Library", "Measure", "Group")


@pytest.mark.parametrize("path", EXAMPLES)
def test_every_example_runs(client: Client, path: str) -> None:
    found = client.json(path)
    assert found["resourceType"] == "MeasureReport" or found["total"] > 0


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 4


def test_every_parameter_stratifier_and_measure_is_named() -> None:
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    for name in (*PARAMETERS, *STRATIFIERS, *MEASURES):
        assert any(f"`{name}`" in row for row in rows), name
    assert [
        name for name in ("subject", "practitioner", "lastReceivedOn") if name in REFUSED and f"`{name}`" not in PAGE
    ] == []
    assert f"{MOST_STRATA:,} strata" in PAGE


@pytest.mark.parametrize("kind", TYPES)
def test_every_search_parameter_is_named(kind: str) -> None:
    section = PAGE.split("## Cohorts")[1]
    assert [item.name for item in SERVED[kind].parameters if f"`{item.name}`" not in section] == []

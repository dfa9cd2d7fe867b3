"""Snapshots: made from differentials, reproducible, and what the specification asks of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.doors.fhir.definitions import Resource, conformance_resources
from gateway.doors.fhir.profiles.snapshot import ordered, snapshot

ROOT = Path(__file__).parents[4]
COMMAND = [sys.executable, "-m", "gateway.doors.fhir.profiles.build"]
PROFILES = sorted(name for kind, name in conformance_resources() if kind == "StructureDefinition")


def test_generated_files_are_what_the_script_makes(packages: Path) -> None:
    done = subprocess.run([*COMMAND, "--packages", str(packages), "--check"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize("name", PROFILES)
def test_a_snapshot_is_whole_and_its_differential_holds_in_it(name: str) -> None:
    definition = conformance_resources()["StructureDefinition", name]
    elements = {element["id"]: element for element in definition["snapshot"]["element"]}
    assert len(elements) == len(definition["snapshot"]["element"])
    for element in elements.values():
        assert {"path", "definition", "min", "max"} <= element.keys(), element["id"]  # sdf-3
        parent = element["id"].rpartition(".")[0]
        assert not parent or parent in elements
    for change in definition["differential"]["element"]:
        for key, value in change.items():
            assert elements[change["id"]][key] == value


BASE: list[Resource] = [
    {"id": "Basic", "path": "Basic", "min": 0, "max": "*"},
    {"id": "Basic.code", "path": "Basic.code", "min": 1, "max": "*", "comment": "prose", "type": [{"code": "Coding"}]},
    {"id": "Basic.author", "path": "Basic.author", "min": 0, "max": "1"},
]
TYPES: dict[str, list[Resource]] = {
    "Coding": [
        {"id": "Coding", "path": "Coding", "min": 0, "max": "*"},
        {"id": "Coding.system", "path": "Coding.system", "min": 0, "max": "1", "type": [{"code": "uri"}]},
    ]
}


def test_a_slice_stands_behind_what_it_slices_and_opens_its_datatype() -> None:
    made = snapshot(
        [
            {"id": "Basic.code", "path": "Basic.code", "slicing": {"rules": "open"}},
            {"id": "Basic.code:a", "path": "Basic.code", "sliceName": "a", "max": "1"},
            {"id": "Basic.code:a.system", "path": "Basic.code.system", "min": 1},
            {"id": "Basic.code:b", "path": "Basic.code", "sliceName": "b"},
        ],
        BASE,
        TYPES,
    )
    assert [element["id"] for element in made] == [
        "Basic",
        "Basic.code",
        "Basic.code:a",
        "Basic.code:a.system",
        "Basic.code:b",
        "Basic.author",
    ]
    assert [(element["min"], element["max"]) for element in made[1:5]] == [(1, "*"), (0, "1"), (1, "1"), (0, "*")]
    assert "slicing" not in made[2]
    assert all("comment" not in element for element in made)


def test_an_element_that_nobody_has_is_refused() -> None:
    for name in ("Basic.colour", "Other", "Basic.code.colour"):
        with pytest.raises(KeyError):
            snapshot([{"id": name, "path": name}], BASE, TYPES)


def test_parts_of_an_element_stand_in_the_order_of_the_specification() -> None:
    mixed = {"binding": {}, "patternCode": "x", "id": "a", "type": [], "path": "a"}
    assert list(ordered(mixed)) == ["id", "path", "type", "patternCode", "binding"]

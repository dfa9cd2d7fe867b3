"""Only gateway/disclosure makes released answers: no other module of the package constructs or alters one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOUNS = {"ReleasedAnswer", "ReleasedCase", "ReleasedCount", "ReleasedGroup", "ReleasedSource"}
DOORS = ROOT / "gateway" / "doors"


def makers(source: str) -> list[str]:
    """Names of released nouns that a module calls, and any dataclasses.replace it uses."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in NOUNS:
                found.append(name)
    return found


def uses_replace_on_released(source: str) -> bool:
    tree = ast.parse(source)
    imports = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    return bool(imports & NOUNS) and "replace" in imports


def modules() -> list[Path]:
    return [
        path
        for path in sorted((ROOT / "gateway").rglob("*.py"))
        if (ROOT / "gateway" / "disclosure") not in path.parents
    ]


def test_no_module_outside_disclosure_makes_a_released_noun() -> None:
    offenders = {str(path.relative_to(ROOT)): makers(path.read_text("utf-8")) for path in modules()}
    assert {name: found for name, found in offenders.items() if found} == {}


def test_no_door_alters_a_released_answer() -> None:
    doors = [path for path in modules() if DOORS in path.parents]
    assert [str(path) for path in doors if uses_replace_on_released(path.read_text("utf-8"))] == []


@pytest.mark.parametrize("planted", ["ReleasedAnswer(1)", "released.ReleasedCount(1, 1, p)"])
def test_a_planted_maker_is_caught(planted: str) -> None:
    assert makers(planted)

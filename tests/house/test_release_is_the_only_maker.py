"""Only gateway/disclosure makes released answers: no other module of the package constructs or alters one.

A released group or case is a tuple with names, which `_make` makes and `_replace` alters without naming its type: no
other module uses them, bound to another name or not, except a method of its own that has such a name.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOUNS = {"ReleasedAnswer", "ReleasedCase", "ReleasedCount", "ReleasedGroup", "ReleasedSource"}
BY_THE_BACK_DOOR = {"_make", "_replace", "__new__", "__setattr__"}
DOORS = ROOT / "gateway" / "doors"


def makers(source: str) -> list[str]:
    """Names of released nouns that a module calls, and what makes or alters a tuple with names."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and name_of(node.func) in NOUNS:
            found.append(name_of(node.func))
        if isinstance(node, ast.Attribute) and node.attr in BY_THE_BACK_DOOR and name_of(node.value) != "self":
            found.append(node.attr)
        if isinstance(node, ast.Constant) and node.value in BY_THE_BACK_DOOR:
            found.append(node.value)
    return found


def name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def uses_replace_on_released(source: str) -> bool:
    nodes = list(ast.walk(ast.parse(source)))
    imports = {alias.name for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names}
    by_module = "dataclasses" in imports and any(
        isinstance(node, ast.Attribute) and node.attr == "replace" for node in nodes
    )
    return bool(imports & NOUNS) and ("replace" in imports or by_module)


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


@pytest.mark.parametrize(
    "planted",
    [
        "ReleasedAnswer(1)",
        "released.ReleasedCount(1, 1, p)",
        "ReleasedCase._make(row)",
        "rows = map(ReleasedCase._make, found)",
        "released.ReleasedGroup._make(row)",
        "case._replace(age=age)",
        "answer.cases[0]._replace(sex='female')",
        "change = case._replace",
        "ReleasedGroup.__new__(ReleasedGroup, 1)",
        "object.__setattr__(answer, 'total', total)",
        "getattr(case, '_replace')(age=age)",
    ],
)
def test_a_planted_maker_is_caught(planted: str) -> None:
    assert makers(planted)


@pytest.mark.parametrize(
    "planted",
    [
        "from gateway.disclosure.released import ReleasedAnswer\nfrom dataclasses import replace\n",
        "from gateway.disclosure.released import ReleasedCount\nimport dataclasses\ndataclasses.replace(count, low=1)\n",
    ],
)
def test_a_planted_replace_is_caught(planted: str) -> None:
    assert uses_replace_on_released(planted)

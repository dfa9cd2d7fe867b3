"""The documentation is complete: every command, option, setting, field, dimension and policy has its place."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import click
import pytest
import yaml

from gateway.cli import COMMANDS, iccd
from gateway.disclosure.policy import policy_names
from gateway.model.answer import Status
from gateway.model.fields import DIMENSIONS, FIELDS
from gateway.settings import GatewaySettings, SourceSettings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_its_heading_and_options(name: str) -> None:
    text = page("commands.md")
    assert f"## iccd {name}" in text
    command = iccd.get_command(click.Context(iccd), name)
    assert command is not None
    if isinstance(command, click.Group):
        assert all(f"`{sub}`" in text for sub in command.commands)
        return
    section = text.split(f"## iccd {name}")[1].split("\n## ")[0]
    for option in command.params:
        if isinstance(option, click.Option) and "--settings" not in option.opts:
            assert any(spelling in section for spelling in option.opts), option.opts


@pytest.mark.parametrize(("model", "heading"), [(GatewaySettings, "## [gateway]"), (SourceSettings, "## [sources.ID]")])
def test_every_setting_has_its_row(model: type, heading: str) -> None:
    section = page("settings.md").split(heading)[1].split("\n## ")[0]
    assert [key for key in model.model_fields if f"| `{key}` |" not in section] == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("table", [FIELDS, DIMENSIONS])
def test_every_field_and_dimension_has_its_row(table: dict[str, object]) -> None:
    text = page("question.md")
    assert [name for name in table if f"| `{name}` |" not in text] == []


def test_every_policy_and_status_has_its_row() -> None:
    assert [name for name in policy_names() if f"| `{name}` |" not in page("disclosure.md")] == []
    assert [status for status in Status if f"| `{status}` |" not in page("counts.md")] == []


def test_every_kind_of_source_that_we_ship_has_a_page() -> None:
    pages = " ".join(path.name for path in (DOCS / "sources").glob("*.md")).replace("-", "_")
    ours = [point.name for point in entry_points(group="iccd.sources") if point.value.startswith("gateway.")]
    assert [name for name in ours if name not in pages] == []


def test_every_page_is_in_the_menu_and_every_menu_entry_exists() -> None:
    def files(node: object) -> list[str]:
        if isinstance(node, str):
            return [node]
        if isinstance(node, dict):
            return [name for value in node.values() for name in files(value)]
        return [name for item in node for name in files(item)]  # type: ignore[attr-defined]

    menu = set(files(yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]))
    pages = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    linked = {name for name in pages if name.startswith("adr/") and Path(name).name in page("adr/index.md")}
    assert pages - menu - linked == set()
    assert menu - pages == set()


def test_the_readme_names_the_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    readme = (ROOT / "README.md").read_text("utf-8")
    for target in ("install", "demo", "test", "check", "bench", "docs"):
        assert f"\n{target}:" in makefile
        assert f"make {target}" in readme

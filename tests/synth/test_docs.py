"""docs/synthetic.md names every format, loss, option and column, and no loss that is not there."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from gateway.synth.cli import command
from gateway.synth.formats import FORMATS
from gateway.synth.losses import LOSSES, SAME_DIAGNOSIS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "synthetic.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FORMATS)
def test_the_losses_of_a_format_are_the_rows_of_its_table(name: str) -> None:
    section = PAGE.split(f"### {name}\n")[1].split("\n#")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    expected = [f"| `{loss.column}` | {loss.why} |" for loss in LOSSES[name]]
    if name in SAME_DIAGNOSIS:
        expected.append(f"| cases | {SAME_DIAGNOSIS[name]} |")
    assert rows == expected
    assert FORMATS[name].title in section


def test_every_column_of_the_truth_and_every_option_is_explained(
    clean_truth: Path, sql: duckdb.DuckDBPyConnection
) -> None:
    described = sql.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(clean_truth)]).fetchall()
    names = [row[0] for row in described] + [
        option.opts[0] for option in command.params if "--settings" not in option.opts
    ]
    assert [name for name in names if f"`{name}`" not in PAGE] == []

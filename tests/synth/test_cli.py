"""`iccd synth` from the outside."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from gateway.errors import SourceFailure
from gateway.synth.cli import command


def test_a_truth_table_and_the_formats_that_were_asked_for_are_written(tmp_path: Path) -> None:
    arguments = [
        "--out",
        str(tmp_path / "new"),
        "--cases",
        "100",
        "--seed",
        "3",
        "--format",
        "encr",
        "--format",
        "omop",
    ]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout.split() == [
        str(tmp_path / "new" / name) for name in ("truth.parquet", "encr.csv", "omop.duckdb")
    ]
    assert result.stderr == ""
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["encr.csv", "omop.duckdb", "truth.parquet"]
    truth = str(tmp_path / "new" / "truth.parquet")
    with duckdb.connect() as connection:
        assert connection.execute("SELECT count(*) FROM read_parquet(?)", [truth]).fetchone() == (100,)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--format", "dbase"], "no format 'dbase'"),
        (["--country", "ZZ"], "no person-years for ZZ"),
        (["--years", "2020", "2010"], "no person-years for 2020 to 2010"),
        (["--cases", "0"], "--cases"),
    ],
)
def test_what_cannot_be_made_is_a_usage_error(arguments: list[str], told: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["--out", str(tmp_path), *arguments])
    assert result.exit_code == 2
    assert told in result.stderr


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    with pytest.raises(SourceFailure, match="file"):
        CliRunner().invoke(command, ["--out", str(blocked / "x"), "--cases", "4"], catch_exceptions=False)

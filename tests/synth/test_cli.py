"""`iccd synth` from the outside."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from gateway.errors import BadSettings, SourceFailure
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


def test_without_a_folder_they_go_where_the_settings_keep_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    (place / "iccd.toml").write_text('[gateway]\ndata = "kept"\n', encoding="utf-8")
    few = ["--cases", "4", "--format", "encr"]
    named = CliRunner().invoke(command, [*few, "--settings", str(place / "iccd.toml")])
    assert named.stdout.split() == [str(place / "kept" / "synth" / name) for name in ("truth.parquet", "encr.csv")]
    monkeypatch.chdir(place)
    assert CliRunner().invoke(command, few).stdout == named.stdout
    monkeypatch.chdir(tmp_path)
    nowhere = CliRunner().invoke(command, few)
    assert nowhere.exit_code == 2
    assert "--out" in nowhere.stderr
    assert "iccd.toml" in nowhere.stderr


@pytest.mark.parametrize("out", [[], ["--out", "x"]])
def test_a_wrong_settings_file_is_told_with_line_and_key(tmp_path: Path, out: list[str]) -> None:
    path = tmp_path / "own.toml"
    path.write_text('[gateway]\ndata = "kept"\ntitel = "x"\n', encoding="utf-8")
    with pytest.raises(BadSettings, match=r"own\.toml:3 gateway\.titel: unknown key .did you mean 'title'"):
        CliRunner().invoke(command, ["--settings", str(path), *out], catch_exceptions=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own.toml"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    with pytest.raises(SourceFailure, match="file"):
        CliRunner().invoke(command, ["--out", str(blocked / "x"), "--cases", "4"], catch_exceptions=False)

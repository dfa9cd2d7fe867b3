"""The built file: made in one step, refused by name when it is not this package's, safe with two builders at once."""

from __future__ import annotations

import multiprocessing
import shutil
import sqlite3
from pathlib import Path

import pytest

import terminology
from terminology import ManifestMismatch, TerminologyError, build, build_axes
from terminology.places import built_path, default_path, user_path
from terminology.store import Store, open_store
from terminology.tablefiles import SHIPPED, TABLES, table_digests


def altered(built: Path, path: Path, sql: str) -> Path:
    shutil.copy(built, path)
    connection = sqlite3.connect(path)
    connection.execute(sql)
    connection.commit()
    connection.close()
    return path


def test_the_manifest_has_the_sha256_of_every_table(built: Path) -> None:
    store = Store(built)
    assert {entry.name: entry.sha256 for entry in store.sources} == table_digests()
    assert {entry.name: entry.rows for entry in store.sources}["iccc3_2017"] == 1_758
    assert set(TABLES) == {path.stem for path in SHIPPED.glob("*.tsv")}
    assert store.pack("athena") is None


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("UPDATE manifest SET value = '0' WHERE key = 'format'", "format is '0'"),
        ("UPDATE manifest SET value = '2020.1' WHERE key = 'version'", "version is '2020.1'"),
        ("DELETE FROM manifest WHERE key = 'version'", "version is None"),
        ("UPDATE source SET sha256 = 'abc' WHERE name = 'iccc3_2017'", "table iccc3_2017 has sha256 abc"),
        ("DELETE FROM source WHERE name = 'icdo3_ncit'", "table icdo3_ncit has sha256 None"),
        ("INSERT INTO source VALUES ('other', 'table', '1', 'abc', 1)", "table other has sha256 abc"),
    ],
)
def test_a_file_of_another_version_or_other_tables_is_refused_by_name(
    built: Path, tmp_path: Path, sql: str, fault: str
) -> None:
    path = altered(built, tmp_path / "other.sqlite", sql)
    with pytest.raises(ManifestMismatch, match=fault) as refused:
        terminology.load(path)
    assert refused.value.where == str(path)
    assert refused.value.expected


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough to be one" * 40])
def test_what_is_no_terminology_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.sqlite"
    path.write_bytes(content)
    with pytest.raises(ManifestMismatch, match="no terminology file"):
        open_store(path)


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(TerminologyError, match="cannot be opened"):
        Store(tmp_path / "absent.sqlite")


def test_a_named_file_is_built_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ICCD_TERMINOLOGY", str(tmp_path / "deep" / "named.sqlite"))
    assert default_path() == user_path() == tmp_path / "deep" / "named.sqlite"
    open_store().close()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["named.sqlite"], "nothing is left aside"


def test_the_users_own_file_goes_before_the_built_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_path() == built_path()
    user_path().parent.mkdir()
    user_path().touch()
    assert default_path() == user_path() == tmp_path / "iccd" / "terminology.sqlite"


def test_without_a_home_for_data_the_usual_folders_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert user_path() == Path.home() / ".local/share/iccd/terminology.sqlite"
    assert built_path().parent == Path.home() / ".cache/iccd"


def test_a_folder_that_cannot_be_made_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TerminologyError, match="ICCD_TERMINOLOGY"):
        open_store(tmp_path / "file" / "terminology.sqlite")


def _open(path: Path) -> str:
    return open_store(path).manifest["version"]


def test_processes_that_build_at_once_all_get_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "terminology.sqlite"
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert pool.map(_open, [path] * 3) == [build.VERSION] * 3
    assert [found.name for found in tmp_path.iterdir()] == ["terminology.sqlite"]


def test_a_build_that_fails_leaves_the_old_file(built: Path, tmp_path: Path) -> None:
    path = tmp_path / "terminology.sqlite"
    shutil.copy(built, path)
    tables = shutil.copytree(SHIPPED, tmp_path / "tables")
    text = (tables / "iccc3_2017.tsv").read_text(encoding="utf-8")
    (tables / "iccc3_2017.tsv").write_text(text.replace("\t011\t001\t", "\t011\t099\t", 1), encoding="utf-8")
    with (tables / "iccc3_2017.tsv").open("a", encoding="utf-8") as file:
        file.write(text.splitlines()[1] + "\n")
    with pytest.raises(TerminologyError, match="overlaps another group"):
        build.build(path, tables)
    assert path.read_bytes() == built.read_bytes()


def test_the_build_is_checked_against_another(tmp_path: Path) -> None:
    path = tmp_path / "terminology.sqlite"
    assert build.main(["--out", str(path), "--check"]) == 0, "a missing file is built first"
    assert path.is_file()
    assert build.main(["--out", str(path)]) == 0
    assert build.main(["--out", str(path), "--check"]) == 0
    altered(path, tmp_path / "other.sqlite", "DELETE FROM ncit")
    assert build.main(["--out", str(tmp_path / "other.sqlite"), "--check"]) == 1


def test_the_axes_are_those_of_the_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert build_axes.main(["--check"]) == 0
    monkeypatch.setattr(build_axes, "__file__", str(tmp_path / "build_axes.py"))
    assert build_axes.main([]) == 0
    assert (tmp_path / "axes.py").read_text(encoding="utf-8") == build_axes.axes_text()
    (tmp_path / "axes.py").write_text("", encoding="utf-8")
    assert build_axes.main(["--check"]) == 1

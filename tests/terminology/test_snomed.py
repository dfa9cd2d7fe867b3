"""SNOMED CT as the user loads it: an RF2 release or a table of relations; packs live side by side."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from terminology import (
    BoxSet,
    LoadFailed,
    ManifestMismatch,
    Terminology,
    TerminologyError,
    UnknownCode,
    UnknownSystem,
    Unmatched,
)
from terminology.athena import load_athena
from terminology.snomed_packs import load_rf2, load_table
from terminology.store import Store

HEADER = "id\teffectiveTime\tactive\tmoduleId\trefsetId\treferencedComponentId\tmapTarget"


def member(concept: int, target: str, active: int = 1, refset: str = "446608001") -> str:
    return f"id{concept}{target}\t20240101\t{active}\t900000000000207008\t{refset}\t{concept}\t{target}"


MEMBERS = [
    member(1110001, "9500/3"),
    member(1110002, "C74.9"),
    member(1110003, "9490/3"),
    member(1110004, "9490/3"),
    member(1110005, "8000/3"),
    member(1110005, "8001/3"),
    member(1110006, "9999/3"),
    member(1110007, "8002/3", active=0),
    member(1110008, "8003/3", refset="447562003"),
    member(1110009, "M-80043"),
]


@pytest.fixture
def release(tmp_path: Path) -> Path:
    folder = tmp_path / "SnomedCT_Release" / "Snapshot" / "Refset" / "Map"
    folder.mkdir(parents=True)
    text = "\r\n".join([HEADER, *MEMBERS]) + "\r\n"
    (folder / "der2_sRefset_SimpleMapSnapshot_INT_20240101.txt").write_bytes(text.encode())
    (folder / "der2_sRefset_SimpleMapFull_INT_20240101.txt").write_text("not read")
    return tmp_path / "SnomedCT_Release"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "user.sqlite"


def loaded(path: Path) -> Terminology:
    return Terminology(Store(path))


def test_the_icdo_map_of_a_release_is_read(release: Path, path: Path) -> None:
    report = load_rf2(release, path)
    assert (report.version, report.rows) == ("20240101", {"concepts": 6, "rows": 7})
    assert report.warnings == ("1 rows name no code of ICD-O-3 and were left out, e.g. 9999/3",)
    terms = loaded(path)
    assert terms.version == "terminology 2026.11, snomed 20240101"
    one = terms.meaning("SCT", "1110001")
    assert (one.exact, one.boxes, one.certain) == (True, BoxSet.where([9500], None, [3]), one.boxes)
    assert one.rows == "snomed_rf2 row 1"
    assert terms.meaning("SCT", "1110002").boxes == BoxSet.where(None, ["C74.9"])
    assert terms.meaning("SCT", "1110009").boxes == BoxSet.where([8004], None, [3])


def test_one_of_several_concepts_with_a_code_is_narrower_than_it(release: Path, path: Path) -> None:
    load_rf2(release, path)
    meaning = loaded(path).meaning("SCT", "1110003")
    assert meaning.boxes == BoxSet.where([9490], None, [3])
    assert (meaning.exact, meaning.bounded, len(meaning.certain)) == (False, True, 0)


def test_a_concept_with_several_codes_is_only_related_to_them(release: Path, path: Path) -> None:
    load_rf2(release, path)
    meaning = loaded(path).meaning("SCT", "1110005")
    assert meaning.boxes == BoxSet.where([8000, 8001], None, [3])
    assert (meaning.exact, meaning.bounded, len(meaning.certain)) == (False, False, 0)
    assert "does not say that they are equal" in meaning.notes[0]


@pytest.mark.parametrize("code", ["1110006", "1110007", "1110008", "1234567"])
def test_what_the_map_does_not_have_is_unmatched(release: Path, path: Path, code: str) -> None:
    load_rf2(release, path)
    with pytest.raises(Unmatched):
        loaded(path).meaning("SCT", code)


def test_what_is_no_concept_is_refused(release: Path, path: Path) -> None:
    load_rf2(release, path)
    terms = loaded(path)
    for code in ("", "12", "C74.9", "1" * 19):
        with pytest.raises(UnknownCode):
            terms.meaning("SCT", code)
    with pytest.raises(UnknownSystem):
        terms.meaning("SCT", "1110001", "20230101")


def test_loaded_concepts_are_listed_covered_and_translated(release: Path, path: Path) -> None:
    load_rf2(release, path)
    terms = loaded(path)
    assert next(terms.codes("SCT")) == "1110001"
    assert terms.cover(BoxSet.where([9500], None, [3]), "SCT").certain == {"1110001"}
    assert dict(terms.lookup("SCT", "1110001").properties) == {"icdo3": "9500/3 (equal)"}
    assert terms.descendants("SCT", "1110001") == {"1110001"}
    found = {t.code: str(t.equivalence) for t in terms.translate("ICDO3", "9500/3", "SCT")}
    assert found["1110001"] == "equal"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (HEADER + "\n", "no active row of 446608001"),
        ("a\tb\n", "line 1: has no column id"),
        (HEADER + "\nshort\tline\n", "line 2: has 2 columns"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_map_that_cannot_be_read_is_refused(release: Path, path: Path, content: str | bytes, fault: str) -> None:
    (file,) = release.rglob("*Snapshot_INT*.txt")
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(LoadFailed, match=fault):
        load_rf2(release, path)
    assert not path.exists()


def test_a_folder_without_a_snapshot_is_refused(tmp_path: Path, path: Path) -> None:
    with pytest.raises(LoadFailed, match="no Snapshot file"):
        load_rf2(tmp_path, path)
    with pytest.raises(LoadFailed, match="is no folder"):
        load_rf2(tmp_path / "nowhere", path)


def table(tmp_path: Path) -> Path:
    file = tmp_path / "pack.tsv"
    file.write_text(
        "snomed\thierarchy\tmorphology\ttopography\tequivalence\n"
        "7777771\tdisorder\t9500/3\tC74.9\trelated-one-to-one\n"
        "7777772\tdisorder\t0000/0\t\trelated\n"
        "7777773\tdisorder\tC74.9\t\trelated\n"
        "7777774\tdisorder\t\t\trelated\n"
    )
    return file


def test_a_table_of_relations_never_gives_an_equal_concept(tmp_path: Path, path: Path) -> None:
    report = load_table(table(tmp_path), path)
    assert report.warnings == ("3 rows name no code of ICD-O-3 and were left out, e.g. 0000/0, C74.9, ",)
    meaning = loaded(path).meaning("SCT", "7777771")
    assert meaning.boxes == BoxSet.point(9500, "C74.9", 3)
    assert (meaning.exact, meaning.bounded, len(meaning.certain)) == (False, False, 0)
    assert meaning.rows == "pack row 1"


def test_a_missing_table_is_named(tmp_path: Path, path: Path) -> None:
    with pytest.raises(LoadFailed, match=r"nowhere\.tsv: cannot be read"):
        load_table(tmp_path / "nowhere.tsv", path)


def test_packs_are_carried_over_when_another_is_loaded(shared_dir: Path, tmp_path: Path, path: Path) -> None:
    sample = shared_dir / "samples" / "athena"
    load_athena(sample, path)
    load_table(table(tmp_path), path)
    terms = loaded(path)
    assert terms.version == "terminology 2026.11, athena unknown release, snomed pack"
    assert len(terms.meaning("OMOP", "200962").boxes) == 142
    assert terms.meaning("SCT", "7777771").boxes
    with pytest.raises(UnknownCode):
        terms.meaning("OMOP", "44498991")
    load_athena(sample, path)
    assert loaded(path).version == terms.version


def test_a_file_of_another_version_is_replaced_if_it_holds_nothing_else(tmp_path: Path, path: Path) -> None:
    def make_old() -> None:
        connection = sqlite3.connect(path)
        connection.execute("UPDATE manifest SET value = '2020.1' WHERE key = 'version'")
        connection.commit()
        connection.close()

    load_table(table(tmp_path), path)
    make_old()
    load_table(table(tmp_path), path)
    assert loaded(path).meaning("SCT", "7777771").boxes
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO source VALUES ('athena', 'pack', '1', 'x', 1)")
    connection.commit()
    connection.close()
    make_old()
    with pytest.raises(ManifestMismatch, match="version is"):
        load_table(table(tmp_path), path)


def test_the_shared_table_loads(shared_dir: Path, path: Path) -> None:
    report = load_table(shared_dir / "terminology" / "snomed_icdo3.tsv", path)
    assert report.rows == {"concepts": 636, "rows": 670}
    meaning = loaded(path).meaning("SCT", "302847003")
    assert meaning.boxes == BoxSet.where([8900], None, [3])
    assert not meaning.certain


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TerminologyError, match="cannot be written"):
        load_table(table(tmp_path), tmp_path / "file" / "user.sqlite")

"""Every record of a file is accounted for: read = accepted + quarantined + rejected, by line."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import BadFile
from gateway.sources.loading import spool
from tests.sources.loading.loads import GOOD, HEADER, PROFILE, load_files, load_lines


def rejected_lines(loaded_report: object) -> list[int]:
    issues = loaded_report.issues  # type: ignore[attr-defined]
    return sorted(line for issue in issues if issue.severity == "rejected" for line in issue.lines)


def row(patient: int | str, **texts: str) -> str:
    values = {"id": str(patient), "tumour": "1", "sex": "1", "date": "20100203", "site": "C74.9"}
    values |= {"histology": "9500", "behaviour": "3"} | texts
    return ";".join(values.values())


def test_a_good_file_is_read_whole(tmp_path: Path) -> None:
    loaded = load_lines(tmp_path, row(1), row(2), row(3))
    assert loaded.sums == (3, 3, 0, 0)
    assert len(loaded.cases) == 3


def test_lines_of_another_width_are_rejected_by_their_line(tmp_path: Path) -> None:
    loaded = load_lines(tmp_path, row(1), "too;few", row(2), row(3) + ";too;many", row(4))
    assert loaded.sums == (5, 3, 0, 2)
    assert rejected_lines(loaded.report) == [3, 5]


def test_blank_lines_are_no_records_and_do_not_move_line_numbers(tmp_path: Path) -> None:
    loaded = load_lines(tmp_path, row(1), "", "", "too;few", row(2), "", row(3, histology="9999"), "")
    assert loaded.sums == (4, 2, 1, 1)
    assert rejected_lines(loaded.report) == [5]
    assert [q.line for q in loaded.report.quarantine] == [8]


def test_one_empty_column_more_at_the_end_is_no_fault(tmp_path: Path) -> None:
    assert load_lines(tmp_path, row(1) + ";", row(2)).sums == (2, 2, 0, 0)


def test_a_line_feed_inside_quotes_does_not_split_a_record(tmp_path: Path) -> None:
    lines = (row('"a\nb"'), row(2), "too;few", row(3, histology="9999"))
    loaded = load_lines(tmp_path, *lines)
    assert loaded.sums == (4, 2, 1, 1)
    assert rejected_lines(loaded.report) == [5]
    assert [q.line for q in loaded.report.quarantine] == [6]


def test_a_quote_that_is_never_closed_is_a_broken_file_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"file\.csv:3: a quote is opened and never closed"):
        load_lines(tmp_path, row(1), row('"2'), row(3), row(4))


@pytest.mark.parametrize("last", ['7"', '"7'])
def test_lines_that_a_stray_quote_swallows_are_rejected_one_by_one(tmp_path: Path, last: str) -> None:
    good = [row(number) for number in range(100, 200)]
    loaded = load_lines(tmp_path, *good, row('"4'), row(5), row(6), row(last), row(8))
    assert loaded.sums == (105, 101, 0, 4)
    assert rejected_lines(loaded.report) == [102, 103, 104, 105]


def test_text_behind_a_closing_quote_is_rejected(tmp_path: Path) -> None:
    loaded = load_lines(tmp_path, row(1), row('"2"x'), row(3))
    assert loaded.sums == (3, 2, 0, 1)
    assert rejected_lines(loaded.report) == [3]


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_line_ends_do_not_change_the_counts(tmp_path: Path, end: str) -> None:
    text = end.join((HEADER, row(1), row(2), row(3, histology="9999"), ""))
    loaded = load_files(tmp_path, {"file.csv": text})
    assert loaded.sums == (3, 2, 1, 0)
    assert [q.line for q in loaded.report.quarantine] == [4]


def test_mixed_line_ends_lose_nothing(tmp_path: Path) -> None:
    text = f"{HEADER}\r\n{row(1)}\n{row(2)}\r\n{row(3)}\n"
    assert load_files(tmp_path, {"file.csv": text}).sums == (3, 3, 0, 0)


def test_a_last_line_without_an_end_counts(tmp_path: Path) -> None:
    assert load_files(tmp_path, {"file.csv": f"{HEADER}\n{row(1)}\n{row(2)}"}).sums == (2, 2, 0, 0)


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.encode("cp1252"),
        lambda text: text.encode("latin-1"),
        lambda text: gzip.compress(text.encode()),
        lambda text: gzip.compress(text.encode()[:50]) + gzip.compress(text.encode()[50:]),
        lambda text: gzip.compress(text.encode("cp1252")),
    ],
)
def test_marks_encodings_and_gzip_do_not_change_the_cases(tmp_path: Path, encode: object) -> None:
    text = "\n".join((HEADER + ";Größe", row("é1") + ";ü", row("é2") + ";ä", ""))
    loaded = load_files(tmp_path, {"file.csv": encode(text)})  # type: ignore[operator]
    assert loaded.sums == (2, 2, 0, 0)
    assert loaded.case("é1").diagnosis.morphology == 9500
    assert loaded.report.files[0].unknown_columns == ("Größe",)


def test_several_files_are_one_snapshot_with_counts_for_each(tmp_path: Path) -> None:
    first = "\n".join((HEADER, row(1), row(2), ""))
    second = "\n".join((HEADER, row(2), "too;few", row(3), ""))
    loaded = load_files(tmp_path, {"a.csv": first, "b.csv": second})
    assert loaded.sums == (5, 3, 1, 1)
    assert [(f.read, f.accepted, f.quarantined, f.rejected) for f in loaded.report.files] == [
        (2, 2, 0, 0),
        (3, 1, 1, 1),
    ]
    assert [(q.file, q.line) for q in loaded.report.quarantine] == [("b.csv", 2)]


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00\x1f"), max_size=6)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.tuples(CELLS, st.integers(-2, 2), st.sampled_from(["\n", "\r\n"])), min_size=1, max_size=12),
    st.booleans(),
)
def test_counts_agree_with_an_independent_reader(rows: list[tuple[str, int, str]], packed: bool) -> None:
    text = io.StringIO()
    text.write(f"{HEADER};note\n")
    for number, (note, wider, end) in enumerate(rows):
        cells = [str(number), "1", "1", "20100203", "C74.9", "9500", "3", note]
        cells = cells[: 8 + wider] + ["x"] * max(wider, 0)
        csv.writer(text, delimiter=";", lineterminator=end, quoting=csv.QUOTE_ALL).writerow(cells)
    records = list(csv.reader(io.StringIO(text.getvalue(), newline=""), delimiter=";"))[1:]
    good = sum(len(record) == 8 for record in records)
    data = text.getvalue().encode()
    with TemporaryDirectory() as folder:
        content = gzip.compress(data) if packed else data
        if not good:
            return
        loaded = load_files(Path(folder), {"file.csv": content})
    assert loaded.sums == (len(records), good, 0, len(records) - good)


def test_records_that_the_profile_does_not_keep_are_rejected_and_do_not_refuse_the_load(tmp_path: Path) -> None:
    profile = PROFILE.replace("max_reject_share = 1.0", "max_reject_share = 0.0") + (
        '[[only]]\ncolumn = "sex"\nvalues = ["1", ""]\nreason = "not of this study"\n'
    )
    lines = [row(n, sex=sex) for n, sex in enumerate(["1", "2", "2", "", "2"])]
    loaded = load_lines(tmp_path, *lines, profile=profile)
    assert loaded.sums == (5, 2, 0, 3)
    assert loaded.report.files[0].filtered == 3
    assert loaded.report.reasons == {"not of this study": 3}


def test_the_good_line_is_a_case(tmp_path: Path) -> None:
    assert load_lines(tmp_path, GOOD).case("p1").diagnosis.topography == "C74.9"


def test_reading_line_by_line_gives_back_the_limit_on_fields() -> None:
    before = csv.field_size_limit()
    with spool._long_fields():
        assert csv.field_size_limit() > before
    assert csv.field_size_limit() == before

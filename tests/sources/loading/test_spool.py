"""Records that a reader adds one by one come through whole, whatever their texts hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.errors import BadFile
from gateway.model.values import Absent
from gateway.sources.base import FileKind
from gateway.sources.profile import Profile
from gateway.sources.reading import NOT_IN_FILE, Sink
from tests.sources.loading.loads import PROFILE, key_of, load_files

Record = tuple[int, list[str | None]]


def reader(records: list[Record]) -> FileKind:
    def read(path: Path, profile: Profile, sink: Sink) -> None:
        for line, values in records:
            sink.add(line, values)

    return FileKind("tabular", read)


def record(patient: str, **texts: str | None) -> list[str | None]:
    usual = {"id": patient, "tumour": "1", "sex": "1", "date": "2010", "site": "C749", "histology": "9500", "beh": "3"}
    return list((usual | texts).values())


NASTY = st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from("\x00\x1f\r\n\"',;\\\x02")), max_size=8)


@settings(max_examples=10, deadline=None)
@example(["\r", "1\r", "a\r\nb"])
@given(st.lists(NASTY, min_size=1, max_size=20))
def test_any_text_is_one_value_of_one_record(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    records = [(n, record(str(n), sex=text)) for n, text in enumerate(texts, start=1)]
    loaded = load_files(tmp_path_factory.mktemp("spool"), {"file": "x"}, kind=reader(records))
    assert loaded.sums == (len(texts), len(texts), 0, 0)
    mapped = {"1": "male", "2": "female"}
    assert {c.patient_id: c.sex for c in loaded.cases} == {
        key_of(str(n)): mapped.get(text.strip(), Absent.UNKNOWN) for n, text in enumerate(texts, start=1)
    }


def test_the_separator_of_groups_inside_a_text_never_makes_a_value(tmp_path: Path) -> None:
    records = [(1, record("1", site="C749\x1f9500\x1f3", histology=None, beh=None)), (2, record("2"))]
    loaded = load_files(tmp_path, {"file": "x"}, kind=reader(records))
    assert loaded.sums == (2, 1, 1, 0)


def test_none_is_blank_and_what_a_file_cannot_hold_is_not_collected(tmp_path: Path) -> None:
    records = [(1, record("1", sex=None)), (2, record("2", sex=NOT_IN_FILE))]
    loaded = load_files(tmp_path, {"file": "x"}, kind=reader(records))
    assert loaded.case("1").sex is Absent.UNKNOWN
    assert loaded.case("2").sex is Absent.NOT_COLLECTED


def test_rejects_and_issues_of_a_reader_are_counted_with_their_lines(tmp_path: Path) -> None:
    def read(path: Path, profile: Profile, sink: Sink) -> None:
        sink.add(10, record("1"))
        sink.issue(11, "item", "is unknown")
        sink.reject(20, "tumour", "has no end")
        sink.add(30, record("2"))

    loaded = load_files(tmp_path, {"file": "x"}, kind=FileKind("tabular", read))
    assert loaded.sums == (3, 2, 0, 1)
    assert {(i.field, i.reason, i.lines, i.severity) for i in loaded.report.issues} == {
        ("item", "is unknown", (11,), "note"),
        ("tumour", "has no end", (20,), "rejected"),
    }


def test_a_strict_profile_rejects_the_record_whose_line_has_an_issue(tmp_path: Path) -> None:
    def read(path: Path, profile: Profile, sink: Sink) -> None:
        sink.issue(10, "item", "is unknown")
        sink.add(10, record("1"))
        sink.add(30, record("2"))

    profile = PROFILE.replace('kind = "tabular"', 'kind = "tabular"\nmode = "strict"')
    loaded = load_files(tmp_path, {"file": "x"}, profile, kind=FileKind("tabular", read))
    assert loaded.sums == (2, 1, 0, 1)


def test_a_column_of_names_is_not_taken_for_codes(tmp_path: Path) -> None:
    profile = PROFILE + '[fields.grade]\ncolumn = "sex"\n'
    records = [(n, record(str(n), sex=f"Name{n}")) for n in range(1, 600)]
    with pytest.raises(BadFile, match="more than 500 different codes of grade"):
        load_files(tmp_path, {"file": "x"}, profile, kind=reader(records))

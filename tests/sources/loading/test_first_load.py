"""A first load serves whatever it holds, and says in every answer how much of it could not be used."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.adapters import naaccr_xml
from gateway.errors import BadFile, LoadRefused
from gateway.model.answer import SourceAnswer, Unusable
from gateway.model.query import CaseQuery, Not, OneOf, Page, RecordIn, Unit
from gateway.model.values import Count
from gateway.sources.base import Deadline, FileKind, SourceConfig
from gateway.sources.loading import load_source
from gateway.sources.profile import Profile
from gateway.sources.reading import Sink
from gateway.sources.snapshot import SnapshotSource
from tests.adapters.naaccr_xml.documents import document, patient, tumor
from tests.sources.loading.loads import PROFILE, SOURCE, config_of, context, load_files, load_lines

STRICTER = PROFILE.replace("max_reject_share = 1.0", "max_reject_share = 0.1")
GIRLS = CaseQuery(OneOf("sex", frozenset({"female"})))


def row(patient_id: str, histology: str = "9500", sex: str = "2") -> str:
    return f"{patient_id};1;{sex};20100203;C74.9;{histology};3"


def asked(folder: Path, query: CaseQuery) -> SourceAnswer:
    return answer_of(config_of(folder, [], PROFILE), query)


def answer_of(config: SourceConfig, query: CaseQuery) -> SourceAnswer:
    source = SnapshotSource(config, context())
    try:
        return asyncio.run(source.answer(query, Deadline.after(30)))
    finally:
        source.close()


def test_a_first_load_with_more_bad_records_than_the_profile_allows_serves_and_says_so(tmp_path: Path) -> None:
    report = load_lines(tmp_path, row("p1"), row("p2"), row("p3", "9999"), "too;few", profile=STRICTER).report
    assert report.unusable == Unusable(2, 4)
    answer = asked(tmp_path, CaseQuery())
    assert (answer.total, answer.unusable) == (Count(2, 4), Unusable(2, 4))


def test_records_that_could_not_be_used_may_match_any_question_in_either_unit(tmp_path: Path) -> None:
    load_lines(tmp_path, row("p1"), row("p2", sex="1"), row("p3", "9999"), profile=STRICTER)
    for unit in Unit:
        assert asked(tmp_path, CaseQuery(GIRLS.where, unit=unit)).total == Count(1, 2)
    page = asked(tmp_path, CaseQuery(GIRLS.where, page=Page(limit=5)))
    assert (len(page.cases), page.possible_records) == (1, 1)


@pytest.mark.parametrize("unit", list(Unit))
def test_a_table_holds_them_in_the_cell_of_unknown_values_and_still_adds_up(tmp_path: Path, unit: Unit) -> None:
    load_lines(tmp_path, row("p1"), row("p2", sex="9"), row("p3", "9999"), profile=STRICTER)
    answer = asked(tmp_path, CaseQuery(by=("sex", "year"), unit=unit))
    assert dict(answer.cells) == {
        ("female", "2010"): Count(1, 1),
        ("unknown", "2010"): Count(1, 1),
        ("unknown", "unknown"): Count(0, 1),
    }
    by_sex = asked(tmp_path, CaseQuery(by=("sex",), unit=unit))
    assert dict(by_sex.cells) == {("female",): Count(1, 1), ("unknown",): Count(1, 2)}
    assert sum((count for _, count in by_sex.cells), Count(0, 0)) == by_sex.total


def test_within_the_share_of_the_profile_nothing_is_widened(tmp_path: Path) -> None:
    lines = [row(f"p{number}") for number in range(9)]
    report = load_lines(tmp_path, *lines, row("p9", "9999"), profile=STRICTER).report
    assert (report.bad, report.unusable) == (1, None)
    assert asked(tmp_path, CaseQuery()).total == Count(9, 9)


def test_repeats_and_records_that_the_profile_does_not_keep_are_no_missing_tumours(tmp_path: Path) -> None:
    profile = STRICTER + '[[only]]\ncolumn = "sex"\nvalues = ["2"]\nreason = "not of this study"\n'
    lines = (row("p1"), row("p1"), row("p1"), row("p2", sex="1"), row("p3", sex="1"))
    report = load_lines(tmp_path, *lines, profile=profile).report
    assert (report.bad_share, report.unusable) == (2 / 3, None)
    assert asked(tmp_path, CaseQuery()).total == Count(1, 1)
    other = tmp_path / "other"
    other.mkdir()
    more = load_lines(other, *lines, row("p4", "9999"), profile=profile).report
    assert more.unusable == Unusable(1, 4)


def test_a_record_asked_for_by_its_id_is_none_that_could_not_be_used(tmp_path: Path) -> None:
    load_lines(tmp_path, row("p1"), row("p2"), row("p3", "9999"), profile=STRICTER)
    first = asked(tmp_path, CaseQuery(page=Page(limit=1))).cases[0]
    named = RecordIn("case", frozenset({first.case_id}))
    assert asked(tmp_path, CaseQuery(named)).total == Count(1, 1)
    assert asked(tmp_path, CaseQuery(Not(named))).total == Count(1, 2)


def test_a_first_load_without_one_good_record_serves_no_number_but_bounds(tmp_path: Path) -> None:
    assert load_lines(tmp_path, row("p1", "9999"), profile=STRICTER).sums == (1, 0, 1, 0)
    assert asked(tmp_path, GIRLS).total == Count(0, 1)


def test_a_forced_load_widens_as_a_first_one_does(tmp_path: Path) -> None:
    load_lines(tmp_path, row("p1"), row("p2"), profile=STRICTER)
    text = "\n".join(("id;tumour;sex;date;site;histology;behaviour", row("p1"), row("p2", "9999"), ""))
    with pytest.raises(LoadRefused, match=r"1 of 2 .* at most 10\.0% and one accepted case"):
        load_files(tmp_path, {"file.csv": text}, STRICTER)
    assert asked(tmp_path, CaseQuery()).total == Count(2, 2)
    load_files(tmp_path, {"file.csv": text}, STRICTER, force=True)
    assert asked(tmp_path, CaseQuery()).total == Count(1, 2)


def test_what_serves_in_part_gives_way_to_what_is_no_worse_and_to_nothing_worse(tmp_path: Path) -> None:
    bad = [row(f"b{number}", "9999") for number in range(3)]
    load_lines(tmp_path, row("p1"), row("p2"), *bad[:2], profile=STRICTER)
    with pytest.raises(LoadRefused, match=r"3 of 5 .* at most 50\.0%"):
        load_lines(tmp_path, row("p1"), row("p2"), *bad, profile=STRICTER)
    assert load_lines(tmp_path, row("p1"), row("p2"), *bad[:2], profile=STRICTER).sums == (4, 2, 2, 0)
    assert load_lines(tmp_path, row("p1"), row("p2"), row("p3"), *bad[:1], profile=STRICTER).sums == (4, 3, 1, 0)


def test_a_snapshot_that_cannot_be_read_protects_nothing(tmp_path: Path) -> None:
    load_lines(tmp_path, row("p1"), profile=STRICTER)
    (snapshot,) = (tmp_path / "data" / "snapshots" / SOURCE).glob("*.duckdb")
    snapshot.write_bytes(b"no database")
    assert load_lines(tmp_path, row("p1"), row("p2", "9999"), profile=STRICTER).sums == (2, 1, 1, 0)


# --- files that hold nothing ------------------------------------------------------------------------------------------


def naaccr(folder: Path, *content: str) -> SourceConfig:
    path = folder / "file.xml"
    path.write_text(document(*content), encoding="utf-8")
    return SourceConfig("xml", "naaccr_xml", "xml", (str(path),), data=folder / "data")


@pytest.mark.parametrize("content", [(), (patient(),)])
def test_an_xml_file_that_is_whole_and_holds_no_tumour_answers_exactly_zero(
    tmp_path: Path, content: tuple[str, ...]
) -> None:
    config = naaccr(tmp_path, *content)
    report = load_source(config, context(), naaccr_xml.KIND)
    assert (report.read, report.accepted, report.unusable) == (0, 0, None)
    assert ("file", "holds no record: nothing to count") in [(issue.field, issue.reason) for issue in report.issues]
    for query in (CaseQuery(), CaseQuery(GIRLS.where, by=("sex",)), CaseQuery(unit=Unit.PATIENTS)):
        answer = answer_of(config, query)
        assert (answer.total, answer.cells) == (Count(0, 0), ())


def test_an_empty_file_does_not_replace_a_snapshot_with_cases_unless_forced(tmp_path: Path) -> None:
    load_source(naaccr(tmp_path, patient(tumor())), context(), naaccr_xml.KIND)
    config = naaccr(tmp_path, patient())
    with pytest.raises(LoadRefused, match=r"holds no record.*one accepted case"):
        load_source(config, context(), naaccr_xml.KIND)
    assert answer_of(config, CaseQuery()).total == Count(1, 1)
    load_source(config, context(), naaccr_xml.KIND, force=True)
    assert answer_of(config, CaseQuery()).total == Count(0, 0)
    load_source(config, context(), naaccr_xml.KIND)


def test_a_reader_that_met_no_end_of_its_file_is_not_believed_that_it_is_empty(tmp_path: Path) -> None:
    def nothing(path: Path, profile: Profile, sink: Sink) -> None:
        """Reads no record and says nothing of the end."""

    with pytest.raises(BadFile, match="no record in the file"):
        load_files(tmp_path, {"file.csv": "x"}, kind=FileKind("tabular", nothing))

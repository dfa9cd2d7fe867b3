"""What texts become: codes, dates, ages and diagnoses by the blocks of a profile; what is wrong is kept out by name."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import BadFile
from gateway.model.capability import Coverage
from gateway.model.dates import UNKNOWN_DATE, Age, DateInterval, DatePrecision
from gateway.model.values import Absent
from gateway.sources.loading.normalise import canonical
from tests.sources.loading.loads import HEADER, PROFILE, Loaded, key_of, load_files, load_lines

FULL = """
title = "Registry of the tests"
kind = "tabular"
max_reject_share = 1.0
[format]
delimiter = ";"
[fields.patient]
column = "id"
[fields.birth]
column = "birth"
formats = ["YYYYMMDD", "YYYY-MM-DD", "YYYYMM", "YYYY"]
unknown_part = ["99", "9999"]
precision = "how"
precisions = { D = "day", M = "month", Y = "year", U = "unknown", E = "estimated" }
[fields.incidence]
year = "year"
month = "month"
day = "day"
unknown_part = ["99", "9999"]
[fields.age]
column = "age"
unknown = ["999"]
pattern = "([0-9]+)(?: years)?"
[fields.age_days]
column = "age_days"
[fields.diagnosis]
topography = "site"
morphology = "histology"
behaviour = "behaviour"
icd10 = "icd10"
edition = "edition"
values = { behaviour = { Malignant = "3" }, edition = { 31 = "3.1", 32 = "3.2" } }
[fields.basis]
column = "basis"
override = [{ column = "reported", values = { 7 = "0" } }]
[fields.laterality]
column = ["side", "old_side"]
values = { R = "right", L = "left" }
not_applicable = ["0"]
[fields.grade]
column = "grade"
[fields.stage]
any = [
  { system = "inrgss", column = "inrgss", values = { 1 = "L1", 4 = "MS" }, unknown = ["9"] },
  { system = "toronto", column = "toronto", not_applicable = ["8"] },
]
"""
COLUMNS = (
    *("id", "birth", "how", "year", "month", "day", "age", "age_days", "site", "histology", "behaviour", "icd10"),
    *("edition", "basis", "reported", "side", "old_side", "grade", "inrgss", "toronto"),
)
USUAL = {"year": "2010", "site": "C74.9", "histology": "9500", "behaviour": "3"}


def load_rows(folder: Path, rows: dict[str, dict[str, str]], profile: str = FULL) -> Loaded:
    lines = [";".join((USUAL | {"id": name} | row).get(column, "") for column in COLUMNS) for name, row in rows.items()]
    return load_lines(folder, *lines, profile=profile, header=";".join(COLUMNS))


class TestValues:
    def test_texts_become_codes_and_blanks_become_unknown(self, tmp_path: Path) -> None:
        loaded = load_rows(
            tmp_path,
            {
                "mapped": {"side": "R", "basis": "7", "grade": "3", "inrgss": "1"},
                "second": {"old_side": " l ", "toronto": "IVA", "reported": "7", "basis": "1"},
                "blank": {},
                "none": {"side": "0", "inrgss": "9", "toronto": "8"},
                "wrong": {"side": "X", "basis": "77", "grade": "free text of a doctor", "inrgss": "5"},
            },
        )
        seen = {
            name: (c.laterality, c.basis, c.grade, c.stage)
            for name in ("mapped", "second", "blank", "none", "wrong")
            for c in loaded.cases
            if c.patient_id == key_of(name)
        }
        unknown, none = Absent.UNKNOWN, Absent.NOT_APPLICABLE
        assert seen == {
            "mapped": ("right", "7", "3", "inrgss:L1"),
            "second": ("left", "0", unknown, "toronto:IVA"),
            "blank": (unknown, unknown, unknown, unknown),
            "none": (none, unknown, unknown, none),
            "wrong": (unknown, unknown, unknown, unknown),
        }
        assert {(i.field, i.severity, i.count, i.lines) for i in loaded.report.issues} == {
            (name, "unknown", 1, (6,)) for name in ("laterality", "basis", "grade", "stage")
        }

    def test_a_field_without_a_block_is_not_collected(self, tmp_path: Path) -> None:
        case = load_rows(tmp_path, {"a": {}}).cases[0]
        assert case.sex is Absent.NOT_COLLECTED
        assert case.country is Absent.NOT_COLLECTED

    def test_an_optional_column_that_a_file_lacks_is_not_collected_there_only(self, tmp_path: Path) -> None:
        without = "\n".join((HEADER.replace(";sex", ""), "a;1;2010;C74.9;9500;3", ""))
        loaded = load_files(tmp_path, {"a.csv": without, "b.csv": f"{HEADER}\nb;1;;2010;C74.9;9500;3\n"})
        assert loaded.case("a").sex is Absent.NOT_COLLECTED
        assert loaded.case("b").sex is Absent.UNKNOWN
        assert loaded.report.files[0].missing_columns == ("sex",)

    def test_the_declared_country_of_a_registry_is_the_country_of_its_cases(self, tmp_path: Path) -> None:
        loaded = load_files(
            tmp_path, {"a.csv": f"{HEADER}\na;1;1;2010;C74.9;9500;3\n"}, coverage=Coverage(country="FR")
        )
        assert loaded.cases[0].country == "FR"

    def test_a_constant_fills_every_case(self, tmp_path: Path) -> None:
        profile = FULL + '[constants]\nsex = "female"\nicdo_edition = "3.1"\n'
        case = load_rows(tmp_path, {"a": {}}, profile).cases[0]
        assert (case.sex, case.diagnosis.icdo_edition) == ("female", "3.1")

    @pytest.mark.parametrize(
        ("name", "text", "code"),
        [("sex", "Male", "male"), ("basis", "microscopic", "microscopic"), ("country", "fr", "FR"), ("sex", "1", None)],
    )
    def test_a_text_that_is_a_code_itself(self, name: str, text: str, code: str | None) -> None:
        assert canonical(name, text) == code


class TestDates:
    def test_unknown_parts_widen_and_a_stated_precision_coarsens(self, tmp_path: Path) -> None:
        births = {
            "day": ("20100203", "D", DateInterval.of(2010, 2, 3)),
            "iso": ("2010-02-03", "D", DateInterval.of(2010, 2, 3)),
            "no-day": ("20100299", "D", DateInterval.of(2010, 2)),
            "no-month": ("20109903", "", DateInterval.of(2010)),
            "nothing": ("99999999", "", UNKNOWN_DATE),
            "blank": ("", "D", UNKNOWN_DATE),
            "coarser": ("20100203", "M", DateInterval.of(2010, 2)),
            "coarsest": ("20100203", "Y", DateInterval.of(2010)),
            "finer": ("2010", "D", DateInterval.of(2010)),
            "unknown": ("20100203", "U", UNKNOWN_DATE),
            "estimated": (
                "20100203",
                "E",
                DateInterval(dt.date(2010, 2, 3), dt.date(2010, 2, 3), DatePrecision.ESTIMATED),
            ),
        }
        rows = {name: {"birth": text, "how": how, "year": "2011"} for name, (text, how, _) in births.items()}
        loaded = load_rows(tmp_path, rows)
        seen = {case.patient_id: case.birth for case in loaded.cases}
        assert seen == {key_of(name): date for name, (_, _, date) in births.items()}

    def test_a_date_of_birth_that_cannot_be_is_unknown_and_counted(self, tmp_path: Path) -> None:
        loaded = load_rows(tmp_path, {"a": {"birth": "20100231"}, "b": {"birth": "31.2.10"}})
        assert all(case.birth == UNKNOWN_DATE for case in loaded.cases)
        assert [(i.field, i.reason) for i in loaded.report.issues] == [
            ("birth", "is no day of the calendar"),
            ("birth", "is in none of the formats of the profile"),
        ]

    def test_a_birth_after_the_diagnosis_is_unknown_and_counted(self, tmp_path: Path) -> None:
        rows = {"a": {"birth": "20110101", "month": "12", "day": "31"}, "b": {"birth": "20110101", "age": "3"}, "c": {}}
        loaded = load_rows(tmp_path, rows)
        assert all(case.birth == UNKNOWN_DATE for case in loaded.cases)
        assert {case.patient_id: case.age.years for case in loaded.cases} == {
            key_of("a"): None,
            key_of("b"): (3, 3),
            key_of("c"): None,
        }
        assert [(i.field, i.reason, i.count, i.lines) for i in loaded.report.issues] == [
            ("birth", "begins after the incidence date ends", 2, (2, 3))
        ]

    def test_parts_make_a_date(self, tmp_path: Path) -> None:
        loaded = load_rows(
            tmp_path,
            {
                "a": {"month": "2", "day": "03"},
                "b": {"month": "02", "day": "99"},
                "c": {"month": "99"},
                "d": {"year": "9999"},
            },
        )
        dates = [DateInterval.of(2010, 2, 3), DateInterval.of(2010, 2), DateInterval.of(2010), UNKNOWN_DATE]
        seen = {case.patient_id: case.incidence for case in loaded.cases}
        assert seen == dict(zip(map(key_of, "abcd"), dates, strict=True))

    @pytest.mark.parametrize(
        ("texts", "order"),
        [(["20101302", "20100203"], "YYYYDDMM"), (["20100213", "20100203"], "YYYYMMDD"), (["20109999"], "YYYYMMDD")],
    )
    def test_the_order_of_day_and_month_is_decided_by_the_whole_file(
        self, tmp_path: Path, texts: list[str], order: str
    ) -> None:
        loaded = load_lines(tmp_path, *_dated(texts), profile=AUTO)
        days = {case.patient_id: case.incidence.earliest for case in loaded.cases}
        if len(texts) > 1:
            assert days[key_of("1")] == (dt.date(2010, 3, 2) if order == "YYYYDDMM" else dt.date(2010, 2, 3))
        assert loaded.report.accepted == len(texts)

    def test_each_file_decides_for_itself(self, tmp_path: Path) -> None:
        files = {
            f"{n}.csv": "\n".join((HEADER, *(line.replace(";1;1;", f";{n};1;", 1) for line in _dated(texts)), ""))
            for n, texts in enumerate((["20101302", "20100203"], ["20100213", "20100203"]), start=1)
        }
        loaded = load_files(tmp_path, files, AUTO)
        assert loaded.case("1", "1").incidence == DateInterval.of(2010, 3, 2)
        assert loaded.case("1", "2").incidence == DateInterval.of(2010, 2, 3)

    @pytest.mark.parametrize("texts", [["20100203"], ["20101302", "20100213"]])
    def test_a_file_that_does_not_decide_is_refused(self, tmp_path: Path, texts: list[str]) -> None:
        with pytest.raises(BadFile, match="YYYYDDMM"):
            load_lines(tmp_path, *_dated(texts), profile=AUTO)


AUTO = PROFILE.replace('["YYYYMMDD", "YYYYMM", "YYYY"]', '["auto:YYYYDDMM|YYYYMMDD"]')


def _dated(texts: list[str]) -> list[str]:
    return [f"{number};1;1;{text};C74.9;9500;3" for number, text in enumerate(texts)]


class TestDiagnosis:
    def test_every_notation_is_one_diagnosis(self, tmp_path: Path) -> None:
        rows = {
            "a": {},
            "b": {"site": "c749", "histology": "9500/3", "behaviour": ""},
            "c": {"site": "749", "histology": "95003", "behaviour": "/3"},
            "d": {"site": " C74.9 ", "histology": "M-9500", "behaviour": "malignant"},
        }
        loaded = load_rows(tmp_path, rows)
        assert len({case.diagnosis for case in loaded.cases}) == 1
        assert loaded.sums == (4, 4, 0, 0)

    def test_a_missing_behaviour_is_unknown_never_malignant(self, tmp_path: Path) -> None:
        case = load_rows(tmp_path, {"a": {"behaviour": ""}}).cases[0]
        assert case.diagnosis.behaviour is Absent.UNKNOWN

    def test_two_behaviours_that_differ_are_unknown_and_counted(self, tmp_path: Path) -> None:
        loaded = load_rows(tmp_path, {"a": {"histology": "9500/3", "behaviour": "1"}})
        assert loaded.cases[0].diagnosis.behaviour is Absent.UNKNOWN
        assert [i.reason for i in loaded.report.issues] == ["has two behaviours that differ"]

    def test_a_wrong_icd10_beside_icdo_is_counted_and_alone_a_fault(self, tmp_path: Path) -> None:
        rows = {
            "beside": {"icd10": "7"},
            "alone": {"icd10": "7", "site": "", "histology": ""},
            "fine": {"icd10": "C74.9", "site": "", "histology": "", "behaviour": ""},
        }
        loaded = load_rows(tmp_path, rows)
        assert loaded.sums == (3, 2, 1, 0)
        assert {case.diagnosis.icd10 for case in loaded.cases} == {None, "C74.9"}

    def test_a_code_of_another_edition_is_taken_and_remarked(self, tmp_path: Path) -> None:
        loaded = load_rows(tmp_path, {"a": {"histology": "9260", "edition": "32"}, "b": {"edition": "31"}})
        assert loaded.report.accepted == 2
        notes = [i for i in loaded.report.issues if i.severity == "note"]
        assert [(n.reason, n.count) for n in notes] == [("morphology is not in ICD-O-3.2 but in another (9260/3)", 1)]


class TestQuarantine:
    def test_each_reason_is_named_with_line_and_code_but_no_patient_data(self, tmp_path: Path) -> None:
        rows = {
            "good": {},
            "site": {"site": "C99.9"},
            "histology": {"histology": "9999"},
            "behaviour": {"behaviour": "7"},
            "no code": {"site": "left adrenal"},
            "date": {"month": "13"},
            "": {},
        }
        loaded = load_rows(tmp_path, rows)
        assert [(q.line, q.field, q.reason, q.code) for q in loaded.report.quarantine] == [
            (3, "diagnosis", "topography does not exist", "C99.9"),
            (4, "diagnosis", "morphology does not exist", "9999"),
            (5, "diagnosis", "behaviour does not exist", "7"),
            (6, "diagnosis", "topography does not exist", None),
            (7, "incidence", "is no day of the calendar", None),
            (8, "patient", "has no patient id", None),
        ]
        assert loaded.sums == (7, 1, 6, 0)
        assert sum(loaded.report.reasons.values()) == 6

    def test_a_repeated_patient_and_tumour_counts_once(self, tmp_path: Path) -> None:
        line = "p;1;1;2010;C74.9;9500;3"
        loaded = load_lines(tmp_path, line, line, line.replace(";1;1;", ";2;1;"), line.replace("9500", "9999"))
        assert loaded.sums == (4, 2, 2, 0)
        assert [(q.line, q.reason) for q in loaded.report.quarantine] == [
            (3, "repeats the patient and tumour of an earlier record"),
            (5, "morphology does not exist"),
        ]

    def test_without_a_tumour_id_diagnosis_and_date_tell_tumours_apart(self, tmp_path: Path) -> None:
        lines = ["p;;1;2010;C74.9;9500;3", "p;;1;2011;C74.9;9500;3", "p;;1;2011;C74.9;9500;3"]
        assert load_lines(tmp_path, *lines).sums == (3, 2, 1, 0)

    def test_strict_rejects_what_tolerant_makes_unknown_but_not_remarks(self, tmp_path: Path) -> None:
        rows = {
            "good": {},
            "basis": {"basis": "77"},
            "remark": {"histology": "9260", "edition": "32"},
            "fault": {"histology": "9999"},
        }
        loaded = load_rows(tmp_path, rows, FULL.replace('kind = "tabular"', 'kind = "tabular"\nmode = "strict"'))
        assert loaded.sums == (4, 2, 1, 1)
        assert loaded.report.reasons == {
            "basis: is no code of this field": 1,
            "diagnosis: morphology does not exist": 1,
        }


@pytest.mark.parametrize("text", ["1987-06-13", "13.06.1987", "19870613", "88776655"])
def test_a_date_or_an_id_in_the_column_of_grades_becomes_no_code(tmp_path: Path, text: str) -> None:
    loaded = load_rows(tmp_path, {"odd": {"grade": text}, "good": {"grade": "3"}}, FULL)
    assert {case.grade for case in loaded.cases} == {Absent.UNKNOWN, "3"}
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert text.encode() not in kept


def test_ids_are_pseudonyms_that_the_salt_keys(tmp_path: Path) -> None:
    loaded = load_lines(tmp_path, "secret-7;1;1;2010;C74.9;9500;3", "secret-7;2;1;2011;C74.9;9500;3")
    assert {case.patient_id for case in loaded.cases} == {key_of("secret-7")}
    assert {case.case_id for case in loaded.cases} == {key_of("secret-7", "1"), key_of("secret-7", "2")}
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert b"secret-7" not in kept


def test_parts_of_an_id_are_one_id(tmp_path: Path) -> None:
    profile = PROFILE.replace('column = "id"', 'parts = ["sex", "id"]')
    loaded = load_lines(
        tmp_path, "7;1;1;2010;C74.9;9500;3", "7;1;2;2010;C74.9;9500;3", ";1;2;2010;C74.9;9500;3", profile=profile
    )
    assert loaded.sums == (3, 2, 1, 0)
    assert {case.patient_id for case in loaded.cases} == {key_of("1", "7"), key_of("2", "7")}


DATES = st.one_of(
    st.just(""),
    st.dates(dt.date(1995, 1, 1), dt.date(2012, 12, 31)).flatmap(
        lambda day: st.sampled_from([f"{day:%Y%m%d}", f"{day:%Y%m}", f"{day:%Y}"])
    ),
)
AGED = st.tuples(DATES, DATES, st.one_of(st.just(""), st.integers(0, 25)), st.one_of(st.just(""), st.integers(0, 9000)))
AGES = """
title = "Ages"
kind = "tabular"
max_reject_share = 1.0
[format]
delimiter = ";"
[fields.patient]
column = "id"
[fields.birth]
column = "birth"
formats = ["YYYYMMDD", "YYYYMM", "YYYY"]
[fields.incidence]
column = "date"
formats = ["YYYYMMDD", "YYYYMM", "YYYY"]
[fields.age]
column = "age"
[fields.age_days]
column = "days"
[fields.diagnosis]
topography = "site"
"""


def _interval(text: str) -> DateInterval:
    return DateInterval.of(*(int(part) for part in (text[:4], text[4:6], text[6:]) if part)) if text else UNKNOWN_DATE


@settings(max_examples=8, deadline=None)
@given(st.lists(AGED, min_size=20, max_size=60))
def test_ages_of_the_loader_are_those_of_the_model(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, int | str, int | str]]
) -> None:
    rows = [*rows, ("20000229", "20010228", "", ""), ("20000229", "20010301", "", ""), ("2000", "2000", "", "")]
    lines = [f"{number};{birth};{date};{age};{days};C74.9" for number, (birth, date, age, days) in enumerate(rows)]
    loaded = load_lines(tmp_path_factory.mktemp("ages"), *lines, profile=AGES, header="id;birth;date;age;days;site")
    seen = {case.patient_id: case.age for case in loaded.cases}
    for number, (birth_text, date_text, age, days) in enumerate(rows):
        birth, date = _interval(birth_text), _interval(date_text)
        if birth.earliest and date.latest and date.latest < birth.earliest:
            birth = UNKNOWN_DATE
        given_years, given_days = (None if given == "" else int(given) for given in (age, days))
        assert seen[key_of(str(number))] == Age.at_diagnosis(birth, date, given_years, given_days), lines[number]

"""Delimited files of any registry: headers, delimiters and quotes as they come; the shipped profiles on their formats."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from gateway.adapters.tabular import KIND
from gateway.errors import BadFile, BadSettings
from gateway.model.dates import DateInterval
from gateway.model.values import Absent
from gateway.sources.loading import profile_of
from tests.conftest import needs_shared
from tests.sources.loading.loads import GOOD, HEADER, PROFILE, Loaded, config_of, key_of, load_files, load_lines

ENCR_HEADER = (
    "PAT;MoB;YoB;Age;Sex;Geo_Code;Geo_Label;TUM;MoI;YoI;BoD;Topo;Morpho;Beh;Grade;Autopsy;Vit_stat;MoF;YoF;Surv_time;"
    "ICD;CoD;TNM_ed;cT;cN;cM;pT;pN;pM;ToS;Stage;Surgery;Rt;Cht;Tt;It;Ht;Ot;SCT"
)


def encr(**texts: str) -> str:
    """A line of an ENCR file: the example of the client package, made a child."""
    usual = {"PAT": "1", "MoB": "6", "YoB": "2004", "Age": "5", "Sex": "1", "Geo_Code": "FI1B", "TUM": "1", "MoI": "2"}
    usual |= {"YoI": "2010", "BoD": "7", "Topo": "C749", "Morpho": "9500", "Beh": "3", "Grade": "2", "Vit_stat": "1"}
    usual |= {"MoF": "3", "YoF": "2015", "Surv_time": "1850", "ICD": "10", "TNM_ed": "8", "Stage": "2", "Surgery": "0"}
    return ";".join((usual | texts).get(column, "") for column in ENCR_HEADER.split(";"))


class TestLayout:
    @pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
    def test_the_delimiter_is_found_in_the_header(self, tmp_path: Path, delimiter: str) -> None:
        profile = PROFILE.replace('delimiter = ";"', 'delimiter = "auto"')
        text = f"{HEADER}\n{GOOD}\n".replace(";", delimiter)
        assert load_files(tmp_path, {"file.txt": text}, profile).sums == (1, 1, 0, 0)

    def test_a_header_of_one_column_has_no_delimiter(self, tmp_path: Path) -> None:
        profile = PROFILE.replace('delimiter = ";"', 'delimiter = "auto"')
        with pytest.raises(BadFile, match="only one column"):
            load_files(tmp_path, {"file.txt": "id\n1\n"}, profile)

    def test_columns_are_found_without_case_blanks_and_dashes_in_any_order(self, tmp_path: Path) -> None:
        header = "Behaviour;HISTOLOGY; Site ;DATE;s-e-x;Tumour;I_D;extra"
        line = ";".join(reversed(GOOD.split(";"))) + ";x"
        loaded = load_lines(tmp_path, line, header=header)
        assert loaded.case("p1").sex == "male"
        assert loaded.report.files[0].unknown_columns == ("extra",)

    def test_a_file_without_a_header_is_read_by_the_names_of_the_profile(self, tmp_path: Path) -> None:
        names = ", ".join(f'"{name}"' for name in HEADER.split(";"))
        profile = PROFILE.replace("[format]", f"[format]\nheader = false\nnames = [{names}]\nskip = 1")
        loaded = load_files(
            tmp_path, {"file.csv": f"exported yesterday\n{GOOD}\n{GOOD.replace('p1', 'p2')};;\n"}, profile
        )
        assert loaded.sums == (2, 1, 0, 1)

    def test_lines_before_the_header_are_skipped_and_counted_in_line_numbers(self, tmp_path: Path) -> None:
        profile = PROFILE.replace("[format]", "[format]\nskip = 2")
        text = f"Registry of X\n\n{HEADER}\n{GOOD}\n{GOOD.replace('9500', '9999')}\n"
        assert [q.line for q in load_files(tmp_path, {"file.csv": text}, profile).report.quarantine] == [5]

    def test_quotes_may_be_switched_off(self, tmp_path: Path) -> None:
        profile = PROFILE.replace("[format]", '[format]\nquote = ""')
        loaded = load_lines(tmp_path, GOOD.replace("p1", '"p1'), GOOD, profile=profile)
        assert loaded.sums == (2, 2, 0, 0)

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ('delimeter = ","', "did you mean 'delimiter'"),
            ('quote = "ab"', "one character"),
            ('encodings = ["utf-9"]', "a list of encodings"),
            ("skip = -1", "a number of lines"),
            ("header = false", "`names` belongs to header = false"),
            ('names = ["a"]', "`names` belongs to header = false"),
        ],
    )
    def test_a_wrong_key_of_the_format_is_named(self, tmp_path: Path, line: str, message: str) -> None:
        profile = PROFILE.replace('delimiter = ";"', line)
        with pytest.raises(BadSettings, match=message) as caught:
            load_lines(tmp_path, GOOD, profile=profile)
        assert "profile.toml" in str(caught.value)


def test_a_wrong_format_is_found_without_opening_a_file(tmp_path: Path) -> None:
    config = config_of(tmp_path, [tmp_path / "missing.csv"], PROFILE.replace('";"', '";;"'))
    with pytest.raises(BadSettings, match="one character or 'auto'"):
        profile_of(config, KIND)


class TestEncr:
    def test_a_file_as_its_compendium_describes(self, tmp_path: Path) -> None:
        lines = [
            encr(),
            encr(
                PAT="2",
                Sex="9",
                Age="999",
                MoB="99",
                YoB="9999",
                MoI="99",
                BoD="9",
                Grade="9",
                Vit_stat="9",
                Geo_Code="",
            ),
            encr(PAT="3", Topo="C71.9", Morpho="9421", Beh="1", BoD="0", Geo_Code="EL30", MoF="99", YoF="9999"),
        ]
        loaded = load_lines(tmp_path, *lines, profile="encr", header=ENCR_HEADER)
        assert loaded.sums == (3, 3, 0, 0)
        one, two, three = (loaded.case(name) for name in "123")
        assert (one.sex, one.basis, one.vital_status, one.grade, one.country, one.stage) == (
            *("male", "7", "alive", "2", "FI"),
            "tnm:2",
        )
        assert (one.birth, one.incidence) == (DateInterval.of(2004, 6), DateInterval.of(2010, 2))
        assert one.age.years == (5, 5)
        assert one.laterality is Absent.NOT_COLLECTED
        assert (two.sex, two.age.years, two.incidence, two.country) == (
            Absent.UNKNOWN,
            None,
            DateInterval.of(2010),
            Absent.UNKNOWN,
        )
        assert (three.diagnosis.behaviour, three.basis, three.country, three.last_contact.earliest) == (
            1,
            "0",
            "GR",
            None,
        )

    def test_quoted_texts_captions_of_other_files_and_a_day_column_are_taken(self, tmp_path: Path) -> None:
        header = ENCR_HEADER.replace("Vit_stat", "VIT STAT").replace("YoI", "yoi") + ";DoI"
        loaded = load_lines(tmp_path, '"1"' + encr()[1:] + ";17", profile="encr", header=header)
        assert loaded.case("1").incidence == DateInterval.of(2010, 2, 17)
        assert loaded.case("1").vital_status == "alive"

    def test_tumours_of_a_patient_share_the_patient(self, tmp_path: Path) -> None:
        loaded = load_lines(
            tmp_path, encr(), encr(TUM="2", Topo="C421", Morpho="9835"), profile="encr", header=ENCR_HEADER
        )
        assert {case.patient_id for case in loaded.cases} == {key_of("1")}
        assert len(loaded.cases) == 2


IICC_HEADER = "Region;ID;Sequence;Sex;BirthDate;IncidenceDate;RegistrationDate;Age;Site;Laterality;Histology;Behaviour;Grade;Basis;VitalStatus"


def iicc(*lines: str, folder: Path) -> Loaded:
    return load_lines(folder, *lines, profile="iicc3-listing", header=IICC_HEADER)


class TestIicc3Listing:
    def test_a_listing_as_the_call_describes(self, tmp_path: Path) -> None:
        loaded = iicc(
            "1;77;00;1;20041306;20102003;;5;C649;3;8960;3;9;2;1",
            "1;78;01;2;99999999;20109999;;999;C692;2;9510;3;2;1;9",
            "1;78;02;9;;20100512;;6;C402;1;9180;3;;0;2",
            folder=tmp_path,
        )
        assert loaded.sums == (3, 3, 0, 0)
        one, two, three = loaded.case("77", "00"), loaded.case("78", "01"), loaded.case("78", "02")
        assert (one.birth, one.incidence) == (DateInterval.of(2004, 6, 13), DateInterval.of(2010, 3, 20))
        assert [case.laterality for case in (one, two, three)] == ["right", "bilateral", "unilateral"]
        assert [case.basis for case in (one, two, three)] == ["microscopic", "clinical-any", "0"]
        assert [case.sequence for case in (one, two, three)] == [0, 1, 2]
        assert (two.incidence, three.incidence) == (DateInterval.of(2010), DateInterval.of(2010, 12, 5))

    def test_the_same_listing_in_the_usual_order_of_dates(self, tmp_path: Path) -> None:
        loaded = iicc("1;77;00;1;20040613;20100320;;5;C649;3;8960;3;9;2;1", folder=tmp_path)
        assert loaded.case("77", "00").birth == DateInterval.of(2004, 6, 13)


CANREG_HEADER = (
    "PatientID\tTumourID\tRecordStatus\tObsoleteFlagTumourTable\tSex\tBirthDate\tAge\tAddressCode\tIncidenceDate\t"
    "Topography\tMorphology\tBehaviour\tBasisDiagnosis\tICD10\tMultPrimSeq\tLastcontact\tStat\tFamN"
)


class TestCanregExport:
    def test_only_confirmed_and_current_records_are_cases(self, tmp_path: Path) -> None:
        line = "{0}\t{0}01\t{1}\t{2}\tM\t20049999\t5\t001\t20100215\t749\t9500\t3\t8\tC74\t1\t20159999\t2\tName"
        lines = [line.format(*record) for record in ((1, 1, 0), (2, 0, 0), (3, 2, 0), (1, 1, 1))]
        loaded = load_lines(tmp_path, *lines, profile="canreg-export", header=CANREG_HEADER)
        assert loaded.sums == (4, 1, 0, 3)
        assert loaded.report.reasons == {
            "record status is not confirmed": 2,
            "obsolete copy of a tumour record": 1,
        }
        case = loaded.case("1", "101")
        assert (case.diagnosis.topography, case.diagnosis.icd10, case.sex, case.basis) == ("C74.9", "C74", "male", "7")
        assert (case.birth, case.vital_status, case.sequence) == (DateInterval.of(2004), "dead", 1)
        assert case.country is Absent.NOT_COLLECTED


class TestSeerStyle:
    def test_labels_are_read(self, tmp_path: Path) -> None:
        header = (
            "Patient ID,Record number recode,Sequence number,Sex,Age recode with single ages and 85+,Year of diagnosis,"
            "Primary Site - labeled,Histologic Type ICD-O-3,Behavior code ICD-O-3,Laterality,Diagnostic Confirmation,"
            "ICCC site recode 3rd edition/IARC 2017,Vital status recode (study cutoff used),Survival months"
        )
        line = (
            '"7","1","One primary only","Female","03 years","2010","C74.9-Adrenal gland, NOS","9500","Malignant",'
            '"Right - origin of primary","Positive histology","IV(a) Neuroblastoma and ganglioneuroblastoma","Dead","31"'
        )
        unknown = '"8","1","x","Male","85+ years","2011","C71.9-Brain, NOS","9421","Borderline malignancy","","","Not classified by ICCC","Alive",""'
        loaded = load_lines(tmp_path, line, unknown, profile="seer-style", header=header)
        assert loaded.sums == (2, 2, 0, 0)
        case = loaded.case("7")
        assert (case.sex, case.age.years, case.sequence, case.laterality) == ("female", (3, 3), 0, "right")
        assert (case.diagnosis.topography, case.diagnosis.behaviour, case.diagnosis.iccc) == ("C74.9", 3, "2017:IV(a)")
        assert (case.incidence, case.birth.earliest, case.vital_status) == (DateInterval.of(2010), None, "dead")
        assert (loaded.case("8").age.years, loaded.case("8").diagnosis.iccc) == (None, None)

    def test_months_come_as_names_or_numbers(self, tmp_path: Path) -> None:
        header = "Patient ID,Record number,Sex,Age at diagnosis,Year of diagnosis,Month of diagnosis,Primary Site,ICD-O-3 Hist/behav"
        lines = [
            "1,1,Male,3 years,2010,March,749,9500/3",
            "2,1,Male,3,2010,3,749,9500/3",
            "3,1,Male,3,2010,Unknown,749,9500/3",
        ]
        loaded = load_lines(tmp_path, *lines, profile="seer-style", header=header)
        march = DateInterval(dt.date(2010, 3, 1), dt.date(2010, 3, 31), DateInterval.of(2010, 3).precision)
        assert [loaded.case(name).incidence for name in "123"] == [march, march, DateInterval.of(2010)]


SIMULACRUM = """
title = "Simulacrum tumour table"
kind = "tabular"
[fields.patient]
column = "PATIENTID"
[fields.tumour]
column = "TUMOURID"
[fields.sex]
column = "GENDER"
values = { 1 = "male", 2 = "female" }
[fields.incidence]
column = "DIAGNOSISDATEBEST"
formats = ["YYYY-MM-DD"]
[fields.age]
column = "AGE"
[fields.laterality]
column = "LATERALITY"
values = { R = "right", L = "left", B = "bilateral", M = "midline" }
not_applicable = ["8"]
unknown = ["9"]
[fields.diagnosis]
icd10 = "SITE_ICD10_O2"
"""
PERSONS = """
title = "OMOP persons, read as a listing"
kind = "tabular"
max_reject_share = 1.0
[fields.patient]
column = "person_id"
[fields.sex]
column = "gender_concept_id"
values = { 8507 = "male", 8532 = "female" }
[fields.birth]
year = "year_of_birth"
month = "month_of_birth"
day = "day_of_birth"
[fields.incidence]
year = "year_of_birth"
[fields.diagnosis]
icd10 = "location_id"
unknown = { icd10 = ["\\\\N"] }
"""


@needs_shared
class TestRealFiles:
    def test_every_line_of_a_simulacrum_table_is_accounted_for(self, tmp_path: Path, shared_dir: Path) -> None:
        path = shared_dir / "samples" / "simulacrum" / "sim_av_tumour.csv"
        loaded = load_files(tmp_path, {"tumour.csv": path.read_bytes()}, SIMULACRUM)
        assert loaded.sums == (10, 10, 0, 0)
        assert loaded.case("1").diagnosis.icd10 == "C50"
        assert loaded.case("1").age.years == (60, 60)

    def test_a_table_of_another_house_reads_with_a_profile_alone(self, tmp_path: Path, shared_dir: Path) -> None:
        path = shared_dir / "samples" / "omop" / "cdm-csv" / "PERSON.csv"
        loaded = load_files(tmp_path, {"PERSON.csv": path.read_bytes()}, PERSONS)
        assert loaded.sums == (500, 500, 0, 0)
        assert {case.sex for case in loaded.cases} == {"male", "female"}

"""What a loaded NAACCR file then says: scales that run the other way, versions, unknown values, partial dates."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.adapters.naaccr_xml import KIND
from gateway.model.values import Count
from tests.adapters.loaded import counts, loaded
from tests.adapters.naaccr_xml.documents import document, items, patient, tumor, written

ONE = Count(1, 1)


def table(tmp_path: Path, text: str, *by: str) -> dict[str, Count]:
    report, config = loaded(KIND, tmp_path / "data", written(tmp_path, text))
    assert report.read == report.accepted
    return counts(config, *by)


def patients(name: str, values: list[str], **more: str) -> str:
    return "".join(
        patient(tumor(**{name: value}, **more), patientIdNumber=f"{number:08}") for number, value in enumerate(values)
    )


def test_diagnostic_confirmation_runs_against_the_scale_of_iarc(tmp_path: Path) -> None:
    text = document(patients("diagnosticConfirmation", list("123456789")))
    found = table(tmp_path, text, "basis")
    assert found["1"] == found["4"] == ONE
    assert found["2"] == Count(2, 2)
    assert found["microscopic"] == ONE
    assert found["5"] == ONE
    assert found["7"] == Count(2, 2)
    assert found["unknown"] == ONE


def test_a_death_certificate_as_only_source_wins_over_the_confirmation(tmp_path: Path) -> None:
    text = document(patients("diagnosticConfirmation", ["9", "1"], typeOfReportingSource="7"))
    assert table(tmp_path, text, "basis") == {"0": Count(2, 2)}


@pytest.mark.parametrize(("version", "item"), [(250, "sex"), (260, "sexAssignedAtBirth")])
def test_sex_comes_from_item_220_or_225_by_version(tmp_path: Path, version: int, item: str) -> None:
    given = "".join(
        f"\n<Patient>{items(**{'patientIdNumber': code, item: code})}{tumor()}</Patient>" for code in "12369"
    )
    found = table(tmp_path, document(given, version=version), "sex")
    assert found == {"male": ONE, "female": ONE, "other": Count(2, 2), "unknown": ONE}


@pytest.mark.parametrize(
    ("date", "years"),
    [("20150311", {"2015": ONE}), ("201503", {"2015": ONE}), ("2015", {"2015": ONE}), ("20159999", {"2015": ONE})],
)
def test_dates_of_diagnosis_may_be_partial(tmp_path: Path, date: str, years: dict[str, Count]) -> None:
    assert table(tmp_path, document(patients("dateOfDiagnosis", [date])), "year") == years


def test_age_999_is_unknown_and_then_follows_from_the_dates(tmp_path: Path) -> None:
    text = document(
        patient(tumor(ageAtDiagnosis="999", dateOfDiagnosis="20150311"), dateOfBirth="20100312"),
        patient(tumor(ageAtDiagnosis="999", dateOfDiagnosis="201503"), dateOfBirth="20100312", patientIdNumber="2"),
        patient(tumor(ageAtDiagnosis="000", dateOfDiagnosis="2015"), patientIdNumber="3"),
        patient(tumor(ageAtDiagnosis="999"), patientIdNumber="4"),
    )
    found = table(tmp_path, text, "age")
    assert found["0"] == ONE
    assert found["4"] == Count(1, 2)
    assert found["5"] == Count(0, 1)
    assert found["unknown"].high == 1


def test_vital_status_country_and_stage(tmp_path: Path) -> None:
    text = document(
        patient(tumor(addrAtDxCountry="CAN", addrAtDxState="ON", inrgss="4"), vitalStatus="1"),
        patient(tumor(addrAtDxState="CA", inrgss="8", torontoStageGroup="10"), vitalStatus="0", patientIdNumber="2"),
        patient(tumor(addrAtDxCountry="ZZU", addrAtDxState="ZZ", inrgss="9"), vitalStatus="4", patientIdNumber="3"),
    )
    found = table(tmp_path, text, "vital_status", "country", "stage")
    assert found == {"alive, CA, inrgss:MS": ONE, "dead, US, toronto:10": ONE, "dead, unknown, unknown": ONE}


@pytest.mark.parametrize(("version", "stage"), [(160, "not-collected"), (240, "not-collected"), (250, "unknown")])
def test_stage_is_not_collected_by_versions_without_such_items(tmp_path: Path, version: int, stage: str) -> None:
    ((label, count),) = table(tmp_path, document(patient(tumor()), version=version), "stage").items()
    assert label == stage
    assert count.high == 1


def test_a_code_that_does_not_exist_is_quarantined_by_name(tmp_path: Path) -> None:
    text = document(patient(tumor(primarySite="C123"), tumor(tumorRecordNumber="02")))
    report, _ = loaded(KIND, tmp_path / "data", written(tmp_path, text), force=True)
    assert (report.read, report.accepted, report.quarantined, report.rejected) == (2, 1, 1, 0)
    assert [(found.field, found.code, found.line) for found in report.quarantine] == [("diagnosis", "C123", 4)]


def test_several_tumours_of_a_patient_are_several_cases_of_one_patient(tmp_path: Path) -> None:
    text = document(patient(tumor(), tumor(tumorRecordNumber="02", primarySite="C649", histologicTypeIcdO3="8960")))
    assert table(tmp_path, text, "iccc_main") == {"IV": ONE, "VI": ONE}

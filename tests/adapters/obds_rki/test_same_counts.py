"""The same patients give the same counts from XML and from the relational files; ages as far as the forms tell them."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.adapters.obds_rki import KIND
from gateway.model.values import Count
from tests.adapters.loaded import counts, loaded
from tests.adapters.obds_rki.deliveries import Patient, Tumour, write_relational, write_xml
from tests.conftest import needs_shared

WITHOUT_AGE = ("sex", "iccc_main", "iccc_group", "behaviour", "year", "basis", "vital_status", "stage", "country")
ROOT = Path(__file__).resolve().parents[3]
SAMPLE = Path("samples/obds-rki/oBDS_v3.0.0.8a_RKI_Sample.xml")

DATES = st.tuples(
    st.builds("{:04}-{:02}-15".format, st.integers(2008, 2012), st.integers(1, 12)), st.sampled_from("TTTTTMV")
)
BIRTHS = st.tuples(st.builds("{:04}-{:02}-15".format, st.integers(1995, 2007), st.integers(1, 12)), st.just("T"))
TUMOURS = st.builds(
    Tumour,
    date=DATES,
    topography=st.sampled_from(["C74.9", "C64.9", "C42.1", "C71.9"]),
    morphology=st.sampled_from(["9500/3", "8960/3", "9811/3", "9421/1", "9999/9", "8000/1"]),
    version=st.sampled_from(["31", "32", "33", "bb"]),
    basis=st.sampled_from("012456790"),
    side=st.sampled_from("LRBMUT"),
    grading=st.sampled_from("01234XLMHBUT"),
    stages=st.sampled_from([(), (("INRGSS", "MS"),), (("Toronto", "metastatic"),), (("Binet", "A"), ("INRG", "L1"))]),
)
PATIENTS = st.lists(
    st.builds(
        Patient,
        sex=st.sampled_from("MWDXU"),
        birth=BIRTHS,
        dead=st.sampled_from("JN"),
        last=DATES,
        tumours=st.lists(TUMOURS, max_size=3).map(tuple),
    ),
    min_size=1,
    max_size=12,
).filter(lambda patients: any(patient.tumours for patient in patients))


def numbered(patients: list[Patient]) -> list[Patient]:
    named = [
        replace(
            patient,
            id=f"p{number}",
            tumours=tuple(replace(tumour, id=f"p{number}t{n}") for n, tumour in enumerate(patient.tumours)),
        )
        for number, patient in enumerate(patients)
    ]
    # One tumour that always loads, so that no example is refused as a whole.
    return [*named, Patient("sure", tumours=(Tumour("sure1"),))]


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.reuse, Phase.generate],  # each example loads three snapshots: shrinking would take minutes
)
@given(patients=PATIENTS.map(numbered))
def test_the_same_patients_give_the_same_counts_from_both_forms(patients: list[Patient]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        one, xml = loaded(KIND, folder / "x", write_xml(folder / "f.xml", *patients), "obds-rki", force=True)
        other, tables = loaded(
            KIND, folder / "c", write_relational(folder / "tables", *patients), "obds-rki-csv", force=True
        )
        both = zip(
            (one.read, one.accepted, one.quarantined, one.rejected),
            (other.read, other.accepted, other.quarantined, other.rejected),
            strict=True,
        )
        assert all(left == right for left, right in both)
        for dimension in WITHOUT_AGE:
            assert counts(xml, dimension) == counts(tables, dimension), dimension
        given_ages, derived = counts(tables, "age"), counts(xml, "age")
        for age, count in given_ages.items():
            found = derived.get(age, Count(0, 0))
            assert found.low <= count.low or age == "unknown"
            assert (found.high or 0) + (derived.get("unknown", Count(0, 0)).high or 0) >= (count.high or 0)
        zfkd = _with_age_of_zfkd(folder)
        _, xml = loaded(KIND, folder / "z", folder / "f.xml", str(zfkd), force=True)
        for dimension in ("age", "age_band"):
            assert counts(xml, dimension) == counts(tables, dimension), dimension


def _with_age_of_zfkd(folder: Path) -> Path:
    """The XML profile with the one change that its comment names."""
    text = (ROOT / "profiles" / "sources" / "obds-rki.toml").read_text(encoding="utf-8")
    path = folder / "zfkd.toml"
    path.write_text(text.replace('column = "Diagnosealter"', 'column = "Diagnosealter_ZfKD"'), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("birth", "date", "cells"),
    [
        (("2000-03-15", "T"), ("2015-06-15", "T"), {"15-19": Count(1, 1)}),
        (("2000-06-15", "T"), ("2015-06-15", "T"), {"10-14": Count(0, 1), "15-19": Count(0, 1)}),
        (("2000-06-20", "E"), ("2015-06-15", "E"), {"10-14": Count(1, 1)}),
        (("2000-03-15", "M"), ("2015-06-15", "T"), {"10-14": Count(0, 1), "15-19": Count(0, 1)}),
        (("2001-03-15", "M"), ("2014-06-15", "M"), {"10-14": Count(1, 1)}),
        (("2000-03-15", "T"), ("2015-06-15", "V"), {"unknown": Count(0, 1)}),
    ],
)
def test_an_estimated_day_month_or_date_is_not_used_for_the_age(
    tmp_path: Path, birth: tuple[str, str], date: tuple[str, str], cells: dict[str, Count]
) -> None:
    patient = Patient(birth=birth, tumours=(Tumour(date=date),))
    _, config = loaded(KIND, tmp_path / "data", write_xml(tmp_path / "f.xml", patient))
    found = counts(config, "age_band")
    assert {band: count.high for band, count in found.items()} == {band: count.high for band, count in cells.items()}
    assert {b: c.low for b, c in found.items() if b != "unknown"} == {
        b: c.low for b, c in cells.items() if b != "unknown"
    }


@pytest.mark.parametrize(("version", "edition"), [("31", "3.0"), ("32", "3.1"), ("33", "3.2"), ("bb", None)])
def test_versions_of_icd_o_are_editions_one_apart(tmp_path: Path, version: str, edition: str | None) -> None:
    # 9421/1 is listed by all; a code of 3.2 alone shows which edition was understood.
    tumour = Tumour(topography="C71.9", morphology="9396/3", version=version)
    report, _ = loaded(KIND, tmp_path / "data", write_xml(tmp_path / "f.xml", Patient(tumours=(tumour,))))
    remarks = [issue.reason for issue in report.issues if "ICD-O" in issue.reason]
    if edition in ("3.0", "3.1"):
        assert [f"ICD-O-{edition}" in remark for remark in remarks] == [True]
    else:
        assert remarks == []


# --- the published sample ---------------------------------------------------------------------------------------------------


@needs_shared
@pytest.mark.samples
def test_the_published_sample_loads_and_each_deviation_is_counted(shared_dir: Path, tmp_path: Path) -> None:
    report, _ = loaded(KIND, tmp_path, shared_dir / SAMPLE)
    assert (report.read, report.accepted, report.quarantined, report.rejected) == (75, 63, 12, 0)
    assert dict(report.reasons) == {"diagnosis: morphology does not exist": 12}
    told = {(issue.field, issue.reason): issue.count for issue in report.issues}
    assert told["oBDS_RKI", "the root element is not spelled as in the schema"] == 1
    assert told["oBDS_RKI", "the elements are in no namespace"] == 1
    assert told["Datum_Vitalstatus_Genauigkeit", "is not of the form that the schema 3.0.0.8a allows"] == 30
    assert told["Topographie_Code", "is not of the form that the schema 3.0.0.8a allows"] == 19
    assert sum(count for (_, reason), count in told.items() if "holds elements" in reason) == 2158


@needs_shared
@pytest.mark.samples
def test_the_published_sample_gives_the_same_counts_as_tables(shared_dir: Path, tmp_path: Path) -> None:
    patients = _patients_of(shared_dir / SAMPLE)
    assert (len(patients), sum(len(patient.tumours) for patient in patients)) == (30, 75)
    one, xml = loaded(KIND, tmp_path / "x", shared_dir / SAMPLE)
    other, tables = loaded(KIND, tmp_path / "c", write_relational(tmp_path / "tables", *patients), "obds-rki-csv")
    assert (one.accepted, one.quarantined) == (other.accepted, other.quarantined)
    for dimension in ("sex", "iccc_main", "iccc_group", "behaviour", "year", "basis", "vital_status", "country"):
        assert counts(xml, dimension) == counts(tables, dimension), dimension
    _, xml = loaded(KIND, tmp_path / "z", shared_dir / SAMPLE, str(_with_age_of_zfkd(tmp_path)))
    assert counts(xml, "age") == counts(tables, "age")


def _patients_of(path: Path) -> list[Patient]:
    """The sample's patients, read without the adapter."""
    patients = []
    for element in etree.parse(str(path)).iter("Patient"):
        base = element.find("Patienten_Stammdaten")
        tumours = [
            Tumour(
                id=str(tumour.get("Tumor_ID")),
                date=_date(tumour.find("Primaerdiagnose/Diagnosedatum")),
                topography=tumour.findtext("Primaerdiagnose/Primaertumor_Topographie_ICD_O/Code") or "",
                morphology=tumour.findtext("Primaerdiagnose/Histologie/Morphologie_ICD_O/Code") or "",
                version=tumour.findtext("Primaerdiagnose/Histologie/Morphologie_ICD_O/Version") or "",
                icd10=tumour.findtext("Primaerdiagnose/Primaertumor_ICD/Code") or "",
                basis=tumour.findtext("Primaerdiagnose/Diagnosesicherung") or "",
                side=tumour.findtext("Primaerdiagnose/Seitenlokalisation") or "",
                grading=tumour.findtext("Primaerdiagnose/Histologie/Grading") or "",
            )
            for tumour in element.iter("Tumor")
        ]
        patients.append(
            Patient(
                id=str(element.get("Patient_ID")),
                sex=base.findtext("Geschlecht") or "",
                birth=_date(base.find("Geburtsdatum")),
                dead=base.findtext("Vitalstatus/Verstorben") or "",
                last=_date(base.find("Vitalstatus/Datum_Vitalstatus")),
                tumours=tuple(tumours),
            )
        )
    return patients


def _date(element: etree._Element) -> tuple[str, str]:
    return str(element.text), str(element.get("Datumsgenauigkeit"))

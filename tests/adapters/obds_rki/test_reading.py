"""oBDS-RKI in both forms becomes one row of raw texts for each tumour; deviations from the schema are told."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.adapters.obds_rki import KIND
from gateway.errors import BadFile, BadSettings
from gateway.sources.profile import Profile, load_profile
from gateway.sources.reading import NOT_IN_FILE
from tests.adapters.obds_rki.deliveries import HEAD, NAMESPACE, Patient, Tumour, write_relational, write_xml, xml
from tests.adapters.recorder import Recorder, recorded

PROFILE = load_profile("obds-rki")
STRICT = replace(PROFILE, mode="strict")
TWO = Patient(tumours=(Tumour("t1"), Tumour("t2", topography="C64.9", morphology="8960/3")))


def read(tmp_path: Path, text: str | bytes, profile: Profile = PROFILE) -> Recorder:
    path = tmp_path / "file.xml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return recorded(KIND, path, profile)


def test_each_tumour_is_a_row_with_the_texts_of_its_patient(tmp_path: Path) -> None:
    found = read(tmp_path, xml(TWO, Patient("p2", sex="M")), STRICT)
    assert [
        (row["PatientId"], row["oBDS_RKIPatientTumorId"], row["Topographie_Code"], row["Geschlecht"])
        for row in found.rows
    ] == [
        ("p1", "t1", "C74.9", "W"),
        ("p1", "t2", "C64.9", "W"),
        ("p2", "t1", "C74.9", "M"),
    ]
    assert not found.rejects
    assert not found.issues


def test_both_forms_give_the_same_texts_but_for_birth_and_age(tmp_path: Path) -> None:
    patients = (TWO, Patient("p2", tumours=(Tumour("t3", stages=(("INRGSS", "MS"), ("Toronto", "M1"))),)))
    one = recorded(KIND, write_xml(tmp_path / "file.xml", *patients), STRICT)
    other = recorded(KIND, write_relational(tmp_path / "tables", *patients), STRICT)
    assert len(one.rows) == len(other.rows) == 3
    for left, right in zip(one.rows, other.rows, strict=True):
        differ = {name for name in left if left[name] != right[name] and "Weitere" not in name}
        assert differ == {"Geburtsdatum", "Geburtsdatum_Genauigkeit", "Diagnosealter"}
        assert left["Diagnosealter"] == right["Geburtsdatum"] == NOT_IN_FILE
    assert one.rows[2]["Weitere_Klassifikation:INRGSS"] == other.rows[2]["Weitere_Klassifikation:INRGSS"] == "MS"
    assert one.rows[2]["Weitere_Klassifikation:Toronto"] == other.rows[2]["Weitere_Klassifikation:Toronto"] == "M1"


# --- deviations of the XML --------------------------------------------------------------------------------------------------

DEVIATIONS = {
    "exact date": (('genauigkeit="T">2010', 'genauigkeit="E">2010'), "Geburtsdatum_Genauigkeit", "form"),
    "no precision": ((' Datumsgenauigkeit="T">2015', ">2015"), "Diagnosedatum_Genauigkeit", "wholly estimated"),
    "unknown sex": (("<Geschlecht>W", "<Geschlecht>F"), "Geschlecht", "form"),
    "no sex": (("<Geschlecht>W</Geschlecht>", ""), "Geschlecht", "the schema demands it"),
    "two sexes": (("<Geschlecht>W", "<Geschlecht>M</Geschlecht><Geschlecht>W"), "Geschlecht", "neither is used"),
    "sex twice": (("<Geschlecht>W", "<Geschlecht>W</Geschlecht><Geschlecht>W"), "Geschlecht", "same value"),
    "three-digit topography": (("<Code>C74.9</Code><Version>32", "<Code>C74</Code><Version>32"), "Topographie_Code", "form"),
    "id in a container": (("<Menge_Tumor>", "<Menge_Tumor>7dbc-1fcc"), "Menge_Tumor", "holds elements"),
}  # fmt: skip


@pytest.mark.parametrize("name", DEVIATIONS)
def test_a_deviation_is_an_issue_in_tolerant_mode_and_rejects_in_strict_mode(tmp_path: Path, name: str) -> None:
    (old, new), item, reason = DEVIATIONS[name]
    text = xml(Patient())
    assert old in text
    text = text.replace(old, new)
    tolerant = read(tmp_path, text)
    assert len(tolerant.rows) == 1
    ((told, why),) = tolerant.issues
    assert told == item
    assert reason in why
    strict = read(tmp_path, text, STRICT)
    assert strict.rows == []
    assert [(told, why) for _, told, why in strict.rejects] == list(tolerant.issues)


def test_a_date_without_precision_counts_as_wholly_estimated(tmp_path: Path) -> None:
    text = xml(Patient()).replace(' Datumsgenauigkeit="T">2015', ">2015")
    assert read(tmp_path, text).rows[0]["Diagnosedatum_Genauigkeit"] == "V"


def test_root_name_and_namespace_may_deviate_in_tolerant_mode_only(tmp_path: Path) -> None:
    text = xml(Patient(), head='<OBDS_RKI Schema_Version="3.0.0.8a_RKI">')
    found = read(tmp_path, text)
    assert len(found.rows) == 1
    assert sum(found.issues.values()) == 2
    for head in ('<OBDS_RKI Schema_Version="3.0.0.8a_RKI">', '<oBDS_RKI Schema_Version="3.0.0.8a_RKI">'):
        with pytest.raises(BadFile, match="root element is"):
            read(tmp_path, xml(Patient(), head=head), STRICT)


def test_a_prefix_changes_nothing(tmp_path: Path) -> None:
    text = re.sub(r"<(/?)([A-Za-z])", r"<\1o:\2", xml(TWO)).replace("xmlns=", "xmlns:o=")
    assert read(tmp_path, text, STRICT).rows == read(tmp_path, xml(TWO), STRICT).rows


def test_a_tumour_without_primary_diagnosis_is_rejected(tmp_path: Path) -> None:
    text = re.sub(r"<Primaerdiagnose>.*?</Primaerdiagnose>", "", xml(TWO), count=1, flags=re.DOTALL)
    found = read(tmp_path, text)
    assert [reject[1:] for reject in found.rejects] == [("Primaerdiagnose", "the tumour has no Primaerdiagnose")]
    assert len(found.rows) == 1


def test_a_patient_without_tumour_counts_as_nothing_but_is_noted(tmp_path: Path) -> None:
    found = read(tmp_path, xml(Patient("p0", tumours=()), Patient()))
    assert len(found.rows) == 1
    assert found.issues == {("Tumor", "patient without tumour: nothing to count"): 1}


REFUSED = {
    "other root": (xml(Patient(), head=HEAD.replace("<oBDS_RKI", "<oBDS")), "the root element is another.*oBDS_RKI"),
    "other namespace": (xml(Patient()).replace(NAMESPACE, "http://other"), "in another namespace.*expected xmlns"),
    "no version": (xml(Patient()).replace(' Schema_Version="3.0.0.8a_RKI"', ""), "Schema_Version is missing.*3.0.0.8a"),
    "other version": (xml(Patient()).replace("3.0.0.8a_RKI", "3.0.4"), "Schema_Version is missing or not known"),
    "no patients": (xml(), "there is no <Patient>"),
    "patient elsewhere": (xml(Patient()).replace("<Menge_Patient>", "<Menge_Patient><X>").replace("</Menge_Patient>", "</X></Menge_Patient>"), "<Patient> has no place here"),
    "other element": (xml(Patient(), Patient("p2")).replace("</Patient>", "</Patient><Patien/>", 1), "has no place here"),
    "misspelled tumour": (xml(TWO).replace("<Tumor ", "<Tumr ", 1).replace("</Tumor>", "</Tumr>", 1), "has no place here"),
    "misspelled set": (xml(TWO).replace("Menge_Tumor>", "Menge_Tumoren>"), "has no place here"),
    "cut off": (xml(Patient())[:-12], "not well-formed"),
    "doctype": (f"<!DOCTYPE oBDS_RKI>{xml(Patient())}", "declarations are refused"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_obds_rki_is_refused_by_name(tmp_path: Path, name: str) -> None:
    text, message = REFUSED[name]
    with pytest.raises(BadFile, match=message) as caught:
        read(tmp_path, text)
    assert (caught.value.where or "").startswith("file.xml")


def test_a_profile_that_names_no_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="no column 'Topografie_Code'"):
        read(tmp_path, xml(Patient()), replace(PROFILE, columns=("Topografie_Code",)))
    with pytest.raises(BadSettings, match="format is not used"):
        read(tmp_path, xml(Patient()), replace(PROFILE, format={"delimiter": ","}))


# --- the relational form ----------------------------------------------------------------------------------------------------


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_tables_are_known_by_their_headers_whatever_their_names(tmp_path: Path) -> None:
    folder = write_relational(tmp_path / "tables", TWO)
    expected = recorded(KIND, folder, STRICT).rows
    packed = gzip.compress(b"\xef\xbb\xbf" + (folder / "tumor.csv").read_bytes())
    (folder / "tumor.csv").unlink()
    (folder / "a.csv.gz").write_bytes(packed)
    (folder / "patient.csv").rename(folder / "z.csv")
    (folder / "op.csv").write_text("op_id;Tumor_ID\n1;t1\n", encoding="utf-8")
    assert recorded(KIND, folder, STRICT).rows == expected
    assert recorded(KIND, folder / "a.csv.gz", STRICT).rows == expected
    beside = recorded(KIND, folder / "z.csv", PROFILE)
    assert (beside.rows, len(beside.issues)) == ([], 1)


def test_a_missing_table_or_precision_is_named(tmp_path: Path) -> None:
    folder = write_relational(tmp_path / "tables", TWO)
    change(folder / "tumor.csv", "Diagnosedatum_Genauigkeit", "Genauigkeit")
    with pytest.raises(BadFile, match=r"tumor\.csv:1: a date is given without.*Diagnosedatum_Genauigkeit"):
        recorded(KIND, folder, PROFILE)
    (folder / "patient.csv").unlink()
    with pytest.raises(BadFile, match="no patient file in the folder"):
        recorded(KIND, folder, PROFILE)
    (folder / "tumor.csv").unlink()
    with pytest.raises(BadFile, match="no tumour file in the folder"):
        recorded(KIND, folder, PROFILE)
    (folder / "other.csv").write_text("a;b\n1;2\n", encoding="utf-8")
    with pytest.raises(BadFile, match="neither XML nor a table of oBDS-RKI"):
        recorded(KIND, folder / "other.csv", PROFILE)


def test_tumours_and_patients_that_do_not_fit_together_are_told(tmp_path: Path) -> None:
    lonely = Patient("p2", tumours=(Tumour("t3"),))
    folder = write_relational(tmp_path / "tables", TWO, lonely)
    change(folder / "patient.csv", "p2;", "p3;")
    found = recorded(KIND, folder, PROFILE)
    assert len(found.rows) == 3
    assert found.rows[2]["Geschlecht"] is None
    assert dict(found.issues) == {
        ("oBDS_RKIPatientId", "the tumour's patient is not in the patient file"): 1,
        ("patient.csv", "patient without tumour: nothing to count"): 1,
    }
    assert [reject[1] for reject in recorded(KIND, folder, STRICT).rejects] == ["oBDS_RKIPatientId"]


def test_a_patient_who_stands_twice_differently_is_not_used(tmp_path: Path) -> None:
    folder = write_relational(tmp_path / "tables", TWO)
    with (folder / "patient.csv").open("a", encoding="utf-8") as file:
        file.write("p1;M;N;2020-01-15;T\n")
    found = recorded(KIND, folder, PROFILE)
    assert [row["Geschlecht"] for row in found.rows] == [None, None]
    assert ("PatientId", "the patient stands twice with different values; neither is used") in found.issues


def test_lines_of_another_width_and_files_that_are_no_text_are_told(tmp_path: Path) -> None:
    folder = write_relational(tmp_path / "tables", TWO)
    with (folder / "tumor.csv").open("a", encoding="utf-8") as file:
        file.write("t9;p1\n")
    found = recorded(KIND, folder, PROFILE)
    assert found.rejects == [(4, "line", "the line has another number of columns than the header")]
    (folder / "patient.csv").write_bytes(b"PatientId;Geschlecht\nM\xfcller;W\n")
    with pytest.raises(BadFile, match=r"patient\.csv: the file is not UTF-8"):
        recorded(KIND, folder, PROFILE)


def test_none_in_a_cell_is_nothing(tmp_path: Path) -> None:
    folder = write_relational(tmp_path / "tables", Patient(tumours=(Tumour(side="None"),)))
    assert recorded(KIND, folder, PROFILE).rows[0]["Seitenlokalisation"] is None

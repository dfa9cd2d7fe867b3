"""oBDS-RKI as the relational `;` files that the ZfKD gives out: patient.csv, tumor.csv, weitere_klassifikation.csv.

The same tumours as the XML, but with the age at diagnosis instead of the date of birth.
"""

from __future__ import annotations

from pathlib import Path

from gateway.synth.renderers import obds_rki_xml as xml
from gateway.synth.rendering import RENDERED_ROWS, cases_of, mapped, truth_connection, write_delimited
from gateway.synth.truth import Progress

_AGE = "if(age_known, age_years, NULL)"
_AGE_GROUP = """if(age_known, 'a' || lpad((age_years // 5 * 5)::VARCHAR, 2, '0') || 'b'
    || lpad((age_years // 5 * 5 + 4)::VARCHAR, 2, '0'), NULL)"""
_TNM = ("y_Symbol", "r_Symbol", "a_Symbol", "m_Symbol", "c_p_u_Praefix_T", "T", "c_p_u_Praefix_N", "N")
_TNM_REST = ("c_p_u_Praefix_M", "M", "L", "V", "Pn", "S", "UICC_Stadium")


def _tnm(kind: str) -> dict[str, str]:
    return {f"{name}_{kind}": "NULL" for name in ("TNM_Auflage", *_TNM, *_TNM_REST)}


PATIENT = {
    "PatientId": "patient",
    "Geschlecht": mapped("sex", xml.SEX),
    "Verstorben": "if(vital_status = 'dead', 'J', 'N')",
    "Datum_Vitalstatus": xml.rki_date("last_contact"),
    "Datum_Vitalstatus_Genauigkeit": xml.rki_precision("last_contact"),
}
TUMOR = {
    "oBDS_RKIPatientTumorId": "tumour",
    "oBDS_RKIPatientId": "patient",
    "Diagnosejahr": "year",
    "Diagnosedatum": xml.rki_date("incidence"),
    "Diagnosedatum_Genauigkeit": xml.rki_precision("incidence"),
    "Diagnosealter": _AGE,
    "Agrp05": _AGE_GROUP,
    "Inzidenzort": xml.PLACE,
    "Inzidenzort_BL": f"'{xml.REGISTER}'",
    "Diagnose_ICD10_Code": "icd10",
    "Diagnose_ICD10_Version": f"'{xml.ICD_VERSION}'",
    "Morphologie_Code": xml.MORPHOLOGY,
    "Morphologie_Version": f"if({xml.MORPHOLOGY} IS NULL, NULL, '{xml.ICDO_VERSION}')",
    "Topographie_Code": "topography",
    "Topographie_Version": f"'{xml.ICDO_VERSION}'",
    "Diagnosesicherung": mapped("basis", xml.BASIS, "basis"),
    "Grading": f"if({xml.MORPHOLOGY} IS NULL, NULL, {xml.GRADE})",
    "Seitenlokalisation": mapped("laterality", xml.LATERALITY),
    **_tnm("c"),
    **_tnm("p"),
    "LK_befallen": "NULL",
    "LK_untersucht": "NULL",
    "Anzahl_Tage_Diagnose_Tod": "if(vital_status = 'dead', last_contact - incidence, NULL)",
    "DCN": "if(basis = '0', 'JN_Typ.J', 'JN_Typ.N')",
}
CLASSIFICATION = {
    "weitere_klassifikation_id": "'w' || tumour",
    "Name": mapped("split_part(stage, ':', 1)", xml.STAGE_NAMES),
    "Stadium": "split_part(stage, ':', 2)",
    "Tumor_ID": "tumour",
}


def render(truth: Path, target: Path, progress: Progress) -> list[Path]:
    """Write a folder with the three files; the folder comes first in the list."""
    target.mkdir(parents=True, exist_ok=True)
    tables = {
        "patient.csv": (PATIENT, "(FROM truth WHERE tumour_number = 1)"),
        "tumor.csv": (TUMOR, RENDERED_ROWS),
        "weitere_klassifikation.csv": (CLASSIFICATION, "(FROM truth WHERE stage <> 'unknown')"),
    }
    with truth_connection(truth) as connection:
        for name, (columns, relation) in tables.items():
            write_delimited(connection, target / name, columns, ";", relation=relation)
        progress(cases_of(connection))
    return [target, *(target / name for name in tables)]

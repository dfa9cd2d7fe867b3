"""CanReg5 export: tab-separated, standard variable names, topography without its C, YYYYMMDD with 99 for unknown parts.

Every hundredth tumour has an older, obsolete copy of its record, as an export with history has; it is no case.
"""

from __future__ import annotations

from pathlib import Path

from gateway.synth.renderers.iicc3_listing import full_date
from gateway.synth.rendering import cases_of, mapped, truth_connection, write_delimited
from gateway.synth.truth import Progress

SEX = {"male": "1", "female": "2"}
VITAL_STATUS = {"alive": "1", "dead": "2"}

ROWS = """(SELECT *, unnest(
    CASE WHEN dirt = 'duplicate' THEN [1, 2] WHEN "case" % 100 = 50 THEN [1, 0] ELSE [1] END) AS copy FROM truth)"""
_SITE = """CASE WHEN dirt = 'invalid-code' AND "case" % 2 = 0 THEN '999'
    WHEN spelling = 1 THEN topography ELSE replace(topography[2:], '.', '') END"""
_HISTOLOGY = """if(dirt = 'invalid-code' AND "case" % 2 = 1, '9999', morphology::VARCHAR)"""

COLUMNS = {
    "PatientID": "patient",
    "TumourID": "tumour",
    "RecordStatus": "1",
    "ObsoleteFlagTumourTable": "if(copy = 0, 1, 0)",
    "Sex": mapped("sex", SEX, "'9'"),
    "BirthDate": full_date("birth"),
    "Age": "if(age_known, age_years, 999)",
    "AddressCode": "country",
    "IncidenceDate": full_date("incidence"),
    "Topography": _SITE,
    "Morphology": _HISTOLOGY,
    "Behaviour": "behaviour",
    "Grade": "if(grade = 'unknown', '9', grade)",
    "BasisDiagnosis": "CASE basis WHEN 'unknown' THEN '9' WHEN '8' THEN '7' ELSE basis END",
    "ICD10": "replace(icd10, '.', '')",
    "MultPrimSeq": "sequence",
    "Lastcontact": full_date("last_contact"),
    "VitalStatus": mapped("vital_status", VITAL_STATUS, "'9'"),
}


def render(truth: Path, target: Path, progress: Progress) -> list[Path]:
    """Write one export."""
    path = target.with_name(f"{target.name}.tsv")
    with truth_connection(truth) as connection:
        write_delimited(connection, path, COLUMNS, "\t", relation=ROWS)
        progress(cases_of(connection))
    return [path]

"""SEER*Stat style case listing: comma, quotes, labelled values, year and month of diagnosis."""

from __future__ import annotations

from pathlib import Path

from gateway.synth.rendering import cases_of, mapped, truth_connection, write_delimited
from gateway.synth.truth import Progress

SEX = {"male": "Male", "female": "Female"}
LATERALITY = {
    "not-applicable": "Not a paired site",
    "right": "Right - origin of primary",
    "left": "Left - origin of primary",
    "unilateral": "Only one side - side unspecified",
    "bilateral": "Bilateral, single primary",
    "midline": "Paired site: midline tumor",
}
CONFIRMATION = {
    "7": "Positive histology",
    "6": "Positive histology",
    "8": "Pos hist AND immunophenotyping AND/OR pos genetic studies",
    "5": "Positive exfoliative cytology, no positive histology",
    "4": "Positive laboratory test/marker study",
    "2": "Radiography without microscopic confirm",
    "1": "Clinical diagnosis only",
}
SEQUENCE = {
    "0": "One primary only",
    "1": "1st of 2 or more primaries",
    "2": "2nd of 2 or more primaries",
    "3": "3rd of 3 or more primaries",
}
BEHAVIOUR = {"0": "Benign", "1": "Borderline malignancy", "2": "In situ", "3": "Malignant"}
VITAL_STATUS = {"alive": "Alive", "dead": "Dead"}
UNKNOWN = "'Unknown'"
_HISTOLOGY = """if(dirt = 'invalid-code' AND "case" % 2 = 1, '9999', morphology::VARCHAR)"""
_SITE = """if(dirt = 'invalid-code' AND "case" % 2 = 0, 'C99.9', topography)"""

COLUMNS = {
    "Patient ID": "patient",
    "Record number recode": "tumour_number",
    "Sequence number": mapped("sequence::VARCHAR", SEQUENCE),
    "Sex": mapped("sex", SEX, UNKNOWN),
    "Year of birth": "if(birth_precision = 'unknown', 'Unknown', year(birth)::VARCHAR)",
    "Age recode with single ages and 85+": "if(age_known, lpad(age_years::VARCHAR, 2, '0') || ' years', 'Unknown')",
    "Year of diagnosis": "year",
    "Month of diagnosis": "if(incidence_precision = 'year', 'Unknown', month(incidence)::VARCHAR)",
    "Primary Site": _SITE,
    "Histologic Type ICD-O-3": _HISTOLOGY,
    "Behavior code ICD-O-3": f"coalesce({mapped('behaviour::VARCHAR', BEHAVIOUR, 'behaviour::VARCHAR')}, {UNKNOWN})",
    "ICCC site recode 3rd edition/IARC 2017": "if(iccc_2017 = '', 'Not classified by ICCC', iccc_2017)",
    "Laterality": mapped("laterality", LATERALITY, UNKNOWN),
    "Grade": "if(grade = 'unknown', 'Unknown', grade)",
    "Diagnostic Confirmation": mapped("basis", CONFIRMATION, UNKNOWN),
    "Type of Reporting Source": "if(basis = '0', 'Death certificate only', 'Hospital inpatient/outpatient or clinic')",
    "Vital status recode (study cutoff used)": mapped("vital_status", VITAL_STATUS, UNKNOWN),
}


def render(truth: Path, target: Path, progress: Progress) -> list[Path]:
    """Write one listing."""
    path = target.with_name(f"{target.name}.csv")
    with truth_connection(truth) as connection:
        write_delimited(connection, path, COLUMNS, ",")
        progress(cases_of(connection))
    return [path]

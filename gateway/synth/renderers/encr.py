"""ENCR / JRC-ENCR QCS incidence file: `;`, header, the 39 columns of the JRC-ENCR QCS user compendium 2.0.

Month and year only, no laterality, no sequence number; Geo_Code is a NUTS code.
"""

from __future__ import annotations

from pathlib import Path

from gateway.synth.rendering import cases_of, mapped, truth_connection, write_delimited
from gateway.synth.truth import Progress

SEX = {"male": "1", "female": "2", "other": "3", "unknown": "9"}
VITAL_STATUS = {"alive": "1", "dead": "2", "unknown": "9"}
NUTS = {"CA": "CA00", "DE": "DE30", "FR": "FR10", "GB": "UKI3", "IT": "ITC4", "JP": "JP00", "US": "US00"}

SITE = """CASE WHEN dirt = 'invalid-code' AND "case" % 2 = 0 THEN 'C999' WHEN spelling = 1 THEN lower(topography)
    WHEN spelling = 2 THEN topography ELSE replace(topography, '.', '') END"""
HISTOLOGY = """CASE WHEN dirt = 'invalid-code' AND "case" % 2 = 1 THEN '9999'
    WHEN spelling = 3 AND behaviour IS NOT NULL THEN morphology || '/' || behaviour ELSE morphology::VARCHAR END"""
"""Odd spellings among the usual ones: `c74.9`, `C74.9`, `9500/3`."""


def _month(column: str) -> str:
    return f"if({column}_precision IN ('day', 'month'), month({column}), 99)"


def _year(column: str) -> str:
    return f"if({column}_precision = 'unknown', 9999, year({column}))"


_BLANK = ("TNM_ed", "cT", "cN", "cM", "pT", "pN", "pM", "ToS", "Stage")
_TREATMENT = ("Rt", "Tt", "It", "Ht", "Ot", "SCT")

COLUMNS = {
    "PAT": "patient",
    "MoB": _month("birth"),
    "YoB": _year("birth"),
    "Age": "if(age_known, age_years, 999)",
    "Sex": mapped("sex", SEX),
    "Geo_Code": mapped("country", NUTS),
    "Geo_Label": mapped("country", NUTS),
    "TUM": "tumour_number",
    "MoI": _month("incidence"),
    "YoI": _year("incidence"),
    "BoD": "if(basis = 'unknown', '9', basis)",
    "Topo": SITE,
    "Morpho": HISTOLOGY,
    "Beh": "behaviour",
    "Grade": "if(grade = 'unknown', '9', grade)",
    "Autopsy": "0",
    "Vit_stat": mapped("vital_status", VITAL_STATUS),
    "MoF": _month("last_contact"),
    "YoF": _year("last_contact"),
    "Surv_time": "if(last_contact_precision = 'day' AND incidence_precision = 'day', last_contact - incidence, NULL)",
    "ICD": "10",
    "CoD": "if(vital_status = 'dead', replace(icd10, '.', ''), NULL)",
    **dict.fromkeys(_BLANK, "NULL"),
    "Surgery": '"case" % 2',
    "Rt": "9",
    "Cht": "1",
    **dict.fromkeys(_TREATMENT[1:], "9"),
}


def render(truth: Path, target: Path, progress: Progress) -> list[Path]:
    """Write one ENCR incidence file."""
    path = target.with_name(f"{target.name}.csv")
    with truth_connection(truth) as connection:
        write_delimited(connection, path, COLUMNS, ";")
        progress(cases_of(connection))
    return [path]

"""IARC IICC-3 case listing: the 15 variables of iicc.iarc.fr/requirements in their order, `;`, with a header.

Dates are YYYYMMDD with 99 for an unknown month or day. The basis is the coarse scale 0 death certificate only,
1 clinical, 2 microscopic, 9 unknown; a tumour marker is neither clinical nor microscopic and becomes 9.
"""

from __future__ import annotations

from pathlib import Path

from gateway.synth.renderers.encr import HISTOLOGY, SITE
from gateway.synth.rendering import cases_of, mapped, truth_connection, write_delimited
from gateway.synth.truth import Progress

SEX = {"male": "1", "female": "2"}
LATERALITY = {"unilateral": "1", "bilateral": "2", "right": "3", "left": "4"}
BASIS = {"0": "0", "1": "1", "2": "1", "5": "2", "6": "2", "7": "2", "8": "2"}
VITAL_STATUS = {"alive": "1", "dead": "2"}


def full_date(column: str) -> str:
    """SQL of YYYYMMDD with 99 and 9999 for unknown parts."""
    return (
        f"CASE {column}_precision WHEN 'day' THEN strftime({column}, '%Y%m%d') "
        f"WHEN 'month' THEN strftime({column}, '%Y%m99') WHEN 'year' THEN strftime({column}, '%Y9999') ELSE '99999999' END"
    )


COLUMNS = {
    "Region": "country",
    "ID": "patient",
    "Sequence": "lpad(sequence::VARCHAR, 2, '0')",
    "Sex": mapped("sex", SEX, "'9'"),
    "BirthDate": full_date("birth"),
    "IncidenceDate": full_date("incidence"),
    "RegistrationDate": "strftime(incidence + 90, '%Y%m%d')",
    "Age": "if(age_known, age_years, 999)",
    "Site": SITE,
    "Laterality": mapped("laterality", LATERALITY, "'9'"),
    "Histology": HISTOLOGY,
    "Behaviour": "behaviour",
    "Grade": "if(grade = 'unknown', '9', grade)",
    "Basis": mapped("basis", BASIS, "'9'"),
    "VitalStatus": mapped("vital_status", VITAL_STATUS, "'9'"),
}


def render(truth: Path, target: Path, progress: Progress) -> list[Path]:
    """Write one listing."""
    path = target.with_name(f"{target.name}.csv")
    with truth_connection(truth) as connection:
        write_delimited(connection, path, COLUMNS, ";")
        progress(cases_of(connection))
    return [path]

"""Case: one person and one primary tumour, as every source answers it.

Diagnosis is what the source recorded: ICD-O-3 axes, possibly partial, or only an ICD-10 or ICCC-3 code. Ids are
pseudonyms made by the source's room, never a registry's own identifiers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.model.dates import UNKNOWN_DATE, Age, DateInterval
from gateway.model.values import Absent

Coded = str | Absent
"""A canonical code of a field, or why there is none."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a source recorded of a tumour.

    Attributes
    ----------
    topography
        `C74.9`, a three-character `C74`, or absent.
    morphology
        Four digits as int, or absent.
    behaviour
        0, 1, 2, 3, 6 or 9, or absent.
    icd10, iccc
        Codes of a source that holds these instead of (or beside) ICD-O-3; `iccc` as `2017:IV(a)`.
    icdo_edition
        `3.0`, `3.1`, `3.2` when the source says so.
    """

    topography: str | Absent = Absent.UNKNOWN
    morphology: int | Absent = Absent.UNKNOWN
    behaviour: int | Absent = Absent.UNKNOWN
    icd10: str | None = None
    iccc: str | None = None
    icdo_edition: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One person and one primary tumour."""

    source: str
    case_id: str
    patient_id: str
    diagnosis: Diagnosis
    incidence: DateInterval = UNKNOWN_DATE
    birth: DateInterval = UNKNOWN_DATE
    age: Age = field(default=Age(None, None))
    sex: Coded = Absent.UNKNOWN
    vital_status: Coded = Absent.UNKNOWN
    last_contact: DateInterval = UNKNOWN_DATE
    basis: Coded = Absent.UNKNOWN
    laterality: Coded = Absent.UNKNOWN
    grade: Coded = Absent.UNKNOWN
    stage: Coded = Absent.UNKNOWN
    country: Coded = Absent.UNKNOWN
    sequence: int | None = None

"""The kinds of Observation that a registry's record gives: stage, grade, laterality, vital status.

One table for search and rendering. An Observation exists where the registry recorded a value: the first three belong
to a tumour, vital status (LOINC 75186-7) to its patient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.doors.fhir.definitions import guide, url_of_prefix
from gateway.model.query import Unit

LOINC = "http://loinc.org"
CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
KIND = "observation"
"""Field of a condition that chooses kinds; it is decided before the question is asked (`of_kind`)."""


@dataclass(frozen=True, slots=True)
class ObservationKind:
    """One kind.

    Attributes
    ----------
    name
        End of the resource id, after the id of the Condition or Patient and a hyphen.
    field
        Field of the question and of a record.
    system, code
        Observation.code.
    category
        Code of observation-category, or None.
    values
        Name of our code system of the values.
    record, unit
        What has one such observation: a case or a patient, and how it is counted.
    profiles
        Profiles it claims.
    """

    name: str
    field: str
    system: str
    code: str
    category: str | None
    values: str
    record: str = "case"
    unit: Unit = Unit.TUMOURS


def value_system(kind: ObservationKind) -> str:
    """URL of the code system of the values of a kind."""
    return guide().code_system(kind.values)


KINDS: Mapping[str, ObservationKind] = {
    kind.name: kind
    for kind in (
        ObservationKind("stage", "stage", url_of_prefix()["NCIT"], "C16899", "laboratory", "stage"),
        ObservationKind("grade", "grade", url_of_prefix()["NCIT"], "C18000", "laboratory", "grade"),
        ObservationKind("laterality", "laterality", LOINC, "20228-3", "exam", "laterality"),
        ObservationKind(
            "vital-status", "vital_status", LOINC, "75186-7", None, "vital-status", "patient", Unit.PATIENTS
        ),
    )
}


def parts_of(resource_id: str) -> tuple[str, ObservationKind] | None:
    """Id of the record and kind of an Observation's id; None if no Observation can have it."""
    for kind in KINDS.values():
        record = resource_id.removesuffix(f"-{kind.name}")
        if record != resource_id and record:
            return record, kind
    return None

"""The fields a question may use: their kind, their canonical values with definitions, and the dimensions of `by`.

One table for doors, planner, sources and documentation. Values follow ENCR/IARC recommendations (basis of
diagnosis, laterality), ISO 3166-1 alpha-2 (country) and ICD-O-3 (behaviour, grade).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """How values of a field compare."""

    DIAGNOSIS = "diagnosis"  # code terms that mean box sets
    INTEGER = "integer"  # closed ranges
    DATE = "date"  # closed ranges of days
    CODED = "coded"  # one of a list of codes


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the question.

    Attributes
    ----------
    values
        Canonical code -> definition; empty where any code is allowed (stage, country, source, grade).
    composites
        A recorded value that stands for several codes -> those codes (a coarse scale).
    """

    name: str
    kind: Kind
    definition: str
    values: dict[str, str] = field(default_factory=dict)
    composites: dict[str, frozenset[str]] = field(default_factory=dict)


SEX = {"male": "male", "female": "female", "other": "neither male nor female as recorded"}
VITAL_STATUS = {"alive": "alive at last contact", "dead": "known to have died"}
BASIS = {
    "0": "death certificate only",
    "1": "clinical, before death",
    "2": "clinical investigation",
    "4": "specific tumour markers",
    "5": "cytology",
    "6": "histology of a metastasis",
    "7": "histology of the primary tumour",
    "8": "cytogenetic or molecular testing",
}
LATERALITY = {
    "right": "right side of a paired site",
    "left": "left side of a paired site",
    "bilateral": "both sides",
    "unilateral": "one side, which one is not recorded",
    "midline": "midline of a paired site",
}

FIELDS: dict[str, Field] = {
    f.name: f
    for f in (
        Field("diagnosis", Kind.DIAGNOSIS, "code of any known system; means topography, morphology and behaviour"),
        Field("topography", Kind.DIAGNOSIS, "ICD-O-3 topography"),
        Field("morphology", Kind.DIAGNOSIS, "ICD-O-3 morphology, with or without behaviour"),
        Field("behaviour", Kind.DIAGNOSIS, "ICD-O-3 behaviour digit 0, 1, 2, 3, 6 or 9"),
        Field("age", Kind.INTEGER, "age at diagnosis in completed years"),
        Field("age_days", Kind.INTEGER, "age at diagnosis in days"),
        Field("year", Kind.INTEGER, "calendar year of the incidence date"),
        Field("date", Kind.DATE, "incidence date, YYYY-MM-DD"),
        Field("sex", Kind.CODED, "sex as recorded", SEX),
        Field("vital_status", Kind.CODED, "vital status at last contact", VITAL_STATUS),
        Field(
            "basis",
            Kind.CODED,
            "most valid basis of diagnosis (IARC/ENCR)",
            BASIS,
            {"microscopic": frozenset({"5", "6", "7", "8"}), "clinical-any": frozenset({"1", "2"})},
        ),
        Field(
            "laterality",
            Kind.CODED,
            "laterality of a paired site",
            LATERALITY,
            {"unilateral": frozenset({"right", "left"})},
        ),
        Field("grade", Kind.CODED, "ICD-O-3 grade 1 to 4 or the source's own grade code"),
        Field("stage", Kind.CODED, "stage as SYSTEM:VALUE, e.g. toronto:metastatic, inrgss:MS"),
        Field("country", Kind.CODED, "country of residence, ISO 3166-1 alpha-2"),
        Field("source", Kind.CODED, "id of the registry in this gateway"),
    )
}

DIMENSIONS: dict[str, str] = {
    "source": "registry",
    "country": "country of residence",
    "sex": "sex as recorded",
    "age_band": "age band in completed years: 0, 1-4, 5-9, 10-14, 15-19, 20+",
    "age": "age in completed years",
    "year": "year of the incidence date",
    "iccc_main": "ICCC-3 main group",
    "iccc_group": "ICCC-3 subgroup (V has none and stands for itself)",
    "behaviour": "ICD-O-3 behaviour",
    "basis": "most valid basis of diagnosis",
    "vital_status": "vital status at last contact",
    "stage": "stage as SYSTEM:VALUE",
}

FIELD_OF_DIMENSION = {"age_band": "age", "iccc_main": "diagnosis", "iccc_group": "diagnosis"}
"""Dimensions that are made from a field of another name."""

AGE_BANDS: tuple[tuple[str, int, int], ...] = (
    ("0", 0, 0),
    ("1-4", 1, 4),
    ("5-9", 5, 9),
    ("10-14", 10, 14),
    ("15-19", 15, 19),
    ("20+", 20, 150),
)
UNCLASSIFIED = "unclassified"
UNKNOWN_LABEL = "unknown"


def age_band(years: int) -> str:
    """Band of an age in completed years."""
    return next(name for name, low, high in AGE_BANDS if low <= years <= high)

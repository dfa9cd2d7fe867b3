"""What each format cannot say, as data: the only differences that loading a rendering may show against the truth.

`sql` is what the loaded case has in place of the truth's column; docs/synthetic.md shows `why`, and the round trip is
tested against both. Everything that is not named here comes back as it is in the truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.synth.rendering import mapped, quoted


@dataclass(frozen=True, slots=True)
class Loss:
    """One column of the truth that a format holds less of.

    Attributes
    ----------
    sql
        The value that comes back, over the columns of the truth.
    why
        One sentence for people.
    """

    column: str
    sql: str
    why: str


def _never(column: str, why: str = "the format has no such item") -> Loss:
    return Loss(column, quoted("not-collected"), why)


def _recoded(column: str, values: Mapping[str, str], why: str) -> Loss:
    return Loss(column, mapped(column, values, column), why)


def _month(column: str) -> Loss:
    return _recoded(f"{column}_precision", {"day": "month"}, "dates have no day")


_AGE_FROM_DATES = Loss(
    "age", quoted("derived"), "no age is given: it follows from the dates, as an interval where these are partial"
)
_NO_SEQUENCE = Loss("sequence", "NULL", "tumours of a patient are not numbered")
_NO_COUNTRY = _never("country", "the country is declared by the settings")
_NAACCR_BASIS = _recoded(
    "basis", {"6": "7", "8": "7"}, "item 490 does not tell histology of a metastasis or cytogenetics from histology"
)
_NO_PAEDIATRIC_STAGE = _never("stage", "INRGSS and Toronto items came with version 25")
_HISTOLOGY_IS_ONE_CODE = Loss(
    "morphology",
    "if(behaviour IS NULL, NULL, morphology)",
    "morphology and behaviour are one code: if the behaviour is unknown, both are",
)
_RKI = (
    _month("incidence"),
    _month("last_contact"),
    _NO_SEQUENCE,
    _recoded("basis", {"8": "7"}, "the schema has no basis 8"),
    _recoded("vital_status", {"unknown": "alive"}, "who is not known to be dead is alive"),
    _recoded("laterality", {"unilateral": "unknown"}, "one side without saying which cannot be said"),
    Loss("country", quoted("DE"), "all tumours are of residents of Germany"),
    _HISTOLOGY_IS_ONE_CODE,
    Loss(
        "grade",
        "CASE WHEN behaviour IS NULL THEN 'unknown' WHEN grade IN ('5', '6') THEN 'not-applicable' ELSE grade END",
        "no immunophenotypes, and no grade without a histology",
    ),
)

SAME_DIAGNOSIS = {
    "omop": "one case for each person and diagnosis: a second primary with the same code is not told apart"
}
"""Formats in which two tumours of a patient with the same ICD-O-3 code are one case, and why."""

LOSSES: dict[str, tuple[Loss, ...]] = {
    "naaccr_xml": (
        _NAACCR_BASIS,
        Loss(
            "stage",
            "if(stage LIKE 'inrgss:%', stage, 'unknown')",
            "only INRGSS is written: the codes of the Toronto items are not ours to give",
        ),
    ),
    "naaccr_xml_23": (_NAACCR_BASIS, _NO_PAEDIATRIC_STAGE),
    "naaccr_xml_18": (_NAACCR_BASIS, _NO_PAEDIATRIC_STAGE),
    "obds_rki_xml": (_month("birth"), *_RKI, _AGE_FROM_DATES),
    "obds_rki_csv": (Loss("birth_precision", quoted("unknown"), "the age takes the place of the date of birth"), *_RKI),
    "encr": (
        _month("birth"),
        _month("incidence"),
        _month("last_contact"),
        _NO_SEQUENCE,
        _never("laterality"),
        Loss("stage", quoted("unknown"), "the item Stage is of TNM, which children seldom have: it is left blank"),
    ),
    "iicc3_listing": (
        Loss("last_contact_precision", quoted("unknown"), "no date of last contact"),
        _recoded("sex", {"other": "unknown"}, "only male and female"),
        _recoded(
            "laterality",
            {"not-applicable": "unknown", "midline": "unknown"},
            "no code for an unpaired site or the midline",
        ),
        _recoded(
            "basis",
            {
                "1": "clinical-any",
                "2": "clinical-any",
                "4": "unknown",
                "5": "microscopic",
                "6": "microscopic",
                "7": "microscopic",
                "8": "microscopic",
            },
            "the coarse scale: death certificate only, clinical, microscopic, unknown",
        ),
        _never("stage"),
        _NO_COUNTRY,
    ),
    "seer_style": (
        Loss("birth_precision", "if(birth_precision = 'unknown', 'unknown', 'year')", "only the year of birth"),
        _month("incidence"),
        Loss("last_contact_precision", quoted("unknown"), "no date of last contact, only months of survival"),
        _recoded("sex", {"other": "unknown"}, "only male and female"),
        _recoded("basis", {"6": "7", "8": "7"}, "as NAACCR item 490"),
        _never("stage"),
        _NO_COUNTRY,
    ),
    "canreg_export": (
        _recoded("sex", {"other": "unknown"}, "only male and female"),
        _recoded("basis", {"8": "7"}, "8 is autopsy with histology here"),
        _never("laterality"),
        _never("stage"),
        _NO_COUNTRY,
    ),
    "omop": (
        Loss(
            "birth_precision", "if(birth_precision = 'unknown', 'year', birth_precision)", "a year of birth is required"
        ),
        Loss("incidence_precision", quoted("day"), "a condition has a day: the true one is written"),
        _recoded("last_contact_precision", {"month": "day", "year": "day"}, "death and observation have a day"),
        _HISTOLOGY_IS_ONE_CODE,
        _AGE_FROM_DATES,
        _NO_SEQUENCE,
        _never("basis"),
        _never("laterality"),
        _never("grade"),
        _never("stage"),
    ),
}
"""Losses by name of format."""

"""Stratifiers of the measures: a dimension of the question grammar, and how its labels are said in FHIR.

`stratum.value.text` is always the label that /statistics/counts uses; a coding is added where the label is a code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.doors.fhir.definitions import Resource, guide, url_of_prefix
from gateway.doors.fhir.render.elements import coding
from gateway.doors.fhir.search.codes import GENDER_SYSTEM
from gateway.model.fields import SEX, UNCLASSIFIED

ABSENT_SYSTEM = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
ABSENT_CODES: Mapping[str, str] = {
    "unknown": "unknown",
    "not-collected": "unsupported",
    "not-applicable": "not-applicable",
    "withheld": "masked",
}
EDITION = "2017"

Coded = Callable[[str], Resource | None]


@dataclass(frozen=True, slots=True)
class Stratifier:
    """One dimension of a report.

    Attributes
    ----------
    name
        Value of the parameter `stratifier`, and code of the stratifier.
    dimension
        Dimension of the question grammar.
    expression
        FHIRPath over the Condition of this door that gives the stratum.
    coded
        Coding of a label, None where it is text alone.
    """

    name: str
    dimension: str
    text: str
    expression: str
    coded: Coded = lambda _: None

    def concept(self) -> Resource:
        """Code of the stratifier."""
        system = guide().code_system("stratifier")
        return {"coding": [coding(system, self.name, display=self.text)], "text": self.name}

    def value(self, label: str) -> Resource:
        """Value of a stratum."""
        absent = ABSENT_CODES.get(label)
        found = coding(ABSENT_SYSTEM, absent) if absent else self.coded(label)
        return {"coding": [found], "text": label} if found else {"text": label}


def _group(label: str) -> Resource | None:
    if label == UNCLASSIFIED:
        return None
    return coding(url_of_prefix()["ICCC3"], label, version=EDITION)


def _sex(label: str) -> Resource | None:
    return coding(GENDER_SYSTEM, label) if label in SEX else None


_ICCC = f"code.coding.where(system = '{url_of_prefix()['ICCC3']}' and version = '{EDITION}').code"
_AGE = f"extension('{guide().extension('age-at-diagnosis')}').extension('completedYears').value"

STRATIFIERS: Mapping[str, Stratifier] = {
    item.name: item
    for item in (
        Stratifier("iccc", "iccc_main", "ICCC-3 main group, 2017 edition", _ICCC, _group),
        Stratifier("iccc-group", "iccc_group", "ICCC-3 subgroup, 2017 edition", _ICCC, _group),
        Stratifier("sex", "sex", "sex as recorded", "subject.resolve().gender", _sex),
        Stratifier("age-band", "age_band", "age at diagnosis in bands 0, 1-4, 5-9, 10-14, 15-19, 20+", _AGE),
        Stratifier("year", "year", "year of the incidence date", "onset.toString().substring(0, 4)"),
        Stratifier("source", "source", "registry", "meta.source"),
    )
}
DEFAULT_STRATIFIERS = ("iccc", "sex", "age-band", "year", "source")

"""Measure and Library resources: what each measure counts, in what tables, and how it is defined.

A report is either several tables of one dimension each or one table of several dimensions, never both: those share
nothing but their total (docs/adr/0020). So there are two measures for each unit.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.doors.fhir.definitions import Resource, guide
from gateway.doors.fhir.measures.stratifiers import DEFAULT_STRATIFIERS, STRATIFIERS, Stratifier
from gateway.doors.fhir.render.elements import coding
from gateway.model.query import Unit

LIBRARY = "question"
FHIRPATH = "text/fhirpath"
FHIR_QUERY = "application/x-fhir-query"
POPULATION = "http://terminology.hl7.org/CodeSystem/measure-population"
SCORING = "http://terminology.hl7.org/CodeSystem/measure-scoring"
LIBRARY_TYPE = "http://terminology.hl7.org/CodeSystem/library-type"
INITIAL: Resource = {"coding": [{"system": POPULATION, "code": "initial-population"}]}

NO_CQL = (
    "this gateway runs no CQL and keeps no measure or library of others: evaluate one of its own, "
    "Measure/incidence/$evaluate-measure?periodStart=YYYY&periodEnd=YYYY, narrowed by code, age-at-diagnosis and source"
)
QUESTION = """A measure is one question of the gateway's grammar, put to every registry behind it:

  date=PERIOD_START..PERIOD_END & diagnosis=CODES & age=YEARS & source=REGISTRIES, by=DIMENSIONS, unit=tumours|patients

It counts primary tumours, or persons with at least one, whose incidence date lies in the period, both days included.
The answer is what GET /statistics/counts gives for the same question: exact, bounded where dates or codes are partial
or a registry did not answer, masked where the policy of a registry withholds it.
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One measure.

    Attributes
    ----------
    crossed
        One table over all its stratifiers; else a table for each.
    """

    id: str
    title: str
    unit: Unit
    crossed: bool

    @property
    def url(self) -> str:
        """Canonical URL."""
        return f"{guide().canonical}/Measure/{self.id}"

    @property
    def canonical(self) -> str:
        """Canonical URL with version."""
        return f"{self.url}|{guide().version}"


MEASURES: Mapping[str, Measured] = {
    item.id: item
    for item in (
        Measured("incidence", "Primary tumours by one dimension at a time", Unit.TUMOURS, crossed=False),
        Measured("incidence-crossed", "Primary tumours by several dimensions at once", Unit.TUMOURS, crossed=True),
        Measured("patients", "Patients by one dimension at a time", Unit.PATIENTS, crossed=False),
        Measured("patients-crossed", "Patients by several dimensions at once", Unit.PATIENTS, crossed=True),
    )
}
COUNTED: Mapping[Unit, tuple[str, str]] = {
    Unit.TUMOURS: ("tumours", "Condition"),
    Unit.PATIENTS: ("patients", "Patient"),
}
"""What is counted -> its word, and the search that counts the same."""


def measure(measured: Measured) -> Resource:
    """Measure resource."""
    stratifiers = [STRATIFIERS[name] for name in DEFAULT_STRATIFIERS]
    return {
        "resourceType": "Measure",
        "id": measured.id,
        "url": measured.url,
        "version": guide().version,
        "name": "".join(part.capitalize() for part in measured.id.split("-")),
        "title": measured.title,
        "status": "active",
        "experimental": False,
        "date": guide().date,
        "publisher": "iccd",
        "description": (
            f"{measured.title}: {measured.unit.value} with an incidence date in the period, over all registries of the "
            "gateway. The parameter stratifier chooses among the stratifiers; iccc-group takes the place of iccc."
        ),
        "library": [f"{guide().canonical}/Library/{LIBRARY}|{guide().version}"],
        "scoring": {"coding": [coding(SCORING, "cohort")]},
        "group": [
            {
                "code": {"text": COUNTED[measured.unit][0]},
                "population": [{"code": INITIAL, "criteria": _criteria(FHIR_QUERY, COUNTED[measured.unit][1])}],
                "stratifier": [{"component": [_part(item) for item in stratifiers]}]
                if measured.crossed
                else [_part(item) for item in stratifiers],
            }
        ],
    }


def question_library() -> Resource:
    """Library that says how the measures are defined."""
    return {
        "resourceType": "Library",
        "id": LIBRARY,
        "url": f"{guide().canonical}/Library/{LIBRARY}",
        "version": guide().version,
        "name": "Question",
        "title": "How the measures of this gateway are defined",
        "status": "active",
        "experimental": False,
        "type": {"coding": [coding(LIBRARY_TYPE, "logic-library")]},
        "date": guide().date,
        "publisher": "iccd",
        "description": "The question that a measure puts to every registry. It is not CQL, and CQL is not run here.",
        "content": [
            {"contentType": "text/plain", "language": "en", "data": base64.b64encode(QUESTION.encode()).decode()}
        ],
    }


def _part(item: Stratifier) -> Resource:
    return {"code": item.concept(), "description": item.text, "criteria": _criteria(FHIRPATH, item.expression)}


def _criteria(language: str, expression: str) -> Resource:
    return {"language": language, "expression": expression}

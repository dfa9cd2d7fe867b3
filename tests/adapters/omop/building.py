"""Small OMOP CDM databases made of Cases, and what OMOP keeps of a Case.

Tables and columns are those of the OHDSI CDM 5.4; NOT NULL is left out, so that rows as they are met in the field can
be written too. All concept ids beyond the published ones of Gender and of neoplasms are above 2,000,000,000, the block
for concepts of one's own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import psycopg

from gateway.model.case import Case, Coded, Diagnosis
from gateway.model.dates import UNKNOWN_DATE, Age, DateInterval
from gateway.model.values import Absent
from gateway.sources.meaning import meaning_of
from terminology import BoxSet, Terminology

OWN = 2_000_000_000
NEOPLASM = 438112
MALE, FEMALE, OTHER = 8507, 8532, 8521
SEXES = {"male": MALE, "female": FEMALE, "other": OTHER}

TABLES: Mapping[str, Mapping[str, str]] = {
    "person": {
        "person_id": "integer",
        "gender_concept_id": "integer",
        "year_of_birth": "integer",
        "month_of_birth": "integer",
        "day_of_birth": "integer",
        "location_id": "integer",
    },
    "observation_period": {
        "observation_period_id": "integer",
        "person_id": "integer",
        "observation_period_start_date": "date",
        "observation_period_end_date": "date",
    },
    "condition_occurrence": {
        "condition_occurrence_id": "integer",
        "person_id": "integer",
        "condition_concept_id": "integer",
        "condition_start_date": "date",
        "condition_type_concept_id": "integer",
        "condition_source_value": "varchar(50)",
        "condition_source_concept_id": "integer",
    },
    "death": {"person_id": "integer", "death_date": "date"},
    "location": {
        "location_id": "integer",
        "country_concept_id": "integer",
        "country_source_value": "varchar(80)",
    },
    "concept": {
        "concept_id": "integer",
        "concept_name": "varchar(255)",
        "domain_id": "varchar(20)",
        "vocabulary_id": "varchar(20)",
        "concept_class_id": "varchar(20)",
        "standard_concept": "varchar(1)",
        "concept_code": "varchar(50)",
        "invalid_reason": "varchar(1)",
    },
    "concept_relationship": {
        "concept_id_1": "integer",
        "concept_id_2": "integer",
        "relationship_id": "varchar(20)",
        "invalid_reason": "varchar(1)",
    },
    "concept_ancestor": {
        "ancestor_concept_id": "integer",
        "descendant_concept_id": "integer",
        "min_levels_of_separation": "integer",
        "max_levels_of_separation": "integer",
    },
}


@dataclass
class Database:
    """Rows of a CDM, by table, in the order of the columns of TABLES."""

    rows: dict[str, list[tuple[object, ...]]] = field(default_factory=lambda: {name: [] for name in TABLES})
    tables: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: TABLES)

    def add(self, table: str, *values: object) -> None:
        """One row."""
        self.rows[table].append(values)

    def concept(
        self, number: int, vocabulary: str, code: str, standard: str | None = None, domain: str = "Condition"
    ) -> int:
        """A concept of one's own, once; returns its id."""
        row = (number, "", domain, vocabulary, "", standard, code, None)
        if row not in self.rows["concept"]:
            self.rows["concept"].append(row)
        return number

    def relate(self, one: int, relation: str, other: int, invalid: str | None = None) -> None:
        """A relation between two concepts."""
        self.add("concept_relationship", one, other, relation, invalid)

    def below(self, ancestor: int, descendant: int) -> None:
        """A row of the closure."""
        self.add("concept_ancestor", ancestor, descendant, 1, 1)

    def person(
        self,
        number: int,
        sex: int = FEMALE,
        birth: tuple[int | None, int | None, int | None] = (2000, 1, 1),
        location: int | None = None,
    ) -> None:
        """A person."""
        self.add("person", number, sex, *birth, location)

    def condition(
        self,
        number: int,
        person: int,
        concept: int = 0,
        source: int | None = 0,
        text: str | None = None,
        day: dt.date | None = dt.date(2010, 6, 1),
        kind: int = 32879,
    ) -> None:
        """A condition."""
        self.add("condition_occurrence", number, person, concept, day, kind, text, source)

    def statements(self, schema: str = "") -> Iterable[str]:
        """CREATE TABLE statements."""
        for name, columns in self.tables.items():
            yield f"CREATE TABLE {schema}{name} ({', '.join(f'{c} {kind}' for c, kind in columns.items())})"

    def write_duckdb(self, path: Path) -> str:
        """Write a DuckDB file; returns its location for the settings."""
        with duckdb.connect(str(path)) as connection:
            for statement in self.statements():
                connection.execute(statement)
            for name, rows in self.rows.items():
                if rows and name in self.tables:
                    marks = ", ".join("?" * len(rows[0]))
                    connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
        return f"duckdb://{path}"

    def write_postgres(self, url: str, schema: str) -> None:
        """Write a new schema of a PostgreSQL database, instead of one of this name."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
            connection.execute(f"CREATE SCHEMA {schema}")
            for statement in self.statements(f"{schema}."):
                connection.execute(statement)
            for name, rows in self.rows.items():
                if rows and name in self.tables:
                    with connection.cursor().copy(f"COPY {schema}.{name} FROM STDIN") as copy:
                        for row in rows:
                            copy.write_row(row)


STYLES = ("source", "standard", "text")
"""Ways to record an ICD-O-3 code: as source concept, as standard concept, as text with concept 0."""


def code_of(diagnosis: Diagnosis) -> str | None:
    """ICD-O-3 code in the vocabulary's spelling; None if OMOP has no such code."""
    morphology, behaviour, site = diagnosis.morphology, diagnosis.behaviour, diagnosis.topography
    if isinstance(morphology, Absent):
        return None if isinstance(site, Absent) else f"NULL-{site}"
    histology = str(morphology) if isinstance(behaviour, Absent) else f"{morphology}/{behaviour}"
    return f"{histology}-{'NULL' if isinstance(site, Absent) else site}"


def omop_diagnosis(diagnosis: Diagnosis) -> Diagnosis:
    """What OMOP keeps: an ICD-O-3 code, else an ICD-10 code, else that there is a tumour."""
    if code_of(diagnosis) is None:
        return Diagnosis(icd10=diagnosis.icd10)
    site = diagnosis.topography
    if isinstance(diagnosis.morphology, Absent):
        return Diagnosis(topography=site)
    plain = Absent.UNKNOWN if isinstance(site, Absent) else site
    behaviour = Absent.UNKNOWN if isinstance(diagnosis.behaviour, Absent) else diagnosis.behaviour
    return Diagnosis(plain, diagnosis.morphology, behaviour)


def day_of(interval: DateInterval) -> dt.date | None:
    """OMOP dates are days: a partial date is written as its first day, as many ETLs do."""
    return interval.earliest


def exact(interval: DateInterval) -> DateInterval:
    """What is left of a date in a column of days."""
    day = day_of(interval)
    return UNKNOWN_DATE if day is None else DateInterval.of(day.year, day.month, day.day)


def parts_of(birth: DateInterval) -> tuple[int | None, int | None, int | None]:
    """Year, month and day of a birth as far as they are known."""
    if birth.earliest is None or birth.latest is None:
        return None, None, None
    first, last = birth.earliest, birth.latest
    month = first.month if (first.year, first.month) == (last.year, last.month) else None
    return first.year, month, first.day if first == last else None


def omop_registry(cases: Sequence[Case], terminology: Terminology) -> tuple[Case, ...]:
    """What OMOP keeps of a registry.

    Facts of a person are those of their first tumour. Of several tumours with the same meaning the earliest is kept.
    Dates are days; a given age without dates is lost, and so are sequence, basis, laterality, grade, stage.
    """
    first: dict[str, Case] = {}
    kept: dict[tuple[str, BoxSet], Case] = {}
    any_country = False
    for case in cases:
        person = first.setdefault(case.patient_id, case)
        country = person.country
        any_country |= not isinstance(country, Absent)
        vital = _vital_status(person)
        incidence = exact(case.incidence)
        held = Case(
            case.source,
            case.case_id,
            case.patient_id,
            omop_diagnosis(case.diagnosis),
            incidence,
            person.birth,
            Age.at_diagnosis(person.birth, incidence),
            sex=Absent.UNKNOWN if isinstance(person.sex, Absent) else person.sex,
            vital_status=vital,
            last_contact=UNKNOWN_DATE if isinstance(vital, Absent) else exact(person.last_contact),
            basis=Absent.NOT_COLLECTED,
            laterality=Absent.NOT_COLLECTED,
            grade=Absent.NOT_COLLECTED,
            stage=Absent.NOT_COLLECTED,
            country=Absent.UNKNOWN if isinstance(country, Absent) else country,
        )
        key = (case.patient_id, meaning_of(held.diagnosis, terminology))
        before = kept.get(key)
        if before is None:
            kept[key] = held
        elif before.incidence.earliest is None or (
            incidence.earliest is not None and incidence.earliest < before.incidence.earliest
        ):
            kept[key] = replace(before, incidence=incidence, age=held.age)
    found = tuple(kept.values())
    return found if any_country else tuple(replace(case, country=Absent.NOT_COLLECTED) for case in found)


def _vital_status(person: Case) -> Coded:
    """Dead with a row in death; alive by the end of an observation period, which needs its day."""
    if person.vital_status == "dead":
        return "dead"
    seen = person.vital_status == "alive" and day_of(person.last_contact) is not None
    return "alive" if seen else Absent.UNKNOWN


def database_of(cases: Sequence[Case]) -> Database:
    """A CDM that holds these cases, their codes recorded in turn in each way that OMOP knows."""
    database = Database()
    ids = Concepts(database)
    people: dict[str, int] = {}
    for number, case in enumerate(cases, 1):
        if case.patient_id not in people:
            people[case.patient_id] = len(people) + 1
            _person(database, people[case.patient_id], case)
        concept, source, text = ids.recorded(case.diagnosis, STYLES[number % len(STYLES)])
        database.condition(number, people[case.patient_id], concept, source, text, day_of(case.incidence))
    return database


def _person(database: Database, number: int, case: Case) -> None:
    country = None if isinstance(case.country, Absent) else case.country
    sex = 0 if isinstance(case.sex, Absent) else SEXES[case.sex]
    database.person(number, sex, parts_of(case.birth), number)
    database.add("location", number, None, country)
    match case.vital_status:
        case "dead":
            database.add("death", number, day_of(case.last_contact))
        case "alive":
            last = day_of(case.last_contact)
            database.add("observation_period", number, number, last, last)


class Concepts:
    """Ids of concepts of one's own, made as they are needed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ids: dict[tuple[str, str], int] = {}
        database.concept(MALE, "Gender", "M", "S", "Gender")
        database.concept(FEMALE, "Gender", "F", "S", "Gender")
        database.concept(NEOPLASM, "SNOMED", "55342001", "S")

    def of(self, vocabulary: str, code: str, standard: str | None = None) -> int:
        """Id of a concept."""
        number = self._ids.setdefault((vocabulary, code), OWN + 1 + len(self._ids))
        return self._database.concept(number, vocabulary, code, standard)

    def tumour(self, code: str) -> int:
        """A standard SNOMED concept below Neoplastic disease, to which no ICD-O-3 code maps."""
        number = self.of("SNOMED", code, "S")
        if (NEOPLASM, number, 1, 1) not in self._database.rows["concept_ancestor"]:
            self._database.below(NEOPLASM, number)
        return number

    def recorded(self, diagnosis: Diagnosis, style: str) -> tuple[int, int | None, str | None]:
        """Concept, source concept and source value of a diagnosis."""
        code = code_of(diagnosis)
        if code is None and diagnosis.icd10 is not None:
            return self.tumour("some-tumour"), self.of("ICD10", diagnosis.icd10), diagnosis.icd10
        if code is None:
            return self.tumour("some-tumour"), None, None
        readable = not isinstance(diagnosis.morphology, Absent) and not isinstance(diagnosis.behaviour, Absent)
        if style == "text" and readable:
            return 0, 0, code
        if style == "standard":
            return self.of("ICDO3", code, "S"), None, code
        return self.tumour("some-tumour"), self.of("ICDO3", code), code

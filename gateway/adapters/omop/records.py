"""A row of a page as a Case: pseudonymous ids, intervals for partial births, nothing defaulted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.adapters.omop.engine import Row
from gateway.adapters.omop.expressions import ALIVE, DEAD
from gateway.adapters.omop.pseudonym import Pseudonyms
from gateway.adapters.omop.state import State
from gateway.adapters.omop.statements import RECORD
from gateway.model.case import Case
from gateway.model.dates import UNKNOWN_DATE, Age, DateInterval
from gateway.model.values import Absent


@dataclass(frozen=True, slots=True)
class Records:
    """Makes cases of one source."""

    source: str
    state: State
    cases: Pseudonyms
    patients: Pseudonyms

    def numbers(self, of: str, ids: Iterable[str]) -> list[int]:
        """Numbers of the database for ids of records; ids that were not made here have none."""
        names = self.patients if of == "patient" else self.cases
        found = {names.number_of(each) for each in ids}
        return sorted(each for each in found if each is not None and each <= self.state.layout.largest_id)

    def case(self, row: Row) -> Case:
        """Case of a row with the columns of RECORD and those of the country."""
        value = dict(zip(RECORD, row, strict=False))
        country = row[len(RECORD) :]
        incidence = _day(value["incidence"])
        birth = birth_of(value["birth_year"], value["birth_month"], value["birth_day"])
        vital = DEAD if value["dead"] is not None else ALIVE if value["seen"] is not None else None
        return Case(
            source=self.source,
            case_id=self.cases.id_of(value["row_id"]),
            patient_id=self.patients.id_of(value["person_id"]),
            diagnosis=self.state.codes.diagnoses[value["tumour"]],
            incidence=incidence,
            birth=birth,
            age=Age.at_diagnosis(birth, incidence),
            sex=self.state.code_of("sex", value["gender"]),
            vital_status=self.state.code_of("vital_status", vital),
            last_contact=_day(value["died"] if value["dead"] is not None else value["seen"]),
            basis=Absent.NOT_COLLECTED,
            laterality=Absent.NOT_COLLECTED,
            grade=Absent.NOT_COLLECTED,
            stage=Absent.NOT_COLLECTED,
            country=self.state.code_of("country", tuple(country) if len(country) > 1 else next(iter(country), None)),
        )


def birth_of(year: int | None, month: int | None, day: int | None) -> DateInterval:
    """Interval of a birth; a month or day that does not exist counts as not recorded."""
    if year is None or not dt.MINYEAR <= year <= dt.MAXYEAR:
        return UNKNOWN_DATE
    if month is None or not 1 <= month <= 12:
        return DateInterval.of(year)
    try:
        return DateInterval.of(year, month, day)
    except ValueError:
        return DateInterval.of(year, month)


def _day(value: dt.date | None) -> DateInterval:
    return UNKNOWN_DATE if value is None else DateInterval.of(value.year, value.month, value.day)

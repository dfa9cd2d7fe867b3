"""The contract suite over files: what a form of file holds of generated cases answers as the oracle says.

Each form is read by a profile of the tests that holds nearly every field, so that the loss is small and said here;
the losses of the shipped profiles are held against the truth table in tests/synth/test_round_trip.py.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from gateway.adapters import naaccr_xml, obds_rki, tabular
from gateway.model.case import Case
from gateway.model.dates import UNKNOWN_DATE, Age, DateInterval, DatePrecision
from gateway.model.values import Absent
from gateway.sources.base import Context, FileKind, Source, SourceConfig
from gateway.sources.loading import load_source
from gateway.sources.snapshot import SnapshotSource
from gateway.sources.testing import FULL_DIAGNOSES, SOURCE, SourceContract
from tests.adapters.naaccr_xml.documents import document, items
from tests.adapters.obds_rki.deliveries import Patient, Tumour, write_xml

CODED = ("sex", "vital_status", "basis", "laterality", "grade", "country")
NOT_APPLICABLE = "n/a"
DATE_LENGTHS = {DatePrecision.DAY: 10, DatePrecision.MONTH: 7, DatePrecision.YEAR: 4}
STAGES = {"toronto": ("localised", "metastatic"), "inrgss": ("M", "MS")}

COLUMNS = {
    "patient": "patientIdNumber",
    "tumour": "tumorRecordNumber",
    "sex": "sex",
    "vital_status": "vitalStatus",
    "basis": "diagnosticConfirmation",
    "laterality": "laterality",
    "grade": "gradeClinical",
    "country": "addrAtDxCountry",
    "birth": "dateOfBirth",
    "incidence": "dateOfDiagnosis",
    "last_contact": "dateOfLastContact",
    "age": "ageAtDiagnosis",
    "age_days": "tumorSizeSummary",
    "sequence": "sequenceNumberCentral",
    "topography": "primarySite",
    "morphology": "histologicTypeIcdO3",
    "behaviour": "behaviorCodeIcdO3",
    "edition": "morphCodingSysCurrent",
    "toronto": "torontoStageGroup",
    "inrgss": "inrgss",
}
"""Where each value stands: an item of NAACCR XML, and a column of the same name in the delimited file."""
OF_PATIENT = ("patient", "sex", "vital_status", "birth", "last_contact")

OBDS_COLUMNS = {
    "sex": "Geschlecht",
    "vital_status": "Verstorben",
    "basis": "Diagnosesicherung",
    "laterality": "Seitenlokalisation",
    "grade": "Grading",
    "birth": "Geburtsdatum",
    "incidence": "Diagnosedatum",
    "last_contact": "Datum_Vitalstatus",
}
PRECISION_OF_LENGTH = {10: "E", 7: "T", 4: "M", 0: "V"}
"""Datumsgenauigkeit of a text of this length: exact, the day estimated, the month too, all of it."""
ESTIMATED = "1900-01-01"
"""An estimated part of a date is delivered as some day, which must never be used."""


def obds_profile_text() -> str:
    """A profile of the columns that oBDS-RKI has, whose texts are our own words; tolerant, for the schema has others."""
    coded = [name for name in CODED if name in OBDS_COLUMNS]
    blocks = [
        f'[fields.{name}]\ncolumn = "{OBDS_COLUMNS[name]}"\nnot_applicable = ["{NOT_APPLICABLE}"]\n' for name in coded
    ]
    blocks += [
        f'[fields.{name}]\ncolumn = "{OBDS_COLUMNS[name]}"\nformats = ["YYYY-MM-DD"]\n'
        f'precision = "{OBDS_COLUMNS[name]}_Genauigkeit"\n'
        'precisions = { E = "day", T = "month", M = "year", V = "unknown" }\n'
        for name in ("birth", "incidence", "last_contact")
    ]
    stages = ", ".join(
        f'{{ system = "{system}", column = "Weitere_Klassifikation:{system}", values = {{ '
        + ", ".join(f'{value} = "{value}"' for value in values)
        + " } }"
        for system, values in STAGES.items()
    )
    return (
        'title = "all fields of oBDS-RKI"\nkind = "obds_rki"\nmode = "tolerant"\n[constants]\ncountry = "DE"\n'
        '[fields.patient]\ncolumn = "PatientId"\n[fields.tumour]\ncolumn = "oBDS_RKIPatientTumorId"\n'
        + "".join(blocks)
        + '[fields.diagnosis]\ntopography = "Topographie_Code"\nmorphology = "Morphologie_Code"\n'
        + f'edition = "Morphologie_Version"\n[fields.stage]\nany = [{stages}]\n'
    )


def profile_text(kind: str) -> str:
    """A profile whose texts are our own words."""
    simple = ("patient", "tumour", "age", "age_days", "sequence")
    blocks = [f'[fields.{name}]\ncolumn = "{COLUMNS[name]}"\n' for name in simple]
    blocks += [
        f'[fields.{name}]\ncolumn = "{COLUMNS[name]}"\nnot_applicable = ["{NOT_APPLICABLE}"]\n' for name in CODED
    ]
    blocks += [
        f'[fields.{name}]\ncolumn = "{COLUMNS[name]}"\nformats = ["YYYY-MM-DD", "YYYY-MM", "YYYY"]\n'
        for name in ("birth", "incidence", "last_contact")
    ]
    axes = "".join(f'{axis} = "{COLUMNS[axis]}"\n' for axis in ("topography", "morphology", "behaviour", "edition"))
    maps = {system: ", ".join(f'{value} = "{value}"' for value in values) for system, values in STAGES.items()}
    stages = ", ".join(
        f'{{ system = "{system}", column = "{COLUMNS[system]}", values = {{ {values} }} }}'
        for system, values in maps.items()
    )
    head = f'title = "all fields"\nkind = "{kind}"\n'
    return head + "".join(blocks) + f"[fields.diagnosis]\n{axes}[fields.stage]\nany = [{stages}]\n"


def texts_of(case: Case) -> dict[str, str]:
    """What stands in the file, by the names of COLUMNS."""
    coded = {name: _code(getattr(case, name)) for name in CODED}
    dates = {name: _date(getattr(case, name)) for name in ("birth", "incidence", "last_contact")}
    years, days = given_age(case)
    system, _, value = ("", "", "") if isinstance(case.stage, Absent) else case.stage.partition(":")
    diagnosis = case.diagnosis
    return {
        "patient": case.patient_id,
        "tumour": case.case_id,
        **coded,
        **dates,
        "age": "" if years is None else str(years),
        "age_days": "" if days is None else str(days),
        "sequence": "" if case.sequence is None else str(case.sequence),
        "topography": str(diagnosis.topography),
        "morphology": str(diagnosis.morphology),
        "behaviour": str(diagnosis.behaviour),
        "edition": diagnosis.icdo_edition or "",
        **{name: value if name == system else "" for name in STAGES},
    }


def given_age(case: Case) -> tuple[int | None, int | None]:
    """Completed years or days that a registry would give, if the age is known so well."""
    years, days = case.age.years, case.age.days
    if days is not None and days[0] == days[1]:
        return None, days[0]
    return (years[0], None) if years is not None and years[0] == years[1] else (None, None)


def _code(value: str | Absent) -> str:
    if isinstance(value, Absent):
        return NOT_APPLICABLE if value is Absent.NOT_APPLICABLE else ""
    return value


def _date(interval: DateInterval) -> str:
    if interval.earliest is None:
        return ""
    return interval.earliest.isoformat()[: DATE_LENGTHS[interval.precision]]


class FileContract(SourceContract):
    examples = 3
    diagnoses = FULL_DIAGNOSES
    kind: FileKind

    def profile_text(self) -> str:
        return profile_text(self.kind.name)

    def write(self, rows: Sequence[Mapping[str, str]], folder: Path) -> Path:
        raise NotImplementedError

    def open_source(self, cases: Sequence[Case], tmp_path: Path, context: Context) -> Source:
        profile = tmp_path / "profile.toml"
        profile.write_text(self.profile_text(), encoding="utf-8")
        path = self.write([texts_of(case) for case in cases], tmp_path)
        config = SourceConfig(
            SOURCE, self.kind.name, "contract", (str(path),), profile=str(profile), data=tmp_path / "data"
        )
        report = load_source(config, context, self.kind)
        assert (report.read, report.accepted) == (len(cases), len(cases)), report.reasons
        return SnapshotSource(config, context)

    def represent(self, case: Case) -> Case:
        """The form does not say why a value is missing, and a birth after the diagnosis is not believed."""
        birth, incidence = case.birth, case.incidence
        if birth.earliest and incidence.latest and incidence.latest < birth.earliest:
            birth = UNKNOWN_DATE
        known: dict[str, Any] = {name: _kept(name, getattr(case, name)) for name in (*CODED, "stage")}
        return replace(case, birth=birth, age=Age.at_diagnosis(birth, incidence, *given_age(case)), **known)


def _kept(name: str, value: str | Absent) -> str | Absent:
    said = not isinstance(value, Absent) or (value is Absent.NOT_APPLICABLE and name in CODED)
    return value if said else Absent.UNKNOWN


class TestTabular(FileContract):
    kind = tabular.KIND

    def write(self, rows: Sequence[Mapping[str, str]], folder: Path) -> Path:
        path = folder / "file.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=";")
            writer.writerow(COLUMNS.values())
            writer.writerows([row[name] for name in COLUMNS] for row in rows)
        return path


class TestNaaccrXml(FileContract):
    kind = naaccr_xml.KIND

    def write(self, rows: Sequence[Mapping[str, str]], folder: Path) -> Path:
        """Each tumour under a Patient of its own: the generated tumours of a patient need not agree on it."""
        path = folder / "file.xml"
        path.write_text(document(*map(self._patient, rows)), encoding="utf-8")
        return path

    def _patient(self, row: Mapping[str, str]) -> str:
        own = {COLUMNS[name]: escape(text) for name, text in row.items() if text and name in OF_PATIENT}
        of_tumour = {COLUMNS[name]: escape(text) for name, text in row.items() if text and name not in OF_PATIENT}
        return f"\n<Patient>{items(**own)}\n<Tumor>{items(**of_tumour)}</Tumor></Patient>"


class TestObdsRkiXml(FileContract):
    kind = obds_rki.KIND

    def profile_text(self) -> str:
        return obds_profile_text()

    def write(self, rows: Sequence[Mapping[str, str]], folder: Path) -> Path:
        """Each tumour under a Patient of its own, as for NAACCR XML."""
        return write_xml(folder / "file.xml", *map(self._patient, rows))

    def represent(self, case: Case) -> Case:
        """The XML has no age, no order of tumours, and every case lives in Germany."""
        known = super().represent(case)
        return replace(known, age=Age.at_diagnosis(known.birth, known.incidence), sequence=None, country="DE")

    def _patient(self, row: Mapping[str, str]) -> Patient:
        tumour = Tumour(
            id=row["tumour"],
            date=_estimated(row["incidence"]),
            topography=row["topography"],
            morphology=f"{row['morphology']}/{row['behaviour']}",
            version=row["edition"],
            basis=row["basis"],
            side=row["laterality"],
            grading=row["grade"],
            stages=tuple((system, row[system]) for system in STAGES if row[system]),
        )
        return Patient(
            id=row["patient"],
            sex=row["sex"],
            birth=_estimated(row["birth"]),
            dead=row["vital_status"],
            last=_estimated(row["last_contact"]),
            tumours=(tumour,),
        )


def _estimated(text: str) -> tuple[str, str]:
    """A date as oBDS-RKI delivers it: always a day, beside it which parts are estimated."""
    return text + ESTIMATED[len(text) :], PRECISION_OF_LENGTH[len(text)]

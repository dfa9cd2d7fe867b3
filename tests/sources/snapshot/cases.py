"""Cases put into work tables and built into a snapshot, as the loader does it."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from pathlib import Path

import duckdb

from gateway.model.case import Case, Diagnosis
from gateway.model.dates import DateInterval, DatePrecision
from gateway.model.values import Absent
from gateway.sources.base import Context, SourceConfig
from gateway.sources.snapshot import SnapshotMeta, SnapshotSource, SnapshotStore, build_snapshot, work_connection
from terminology import Terminology

CODED = ("sex", "vital_status", "basis", "laterality", "grade", "stage", "country")
WORK_TABLES = """
CREATE TABLE cases_in (patient_key VARCHAR, case_key VARCHAR, dx INTEGER,
    incidence_lo DATE, incidence_hi DATE, incidence_precision UTINYINT,
    birth_lo DATE, birth_hi DATE, birth_precision UTINYINT,
    last_contact_lo DATE, last_contact_hi DATE, last_contact_precision UTINYINT,
    age_years_lo SMALLINT, age_years_hi SMALLINT, age_days_lo INTEGER, age_days_hi INTEGER,
    sex UTINYINT, vital_status UTINYINT, basis UTINYINT, laterality UTINYINT,
    grade USMALLINT, stage USMALLINT, country USMALLINT, sequence SMALLINT);
CREATE TABLE diagnoses_in (dx INTEGER, topography VARCHAR, morphology SMALLINT, behaviour TINYINT,
    topography_absent VARCHAR, morphology_absent VARCHAR, behaviour_absent VARCHAR,
    icd10 VARCHAR, iccc VARCHAR, icdo_edition VARCHAR);
CREATE TABLE codes_in (field VARCHAR, idx INTEGER, code VARCHAR);
"""
_numbers = itertools.count()


def fill_work_tables(connection: duckdb.DuckDBPyConnection, cases: Sequence[Case]) -> None:
    connection.execute(WORK_TABLES)
    diagnoses: dict[Diagnosis, int] = {}
    codes: dict[str, dict[str, int]] = {name: {} for name in CODED}
    rows = []
    for case in cases:
        dx = diagnoses.setdefault(case.diagnosis, 10 * len(diagnoses))
        coded = [codes[name].setdefault(str(getattr(case, name)), len(codes[name])) for name in CODED]
        dates = [part for each in (case.incidence, case.birth, case.last_contact) for part in _date(each)]
        ages = [*(case.age.years or (None, None)), *(case.age.days or (None, None))]
        rows.append([case.patient_id, case.case_id, dx, *dates, *ages, *coded, case.sequence])
    _insert(connection, "cases_in", rows)
    _insert(connection, "diagnoses_in", [_diagnosis(dx, diagnosis) for diagnosis, dx in diagnoses.items()])
    _insert(connection, "codes_in", [[f, i, code] for f, known in codes.items() for code, i in known.items()])


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: list[list[object]]) -> None:
    if rows:
        marks = ", ".join(["(" + ", ".join("?" * len(rows[0])) + ")"] * len(rows))
        connection.execute(f"INSERT INTO {table} VALUES {marks}", [value for row in rows for value in row])


def _date(interval: DateInterval) -> tuple[dt.date | None, dt.date | None, int]:
    return interval.earliest, interval.latest, list(DatePrecision).index(interval.precision)


def _diagnosis(dx: int, diagnosis: Diagnosis) -> list[object]:
    axes = (diagnosis.topography, diagnosis.morphology, diagnosis.behaviour)
    values = [None if isinstance(value, Absent) else value for value in axes]
    reasons = [value.value if isinstance(value, Absent) else None for value in axes]
    return [dx, *values, *reasons, diagnosis.icd10, diagnosis.iccc, diagnosis.icdo_edition]


def install_cases(
    store: SnapshotStore, cases: Sequence[Case], terminology: Terminology, snapshot_id: str | None = None
) -> Path:
    """Build a snapshot of cases and let it serve."""
    name = snapshot_id or f"snapshot-{next(_numbers)}"
    connection = work_connection(":memory:", store.folder / "spill")
    try:
        fill_work_tables(connection, cases)
        with store.loading(name) as path:
            meta = SnapshotMeta(store.source, name, "2026-11-23T12:00:00+00:00", {"read": len(cases)})
            build_snapshot(connection, path, meta, terminology)
            return store.install(path, name)
    finally:
        connection.close()


def config(data: Path, source: str = "contract") -> SourceConfig:
    return SourceConfig(id=source, kind="tabular", title="a registry", locations=(), data=data)


def open_cases(cases: Sequence[Case], data: Path, context: Context) -> SnapshotSource:
    """A source that serves a snapshot of these cases."""
    settings = config(data)
    install_cases(SnapshotStore(data, settings.id), cases, context.terminology)
    return SnapshotSource(settings, context)

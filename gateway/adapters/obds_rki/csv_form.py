"""oBDS-RKI as the relational files that the ZfKD gives out: `;`, one file a table, joined by patient and tumour.

Read are the tables of tumours and patients and, beside them, further classifications; the other tables are not
needed for a case. Files are known by their header lines. Patients wait in a temporary database, so memory does not
depend on the size of the files.
"""

from __future__ import annotations

import csv
import io
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.adapters.obds_rki.fields import (
    AGE_OF_ZFKD,
    CLASSIFICATION,
    CONTRADICTED,
    FIELDS,
    NO_TUMOUR,
    PATIENT,
    PRECISION_SUFFIX,
    REPEATED,
    TUMOUR,
    Columns,
    checked,
    classification_column,
    one_of,
)
from gateway.errors import BadFile
from gateway.safe_xml import open_bytes
from gateway.sources.profile import column_key
from gateway.sources.reading import NOT_IN_FILE, Record, Sink

TUMOUR_ID, PATIENT_OF_TUMOUR, PATIENT_ID = "oBDS_RKIPatientTumorId", "oBDS_RKIPatientId", "PatientId"
KEYS = {
    "tumour": (TUMOUR_ID, PATIENT_OF_TUMOUR),
    "patient": (PATIENT_ID, "Geschlecht"),
    "classification": ("weitere_klassifikation_id", "Name", "Stadium", "Tumor_ID"),
}
"""Columns that tell a table from the others."""
OTHER_WIDTH = "the line has another number of columns than the header"
NO_PATIENT = "the tumour's patient is not in the patient file"
TWO_PATIENTS = "the patient stands twice with different values; neither is used"
PRECISIONS = frozenset(field.name for field in FIELDS if field.name.endswith(PRECISION_SUFFIX))
NOTHING = ("", "None")
"""Cells without a value; the published sample writes both."""
_COMPANION = "holds no tumours; it is read beside the tumour file"


@dataclass(frozen=True, slots=True)
class Table:
    """One file of the delivery: path, and the position of each column by its key."""

    path: Path
    positions: Mapping[str, int]
    width: int

    def lines(self) -> Iterator[tuple[int, list[str]]]:
        """Line number and cells of each record."""
        with _text_of(self.path) as text:
            rows = csv.reader(text, delimiter=";")
            next(rows)
            line = rows.line_num + 1
            for row in rows:
                if row:
                    yield line, row
                line = rows.line_num + 1

    def cell(self, row: Sequence[str], name: str) -> str | None:
        """Text of a column, None where it is blank or the file has no such column."""
        position = self.positions.get(column_key(name))
        text = "" if position is None else row[position].strip()
        return None if text in NOTHING else text

    def __contains__(self, name: str) -> bool:
        return column_key(name) in self.positions


def read_relational(path: Path, columns: Columns, sink: Sink, *, strict: bool) -> None:
    """Read a delivery in the relational form; see gateway.adapters.obds_rki.reader.read."""
    if not path.is_dir() and not _is("tumour", table := _table(path)):
        if any(_is(kind, table) for kind in KEYS) or "Tumor_ID" in table:
            sink.issue(0, path.name, _COMPANION)
            return
        raise BadFile(
            "neither XML nor a table of oBDS-RKI",
            where=f"{path.name}:1",
            expected=f"columns {' and '.join(KEYS['tumour'])}",
        )
    tables = _tables_beside(path)
    with closing(sqlite3.connect("")) as store:
        _Joining(tables, columns, sink, strict, store).run()


def _tables_beside(path: Path) -> dict[str, Table]:
    """Tables of a folder, or of the folder of a tumour file, by kind."""
    folder = path if path.is_dir() else path.parent
    found: dict[str, Table] = {}
    for file in sorted(folder.iterdir()):
        if not file.is_file() or ".csv" not in file.suffixes:
            continue
        table = _table(file)
        kind = next((kind for kind in KEYS if _is(kind, table)), None)
        if kind is None or (kind == "tumour" and not path.is_dir() and file != path):
            continue
        if kind in found:
            raise BadFile(
                f"two {kind} files in one folder", where=f"{found[kind].path.name}, {file.name}", expected="one of each"
            )
        found[kind] = table
    if not path.is_dir():
        found.setdefault("tumour", _table(path))
    for kind in ("tumour", "patient"):
        if kind not in found:
            raise BadFile(
                f"no {kind} file in the folder", where=folder.name, expected=f"columns {' and '.join(KEYS[kind])}"
            )
    return found


def _is(kind: str, table: Table) -> bool:
    return all(name in table for name in KEYS[kind])


def _table(path: Path) -> Table:
    with _text_of(path) as text:
        header = next(csv.reader(text, delimiter=";"), [])
    return Table(path, {column_key(name): at for at, name in reversed(list(enumerate(header)))}, len(header))


@contextmanager
def _text_of(path: Path) -> Iterator[io.TextIOWrapper]:
    try:
        with open_bytes(path) as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
            yield text
    except UnicodeDecodeError:
        raise BadFile("the file is not UTF-8", where=path.name, expected="UTF-8") from None
    except csv.Error:
        raise BadFile("the file is not delimited text", where=path.name, expected="cells between ';'") from None
    except (EOFError, zlib.error, OSError):
        raise BadFile("the file is broken or cut off", where=path.name, expected="a complete file") from None


class _Joining:
    """Tumours joined with their patients and classifications."""

    def __init__(
        self, tables: Mapping[str, Table], columns: Columns, sink: Sink, strict: bool, store: sqlite3.Connection
    ) -> None:
        self.tables = tables
        self.columns = columns
        self.sink = sink
        self.strict = strict
        self.store = store
        self.fields = {
            level: [f for f in columns.fields if f.level == level and f.name in tables[level]]
            for level in (PATIENT, TUMOUR)
        }
        there = {f.name for fields in self.fields.values() for f in fields}
        if "classification" in tables:
            there |= {name for name in columns.names if name.startswith(CLASSIFICATION)}
        computed = (PATIENT_ID, AGE_OF_ZFKD)
        self.absent = {name: NOT_IN_FILE for name in columns.names if name not in there and name not in computed}

    def run(self) -> None:
        """Read all tables."""
        self._demand_precisions()
        self._keep_patients()
        self._keep_stages()
        for line, row in self.tables["tumour"].lines():
            self._tumour(line, row)
        for line in self._lines("SELECT line FROM patient WHERE NOT seen ORDER BY line"):
            self.sink.issue(line, self.tables["patient"].path.name, NO_TUMOUR)

    def _demand_precisions(self) -> None:
        for level, fields in self.fields.items():
            table = self.tables[level]
            for name in (f"{f.name}{PRECISION_SUFFIX}" for f in fields):
                if name in PRECISIONS and name not in table:
                    raise BadFile(
                        "a date is given without the column of its precision",
                        where=f"{table.path.name}:1",
                        expected=f"the column {name}",
                    )

    def _keep_patients(self) -> None:
        table = self.tables["patient"]
        names = [f.name for f in self.fields[PATIENT] if f.name != PATIENT_ID]
        columns = "".join(f", c{at} TEXT" for at in range(len(names)))
        self.store.execute(
            f"CREATE TABLE patient (id TEXT PRIMARY KEY, line INTEGER, seen INTEGER, clash INTEGER{columns}) WITHOUT ROWID"
        )
        marks = ", ".join("?" * len(names))
        insert = f"INSERT OR IGNORE INTO patient VALUES (?, ?, 0, 0{', ' if names else ''}{marks})"
        for line, row in table.lines():
            if len(row) != table.width:
                self.sink.issue(line, table.path.name, OTHER_WIDTH)
                continue
            identity = table.cell(row, PATIENT_ID) or ""
            values = [table.cell(row, name) for name in names]
            if not self.store.execute(insert, (identity, line, *values)).rowcount:
                self._patient_again(line, identity, values)

    def _patient_again(self, line: int, identity: str, values: list[str | None]) -> None:
        if self._patient(identity)[1:] == tuple(values):
            self.sink.issue(line, self.tables["patient"].path.name, REPEATED)
            return
        self.sink.issue(line, self.tables["patient"].path.name, CONTRADICTED)
        self.store.execute("UPDATE patient SET clash = 1 WHERE id = ?", (identity,))

    def _patient(self, identity: str) -> tuple[object, ...]:
        """Whether two lines of a patient contradict each other, then the values; empty if there is no such patient."""
        found = self.store.execute("SELECT * FROM patient WHERE id = ?", (identity,)).fetchone()
        return () if found is None else tuple(found[3:])

    def _keep_stages(self) -> None:
        self.store.execute("CREATE TABLE stage (tumour TEXT, name TEXT, stage TEXT)")
        table = self.tables.get("classification")
        if table is None:
            return
        for line, row in table.lines():
            if len(row) != table.width:
                self.sink.issue(line, table.path.name, OTHER_WIDTH)
                continue
            tumour, name, stage = (table.cell(row, column) for column in ("Tumor_ID", "Name", "Stadium"))
            column = classification_column(name or "")
            if stage is not None and column in self.columns.names:
                self.store.execute("INSERT INTO stage VALUES (?, ?, ?)", (tumour, column, stage))
        self.store.execute("CREATE INDEX stage_of_tumour ON stage (tumour)")

    def _tumour(self, line: int, row: Sequence[str]) -> None:
        table = self.tables["tumour"]
        record = Record(line, self.sink, self.strict)
        if len(row) != table.width:
            self.sink.reject(line, "line", OTHER_WIDTH)
            return
        identity = table.cell(row, PATIENT_OF_TUMOUR)
        values: dict[str, str | None] = {**self.absent, PATIENT_ID: identity}
        self._add_patient(identity or "", values, record)
        for known in self.fields[TUMOUR]:
            values[known.name] = checked(record, known, table.cell(row, known.name), values)
        self._add_stages(values, record)
        values[AGE_OF_ZFKD] = values.get("Diagnosealter")
        record.finish(self.columns.row(values))

    def _add_patient(self, identity: str, values: dict[str, str | None], record: Record) -> None:
        found = self._patient(identity)
        if not found:
            record.tell(PATIENT_OF_TUMOUR, NO_PATIENT)
            return
        self.store.execute("UPDATE patient SET seen = 1 WHERE id = ? AND NOT seen", (identity,))
        if found[0]:
            record.tell(PATIENT_ID, TWO_PATIENTS)
            return
        known = [f for f in self.fields[PATIENT] if f.name != PATIENT_ID]
        for field, text in zip(known, found[1:], strict=True):
            values[field.name] = checked(record, field, text, values)  # type: ignore[arg-type]  # stored as TEXT

    def _add_stages(self, values: dict[str, str | None], record: Record) -> None:
        found: dict[str, list[str]] = {}
        query = "SELECT name, stage FROM stage WHERE tumour = ?"
        for name, stage in self.store.execute(query, (values.get(TUMOUR_ID),)):
            found.setdefault(name, []).append(stage)
        for name, texts in found.items():
            values[name], odd = one_of(texts)
            if odd is not None:
                record.tell(name, odd)

    def _lines(self, query: str) -> Iterator[int]:
        for (line,) in self.store.execute(query):
            yield line

"""Builds the one file of the terminology from its tables: `python -m terminology.build [--check] [--out FILE]`.

SQLite, with the classification and the map to ICD-10 as compressed arrays, and a manifest of versions and of the
sha256 of every table. The same tables give the same content; `--check` builds again and compares.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import tempfile
import zlib
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from terminology.boxes import BEHAVIOUR_INDEX, MORPHOLOGY_INDEX, SHAPE, TOPOGRAPHY_INDEX
from terminology.build_icd10 import Icd10Map, read_icd10, usual_cells
from terminology.errors import TerminologyError
from terminology.places import built_path
from terminology.rowtext import rows_text
from terminology.tablefiles import SHIPPED, Row, read_table, table_digests

_Code = TypeVar("_Code", int, str)

FORMAT = "2"
VERSION = "2026.11"

ICCC3_TABLES: dict[str, str] = {"2005": "iccc3_2005", "who2008": "iccc3_seer_who2008", "2017": "iccc3_2017"}
ICD10_SYSTEMS: dict[str, str] = {"ICD10": "ICD-10", "ICD10CM": "ICD-10-CM"}

SCHEMA = """
CREATE TABLE manifest (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE source (name TEXT PRIMARY KEY, kind TEXT NOT NULL, version TEXT NOT NULL, sha256 TEXT NOT NULL,
    rows INTEGER NOT NULL);
CREATE TABLE array (name TEXT PRIMARY KEY, dtype TEXT NOT NULL, shape TEXT NOT NULL, data BLOB NOT NULL);
CREATE TABLE iccc3_leaf (edition TEXT, number INTEGER, main TEXT, site_group TEXT, extended TEXT, seer_recode TEXT,
    PRIMARY KEY (edition, number));
CREATE TABLE iccc3_group (edition TEXT, position INTEGER, code TEXT, level TEXT, parent TEXT, label TEXT,
    seer_recode TEXT, rows TEXT, PRIMARY KEY (edition, code));
CREATE TABLE icdo3_morphology (code TEXT PRIMARY KEY, in_3_0 TEXT, in_3_1 TEXT, in_3_2 TEXT, in_us_list TEXT,
    us_first_year TEXT, in_iarc_check TEXT, number INTEGER);
CREATE TABLE icdo3_topography (code TEXT PRIMARY KEY, parent TEXT, parent_label TEXT, number INTEGER);
CREATE TABLE icd10_code (system TEXT, code TEXT, number INTEGER, row_numbers TEXT, PRIMARY KEY (system, code));
CREATE TABLE ncit (code TEXT, label TEXT, axis TEXT, morphology TEXT, topography TEXT, equivalence TEXT,
    term_type TEXT, sources TEXT, number INTEGER);
CREATE INDEX ncit_code ON ncit (code);
CREATE INDEX ncit_morphology ON ncit (morphology);
CREATE INDEX ncit_topography ON ncit (topography);
CREATE TABLE omop_concept (concept_id INTEGER PRIMARY KEY, vocabulary TEXT, code TEXT, domain TEXT, class TEXT,
    standard TEXT, validity TEXT, code_source TEXT, source TEXT, number INTEGER);
CREATE INDEX omop_code ON omop_concept (vocabulary, code);
CREATE TABLE omop_relation (concept_id_1 INTEGER, relationship TEXT, concept_id_2 INTEGER);
CREATE INDEX omop_relation_1 ON omop_relation (concept_id_1, relationship);
CREATE INDEX omop_relation_2 ON omop_relation (concept_id_2, relationship);
CREATE TABLE omop_descendant (ancestor INTEGER, descendant INTEGER, PRIMARY KEY (ancestor, descendant)) WITHOUT ROWID;
CREATE TABLE snomed (code TEXT, morphology TEXT, topography TEXT, equivalence TEXT, source TEXT, number INTEGER);
CREATE INDEX snomed_code ON snomed (code);
CREATE INDEX snomed_morphology ON snomed (morphology);
"""


def build(path: Path, folder: Path = SHIPPED) -> None:
    """Build the terminology file.

    Written aside and renamed, so a reader sees the old file or the new one, and two builders do no harm.

    Parameters
    ----------
    path
        Where the file shall stand; its folder is made.
    folder
        Folder of the tables; the shipped ones by default.

    Raises
    ------
    TerminologyError
        A table contradicts itself, or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise TerminologyError(
            f"the terminology cannot be built here: {error.strerror}",
            where=str(path.parent),
            expected="a folder that can be written; the variable ICCD_TERMINOLOGY names another file",
        ) from error
    aside = Path(name)
    try:
        write(aside, folder)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def write(path: Path, folder: Path = SHIPPED) -> None:
    """Write all tables into a new SQLite file at `path`, synced to disk."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=OFF")
        connection.executescript("BEGIN;" + SCHEMA)
        _write_manifest(connection, folder)
        _write_iccc3(connection, folder)
        _write_icdo3(connection, folder)
        _write_icd10(connection, folder)
        _write_ncit(connection, folder)
        _write_omop(connection, folder)
        connection.execute("COMMIT")
    finally:
        connection.close()


def _write_manifest(connection: sqlite3.Connection, folder: Path) -> None:
    connection.executemany("INSERT INTO manifest VALUES (?, ?)", [("format", FORMAT), ("version", VERSION)])
    connection.executemany(
        "INSERT INTO source VALUES (?, 'table', ?, ?, ?)",
        [(name, VERSION, sha, len(read_table(name, folder))) for name, sha in table_digests(folder).items()],
    )


def store_array(connection: sqlite3.Connection, name: str, array: npt.NDArray[np.generic]) -> None:
    """Keep a numpy array, compressed, under a name."""
    shape = ",".join(map(str, array.shape))
    data = zlib.compress(np.ascontiguousarray(array).tobytes(), 6)
    connection.execute("INSERT INTO array VALUES (?, ?, ?, ?)", (name, array.dtype.str, shape, data))


def _write_iccc3(connection: sqlite3.Connection, folder: Path) -> None:
    headings = read_table("iccc3_groups", folder)
    for edition, table in ICCC3_TABLES.items():
        rows = read_table(table, folder)
        store_array(connection, f"iccc3_{edition}", leaf_grid(rows))
        leaves = {(int(r["seer_recode_ext"]), r["site_group"], r["extended"], r["seer_recode"]) for r in rows}
        connection.executemany(
            "INSERT INTO iccc3_leaf VALUES (?, ?, ?, ?, ?, ?)",
            [(edition, n, group.partition("(")[0], group, extended, seer) for n, group, extended, seer in leaves],
        )
        connection.executemany(
            "INSERT INTO iccc3_group VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [_heading(edition, table, heading, rows) for heading in headings if edition in _editions(heading)],
        )


def _editions(heading: Row) -> list[str]:
    return heading["editions"].split(",")


def _heading(edition: str, table: str, heading: Row, rows: list[Row]) -> tuple[str, int, str, str, str, str, str, str]:
    code = heading["code"]
    below = [r.number for r in rows if code in (r["site_group"], r["extended"], r["site_group"].partition("(")[0])]
    older = heading["label_2005_if_different"] if edition == "2005" else ""
    label = older or heading["label"]
    cited = rows_text(table, below)
    return edition, heading.number, code, heading["level"], heading["parent"], label, heading["seer_recode"], cited


def leaf_grid(rows: list[Row]) -> npt.NDArray[np.uint8]:
    """Leaf number of every cell (morphology, topography, behaviour); 0 where no rule names the cell.

    Raises
    ------
    TerminologyError
        Two rules put one cell into different leaves.
    """
    grid = np.zeros(SHAPE, np.uint8)
    for row in rows:
        morphologies = _between(MORPHOLOGY_INDEX, int(row["morph_lo"]), int(row["morph_hi"]))
        topographies = _between(TOPOGRAPHY_INDEX, row["topo_lo"], row["topo_hi"])
        behaviours = [BEHAVIOUR_INDEX[int(b)] for b in row["behaviours"].split(",")]
        cells = np.ix_(morphologies, topographies, behaviours)
        leaf = int(row["seer_recode_ext"])
        if np.any((grid[cells] != 0) & (grid[cells] != leaf)):
            raise TerminologyError(f"row {row.number} overlaps another group of edition {row['edition']}")
        grid[cells] = leaf
    return grid


def _between(index: dict[_Code, int], low: _Code, high: _Code) -> list[int]:
    return [position for code, position in index.items() if low <= code <= high]


def _write_icdo3(connection: sqlite3.Connection, folder: Path) -> None:
    columns = ("code", "in_3_0", "in_3_1", "in_3_2", "in_us_list", "us_first_year", "in_iarc_check")
    connection.executemany(
        "INSERT INTO icdo3_morphology VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(*(row[c] for c in columns), row.number) for row in read_table("icdo3_morphology", folder)],
    )
    connection.executemany(
        "INSERT INTO icdo3_topography VALUES (?, ?, ?, ?)",
        [(r["code"], r["parent"], r["parent_label"], r.number) for r in read_table("icdo3_topography", folder)],
    )


def _write_icd10(connection: sqlite3.Connection, folder: Path) -> None:
    rows = read_table("icdo3_icd10", folder)
    site_type = read_table("icdo3_site_type", folder)
    listed = frozenset(row["morphology"] for row in read_table("icdo3_morphology", folder))
    usual = usual_cells(site_type, listed)
    store_array(connection, "icdo3_usual", np.packbits(usual.reshape(-1), bitorder="little"))
    for system, label in ICD10_SYSTEMS.items():
        found: Icd10Map = read_icd10([row for row in rows if row["system"] == label], usual)
        connection.executemany(
            "INSERT INTO icd10_code VALUES (?, ?, ?, ?)",
            [(system, code, i, ",".join(map(str, found.rows[code]))) for i, code in enumerate(found.codes, 1)],
        )
        store_array(connection, f"{system}_code", found.code)
        store_array(connection, f"{system}_sure", np.packbits(found.sure.reshape(-1), bitorder="little"))
        store_array(connection, f"{system}_extra_cell", found.extra_cell)
        store_array(connection, f"{system}_extra_code", found.extra_code)


def _write_ncit(connection: sqlite3.Connection, folder: Path) -> None:
    columns = ("ncit_label", "axis", "morphology", "topography", "equivalence", "term_type", "sources")
    connection.executemany(
        "INSERT INTO ncit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (row["ncit"].removeprefix("NCIT:"), *(row[c] for c in columns), row.number)
            for row in read_table("icdo3_ncit", folder)
        ],
    )


def _write_omop(connection: sqlite3.Connection, folder: Path) -> None:
    columns = ("vocabulary_id", "concept_code", "domain_id", "concept_class_id", "standard_concept", "validity")
    connection.executemany(
        "INSERT INTO omop_concept VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'omop_concepts', ?)",
        [
            (int(row["concept_id"]), *(row[c] for c in columns), row["code_source"], row.number)
            for row in read_table("omop_concepts", folder)
        ],
    )


def content(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Everything a terminology file says, by table, for comparison."""
    connection = sqlite3.connect(path)
    try:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in names}
    finally:
        connection.close()


def main(arguments: list[str] | None = None) -> int:
    """Build the file, or with --check build another and compare (a missing one is built first); 1 if they differ."""
    parser = argparse.ArgumentParser(prog="python -m terminology.build", description=__doc__)
    parser.add_argument("--out", type=Path, default=None, help="the file; default: where the package looks for it")
    parser.add_argument("--check", action="store_true", help="build again elsewhere and compare")
    options = parser.parse_args(arguments)
    path = options.out or built_path()
    if not options.check:
        build(path)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / "again.sqlite"
        build(again)
        if not path.is_file():
            build(path)
        return int(content(path) != content(again))


if __name__ == "__main__":
    sys.exit(main())

"""Loads a user's own OMOP vocabularies, downloaded from OHDSI Athena.

The files are named .csv and are tab-separated without quoting: names hold lone double quotes, which a default CSV
reader takes for the start of a quoted field and swallows lines (OHDSI/Athena issues 67 and 255). DuckDB scans them
with the filters in the scan, so 6 million relations need bounded memory. Names are not kept.
"""

from __future__ import annotations

import gzip
import re
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from terminology.codes import parse_icdo
from terminology.errors import LoadFailed, UnknownCode
from terminology.packs import LoadReport, install

if TYPE_CHECKING:
    import duckdb

MEMORY_LIMIT = "512MB"

# Neoplastic disease, the root of all SNOMED CT disorders that a tumour can be mapped to.
NEOPLASTIC_DISEASE = 438112

REQUIRED_COLUMNS: dict[str, tuple[str, ...]] = {
    "CONCEPT": (
        "concept_id",
        "domain_id",
        "vocabulary_id",
        "concept_class_id",
        "standard_concept",
        "concept_code",
        "invalid_reason",
    ),
    "CONCEPT_RELATIONSHIP": ("concept_id_1", "concept_id_2", "relationship_id", "invalid_reason"),
    "CONCEPT_ANCESTOR": ("ancestor_concept_id", "descendant_concept_id"),
}
VOCABULARY_COLUMNS = ("vocabulary_id", "vocabulary_version")
REQUIRED_VOCABULARIES = ("ICDO3", "SNOMED")
WANTED_VOCABULARIES = ("Cancer Modifier", "Gender")
KEPT_WHOLE = ("ICDO3", "Cancer Modifier", "Gender", "Race", "ICD10", "ICD10CM")

_LINE = re.compile(r"(?:Line|line):?\s+(\d+)")


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    columns: tuple[str, ...]

    @property
    def scan(self) -> str:
        """The file as a DuckDB table function: no quoting, nothing guessed, every column text."""
        return self._scan("\\t", self.columns)

    @property
    def lines(self) -> str:
        """The file as a table of whole lines; no line holds a unit separator."""
        return self._scan("\x1f", ("line",))

    def _scan(self, delimiter: str, names: tuple[str, ...]) -> str:
        path = str(self.path).replace("'", "''")
        columns = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
        return (
            f"read_csv('{path}', delim='{delimiter}', header=true, quote='', escape='', auto_detect=false, nullstr='',"
            f" strict_mode=true, null_padding=false, max_line_size=1048576, columns={{{columns}}})"
        )


def load_athena(location: Path, path: Path) -> LoadReport:
    """Load an Athena download into the user's terminology file, in place of the shipped concepts.

    Parameters
    ----------
    location
        Folder or zip archive with CONCEPT.csv, CONCEPT_RELATIONSHIP.csv, CONCEPT_ANCESTOR.csv and VOCABULARY.csv,
        gzipped or not; other files are ignored.
    path
        The terminology file to write, see terminology.store.user_path.

    Returns
    -------
    LoadReport
        Rows kept, and warnings about what is missing or odd.

    Raises
    ------
    LoadFailed
        A file, column or vocabulary that is needed is missing, or a line cannot be read; the file at `path` stays.
    """
    with ExitStack() as cleanup:
        folder = _unpacked(location, cleanup)
        tables = {name: _found(folder, name, columns) for name, columns in REQUIRED_COLUMNS.items()}
        vocabulary = _vocabulary_file(folder)
        files = [table.path for table in tables.values()] + ([vocabulary.path] if vocabulary else [])
        return install(path, "athena", lambda store: _Load(tables, vocabulary, store).run(), files)


def _unpacked(location: Path, cleanup: ExitStack) -> Path:
    if location.is_dir():
        return location
    if not location.exists():
        raise LoadFailed("does not exist", where=str(location), expected="the folder or zip of an Athena download")
    if not zipfile.is_zipfile(location):
        raise LoadFailed("is neither a folder nor a zip archive", where=str(location), expected="an Athena download")
    folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="iccd-athena-")))
    wanted = {f"{name}.CSV" for name in (*REQUIRED_COLUMNS, "VOCABULARY")}
    try:
        with zipfile.ZipFile(location) as archive:
            for member in archive.infolist():
                name = Path(member.filename).name.upper()
                if name in wanted:
                    with archive.open(member) as source, (folder / name).open("wb") as target:
                        while block := source.read(1 << 20):
                            target.write(block)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise LoadFailed(f"cannot be unpacked: {error}", where=str(location), expected="a whole zip archive") from error
    return folder


def _candidates(folder: Path, name: str) -> list[Path]:
    wanted = {f"{name}.csv".lower(), f"{name}.csv.gz".lower()}
    return sorted(path for path in folder.iterdir() if path.name.lower() in wanted)


def _found(folder: Path, name: str, columns: tuple[str, ...]) -> _File:
    candidates = _candidates(folder, name)
    if not candidates:
        raise LoadFailed(f"{name}.csv is missing", where=str(folder), expected="a whole Athena download")
    return _probe(candidates[0], columns)


def _vocabulary_file(folder: Path) -> _File | None:
    candidates = _candidates(folder, "VOCABULARY")
    return _probe(candidates[0], VOCABULARY_COLUMNS) if candidates else None


def _probe(path: Path, needed: tuple[str, ...]) -> _File:
    """Read the header line: names in any case, in any order, tab-separated."""
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            header = file.readline(1 << 16).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise LoadFailed(f"cannot be read: {error}", where=str(path), expected="a tab-separated UTF-8 file") from error
    columns = tuple(header.rstrip("\r\n").lower().split("\t"))
    if len(columns) == 1 and "," in header:
        raise LoadFailed("is separated by commas", where=f"{path}, line 1", expected="tabs, as Athena writes them")
    if missing := [column for column in needed if column not in columns]:
        raise LoadFailed(
            f"has no column {', '.join(missing)}", where=f"{path}, line 1", expected="the columns of the OMOP CDM"
        )
    return _File(path, columns)


class _Load:
    """One load: DuckDB filters the download, SQLite takes what is kept."""

    def __init__(self, tables: dict[str, _File], vocabulary: _File | None, store: sqlite3.Connection) -> None:
        self._tables = tables
        self._vocabulary = vocabulary
        self._store = store
        self._warnings: list[str] = []

    def run(self) -> LoadReport:
        import duckdb

        with tempfile.TemporaryDirectory(prefix="iccd-duckdb-") as spill:
            settings: dict[str, str | bool | int | float | list[str]] = {
                "memory_limit": MEMORY_LIMIT,
                "temp_directory": spill,
                "preserve_insertion_order": False,
            }
            scanner = duckdb.connect(":memory:", config=settings)
            # DuckDB draws its bar on standard output, where the answer goes.
            scanner.execute("SET enable_progress_bar = false")
            try:
                return self._run(scanner)
            except duckdb.Error as error:
                raise self._failure(error) from error
            finally:
                scanner.close()

    def _run(self, scanner: duckdb.DuckDBPyConnection) -> LoadReport:
        version = self._version(scanner)
        self._read_concepts(scanner)
        self._read_relations(scanner)
        self._read_ancestors(scanner)
        rows = {
            "concepts": self._keep_concepts(scanner),
            "relations": self._keep(
                scanner, "omop_relation", "SELECT id_1, relationship, id_2 FROM relation ORDER BY ALL"
            ),
            "descendants": self._keep(
                scanner, "omop_descendant", "SELECT ancestor, descendant FROM below ORDER BY ALL"
            ),
        }
        self._count_odd_codes()
        return LoadReport("athena", version, rows, tuple(self._warnings))

    def _version(self, scanner: duckdb.DuckDBPyConnection) -> str:
        if self._vocabulary is None:
            self._warnings.append("VOCABULARY.csv is missing: the release is not known")
            return "unknown release"
        rows = scanner.execute(
            f"SELECT vocabulary_version FROM {self._vocabulary.scan} WHERE vocabulary_id IN ('None', 'ICDO3')"
            " AND vocabulary_version IS NOT NULL ORDER BY vocabulary_id = 'None' DESC"
        ).fetchall()
        return str(rows[0][0]) if rows else "unknown release"

    def _read_concepts(self, scanner: duckdb.DuckDBPyConnection) -> None:
        table = self._tables["CONCEPT"]
        # DuckDB lets a surplus column pass if it is empty, which a tab in a name (OHDSI/Athena issue 28) brings about.
        self._refuse(
            scanner,
            f"SELECT string_split(line, chr(9))[1] FROM {table.lines}"
            f" WHERE length(line) - length(replace(line, chr(9), '')) <> {len(table.columns) - 1}",
            table,
            f"has a line without {len(table.columns)} columns",
        )
        kept = ", ".join(f"'{name}'" for name in KEPT_WHOLE)
        scanner.execute(
            f"""CREATE TABLE concept AS
                SELECT TRY_CAST(concept_id AS BIGINT) AS id, vocabulary_id AS vocabulary, concept_code AS code,
                       domain_id AS domain, concept_class_id AS class, standard_concept AS standard, invalid_reason
                FROM {table.scan}
                WHERE vocabulary_id IN ({kept}) OR (vocabulary_id = 'SNOMED' AND domain_id = 'Condition')"""
        )
        self._refuse(scanner, "SELECT code FROM concept WHERE id IS NULL", table, "has a concept_id that is no number")
        self._refuse(
            scanner,
            "SELECT id FROM concept GROUP BY id HAVING count(*) > 1 ORDER BY id",
            table,
            "has a concept_id twice",
        )
        loaded = {name for (name,) in scanner.execute("SELECT DISTINCT vocabulary FROM concept").fetchall()}
        if missing := [name for name in REQUIRED_VOCABULARIES if name not in loaded]:
            raise LoadFailed(
                f"holds no concept of {' and '.join(missing)}", where=str(table.path), expected="these vocabularies"
            )
        self._warnings += [
            f"vocabulary {name} is not in the download" for name in WANTED_VOCABULARIES if name not in loaded
        ]
        invalid = _count(scanner, "SELECT count(*) FROM concept WHERE standard = 'S' AND invalid_reason IS NOT NULL")
        if invalid:
            self._warnings.append(f"{invalid} standard concepts are marked invalid")

    def _refuse(self, scanner: duckdb.DuckDBPyConnection, query: str, table: _File, fault: str) -> None:
        if rows := scanner.execute(f"{query} LIMIT 1").fetchall():
            raise LoadFailed(f"{fault}: {rows[0][0]}", where=str(table.path), expected="concept ids, each once")

    def _read_relations(self, scanner: duckdb.DuckDBPyConnection) -> None:
        """Valid 'Maps to' of ICDO3 to a standard condition, and 'Concept replaced by'; a case counts by no other."""
        scanner.execute(
            f"""CREATE TABLE link AS
                SELECT TRY_CAST(concept_id_1 AS BIGINT) AS id_1, relationship_id AS relationship,
                       TRY_CAST(concept_id_2 AS BIGINT) AS id_2
                FROM {self._tables["CONCEPT_RELATIONSHIP"].scan}
                WHERE relationship_id IN ('Maps to', 'Concept replaced by') AND invalid_reason IS NULL
                  AND TRY_CAST(concept_id_1 AS BIGINT) IN (SELECT id FROM concept WHERE vocabulary <> 'SNOMED'
                      OR relationship_id = 'Concept replaced by')"""
        )
        scanner.execute(
            """CREATE TABLE relation AS
               SELECT DISTINCT id_1, relationship, id_2 FROM link
               JOIN concept AS source ON source.id = id_1 JOIN concept AS target ON target.id = id_2
               WHERE relationship = 'Concept replaced by'
                  OR (source.vocabulary = 'ICDO3' AND target.domain = 'Condition' AND target.standard = 'S')"""
        )
        dangling = _count(
            scanner,
            f"""SELECT count(*) FROM link WHERE id_2 NOT IN (SELECT id FROM concept) AND id_2 NOT IN
                (SELECT TRY_CAST(concept_id AS BIGINT) FROM {self._tables["CONCEPT"].scan}
                 WHERE TRY_CAST(concept_id AS BIGINT) IS NOT NULL)""",
        )
        if dangling:
            self._warnings.append(f"{dangling} relations lead to concepts that are not in CONCEPT.csv")
        uphill = _count(
            scanner,
            """SELECT count(*) FROM link JOIN concept ON id = id_2
               WHERE relationship = 'Maps to' AND domain = 'Condition' AND coalesce(standard, '') <> 'S'""",
        )
        if uphill:
            self._warnings.append(f"{uphill} 'Maps to' lead to concepts that are not standard and were not followed")

    def _read_ancestors(self, scanner: duckdb.DuckDBPyConnection) -> None:
        scanner.execute(
            """CREATE TABLE tumour AS SELECT id FROM concept WHERE vocabulary = 'ICDO3'
               UNION SELECT id_2 FROM relation WHERE relationship = 'Maps to'"""
        )
        scanner.execute(
            f"""CREATE TABLE closure AS
                SELECT TRY_CAST(ancestor_concept_id AS BIGINT) AS ancestor,
                       TRY_CAST(descendant_concept_id AS BIGINT) AS descendant
                FROM {self._tables["CONCEPT_ANCESTOR"].scan}
                WHERE ancestor_concept_id = '{NEOPLASTIC_DISEASE}'
                   OR TRY_CAST(descendant_concept_id AS BIGINT) IN (SELECT id FROM tumour)"""
        )
        scanner.execute(
            f"""CREATE TABLE neoplasm AS SELECT id FROM tumour
                UNION SELECT descendant FROM closure WHERE ancestor = {NEOPLASTIC_DISEASE}
                UNION SELECT id FROM concept WHERE NOT EXISTS
                    (SELECT 1 FROM closure WHERE ancestor = {NEOPLASTIC_DISEASE})"""
        )
        scanner.execute(
            """CREATE TABLE below AS SELECT DISTINCT ancestor, descendant FROM closure
               WHERE ancestor <> descendant AND ancestor IN (SELECT id FROM neoplasm)
                 AND ancestor IN (SELECT id FROM concept) AND descendant IN (SELECT id FROM tumour)"""
        )

    def _keep_concepts(self, scanner: duckdb.DuckDBPyConnection) -> int:
        names = scanner.execute("SELECT DISTINCT vocabulary FROM concept").fetchall()
        self._store.executemany("DELETE FROM omop_concept WHERE vocabulary = ?", names)
        return self._keep(
            scanner,
            "omop_concept",
            """SELECT id, vocabulary, code, coalesce(domain, ''), coalesce(class, ''), coalesce(standard, ''),
                      coalesce(invalid_reason, 'V'), 'source', 'athena', 0
               FROM concept WHERE vocabulary <> 'SNOMED' OR id IN (SELECT id FROM neoplasm) ORDER BY id""",
        )

    def _keep(self, scanner: duckdb.DuckDBPyConnection, table: str, query: str) -> int:
        """Copy a result into a table of the store, a batch at a time; how many rows."""
        kept = 0
        for rows in _batches(scanner.execute(query)):
            self._store.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
            kept += len(rows)
        return kept

    def _count_odd_codes(self) -> None:
        rows = self._store.execute("SELECT code FROM omop_concept WHERE vocabulary = 'ICDO3' ORDER BY concept_id")
        odd = [code for (code,) in rows if not _parses(code)]
        if odd:
            self._warnings.append(f"{len(odd)} ICDO3 codes name no tumour of ICD-O-3, e.g. {', '.join(odd[:3])}")

    def _failure(self, error: duckdb.Error) -> LoadFailed:
        text = str(error)
        path = next((str(table.path) for table in self._tables.values() if str(table.path) in text), "the download")
        line = _LINE.search(text)
        where = f"{path}, line {line[1]}" if line else path
        return LoadFailed(
            "a line does not have the columns of the header", where=where, expected="a whole, tab-separated file"
        )


def _batches(result: duckdb.DuckDBPyConnection) -> Iterator[list[tuple[object, ...]]]:
    while rows := result.fetchmany(50_000):
        yield rows


def _count(scanner: duckdb.DuckDBPyConnection, query: str) -> int:
    row = scanner.execute(query).fetchone()
    return int(row[0]) if row else 0


def _parses(code: str) -> bool:
    try:
        parse_icdo(code)
    except UnknownCode:
        return False
    return True

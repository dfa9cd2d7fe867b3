"""Build a snapshot file from the loader's work tables, in bounded memory (DuckDB sorts and groups on disk).

Diagnoses are numbered by ICCC-3 2017 leaf and rows are ordered by leaf and year, so that a group is a run of numbers
and a run of rows. Rows of patients with several tumours are kept once more, apart: they make patients countable.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import duckdb

from gateway.errors import SourceFailure
from gateway.model.dates import DatePrecision
from gateway.model.fields import FIELDS
from gateway.sources.snapshot.dictionaries import read_diagnoses
from gateway.sources.snapshot.layout import (
    CODED,
    CUBE,
    FORMAT,
    HIGH,
    LOW,
    NO_SEQUENCE,
    QUERIED,
    RECORD,
    SCHEMA,
    SnapshotMeta,
    select_list,
)
from terminology import Terminology, TerminologyError

ROW_GROUP = 16_384
"""Rows of a zone: smaller than DuckDB's own, so that a page or an id reads little."""
ORDINAL_OF_EPOCH = 719_163
ID_HASH = "coalesce(try_cast('0x' || left({0}, 16) AS UBIGINT), md5_number_lower({0}))"
UNKNOWN_PRECISION = list(DatePrecision).index(DatePrecision.UNKNOWN)


def work_connection(
    path: Path | str, temporary: Path, *, memory_mib: int = 192, threads: int = 2
) -> duckdb.DuckDBPyConnection:
    """Open a work database whose memory is bounded; what does not fit is spilled to `temporary`."""
    connection = duckdb.connect(
        str(path),
        config={
            "memory_limit": f"{memory_mib}MiB",
            "threads": threads,
            "temp_directory": str(temporary),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    connection.execute("SET enable_progress_bar = false")  # it would be drawn on standard output, among the answers
    return connection


def build_snapshot(
    connection: duckdb.DuckDBPyConnection, out: Path, meta: SnapshotMeta, terminology: Terminology
) -> None:
    """Write one snapshot file.

    Parameters
    ----------
    connection
        Work database with the tables `cases_in`, `diagnoses_in` and `codes_in`; its memory limit and temporary
        directory hold here too (see `work_connection`).
    out
        File to write, beside the place where it will serve; it must not exist.
    meta
        What the load says of it.
    terminology
        Gives the order of diagnoses, and refuses what it cannot read.

    Raises
    ------
    SourceFailure
        The work tables contradict each other, or the disk is full; `out` is then not a snapshot.
    """
    try:
        main = connection.execute("SELECT current_database()").fetchall()[0][0]
        connection.execute(f"ATTACH '{_quoted(out)}' AS snapshot (ROW_GROUP_SIZE {ROW_GROUP})")
        try:
            _write(connection, main, out, meta, terminology)
        except BaseException:
            # An engine whose disk is full refuses this too; the first error is the one to tell.
            with suppress(duckdb.Error):
                _let_go(connection, main)
            raise
        _let_go(connection, main)
    except TerminologyError as error:
        raise SourceFailure(error.message, where="diagnoses_in", expected=error.expected) from error
    except duckdb.Error as error:
        raise SourceFailure(f"snapshot cannot be written: {_kind(error)}", where=str(out)) from error


def _let_go(connection: duckdb.DuckDBPyConnection, main: str) -> None:
    connection.execute(f'USE "{main}"')
    connection.execute("DETACH snapshot")


def _write(
    connection: duckdb.DuckDBPyConnection, main: str, out: Path, meta: SnapshotMeta, terminology: Terminology
) -> None:
    connection.execute("USE snapshot")
    connection.execute(SCHEMA)
    work = f'"{main}".{_schema(connection, main)}'
    _write_dictionaries(connection, work, terminology)
    _write_cases(connection, work)
    _write_multiples(connection)
    connection.execute(
        f"CREATE TABLE cube AS SELECT {select_list(CUBE)}, count(*) AS n FROM cases GROUP BY ALL ORDER BY dx"
    )
    _write_lookups(connection)
    _check(connection, work, out)
    _write_meta(connection, meta, terminology)
    connection.execute("DROP TABLE IF EXISTS numbering")
    connection.execute("CHECKPOINT snapshot")


def _schema(connection: duckdb.DuckDBPyConnection, database: str) -> str:
    found = connection.execute(
        "SELECT schema_name FROM duckdb_tables() WHERE database_name = ? AND table_name = 'cases_in'", [database]
    ).fetchall()
    return str(found[0][0]) if found else "main"


def _write_dictionaries(connection: duckdb.DuckDBPyConnection, work: str, terminology: Terminology) -> None:
    connection.execute(f"INSERT INTO codes SELECT field, idx, code FROM {work}.codes_in ORDER BY field, idx")
    found = read_diagnoses(connection, f"{work}.diagnoses_in", terminology)
    order = found.order("2017")
    connection.execute("CREATE TEMP TABLE numbering (old INTEGER, dx INTEGER, leaf SMALLINT)")
    numbers = connection.execute(f"SELECT dx FROM {work}.diagnoses_in ORDER BY dx").fetchnumpy()["dx"]
    leaves = found.leaf_numbers("2017")
    # A relation over numpy arrays takes replacement scans, which a locked connection refuses; so rows in pieces.
    rows = [(int(numbers[old]), new, int(leaves[old])) for new, old in enumerate(order.tolist())]
    for start in range(0, len(rows), 1000):
        piece = rows[start : start + 1000]
        connection.execute("INSERT INTO numbering VALUES " + ", ".join(map(str, piece)))
    connection.execute(
        "INSERT INTO diagnoses SELECT n.dx, d.* EXCLUDE (dx) "
        f"FROM {work}.diagnoses_in d JOIN numbering n ON n.old = d.dx ORDER BY n.dx"
    )


def _write_cases(connection: duckdb.DuckDBPyConnection, work: str) -> None:
    expressions = {name: name for name in RECORD} | {
        "case_no": "row_number() OVER () - 1",
        "sequence": f"coalesce(sequence, {NO_SEQUENCE})",
        "date_precision": f"coalesce(incidence_precision, {UNKNOWN_PRECISION})",
        "birth_precision": f"coalesce(birth_precision, {UNKNOWN_PRECISION})",
        "contact_precision": f"coalesce(last_contact_precision, {UNKNOWN_PRECISION})",
        **_interval("year", "incidence", "year({0})"),
        **_interval("date", "incidence", _ORDINAL),
        **_interval("birth", "birth", _ORDINAL),
        **_interval("contact", "last_contact", _ORDINAL),
        **_interval("age", "age_years", "{0}"),
        **_interval("age_days", "age_days", "{0}"),
    }
    chosen = ", ".join(f"{expression} AS {name}" for name, expression in expressions.items())
    connection.execute(
        f"""INSERT INTO cases ({select_list(RECORD)}) SELECT {chosen} FROM (
        SELECT c.* EXCLUDE (dx), n.dx AS dx FROM {work}.cases_in c JOIN numbering n ON n.old = c.dx
        ORDER BY n.leaf, year(incidence_lo) NULLS LAST, n.dx, c.case_key)"""
    )


_ORDINAL = f"({{0}} - DATE '1970-01-01') + {ORDINAL_OF_EPOCH}"


def _interval(name: str, column: str, form: str) -> dict[str, str]:
    """Both ends of an interval, unknown where either end is."""
    known = f"{column}_lo IS NOT NULL AND {column}_hi IS NOT NULL"
    return {
        f"{name}_lo": f"CASE WHEN {known} THEN {form.format(f'{column}_lo')} ELSE {LOW} END",
        f"{name}_hi": f"CASE WHEN {known} THEN {form.format(f'{column}_hi')} ELSE {HIGH[name]} END",
    }


def _write_multiples(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        f"""CREATE TABLE multi AS SELECT p.patient_no, c.case_no, {select_list(tuple(f"c.{q}" for q in QUERIED))}
        FROM cases c JOIN (SELECT patient_key, min(case_no) AS patient_no FROM cases
                           GROUP BY patient_key HAVING count(*) > 1) p USING (patient_key)
        ORDER BY p.patient_no, c.case_no"""
    )


def _write_lookups(connection: duckdb.DuckDBPyConnection) -> None:
    """Ids as numbers, see gateway.sources.snapshot.records.id_hash: less than half the size of the ids."""
    connection.execute(
        f"CREATE TABLE case_ids AS SELECT {ID_HASH.format('case_key')} AS hash, case_no FROM cases ORDER BY hash"
    )
    connection.execute(
        f"""CREATE TABLE patient_ids AS SELECT {ID_HASH.format("patient_key")} AS hash, case_no AS patient_no FROM cases
        WHERE case_no NOT IN (SELECT case_no FROM multi WHERE case_no <> patient_no) ORDER BY hash"""
    )


def _check(connection: duckdb.DuckDBPyConnection, work: str, out: Path) -> None:
    """Refuse work tables that would make a wrong number."""
    where = str(out)
    given, written = _row(connection, f"SELECT (SELECT count(*) FROM {work}.cases_in), (SELECT count(*) FROM cases)")
    if given != written:
        raise SourceFailure(f"{given - written} cases name a diagnosis that is not in diagnoses_in", where=where)
    connection.execute(
        "CREATE TEMP TABLE suspects AS SELECT hash FROM (SELECT hash, lag(hash) OVER () AS before FROM case_ids) "
        "WHERE hash = before"
    )
    (doubles,) = _row(
        connection,
        "SELECT count(*) FROM (SELECT case_key FROM cases WHERE case_no IN "
        "(SELECT case_no FROM case_ids WHERE hash IN (SELECT hash FROM suspects)) "
        "GROUP BY case_key HAVING count(*) > 1)",
    )
    connection.execute("DROP TABLE suspects")
    if doubles:
        raise SourceFailure(f"{doubles} record ids stand for several cases", where=where, expected="one case for each")
    for name in CODED:
        (dangling,) = _row(
            connection,
            f"SELECT count(*) FROM cube WHERE {name} IS NULL OR {name} NOT IN "
            f"(SELECT idx FROM codes WHERE field = '{name}')",
        )
        if dangling:
            raise SourceFailure(f"column {name} has codes that are not in codes_in", where=where)
    wrong = " OR ".join(
        f"{name}_lo > {name}_hi OR {name}_lo < {LOW} OR {name}_hi > {high} OR ({name}_lo = {LOW} AND {name}_hi < {high})"
        for name, high in HIGH.items()
    )
    (bad,) = _row(connection, f"SELECT count(*) FROM cases WHERE {wrong}")
    if bad:
        raise SourceFailure(
            f"{bad} cases have a negative value, or an interval that ends before it starts", where=where
        )


def _write_meta(connection: duckdb.DuckDBPyConnection, meta: SnapshotMeta, terminology: Terminology) -> None:
    (cases,) = _row(connection, "SELECT count(*) FROM cases")
    (patients,) = _row(connection, "SELECT count(*) FROM patient_ids")
    never = meta.never & FIELDS.keys()
    if cases:
        never |= _never(connection)
    values = {
        **{key: str(value) for key, value in asdict(meta).items() if isinstance(value, str)},
        "format": FORMAT,
        "report": json.dumps(meta.report, ensure_ascii=False, sort_keys=True),
        "never": json.dumps(sorted(never)),
        "terminology": terminology.version,
        "code_systems": json.dumps(_code_systems(connection)),
        "unusable": str(meta.unusable.records if meta.unusable else 0),
        "considered": str(meta.unusable.considered if meta.unusable else cases),
        "cases": str(cases),
        "patients": str(patients),
    }
    connection.executemany("INSERT INTO meta VALUES (?, ?)", list(values.items()))


_ALWAYS_ABSENT = {
    **{
        name: f"SELECT bool_and(code = 'not-collected') FROM codes WHERE field = '{name}' AND idx IN (SELECT {name} FROM cube)"
        for name in CODED
    },
    **{name: f"SELECT bool_and({name}_lo = {LOW}) FROM cube" for name in ("age", "year")},
    "age_days": f"SELECT bool_and(age_days_lo = {LOW}) FROM cases",
    "date": f"SELECT bool_and(year_lo = {LOW}) FROM cube",
    **{
        name: f"SELECT bool_and({name}_absent = 'not-collected' AND icd10 IS NULL AND iccc IS NULL) FROM diagnoses"
        for name in ("topography", "morphology", "behaviour")
    },
}
"""For each field, SQL that is true when no case has a value."""


def _never(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    return frozenset(name for name, sql in _ALWAYS_ABSENT.items() if _row(connection, sql)[0])


def _code_systems(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str | None]]:
    """Systems that diagnoses are coded in, ICD-O-3 first."""
    return connection.execute(
        """SELECT DISTINCT 'ICDO3', icdo_edition FROM diagnoses WHERE morphology IS NOT NULL OR topography IS NOT NULL
        UNION ALL SELECT DISTINCT 'ICD10', NULL FROM diagnoses WHERE icd10 IS NOT NULL
        UNION ALL SELECT DISTINCT 'ICCC3', split_part(iccc, ':', 1) FROM diagnoses WHERE iccc IS NOT NULL"""
    ).fetchall()


def _row(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[int, ...]:
    return connection.execute(sql).fetchall()[0]


def _kind(error: duckdb.Error) -> str:
    return type(error).__name__


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")

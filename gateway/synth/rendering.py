"""What renderers share: the truth as SQL view, streaming of rendered text, and small pieces of SQL.

A renderer is mostly one SQL expression that makes the text of a case. DuckDB evaluates it range by range, so memory
stays flat at any number of cases; ranges are of whole blocks, so a patient never spans two.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import duckdb

from gateway.synth.database import open_quiet
from gateway.synth.truth import Progress

RANGE_CASES = 1 << 13
_GZIP_LEVEL = 1

RENDERED_ROWS = "(SELECT *, unnest(if(dirt = 'duplicate', [1, 2], [1])) AS copy FROM truth)"
"""The truth with a second row for each record that is there twice."""

LAST_OF_PATIENT = 'lead(patient) OVER (ORDER BY "case") IS DISTINCT FROM patient'


@contextmanager
def truth_connection(truth: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the truth table as view `truth`."""
    with open_quiet() as connection:
        connection.execute(f"CREATE VIEW truth AS FROM read_parquet({quoted(str(truth))})")
        yield connection


def cases_of(connection: duckdb.DuckDBPyConnection) -> int:
    """Number of cases in the truth."""
    (cases,) = cast("tuple[int]", connection.execute("SELECT count(*) FROM truth").fetchone())
    return cases


def quoted(text: str) -> str:
    """A text as SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def mapped(column: str, values: Mapping[str, str], other: str = "NULL") -> str:
    """SQL that replaces the codes of a column; `other` is SQL for every code that is not named."""
    cases = " ".join(f"WHEN {quoted(code)} THEN {quoted(text)}" for code, text in values.items())
    return f"CASE {column} {cases} ELSE {other} END"


def write_rendered(
    connection: duckdb.DuckDBPyConnection,
    target: Path,
    text_of_case: str,
    progress: Progress,
    *,
    head: str = "",
    tail: str = "",
) -> None:
    """Write `head`, the text of every case in order, and `tail` to a file, compressed if its name ends in .gz."""
    with _output(target) as output:
        output.write(head.encode())
        for text, count in _texts(connection, text_of_case):
            output.write(text.encode())
            progress(count)
        output.write(tail.encode())


def write_delimited(
    connection: duckdb.DuckDBPyConnection,
    target: Path,
    columns: Mapping[str, str],
    delimiter: str,
    *,
    relation: str = RENDERED_ROWS,
) -> None:
    """Write a delimited file with a header line: SQL of each column by its name; quotes only where they must be.

    Lines stand in the order of the relation: the truth is in the order of its cases, and DuckDB keeps it.
    """
    listed = ", ".join(f'{sql} AS "{name}"' for name, sql in columns.items())
    connection.execute(
        f"COPY (SELECT {listed} FROM {relation}) TO {quoted(str(target))} "
        f"(FORMAT csv, DELIMITER {quoted(delimiter)}, HEADER true)"
    )


def _texts(connection: duckdb.DuckDBPyConnection, text_of_case: str) -> Iterator[tuple[str, int]]:
    cases = cases_of(connection)
    for first in range(0, cases, RANGE_CASES):
        rows = connection.execute(
            f'SELECT {text_of_case} FROM (FROM truth WHERE "case" BETWEEN ? AND ?) ORDER BY "case"',
            [first, first + RANGE_CASES - 1],
        ).fetchall()
        yield "".join(row[0] for row in rows if row[0] is not None), min(RANGE_CASES, cases - first)


@contextmanager
def _output(target: Path) -> Iterator[BinaryIO]:
    if target.suffix == ".gz":
        with target.open("wb") as raw, gzip.GzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0) as packed:
            yield cast("BinaryIO", packed)
    else:
        with target.open("wb") as plain:
            yield plain

"""DuckDB connections that keep standard output for answers: the engine's own progress bars are off."""

from __future__ import annotations

from pathlib import Path

import duckdb


def open_quiet(path: Path | None = None) -> duckdb.DuckDBPyConnection:
    """A connection to a database file, made if it is not there, or to one in memory."""
    connection = duckdb.connect(":memory:" if path is None else path)
    connection.execute("SET enable_progress_bar = false")
    return connection

"""DuckDB connections for making files: bounded in memory, and without the engine's own bars on standard output."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb

MEMORY = "512MiB"


def open_quiet(path: Path | None = None) -> duckdb.DuckDBPyConnection:
    """A connection to a database file, made if it is not there, or to one in memory."""
    connection = duckdb.connect(":memory:" if path is None else path)
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET enable_external_file_cache = false")
    connection.execute(f"SET memory_limit = '{MEMORY}'")
    connection.execute("SET temp_directory = ?", [tempfile.gettempdir()])
    return connection

"""DuckDB files: opened read-only and locked down, and opened anew when another file stands in their place.

The settings are those of the notes on security, section 3.2: no other file, no extension, no network, no change of
settings, nothing written.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb

from gateway.adapters.omop.engine import Parameters, Row
from gateway.errors import SourceUnavailable
from gateway.sources.base import Deadline

LOCKED = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "max_temp_directory_size": "0KB",
    "lock_configuration": "true",
}

Identity = tuple[int, int, int]


class DuckEngine:
    """One DuckDB file."""

    dialect = "duckdb"

    def __init__(self, file: Path, name: str, settings: Mapping[str, str]) -> None:
        self._file = file
        self._name = name
        self._settings = {**settings, **LOCKED}
        self._free = threading.Condition()
        self._in_use = 0
        self._open: tuple[Identity, duckdb.DuckDBPyConnection] | None = None

    @contextmanager
    def session(self, deadline: Deadline) -> Iterator[DuckSession]:
        """Cursor over the file that stands there now."""
        identity, cursor = self._cursor()
        try:
            yield DuckSession(cursor, self._name, deadline, identity)
        finally:
            cursor.close()
            with self._free:
                self._in_use -= 1
                self._free.notify_all()

    def close(self) -> None:
        """Close the file."""
        with self._free:
            self._close()

    def _close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def _cursor(self) -> tuple[Identity, duckdb.DuckDBPyConnection]:
        with self._free:
            identity = self._identity()
            if self._open is not None and self._open[0] != identity:
                # DuckDB would give the old file again as long as anybody still reads it.
                self._free.wait_for(lambda: self._in_use == 0)
                self._close()
            if self._open is None:
                self._open = (identity, self._connect())
            self._in_use += 1
            return self._open[0], self._open[1].cursor()

    def _identity(self) -> Identity:
        try:
            found = self._file.stat()
        except OSError as error:
            raise SourceUnavailable(
                f"the database cannot be read: {error.strerror}",
                where=str(self._file),
                expected="a DuckDB file with an OMOP CDM",
            ) from None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _connect(self) -> duckdb.DuckDBPyConnection:
        try:
            return duckdb.connect(str(self._file), read_only=True, config=dict(self._settings))
        except duckdb.Error as error:
            raise SourceUnavailable(
                f"the database cannot be opened ({type(error).__name__})",
                where=str(self._file),
                expected="a DuckDB file that no other process is writing",
            ) from None


class DuckSession:
    """One cursor."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, name: str, deadline: Deadline, identity: Identity) -> None:
        self.identity: object = identity
        self._cursor = cursor
        self._name = name
        self._deadline = deadline

    def fetch(self, sql: str, parameters: Parameters) -> list[Row]:
        """Rows of one statement."""
        remaining = self._deadline.remaining()
        if remaining <= 0:
            raise TimeoutError
        timer = threading.Timer(remaining, self.cancel)
        timer.start()
        try:
            return self._cursor.execute(sql, dict(parameters)).fetchall()
        except duckdb.InterruptException:
            raise TimeoutError from None
        except duckdb.Error as error:
            fault = type(error).__name__
            raise SourceUnavailable(f"the database failed to answer ({fault})", where=self._name) from None
        finally:
            timer.cancel()

    def cancel(self) -> None:
        """Interrupt the statement."""
        self._cursor.interrupt()

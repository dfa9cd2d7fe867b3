"""PostgreSQL servers: a few connections, read-only repeatable-read sessions, deadlines kept by the server itself.

A plan is made anew for each statement (no server-side preparation): the ids of a question are parameters, and a
generic plan would not know how many they are.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import conninfo

from gateway.adapters.omop.engine import Parameters, Row
from gateway.adapters.omop.settings import EXPECTED_LOCATION
from gateway.errors import BadSettings, SourceUnavailable
from gateway.sources.base import Deadline

CONNECT_SECONDS = 5
SESSION = {"jit": "off", "work_mem": "64MB", "default_transaction_read_only": "on"}
LEAST_TIMEOUT_MS = 1
CANCEL_SECONDS = 2.0


class PostgresEngine:
    """One PostgreSQL database."""

    dialect = "postgres"

    def __init__(self, url: str, password: str | None, name: str) -> None:
        self._conninfo = _conninfo(url, password)
        self._name = name
        self._lock = threading.Lock()
        self._idle: list[psycopg.Connection] = []

    @contextmanager
    def session(self, deadline: Deadline) -> Iterator[PostgresSession]:
        """One transaction on a connection that is known to be alive."""
        timeout_ms = round(deadline.remaining() * 1000)
        if timeout_ms < LEAST_TIMEOUT_MS:
            raise TimeoutError
        connection = self._borrow(timeout_ms)
        try:
            yield PostgresSession(connection, self._name)
        finally:
            self._give_back(connection)

    def close(self) -> None:
        """Close idle connections."""
        with self._lock:
            for connection in self._idle:
                connection.close()
            self._idle.clear()

    def _borrow(self, timeout_ms: int) -> psycopg.Connection:
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            fresh = connection is None
            connection = connection or self._connect()
            try:
                connection.execute(f"SET LOCAL statement_timeout = {timeout_ms}")
            except psycopg.Error as error:
                connection.close()
                if fresh:
                    raise self._unreachable(error) from None
            else:
                return connection

    def _connect(self) -> psycopg.Connection:
        try:
            connection = psycopg.connect(self._conninfo, prepare_threshold=None)
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
        except psycopg.Error as error:
            raise self._unreachable(error) from None
        return connection

    def _unreachable(self, error: psycopg.Error) -> SourceUnavailable:
        return SourceUnavailable(
            f"the database cannot be reached ({type(error).__name__})",
            where=self._name,
            expected="a PostgreSQL server that lets this user read",
        )

    def _give_back(self, connection: psycopg.Connection) -> None:
        try:
            connection.rollback()
        except psycopg.Error:
            connection.close()
            return
        with self._lock:
            self._idle.append(connection)


def _conninfo(url: str, password: str | None) -> str:
    secret = {} if password is None else {"password": password}
    options = " ".join(f"-c {key}={value}" for key, value in SESSION.items())
    try:
        return conninfo.make_conninfo(
            url, **secret, connect_timeout=CONNECT_SECONDS, application_name="iccd", options=options
        )
    except psycopg.ProgrammingError:
        raise BadSettings("the URL of the database cannot be read", expected=EXPECTED_LOCATION) from None


class PostgresSession:
    """One transaction."""

    def __init__(self, connection: psycopg.Connection, name: str) -> None:
        self.identity: object = None
        self._connection = connection
        self._name = name

    def fetch(self, sql: str, parameters: Parameters) -> list[Row]:
        """Rows of one statement."""
        try:
            return self._connection.execute(sql, dict(parameters)).fetchall()
        except psycopg.errors.QueryCanceled:
            raise TimeoutError from None
        except psycopg.Error as error:
            fault = " ".join(filter(None, (type(error).__name__, error.sqlstate)))
            raise SourceUnavailable(f"the database failed to answer ({fault})", where=self._name) from None

    def cancel(self) -> None:
        """Ask the server to stop the statement."""
        self._connection.cancel_safe(timeout=CANCEL_SECONDS)

"""What this kind needs of a database engine: sessions that fetch rows before a deadline, and can be cancelled.

An engine turns every fault of its library into SourceUnavailable without the library's text, which may quote values
of rows or the connection string; a statement that runs out of time raises TimeoutError.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias

from gateway.sources.base import Deadline

Row: TypeAlias = tuple[Any, ...]
"""Values as the engine's library gives them: typed by the statement, not by Python."""

Parameters: TypeAlias = Mapping[str, object]


class Session(Protocol):
    """One connection in use; all statements of one session see the same state of the data.

    Attributes
    ----------
    identity
        What stands for the data: another value means that another file has taken its place.
    """

    identity: object

    def fetch(self, sql: str, parameters: Parameters) -> list[Row]:
        """All rows of a statement; `parameters` are exactly those that the statement names."""

    def cancel(self) -> None:
        """Stop the statement that runs now; called from another thread."""


class Engine(Protocol):
    """A database.

    Attributes
    ----------
    dialect
        Name of its SQL in sqlglot.
    """

    dialect: str

    def session(self, deadline: Deadline) -> AbstractContextManager[Session]:
        """Borrow a connection; statements end at the deadline."""

    def close(self) -> None:
        """Give back all connections and files."""

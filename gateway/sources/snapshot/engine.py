"""DuckDB at query time: read-only and locked down, one small pool of threads, an interrupt at the deadline.

The settings are those of a file that strangers ask about: no other file, no extension, no change of settings
(duckdb.org, "Securing DuckDB"). One thread a query: requests are the parallelism.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TypeVar

import duckdb

from gateway.errors import SourceFailure, SourceUnavailable
from gateway.sources.base import Deadline

T = TypeVar("T")

LOCKED_DOWN: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "memory_limit": "512MiB",
    "max_temp_directory_size": "0KB",
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "lock_configuration": True,
}
INTERRUPT_AGAIN_SECONDS = 0.01


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a snapshot file for reading, locked down.

    Raises
    ------
    SourceFailure
        It is not a DuckDB file that this version can read.
    """
    try:
        return duckdb.connect(str(path), read_only=True, config=dict(LOCKED_DOWN))
    except duckdb.Error as error:
        raise SourceFailure(
            f"the snapshot is damaged or cannot be opened ({type(error).__name__})",
            where=str(path),
            expected="a file made by `iccd load`",
        ) from error


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 2), thread_name_prefix="iccd-duckdb")


async def in_pool(work: Callable[[], T], deadline: Deadline) -> T:
    """Run blocking work that cannot be interrupted (opening a file).

    Raises
    ------
    TimeoutError
        The deadline passed first.
    """
    _refuse_expired(deadline)
    async with asyncio.timeout(deadline.remaining()):
        return await asyncio.get_running_loop().run_in_executor(_pool(), work)


class Engine:
    """An open snapshot file and the lock that keeps it from being swept; both go when it is closed and idle.

    Parameters
    ----------
    path
        The snapshot file.
    handle
        Handle that holds the file (see gateway.sources.snapshot.store.hold); closed with the connection.
    """

    def __init__(self, path: Path, handle: int | None = None) -> None:
        self.connection = connect(path)
        self._handle = handle
        self._lock = Lock()
        self._running = 0
        self._closed = False

    async def query(self, work: Callable[[duckdb.DuckDBPyConnection], T], deadline: Deadline) -> T:
        """Run queries on a cursor of their own in the pool.

        Raises
        ------
        TimeoutError
            The deadline passed; the query was interrupted.
        SourceUnavailable
            The file can no longer be read, or the query needs more memory than allowed.
        """
        _refuse_expired(deadline)
        cursor = self._start()
        future = asyncio.get_running_loop().run_in_executor(_pool(), self._run, cursor, work, deadline)
        try:
            async with asyncio.timeout(deadline.remaining()):
                return await asyncio.shield(future)
        except (TimeoutError, asyncio.CancelledError):
            _interrupt(cursor, future)
            raise

    def close(self) -> None:
        """Close now, or when the last query that still runs has ended."""
        with self._lock:
            self._closed = True
            idle = self._running == 0
        if idle:
            self._release()

    def _start(self) -> duckdb.DuckDBPyConnection:
        with self._lock:
            self._running += 1
            return self.connection.cursor()

    def _run(
        self, cursor: duckdb.DuckDBPyConnection, work: Callable[[duckdb.DuckDBPyConnection], T], deadline: Deadline
    ) -> T:
        try:
            _refuse_expired(deadline)
            return work(cursor)
        except duckdb.InterruptException as error:
            raise TimeoutError("the query was interrupted at its deadline") from error
        except duckdb.Error as error:
            raise SourceUnavailable(f"snapshot cannot be read: {type(error).__name__}", where="snapshot") from error
        finally:
            self._end(cursor)

    def _end(self, cursor: duckdb.DuckDBPyConnection) -> None:
        cursor.close()
        with self._lock:
            self._running -= 1
            last = self._closed and self._running == 0
        if last:
            self._release()

    def _release(self) -> None:
        self.connection.close()
        if self._handle is not None:
            os.close(self._handle)


def _interrupt(cursor: duckdb.DuckDBPyConnection, future: asyncio.Future[T]) -> None:
    """Interrupt until the work has ended: an interrupt between two statements is lost."""
    if future.done():
        if not future.cancelled():
            future.exception()
        return
    # The work may end, and close its cursor, at this very moment.
    with suppress(duckdb.ConnectionException):
        cursor.interrupt()
    asyncio.get_running_loop().call_later(INTERRUPT_AGAIN_SECONDS, _interrupt, cursor, future)


def _refuse_expired(deadline: Deadline) -> None:
    if deadline.remaining() <= 0:
        raise TimeoutError("the deadline has passed")

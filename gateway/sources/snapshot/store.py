"""Where the snapshots of one source stand, and how a new one takes over (kill -9 at any moment leaves the old one).

    DATA/snapshots/SOURCE/CURRENT            name of the file that serves, replaced by an atomic rename
    DATA/snapshots/SOURCE/SNAPSHOT.duckdb    immutable; readers hold a shared lock on it (flock)
    DATA/snapshots/SOURCE/LOADING            lock of the one load at a time; the system frees it when a load dies
    DATA/snapshots/SOURCE/*.building         a file that is being written; left-overs go with the next load

Order of a switch: fsync of the file, rename to its name, fsync of the folder, rename of CURRENT, fsync of the folder.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.errors import LoadRefused, SourceFailure, SourceUnavailable

POINTER = "CURRENT"
LOCK = "LOADING"
SUFFIX = ".duckdb"
BUILDING = ".building"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class SnapshotStore:
    """Snapshots of one source.

    Parameters
    ----------
    data_dir
        Folder of the gateway's state.
    source_id
        Id of the source.
    """

    def __init__(self, data_dir: Path, source_id: str) -> None:
        self.folder = data_dir / "snapshots" / source_id
        self.source = source_id
        self._pointer = self.folder / POINTER

    def current(self) -> Path | None:
        """File that serves now, None before the first load."""
        try:
            name = self._pointer.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None
        return self.folder / name

    def stamp(self) -> tuple[int, int] | None:
        """File and time of the last switch, in nanoseconds; cheap enough to look at for every question."""
        try:
            status = os.stat(self._pointer)
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns

    @contextmanager
    def loading(self, snapshot_id: str) -> Iterator[Path]:
        """Keep other loads of this source away and give the path at which to build the file.

        What is left at that path, or of a load that died, is removed.

        Raises
        ------
        LoadRefused
            Another load of this source is running.
        SourceUnavailable
            The folder cannot be written.
        """
        with self._locked():
            self._sweep_building()
            path = self.folder / f"{_checked(snapshot_id)}{BUILDING}"
            try:
                yield path
            finally:
                self._sweep_building()

    def install(self, path: Path, snapshot_id: str) -> Path:
        """Let a finished file serve; files that nobody reads any more are removed.

        Parameters
        ----------
        path
            The file, on the same file system, closed by its writer.
        snapshot_id
            Its name from now on.

        Returns
        -------
        path of the file in its place

        Raises
        ------
        SourceUnavailable
            The disk is full or cannot be written; the old snapshot goes on serving.
        """
        target = self.folder / f"{_checked(snapshot_id)}{SUFFIX}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _sync(path)
            path.rename(target)
            _sync(self.folder)
            aside = self.folder / f"{POINTER}.new"
            aside.write_text(target.name, encoding="ascii")
            _sync(aside)
            now = time.time_ns()
            os.utime(aside, ns=(now, now))
            aside.replace(self._pointer)
            _sync(self.folder)
        except OSError as error:
            raise SourceUnavailable(
                f"snapshot cannot be put in place: {error.strerror}", where=str(self.folder)
            ) from error
        self.sweep()
        return target

    def sweep(self) -> None:
        """Remove snapshots that do not serve and that no reader holds."""
        serving = self.current()
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            if path != serving:
                _remove_unless_held(path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SourceUnavailable(f"cannot write: {error.strerror}", where=str(self.folder)) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise LoadRefused(f"another load of {self.source} is running", where=str(self.folder)) from error
        finally:
            os.close(handle)

    def _sweep_building(self) -> None:
        for path in self.folder.glob(f"*{BUILDING}*"):
            path.unlink(missing_ok=True)


def hold(path: Path) -> int | None:
    """Hold a snapshot file so that no sweep removes it.

    Returns
    -------
    handle
        Close it with os.close to let go; None if the file was removed before it could be held.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    fcntl.flock(handle, fcntl.LOCK_SH)
    if path.exists() and os.fstat(handle).st_ino == path.stat().st_ino:
        return handle
    os.close(handle)
    return None


def _remove_unless_held(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return
    finally:
        os.close(handle)


def _checked(snapshot_id: str) -> str:
    if not NAME.fullmatch(snapshot_id):
        raise SourceFailure(f"{snapshot_id!r} is no snapshot id", expected="letters, digits, '.', '-' and '_'")
    return snapshot_id


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""The built file: where it stands, and the only code that opens it.

The pure build stands in the user's cache under a name made of the tables' digests, so another version of the
package never meets it. A file with loaded packs, or one that ICCD_TERMINOLOGY names, must fit this package or is
refused by name.
"""

from __future__ import annotations

import sqlite3
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from terminology.errors import ManifestMismatch, TerminologyError
from terminology.places import default_path, expected_digests


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """One entry of the manifest: a table of the package or a pack that the user loaded."""

    name: str
    kind: str
    version: str
    sha256: str
    rows: int


class Store:
    """A terminology file, open for reading; safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = _connect(path)
        self.manifest = _manifest(self._connection, path)
        self.sources = tuple(
            SourceEntry(*row)
            for row in self.query("SELECT name, kind, version, sha256, rows FROM source ORDER BY name")
        )
        _check(self)

    def query(self, sql: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query; Any because the columns of SQLite have no static type."""
        return self._connection.execute(sql, parameters).fetchall()

    def texts(self, sql: str, parameters: tuple[object, ...] = ()) -> list[tuple[str, ...]]:
        """All rows of a query whose columns are all text."""
        return [tuple(map(str, row)) for row in self._connection.execute(sql, parameters)]

    def array(self, name: str) -> npt.NDArray[np.generic]:
        """A stored array, read-only."""
        row = self._connection.execute("SELECT dtype, shape, data FROM array WHERE name = ?", (name,)).fetchone()
        dtype, shape, data = row
        sizes = tuple(int(size) for size in shape.split(",") if size)
        return np.frombuffer(zlib.decompress(data), np.dtype(dtype)).reshape(sizes)

    def pack(self, name: str) -> SourceEntry | None:
        """Manifest entry of a loaded pack (`athena`, `snomed`), None if it is not loaded."""
        return next((entry for entry in self.sources if entry.kind == "pack" and entry.name == name), None)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def open_store(path: Path | None = None) -> Store:
    """Open a terminology file, building the shipped tables on first use.

    Parameters
    ----------
    path
        The file; default_path() if None. It is built if it does not exist.

    Raises
    ------
    ManifestMismatch
        The file was made by another version, or from other tables.
    TerminologyError
        It is no terminology file, or cannot be built.
    """
    found = default_path() if path is None else path
    if not found.is_file():
        from terminology.build import build

        build(found)
    return Store(found)


def _connect(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )
    except sqlite3.OperationalError as error:
        raise TerminologyError(f"cannot be opened: {error}", where=str(path), expected="a terminology file") from error
    return connection


def _manifest(connection: sqlite3.Connection, path: Path) -> dict[str, str]:
    try:
        return dict(connection.execute("SELECT key, value FROM manifest").fetchall())
    except sqlite3.DatabaseError as error:
        raise ManifestMismatch(
            f"no terminology file: {error}", where=str(path), expected="a file made by `python -m terminology.build`"
        ) from error


def _check(store: Store) -> None:
    from terminology.build import FORMAT, VERSION

    ours = {"format": FORMAT, "version": VERSION}
    for key, value in ours.items():
        if store.manifest.get(key) != value:
            raise ManifestMismatch(
                f"terminology {key} is {store.manifest.get(key)!r}",
                where=str(store.path),
                expected=f"{value!r}; {_REMEDY}",
            )
    found = {entry.name: entry.sha256 for entry in store.sources if entry.kind == "table"}
    for name in sorted(found.keys() | expected_digests().keys()):
        if found.get(name) != expected_digests().get(name):
            raise ManifestMismatch(
                f"table {name} has sha256 {found.get(name)}",
                where=str(store.path),
                expected=f"{expected_digests().get(name)}; {_REMEDY}",
            )


_REMEDY = "delete the file and load your packs again with `iccd terminology load`"

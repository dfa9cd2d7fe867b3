"""Packs: vocabularies that the user loads, because their licence lies with the user (OMOP from Athena, SNOMED CT).

The user's file is a build of the shipped tables plus the packs. It is written aside, synced and renamed, so a
broken download never replaces a good file; packs loaded before are carried over.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from terminology import build
from terminology.errors import ManifestMismatch, TerminologyError
from terminology.store import Store

# Tables of the built file that belong to each pack, with what marks the pack's own rows.
PACK_TABLES: dict[str, dict[str, str]] = {
    "athena": {"omop_concept": "source = 'athena'", "omop_relation": "1", "omop_descendant": "1"},
    "snomed": {"snomed": "1"},
}


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load found.

    Attributes
    ----------
    pack, version
        `athena` or `snomed`, and the release it names.
    rows
        Rows kept, by kind.
    warnings
        What is missing or odd; nothing was dropped without standing here.
    """

    pack: str
    version: str
    rows: dict[str, int]
    warnings: tuple[str, ...] = field(default=())


def digest(paths: Iterable[Path]) -> str:
    """Sha256 over the contents of files, in the order given."""
    total = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def install(
    path: Path, pack: str, fill: Callable[[sqlite3.Connection], LoadReport], files: Iterable[Path]
) -> LoadReport:
    """Write a new terminology file with a pack, carry over the others, and put it in place of the old one.

    Parameters
    ----------
    path
        The user's file; made if it does not exist.
    pack
        Name of the pack.
    fill
        Writes the pack's rows into the new file.
    files
        The files the pack was read from, for the manifest.

    Raises
    ------
    TerminologyError
        The file that is there was made by another version and holds other packs, or the folder cannot be written.
    """
    kept = _packs_to_keep(path, pack)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise TerminologyError(
            f"cannot be written: {error.strerror}", where=str(path.parent), expected="a folder that can be written"
        ) from error
    aside = Path(name)
    try:
        build.write(aside)
        report = _fill(aside, path, kept, pack, fill, digest(files))
        Store(aside).close()
        _sync(aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return report


def _packs_to_keep(path: Path, pack: str) -> tuple[str, ...]:
    """Other packs of the file that is there; one of another version may only be replaced if it has none."""
    if not path.is_file():
        return ()
    try:
        store = Store(path)
    except ManifestMismatch:
        if _pack_names(path) <= {pack}:
            return ()
        raise
    try:
        return tuple(entry.name for entry in store.sources if entry.kind == "pack" and entry.name != pack)
    finally:
        store.close()


def _pack_names(path: Path) -> set[str]:
    """Packs of a terminology file of any version; a pack of no name stands for what is no such file."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        return {name for (name,) in connection.execute("SELECT name FROM source WHERE kind = 'pack'")}
    except sqlite3.DatabaseError:
        return {""}
    finally:
        connection.close()


def _fill(
    aside: Path,
    old: Path,
    kept: tuple[str, ...],
    pack: str,
    fill: Callable[[sqlite3.Connection], LoadReport],
    sha256: str,
) -> LoadReport:
    connection = sqlite3.connect(aside, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=OFF")
        if kept:
            _carry_over(connection, old, kept)
        connection.execute("BEGIN")
        report = fill(connection)
        connection.execute(
            "INSERT INTO source VALUES (?, 'pack', ?, ?, ?)", (pack, report.version, sha256, sum(report.rows.values()))
        )
        connection.execute("COMMIT")
    finally:
        connection.close()
    return report


def _carry_over(connection: sqlite3.Connection, old: Path, kept: tuple[str, ...]) -> None:
    connection.execute("ATTACH ? AS old", (str(old),))
    connection.execute("BEGIN")
    for name in kept:
        connection.execute("INSERT INTO source SELECT * FROM old.source WHERE name = ? AND kind = 'pack'", (name,))
        for table, mine in PACK_TABLES[name].items():
            if table == "omop_concept":
                loaded = f"SELECT vocabulary FROM old.{table} WHERE {mine}"
                connection.execute(f"DELETE FROM {table} WHERE vocabulary IN ({loaded})")
            connection.execute(f"INSERT INTO {table} SELECT * FROM old.{table} WHERE {mine}")
    connection.execute("COMMIT")
    connection.execute("DETACH old")


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())

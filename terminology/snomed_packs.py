"""Loads SNOMED CT from what the user may use: an RF2 release, or a table of relations to ICD-O-3.

RF2: tab-separated, CRLF, no quoting, UTF-8; the Snapshot file of the simple map refsets, rows that are active and
belong to 446608001 |SNOMED CT to ICD-O simple map reference set|. The table has the columns snomed, morphology,
topography, equivalence.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from terminology.codes import IcdO, parse_icdo
from terminology.errors import LoadFailed, UnknownCode
from terminology.packs import LoadReport, install

ICD_O_MAP = "446608001"
_RF2_COLUMNS = ("id", "effectiveTime", "active", "moduleId", "refsetId", "referencedComponentId", "mapTarget")
_TABLE_COLUMNS = ("snomed", "morphology", "topography", "equivalence")
_SNAPSHOT = re.compile(r"der2_sRefset_SimpleMap(?:To)?\w*Snapshot\w*_(\d{8})\.txt", re.IGNORECASE)

_Line = tuple[int, dict[str, str]]
_Row = tuple[str, str, str, str, str, int]


def load_rf2(location: Path, path: Path) -> LoadReport:
    """Load the ICD-O map of a SNOMED CT release into the user's terminology file.

    A concept with one code that no other concept has is equal to it; one of several concepts with the same code is
    narrower; a concept with several codes is only related to them.

    Parameters
    ----------
    location
        Folder of an unpacked RF2 release.
    path
        The terminology file to write.

    Raises
    ------
    LoadFailed
        There is no Snapshot file of simple maps, it cannot be read, or it has no active row of the ICD-O map.
    """
    if not location.is_dir():
        raise LoadFailed("is no folder", where=str(location), expected="the folder of an unpacked RF2 release")
    files = sorted(file for file in location.rglob("*.txt") if _SNAPSHOT.fullmatch(file.name))
    if not files:
        raise LoadFailed(
            "has no Snapshot file of simple maps", where=str(location), expected="der2_sRefset_SimpleMapSnapshot_*.txt"
        )
    version = max(found[1] for file in files if (found := _SNAPSHOT.fullmatch(file.name)))
    targets = {
        (line["referencedComponentId"], line["mapTarget"])
        for file in files
        for _, line in _lines(file, _RF2_COLUMNS)
        if line["active"] == "1" and line["refsetId"] == ICD_O_MAP
    }
    if not targets:
        raise LoadFailed(f"has no active row of {ICD_O_MAP}", where=str(files[0]), expected="the map to ICD-O")
    return install(path, "snomed", lambda store: _fill(store, version, _rf2_rows(targets)), files)


def load_table(file: Path, path: Path) -> LoadReport:
    """Load a table of SNOMED CT relations to ICD-O-3; what it relates is never taken for equal.

    Raises
    ------
    LoadFailed
        The file is missing, or has not the columns snomed, morphology, topography, equivalence.
    """
    rows = [
        (line["snomed"], line["morphology"], line["topography"], line["equivalence"], file.stem, number)
        for number, line in _lines(file, _TABLE_COLUMNS)
    ]
    return install(path, "snomed", lambda store: _fill(store, file.stem, rows), [file])


def _lines(file: Path, needed: tuple[str, ...]) -> Iterator[_Line]:
    """Data lines of a tab-separated file with their numbers, from 1 after the header."""
    try:
        with file.open(encoding="utf-8-sig", newline=None) as text:
            columns = text.readline().rstrip("\n").split("\t")
            if missing := [name for name in needed if name not in columns]:
                raise LoadFailed(
                    f"has no column {', '.join(missing)}", where=f"{file}, line 1", expected=", ".join(needed)
                )
            for number, line in enumerate(text, 1):
                values = line.rstrip("\n").split("\t")
                if len(values) != len(columns):
                    raise LoadFailed(
                        f"has {len(values)} columns", where=f"{file}, line {number + 1}", expected=f"{len(columns)}"
                    )
                yield number, dict(zip(columns, values, strict=True))
    except (OSError, UnicodeDecodeError) as error:
        raise LoadFailed(f"cannot be read: {error}", where=str(file), expected="a tab-separated UTF-8 file") from error


def _rf2_rows(targets: set[tuple[str, str]]) -> list[_Row]:
    codes = Counter(concept for concept, _ in targets)
    concepts = Counter(target for _, target in targets)
    rows = []
    for number, (concept, target) in enumerate(sorted(targets), 1):
        one = "equal" if concepts[target] == 1 else "narrower"
        topography, morphology = ("", target) if target[:1].isdigit() or target[:1] == "M" else (target, "")
        rows.append((concept, morphology, topography, one if codes[concept] == 1 else "related", "snomed_rf2", number))
    return rows


def _fill(store: sqlite3.Connection, version: str, rows: Iterable[_Row]) -> LoadReport:
    good: list[_Row] = []
    odd: list[str] = []
    for row in rows:
        if _understood(row):
            good.append(row)
        else:
            odd.append(f"{row[1]} {row[2]}".strip())
    store.executemany("INSERT INTO snomed VALUES (?, ?, ?, ?, ?, ?)", good)
    warnings = (f"{len(odd)} rows name no code of ICD-O-3 and were left out, e.g. {', '.join(odd[:3])}",) if odd else ()
    return LoadReport("snomed", version, {"concepts": len({row[0] for row in good}), "rows": len(good)}, warnings)


def _understood(row: _Row) -> bool:
    """Whether a row names a morphology, a topography or both, each in its own column."""
    try:
        kinds = [
            (parse_icdo(text), column) for column, text in (("morphology", row[1]), ("topography", row[2])) if text
        ]
    except UnknownCode:
        return False
    return bool(kinds) and all(_is_a(icdo, column) for icdo, column in kinds)


def _is_a(icdo: IcdO, column: str) -> bool:
    return (icdo.topography is None) == (column == "morphology")

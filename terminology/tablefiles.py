"""Reads the tables of terminology/tables: UTF-8, tab-separated, header row, no quoting (see SOURCES.md)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

TABLES: tuple[str, ...] = (
    "iccc3_2005",
    "iccc3_2017",
    "iccc3_seer_who2008",
    "iccc3_groups",
    "icdo3_morphology",
    "icdo3_topography",
    "icdo3_site_type",
    "icdo3_icd10",
    "icdo3_ncit",
    "omop_concepts",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table; `number` counts from 1 after the header and is what answers cite."""

    number: int
    values: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.values[column]


SHIPPED = Path(__file__).parent / "tables"


def read_table(name: str, folder: Path = SHIPPED) -> list[Row]:
    """Rows of one table, in file order."""
    text = (folder / f"{name}.tsv").read_text(encoding="utf-8")
    header, *lines = text.splitlines()
    columns = header.split("\t")
    return [Row(i, dict(zip(columns, line.split("\t"), strict=True))) for i, line in enumerate(lines, 1)]


def table_digests(folder: Path = SHIPPED) -> dict[str, str]:
    """Sha256 of every table, as hexadecimal, by table name."""
    return {name: hashlib.sha256((folder / f"{name}.tsv").read_bytes()).hexdigest() for name in TABLES}

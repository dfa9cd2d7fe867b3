"""Which items a NAACCR version knows, and at which level each stands (NAACCR data dictionaries 18 to 26).

Facts only: ids, numbers, levels and versions, in items.tsv, made by build_items.py from the dictionaries. Registries
add items of their own by user dictionaries, which are read here too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

from gateway.safe_xml import read_elements, read_root

ROOT, PATIENT, TUMOR = "NaaccrData", "Patient", "Tumor"
NAMESPACE = "http://naaccr.org/naaccrxml"
VERSIONS = (160, 180, 210, 220, 230, 240, 250, 260)
OLDEST_LISTED = 180
"""Oldest version whose items the table lists completely."""
GROUPS: Mapping[str, str] = {
    "extentOfDisease10Dig": "779",
    "geolocationid19708090": "351",
    "geolocationid2000": "352",
    "geolocationid2010": "353",
    "geolocationid2020": "354",
    "morphIcdO1": "1970",
    "morphTypebehavIcdO2": "419",
    "morphTypebehavIcdO3": "521",
    "subsqRx2ndCourseCodes": "1670",
    "subsqRx3rdCourseCodes": "1690",
    "subsqRx4thCourseCodes": "1710",
}
"""naaccrId and naaccrNum of grouped items (GroupedItemDef): columns of the flat file that hold several items at once."""
LAST_WITH_GROUPS = 220
"""Newest version whose dictionary defines groups. In no version may a data file hold one: its parts stand there."""
COLUMNS = ("naaccrId", "naaccrNum", "level", "first", "last", "length")


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a dictionary.

    Attributes
    ----------
    name, number
        naaccrId and naaccrNum.
    level
        `NaaccrData`, `Patient` or `Tumor`: the element it must stand under.
    versions
        First and last version that has it there, of those listed.
    length
        Most characters of a value; None where the table does not say.
    """

    name: str
    number: str
    level: str
    versions: tuple[int, int]
    length: int | None


@dataclass(frozen=True, slots=True)
class ItemTable:
    """Items that one file may hold.

    Attributes
    ----------
    by_name
        naaccrId -> item.
    name_of_number
        naaccrNum -> naaccrId.
    complete
        Whether an item that is not here is unknown to the file's dictionaries.
    groups
        naaccrId -> naaccrNum of the groups that the version defines.
    """

    by_name: Mapping[str, Item]
    name_of_number: Mapping[str, str]
    complete: bool = True
    groups: Mapping[str, str] = field(default_factory=dict)
    user: frozenset[str] = field(default=frozenset())


@cache
def listed_items() -> tuple[Item, ...]:
    """All items of the table, in all listed versions."""
    text = (resources.files(__package__) / "items.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return tuple(_item(row) for row in rows if tuple(row) != COLUMNS)


def item_table(version: int, user: Iterable[Item] = ()) -> ItemTable:
    """Items of a version and of user dictionaries.

    Version 16 has no list of its own: items that 18 and later list are known, others cannot be told from unknown
    ones (`complete` is False).

    Parameters
    ----------
    version
        160 to 260.
    user
        Items of user dictionaries; they never replace those of the standard.
    """
    at = max(version, OLDEST_LISTED)
    standard = {item.name: item for item in listed_items() if item.versions[0] <= at <= item.versions[1]}
    added = {item.name: item for item in user if item.name not in standard}
    items = standard | added
    return ItemTable(
        by_name=items,
        name_of_number={item.number: item.name for item in reversed(items.values())},
        complete=version >= OLDEST_LISTED,
        groups=GROUPS if version <= LAST_WITH_GROUPS else {},
        user=frozenset(added),
    )


def read_dictionary(path: Path) -> tuple[str, tuple[Item, ...]]:
    """URI and items of a NAACCR dictionary file (base or user).

    Raises
    ------
    gateway.errors.BadFile
        Not a well-formed, safe XML file.
    """
    root = read_root(path)
    return root.attributes.get("dictionaryUri", ""), tuple(_defined(path))


def _defined(path: Path) -> Iterator[Item]:
    for found in read_elements(path, f"{{{NAMESPACE}}}ItemDef", depth=2):
        if found.element is not None:
            given = found.element.attrib
            length = str(given.get("length", ""))
            yield Item(
                name=str(given.get("naaccrId", "")),
                number=str(given.get("naaccrNum", "")),
                level=str(given.get("parentXmlElement", "")),
                versions=(VERSIONS[0], VERSIONS[-1]),
                length=int(length) if length.isdigit() and given.get("allowUnlimitedText") != "true" else None,
            )


def _item(row: list[str]) -> Item:
    name, number, level, first, last, length = row
    return Item(name, number, level, (int(first), int(last)), int(length) if length else None)

"""ICDO3: topographies, morphologies and both together as terms, with the editions that list them.

Editions of ICD-O-3: 3.0 (2000), 3.1 (2011), 3.2 (2019). A code of another edition, or a behaviour that no list
pairs with its morphology, is accepted and noted (matrix rule of ICD-O).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from types import MappingProxyType

import numpy as np

from terminology.axes import BEHAVIOURS, MORPHOLOGIES, TOPOGRAPHIES
from terminology.boxes import (
    BEHAVIOUR_INDEX,
    CELLS,
    MORPHOLOGY_INDEX,
    SHAPE,
    TOPOGRAPHY_INDEX,
    BoxSet,
    Mask,
    subsites,
)
from terminology.codes import CATEGORIES, IcdO, parse_icdo
from terminology.errors import UnknownSystem
from terminology.nouns import Concept, Cover, Meaning, SystemInfo
from terminology.rowtext import rows_text
from terminology.store import Store

EDITIONS: tuple[str, ...] = ("3.0", "3.1", "3.2")
_COLUMNS = {"3.0": "in_3_0", "3.1": "in_3_1", "3.2": "in_3_2"}
_LISTED = frozenset({"yes", "likely", "obsolete"})


class IcdO3:
    """ICD-O-3 as a code system."""

    name = "ICDO3"

    def __init__(self, store: Store) -> None:
        self._store = store

    def info(self) -> SystemInfo:
        """Title, version, editions and size."""
        size = sum(1 for _ in self.codes(None))
        title = "International Classification of Diseases for Oncology, third edition"
        return SystemInfo(self.name, title, EDITIONS[-1], EDITIONS, size)

    def meaning(self, code: str, edition: str | None) -> Meaning:
        """A topography alone means all morphologies there, a morphology alone all behaviours; exact."""
        wanted = edition_name(edition)
        icdo = parse_icdo(code)
        boxes = BoxSet.where(
            None if icdo.morphology is None else [icdo.morphology],
            None if icdo.topography is None else [icdo.topography],
            None if icdo.behaviour is None else [icdo.behaviour],
        )
        notes = self.notes(icdo, wanted)
        return Meaning(self.name, str(icdo), wanted or "", boxes, boxes, self._rows(icdo), notes=notes)

    def lookup(self, code: str, edition: str | None) -> Concept:
        """Editions, NCI Thesaurus or own name, and where it stands."""
        edition_name(edition)
        icdo = parse_icdo(code)
        names = [name for name in (self._morphology_name(icdo), self._topography_name(icdo)) if name]
        parts = 2 if icdo.morphology is not None and icdo.topography else 1
        name = " of ".join(names) if len(names) == parts else None
        return Concept(
            self.name, str(icdo), self.editions(icdo), name, _parents(icdo), self._properties(icdo), self._rows(icdo)
        )

    def editions(self, icdo: IcdO) -> tuple[str, ...]:
        """Editions whose list has the code; all three for a topography."""
        if icdo.morphology is None:
            return EDITIONS
        listed = self._listing(icdo)
        return tuple(e for e in EDITIONS if any(row[_COLUMNS[e]] in _LISTED for row in listed))

    def usual(self, icdo: IcdO) -> bool | None:
        """Whether the SEER site/type list (2015) has a tumour; None where a part is unsaid or its histology unlisted."""
        if icdo.morphology is None or icdo.behaviour is None or icdo.topography is None:
            return None
        sites = self._usual[MORPHOLOGY_INDEX[icdo.morphology], :, BEHAVIOUR_INDEX[icdo.behaviour]]
        if not sites.any():
            return None
        return bool(sites[[TOPOGRAPHY_INDEX[site] for site in subsites(icdo.topography)]].any())

    @cached_property
    def _usual(self) -> Mask:
        packed = self._store.array("icdo3_usual").view(np.uint8)
        return np.unpackbits(packed, count=CELLS, bitorder="little").view(np.bool_).reshape(SHAPE)

    def codes(self, edition: str | None) -> Iterator[str]:
        """Topographies with their categories, then morphologies with the behaviours that a list pairs with them."""
        wanted = edition_name(edition)
        yield from sorted([*TOPOGRAPHIES, *CATEGORIES])
        rows = self._store.texts("SELECT code, in_3_0, in_3_1, in_3_2 FROM icdo3_morphology ORDER BY number")
        for code, *flags in rows:
            if wanted is None or flags[EDITIONS.index(wanted)] in _LISTED:
                yield code

    def descendants(self, code: str, edition: str | None) -> frozenset[str]:
        """Subsites of a category, listed behaviours of a morphology."""
        edition_name(edition)
        icdo = parse_icdo(code)
        if icdo.morphology is None and icdo.topography:
            return frozenset({str(icdo), *subsites(icdo.topography)})
        if icdo.topography is None and icdo.behaviour is None:
            return frozenset({str(icdo), *(row["code"] for row in self._listing(icdo))})
        return frozenset({str(icdo)})

    def cover(self, boxes: BoxSet, edition: str | None) -> Cover:
        """Topographies, morphologies and, where neither alone will do, pairs of both."""
        del edition
        mask = boxes.mask()
        sites: Mask = np.asarray(mask.any(axis=(0, 2)))
        kinds: Mask = np.asarray(mask.any(axis=1))
        all_sites: Mask = np.asarray(mask.all(axis=(0, 2)))
        all_kinds: Mask = np.asarray(mask.all(axis=1))
        possible = {TOPOGRAPHIES[t] for t in np.flatnonzero(sites)} | {_pair(m, b) for m, b in np.argwhere(kinds)}
        certain = {TOPOGRAPHIES[t] for t in np.flatnonzero(all_sites)} | {
            _pair(m, b) for m, b in np.argwhere(all_kinds)
        }
        rest = mask & ~all_sites.reshape(1, -1, 1) & ~all_kinds.reshape(len(MORPHOLOGIES), 1, -1)
        pairs = {f"{_pair(m, b)}-{TOPOGRAPHIES[t]}" for m, t, b in np.argwhere(rest)}
        return Cover(
            self.name, frozenset(certain | pairs), frozenset(possible | pairs), BoxSet.empty(), "icdo3_morphology"
        )

    def _listing(self, icdo: IcdO) -> list[dict[str, str]]:
        rows = self._lists.get(icdo.morphology or 0, [])
        return [row for row in rows if icdo.behaviour is None or row["code"][-1] == str(icdo.behaviour)]

    @cached_property
    def _lists(self) -> dict[int, list[dict[str, str]]]:
        """Rows of the lists by morphology."""
        columns = "code, in_3_0, in_3_1, in_3_2, in_us_list, us_first_year, in_iarc_check, number"
        found: dict[int, list[dict[str, str]]] = {}
        for row in self._store.texts(f"SELECT {columns} FROM icdo3_morphology ORDER BY code"):
            found.setdefault(int(row[0][:4]), []).append(dict(zip(columns.split(", "), row, strict=True)))
        return found

    def notes(self, icdo: IcdO, edition: str | None) -> tuple[str, ...]:
        """What to know of a code that is in no list, or not in that of an edition."""
        if icdo.morphology is None:
            return ()
        histology = str(IcdO(None, icdo.morphology, icdo.behaviour))
        editions = self.editions(icdo)
        if not editions:
            if icdo.behaviour is None or not self._listing(icdo):
                return (f"{histology} is in no list of ICD-O-3 editions 3.0 to 3.2; accepted by the matrix rule",)
            return (f"{histology} is in the US list only, not in ICD-O-3 editions 3.0 to 3.2",)
        if edition and edition not in editions:
            return (f"{histology} is not in ICD-O-{edition}; it is in {', '.join(editions)}",)
        return ()

    def _rows(self, icdo: IcdO) -> str:
        cited = []
        if icdo.morphology is not None:
            cited.append(rows_text("icdo3_morphology", [int(row["number"]) for row in self._listing(icdo)]))
        if icdo.topography:
            sites = subsites(icdo.topography)
            cited.append(rows_text("icdo3_topography", [TOPOGRAPHIES.index(site) + 1 for site in sites]))
        return "; ".join(text for text in cited if text)

    def _properties(self, icdo: IcdO) -> MappingProxyType[str, str]:
        facts: dict[str, str] = {}
        if icdo.topography:
            facts["topography"] = icdo.topography
        if icdo.morphology is not None:
            facts["morphology"] = str(icdo.morphology)
            listed = self._listing(icdo)
            facts["behaviours"] = ",".join(row["code"][-1] for row in listed)
            if icdo.behaviour is not None and listed:
                facts |= {
                    key: listed[0][key] for key in (*_COLUMNS.values(), "in_us_list", "us_first_year", "in_iarc_check")
                }
        if icdo.behaviour is not None:
            facts["behaviour"] = str(icdo.behaviour)
        return MappingProxyType({key: value for key, value in facts.items() if value})

    def _morphology_name(self, icdo: IcdO) -> str | None:
        if icdo.morphology is None or icdo.behaviour is None:
            return None
        return self._ncit_name("morphology", f"{icdo.morphology}/{icdo.behaviour}")

    def _topography_name(self, icdo: IcdO) -> str | None:
        if icdo.topography is None:
            return None
        own = self._store.texts(
            "SELECT parent_label FROM icdo3_topography WHERE code = ?", (subsites(icdo.topography)[0],)
        )[0][0]
        return own if icdo.topography in CATEGORIES else self._ncit_name("topography", icdo.topography) or own

    def _ncit_name(self, axis: str, code: str) -> str | None:
        rows = self._store.texts(
            f"SELECT label FROM ncit WHERE axis = ? AND {axis} = ? AND term_type = 'preferred' AND label <> ''"
            " ORDER BY number",
            (axis, code),
        )
        return rows[0][0] if rows else None


def _pair(m: int, b: int) -> str:
    return f"{MORPHOLOGIES[m]}/{BEHAVIOURS[b]}"


def edition_name(edition: str | None) -> str | None:
    """`3.0`, `3.1` or `3.2`, None if none is asked for; raises UnknownSystem."""
    name = None if edition is None else edition.strip()
    if name is not None and name not in EDITIONS:
        raise UnknownSystem(f"ICDO3 has no edition {edition!r}", expected=", ".join(EDITIONS))
    return name


def _parents(icdo: IcdO) -> tuple[str, ...]:
    if icdo.topography and icdo.morphology is not None:
        return str(IcdO(None, icdo.morphology, icdo.behaviour)), icdo.topography
    if icdo.topography and icdo.topography not in CATEGORIES:
        return (icdo.topography[:3],)
    return (str(icdo.morphology),) if icdo.behaviour is not None else ()

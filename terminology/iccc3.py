"""ICCC-3: groups, leaves and the classification of tumours, in three editions.

Steliarova-Foucher et al., Cancer 2005;103:1457-67 (2005); SEER's WHO-2008 recode; IARC 2017 update with the
morphologies SEER added in 2023. A tumour has one leaf, or none: leaf 0 is an ordinary outcome.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from terminology.boxes import BEHAVIOUR_POSITION, MORPHOLOGY_POSITION, SHAPE, BoxSet, grid_slices
from terminology.codes import IcdO
from terminology.errors import UnknownCode, UnknownSystem
from terminology.nouns import Group, Leaf
from terminology.store import Store

EDITIONS: tuple[str, ...] = ("2005", "who2008", "2017")
DEFAULT_EDITION = "2017"
NO_GROUP = Leaf(0, "", "", "", "999")

_ALIASES = {"2008": "who2008", "who 2008": "who2008", "who-2008": "who2008", "seer-who2008": "who2008"}
_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
_NOTATION = re.compile(
    r"(?P<main>[IVX]+|[1-9]\d?)(?:[.(]*(?P<letter>[A-F])[.)]*(?:\(?(?P<division>\d{1,2})\)?)?\)?)?", re.ASCII
)
EXPECTED = "an ICCC-3 group as IV, IV(a) or I(a).1; numbers as SEER:041 or SEEREXT:033"


def edition_name(edition: str | None) -> str:
    """`2005`, `who2008` or `2017` from what people write; None is 2017. Raises UnknownSystem."""
    name = (edition or DEFAULT_EDITION).strip().lower()
    name = _ALIASES.get(name, name)
    if name not in EDITIONS:
        raise UnknownSystem(f"ICCC3 has no edition {edition!r}", expected=", ".join(EDITIONS))
    return name


def parse_group(text: str) -> str:
    """Read a group in any notation (`IV(a)`, `IVa`, `IV.a`, `IV a`, `4a`, `IIb.2`) into `IV(a)`; raises UnknownCode.

    The group need not exist. An Arabic main group needs its letter: a number alone is not told from a recode.
    """
    compact = "".join(text.upper().split())
    found = _NOTATION.fullmatch(compact)
    if found is None or (found["main"].isdigit() and not found["letter"]):
        raise UnknownCode("ICCC3", text, EXPECTED)
    main = _roman(found["main"], text)
    group = f"{main}({found['letter'].lower()})" if found["letter"] else main
    return f"{group}.{int(found['division'])}" if found["division"] else group


def _roman(main: str, text: str) -> str:
    if main in _ROMAN:
        return main
    if main.isdigit() and int(main) <= len(_ROMAN):
        return _ROMAN[int(main) - 1]
    raise UnknownCode("ICCC3", text, EXPECTED)


class Edition:
    """One edition: its headings, its leaves and the leaf of every tumour."""

    def __init__(self, store: Store, name: str) -> None:
        self.name = name
        self._store = store
        found = store.query(
            "SELECT number, main, site_group, extended, seer_recode FROM iccc3_leaf WHERE edition = ? ORDER BY number",
            (name,),
        )
        self.leaves: tuple[Leaf, ...] = (NO_GROUP, *(Leaf(*row) for row in found))
        headings = store.texts(
            "SELECT code, level, parent, label, seer_recode, rows FROM iccc3_group WHERE edition = ? ORDER BY position",
            (name,),
        )
        self.groups: dict[str, Group] = {row[0]: self._group(*row) for row in headings}
        self._boxes = lru_cache(maxsize=64)(self._box_set)

    def _group(self, code: str, level: str, parent: str, label: str, seer_recode: str, rows: str) -> Group:
        below = frozenset(leaf.number for leaf in self.leaves if code in (leaf.main, leaf.group, leaf.extended))
        return Group(code, level, parent, label, seer_recode, below, rows)

    @cached_property
    def grid(self) -> npt.NDArray[np.uint8]:
        """Leaf number of every cell, shape SHAPE."""
        return self._store.array(f"iccc3_{self.name}").view(np.uint8)

    def boxes(self, leaves: Iterable[int]) -> BoxSet:
        """The tumours in some of the leaves."""
        return self._boxes(frozenset(leaves))

    def _box_set(self, leaves: frozenset[int]) -> BoxSet:
        wanted = np.zeros(256, np.bool_)
        wanted[list(leaves)] = True
        return BoxSet.from_mask(wanted[self.grid])

    def met(self, boxes: BoxSet) -> tuple[frozenset[int], frozenset[int]]:
        """Leaves whose tumours are all in a set, and leaves that have some there; leaf 0 is one of them."""
        total = np.bincount(self.grid.reshape(-1), minlength=256)
        inside = np.bincount(self.grid[boxes.mask()], minlength=256)
        whole = np.flatnonzero((inside == total) & (total > 0)).tolist()
        return frozenset(whole), frozenset(np.flatnonzero(inside).tolist())

    def classify(
        self, morphology: npt.ArrayLike, topography: npt.ArrayLike, behaviour: npt.ArrayLike
    ) -> npt.NDArray[np.int16]:
        """Leaf numbers of a table of tumours, see Terminology.classify."""
        m = _positions(MORPHOLOGY_POSITION, morphology)
        b = _positions(BEHAVIOUR_POSITION, behaviour)
        t = np.asarray(topography, np.int32)
        known = (m >= 0) & (t >= 0) & (t < SHAPE[1]) & (b >= 0)
        cell = (m * SHAPE[1] + t) * SHAPE[2] + b
        return np.where(known, self.grid.reshape(-1)[np.where(known, cell, 0)], 0).astype(np.int16)

    def possible_leaves(self, icdo: IcdO) -> tuple[Leaf, ...]:
        """Leaves that a tumour can have of which only these parts are known, by number."""
        cells = self.grid[grid_slices(icdo.morphology, icdo.topography, icdo.behaviour)]
        return tuple(self.leaves[n] for n in np.unique(cells).tolist())


def _positions(table: npt.NDArray[np.int16], codes: npt.ArrayLike) -> npt.NDArray[np.int32]:
    array = np.asarray(codes)
    valid = (array >= 0) & (array < len(table))
    return np.where(valid, table[np.where(valid, array, 0).astype(np.intp)], -1).astype(np.int32)

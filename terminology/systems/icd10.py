"""ICD10 and ICD10CM: the tumours that SEER's conversion of ICD-O-3 puts into each code.

WHO's ICD-10 of 2010 and later, and ICD-10-CM, are two systems: C91.Z0 and C4A exist only in the latter. A
category (`C71`, `C71.-`) means all codes below it. A code deeper than the map is read as part of the nearest one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from terminology.boxes import CELLS, SHAPE, BoxSet
from terminology.errors import UnknownCode, UnknownSystem, Unmatched
from terminology.nouns import Concept, Cover, Meaning, Overlap, SystemInfo
from terminology.rowtext import rows_text
from terminology.store import Store

TITLES = {
    "ICD10": "International Classification of Diseases, tenth revision (WHO, 2010 and later)",
    "ICD10CM": "International Classification of Diseases, tenth revision, clinical modification (US)",
}
_SUBDIVISION = {"ICD10": r"\d{1,2}", "ICD10CM": r"[0-9A-Z]{1,4}"}
_EXPECTED = {
    "ICD10": "a letter and two digits, with a subdivision or not: C74, C74.-, C74.9, C749",
    "ICD10CM": "a letter and two characters, with a subdivision or not: C74, C74.-, C74.90, C7490",
}


class Icd10:
    """ICD-10 (WHO) or ICD-10-CM."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self.name = name
        self._notation = re.compile(rf"([A-Z]\d[0-9A-Z])(?:\.?({_SUBDIVISION[name]}))?(?:\.?-)?", re.ASCII)

    def info(self) -> SystemInfo:
        """Title, version and size."""
        return SystemInfo(self.name, TITLES[self.name], "SEER conversion of ICD-O-3", (), len(self._below))

    def parse(self, code: str) -> str:
        """`C74.9` or `C74` from `c749`, `C74.-`; raises UnknownCode."""
        found = self._notation.fullmatch("".join(code.upper().split()))
        if found is None:
            raise UnknownCode(self.name, code, _EXPECTED[self.name])
        return f"{found[1]}.{found[2]}" if found[2] else found[1]

    @cached_property
    def _codes(self) -> dict[str, tuple[int, list[int]]]:
        rows = self._store.query("SELECT code, number, row_numbers FROM icd10_code WHERE system = ?", (self.name,))
        return {str(code): (n, [int(i) for i in str(numbers).split(",")]) for code, n, numbers in rows}

    @cached_property
    def _below(self) -> dict[str, list[str]]:
        """Codes of the map at or below each code or category."""
        below: dict[str, list[str]] = {}
        for code in sorted(self._codes):
            for end in range(3, len(code) + 1):
                if code[end - 1] != ".":
                    below.setdefault(code[:end], []).append(code)
        return below

    @cached_property
    def _map(self) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.bool_]]:
        code = self._store.array(f"{self.name}_code").view(np.int16)
        sure = np.unpackbits(self._store.array(f"{self.name}_sure").view(np.uint8), count=CELLS, bitorder="little")
        return code, sure.view(np.bool_).reshape(SHAPE)

    @cached_property
    def _extra(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int16]]:
        cells = self._store.array(f"{self.name}_extra_cell").view(np.int32)
        return cells, self._store.array(f"{self.name}_extra_code").view(np.int16)

    @cached_property
    def _numbers(self) -> dict[str, npt.NDArray[np.intp]]:
        """Numbers of the codes at or below each code or category."""
        return {
            code: np.array([self._codes[member][0] for member in members], np.intp)
            for code, members in self._below.items()
        }

    def _more(self, numbers: npt.NDArray[np.intp]) -> npt.NDArray[np.int32]:
        """Cells that some codes may hold together beside those that the map gives them first."""
        cells, extra = self._extra
        more = np.unique(cells[np.isin(extra, numbers)])
        return more[~np.isin(self._map[0].reshape(-1)[more], numbers)]

    def overlaps(self, source: Meaning) -> Iterator[Overlap]:
        """Every code and category that shares a tumour with a source, by counts over the grid; see CountsOverlaps."""
        code, sure = (each.reshape(-1) for each in self._map)
        outer, inner = source.boxes.mask().reshape(-1), source.certain.mask().reshape(-1)
        size = len(self._codes) + 1
        held, certain, shared, in_certain, certain_shared = (
            np.bincount(code if cells is None else code[cells], minlength=size)
            for cells in (None, sure, outer, inner, outer & sure)
        )
        with_more = np.bincount(self._extra[1], minlength=size) > 0
        for name in sorted(self._below):
            numbers = self._numbers[name]
            more = self._more(numbers) if with_more[numbers].any() else np.empty(0, np.int32)
            met = int(shared[numbers].sum()) + int(np.count_nonzero(outer[more]))
            if met:
                yield Overlap(
                    code=name,
                    rows=rows_text("icdo3_icd10", (n for each in self._below[name] for n in self._codes[each][1])),
                    size=int(held[numbers].sum()) + len(more),
                    certain=int(certain[numbers].sum()),
                    shared=met,
                    in_certain=int(in_certain[numbers].sum()) + int(np.count_nonzero(inner[more])),
                    certain_shared=int(certain_shared[numbers].sum()),
                )

    def _nearest(self, code: str) -> str:
        """The code itself, or the nearest one above it that the map has; '' for none."""
        while len(code) >= 3 and code not in self._below:
            code = code[:-1].rstrip(".")
        return code if len(code) >= 3 else ""

    def meaning(self, code: str, edition: str | None) -> Meaning:
        """The tumours in a code or category; inexact where the map leaves a choice."""
        self._refuse_edition(edition)
        parsed = self.parse(code)
        nearest = self._nearest(parsed)
        if not nearest:
            raise Unmatched(self.name, parsed, "a code of the neoplasm chapters that the SEER conversion reaches")
        members = self._below[nearest]
        outer, certain = self._boxes([self._codes[member][0] for member in members])
        notes: tuple[str, ...] = ()
        if nearest != parsed:
            certain = BoxSet.empty()
            notes = (f"the map stops at {nearest}; {parsed} is read as part of it",)
        elif certain != outer:
            notes = (f"{len(outer) - len(certain)} of {len(outer)} combinations are only possibly coded {parsed}",)
        rows = rows_text("icdo3_icd10", (n for member in members for n in self._codes[member][1]))
        return Meaning(self.name, parsed, "", outer, certain, rows, exact=outer == certain, notes=notes)

    def _refuse_edition(self, edition: str | None) -> None:
        if edition is not None:
            raise UnknownSystem(f"{self.name} is here in one edition only, not {edition!r}", expected="no edition")

    def _boxes(self, numbers: list[int]) -> tuple[BoxSet, BoxSet]:
        code, sure = self._map
        wanted = np.zeros(len(self._codes) + 1, np.bool_)
        wanted[numbers] = True
        mask = wanted[code]
        certain = BoxSet.from_mask(mask & sure)
        cells, extra = self._extra
        mask.reshape(-1)[cells[wanted[extra]]] = True
        return BoxSet.from_mask(mask), certain

    def grid(self) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.bool_], tuple[str, ...]]:
        """Number of every cell's code, whether the cell has it for certain, and the codes by number ('' for none)."""
        names = [""] * (len(self._codes) + 1)
        for code, (number, _) in self._codes.items():
            names[number] = code
        numbers, sure = self._map
        return numbers, sure, tuple(names)

    def lookup(self, code: str, edition: str | None) -> Concept:
        """Where a code stands; titles of ICD-10 are WHO's and are not shown."""
        self._refuse_edition(edition)
        parsed = self.parse(code)
        nearest = self._nearest(parsed)
        parent = self._nearest(parsed[:-1].rstrip(".")) if len(parsed) > 3 else ""
        mapped = "yes" if nearest == parsed else "part" if nearest else "no"
        rows = [n for member in self._below.get(nearest, []) for n in self._codes[member][1]]
        return Concept(
            self.name,
            parsed,
            (),
            None,
            (parent,) if parent else (),
            MappingProxyType({"mapped": mapped}),
            rows_text("icdo3_icd10", rows),
        )

    def codes(self, edition: str | None) -> Iterator[str]:
        """All codes and categories that the map reaches."""
        self._refuse_edition(edition)
        return iter(sorted(self._below))

    def descendants(self, code: str, edition: str | None) -> frozenset[str]:
        """The code and all known codes below it."""
        self._refuse_edition(edition)
        parsed = self.parse(code)
        return frozenset({parsed, *(other for other in self._below if other.startswith(parsed))})

    def cover(self, boxes: BoxSet, edition: str | None) -> Cover:
        """Codes and categories inside a set of tumours, and those that overlap it, in one pass over the grid."""
        self._refuse_edition(edition)
        code, _ = self._map
        cells, extra = self._extra
        mask = boxes.mask()
        size = len(self._codes) + 1
        total = np.bincount(code.reshape(-1), minlength=size) + np.bincount(extra, minlength=size)
        met = extra[mask.reshape(-1)[cells]]
        inside = np.bincount(code[mask], minlength=size) + np.bincount(met, minlength=size)
        numbers = {name: [self._codes[member][0] for member in members] for name, members in self._below.items()}
        possible = frozenset(name for name, members in numbers.items() if inside[members].any())
        certain = frozenset(name for name in possible if (inside[numbers[name]] == total[numbers[name]]).all())
        unmatched = BoxSet.from_mask(mask & (code == 0))
        return Cover(self.name, certain, possible, unmatched, "icdo3_icd10")

"""Codes whose maps name ICD-O-3 codes: what they mean, and which of them lie inside a set of tumours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from terminology.boxes import BEHAVIOUR_INDEX, MORPHOLOGY_INDEX, SHAPE, TOPOGRAPHY_INDEX, BoxSet, grid_slices
from terminology.codes import IcdO
from terminology.nouns import Cover


def boxes_of(icdos: Iterable[IcdO]) -> BoxSet:
    """Union of what ICD-O-3 codes mean; a part that is not said is any."""
    found = BoxSet.empty()
    for icdo in icdos:
        found |= BoxSet.where(
            None if icdo.morphology is None else [icdo.morphology],
            None if icdo.topography is None else [icdo.topography],
            None if icdo.behaviour is None else [icdo.behaviour],
        )
    return found


class PatternIndex:
    """Codes that mean unions of ICD-O-3 codes, ready to be covered: single tumours as one array, the rest one by one."""

    def __init__(self, codes: Mapping[str, tuple[IcdO, ...]]) -> None:
        self._singles: list[str] = []
        self._unions: dict[str, tuple[IcdO, ...]] = {}
        cells: list[int] = []
        for code, icdos in codes.items():
            cell = _cell(icdos[0]) if len(icdos) == 1 else None
            if cell is None:
                self._unions[code] = icdos
            else:
                self._singles.append(code)
                cells.append(cell)
        self._cells = np.array(cells, np.intp)

    def cover(self, system: str, boxes: BoxSet, rows: str) -> Cover:
        """How the codes stand to a set of tumours."""
        mask = boxes.mask()
        met = mask.reshape(-1)[self._cells]
        singles = {self._singles[i] for i in np.flatnonzero(met)}
        covered = np.zeros_like(mask)
        covered.reshape(-1)[self._cells[met]] = True
        certain, possible = set(singles), set(singles)
        for code, icdos in self._unions.items():
            places = [grid_slices(icdo.morphology, icdo.topography, icdo.behaviour) for icdo in icdos]
            if any(mask[place].any() for place in places):
                possible.add(code)
                for place in places:
                    covered[place] = True
                if all(mask[place].all() for place in places):
                    certain.add(code)
        return Cover(system, frozenset(certain), frozenset(possible), BoxSet.from_mask(mask & ~covered), rows)


def _cell(icdo: IcdO) -> int | None:
    """Flat position of a single tumour, None for a code that means several."""
    if icdo.morphology is None or icdo.behaviour is None or icdo.topography not in TOPOGRAPHY_INDEX:
        return None
    at = (MORPHOLOGY_INDEX[icdo.morphology], TOPOGRAPHY_INDEX[icdo.topography], BEHAVIOUR_INDEX[icdo.behaviour])
    return (at[0] * SHAPE[1] + at[1]) * SHAPE[2] + at[2]

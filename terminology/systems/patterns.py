"""Codes whose maps name ICD-O-3 codes: what they mean, and which of them lie inside a set of tumours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from terminology.boxes import BoxSet, Mask, grid_slices
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


def cover_of(system: str, boxes: BoxSet, codes: Mapping[str, tuple[IcdO, ...]], rows: str) -> Cover:
    """Cover of a set by codes that mean unions of ICD-O-3 codes."""
    mask = boxes.mask()
    certain, possible = set(), set()
    covered: set[IcdO] = set()
    for code, icdos in codes.items():
        cells = [mask[grid_slices(icdo.morphology, icdo.topography, icdo.behaviour)] for icdo in icdos]
        if any(part.any() for part in cells):
            possible.add(code)
            covered.update(icdos)
            if all(part.all() for part in cells):
                certain.add(code)
    return Cover(system, frozenset(certain), frozenset(possible), boxes - _union(mask, covered), rows)


def _union(like: Mask, icdos: set[IcdO]) -> BoxSet:
    mask = like & False
    for icdo in icdos:
        mask[grid_slices(icdo.morphology, icdo.topography, icdo.behaviour)] = True
    return BoxSet.from_mask(mask)

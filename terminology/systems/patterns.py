"""Codes whose maps name ICD-O-3 codes: what they mean, and which of them lie inside a set of tumours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from terminology.boxes import BEHAVIOUR_INDEX, MORPHOLOGY_INDEX, TOPOGRAPHY_INDEX, BoxSet, Mask, subsites
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
        cells = [mask[_at(icdo)] for icdo in icdos]
        if any(part.any() for part in cells):
            possible.add(code)
            covered.update(icdos)
            if all(part.all() for part in cells):
                certain.add(code)
    return Cover(system, frozenset(certain), frozenset(possible), boxes - _union(mask, covered), rows)


def _union(like: Mask, icdos: set[IcdO]) -> BoxSet:
    mask = like & False
    for icdo in icdos:
        mask[_at(icdo)] = True
    return BoxSet.from_mask(mask)


def _at(icdo: IcdO) -> tuple[slice, slice, slice]:
    """Where a code stands in a mask; the subsites of a category are neighbours on the axis."""
    return (
        slice(None) if icdo.morphology is None else _one(MORPHOLOGY_INDEX[icdo.morphology]),
        slice(None) if icdo.topography is None else _span([TOPOGRAPHY_INDEX[t] for t in subsites(icdo.topography)]),
        slice(None) if icdo.behaviour is None else _one(BEHAVIOUR_INDEX[icdo.behaviour]),
    )


def _one(position: int) -> slice:
    return slice(position, position + 1)


def _span(positions: list[int]) -> slice:
    return slice(positions[0], positions[-1] + 1)

"""Meanings as sorted cell numbers: small for the thousands of single tumours that a database records.

Cell (morphology, topography, behaviour) has the number of its bit in terminology.BoxSet. None stands for a tumour of
which nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.model.case import Diagnosis
from gateway.model.fields import UNCLASSIFIED, UNKNOWN_LABEL
from gateway.model.values import Absent, Truth
from gateway.sources.meaning import group_boxes
from terminology import BEHAVIOURS, MORPHOLOGIES, TOPOGRAPHIES, BoxSet, IcdO, Terminology

Cells: TypeAlias = npt.NDArray[np.int32]

SHAPE = (len(MORPHOLOGIES), len(TOPOGRAPHIES), len(BEHAVIOURS))
CELLS = SHAPE[0] * SHAPE[1] * SHAPE[2]
QUESTIONS_KEPT = 32
"""Sets of tumours asked for whose outcomes are kept: a recorded ICD-10 code means thousands of cells."""

_MORPHOLOGY = {code: i for i, code in enumerate(MORPHOLOGIES)}
_BEHAVIOUR = {code: i for i, code in enumerate(BEHAVIOURS)}


@lru_cache(maxsize=16384)
def cells_of_code(code: IcdO) -> Cells:
    """All cells of an ICD-O-3 code; an axis that it does not say leaves all its codes open."""
    morphologies = range(SHAPE[0]) if code.morphology is None else (_MORPHOLOGY[code.morphology],)
    behaviours = range(SHAPE[2]) if code.behaviour is None else (_BEHAVIOUR[code.behaviour],)
    return cells_of_axes(morphologies, _sites(code.topography), behaviours)


def cells_of_axes(morphologies: Iterable[int], topographies: Iterable[int], behaviours: Iterable[int]) -> Cells:
    """Product of positions on the three axes."""
    grid = np.ix_(*(np.fromiter(axis, np.int32) for axis in (morphologies, topographies, behaviours)))
    return np.sort(np.ravel_multi_index(np.broadcast_arrays(*grid), SHAPE).reshape(-1).astype(np.int32))


def cells_of_boxes(boxes: BoxSet) -> Cells:
    """Cells of a box set."""
    return np.flatnonzero(boxes.mask()).astype(np.int32)


def boxes_of_cells(cells: Cells) -> BoxSet:
    """Box set of cells."""
    mask = np.zeros(CELLS, np.bool_)
    mask[cells] = True
    return BoxSet.from_mask(mask.reshape(SHAPE))


def cells_of_codes(codes: Iterable[IcdO]) -> Cells:
    """Union of the cells of several codes."""
    return np.unique(np.concatenate([cells_of_code(code) for code in codes]))


def cells_of_histologies_and_sites(histologies: Sequence[IcdO], sites: Sequence[IcdO]) -> Cells:
    """Tumours with one of these histologies at one of these sites; an empty list leaves its axis open."""
    topographies = sorted({site for code in sites for site in _sites(code.topography)}) or range(SHAPE[1])
    pairs = sorted({(_MORPHOLOGY[c.morphology], c.behaviour) for c in histologies if c.morphology is not None})
    if not pairs:
        return cells_of_axes(range(SHAPE[0]), topographies, range(SHAPE[2]))
    parts = [cells_of_axes((m,), topographies, range(SHAPE[2]) if b is None else (_BEHAVIOUR[b],)) for m, b in pairs]
    return np.unique(np.concatenate(parts))


def diagnosis_of_cells(cells: Cells) -> Diagnosis:
    """The narrowest recorded diagnosis that holds all cells: each axis if it has one code (a site also by category)."""
    morphologies, topographies, behaviours = (np.unique(axis) for axis in np.unravel_index(cells, SHAPE))
    sites = [TOPOGRAPHIES[i] for i in topographies.tolist()]
    categories = {site[:3] for site in sites}
    site: str | Absent = Absent.UNKNOWN
    if len(categories) == 1:
        site = sites[0] if len(sites) == 1 else categories.pop()
    return Diagnosis(
        topography=site,
        morphology=MORPHOLOGIES[morphologies[0]] if len(morphologies) == 1 else Absent.UNKNOWN,
        behaviour=BEHAVIOURS[behaviours[0]] if len(behaviours) == 1 else Absent.UNKNOWN,
    )


class Meanings:
    """Many meanings side by side, compared with a question at once.

    Parameters
    ----------
    all_cells
        Cells of each meaning, never empty; None where nothing is known.
    """

    def __init__(self, all_cells: Sequence[Cells | None]) -> None:
        known = [(i, cells) for i, cells in enumerate(all_cells) if cells is not None]
        self._size = len(all_cells)
        self._known = np.array([i for i, _ in known], np.int64)
        self._sizes = np.array([len(cells) for _, cells in known], np.int64)
        self._flat = np.concatenate([cells for _, cells in known]) if known else np.zeros(0, np.int32)
        self._starts = np.cumsum(self._sizes) - self._sizes

    def outcomes(self, certain: BoxSet, possible: BoxSet) -> npt.NDArray[np.int8]:
        """Truth of each meaning: YES inside `certain`, POSSIBLE where it overlaps `possible`, else NO. Read-only."""
        return _outcomes(self, certain, possible)

    def compare(self, certain: BoxSet, possible: BoxSet) -> npt.NDArray[np.int8]:
        """As `outcomes`, each time anew."""
        unknown = Truth.YES if len(certain) == CELLS else Truth.POSSIBLE if possible else Truth.NO
        found = np.full(self._size, unknown, np.int8)
        if len(self._known):
            inside = self._hits(certain) == self._sizes
            touching = self._hits(possible) > 0
            found[self._known] = np.where(inside, Truth.YES, np.where(touching, Truth.POSSIBLE, Truth.NO))
        return found

    def groups(self, dimension: str, edition: str, terminology: Terminology) -> list[tuple[str, ...]]:
        """ICCC-3 labels that each meaning may have, in the order of the classification."""
        names, numbers = _group_of_cell(dimension, edition, terminology)
        labels: list[tuple[str, ...]] = [(UNKNOWN_LABEL,)] * self._size
        groups = numbers[self._flat]
        for i, start, size in zip(self._known.tolist(), self._starts.tolist(), self._sizes.tolist(), strict=True):
            found = groups[start : start + size]
            labels[i] = tuple(names[number] for number in (found if size == 1 else np.unique(found)))
        return labels

    def _hits(self, boxes: BoxSet) -> npt.NDArray[np.int64]:
        inside = boxes.mask().reshape(-1)[self._flat]
        return np.add.reduceat(inside, self._starts, dtype=np.int64)


@lru_cache(maxsize=QUESTIONS_KEPT)
def _outcomes(meanings: Meanings, certain: BoxSet, possible: BoxSet) -> npt.NDArray[np.int8]:
    found = meanings.compare(certain, possible)
    found.flags.writeable = False
    return found


@lru_cache(maxsize=8)
def _group_of_cell(
    dimension: str, edition: str, terminology: Terminology
) -> tuple[tuple[str, ...], npt.NDArray[np.int16]]:
    """Names of groups in order, `unclassified` last, and the number of the group of each cell."""
    groups = group_boxes(dimension, edition, terminology)
    numbers = np.full(CELLS, len(groups), np.int16)
    for number, (_, boxes) in enumerate(groups):
        numbers[boxes.mask().reshape(-1)] = number
    return (*(code for code, _ in groups), UNCLASSIFIED), numbers


def _sites(topography: str | None) -> list[int]:
    return [i for i, site in enumerate(TOPOGRAPHIES) if topography is None or site.startswith(topography)]

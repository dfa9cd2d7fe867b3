"""ICD-10 of a tumour that was recorded by ICD-O-3 alone, by the map of the terminology.

A code is told only where every rule of the map that holds for the tumour gives that one code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from terminology import BEHAVIOURS, MORPHOLOGIES, TOPOGRAPHIES, Terminology

_MORPHOLOGY = {code: i for i, code in enumerate(MORPHOLOGIES)}
_TOPOGRAPHY = {code: i for i, code in enumerate(TOPOGRAPHIES)}
_BEHAVIOUR = {code: i for i, code in enumerate(BEHAVIOURS)}


class Mapped(NamedTuple):
    """A code and how it stands to what it is mapped from, in the words of ConceptMap."""

    code: str
    equivalence: str


Icd10Of = Callable[[object, object, object], Mapped | None]
"""Topography, morphology and behaviour -> ICD-10; None where one of them is absent or coarse, or the map is not sure."""


def icd10_of(terminology: Terminology) -> Icd10Of:
    """The map of ICD-O-3 to ICD-10 (WHO), read when it is first asked."""

    def ask(topography: object, morphology: object, behaviour: object) -> Mapped | None:
        place = _MORPHOLOGY.get(morphology), _TOPOGRAPHY.get(topography), _BEHAVIOUR.get(behaviour)  # type: ignore[call-overload]
        if None in place:
            return None
        numbers, sure, codes = terminology.icd10_grid("ICD10")
        number = int(numbers[place])
        if not number or not sure[place]:
            return None
        alone = np.count_nonzero(numbers == number) == 1
        return Mapped(codes[number], "equal" if alone else "wider")

    return ask

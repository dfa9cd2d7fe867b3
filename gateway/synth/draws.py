"""Uniform numbers that belong to a case: counter-based (Philox 4x64, Salmon et al. 2011), never to a stream's history.

Case n owns the counters n * SLOTS / 4 to (n + 1) * SLOTS / 4 - 1 under the key `seed`, so it is the same at any
number of cases and in any order or number of workers.
"""

from __future__ import annotations

from enum import IntEnum, auto

import numpy as np

from gateway.synth.weights import Floats


class Slot(IntEnum):
    """What each of a case's numbers decides."""

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[int]) -> int:  # noqa: ARG004
        return count

    CELL = auto()
    TUMOUR = auto()
    DAY = auto()
    BIRTHDAY = auto()
    AGAIN = auto()
    GAP = auto()
    BASIS = auto()
    SIDE = auto()
    GRADE = auto()
    STAGE = auto()
    STAGE_KNOWN = auto()
    CURE = auto()
    SURVIVAL = auto()
    CONTACT = auto()
    BIRTH_PRECISION = auto()
    INCIDENCE_PRECISION = auto()
    CONTACT_PRECISION = auto()
    SEX_KNOWN = auto()
    SITE_KNOWN = auto()
    HISTOLOGY_KNOWN = auto()
    VITAL_KNOWN = auto()
    AGE_KNOWN = auto()
    DIRT = auto()
    SPELLING = auto()


SLOTS = len(Slot)
_WORDS_PER_COUNTER = 4


def uniforms(seed: int, first: int, count: int) -> Floats:
    """Numbers of the cases `first` to `first + count - 1`.

    Returns
    -------
    Floats
        Shape (SLOTS, count), in [0, 1), of 32 bits each.
    """
    generator = np.random.Philox(key=seed)
    generator.advance(first * SLOTS // _WORDS_PER_COUNTER)
    words = generator.random_raw(count * SLOTS).reshape(count, SLOTS)
    return np.ascontiguousarray((words >> np.uint64(32)).T) * 2.0**-32

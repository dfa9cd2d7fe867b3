"""Sets of tumours: boxes of morphologies x topographies x behaviours, and their algebra.

A set is one Python integer with a bit for each cell of the grid of all known codes (868 x 330 x 6), so union,
intersection and the subset test are single operations; boxes are its readable form. A range of a box means the
known codes between its ends. Equivalence uses the words of FHIR R4 ConceptMap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from terminology.axes import BEHAVIOURS, MORPHOLOGIES, TOPOGRAPHIES
from terminology.errors import UnknownCode

Mask: TypeAlias = npt.NDArray[np.bool_]
_Code = TypeVar("_Code", int, str)

SHAPE: tuple[int, int, int] = (len(MORPHOLOGIES), len(TOPOGRAPHIES), len(BEHAVIOURS))
CELLS: int = SHAPE[0] * SHAPE[1] * SHAPE[2]

MORPHOLOGY_INDEX: dict[int, int] = {code: i for i, code in enumerate(MORPHOLOGIES)}
TOPOGRAPHY_INDEX: dict[str, int] = {code: i for i, code in enumerate(TOPOGRAPHIES)}
BEHAVIOUR_INDEX: dict[int, int] = {code: i for i, code in enumerate(BEHAVIOURS)}


def _positions(codes: tuple[int, ...], size: int) -> npt.NDArray[np.int16]:
    array = np.full(size, -1, np.int16)
    array[list(codes)] = np.arange(len(codes))
    array.flags.writeable = False
    return array


# Position of a code on its axis by the code's number, -1 where no such code exists.
MORPHOLOGY_POSITION = _positions(MORPHOLOGIES, 10_000)
BEHAVIOUR_POSITION = _positions(BEHAVIOURS, 10)

_FULL = (1 << CELLS) - 1


class Equivalence(StrEnum):
    """How one set of tumours stands to another (words of FHIR R4 ConceptMap)."""

    EQUAL = "equal"
    EQUIVALENT = "equivalent"
    WIDER = "wider"
    NARROWER = "narrower"
    INEXACT = "inexact"
    UNMATCHED = "unmatched"
    DISJOINT = "disjoint"


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """All tumours with a morphology, a topography and a behaviour in these ranges, both ends included."""

    morph_lo: int
    morph_hi: int
    topo_lo: str
    topo_hi: str
    behaviours: frozenset[int]

    def __str__(self) -> str:
        morphology = _range_text(self.morph_lo, self.morph_hi, (MORPHOLOGIES[0], MORPHOLOGIES[-1]), "any morphology")
        topography = _range_text(self.topo_lo, self.topo_hi, (TOPOGRAPHIES[0], TOPOGRAPHIES[-1]), "any site")
        behaviour = "" if len(self.behaviours) == len(BEHAVIOURS) else "/" + ",".join(map(str, sorted(self.behaviours)))
        return f"{morphology}{behaviour} at {topography}"


@dataclass(frozen=True, slots=True)
class BoxSet:
    """An immutable set of cells; cell (m, t, b) is bit `(m * T + t) * B + b` of `bits`."""

    bits: int
    _hash: int | None = field(default=None, init=False, repr=False, compare=False)

    def __hash__(self) -> int:
        if self._hash is None:  # some ten microseconds over 215 kB, so once
            object.__setattr__(self, "_hash", hash(self.bits))
        return self._hash or 0

    @classmethod
    def empty(cls) -> BoxSet:
        """No tumour."""
        return _EMPTY

    @classmethod
    def everything(cls) -> BoxSet:
        """Every tumour that ICD-O-3 can name."""
        return _EVERYTHING

    @classmethod
    def of(cls, boxes: Iterable[Box]) -> BoxSet:
        """Union of boxes; the ends of a range need not be known codes."""
        mask = np.zeros(SHAPE, np.bool_)
        for box in boxes:
            morphologies = slice(*np.searchsorted(_MORPHOLOGY_CODES, [box.morph_lo, box.morph_hi + 1]))
            topographies = slice(
                int(np.searchsorted(_TOPOGRAPHY_CODES, box.topo_lo, "left")),
                int(np.searchsorted(_TOPOGRAPHY_CODES, box.topo_hi, "right")),
            )
            mask[morphologies, topographies, [BEHAVIOUR_INDEX[b] for b in sorted(box.behaviours)]] = True
        return cls.from_mask(mask)

    @classmethod
    def point(cls, morphology: int, topography: str, behaviour: int) -> BoxSet:
        """One cell; raises UnknownCode for a code that is not on its axis."""
        return cls.where([morphology], [topography], [behaviour])

    @classmethod
    def where(
        cls,
        morphologies: Iterable[int] | None = None,
        topographies: Iterable[str] | None = None,
        behaviours: Iterable[int] | None = None,
    ) -> BoxSet:
        """All cells with these codes; None = any, a topography may be a category such as `C74`."""
        mask = np.zeros(SHAPE, np.bool_)
        mask[
            np.ix_(
                _axis(morphologies, MORPHOLOGY_INDEX, "a morphology of ICD-O-3"),
                _axis(None if topographies is None else _subsites(topographies), TOPOGRAPHY_INDEX, ""),
                _axis(behaviours, BEHAVIOUR_INDEX, "behaviour 0, 1, 2, 3, 6 or 9"),
            )
        ] = True
        return cls.from_mask(mask)

    @classmethod
    def from_mask(cls, mask: Mask) -> BoxSet:
        """Build from a boolean array of shape SHAPE (morphology, topography, behaviour)."""
        return cls(int.from_bytes(np.packbits(mask.reshape(-1), bitorder="little").tobytes(), "little"))

    def __or__(self, other: BoxSet) -> BoxSet:
        return BoxSet(self.bits | other.bits)

    def __and__(self, other: BoxSet) -> BoxSet:
        return BoxSet(self.bits & other.bits)

    def __sub__(self, other: BoxSet) -> BoxSet:
        return BoxSet(self.bits & ~other.bits)

    def __invert__(self) -> BoxSet:
        return BoxSet(self.bits ^ _FULL)

    def __le__(self, other: BoxSet) -> bool:
        return self.bits & other.bits == self.bits

    def __bool__(self) -> bool:
        return self.bits != 0

    def __len__(self) -> int:
        return self.bits.bit_count()

    def __repr__(self) -> str:
        return f"BoxSet({len(self)} cells)"

    def overlaps(self, other: BoxSet) -> bool:
        """Whether some cell is in both."""
        return self.bits & other.bits != 0

    def relation(self, other: BoxSet) -> Equivalence:
        """How this set stands to another: `wider` means that this one holds all of the other and more.

        As in FHIR R4 ConceptMap, where the target is described as seen from the source: for a map from A to B the
        equivalence is `B.relation(A)`. Two empty sets are equal; an empty set is disjoint from any other.
        """
        common = self.bits & other.bits
        if self.bits == other.bits:
            return Equivalence.EQUAL
        if common == 0:
            return Equivalence.DISJOINT
        if common == other.bits:
            return Equivalence.WIDER
        return Equivalence.NARROWER if common == self.bits else Equivalence.INEXACT

    def mask(self) -> Mask:
        """Boolean array of shape SHAPE (morphology, topography, behaviour), read-only and shared."""
        return _mask(self)

    def boxes(self) -> tuple[Box, ...]:
        """The set as boxes that do not overlap, sorted; equal sets give equal boxes."""
        return tuple(sorted(_boxes(self.mask()), key=_box_order))

    def text(self) -> str:
        """The set for people, e.g. `9490/3 at any site; 9500/3 at any site`."""
        return "; ".join(map(str, self.boxes())) or "nothing"


_EMPTY = BoxSet(0)
_EVERYTHING = BoxSet(_FULL)
_MORPHOLOGY_CODES = np.array(MORPHOLOGIES)
_TOPOGRAPHY_CODES = np.array(TOPOGRAPHIES)
_SUBSITES: dict[str, tuple[str, ...]] = {
    **{code: (code,) for code in TOPOGRAPHIES},
    **{code[:3]: tuple(t for t in TOPOGRAPHIES if t[:3] == code[:3]) for code in TOPOGRAPHIES},
}


def subsites(topography: str) -> tuple[str, ...]:
    """The topographies that a code stands for: itself, or all subsites of a category such as `C74`."""
    try:
        return _SUBSITES[topography]
    except KeyError:
        raise UnknownCode("ICDO3", topography, "a topography of ICD-O-3, C00.0 to C80.9") from None


def grid_slices(morphology: int | None, topography: str | None, behaviour: int | None) -> tuple[slice, slice, slice]:
    """Where one code stands in a mask; None = any. The subsites of a category are neighbours on their axis."""
    sites = (TOPOGRAPHIES[0], TOPOGRAPHIES[-1]) if topography is None else subsites(topography)
    return (
        slice(None) if morphology is None else _one(MORPHOLOGY_INDEX[morphology]),
        slice(TOPOGRAPHY_INDEX[sites[0]], TOPOGRAPHY_INDEX[sites[-1]] + 1),
        slice(None) if behaviour is None else _one(BEHAVIOUR_INDEX[behaviour]),
    )


def _one(position: int) -> slice:
    return slice(position, position + 1)


def _subsites(topographies: Iterable[str]) -> Iterator[str]:
    for topography in topographies:
        yield from subsites(topography)


def _axis(codes: Iterable[_Code] | None, index: Mapping[_Code, int], expected: str) -> list[int]:
    return list(index.values()) if codes is None else sorted({_position(index, code, expected) for code in codes})


def _position(index: Mapping[_Code, int], code: _Code, expected: str) -> int:
    try:
        return index[code]
    except KeyError:
        raise UnknownCode("ICDO3", str(code), expected) from None


def _range_text(low: object, high: object, full: tuple[object, object], word: str) -> str:
    if (low, high) == full:
        return word
    return f"{low}" if low == high else f"{low}-{high}"


@lru_cache(maxsize=16)
def _mask(cells: BoxSet) -> Mask:
    packed = np.frombuffer(cells.bits.to_bytes((CELLS + 7) // 8, "little"), np.uint8)
    mask = np.unpackbits(packed, count=CELLS, bitorder="little").view(np.bool_).reshape(SHAPE)
    mask.flags.writeable = False
    return mask


_Segment: TypeAlias = tuple[int, int, int]


def _boxes(mask: Mask) -> Iterator[Box]:
    """Runs of equal behaviours along the sites of each morphology, joined over neighbouring morphologies."""
    patterns = (mask * (1 << np.arange(SHAPE[2]))).sum(axis=2, dtype=np.uint8)
    open_since: dict[_Segment, int] = {}
    known: dict[bytes, frozenset[_Segment]] = {}
    for m in range(SHAPE[0] + 1):
        row = patterns[m].tobytes() if m < SHAPE[0] else bytes(SHAPE[1])
        if row not in known:
            known[row] = frozenset(_segments(row))
        segments = known[row]
        for closed in open_since.keys() - segments:
            yield _box(open_since.pop(closed), m - 1, closed)
        for opened in segments - open_since.keys():
            open_since[opened] = m


def _segments(row: bytes) -> Iterator[_Segment]:
    start = 0
    for t in range(1, len(row) + 1):
        if t == len(row) or row[t] != row[start]:
            if row[start]:
                yield start, t - 1, row[start]
            start = t


def _box(first: int, last: int, segment: _Segment) -> Box:
    low, high, pattern = segment
    behaviours = frozenset(code for i, code in enumerate(BEHAVIOURS) if pattern >> i & 1)
    return Box(MORPHOLOGIES[first], MORPHOLOGIES[last], TOPOGRAPHIES[low], TOPOGRAPHIES[high], behaviours)


def _box_order(box: Box) -> tuple[int, int, str, str, list[int]]:
    return box.morph_lo, box.morph_hi, box.topo_lo, box.topo_hi, sorted(box.behaviours)

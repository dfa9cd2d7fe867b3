"""Dictionaries of a snapshot: every distinct diagnosis and code once, and what a question makes of each.

A condition is evaluated on dictionary rows and then gathered by rows of the cube. A full ICD-O-3 triple is one cell of
the terminology's grid; a partial record is the list of all cells it may be (see gateway.sources.meaning, whose rules
these are, over arrays instead of box sets).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

import duckdb
import numpy as np
import numpy.typing as npt

from gateway.errors import SourceFailure
from gateway.model.answer import Labels
from gateway.model.case import Coded, Diagnosis
from gateway.model.fields import FIELDS, UNCLASSIFIED, UNKNOWN_LABEL
from gateway.model.query import DiagnosisIn, OneOf
from gateway.model.values import Absent, Truth
from gateway.sources.meaning import diagnosis_is_known, with_recorded_code
from gateway.sources.snapshot.layout import CODED
from gateway.sources.tabulate import Axis, axis_of
from terminology import BEHAVIOURS, MORPHOLOGIES, TOPOGRAPHIES, BoxSet, Terminology, Unmatched

Cells = npt.NDArray[np.int32]
Outcomes = npt.NDArray[np.int8]
"""Truth of each dictionary row: 0 no, 1 possible, 2 yes."""

ABSENT = {value.value: value for value in Absent}
OPEN_LEAF = 9999
"""Order of a diagnosis that may belong to several ICCC-3 leaves: after all others."""
SIZES = (len(MORPHOLOGIES), len(TOPOGRAPHIES), len(BEHAVIOURS))
GRID = SIZES[0] * SIZES[1] * SIZES[2]

_MORPHOLOGY: Mapping[object, int] = {code: i for i, code in enumerate(MORPHOLOGIES)}
_TOPOGRAPHY: Mapping[object, int] = {code: i for i, code in enumerate(TOPOGRAPHIES)}
_BEHAVIOUR: Mapping[object, int] = {code: i for i, code in enumerate(BEHAVIOURS)}
_LEVEL = {"iccc_main": "main", "iccc_group": "group"}


class Codes:
    """Codes of one field by their position."""

    def __init__(self, field: str, values: tuple[Coded, ...]) -> None:
        self.field = field
        self.values = values
        self.sets: tuple[Labels, ...] = tuple((_text(value),) for value in values)

    def outcomes(self, leaf: OneOf) -> Outcomes:
        """Truth of a condition for each code; a coarse code stands for its members."""
        asked = leaf.values
        if leaf.recorded:
            return _yes_or_no(_text(value) in asked for value in self.values)
        members = FIELDS[self.field].composites
        wanted = asked.union(*(members.get(code, frozenset()) for code in asked))
        return np.array([_code_truth(value, wanted, members) for value in self.values], np.int8)

    def known(self) -> Outcomes:
        """Truth of `something is recorded` for each code."""
        return _yes_or_no(not isinstance(value, Absent) for value in self.values)


def _yes_or_no(found: Iterable[bool]) -> Outcomes:
    return np.array([Truth.YES if each else Truth.NO for each in found], np.int8)


def _code_truth(value: Coded, wanted: frozenset[str], members: Mapping[str, frozenset[str]]) -> Truth:
    if _text(value) in wanted:
        return Truth.YES
    if isinstance(value, Absent):
        return Truth.NO if value is Absent.NOT_APPLICABLE else Truth.POSSIBLE
    finer = members.get(value, frozenset())
    if finer and finer <= wanted:
        return Truth.YES
    return Truth.POSSIBLE if finer & wanted else Truth.NO


def read_codes(connection: duckdb.DuckDBPyConnection) -> dict[str, Codes]:
    """Code dictionaries of an open snapshot by field."""
    found: dict[str, list[Coded]] = {field: [] for field in CODED}
    for field, code in connection.execute("SELECT field, code FROM codes ORDER BY field, idx").fetchall():
        found[field].append(ABSENT.get(code, code))
    return {field: Codes(field, tuple(values)) for field, values in found.items()}


class Diagnoses:
    """Distinct diagnoses in the order of their numbers."""

    def __init__(self, rows: tuple[Diagnosis, ...], terminology: Terminology) -> None:
        self.rows = rows
        self._terminology = terminology
        pieces = [_cells_of(row, terminology) for row in rows]
        self._sizes = np.array([len(piece) for piece in pieces], np.int64)
        self._cells: Cells = np.concatenate(pieces) if pieces else np.empty(0, np.int32)
        self._starts = np.cumsum(self._sizes) - self._sizes
        self._points = bool((self._sizes == 1).all())
        self._by_code = [position for position, row in enumerate(rows) if row.icd10 is not None]
        self._axes: dict[tuple[str, str], Axis] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def truths(self, leaf: DiagnosisIn) -> Outcomes:
        """Truth of a planned diagnosis leaf for each diagnosis."""
        if leaf.certain is None or leaf.possible is None:
            raise TypeError("a diagnosis leaf without box sets was not planned")
        found = self.outcomes(leaf.certain, leaf.possible)
        for position in self._by_code:
            found[position] = with_recorded_code(self.rows[position], leaf, Truth(int(found[position])))
        return found

    def known(self, field: str) -> Outcomes:
        """Truth of `something is recorded` in an axis, or as a code of any kind (`diagnosis`), for each diagnosis."""
        return _yes_or_no(diagnosis_is_known(row, field) for row in self.rows)

    def outcomes(self, certain: BoxSet, possible: BoxSet) -> Outcomes:
        """Truth of `the tumour is in the set` for each diagnosis.

        Yes where all cells it may be are inside `certain`, possible where some are inside `possible`.
        """
        if not self.rows:
            return np.empty(0, np.int8)
        inside, touched = self._contained(certain), self._contained(possible)
        if not self._points:
            inside = np.logical_and.reduceat(inside, self._starts)
            touched = np.logical_or.reduceat(touched, self._starts)
        return np.where(inside, np.int8(Truth.YES), touched.astype(np.int8))

    def _contained(self, boxes: BoxSet) -> npt.NDArray[np.bool_]:
        packed = _packed(boxes)
        bits: npt.NDArray[np.uint8] = (packed[self._cells >> 3] >> (self._cells & 7).astype(np.uint8)) & 1
        return bits.view(np.bool_)

    def axis(self, dimension: str, edition: str) -> Axis:
        """Label sets of a dimension made from the diagnosis: iccc_main, iccc_group (of an edition), behaviour."""
        found = self._axes.get((dimension, edition))
        if found is None:
            sets = self._behaviours() if dimension == "behaviour" else self._groups(dimension, edition)
            found = self._axes[dimension, edition] = axis_of(sets)
        return found

    def _behaviours(self) -> Iterator[Labels]:
        return ((_text(row.behaviour),) for row in self.rows)

    def _groups(self, dimension: str, edition: str) -> Iterator[Labels]:
        names = [getattr(leaf, _LEVEL[dimension]) or UNCLASSIFIED for leaf in self._terminology.leaves(edition)]
        names[0] = UNCLASSIFIED
        for leaves, size in zip(self._leaves(edition), self._sizes.tolist(), strict=True):
            if size == GRID:
                yield (UNKNOWN_LABEL,)
            else:
                yield tuple(dict.fromkeys(names[leaf] for leaf in leaves))

    def _leaves(self, edition: str) -> Iterator[list[int]]:
        """ICCC-3 leaves that each diagnosis may belong to, 0 for no group."""
        numbers = self._leaf_of_cells(edition)
        for start, size in zip(self._starts.tolist(), self._sizes.tolist(), strict=True):
            yield [int(numbers[start])] if size == 1 else np.unique(numbers[start : start + size]).tolist()

    def _leaf_of_cells(self, edition: str) -> npt.NDArray[np.int16]:
        m, t, b = np.unravel_index(self._cells, SIZES)
        return self._terminology.classify(np.array(MORPHOLOGIES)[m], t, np.array(BEHAVIOURS)[b], edition)

    def leaf_numbers(self, edition: str) -> npt.NDArray[np.int16]:
        """ICCC-3 leaf of each diagnosis; OPEN_LEAF where several are possible."""
        return np.array([leaves[0] if len(leaves) == 1 else OPEN_LEAF for leaves in self._leaves(edition)], np.int16)

    def order(self, edition: str) -> npt.NDArray[np.int64]:
        """Positions sorted by ICCC-3 leaf, then by the first cell."""
        first = self._cells[self._starts] if len(self.rows) else self._cells
        return np.lexsort((self._sizes, first, self.leaf_numbers(edition)))


def read_diagnoses(connection: duckdb.DuckDBPyConnection, table: str, terminology: Terminology) -> Diagnoses:
    """Diagnosis dictionary of an open snapshot or work database, in order of `dx`."""
    found = connection.execute(
        "SELECT coalesce(topography, topography_absent, 'unknown'), morphology, coalesce(morphology_absent, 'unknown'), "
        "behaviour, coalesce(behaviour_absent, 'unknown'), icd10, iccc, icdo_edition "
        f"FROM {table} ORDER BY dx"
    ).fetchall()
    rows = tuple(
        Diagnosis(
            ABSENT.get(topography, topography),
            ABSENT[no_morphology] if morphology is None else morphology,
            ABSENT[no_behaviour] if behaviour is None else behaviour,
            icd10,
            iccc,
            icdo_edition,
        )
        for topography, morphology, no_morphology, behaviour, no_behaviour, icd10, iccc, icdo_edition in found
    )
    return Diagnoses(rows, terminology)


def _cells_of(diagnosis: Diagnosis, terminology: Terminology) -> Cells:
    """All cells that a recorded diagnosis may be, ascending.

    Raises
    ------
    SourceFailure
        An axis has a code that ICD-O-3 does not have.
    """
    point = _point(diagnosis)
    if point is not None:
        return np.array([point], np.int32)
    morphologies = _axis(diagnosis.morphology, _MORPHOLOGY)
    topographies = _topographies(diagnosis.topography)
    behaviours = _axis(diagnosis.behaviour, _BEHAVIOUR)
    axes = tuple(
        _member(part, size) for part, size in zip((morphologies, topographies, behaviours), SIZES, strict=True)
    )
    cells: Cells | None = None
    for narrowing in _narrowings(diagnosis, terminology):
        if cells is None:
            m, t, b = np.unravel_index(narrowing, SIZES)
            kept = narrowing[axes[0][m] & axes[1][t] & axes[2][b]]
        else:
            kept = np.intersect1d(cells, narrowing, assume_unique=True)
        cells = kept if len(kept) else cells
    return _product(morphologies, topographies, behaviours) if cells is None else cells


def _point(diagnosis: Diagnosis) -> int | None:
    """Cell of a full triple of known codes."""
    m = _MORPHOLOGY.get(diagnosis.morphology)
    t = _TOPOGRAPHY.get(diagnosis.topography)
    b = _BEHAVIOUR.get(diagnosis.behaviour)
    return None if m is None or t is None or b is None else (m * SIZES[1] + t) * SIZES[2] + b


def _narrowings(diagnosis: Diagnosis, terminology: Terminology) -> Iterator[Cells]:
    asked: list[tuple[str, str, str | None]] = []
    if diagnosis.icd10 is not None:
        asked.append(("ICD10", diagnosis.icd10, None))
    if diagnosis.iccc is not None:
        edition, _, code = diagnosis.iccc.partition(":")
        asked.append(("ICCC3", code, edition))
    for system, code, version in asked:
        found = _cells_of_code(system, code, version, terminology)
        if found is not None:
            yield found


@lru_cache(maxsize=256)
def _cells_of_code(system: str, code: str, edition: str | None, terminology: Terminology) -> Cells | None:
    """Cells that a code may mean, None if no map bounds it."""
    try:
        meaning = terminology.meaning(system, code, edition)
    except Unmatched:
        return None
    if not meaning.bounded:
        return None
    return np.flatnonzero(np.unpackbits(_packed(meaning.boxes), count=GRID, bitorder="little")).astype(np.int32)


def _packed(boxes: BoxSet) -> npt.NDArray[np.uint8]:
    return np.frombuffer(boxes.bits.to_bytes((GRID + 7) // 8, "little"), np.uint8)


def _product(*parts: npt.NDArray[np.integer]) -> Cells:
    return np.ravel_multi_index(np.ix_(*parts), SIZES).reshape(-1).astype(np.int32)


def _member(positions: npt.NDArray[np.integer], size: int) -> npt.NDArray[np.bool_]:
    found = np.zeros(size, np.bool_)
    found[positions] = True
    return found


def _axis(code: int | Absent, index: Mapping[object, int]) -> npt.NDArray[np.int64]:
    if isinstance(code, Absent):
        return np.arange(len(index))
    if code not in index:
        raise SourceFailure(
            f"ICD-O-3 has no code {code}", where="diagnoses", expected="a known morphology or behaviour"
        )
    return np.array([index[code]])


@lru_cache(maxsize=1024)
def _topographies(code: str | Absent) -> npt.NDArray[np.int64]:
    if isinstance(code, Absent):
        return np.arange(len(TOPOGRAPHIES))
    found = [i for i, site in enumerate(TOPOGRAPHIES) if site.startswith(code)]
    if not found:
        raise SourceFailure(
            f"ICD-O-3 has no topography {code}", where="diagnoses", expected="C00.0 to C80.9, or C00 to C80"
        )
    return np.array(found)


def _text(value: object) -> str:
    return str(value.value) if isinstance(value, Absent) else str(value)

"""The count cube in memory: marginals of the file's cube, and small frames in which diagnoses are classes.

A question tells diagnoses apart only by the outcome of its conditions and by the labels it asks for. So the rows of
a marginal are summed over classes of equal diagnoses; what is left has the same size for 100,000 and 10,000,000
cases and is kept. Marginals and frames live in caches bounded in bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

import duckdb
import numpy as np
import numpy.typing as npt

from gateway.model.query import DiagnosisIn, Known
from gateway.sources.kept import Kept
from gateway.sources.snapshot.dictionaries import Diagnoses, Outcomes
from gateway.sources.snapshot.layout import select_list
from gateway.sources.snapshot.rowsql import covering
from gateway.sources.tabulate import Axis
from terminology import BoxSet

Ints = npt.NDArray[np.integer]

MARGINAL_BYTES = 256 << 20
FRAME_BYTES = 128 << 20
KEPT = 256
"""Outcomes and views of diagnoses that are kept."""
ROWS_IN_MEMORY = 3_000_000
"""A question over rows reads up to this many once and keeps them; beyond it every question is SQL."""
ZONE = 2048
"""Rows of which the least and the greatest value are kept."""
DENSE_KEYS = 1 << 22
"""Up to this many combinations are summed in an array, beyond it by sorting."""


@dataclass(frozen=True, slots=True)
class View:
    """How one question sees the diagnoses.

    Attributes
    ----------
    number
        Stands for this view in keys of caches; 0 where diagnoses do not matter.
    classes
        Class of each diagnosis.
    size
        Number of classes.
    outcomes
        For each diagnosis leaf, left to right, its truth for each class.
    axes
        For each dimension made from the diagnosis, its axis over classes.
    """

    number: int
    classes: Ints
    size: int
    outcomes: tuple[Outcomes, ...]
    axes: Mapping[str, Axis]


@dataclass(frozen=True, slots=True)
class Frame:
    """Rows with equal values and how many tumours they stand for; `class` is the class of the diagnosis.

    `zones` are the least NAME_lo and greatest NAME_hi of each ZONE rows, for frames of single rows.
    """

    columns: Mapping[str, Ints]
    tumours: npt.NDArray[np.int64]
    zones: Mapping[str, Ints] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Size in memory; a number that is repeated for all rows takes no room."""
        arrays = [*self.columns.values(), self.tumours]
        return sum(array.nbytes for array in arrays if array.strides != (0,))

    def only(self, zones: Ints) -> Frame:
        """The rows of some zones."""
        rows = (zones[:, None] * ZONE + np.arange(ZONE)).reshape(-1)
        rows = rows[: np.searchsorted(rows, len(self.tumours))]
        return Frame({name: column[rows] for name, column in self.columns.items()}, _ones(len(rows)))


def single_rows(columns: Mapping[str, Ints]) -> Frame:
    """Frame of rows that stand for one tumour each."""
    size = len(next(iter(columns.values())))
    starts = np.arange(0, size, ZONE)
    ends = {"lo": np.minimum, "hi": np.maximum}
    zones = {name: ends[name[-2:]].reduceat(column, starts) for name, column in columns.items() if name[-3:-2] == "_"}
    return Frame(columns, _ones(size), zones if size > ZONE else {})


def _ones(size: int) -> npt.NDArray[np.int64]:
    return np.broadcast_to(np.int64(1), (size,))


class Views:
    """Views of the diagnoses, made once for each set of conditions and dimensions."""

    def __init__(self, diagnoses: Diagnoses) -> None:
        self._diagnoses = diagnoses
        self._numbers = count(1)
        self._outcomes: Kept[tuple[BoxSet, BoxSet, int, Outcomes]] = Kept(KEPT)
        self._known: Kept[tuple[int, Outcomes]] = Kept(KEPT)
        self._views: Kept[View] = Kept(KEPT)

    def view(self, leaves: Sequence[DiagnosisIn | Known], dimensions: Sequence[str], edition: str) -> View:
        """View of a question with these diagnosis leaves and diagnosis dimensions."""
        if not leaves and not dimensions:
            nothing = np.zeros(len(self._diagnoses), np.int8)
            return View(0, nothing, 1, (), {})
        found = [self._outcome(leaf) for leaf in leaves]
        key = (*(number for number, _ in found), *dimensions, edition)
        kept = self._views.get(key)
        return kept or self._views.put(key, self._make([vector for _, vector in found], dimensions, edition))

    def _outcome(self, leaf: DiagnosisIn | Known) -> tuple[int, Outcomes]:
        """Number and truth by diagnosis of a leaf."""
        if isinstance(leaf, DiagnosisIn):
            return self._outcome_of_terms(leaf)
        kept = self._known.get(leaf.field)
        return kept or self._known.put(leaf.field, (next(self._numbers), self._diagnoses.known(leaf.field)))

    def _outcome_of_terms(self, leaf: DiagnosisIn) -> tuple[int, Outcomes]:
        """Truth of a leaf by diagnosis. Box sets are slow to hash, so terms are the key and sets are compared."""
        if leaf.certain is None or leaf.possible is None:
            raise TypeError("a diagnosis leaf without box sets was not planned")
        key = (leaf.field, leaf.terms)
        kept = self._outcomes.get(key)
        if kept is None or kept[0] != leaf.certain or kept[1] != leaf.possible:
            vector = self._diagnoses.truths(leaf)
            kept = self._outcomes.put(key, (leaf.certain, leaf.possible, next(self._numbers), vector))
        return kept[2], kept[3]

    def _make(self, outcomes: list[Outcomes], dimensions: Sequence[str], edition: str) -> View:
        axes = {dimension: self._diagnoses.axis(dimension, edition) for dimension in dimensions}
        columns: list[Ints] = [*outcomes, *(axis.codes for axis in axes.values())]
        first, classes = classes_of(columns)
        return View(
            next(self._numbers),
            classes.astype(np.int16 if len(first) < 1 << 15 else np.int32),
            len(first),
            tuple(vector[first] for vector in outcomes),
            {name: Axis(axis.codes[first], axis.sets) for name, axis in axes.items()},
        )


class Cube:
    """The cube of one open snapshot."""

    def __init__(self, diagnoses: int) -> None:
        self._diagnoses = diagnoses
        self._marginals: Kept[Frame] = Kept(MARGINAL_BYTES, lambda frame: frame.bytes)
        self._frames: Kept[Frame] = Kept(FRAME_BYTES, lambda frame: frame.bytes)

    def ready(self, key: tuple[int, bytes, tuple[str, ...]]) -> Frame | None:
        """Frame of a question if it is kept: number of its view, classes that can match, columns."""
        return self._frames.get(key)

    def frame(
        self, connection: duckdb.DuckDBPyConnection, view: View, alive: npt.NDArray[np.bool_], columns: tuple[str, ...]
    ) -> Frame:
        """Frame of a question, made if need be.

        Parameters
        ----------
        alive
            Classes that can match at all; rows of the others are left out.
        columns
            Columns of the cube that the question uses, without `dx`.
        """
        key = (view.number, alive.tobytes(), columns)
        return self._frames.get(key) or self._frames.put(key, self._make(connection, view, alive, columns))

    def rows(
        self, connection: duckdb.DuckDBPyConnection, view: View, alive: npt.NDArray[np.bool_], columns: tuple[str, ...]
    ) -> Frame | None:
        """Frame of single rows, for columns that the cube does not hold; None if they are too many to keep."""
        key = (view.number, alive.tobytes(), columns)
        kept = self._frames.get(key)
        if kept is not None:
            return kept
        wanted = alive[view.classes]
        by_diagnosis = self._marginal(connection, ("dx",))
        if int(by_diagnosis.tumours[wanted[by_diagnosis.columns["dx"]]].sum()) > ROWS_IN_MEMORY:
            return None
        found = connection.execute(
            f"SELECT {select_list(('dx', *columns))} FROM cases WHERE {covering('dx', np.flatnonzero(wanted))}"
        ).fetchnumpy()
        dx = found.pop("dx")
        inside = wanted[dx]
        rows = {"class": view.classes[dx[inside]], **{name: found[name][inside] for name in columns}}
        return self._frames.put(key, single_rows(rows))

    def _make(
        self, connection: duckdb.DuckDBPyConnection, view: View, alive: npt.NDArray[np.bool_], columns: tuple[str, ...]
    ) -> Frame:
        marginal = self._marginal(connection, columns if view.number == 0 else ("dx", *columns))
        if view.number == 0:
            nothing = np.zeros(len(marginal.tumours), np.int8)
            return Frame({"class": nothing, **marginal.columns}, marginal.tumours)
        wanted = np.flatnonzero(alive[view.classes])
        rows = _runs(marginal.columns["dx"], wanted) if len(wanted) < self._diagnoses else slice(None)
        classes = view.classes[marginal.columns["dx"][rows]]
        return group({"class": classes, **{c: marginal.columns[c][rows] for c in columns}}, marginal.tumours[rows])

    def _marginal(self, connection: duckdb.DuckDBPyConnection, columns: tuple[str, ...]) -> Frame:
        return self._marginals.get(columns) or self._marginals.put(columns, read_marginal(connection, columns))


def read_marginal(connection: duckdb.DuckDBPyConnection, columns: tuple[str, ...]) -> Frame:
    """Sums of the file's cube over all columns but these, ordered by `dx` if it is one of them."""
    order = "ORDER BY dx" if "dx" in columns else ""
    chosen = f"{select_list(columns)}, " if columns else ""
    found = connection.execute(
        f"SELECT {chosen} sum(n)::BIGINT AS n FROM cube {'GROUP BY ALL' if columns else ''} {order}"
    ).fetchnumpy()
    tumours = np.ma.filled(found.pop("n"), 0).astype(np.int64)
    return Frame({name: np.asarray(values) for name, values in found.items()}, tumours)


def _runs(ordered: Ints, wanted: Ints) -> npt.NDArray[np.int64]:
    """Positions in a sorted array of all rows that hold one of some values."""
    starts = np.searchsorted(ordered, wanted, "left")
    sizes = np.searchsorted(ordered, wanted, "right") - starts
    before = np.cumsum(sizes) - sizes
    rows: npt.NDArray[np.int64] = np.arange(int(sizes.sum())) + np.repeat(starts - before, sizes)
    return rows


def classes_of(columns: Sequence[Ints]) -> tuple[Ints, Ints]:
    """Classes of rows with equal values: the first row of each class, and the class of each row."""
    keys = _keys(columns)
    _, first, classes = np.unique(keys, return_index=True, return_inverse=True)
    return first, classes


def group(columns: Mapping[str, Ints], tumours: npt.NDArray[np.int64]) -> Frame:
    """Sum rows with equal values."""
    keys = _keys(list(columns.values()))
    span = int(keys.max()) + 1 if len(keys) else 0
    if span > DENSE_KEYS:
        _, first, classes = np.unique(keys, return_index=True, return_inverse=True)
        sums = np.bincount(classes, weights=tumours)
    else:
        sums = np.bincount(keys, weights=tumours, minlength=span)
        found = np.flatnonzero(sums)
        first = np.zeros(span, np.int64)
        first[keys] = np.arange(len(keys))
        sums, first = sums[found], first[found]
    return Frame({name: column[first] for name, column in columns.items()}, sums.astype(np.int64))


def _keys(columns: Sequence[Ints]) -> npt.NDArray[np.int64]:
    """One integer for each combination of values."""
    keys = np.zeros(len(columns[0]), np.int64)
    if not len(keys):
        return keys
    size = 1
    for column in columns:
        low = int(column.min())
        span = int(column.max()) - low + 1
        if size * span > 1 << 62:
            _, keys = np.unique(keys, return_inverse=True)
            size = int(keys.max()) + 1
        keys = keys * span + (column.astype(np.int64) - low)
        size *= span
    return keys

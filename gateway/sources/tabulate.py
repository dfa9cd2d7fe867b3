"""Tables of counts: the labels a value stands under, and the folding of grouped rows into cells (design section 9).

A case whose value spans several labels (an age of 3 to 5 years, an open ICCC-3 group) is certain in none of them and
possible in each. An absent value has one label of its own. The snapshot's cube and the SQL adapters share this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.model.answer import Labels
from gateway.model.fields import AGE_BANDS, UNKNOWN_LABEL
from gateway.model.values import Count

Cells = tuple[tuple[Labels, Count], ...]
Ints = npt.NDArray[np.int64]

DENSE_CELLS = 1 << 20
"""Up to this many places a table is summed into an array, beyond it into sorted keys."""


def integer_labels(low: int | None, high: int | None) -> Labels:
    """Labels of an integer interval (`age` in completed years, `year`), both ends included; None = unknown."""
    if low is None or high is None:
        return (UNKNOWN_LABEL,)
    return tuple(map(str, range(low, high + 1)))


def age_band_labels(low: int | None, high: int | None) -> Labels:
    """Age bands that an interval of completed years touches; None = unknown."""
    if low is None or high is None:
        return (UNKNOWN_LABEL,)
    return tuple(name for name, first, last in AGE_BANDS if first <= high and low <= last)


INTERVAL_LABELS: Mapping[str, Callable[[int | None, int | None], Labels]] = {
    "age": integer_labels,
    "age_band": age_band_labels,
    "year": integer_labels,
}
"""Dimensions over an interval: dimension -> labels of (low, high)."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One dimension of grouped rows.

    Attributes
    ----------
    codes
        Position in `sets` for each row.
    sets
        Label sets: all labels that a row with this code may stand under.
    """

    codes: npt.NDArray[np.integer]
    sets: tuple[Labels, ...]


def axis_of(sets: Iterable[Labels]) -> Axis:
    """Axis of rows that each bring their own label set."""
    positions: dict[Labels, int] = {}
    codes = [positions.setdefault(each, len(positions)) for each in sets]
    return Axis(np.array(codes, np.int64), tuple(positions))


def tabulate(axes: Sequence[Axis], certain: npt.ArrayLike, possible: npt.ArrayLike) -> Cells:
    """Fold grouped rows into cells.

    Parameters
    ----------
    axes
        One per dimension, at least one, all of the same number of rows.
    certain, possible
        For each row, how many tumours match for certain and how many at all (certain included).

    Returns
    -------
    cells
        Labels in the order of the axes with their counts, sorted by labels; only cells with high > 0.
    """
    return Table(axes).add(certain, possible).cells()


def tabulate_patients(
    axes: Sequence[Axis], certain: npt.NDArray[np.bool_], possible: npt.NDArray[np.bool_], patients: npt.ArrayLike
) -> Cells:
    """Fold rows of single tumours into cells that count distinct patients.

    Parameters
    ----------
    certain, possible
        For each row, whether it matches for certain, and at all.
    patients
        Number of the patient of each row.
    """
    return Table(axes).add_patients(certain, possible, patients).cells()


def tabulate_sets(rows: Iterable[tuple[Sequence[Labels], int, int]]) -> Cells:
    """Fold rows as SQL gives them: (label set of each dimension, certain count, possible count)."""
    listed = list(rows)
    if not listed:
        return ()
    axes = [axis_of(column) for column in zip(*(sets for sets, _, _ in listed), strict=True)]
    return tabulate(axes, [certain for _, certain, _ in listed], [possible for _, _, possible in listed])


class Table:
    """Cells over axes, to which counts of the axes' rows are added or taken away."""

    def __init__(self, axes: Sequence[Axis]) -> None:
        labels = [_Labels(axis) for axis in axes]
        self._shape = [len(each.names) for each in labels]
        self._names = [each.names for each in labels]
        self._rows, keys = _places(labels)
        sizes = [each.sizes[axis.codes] == 1 for each, axis in zip(labels, axes, strict=True)]
        self._single = np.logical_and.reduce(sizes)[self._rows]
        self._size = int(np.prod(self._shape, dtype=object))
        if self._size <= DENSE_CELLS:
            self._keys, self._at = np.arange(self._size), keys
        else:
            self._keys, self._at = np.unique(keys, return_inverse=True)
        self._certain = np.zeros(len(self._keys), np.int64)
        self._possible = np.zeros(len(self._keys), np.int64)

    def add(self, certain: npt.ArrayLike, possible: npt.ArrayLike) -> Table:
        """Add a certain and a possible count for each row; negative counts take away."""
        self._certain += self._sum(np.asarray(certain, np.int64)[self._rows] * self._single)
        self._possible += self._sum(np.asarray(possible, np.int64)[self._rows])
        return self

    def add_patients(
        self, certain: npt.NDArray[np.bool_], possible: npt.NDArray[np.bool_], patients: npt.ArrayLike
    ) -> Table:
        """Add distinct patients: certain where one of their tumours certainly stands, else possible.

        Rows that match neither way may carry any patient.
        """
        numbers = np.unique(np.asarray(patients), return_inverse=True)[1].astype(np.int64)[self._rows]
        self._certain += self._distinct(numbers, certain[self._rows] & self._single)
        self._possible += self._distinct(numbers, possible[self._rows])
        return self

    def cells(self) -> Cells:
        """The cells so far, sorted by labels; only those that are possible at all."""
        found = np.flatnonzero(self._possible)
        places = np.unravel_index(self._keys[found], self._shape)
        columns = [[names[i] for i in place.tolist()] for names, place in zip(self._names, places, strict=True)]
        counts = map(Count, self._certain[found].tolist(), self._possible[found].tolist())
        return tuple(sorted(zip(zip(*columns, strict=True), counts, strict=True), key=_by_labels))

    def _sum(self, weights: Ints) -> Ints:
        return np.bincount(self._at, weights=weights, minlength=len(self._keys)).astype(np.int64)

    def _distinct(self, patients: Ints, chosen: npt.NDArray[np.bool_]) -> Ints:
        pairs = np.unique(patients[chosen] * len(self._keys) + self._at[chosen])
        return np.bincount(pairs % len(self._keys), minlength=len(self._keys)).astype(np.int64)


class _Labels:
    """Label sets of an axis as one flat array of label numbers, with the start and size of each set."""

    def __init__(self, axis: Axis) -> None:
        self.names: tuple[str, ...] = tuple(dict.fromkeys(label for labels in axis.sets for label in labels))
        numbers = {name: i for i, name in enumerate(self.names)}
        self.flat = np.array([numbers[label] for labels in axis.sets for label in labels], np.int64)
        self.sizes = np.array([len(labels) for labels in axis.sets], np.int64)
        self.starts = np.cumsum(self.sizes) - self.sizes
        self.codes = axis.codes


def _places(axes: Sequence[_Labels]) -> tuple[Ints, Ints]:
    """Every place of every row: its row number, and the key of the place over the labels of all axes."""
    rows = np.arange(len(axes[0].codes))
    keys = np.zeros(len(rows), np.int64)
    for axis in axes:
        codes = axis.codes[rows]
        sizes = axis.sizes[codes]
        if (sizes == 1).all():
            keys = keys * len(axis.names) + axis.flat[axis.starts[codes]]
            continue
        rows = np.repeat(rows, sizes)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        keys = np.repeat(keys, sizes) * len(axis.names) + axis.flat[np.repeat(axis.starts[codes], sizes) + within]
    return rows, keys


def _by_labels(cell: tuple[Labels, Count]) -> Labels:
    return cell[0]

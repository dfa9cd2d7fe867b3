"""A small frame as an array over its axes, so that a count is a few products of vectors.

Where a condition is an And of parts that each look at one field, a tumour matches for certain if it does on every
axis, and may match if it may on every axis. So the certain count is the array times one vector of 0 and 1 for each
axis, and the possible count likewise; a dimension of the table takes a matrix of labels in the place of its vector.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod

import numpy as np
import numpy.typing as npt

from gateway.model.answer import Labels
from gateway.model.query import And, Expr
from gateway.model.values import Count, Truth
from gateway.sources.snapshot.dictionaries import Outcomes
from gateway.sources.snapshot.truth import Columns
from gateway.sources.tabulate import Axis, Cells, Ints

Floats = npt.NDArray[np.float64]

WEIGHTS_KEPT = 512
SPARSE = 8
"""An array may have so many times as many places as the frame has rows,"""
SMALL = 1 << 16
"""or this many in any case."""


@dataclass(frozen=True, slots=True)
class Weights:
    """For each value of an axis, 1 where a part certainly holds, and where it may hold; the same where `exact`."""

    certain: Floats
    possible: Floats
    exact: bool

    def __mul__(self, other: Weights) -> Weights:
        certain = self.certain * other.certain
        exact = self.exact and other.exact
        return Weights(certain, certain if exact else self.possible * other.possible, exact)


@dataclass(frozen=True, slots=True)
class Margin:
    """Labels of an axis that is a dimension; the last column of each matrix is 1, for the total.

    Attributes
    ----------
    names
        Labels, sorted.
    single
        Value x label: 1 where the value stands under this label alone.
    every
        Value x label: 1 where the value may stand under it.
    """

    names: tuple[str, ...]
    single: Floats
    every: Floats
    exact: bool

    @classmethod
    def of(cls, axis: Axis) -> Margin:
        """Margin of the labels of an axis."""
        sets = [axis.sets[code] for code in axis.codes.tolist()]
        names = tuple(sorted({label for labels in sets for label in labels}))
        places = {name: i for i, name in enumerate(names)}
        every = np.zeros((len(sets), len(names) + 1))
        every[:, -1] = 1
        for row, labels in enumerate(sets):
            every[row, [places[label] for label in labels]] = 1
        single = every * (every.sum(axis=1, keepdims=True) == 2)
        single[:, -1] = 1
        return cls(names, single, every, all(len(labels) == 1 for labels in sets))


@dataclass(frozen=True, slots=True)
class Dense:
    """Counts over axes; the dimensions of the table come first, in their order.

    Attributes
    ----------
    axes
        Name of each axis: a field, or `class`.
    values
        For each axis, the columns of its values.
    """

    counts: Floats
    axes: tuple[str, ...]
    values: Mapping[str, Columns]
    margins: tuple[Margin, ...]
    labels: tuple[Labels, ...]
    kept: dict[Hashable, Weights] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Size in memory, with the weights that may be kept."""
        return int(self.counts.nbytes + WEIGHTS_KEPT * 16 * max(self.counts.shape, default=1))

    def weights(self, key: Hashable, make: Callable[[], Outcomes]) -> Weights:
        """Weights of a part of a condition, made once."""
        found = self.kept.get(key)
        if found is None:
            truth = make()
            exact = not bool((truth == Truth.POSSIBLE).any())
            certain = (truth == Truth.YES).astype(np.float64)
            found = Weights(certain, certain if exact else (truth != Truth.NO).astype(np.float64), exact)
            if len(self.kept) >= WEIGHTS_KEPT:
                self.kept.clear()
            self.kept[key] = found
        return found

    def count(self, weights: Mapping[str, Weights]) -> tuple[Count, Cells]:
        """Total and cells.

        Parameters
        ----------
        weights
            By axis; an axis without weights is asked nothing.
        """
        exact = all(each.exact for each in weights.values()) and all(margin.exact for margin in self.margins)
        certain = self._sum({name: each.certain for name, each in weights.items()}, certain=True)
        possible = certain if exact else self._sum({name: w.possible for name, w in weights.items()}, certain=False)
        total = Count(int(certain.flat[-1]), int(possible.flat[-1]))
        if not self.margins:
            return total, ()
        inner = (slice(-1),) * len(self.margins)
        lows, highs = certain[inner].ravel().tolist(), possible[inner].ravel().tolist()
        return total, tuple(
            (labels, Count(int(low), int(high)))
            for labels, low, high in zip(self.labels, lows, highs, strict=True)
            if high
        )

    def _sum(self, vectors: Mapping[str, Floats], *, certain: bool) -> Floats:
        """Sums by label of each dimension, with totals at the end of each axis."""
        found = self.counts
        for name in reversed(self.axes[len(self.margins) :]):
            vector = vectors.get(name)
            found = found @ (np.ones(found.shape[-1]) if vector is None else vector)
        for name, margin in zip(self.axes, self.margins, strict=False):
            matrix = margin.single if certain else margin.every
            vector = vectors.get(name)
            weighed = matrix if vector is None else vector[:, None] * matrix
            # The first axis goes and its labels come last, so that after all of them the order is that of the table.
            found = found @ weighed if found.ndim == 1 else np.tensordot(found, weighed, axes=(0, 0))
        return np.asarray(found)


NOT_DENSE = Dense(np.empty(0), (), {}, (), ())
"""Stands for an array that would be mostly empty."""


def dense(
    columns: Columns,
    tumours: npt.NDArray[np.int64],
    axes: Sequence[tuple[str, tuple[str, ...]]],
    labels: Mapping[str, Callable[[Columns], Axis]],
) -> Dense | None:
    """Array of a frame, or None if it would be mostly empty.

    Parameters
    ----------
    axes
        Names and columns, those of the dimensions first.
    labels
        For each axis that is a dimension, the labels of its values.
    """
    codes: list[Ints] = []
    values: dict[str, Columns] = {}
    for name, names in axes:
        rows = np.stack([np.asarray(columns[each], np.int64) for each in names], axis=1)
        found, code = np.unique(rows, axis=0, return_inverse=True)
        codes.append(code.reshape(-1))
        values[name] = {each: found[:, i] for i, each in enumerate(names)}
    shape = [len(next(iter(each.values()))) for each in values.values()]
    size = prod(shape)
    if not len(tumours) or size > max(SMALL, SPARSE * len(tumours)):
        return None
    at = np.ravel_multi_index(codes, shape) if codes else np.zeros(len(tumours), np.int64)
    counts = np.bincount(at, weights=tumours, minlength=size).astype(np.float64).reshape(shape)
    margins = tuple(Margin.of(make(values[name])) for name, make in labels.items())
    return Dense(counts, tuple(values), values, margins, tuple(product(*(margin.names for margin in margins))))


def parts(where: Expr) -> tuple[Expr, ...]:
    """Parts of a condition of which all must hold."""
    return where.items if isinstance(where, And) else (where,)

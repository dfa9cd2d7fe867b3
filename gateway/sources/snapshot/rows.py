"""Columns of all rows in memory, and the search for the next matches in them.

Rows stand in the order of ICCC-3 leaf and year, so what a question about some diagnoses can match lies in few zones of
neighbours. Columns are small integers; a snapshot with more rows than are kept is searched by SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import duckdb
import numpy as np

from gateway.model.values import Truth
from gateway.sources.kept import Kept
from gateway.sources.snapshot.counting import Question
from gateway.sources.snapshot.cube import ROWS_IN_MEMORY, ZONE, Ints
from gateway.sources.snapshot.dictionaries import Outcomes
from gateway.sources.snapshot.layout import select_list
from gateway.sources.snapshot.truth import Columns

COLUMN_BYTES = 128 << 20
ZONES_KEPT = 1 << 18
FIRST_ZONES = 2
MOST_ZONES = 64
"""Zones that are searched at a time: few first, for a page is often found at once."""

TruthOf = Callable[[Question, Columns], Outcomes]


class Rows:
    """Rows of one open snapshot.

    Parameters
    ----------
    size
        Number of rows.
    truth
        Truth of a question for rows with some columns.
    """

    def __init__(self, size: int, truth: TruthOf) -> None:
        self._size = size
        self._truth = truth
        self._columns: Kept[Ints] = Kept(COLUMN_BYTES, lambda column: column.nbytes)
        self._zones: tuple[Ints, Ints] | None = None
        self._searched: Kept[Ints] = Kept(ZONES_KEPT, len)

    def ready(self, question: Question) -> Columns | None:
        """Columns of a question if all are kept."""
        found = {name: self._columns.get(name) for name in _names(question)}
        kept = {name: column for name, column in found.items() if column is not None}
        return kept if len(kept) == len(found) else None

    def read(self, cursor: duckdb.DuckDBPyConnection, question: Question) -> Columns | None:
        """Columns of a question, read if need be; None if the rows are too many to keep."""
        if self._size > ROWS_IN_MEMORY:
            return None
        found = {name: self._columns.get(name) for name in _names(question)}
        missing = tuple(name for name, column in found.items() if column is None)
        # Rows lie in the order of case_no, from 0, and one thread keeps that order.
        read = cursor.execute(f"SELECT {select_list(missing)} FROM cases").fetchnumpy() if missing else {}
        added = {name: self._columns.put(name, np.asarray(column)) for name, column in read.items()}
        return {name: column for name, column in {**found, **added}.items() if column is not None}

    def after(self, question: Question, columns: Columns, after: int, wanted: int) -> Ints:
        """Positions of the next certain matches behind a position, at most `wanted`."""
        found: list[Ints] = [np.empty(0, np.int64)]
        room = wanted
        for low, high in self._stretches(question, columns, after + 1):
            part = {name: column[low:high] for name, column in columns.items()}
            classes = question.view.classes[part["dx"]] if "dx" in part else np.zeros(high - low, np.int8)
            found.append(np.flatnonzero(self._truth(question, {"class": classes, **part}) == Truth.YES) + low)
            room -= len(found[-1])
            if room <= 0:
                break
        return np.concatenate(found)[:wanted]

    def _stretches(self, question: Question, columns: Columns, start: int) -> Iterator[tuple[int, int]]:
        """First and last (excluded) row of stretches in which something can match, from a row on."""
        zones = self._candidates(question, columns)
        zones = zones[np.searchsorted(zones, start // ZONE) :]
        edges = np.flatnonzero(np.diff(zones) > 1) + 1
        step = FIRST_ZONES
        for first, last in pairwise((0, *edges.tolist(), len(zones))):
            at = first
            while at < last:
                end = min(at + step, last)
                low, high = int(zones[at]) * ZONE, (int(zones[end - 1]) + 1) * ZONE
                yield max(low, start), min(high, self._size)
                at, step = end, min(step * 2, MOST_ZONES)

    def _candidates(self, question: Question, columns: Columns) -> Ints:
        """Zones that hold a diagnosis which can match."""
        count = -(-self._size // ZONE)
        if "dx" not in columns or not count:
            return np.arange(count)
        key = question.sees[:2]
        kept = self._searched.get(key)
        if kept is not None:
            return kept
        if self._zones is None:
            starts = np.arange(0, self._size, ZONE)
            self._zones = np.minimum.reduceat(columns["dx"], starts), np.maximum.reduceat(columns["dx"], starts)
        before = np.concatenate(([0], np.cumsum(question.alive[question.view.classes])))
        return self._searched.put(key, np.flatnonzero(before[self._zones[1] + 1] > before[self._zones[0]]))


def _names(question: Question) -> tuple[str, ...]:
    return question.columns if question.view.number == 0 else ("dx", *question.columns)

"""Matches in order of a date or of age in days, found by rank.

One scan counts the matches of each value; the ranks wanted then tell the few values whose rows are read and sorted. So
no page sorts all rows, and any page can be the first one asked for. What is unknown comes last; rows of one value
stand in the order of `case_no`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt

from gateway.model.query import Order
from gateway.sources.kept import Kept
from gateway.sources.snapshot.counting import Counter, Question
from gateway.sources.snapshot.cube import Ints
from gateway.sources.snapshot.layout import LOW

RUN = 2048
"""Ranks that are found at a time, at least."""
WHOLE = 65_536
"""Up to this many rows are read for the values of a run; beyond it only those that are wanted."""
RANKINGS_KEPT = 16 << 20
RUNS_KEPT = 16 << 20
LAST = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Ranking:
    """How the matches of a question spread over the values they are ordered by.

    Attributes
    ----------
    values
        Distinct values in order, LOW (unknown) last.
    ends
        Number of matches up to and with each value.
    """

    values: Ints
    ends: npt.NDArray[np.int64]

    @property
    def size(self) -> int:
        """Number of matches."""
        return int(self.ends[-1]) if len(self.ends) else 0

    def begin(self, position: int) -> int:
        """Rank of the first match of a value."""
        return int(self.ends[position - 1]) if position else 0


@dataclass(frozen=True, slots=True)
class OrderedRun:
    """Row numbers of the matches from a rank on."""

    start: int
    numbers: Ints


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of the values at `first` to `last`: `most` of them after the first `skipped`."""

    first: int
    last: int
    skipped: int
    most: int


class OrderedMatches:
    """Finds matches by rank in one open snapshot."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._rankings: Kept[Ranking] = Kept(RANKINGS_KEPT, lambda each: each.values.nbytes + each.ends.nbytes)
        self._runs: Kept[OrderedRun] = Kept(RUNS_KEPT, lambda run: run.numbers.nbytes)

    def ranks(
        self, cursor: duckdb.DuckDBPyConnection, question: Question, order: Order, start: int, wanted: int
    ) -> Ints:
        """Row numbers of certain matches from a rank on, at most so many."""
        key = question.key, order
        ranking = self._rankings.get(key) or self._rankings.put(key, self._rank(cursor, question, order))
        stop = min(start + wanted, ranking.size)
        if start >= stop:
            return np.empty(0, np.int64)
        run = self._run(cursor, question, order, key, ranking, start, stop)
        return run.numbers[start - run.start : stop - run.start]

    def _rank(self, cursor: duckdb.DuckDBPyConnection, question: Question, order: Order) -> Ranking:
        certain, _ = self._counter.predicates(question)
        found = cursor.execute(
            f"SELECT {order.field}_lo AS value, count(*) AS n FROM cases WHERE {certain} GROUP BY ALL"
        ).fetchnumpy()
        positions = np.argsort(places(found["value"], order))
        return Ranking(found["value"][positions], np.cumsum(found["n"][positions]))

    def _run(
        self,
        cursor: duckdb.DuckDBPyConnection,
        question: Question,
        order: Order,
        key: Hashable,
        ranking: Ranking,
        start: int,
        stop: int,
    ) -> OrderedRun:
        """The run that is kept, if it holds these ranks, or a new one."""
        run = self._runs.get(key)
        if run is not None and run.start <= start and stop <= run.start + len(run.numbers):
            return run
        stop = min(max(stop, start + RUN), ranking.size)
        begin, pieces = _pieces(ranking, start, stop)
        numbers = [self._read(cursor, question, order, ranking, piece) for piece in pieces]
        return self._runs.put(key, OrderedRun(begin, np.concatenate(numbers)))

    def _read(
        self, cursor: duckdb.DuckDBPyConnection, question: Question, order: Order, ranking: Ranking, piece: Piece
    ) -> Ints:
        certain, _ = self._counter.predicates(question)
        column, values = f"{order.field}_lo", ranking.values[piece.first : piece.last + 1]
        known = values[values != LOW]
        asked = [f"{column} BETWEEN {known.min()} AND {known.max()}"] if len(known) else []
        asked += [f"{column} = {LOW}"] if len(known) < len(values) else []
        # Rows lie in the order of case_no and one thread keeps that order, so the scan ends at the limit.
        found = cursor.execute(
            f"SELECT case_no, {column} AS value FROM cases WHERE {certain} AND ({' OR '.join(asked)}) "
            f"LIMIT {piece.most} OFFSET {piece.skipped}"
        ).fetchnumpy()
        return found["case_no"][np.lexsort((found["case_no"], places(found["value"], order)))]


def places(values: Ints, order: Order) -> npt.NDArray[np.int64]:
    """A number for each value by which an ascending sort gives the order asked for."""
    known = values.astype(np.int64)
    return np.where(known == LOW, LAST, -known if order.descending else known)


def _pieces(ranking: Ranking, start: int, stop: int) -> tuple[int, tuple[Piece, ...]]:
    """What to read for ranks from `start` to before `stop`, and the rank that it begins with."""
    first, last = (int(np.searchsorted(ranking.ends, rank, "right")) for rank in (start, stop - 1))
    begin, end = ranking.begin(first), int(ranking.ends[last])
    if end - begin <= WHOLE:
        return begin, (Piece(first, last, 0, end - begin),)
    return start, tuple(_cut(ranking, first, last, start, stop))


def _cut(ranking: Ranking, first: int, last: int, start: int, stop: int) -> Iterator[Piece]:
    """The wanted ranks of the first value, all between, and the wanted ones of the last."""
    skipped = start - ranking.begin(first)
    if first == last:
        yield Piece(first, last, skipped, stop - start)
        return
    yield Piece(first, first, skipped, int(ranking.ends[first]) - start)
    if last - first > 1:
        yield Piece(first + 1, last - 1, 0, ranking.begin(last) - int(ranking.ends[first]))
    yield Piece(last, last, 0, stop - ranking.begin(last))

"""Small cells and complementary suppression in one table that leaves together with its total.

A cell is small when its certain count, or the most it can be, is 1 to k-1. What is withheld looks the same whether
it was small itself or protects another: low 0 and, where the total is shown, the remainder that anybody can compute.
In every line of the table (all labels but one fixed: its sum is the answer to another question) and in the whole
table, the withheld cells hold together at least k more than one each, so none of them can be told to within k-1;
where that cannot be had the total is withheld too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gateway.model.answer import Labels
from gateway.model.values import Count

Table = Mapping[Labels, Count]


@dataclass(frozen=True, slots=True)
class Protected:
    """Which cells are withheld, and whether the total must be."""

    withheld: frozenset[Labels]
    total_withheld: bool


def is_small(count: Count, k: int) -> bool:
    """Whether a count, or a bound of it, is 1 to k-1."""
    return 0 < count.low < k or (count.high is not None and 0 < count.high < k)


def widened(count: Count, k: int) -> Count:
    """Bounds put outwards to multiples of k; what is exact stays.

    Their difference is how many cases are not known, which is the count of another question: it may be 1 to k-1.
    """
    if count.low == count.high or k <= 1:
        return count
    return Count(count.low // k * k, None if count.high is None else -(-count.high // k) * k)


def protect(
    table: Table,
    total: Count,
    k_of: Callable[[Labels], int],
    k_total: int,
    wider: Mapping[int, Callable[[str], str]] | None = None,
) -> Protected:
    """Cells to withhold so that neither a cell nor a remainder of 1 to k-1 can be told.

    Parameters
    ----------
    table
        Cells with high > 0.
    total
        Sum of the table, shown beside it.
    k_of, k_total
        Smallest count that may be shown, by cell and for the total; 0 or 1 shows all.
    wider
        By axis, the wider label that a label belongs to (IV(a) to IV): their sum is the answer to another question.
    """
    withheld = {labels for labels, count in table.items() if is_small(count, k_of(labels))}
    if not withheld:
        return Protected(frozenset(), is_small(total, k_total))
    lines = list(_lines(table, wider or {}))
    changed = True
    while changed:
        changed = False
        for line in lines:
            extra = _complement(line, table, withheld, k_of)
            if extra is not None:
                withheld.add(extra)
                changed = True
    k = max(k_of(labels) for labels in withheld)
    exposed = _slack(withheld, table) < k
    return Protected(frozenset(withheld), exposed or is_small(total, k_total))


def _lines(table: Table, wider: Mapping[int, Callable[[str], str]]) -> Iterator[tuple[Labels, ...]]:
    """Whole table first, then the labels of each wider one, then every line of it."""
    yield tuple(table)
    width = len(next(iter(table)))
    for axis, label_of in wider.items():
        within: dict[Labels, list[Labels]] = defaultdict(list)
        for labels in table:
            within[(*labels[:axis], label_of(labels[axis]), *labels[axis + 1 :])].append(labels)
        yield from (tuple(members) for members in within.values())
    for axis in range(width if width > 1 else 0):
        groups: dict[Labels, list[Labels]] = defaultdict(list)
        for labels in table:
            groups[labels[:axis] + labels[axis + 1 :]].append(labels)
        yield from (tuple(members) for members in groups.values())


def _complement(
    line: tuple[Labels, ...], table: Table, withheld: set[Labels], k_of: Callable[[Labels], int]
) -> Labels | None:
    """Next cell to withhold in a line that gives a withheld cell away, None if it is safe or nothing is left."""
    hidden = [labels for labels in line if labels in withheld]
    if not hidden or _slack(hidden, table) >= max(k_of(labels) for labels in hidden):
        return None
    shown = [labels for labels in line if labels not in withheld]
    return min(shown, key=lambda labels: (table[labels].low, labels), default=None)


def _slack(hidden: list[Labels] | set[Labels], table: Table) -> int:
    """How far the withheld cells can move against each other: what they hold beyond one each."""
    if len(hidden) < 2:
        return 0
    return sum(table[labels].low for labels in hidden) - len(hidden)

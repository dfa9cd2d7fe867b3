"""Small cells and complementary suppression: what is withheld cannot be computed from what is shown."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.disclosure.suppress import protect
from gateway.model.answer import Labels
from gateway.model.values import ZERO, Count

K = 5
SEXES = ("female", "male", "unknown")
BANDS = ("0", "1-4", "5-9", "10-14")


def exact(n: int) -> Count:
    return Count(n, n)


def total_of(table: dict[Labels, Count]) -> Count:
    total = ZERO
    for count in table.values():
        total = total + count
    return total


tables = st.dictionaries(
    st.tuples(st.sampled_from(SEXES), st.sampled_from(BANDS)), st.integers(1, 30).map(exact), min_size=1
)


@given(tables)
@settings(max_examples=300)
def test_no_cell_of_one_to_four_is_shown(table: dict[Labels, Count]) -> None:
    protected = protect(table, total_of(table), lambda _: K, K)
    assert all(count.low >= K for labels, count in table.items() if labels not in protected.withheld)


@given(tables)
@settings(max_examples=300)
def test_the_remainder_of_the_total_never_tells_a_withheld_cell_to_within_k(table: dict[Labels, Count]) -> None:
    total = total_of(table)
    protected = protect(table, total, lambda _: K, K)
    if not protected.withheld or protected.total_withheld:
        return
    remainder = total.low - sum(c.low for labels, c in table.items() if labels not in protected.withheld)
    assert len(protected.withheld) >= 2
    most = remainder - (len(protected.withheld) - 1)
    assert most - 1 >= K - 1


@given(tables)
@settings(max_examples=300)
def test_no_line_of_the_table_hides_a_single_cell_beside_shown_ones(table: dict[Labels, Count]) -> None:
    protected = protect(table, total_of(table), lambda _: K, K)
    for axis in (0, 1):
        for label in {labels[axis] for labels in table}:
            line = {labels for labels in table if labels[axis] == label}
            hidden = line & protected.withheld
            if hidden and hidden != line:
                slack = sum(table[labels].low for labels in hidden) - len(hidden)
                assert len(hidden) >= 2
                assert slack >= K


def test_without_small_cells_nothing_is_withheld() -> None:
    table = {("female", "0"): exact(7), ("male", "0"): exact(12)}
    protected = protect(table, exact(19), lambda _: K, K)
    assert not protected.withheld
    assert not protected.total_withheld


def test_a_single_small_cell_takes_the_smallest_neighbour_with_it() -> None:
    table = {("a",): exact(3), ("b",): exact(9), ("c",): exact(40)}
    assert protect(table, exact(52), lambda _: K, K).withheld == {("a",), ("b",)}


def test_where_no_neighbour_is_left_the_total_is_withheld_too() -> None:
    protected = protect({("a",): exact(3)}, exact(3), lambda _: K, K)
    assert protected.total_withheld


def test_a_bound_of_one_to_four_is_small_too() -> None:
    table = {("a",): Count(0, 3), ("b",): exact(9), ("c",): exact(40)}
    assert ("a",) in protect(table, Count(49, 52), lambda _: K, K).withheld


def test_a_threshold_of_zero_shows_everything() -> None:
    assert not protect({("a",): exact(1)}, exact(1), lambda _: 0, 0).withheld

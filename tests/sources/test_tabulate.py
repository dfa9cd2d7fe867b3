"""Folding of grouped rows into cells, against the plain rule: certain in a single place, possible in every place."""

from __future__ import annotations

from collections import defaultdict
from itertools import product

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from gateway.model.values import Count
from gateway.sources import tabulate as module
from gateway.sources.tabulate import (
    age_band_labels,
    axis_of,
    integer_labels,
    tabulate_patients,
    tabulate_sets,
)

SETS = st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True).map(tuple)
ROWS = st.lists(st.tuples(st.tuples(SETS, SETS), st.integers(0, 4), st.integers(0, 3)), max_size=12)


@pytest.mark.parametrize("dense", [1 << 20, 0])
def test_cells_are_those_of_the_plain_rule(dense: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DENSE_CELLS", dense)

    @given(ROWS)
    def check(drawn: list[tuple[tuple[tuple[str, ...], tuple[str, ...]], int, int]]) -> None:
        rows = [(sets, certain, certain + more) for sets, certain, more in drawn]
        low: dict[tuple[str, ...], int] = defaultdict(int)
        high: dict[tuple[str, ...], int] = defaultdict(int)
        for sets, certain, possible in rows:
            places = list(product(*sets))
            for place in places:
                high[place] += possible
            if len(places) == 1:
                low[places[0]] += certain
        expected = {place: Count(low[place], number) for place, number in high.items() if number}
        found = tabulate_sets(rows)
        assert dict(found) == expected
        assert [labels for labels, _ in found] == sorted(expected)

    check()


def test_a_patient_counts_once_in_each_cell() -> None:
    axis = axis_of([("x",), ("x",), ("y",), ("x", "y"), ("x",)])
    certain = np.array([True, True, False, True, True])
    possible = np.array([True, True, True, True, True])
    cells = tabulate_patients([axis], certain, possible, [7, 7, 7, 8, 9])
    assert cells == ((("x",), Count(2, 3)), (("y",), Count(0, 2)))


def test_an_interval_stands_under_every_label_it_touches() -> None:
    assert integer_labels(2009, 2011) == ("2009", "2010", "2011")
    assert integer_labels(None, None) == ("unknown",)
    assert age_band_labels(4, 5) == ("1-4", "5-9")
    assert age_band_labels(0, 30) == ("0", "1-4", "5-9", "10-14", "15-19", "20+")
    assert age_band_labels(None, None) == ("unknown",)

"""The algebra of box sets against plain Python sets of (morphology, topography, behaviour)."""

from __future__ import annotations

import pickle
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from terminology import BEHAVIOURS, MORPHOLOGIES, TOPOGRAPHIES, Box, BoxSet, Equivalence, UnknownCode
from terminology.boxes import BEHAVIOUR_INDEX, CELLS, MORPHOLOGY_INDEX, SHAPE, TOPOGRAPHY_INDEX

Cell = tuple[int, str, int]

# A corner of the grid with neighbours, a gap and both ends, where sets often touch.
MORPHS = (MORPHOLOGIES[0], 9490, 9491, 9500, 9501, MORPHOLOGIES[-1])
TOPOS = ("C00.0", "C74.0", "C74.1", "C74.9", "C75.0", "C80.9")
BEHAVS = (0, 1, 3, 9)
UNIVERSE = list(product(MORPHS, TOPOS, BEHAVS))

small_cells = st.sets(st.sampled_from(UNIVERSE), max_size=40)


@st.composite
def small_boxes(draw: st.DrawFn) -> Box:
    """A box of the real axes with at most 8 x 8 x 6 cells."""
    m = draw(st.integers(0, len(MORPHOLOGIES) - 1))
    t = draw(st.integers(0, len(TOPOGRAPHIES) - 1))
    last_m = min(m + draw(st.integers(0, 7)), len(MORPHOLOGIES) - 1)
    last_t = min(t + draw(st.integers(0, 7)), len(TOPOGRAPHIES) - 1)
    behaviours = draw(st.frozensets(st.sampled_from(BEHAVIOURS), min_size=1))
    return Box(MORPHOLOGIES[m], MORPHOLOGIES[last_m], TOPOGRAPHIES[t], TOPOGRAPHIES[last_t], behaviours)


box_lists = st.lists(small_boxes(), max_size=4)


def of_cells(cells: set[Cell]) -> BoxSet:
    found = BoxSet.empty()
    for cell in sorted(cells):
        found |= BoxSet.point(*cell)
    return found


def cells_of(boxes: BoxSet) -> set[Cell]:
    return {(MORPHOLOGIES[m], TOPOGRAPHIES[t], BEHAVIOURS[b]) for m, t, b in np.argwhere(boxes.mask()).tolist()}


def cells_in(box: Box) -> set[Cell]:
    morphologies = [m for m in MORPHOLOGIES if box.morph_lo <= m <= box.morph_hi]
    topographies = [t for t in TOPOGRAPHIES if box.topo_lo <= t <= box.topo_hi]
    return set(product(morphologies, topographies, box.behaviours))


def union_of(boxes: list[Box]) -> set[Cell]:
    return set().union(*map(cells_in, boxes))


def relation_of(left: set[Cell], right: set[Cell]) -> str:
    if left == right:
        return "equal"
    if not left & right:
        return "disjoint"
    if left > right:
        return "wider"
    return "narrower" if left < right else "inexact"


@settings(max_examples=60, deadline=None)
@given(small_cells, small_cells)
def test_the_algebra_is_that_of_sets_in_a_corner_where_sets_touch(left: set[Cell], right: set[Cell]) -> None:
    check_algebra(of_cells(left), of_cells(right), left, right)


@settings(max_examples=60, deadline=None)
@given(box_lists, box_lists)
def test_the_algebra_is_that_of_sets_on_the_real_axes(left: list[Box], right: list[Box]) -> None:
    check_algebra(BoxSet.of(left), BoxSet.of(right), union_of(left), union_of(right))


def check_algebra(a: BoxSet, b: BoxSet, left: set[Cell], right: set[Cell]) -> None:
    assert cells_of(a) == left
    assert cells_of(a | b) == left | right
    assert cells_of(a & b) == left & right
    assert cells_of(a - b) == left - right
    assert (a <= b) == (left <= right)
    assert (a == b) == (left == right)
    assert (hash(a) == hash(b)) or left != right
    assert a.overlaps(b) == bool(left & right)
    assert bool(a) == bool(left)
    assert len(a) == len(left)
    assert a.relation(b) == relation_of(left, right)


@settings(max_examples=40, deadline=None)
@given(box_lists, box_lists)
def test_complement_obeys_its_laws(left: list[Box], right: list[Box]) -> None:
    a, b = BoxSet.of(left), BoxSet.of(right)
    assert len(~a) == CELLS - len(a)
    assert not a & ~a
    assert a | ~a == BoxSet.everything()
    assert ~~a == a
    assert ~(a | b) == ~a & ~b
    assert ~(a & b) == ~a | ~b
    assert a - b == a & ~b


@settings(max_examples=40, deadline=None)
@given(box_lists)
def test_the_canonical_form_is_the_same_for_the_same_set_and_gives_it_back(boxes: list[Box]) -> None:
    found = BoxSet.of(boxes)
    canonical = found.boxes()
    assert BoxSet.of(canonical) == found
    assert sum(len(cells_in(box)) for box in canonical) == len(found), "boxes do not overlap"
    shuffled = BoxSet.empty()
    for box in reversed(boxes):
        shuffled |= BoxSet.where(
            [m for m in MORPHOLOGIES if box.morph_lo <= m <= box.morph_hi],
            [t for t in TOPOGRAPHIES if box.topo_lo <= t <= box.topo_hi],
            box.behaviours,
        )
    assert shuffled.boxes() == canonical


@settings(max_examples=40, deadline=None)
@given(box_lists)
def test_mask_and_set_are_two_forms_of_one_thing(boxes: list[Box]) -> None:
    found = BoxSet.of(boxes)
    mask = found.mask()
    assert mask.shape == SHAPE
    assert not mask.flags.writeable
    assert BoxSet.from_mask(mask) == found
    assert pickle.loads(pickle.dumps(found)) == found


def test_a_bit_stands_where_the_layout_says() -> None:
    m, t, b = MORPHOLOGY_INDEX[9500], TOPOGRAPHY_INDEX["C74.9"], BEHAVIOUR_INDEX[3]
    assert BoxSet.point(9500, "C74.9", 3).bits == 1 << ((m * SHAPE[1] + t) * SHAPE[2] + b)


def test_a_part_that_is_not_said_is_any() -> None:
    assert BoxSet.where() == BoxSet.everything()
    assert len(BoxSet.everything()) == CELLS
    assert len(BoxSet.where([9500])) == 330 * 6
    assert BoxSet.where(topographies=["C74"]) == BoxSet.where(topographies=["C74.0", "C74.1", "C74.9"])
    assert BoxSet.where(behaviours=[]) == BoxSet.empty()


def test_the_words_for_people() -> None:
    assert BoxSet.empty().text() == "nothing"
    assert BoxSet.everything().text() == "any morphology at any site"
    assert BoxSet.where([9490, 9500], None, [3]).text() == "9490/3 at any site; 9500/3 at any site"
    assert BoxSet.where([9500], ["C74"], [0, 1]).text() == "9500/0,1 at C74.0-C74.9"
    assert BoxSet.point(9500, "C74.9", 3).text() == "9500/3 at C74.9"
    assert repr(BoxSet.point(9500, "C74.9", 3)) == "BoxSet(1 cells)"


def test_a_range_means_the_known_codes_between_its_ends() -> None:
    # 9492, 9493 exist, 9494-9499 do not; nor do C43 and C45-C46.
    found = BoxSet.of([Box(9494, 9500, "C43.0", "C47.0", frozenset({3}))])
    assert found == BoxSet.where([9500], ["C44", "C47.0"], [3])


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: BoxSet.point(9999, "C74.9", 3), "9999"),
        (lambda: BoxSet.point(9500, "C14.1", 3), "C14.1"),
        (lambda: BoxSet.point(9500, "C74.9", 4), "4"),
    ],
)
def test_a_code_that_is_on_no_axis_is_refused(make: object, code: str) -> None:
    with pytest.raises(UnknownCode) as refused:
        make()  # type: ignore[operator]
    assert refused.value.code == code


def test_nothing_is_disjoint_from_everything_but_itself() -> None:
    assert BoxSet.empty().relation(BoxSet.empty()) is Equivalence.EQUAL
    assert BoxSet.empty().relation(BoxSet.everything()) is Equivalence.DISJOINT
    assert str(BoxSet.everything().relation(BoxSet.point(9500, "C74.9", 3))) == "wider"

"""Released tables side by side: what is masked beyond each of them, and what is refused."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from gateway.access.requester import ANONYMOUS
from gateway.disclosure.released import ReleasedAnswer
from gateway.disclosure.together import FAMILIES, MASKED, NONE, UNTOLD, cell, check_apart, nested, side_by_side
from gateway.doors.statistics.parse import parse_text
from gateway.errors import BadQuestion, SourceUnavailable
from gateway.federation.gateway import Gateway
from gateway.model.fields import DIMENSIONS, FIELD_OF_DIMENSION
from tests.federation.doubles import ListSource, case, gateway_of


def ask(gateway: Gateway, text: str) -> ReleasedAnswer:
    return asyncio.run(gateway.ask(parse_text(text), ANONYMOUS))


def few(*sexes: str, policy: str = "count") -> Gateway:
    return gateway_of(ListSource("a", [case(i, "a", sex=sex) for i, sex in enumerate(sexes)]), policy=policy)


def test_open_tables_stand_side_by_side_as_they_are_but_for_the_counts_of_sources() -> None:
    gateway = few("male", "female", policy="open")
    answers = [ask(gateway, f"by={name}") for name in ("sex", "behaviour")]
    found = side_by_side(answers)
    assert [answer.cells for answer in found] == [answer.cells for answer in answers]
    assert [answer.total for answer in found] == [answer.total for answer in answers]
    assert all(source.total is None for answer in found for source in answer.sources)


def test_a_total_that_one_table_withholds_masks_all() -> None:
    gateway = few("male", "male", "male", "male", "female", "female")
    by_sex, by_behaviour = (ask(gateway, f"by={name}") for name in ("sex", "behaviour"))
    assert by_behaviour.total.low == 6
    found = side_by_side([by_sex, by_behaviour])
    assert {count for answer in found for _, count in answer.cells} == {MASKED}
    assert {(answer.total, answer.exists) for answer in found} == {(MASKED, None)}
    assert [[labels for labels, _ in answer.cells] for answer in found] == [[("female",), ("male",)], [("3",)]]


@pytest.mark.parametrize("family", FAMILIES)
def test_tables_that_share_more_than_their_total_are_refused(family: frozenset[str]) -> None:
    gateway = few("male", policy="open")
    with pytest.raises(BadQuestion):
        side_by_side([ask(gateway, f"by={name}") for name in sorted(family)])
    with pytest.raises(BadQuestion):
        check_apart(["sex", "sex"])
    check_apart([min(family), "sex", "year"])


def test_every_family_of_dimensions_is_known() -> None:
    made = {
        frozenset({name, other})
        for name in DIMENSIONS
        for other in DIMENSIONS
        if name < other
        if FIELD_OF_DIMENSION.get(name, name) == FIELD_OF_DIMENSION.get(other, other)
    }
    assert made <= set(FAMILIES)


def test_a_margin_is_not_shown_beside_the_table_it_is_the_margin_of() -> None:
    gateway = few("male", "female", policy="open")
    with pytest.raises(BadQuestion):
        side_by_side([ask(gateway, "by=sex,year"), ask(gateway, "by=sex")])


def test_tables_of_different_sources_or_snapshots_are_refused() -> None:
    gateway = few("male", policy="open")
    one, other = ask(gateway, "by=sex"), ask(gateway, "by=year")
    later = tuple(dataclasses.replace(source, snapshot="later") for source in other.sources)
    with pytest.raises(SourceUnavailable):
        side_by_side([one, dataclasses.replace(other, sources=later)])
    with pytest.raises(SourceUnavailable):
        side_by_side([one, dataclasses.replace(other, sources=())])


def test_a_label_that_is_not_in_the_table_is_none_only_where_that_is_certain() -> None:
    assert cell(ask(few("male", policy="open"), "by=sex"), ("female",)) == NONE
    assert cell(ask(few(*["male"] * 3), "by=sex"), ("female",)) == NONE
    assert cell(ask(few(*["male"] * 9, policy="existence"), "by=sex"), ("male",)) == MASKED
    broken = dataclasses.replace(few("male", policy="open"), broken={"b": "gone"})
    assert cell(ask(broken, "by=sex"), ("female",)) == UNTOLD


def test_subgroups_are_shown_where_all_of_them_and_their_group_are() -> None:
    gateway = few(*["male"] * 6, *["female"] * 2)
    outer, inner = ask(gateway, "by=behaviour"), ask(gateway, "by=sex")
    assert set(nested(outer, inner, {"3": ("male", "female", "other")}).values()) == {outer.total, MASKED}
    assert nested(outer, inner, {"3": ()}) == {"3": outer.total}
    opened = nested(
        ask(few("male", policy="open"), "by=behaviour"),
        ask(few("male", policy="open"), "by=sex"),
        {"3": ("male", "female")},
    )
    assert [count.low for count in opened.values()] == [1, 1, 0]

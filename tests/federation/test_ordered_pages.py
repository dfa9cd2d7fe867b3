"""Ordered pages over all sources: each record once, in order, and never an order that tells what is not shown."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.requester import ANONYMOUS, Requester
from gateway.disclosure.released import ReleasedAnswer
from gateway.errors import BadQuestion, SourceUnavailable
from gateway.federation.cursor import Cursor, Places, decode, encode
from gateway.federation.gateway import Gateway
from gateway.model.answer import SourceAnswer
from gateway.model.capability import Granularity
from gateway.model.dates import UNKNOWN_DATE, Age, DateInterval
from gateway.model.order import order_key
from gateway.model.query import And, CaseQuery, OneOf, Order, Page, RecordIn
from gateway.sources.base import Deadline
from gateway.sources.testing import ORDERS, MemorySource
from tests.federation.doubles import TERMINOLOGY, case, gateway_of

OWNER = Requester("owner", "owner")
DATES = st.sampled_from(
    [
        DateInterval.of(2010, 5, 1),
        DateInterval.of(2010, 5),
        DateInterval.of(2010),
        DateInterval.of(2011, 1, 2),
        UNKNOWN_DATE,
    ]
)
AGES = st.sampled_from([Age((0, 0), (0, 0)), Age((5, 5), (2000, 2000)), Age((5, 5), (1826, 2191)), Age(None, None)])


@st.composite
def registries(draw: st.DrawFn) -> tuple[MemorySource, ...]:
    """Three registries with many ties; one of them is empty."""
    sources = []
    for name, most in (("a", 8), ("b", 8), ("c", 0)):
        drawn = draw(st.lists(st.tuples(DATES, AGES), max_size=most))
        cases = [case(i, name, incidence=date, age=age) for i, (date, age) in enumerate(drawn)]
        sources.append(MemorySource(name, tuple(cases), TERMINOLOGY))
    return tuple(sources)


def page(gateway: Gateway, query: CaseQuery, cursor: str | None = None, who: Requester = ANONYMOUS) -> ReleasedAnswer:
    return asyncio.run(gateway.ask(query, who, granularity=Granularity.RECORD, cursor=cursor))


def walk(gateway: Gateway, query: CaseQuery) -> list[list[str]]:
    pages, cursor = [], None
    while True:
        answer = page(gateway, query, cursor)
        pages.append([found.id for found in answer.cases])
        cursor = answer.next_cursor
        if cursor is None:
            return pages


def in_order(sources: Sequence[MemorySource], order: Order) -> list[str]:
    listed = [(order_key(each, order), source.id, each) for source in sources for each in source.cases]
    return [f"{name}.{each.case_id}" for _, name, each in sorted(listed, key=lambda found: found[:2])]


@settings(deadline=None, max_examples=60)
@given(registries(), st.sampled_from(ORDERS))
def test_following_the_links_gives_each_record_once_and_in_order(
    sources: tuple[MemorySource, ...], order: Order
) -> None:
    gateway = gateway_of(*sources, deadline_seconds=30)
    expected = in_order(sources, order)
    for limit in (1, 3, 50):
        pages = walk(gateway, CaseQuery(page=Page(limit=limit, order=order)))
        assert [name for found in pages for name in found] == expected
        assert all(len(found) == limit for found in pages[:-1])
        assert pages[-1] or not expected, "a further page was announced and is empty"


def two() -> list[MemorySource]:
    return [MemorySource(name, tuple(case(i, name) for i in range(3)), TERMINOLOGY) for name in ("a", "b")]


@pytest.mark.parametrize(("order", "field"), [("date", "incidence")])
def test_an_order_by_what_a_source_does_not_show_is_refused_with_its_name(order: str, field: str) -> None:
    gateway = gateway_of(*two(), b="count")
    query = CaseQuery(page=Page(order=Order(order)))
    with pytest.raises(BadQuestion, match=f"source b does not show {field}") as caught:
        page(gateway, query, who=OWNER)
    assert caught.value.where == "order"
    assert field in str(caught.value.expected)
    only_a = replace(query, where=OneOf("source", frozenset({"a"})))
    assert len(page(gateway, only_a, who=OWNER).cases) == 3
    assert len(page(gateway, CaseQuery(page=Page(order=Order("age_days"))), who=OWNER).cases) == 6


def test_a_source_that_gives_only_counts_does_not_stand_in_the_way_of_an_order() -> None:
    answer = page(gateway_of(*two(), b="count"), CaseQuery(page=Page(order=Order("date"))))
    assert [found.source for found in answer.cases] == ["a"] * 3


@pytest.mark.parametrize("wanted", [Page("patient", order=Order("date")), Page(order=Order("sex"))])
def test_an_order_that_does_not_exist_is_refused_by_name(wanted: Page) -> None:
    with pytest.raises(BadQuestion, match="have no order by") as caught:
        page(gateway_of(*two()), CaseQuery(page=wanted))
    assert caught.value.where == "order"


def test_a_token_of_another_order_is_refused() -> None:
    gateway = gateway_of(*two())
    first = page(gateway, CaseQuery(page=Page(limit=2, order=Order("date"))))
    for other in (Page(limit=2), Page(limit=2, order=Order("date", descending=True))):
        with pytest.raises(BadQuestion, match="another question"):
            page(gateway, CaseQuery(page=other), first.next_cursor)


@dataclass
class Failing(MemorySource):
    """A source that counts and gives no records after its first page."""

    async def answer(self, query: CaseQuery, deadline: Deadline) -> SourceAnswer:
        if query.page and query.page.after:
            raise TimeoutError
        return await super().answer(query, deadline)


def test_an_ordered_page_that_lacks_a_source_is_never_shown() -> None:
    healthy, _ = two()
    gateway = gateway_of(healthy, Failing("b", tuple(case(i, "b") for i in range(3)), TERMINOLOGY))
    query = CaseQuery(page=Page(limit=4, order=Order("date")))
    first = page(gateway, query)
    assert len(first.cases) == 4
    with pytest.raises(SourceUnavailable, match="source b"):
        page(gateway, query, first.next_cursor)


def test_a_token_holds_positions_and_no_value_of_a_record() -> None:
    snapshots = {f"registry-{i}": f"s{i}" for i in range(40)}
    places = Places({name: 1234 if i % 2 else None for i, name in enumerate(snapshots)})
    token = encode(places, "question", snapshots, b"key")
    assert decode(token, "question", snapshots, b"key") == places
    assert len(token) < 400
    cursor = Cursor("registry-1", 7)
    assert decode(encode(cursor, "question", snapshots, b"key"), "question", snapshots, b"key") == cursor


def test_records_by_id_are_asked_of_their_own_registries() -> None:
    gateway = gateway_of(*two())
    named = RecordIn("case", frozenset({"a.c0", "a.c2", "b.c1", "b.c9", "elsewhere.c0", "c0"}))
    answer = page(gateway, CaseQuery(named, page=Page()))
    assert [found.id for found in answer.cases] == ["a.c0", "a.c2", "b.c1"]
    assert (answer.total.low, answer.total.high) == (3, 3)
    one = replace(named, ids=frozenset({"b.c1"}))
    alone = page(gateway, CaseQuery(And((one, OneOf("source", frozenset({"a"})))), page=Page()))
    assert (alone.total.high, alone.cases) == (0, ())

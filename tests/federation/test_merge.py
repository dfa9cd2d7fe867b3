"""Count algebra: a registry split into several answers as if it were whole."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.requester import ANONYMOUS
from gateway.doors.statistics.parse import parse_text
from gateway.federation.merge import add, may_overlap, overlap_groups
from gateway.model.capability import Coverage
from gateway.model.case import Case, Diagnosis
from gateway.model.dates import Age, DateInterval
from gateway.model.values import Absent, Count
from tests.federation.doubles import ListSource, case, gateway_of

QUESTIONS = (
    "diagnosis=ICCC3:IV(a)&by=sex",
    "age=0..4&by=age_band,sex",
    "diagnosis=ICCC3:III&sex!=male&by=iccc_group",
    "year=2010..2014&by=year",
    "behaviour=3",
)
counts = st.builds(
    lambda low, more: Count(low, None if more is None else low + more),
    st.integers(0, 50),
    st.none() | st.integers(0, 9),
)


@st.composite
def cases(draw: st.DrawFn) -> list[Case]:
    size = draw(st.integers(0, 12))
    return [
        case(
            number,
            diagnosis=draw(
                st.sampled_from(
                    [Diagnosis("C74.9", 9500, 3), Diagnosis("C71", 9421, Absent.UNKNOWN), Diagnosis("C64.9", 8960, 3)]
                )
            ),
            sex=draw(st.sampled_from(["male", "female", Absent.UNKNOWN])),
            age=draw(st.sampled_from([Age((3, 3), None), Age((4, 5), None), Age(None, None)])),
            incidence=draw(st.sampled_from([DateInterval.of(2012), DateInterval.of(2014, 12, 31)])),
        )
        for number in range(size)
    ]


@given(cases(), st.sampled_from(QUESTIONS), st.integers(1, 4))
@settings(max_examples=150, deadline=None)
def test_a_registry_in_parts_gives_the_same_numbers_as_the_whole(found: list[Case], text: str, parts: int) -> None:
    whole = gateway_of(ListSource("whole", found), deadline_seconds=30)
    split = gateway_of(*(ListSource(f"p{i}", found[i::parts]) for i in range(parts)), deadline_seconds=30)
    one, many = (asyncio.run(gateway.ask(parse_text(text), ANONYMOUS)) for gateway in (whole, split))
    assert one.total == many.total
    assert one.cells == many.cells


@given(st.dictionaries(st.sampled_from("abcdef"), counts, min_size=1))
def test_an_unknown_bound_stays_unknown_and_sums_hold_every_part(parts: dict[str, Count]) -> None:
    apart = tuple(frozenset({name}) for name in parts)
    together = (frozenset(parts),)
    total, widened = add(parts, apart), add(parts, together)
    assert total.low == sum(count.low for count in parts.values())
    assert (total.high is None) == any(count.high is None for count in parts.values())
    assert widened.low == max(count.low for count in parts.values())
    assert widened.high == total.high


@given(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["DE", "FR", None]), min_size=1))
def test_overlap_groups_hold_each_source_once(countries: dict[str, str | None]) -> None:
    groups = overlap_groups({name: Coverage(country=country) for name, country in countries.items()})
    assert sorted(name for group in groups for name in group) == sorted(countries)
    for group in groups:
        assert len({countries[name] for name in group}) == 1


def test_years_apart_or_no_country_do_not_overlap() -> None:
    early, late = Coverage(country="DE", years=(1990, 1999)), Coverage(country="DE", years=(2000, 2009))
    assert not may_overlap("a", early, "b", late)
    assert not may_overlap("a", Coverage(), "b", Coverage())
    assert may_overlap("a", Coverage(overlaps=frozenset({"b"})), "b", late)


def test_the_note_on_overlap_names_no_source_that_the_question_leaves_out() -> None:
    sources = [ListSource(name, [case(1)], Coverage(country="DE")) for name in ("one", "two", "three")]
    gateway = gateway_of(*sources)
    whole = asyncio.run(gateway.ask(parse_text("behaviour=3"), ANONYMOUS))
    assert any("one, three, two may hold" in note for note in whole.notes)
    two = asyncio.run(gateway.ask(parse_text("source=one,two"), ANONYMOUS))
    assert any(note.startswith("one, two may hold") for note in two.notes)
    one = asyncio.run(gateway.ask(parse_text("source=one"), ANONYMOUS))
    assert not [note for note in one.notes if "may hold" in note]

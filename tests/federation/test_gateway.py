"""One question to many sources: every source is named, and nothing counts as a silent zero."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.access.requester import ANONYMOUS, Requester
from gateway.disclosure.released import ReleasedAnswer
from gateway.doors.statistics.parse import parse_text
from gateway.errors import BadQuestion, Expired, SourceUnavailable, TooCostly, UnknownTerm, Unsupported
from gateway.federation.gateway import Gateway
from gateway.model.answer import Status
from gateway.model.capability import Coverage, Granularity
from gateway.model.case import Diagnosis
from gateway.model.dates import Age, DateInterval
from gateway.model.query import CaseQuery, Page
from gateway.model.values import Absent, Precision
from tests.federation.doubles import Failing, ListSource, Silent, case, gateway_of

NEUROBLASTOMA = "diagnosis=ICCC3:IV(a)&age=0..14&year=2010..2019"


def ask(gateway: Gateway, text: str, **options: object) -> ReleasedAnswer:
    return asyncio.run(gateway.ask(parse_text(text), ANONYMOUS, **options))  # type: ignore[arg-type]


def by_id(answer: ReleasedAnswer) -> dict[str, object]:
    return {source.id: source for source in answer.sources}


def test_counts_of_all_sources_add_up_and_each_is_named() -> None:
    gateway = gateway_of(ListSource("a", [case(1), case(2)]), ListSource("b", [case(3)]))
    answer = ask(gateway, f"{NEUROBLASTOMA}&by=source,sex")
    assert (answer.total.low, answer.total.high, answer.total.precision) == (3, 3, Precision.EXACT)
    assert [(labels, count.low) for labels, count in answer.cells] == [(("a", "female"), 2), (("b", "female"), 1)]
    assert [source.status for source in answer.sources] == [Status.OK, Status.OK]
    assert answer.sources[0].translation[0].rows == "iccc3_2017 rows 151-152"


def test_a_timed_out_registry_is_named_and_never_counts_as_zero() -> None:
    answer = ask(gateway_of(ListSource("a", [case(1)]), Silent("b", [])), f"{NEUROBLASTOMA}&by=sex")
    assert by_id(answer)["b"].status is Status.TIMEOUT  # type: ignore[attr-defined]
    assert (answer.total.low, answer.total.high) == (1, None)
    assert answer.cells[0][1].high is None


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RuntimeError("patient 4711"), Status.ERROR),
        (SourceUnavailable("the database is gone"), Status.ERROR),
        (Unsupported("only counts boys"), Status.UNSUPPORTED),
    ],
)
def test_a_source_that_fails_is_named_without_what_it_said_of_patients(error: Exception, status: Status) -> None:
    answer = ask(gateway_of(ListSource("a", [case(1)]), Failing("b", [], error=error)), NEUROBLASTOMA)
    source = answer.sources[1]
    assert source.status is status
    assert "4711" not in (source.reason or "")
    assert answer.total.high is None


def test_a_source_that_could_not_be_opened_stands_in_every_answer() -> None:
    gateway = gateway_of(ListSource("a", [case(1)]))
    broken = Gateway(**{**vars(gateway), "broken": {"z": "no snapshot yet"}})
    answer = ask(broken, NEUROBLASTOMA)
    assert [(s.id, s.status) for s in answer.sources] == [("a", Status.OK), ("z", Status.ERROR)]
    assert answer.total.high is None


def test_a_source_that_keeps_failing_is_not_asked_for_a_while_and_the_answer_says_so() -> None:
    failing = Failing("b", [], error=SourceUnavailable("gone"), snapshot=None)
    gateway = gateway_of(failing)
    for _ in range(5):
        ask(gateway, NEUROBLASTOMA)
    answer = ask(gateway, NEUROBLASTOMA)
    assert failing.asked == 5
    assert "not asked: failed repeatedly" in (answer.sources[0].reason or "")


def test_a_field_that_a_source_never_fills_bounds_its_answer() -> None:
    cases = [case(1, sex=Absent.NOT_COLLECTED), case(2, sex=Absent.NOT_COLLECTED)]
    answer = ask(gateway_of(ListSource("a", cases, never=frozenset({"sex"}))), "sex=female")
    assert (answer.total.low, answer.total.high) == (0, 2)
    assert answer.sources[0].status is Status.PARTIAL
    assert answer.sources[0].reason == "sex is not collected"


def test_years_outside_the_coverage_are_refused_by_name_and_are_no_zero() -> None:
    answer = ask(gateway_of(ListSource("a", [case(1)], Coverage(years=(2010, 2020)))), "year=1990..1999")
    assert answer.sources[0].status is Status.UNSUPPORTED
    assert answer.sources[0].reason == "year 1990-1999 asked, 2010-2020 registered"
    assert answer.total.high is None


def test_years_that_are_covered_in_part_make_the_answer_partial() -> None:
    answer = ask(gateway_of(ListSource("a", [case(1)], Coverage(years=(2010, 2020)))), "year=2005..2019")
    assert answer.sources[0].status is Status.PARTIAL
    assert answer.total.low == 1


def test_behaviours_that_are_not_registered_make_the_answer_partial() -> None:
    coverage = Coverage(behaviours=frozenset({3}))
    answer = ask(gateway_of(ListSource("a", [case(1)], coverage)), "diagnosis=ICCC3:III(a)")
    assert answer.sources[0].reason == "behaviour /0, /1 is not registered"


def test_a_registry_excluded_by_the_question_is_an_exact_zero_without_a_call() -> None:
    other = ListSource("b", [case(2)])
    answer = ask(gateway_of(ListSource("a", [case(1)]), other), f"{NEUROBLASTOMA}&source=a")
    assert (answer.total.low, answer.total.high) == (1, 1)
    assert other.asked == 0


@pytest.mark.parametrize("text", ["source=b", "source!=b", "source=a,b"])
def test_a_registry_that_is_not_here_is_refused_by_name_and_is_no_zero(text: str) -> None:
    gateway = replace(gateway_of(ListSource("a", [case(1)])), broken={"c": "the disk is gone"})
    with pytest.raises(UnknownTerm, match="no registry 'b' here") as caught:
        ask(gateway, text)
    assert (caught.value.where, caught.value.expected) == ("source", "one of a, c")
    assert ask(gateway, "source=c").total.high is None


def test_a_declared_country_is_decided_and_labelled_without_the_rows() -> None:
    source = ListSource("a", [case(1, country=Absent.NOT_COLLECTED)], Coverage(country="DE"), frozenset({"country"}))
    answer = ask(gateway_of(source), "country=DE&by=country,sex")
    assert [(labels, count.low) for labels, count in answer.cells] == [(("DE", "female"), 1)]
    assert ask(gateway_of(source), "country=FR").total.high == 0


def test_a_table_by_registry_alone_holds_one_cell_for_each_that_has_cases() -> None:
    sources = ListSource("a", [case(1), case(2)]), ListSource("b", [case(3)]), ListSource("c", [])
    answer = ask(gateway_of(*sources), f"{NEUROBLASTOMA}&by=source")
    assert [(labels, count.low) for labels, count in answer.cells] == [(("a",), 2), (("b",), 1)]


def test_sources_declared_as_overlapping_widen_the_bound_and_are_named() -> None:
    sources = ListSource("a", [case(1), case(2)], Coverage(overlaps=frozenset({"b"}))), ListSource("b", [case(3)])
    answer = ask(gateway_of(*sources), NEUROBLASTOMA)
    assert (answer.total.low, answer.total.high) == (2, 3)
    assert answer.notes == ("a, b may hold the same tumours: counted at least as the largest, at most as their sum",)


def test_same_country_and_years_overlap_unless_the_regions_differ() -> None:
    same = Coverage(country="DE", years=(2000, 2010))
    apart = Coverage(country="DE", years=(2005, 2015), region="Bayern")
    both = ListSource("a", [case(1)], same), ListSource("b", [case(2)], apart)
    assert ask(gateway_of(*both), "").total.low == 1
    regions = ListSource("a", [case(1)], Coverage(country="DE", region="Berlin")), ListSource("b", [case(2)], apart)
    assert ask(gateway_of(*regions), "").total.low == 2


@pytest.mark.parametrize(
    "text", ["diagnosis=ICCC3:XX(q)", "diagnosis=ICDO3:1234/3", "diagnosis=OMOP:999999999999", "behaviour=7"]
)
def test_a_code_that_does_not_exist_is_refused_by_name(text: str) -> None:
    with pytest.raises(UnknownTerm) as caught:
        ask(gateway_of(ListSource("a", [case(1)])), text)
    assert text.split(":")[-1].split("=")[-1].removesuffix("/3") in caught.value.message


def test_a_question_with_too_many_codes_is_refused() -> None:
    text = "diagnosis=" + ",".join(["ICDO3:9500/3"] * 501)
    with pytest.raises(TooCostly, match="501 codes"):
        ask(gateway_of(ListSource("a", [case(1)])), text)


def test_partial_values_are_possible_and_not_certain() -> None:
    cases = [
        case(1),
        case(2, diagnosis=Diagnosis("C74.9", 9500, Absent.UNKNOWN)),
        case(3, age=Age((14, 15), (5400, 5500))),
        case(4, incidence=DateInterval.of(2019)),
        case(5, diagnosis=Diagnosis("C71.9", 9470, 3)),
    ]
    answer = ask(gateway_of(ListSource("a", cases)), NEUROBLASTOMA)
    assert (answer.total.low, answer.total.high, answer.total.precision) == (2, 4, Precision.BOUNDED)


def test_pages_over_all_sources_give_each_record_once() -> None:
    sources = ListSource("a", [case(i, "a") for i in range(7)]), ListSource("b", [case(i, "b") for i in range(4)])
    gateway = gateway_of(*sources)
    for limit in (1, 3, 7, 50):
        query = CaseQuery(parse_text(NEUROBLASTOMA).where, page=Page(limit=limit))
        seen, cursor = [], None
        while True:
            answer = asyncio.run(gateway.ask(query, ANONYMOUS, granularity=Granularity.RECORD, cursor=cursor))
            assert answer.total.low == 11
            seen += [c.id for c in answer.cases]
            cursor = answer.next_cursor
            if cursor is None:
                break
        assert seen == [f"a.c{i}" for i in range(7)] + [f"b.c{i}" for i in range(4)]


def test_a_page_of_an_older_snapshot_is_gone() -> None:
    source = ListSource("a", [case(i, "a") for i in range(5)])
    gateway = gateway_of(source)
    query = CaseQuery(page=Page(limit=2))
    first = asyncio.run(gateway.ask(query, ANONYMOUS, granularity=Granularity.RECORD))
    source.snapshot = "s2"
    with pytest.raises(Expired):
        asyncio.run(gateway.ask(query, ANONYMOUS, granularity=Granularity.RECORD, cursor=first.next_cursor))


def test_a_page_token_of_another_question_or_maker_is_refused() -> None:
    gateway = gateway_of(ListSource("a", [case(i, "a") for i in range(5)]))
    first = asyncio.run(gateway.ask(CaseQuery(page=Page(limit=2)), ANONYMOUS, granularity=Granularity.RECORD))
    other = CaseQuery(parse_text("sex=female").where, page=Page(limit=2))
    for query, token in (
        (other, first.next_cursor),
        (CaseQuery(page=Page(limit=2)), "AAAA"),
        (CaseQuery(page=Page(limit=2)), "ä"),
    ):
        with pytest.raises(BadQuestion):
            asyncio.run(gateway.ask(query, ANONYMOUS, granularity=Granularity.RECORD, cursor=token))


def test_the_same_question_is_answered_once_for_the_same_snapshots() -> None:
    source = ListSource("a", [case(1)])
    gateway = gateway_of(source)
    assert ask(gateway, NEUROBLASTOMA).total == ask(gateway, NEUROBLASTOMA).total
    assert source.asked == 1
    source.snapshot = "s2"
    ask(gateway, NEUROBLASTOMA)
    assert source.asked == 2


def test_a_live_source_is_asked_each_time() -> None:
    source = ListSource("a", [case(1)], snapshot=None)
    gateway = gateway_of(source)
    ask(gateway, NEUROBLASTOMA)
    ask(gateway, NEUROBLASTOMA)
    assert source.asked == 2


def test_a_live_source_that_is_not_asked_does_not_keep_an_answer_from_being_reused() -> None:
    held, live = ListSource("a", [case(1)]), ListSource("b", [case(2)], snapshot=None)
    gateway = gateway_of(held, live)
    for _ in range(2):
        assert ask(gateway, f"{NEUROBLASTOMA}&source=a").total.low == 1
    assert (held.asked, live.asked) == (1, 0)


def test_cancelling_the_question_cancels_the_sources() -> None:
    gateway = gateway_of(Silent("a", []), deadline_seconds=30)

    async def leave() -> None:
        task = asyncio.create_task(gateway.ask(parse_text(NEUROBLASTOMA), ANONYMOUS))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(leave())


def test_a_closed_source_is_withheld_with_the_reason_of_its_policy_and_not_asked() -> None:
    closed = ListSource("b", [case(2)])
    gateway = gateway_of(ListSource("a", [case(1)]), closed, b="closed")
    answer = ask(gateway, NEUROBLASTOMA)
    assert answer.sources[1].status is Status.WITHHELD
    assert "own staff" in (answer.sources[1].reason or "")
    assert (answer.total.low, answer.total.high) == (1, None)
    assert closed.asked == 0


def test_a_source_without_a_policy_is_closed() -> None:
    gateway = gateway_of(ListSource("a", [case(1)]))
    bare = Gateway(**{**vars(gateway), "policies": {}})
    assert ask(bare, NEUROBLASTOMA).sources[0].status is Status.WITHHELD


def test_the_owner_of_a_closed_source_gets_its_count() -> None:
    gateway = gateway_of(ListSource("a", [case(1)]), policy="closed")
    answer = asyncio.run(gateway.ask(parse_text(NEUROBLASTOMA), Requester("owner", "staff")))
    assert answer.total.low == 1

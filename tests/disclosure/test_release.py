"""The choke point: what leaves for whom, by the policies."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.requester import ANONYMOUS, Requester
from gateway.disclosure.policy import load_policy, policy_names
from gateway.disclosure.records import release_case, release_records
from gateway.disclosure.released import ReleasedAnswer
from gateway.doors.statistics.parse import parse_text
from gateway.errors import BadSettings
from gateway.federation.gateway import Gateway
from gateway.model.capability import Granularity
from gateway.model.case import Case, Diagnosis
from gateway.model.dates import DateInterval, DatePrecision
from gateway.model.query import CaseQuery, Page
from gateway.model.values import Absent, Precision
from gateway.sources.meaning import iccc_labels
from terminology import BEHAVIOURS, MORPHOLOGIES, TOPOGRAPHIES
from tests.federation.doubles import TERMINOLOGY, ListSource, case, gateway_of


def ask(gateway: Gateway, text: str, requester: Requester = ANONYMOUS) -> ReleasedAnswer:
    return asyncio.run(gateway.ask(parse_text(text), requester))


def girls_and_boys(source: str, girls: int, boys: int) -> list[Case]:
    return [case(i, source, sex="female" if i < girls else "male") for i in range(girls + boys)]


def records(gateway: Gateway, requester: Requester = ANONYMOUS) -> ReleasedAnswer:
    return asyncio.run(gateway.ask(CaseQuery(page=Page(limit=5)), requester, granularity=Granularity.RECORD))


def test_a_count_below_the_minimum_is_withheld_and_does_not_exist_for_the_asker() -> None:
    answer = ask(gateway_of(ListSource("a", girls_and_boys("a", 2, 1)), policy="count"), "")
    assert answer.total.precision is Precision.SUPPRESSED
    assert (answer.total.low, answer.total.high) == (0, None)
    assert answer.exists is None
    assert answer.sources[0].total is not None
    assert answer.sources[0].total.precision is Precision.SUPPRESSED


def test_two_answers_below_the_minimum_look_the_same() -> None:
    one, other = (ask(gateway_of(ListSource("a", girls_and_boys("a", n, 0)), policy="count"), "by=sex") for n in (1, 4))
    assert (one.total, one.cells, one.exists) == (other.total, other.cells, other.exists)


def test_small_registries_add_up_to_a_number_that_may_be_shown() -> None:
    sources = [ListSource(name, girls_and_boys(name, 3, 0)) for name in "abc"]
    answer = ask(gateway_of(*sources, policy="count"), "")
    assert (answer.total.low, answer.total.precision) == (9, Precision.EXACT)
    assert all(source.total and source.total.precision is Precision.SUPPRESSED for source in answer.sources)


@pytest.mark.parametrize("by", ["", "by=sex", "by=source,sex"])
def test_a_total_that_is_withheld_is_not_told_by_the_counts_beside_it(by: str) -> None:
    one = ask(gateway_of(ListSource("a", girls_and_boys("a", 2, 4)), policy="count"), by or "by=sex")
    two = ask(
        gateway_of(
            ListSource("a", girls_and_boys("a", 4, 0)), ListSource("b", girls_and_boys("b", 2, 0)), policy="count"
        ),
        by,
    )
    for answer in (one, two):
        assert answer.total.precision is Precision.SUPPRESSED
        beside = [source.total for source in answer.sources] + [count for _, count in answer.cells]
        assert {count.precision for count in beside if count} == {Precision.SUPPRESSED}


def test_a_registry_that_says_its_zero_holds_no_other_back_but_one_that_says_existence_does() -> None:
    open_one, other = ListSource("a", girls_and_boys("a", 2, 0)), ListSource("b", [])
    for policy, shown in (("count", (2, 2)), ("existence", (0, None))):
        gateway = replace(gateway_of(open_one, other), policies={"a": load_policy("open"), "b": load_policy(policy)})
        answer = ask(gateway, "")
        assert (answer.total.low, answer.total.high) == shown
        assert answer.exists is (True if policy == "count" else None)


def test_a_single_small_registry_cannot_be_computed_from_the_others_and_the_total() -> None:
    sources = [ListSource(n, girls_and_boys(n, count, 0)) for n, count in (("a", 2), ("b", 8), ("c", 30))]
    answer = ask(gateway_of(*sources, policy="count"), "by=source,sex")
    hidden = {source.id for source in answer.sources if source.total and source.total.precision is Precision.SUPPRESSED}
    assert {"a", "b"} <= hidden
    shown_cells = {labels[0] for labels, count in answer.cells if count.precision is not Precision.SUPPRESSED}
    assert not shown_cells & {"a", "b"}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_no_shown_numbers_tell_a_count_of_one_to_four(counts: list[tuple[int, int]]) -> None:
    sources = [ListSource(f"s{i}", girls_and_boys(f"s{i}", *pair)) for i, pair in enumerate(counts)]
    answer = ask(gateway_of(*sources, policy="count", deadline_seconds=30), "by=source,sex")
    truth = {
        (f"s{i}", sex): n for i, pair in enumerate(counts) for sex, n in zip(("female", "male"), pair, strict=True) if n
    }
    shown = {labels: count.low for labels, count in answer.cells if count.precision is Precision.EXACT}
    hidden = sorted(set(truth) - set(shown))
    assert all(truth[labels] >= 5 for labels in shown)
    for group, remainder in known_sums(answer, truth, shown, hidden):
        for labels in group:
            if truth[labels] < 5:
                assert remainder - (len(group) - 1) > 1, (labels, group, remainder)


def known_sums(answer: ReleasedAnswer, truth: dict, shown: dict, hidden: list) -> list[tuple[list, int]]:
    """Groups of hidden cells whose sum anybody can compute, with that sum; each cell holds at least 1.

    A registry whose own total is shown is a group; the others are one group together if the total is shown.
    """
    sums = []
    rest, rest_sum = [], answer.total.low
    for source in answer.sources:
        own = [labels for labels in hidden if labels[0] == source.id]
        beside = sum(n for labels, n in shown.items() if labels[0] == source.id)
        if source.total and source.total.precision is Precision.EXACT:
            sums.append((own, source.total.low - beside))
            rest_sum -= source.total.low
        else:
            rest += own
            rest_sum -= beside
    if answer.total.precision is Precision.EXACT:
        sums.append((rest, rest_sum))
    return sums


def test_existence_only_says_yes_from_the_minimum_on_and_never_a_number() -> None:
    many = ask(gateway_of(ListSource("a", girls_and_boys("a", 7, 0)), policy="existence"), "by=sex")
    few = ask(gateway_of(ListSource("a", girls_and_boys("a", 2, 0)), policy="existence"), "by=sex")
    assert (many.exists, many.total.low, many.total.high, many.cells) == (True, 1, None, ())
    assert (few.exists, few.cells) == (None, ())
    assert many.sources[0].total is None
    assert many.granularity is Granularity.BOOLEAN


def test_records_leave_only_where_the_policy_names_the_tier() -> None:
    gateway = gateway_of(ListSource("a", girls_and_boys("a", 9, 0)), policy="count")
    assert records(gateway).cases == ()
    assert records(gateway).granularity is Granularity.COUNT
    assert len(records(gateway, Requester("owner", "staff")).cases) == 5


def test_fields_of_a_record_are_kept_cut_or_dropped_as_the_policy_says(tmp_path: Path) -> None:
    policy = tmp_path / "own.toml"
    policy.write_text(
        'title = "Own"\nreason = "An agreement with the registry."\nlegal = "agreement"\n'
        '[tiers.public]\ngranularity = "record"\nminimum_cell = 0\n'
        '[fields]\nsex = "keep"\nincidence = "year"\n'
    )
    full = case(1, "a", vital_status="dead", birth=DateInterval.of(2009, 2, 3))
    found = records(gateway_of(ListSource("a", [full]), policy=str(policy))).cases[0]
    assert (found.sex, found.vital_status, found.topography) == ("female", Absent.WITHHELD, Absent.WITHHELD)
    assert found.incidence.precision is DatePrecision.YEAR
    assert found.birth.precision is DatePrecision.WITHHELD
    assert found.iccc == ()


def test_a_record_that_one_policy_released_is_not_given_under_another() -> None:
    found = case(1, "a")
    whole, bare = load_policy("open"), replace(load_policy("open"), fields={})
    kept = release_records((found, found), {"a": whole}, TERMINOLOGY)
    held_back = release_records((found,), {"a": bare}, TERMINOLOGY)
    assert kept[0].sex == "female"
    assert held_back[0].sex is Absent.WITHHELD
    assert release_records((found,), {"a": whole}, TERMINOLOGY) == kept[:1]
    assert release_records((case(2, "a"),), {"a": whole}, TERMINOLOGY)[0].id == "a.c2"


def test_records_of_several_sources_keep_their_order_and_their_policies() -> None:
    policies = {"a": load_policy("open"), "b": replace(load_policy("open"), fields={})}
    cases = [case(1, "a"), case(1, "b"), case(2, "b"), case(2, "a")]
    released = release_records(cases, policies, TERMINOLOGY)
    assert [record.id for record in released] == ["a.c1", "b.c1", "b.c2", "a.c2"]
    assert [record.sex for record in released] == ["female", Absent.WITHHELD, Absent.WITHHELD, "female"]


def test_records_carry_their_group_in_both_editions() -> None:
    found = records(gateway_of(ListSource("a", [case(1, "a"), case(2, "a", diagnosis=Diagnosis("C22.0", 8963, 3))])))
    assert [group.extended for c in found.cases for group in c.iccc] == [None, None, "VII(a).2", "IX(d).3"]
    groups = [[(group.edition, group.group, group.seer_recode) for group in c.iccc] for c in found.cases]
    assert groups == [
        [("2017", "IV(a)", "041"), ("2005", "IV(a)", "041")],
        [("2017", "VII(a)", "071"), ("2005", "IX(d)", "094")],
    ]


def test_every_shipped_policy_is_read() -> None:
    assert set(policy_names()) >= {"open", "count", "existence", "closed"}
    for name in policy_names():
        assert load_policy(name).reason


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('colour = "red"', "colour"),
        ('[tiers.everybody]\ngranularity = "record"\nminimum_cell = 0', "everybody"),
        ('[tiers.public]\ngranularity = "rows"\nminimum_cell = 0', "granularity"),
        ('[tiers.public]\ngranularity = "count"', "minimum_cell"),
        ("[tiers.public", "TOML"),
    ],
)
def test_a_wrong_policy_refuses_to_start_by_name(tmp_path: Path, line: str, named: str) -> None:
    policy = tmp_path / "wrong.toml"
    head = 'title = "x"\nreason = "long enough a reason"\nlegal = "x"\n'
    rest = "" if line.startswith("[tiers") else "[tiers]\n"
    policy.write_text(f"{head}{line}\n{rest}[fields]\n")
    with pytest.raises(BadSettings, match=named):
        load_policy(str(policy))


def test_a_field_that_no_policy_knows_refuses_to_start(tmp_path: Path) -> None:
    policy = tmp_path / "wrong.toml"
    policy.write_text('title = "x"\nreason = "long enough a reason"\nlegal = "x"\n[tiers]\n[fields]\nname = "keep"\n')
    with pytest.raises(BadSettings, match="name"):
        load_policy(str(policy))


@given(st.integers(0, 2**31), st.sampled_from(["2017", "2005"]))
@settings(max_examples=200, deadline=None)
def test_the_group_of_a_whole_code_is_the_one_that_counts_use(seed: int, edition: str) -> None:
    chance = random.Random(seed)
    diagnosis = Diagnosis(chance.choice(TOPOGRAPHIES), chance.choice(MORPHOLOGIES), chance.choice(BEHAVIOURS))
    found = release_case(case(1, diagnosis=diagnosis), load_policy("open"), TERMINOLOGY)
    group = next(group for group in found.iccc if group.edition == edition)
    assert (group.main,) == iccc_labels(diagnosis, "iccc_main", edition, TERMINOLOGY)
    assert (group.group,) == iccc_labels(diagnosis, "iccc_group", edition, TERMINOLOGY)


@pytest.mark.parametrize(
    ("diagnosis", "main", "group"),
    [
        (Diagnosis("C71", 9470, 3), "III", "III(c)"),
        (Diagnosis("C71.9", 9470, Absent.UNKNOWN), None, None),
        (Diagnosis(Absent.UNKNOWN, 9180, 3), None, None),
        (Diagnosis(), None, None),
    ],
)
def test_the_group_of_a_partial_code_is_told_only_where_it_is_certain(
    diagnosis: Diagnosis, main: str | None, group: str | None
) -> None:
    found = release_case(case(1, diagnosis=diagnosis), load_policy("open"), TERMINOLOGY).iccc[0]
    assert (found.main, found.group) == (main, group)


def test_a_policy_that_does_not_exist_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(BadSettings, match="closed, count, existence, open"):
        load_policy("opne")


def test_a_year_of_something_that_is_no_date_is_refused(tmp_path: Path) -> None:
    policy = tmp_path / "wrong.toml"
    policy.write_text('title = "x"\nreason = "long enough a reason"\nlegal = "x"\n[tiers]\n[fields]\nsex = "year"\n')
    with pytest.raises(BadSettings, match="sex"):
        load_policy(str(policy))


def mixed(open_ones: list[tuple[int, int]], counted: list[tuple[int, int]]) -> Gateway:
    """Registries that give their records beside registries that count from five on."""
    sources = [ListSource(f"o{i}", girls_and_boys(f"o{i}", *pair)) for i, pair in enumerate(open_ones)]
    sources += [ListSource(f"c{i}", girls_and_boys(f"c{i}", *pair)) for i, pair in enumerate(counted)]
    gateway = gateway_of(*sources, deadline_seconds=30)
    return replace(
        gateway,
        policies={each.id: load_policy("open" if each.id.startswith("o") else "count") for each in sources},
    )


PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=3)


@given(PAIRS, PAIRS, st.sampled_from(["", "by=sex", "by=source", "by=source,sex"]))
@settings(max_examples=120, deadline=None)
def test_what_records_tell_is_no_cover_for_registries_that_only_count(
    open_ones: list[tuple[int, int]], counted: list[tuple[int, int]], by: str
) -> None:
    answer = ask(mixed(open_ones, counted), by)
    if answer.total.precision is Precision.EXACT:
        rest = answer.total.low - sum(map(sum, open_ones))
        assert not 0 < rest < 5
    if by != "by=sex":
        return
    for (sex,), count in answer.cells:
        if count.precision is Precision.EXACT:
            assert not 0 < count.low - sum(pair[sex == "male"] for pair in open_ones) < 5


def test_a_page_beside_the_total_does_not_tell_what_a_registry_withholds() -> None:
    answer = ask(mixed([(19, 0)], [(3, 0)]), "")
    assert answer.total.precision is Precision.SUPPRESSED
    whole = ask(mixed([(19, 0)], [(8, 0)]), "")
    assert (whole.total.low, whole.total.precision) == (27, Precision.EXACT)


@pytest.mark.parametrize(
    ("sure", "open_cases", "bounds"), [(172, 3, (170, 175)), (170, 1, (170, 175)), (9, 6, (5, 15))]
)
def test_bounds_do_not_tell_how_many_cases_are_not_known(sure: int, open_cases: int, bounds: tuple[int, int]) -> None:
    cases = [case(i, "a", sex="female" if i < sure else Absent.UNKNOWN) for i in range(sure + open_cases)]
    answer = ask(gateway_of(ListSource("a", cases), policy="count"), "sex=female")
    assert (answer.total.low, answer.total.high) == bounds
    assert answer.sources[0].total is not None
    assert (answer.sources[0].total.low, answer.sources[0].total.high) == bounds


@given(st.integers(5, 40), st.integers(1, 4), st.integers(0, 30))
@settings(max_examples=60, deadline=None)
def test_bounds_beside_records_are_put_outwards_for_the_part_without_records(
    sure: int, open_cases: int, recorded: int
) -> None:
    cases = [case(i, "c0", sex="female" if i < sure else Absent.UNKNOWN) for i in range(sure + open_cases)]
    sources = [ListSource("o0", girls_and_boys("o0", recorded, 0)), ListSource("c0", cases)]
    gateway = gateway_of(*sources, deadline_seconds=30)
    answer = ask(
        replace(gateway, policies={"o0": load_policy("open"), "c0": load_policy("count")}), "sex=female&by=source"
    )
    for count, known in ((answer.total, recorded), (answer.sources[0].total, 0), (dict(answer.cells)[("c0",)], 0)):
        assert count is not None
        assert count.high is not None
        assert (count.low - known) % 5 == (count.high - known) % 5 == 0
        assert count.low <= sure + known <= sure + open_cases + known <= count.high


def test_subgroups_are_withheld_so_that_their_group_does_not_tell_them() -> None:
    neuroblastoma = [case(i, "a") for i in range(68)]
    other = [case(68 + i, "a", diagnosis=Diagnosis("C47.9", 9522, 3)) for i in range(2)]
    kidney = [case(70 + i, "a", diagnosis=Diagnosis("C64.9", 8960, 3)) for i in range(30)]
    gateway = gateway_of(ListSource("a", [*neuroblastoma, *other, *kidney]), policy="count")
    outer, inner = (dict(ask(gateway, f"by={name}").cells) for name in ("iccc_main", "iccc_group"))
    assert outer["IV",].low == 70
    assert {count.precision for (label,), count in inner.items() if label.startswith("IV(")} == {Precision.SUPPRESSED}

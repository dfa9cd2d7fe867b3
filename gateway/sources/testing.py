"""The suite every source runs, ours or a stranger's: subclass `SourceContract` in one test file.

    class TestOurRegistry(SourceContract):
        def open_source(self, cases, tmp_path, context):
            return OurSource(write_our_form(cases, tmp_path), context)

Hypothesis makes registries and questions; the oracle (gateway.sources.evaluate) says what the answers must be. Needs
pytest and hypothesis.
"""
# ruff: noqa: D102, S101 - a suite of tests that ships: their names are the sentences, and they assert

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, given, settings

import terminology
from gateway.model.answer import SourceAnswer
from gateway.model.capability import Capabilities, Coverage, Granularity
from gateway.model.case import Case, Diagnosis
from gateway.model.dates import UNKNOWN_DATE, Age, DateInterval
from gateway.model.fields import BASIS, DIMENSIONS, FIELDS, LATERALITY, SEX, VITAL_STATUS
from gateway.model.order import order_key
from gateway.model.query import (
    EVERYTHING,
    And,
    Between,
    CaseQuery,
    DateBetween,
    DiagnosisIn,
    Expr,
    Known,
    Not,
    OneOf,
    Or,
    Order,
    Page,
    RecordIn,
    Term,
    Unit,
)
from gateway.model.values import ZERO, Absent, Truth
from gateway.sources.base import Context, Deadline, Source
from gateway.sources.evaluate import answer_cases, evaluate
from terminology import BoxSet, Terminology

SOURCE = "contract"
SECONDS = 20.0
"""Deadline of a question of the suite."""
QUICK_SECONDS = 2.0
"""An answer past its deadline must be back by then."""

UNKNOWN, NOT_COLLECTED = Absent.UNKNOWN, Absent.NOT_COLLECTED

DIAGNOSES: tuple[Diagnosis, ...] = (
    Diagnosis("C74.9", 9500, 3),
    Diagnosis("C74.0", 9490, 3),
    Diagnosis("C48.0", 9500, 3),
    Diagnosis("C42.1", 9811, 3, icdo_edition="3.2"),
    Diagnosis("C42.1", 9861, 3),
    Diagnosis("C77.9", 9650, 3),
    Diagnosis("C71.7", 9470, 3),
    Diagnosis("C71.6", 9421, 1),
    Diagnosis("C70.0", 9530, 0),
    Diagnosis("C72.3", 9380, 3),
    Diagnosis("C69.2", 9510, 3),
    Diagnosis("C64.9", 8960, 3),
    Diagnosis("C40.2", 9180, 3),
    Diagnosis("C62.9", 9064, 3),
    Diagnosis("C73.9", 8260, 3),
    Diagnosis("C44.5", 8720, 2),
    Diagnosis("C18.9", 8140, 3),
    Diagnosis("C71", 9380, 3),
    Diagnosis("C71.9", 9400, UNKNOWN),
    Diagnosis("C74.9", UNKNOWN, 3),
    Diagnosis(UNKNOWN, 9500, 3),
    Diagnosis(UNKNOWN, UNKNOWN, UNKNOWN),
    Diagnosis(NOT_COLLECTED, NOT_COLLECTED, NOT_COLLECTED, icd10="C74.9"),
    Diagnosis(NOT_COLLECTED, NOT_COLLECTED, NOT_COLLECTED, icd10="C91.0"),
    Diagnosis(NOT_COLLECTED, NOT_COLLECTED, NOT_COLLECTED, iccc="2017:IV(a)"),
    Diagnosis("C71.9", NOT_COLLECTED, 3, iccc="2017:III(b)"),
)
"""Full, partial, coarse and unknown diagnoses, malignant and benign."""

FULL_DIAGNOSES: tuple[Diagnosis, ...] = tuple(d for d in DIAGNOSES[:17])
"""Those with all three axes."""

TERMS: tuple[tuple[str, Term], ...] = (
    ("diagnosis", Term("ICCC3", "IV(a)")),
    ("diagnosis", Term("ICCC3", "IV")),
    ("diagnosis", Term("ICCC3", "III")),
    ("diagnosis", Term("ICCC3", "I(a)", "2005")),
    ("diagnosis", Term("ICDO3", "9500/3")),
    ("diagnosis", Term("ICDO3", "9500/3-C74.9")),
    ("diagnosis", Term("ICD10", "C74.9")),
    ("diagnosis", Term("ICD10", "C71")),
    ("topography", Term("ICDO3", "C74")),
    ("topography", Term("ICDO3", "C71.7")),
    ("morphology", Term("ICDO3", "9380")),
    ("behaviour", Term("ICDO3", "3")),
    ("behaviour", Term("ICDO3", "1")),
)
"""What questions ask for: (field, term)."""

ABSENT = (Absent.UNKNOWN, Absent.NOT_COLLECTED)
CODES: Mapping[str, tuple[str, ...]] = {
    "sex": (*SEX, *ABSENT),
    "vital_status": (*VITAL_STATUS, *ABSENT),
    "basis": (*BASIS, "microscopic", "clinical-any", *ABSENT),
    "laterality": (*LATERALITY, *ABSENT, Absent.NOT_APPLICABLE),
    "grade": ("1", "2", "3", "4", *ABSENT, Absent.NOT_APPLICABLE),
    "stage": ("toronto:localised", "toronto:metastatic", "inrgss:M", "inrgss:MS", *ABSENT, Absent.WITHHELD),
    "country": ("DE", "FR", "US", *ABSENT),
}
"""Canonical codes of each coded field that generated cases have."""
KNOWN = tuple(sorted((FIELDS.keys() | {"entity"}) - {"source", "age_days"}))
"""Fields that may be asked whether they are known."""
ORDERS = tuple(Order(field, descending) for field in ("date", "age_days") for descending in (False, True))
NO_RECORD = "no-such-record"
YEARS = (1998, 2012)

_DAYS = st.dates(dt.date(YEARS[0], 1, 1), dt.date(YEARS[1], 12, 31))


@st.composite
def date_intervals(draw: st.DrawFn) -> DateInterval:
    """Dates known to the day, month or year, or not at all."""
    day = draw(_DAYS)
    match draw(st.sampled_from(("day", "day", "day", "month", "year", "unknown"))):
        case "day":
            return DateInterval.of(day.year, day.month, day.day)
        case "month":
            return DateInterval.of(day.year, day.month)
        case "year":
            return DateInterval.of(day.year)
    return UNKNOWN_DATE


@st.composite
def ages(draw: st.DrawFn, birth: DateInterval, incidence: DateInterval) -> Age:
    """Ages that are given in years or days, or follow from the dates."""
    match draw(st.sampled_from(("dates", "dates", "years", "days", "unknown"))):
        case "dates":
            return Age.at_diagnosis(birth, incidence)
        case "years":
            return Age.at_diagnosis(UNKNOWN_DATE, UNKNOWN_DATE, given_years=draw(st.integers(0, 21)))
        case "days":
            return Age.at_diagnosis(UNKNOWN_DATE, UNKNOWN_DATE, given_days=draw(st.integers(0, 8000)))
    return Age(None, None)


@st.composite
def cases(draw: st.DrawFn, number: int, patient: int, diagnoses: Sequence[Diagnosis] = DIAGNOSES) -> Case:
    """One tumour of a patient."""
    birth, incidence = draw(date_intervals()), draw(date_intervals())
    return Case(
        SOURCE,
        f"tumour-{number}",
        f"patient-{patient}",
        draw(st.sampled_from(diagnoses)),
        incidence,
        birth,
        draw(ages(birth, incidence)),
        last_contact=draw(date_intervals()),
        sequence=draw(st.none() | st.integers(0, 3)),
        **{name: draw(st.sampled_from(values)) for name, values in CODES.items()},
    )


@st.composite
def registries(draw: st.DrawFn, diagnoses: Sequence[Diagnosis] = DIAGNOSES, most: int = 10) -> tuple[Case, ...]:
    """Cases of one registry: few patients, some with several tumours, up to two fields that it does not collect."""
    patients = draw(st.lists(st.integers(0, 6), min_size=1, max_size=most))
    found = [draw(cases(number, patient, diagnoses)) for number, patient in enumerate(patients)]
    never: dict[str, Any] = dict.fromkeys(draw(st.sets(st.sampled_from(sorted(CODES)), max_size=2)), NOT_COLLECTED)
    return tuple(replace(case, **never) for case in found)


@lru_cache(maxsize=256)
def diagnosis_in(field: str, term: Term, known: Terminology) -> DiagnosisIn:
    """A diagnosis leaf as the planner makes it, with the box sets that a term means."""
    if field == "behaviour":
        certain = possible = BoxSet.where(behaviours=(int(term.code),))
    else:
        meaning = known.meaning(term.system, term.code, term.edition)
        certain, possible = meaning.certain, meaning.boxes if meaning.bounded else BoxSet.everything()
    return DiagnosisIn(field, (term,), certain, possible)


def _open_range(values: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[int | None, int | None]]:
    ends = st.tuples(st.none() | values, st.none() | values)
    return ends.map(lambda pair: tuple(sorted(pair)) if None not in pair else pair)  # type: ignore[type-var,arg-type,return-value]


def leaf_conditions(known: Terminology) -> st.SearchStrategy[Expr]:
    """Conditions on one field."""
    coded = st.sampled_from(sorted(CODES)).flatmap(
        lambda name: st.builds(
            OneOf,
            st.just(name),
            st.frozensets(st.sampled_from(CODES[name]).map(str), min_size=1, max_size=3),
            st.booleans(),
        )
    )
    return st.one_of(
        st.sampled_from(TERMS).map(lambda pair: diagnosis_in(*pair, known)),
        coded,
        _open_range(st.integers(0, 22)).map(lambda pair: Between("age", *pair)),
        _open_range(st.integers(0, 8000)).map(lambda pair: Between("age_days", *pair)),
        _open_range(st.integers(YEARS[0] - 1, YEARS[1] + 1)).map(lambda pair: Between("year", *pair)),
        _date_ranges(),
        st.sampled_from(KNOWN).map(Known),
    )


def _date_ranges() -> st.SearchStrategy[DateBetween]:
    ordinals = st.integers(dt.date(YEARS[0], 1, 1).toordinal(), dt.date(YEARS[1], 12, 31).toordinal())
    years = st.integers(*YEARS)
    days = _open_range(ordinals).map(lambda pair: DateBetween(_day(pair[0]), _day(pair[1])))
    whole = st.tuples(years, st.integers(0, 5)).map(
        lambda pair: DateBetween(dt.date(pair[0], 1, 1), dt.date(sum(pair), 12, 31))
    )
    return st.one_of(days, whole)


def _day(ordinal: int | None) -> dt.date | None:
    return None if ordinal is None else dt.date.fromordinal(ordinal)


def record_conditions() -> st.SearchStrategy[RecordIn]:
    """Records by their place: `#0` stands for the first that the source releases, see `with_ids`."""
    places = st.frozensets(st.integers(0, 9).map(lambda place: f"#{place}") | st.just(NO_RECORD), max_size=4)
    return st.builds(RecordIn, st.sampled_from(("case", "patient")), places)


def with_ids(where: Expr, released: Sequence[Case]) -> Expr:
    """The condition with ids of released records in the place of their numbers."""
    match where:
        case RecordIn(of, places):
            return RecordIn(of, frozenset(_id_at(place, of, released) for place in places))
        case And(items) | Or(items):
            return type(where)(tuple(with_ids(item, released) for item in items))
        case Not(item):
            return Not(with_ids(item, released))
    return where


def _id_at(place: str, of: str, released: Sequence[Case]) -> str:
    if place == NO_RECORD or not released:
        return NO_RECORD
    return _record_id(released[int(place[1:]) % len(released)], of)


def conditions(known: Terminology, more: st.SearchStrategy[Expr] | None = None) -> st.SearchStrategy[Expr]:
    """Nested conditions, with leaves of a further kind if any."""
    single = leaf_conditions(known)
    return st.recursive(
        (single if more is None else single | more) | st.just(EVERYTHING),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda items: And(tuple(items))),
            st.lists(inner, max_size=3).map(lambda items: Or(tuple(items))),
            inner.map(Not),
        ),
        max_leaves=5,
    )


def queries(known: Terminology, more: st.SearchStrategy[Expr] | None = None) -> st.SearchStrategy[CaseQuery]:
    """Questions for counts: any condition, up to three dimensions, both units, all editions."""
    dimensions = sorted(set(DIMENSIONS) - {"source"})
    return st.builds(
        CaseQuery,
        conditions(known, more),
        st.lists(st.sampled_from(dimensions), max_size=3, unique=True).map(tuple),
        st.sampled_from(Unit),
        st.sampled_from(("2017", "2005", "who2008")),
    )


@dataclass
class MemorySource:
    """A source over cases in memory: the oracle behind the port. Pages are in the order of the cases."""

    id: str
    cases: tuple[Case, ...]
    terminology: Terminology
    coverage: Coverage = field(default=Coverage())

    def capabilities(self) -> Capabilities:
        """What can be asked; a coded field that no case collects is never filled."""
        never = frozenset(
            name for name in CODES if self.cases and all(getattr(case, name) == NOT_COLLECTED for case in self.cases)
        )
        return Capabilities("memory", "cases in memory", self.coverage, never=never, cases=len(self.cases))

    async def answer(self, query: CaseQuery, deadline: Deadline) -> SourceAnswer:
        """Answer from the oracle; raises TimeoutError if the deadline has passed."""
        if deadline.remaining() <= 0:
            raise TimeoutError("the deadline has passed")
        answer = answer_cases(self.cases, query, self.terminology)
        return answer if query.page is None else self._with_page(answer, query, query.page)

    def _with_page(self, answer: SourceAnswer, query: CaseQuery, page: Page) -> SourceAnswer:
        records: dict[str, list[Case]] = {}
        for case in self.cases:
            records.setdefault(_record_id(case, page.of), []).append(case)
        best = {
            name: max(evaluate(query.where, case, self.terminology) for case in tumours)
            for name, tumours in records.items()
        }
        matching = [(number, name) for number, name in enumerate(records) if best.get(name) is Truth.YES]
        numbered = matching if page.order is None else _ordered(matching, records, page.order)
        later = [pair for pair in numbered if page.after is None or pair[0] > page.after]
        shown = later[: page.limit]
        return replace(
            answer,
            cases=tuple(case for _, name in shown for case in records[name]),
            next_after=shown[-1][0] if len(later) > len(shown) else None,
            possible_records=sum(truth is Truth.POSSIBLE for truth in best.values()),
        )

    def close(self) -> None:
        """Nothing to give back."""


def _ordered(matching: list[tuple[int, str]], records: Mapping[str, list[Case]], order: Order) -> list[tuple[int, str]]:
    """Matches in order, each with the number of records up to and with it."""
    ordered = sorted(matching, key=lambda pair: order_key(records[pair[1]][0], order))
    return [(rank, name) for rank, (_, name) in enumerate(ordered, 1)]


def _record_id(case: Case, of: str) -> str:
    return case.patient_id if of == "patient" else case.case_id


class SourceContract:
    """What every source owes the gateway. Subclass it, write `open_source`, and run it with pytest.

    Attributes
    ----------
    examples
        Registries that are generated for each test; lower it where opening a source is slow.
    diagnoses
        Diagnoses that generated cases have; FULL_DIAGNOSES for a form that holds nothing else.
    """

    examples = 12
    diagnoses: Sequence[Diagnosis] = DIAGNOSES

    def open_source(self, cases: Sequence[Case], tmp_path: Path, context: Context) -> Source:
        """Open a source that holds these cases.

        Parameters
        ----------
        cases
            All cases; their ids are names that the source may replace by its own.
        tmp_path
            An empty folder for its files.
        """
        raise NotImplementedError

    def represent(self, case: Case) -> Case:
        """What is left of a case in this form: its documented loss. The case itself by default."""
        return case

    def represent_registry(self, cases: Sequence[Case]) -> tuple[Case, ...]:
        """What is left of all cases; for a form that also merges cases, or knows a patient's values only once."""
        return tuple(self.represent(case) for case in cases)

    @pytest.fixture
    def context(self) -> Context:
        """Terminology and secret for the sources of the suite."""
        return Context(terminology.load(), b"secret of the contract suite.....")

    def test_counts_and_tables_are_those_of_the_oracle(self, context: Context) -> None:
        asked = st.lists(queries(context.terminology), min_size=1, max_size=8)

        async def check(source: Source, held: tuple[Case, ...], extra: list[CaseQuery]) -> None:
            for query in extra:
                found = await source.answer(query, Deadline.after(SECONDS))
                expected = answer_cases(held, query, context.terminology)
                assert (found.total, dict(found.cells)) == (expected.total, dict(expected.cells)), query
                assert len(found.cells) == len(dict(found.cells)), "a cell stands twice"

        self._run(context, asked, check)

    def test_the_same_question_gives_the_same_answer_again(self, context: Context) -> None:
        async def check(source: Source, _: tuple[Case, ...], query: CaseQuery) -> None:
            first = await source.answer(query, Deadline.after(SECONDS))
            assert await source.answer(query, Deadline.after(SECONDS)) == first

        self._run(context, queries(context.terminology), check)

    @pytest.mark.parametrize("of", ["case", "patient"])
    def test_pages_give_each_certain_record_once_and_no_other(self, context: Context, of: str) -> None:
        asked = st.tuples(conditions(context.terminology), st.integers(1, 4))

        async def check(source: Source, held: tuple[Case, ...], extra: tuple[Expr, int]) -> None:
            if source.capabilities().granularity < Granularity.RECORD:
                return
            where, limit = extra
            reference = MemorySource(SOURCE, held, context.terminology)
            whole = Page(of, 1000)
            expected = await reference.answer(CaseQuery(where, page=whole), Deadline.after(SECONDS))
            pages = await _pages(source, where, Page(of, limit))
            seen = [case for page in pages for case in page.cases]
            assert _anonymous(seen) == _anonymous(expected.cases)
            assert len({case.case_id for case in seen}) == len(seen), "a record stands twice"
            assert all(len({_record_id(case, of) for case in page.cases}) <= limit for page in pages)
            assert all(page.possible_records == expected.possible_records for page in pages)
            assert [page.cases for page in await _pages(source, where, Page(of, limit))] == [p.cases for p in pages]
            once = await source.answer(CaseQuery(where, page=whole), Deadline.after(SECONDS))
            assert list(once.cases) == seen, "the order depends on the size of the page"
            if of == "patient":
                _check_together(seen)

        self._run(context, asked, check)

    @pytest.mark.parametrize("of", ["case", "patient"])
    def test_records_are_found_by_their_ids(self, context: Context, of: str) -> None:
        asked = st.tuples(conditions(context.terminology), st.integers(1, 3))

        async def check(source: Source, _: tuple[Case, ...], extra: tuple[Expr, int]) -> None:
            if source.capabilities().granularity < Granularity.RECORD:
                return
            where, every = extra
            everything = await source.answer(CaseQuery(page=Page(of, 1000)), Deadline.after(SECONDS))
            matching = await source.answer(CaseQuery(where, page=Page(of, 1000)), Deadline.after(SECONDS))
            ids = sorted({_record_id(case, of) for case in everything.cases})[::every]
            named = And((where, RecordIn(of, frozenset({*ids, NO_RECORD}))))
            found = await source.answer(CaseQuery(named, page=Page(of, 1000)), Deadline.after(SECONDS))
            assert Counter(found.cases) == Counter(c for c in matching.cases if _record_id(c, of) in ids)
            none = await source.answer(CaseQuery(RecordIn(of, frozenset()), page=Page(of, 10)), Deadline.after(SECONDS))
            assert (none.total, none.cases) == (ZERO, ())

        self._run(context, asked, check)

    def test_records_by_id_are_a_condition_like_any_other(self, context: Context) -> None:
        asked = st.lists(queries(context.terminology, record_conditions()), min_size=1, max_size=8)

        async def check(source: Source, _: tuple[Case, ...], extra: list[CaseQuery]) -> None:
            if source.capabilities().granularity < Granularity.RECORD:
                return
            released = await _released(source)
            reference = MemorySource(SOURCE, released, context.terminology)
            for query in extra:
                named = replace(query, where=with_ids(query.where, released))
                found = await source.answer(named, Deadline.after(SECONDS))
                expected = answer_cases(released, named, context.terminology)
                assert (found.total, dict(found.cells)) == (expected.total, dict(expected.cells)), named
                for of in ("case", "patient"):
                    whole = replace(named, page=Page(of, 1000), by=())
                    records = await source.answer(whole, Deadline.after(SECONDS))
                    same = await reference.answer(whole, Deadline.after(SECONDS))
                    assert Counter(records.cases) == Counter(same.cases), whole
                    assert (records.total, records.possible_records) == (same.total, same.possible_records), whole

        self._run(context, asked, check)

    def test_ordered_pages_are_sorted_and_give_each_record_once(self, context: Context) -> None:
        where = conditions(context.terminology, record_conditions())
        asked = st.tuples(where, st.sampled_from(ORDERS), st.integers(1, 4))

        async def check(source: Source, _: tuple[Case, ...], extra: tuple[Expr, Order, int]) -> None:
            if source.capabilities().granularity < Granularity.RECORD:
                return
            where = with_ids(extra[0], await _released(source))
            order, limit = extra[1:]
            own = await source.answer(CaseQuery(where, page=Page("case", 1000)), Deadline.after(SECONDS))
            expected = sorted(own.cases, key=lambda case: order_key(case, order))
            pages = await _pages(source, where, Page("case", limit, order=order))
            assert [case for page in pages for case in page.cases] == expected
            assert [page.next_after for page in pages[:-1]] == [limit * (i + 1) for i in range(len(pages) - 1)]
            assert all(page.possible_records == own.possible_records for page in pages)
            rest = Page("case", 1000, limit, order=order)
            found = await source.answer(CaseQuery(where, page=rest), Deadline.after(SECONDS))
            assert list(found.cases) == expected[limit:], "a page from the middle is another one"

        self._run(context, asked, check)

    def test_records_hold_what_the_form_keeps_of_each_case(self, context: Context) -> None:
        async def check(source: Source, held: tuple[Case, ...], _: None) -> None:
            if source.capabilities().granularity < Granularity.RECORD:
                return
            found = await source.answer(CaseQuery(page=Page("case", 1000)), Deadline.after(SECONDS))
            assert _anonymous(found.cases) == _anonymous(held)
            assert _shared_patients(found.cases) == _shared_patients(held)

        self._run(context, st.none(), check)

    def test_an_expired_deadline_ends_the_question(self, context: Context) -> None:
        async def check(source: Source, _: tuple[Case, ...], query: CaseQuery) -> None:
            started = time.monotonic()
            with suppress(TimeoutError):
                await source.answer(query, Deadline.after(-1.0))
            assert time.monotonic() - started < QUICK_SECONDS

        self._run(context, queries(context.terminology), check)

    def test_capabilities_are_truthful(self, context: Context) -> None:
        async def check(source: Source, held: tuple[Case, ...], _: None) -> None:
            ability = source.capabilities()
            everything = await source.answer(CaseQuery(), Deadline.after(SECONDS))
            assert everything.total.low == everything.total.high == len(held)
            assert ability.cases in (None, len(held))
            assert ability.snapshot == everything.snapshot
            for name in ability.never:
                assert all(_is_absent(case, name) for case in held), f"{name} is declared never filled"

        self._run(context, st.none(), check)

    def test_it_closes_once_and_again(self, context: Context) -> None:
        async def check(source: Source, _: tuple[Case, ...], __: None) -> None:
            source.close()
            source.close()

        self._run(context, st.none(), check)

    def _run(self, context: Context, extra: st.SearchStrategy[object], check: Callable[..., object]) -> None:
        """Open a source for each generated registry and check it in one event loop."""

        @settings(
            max_examples=self.examples,
            deadline=None,
            phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(registries(self.diagnoses), extra)
        def run(drawn: tuple[Case, ...], more: object) -> None:
            held = self.represent_registry(drawn)
            with TemporaryDirectory(prefix="iccd-contract-") as folder:
                source = self.open_source(drawn, Path(folder), context)
                try:
                    asyncio.run(check(source, held, more))  # type: ignore[arg-type]
                finally:
                    source.close()

        run()


async def _released(source: Source) -> tuple[Case, ...]:
    """All records as the source releases them, with the names it gave them."""
    return (await source.answer(CaseQuery(page=Page("case", 1000)), Deadline.after(SECONDS))).cases


async def _pages(source: Source, where: Expr, page: Page) -> list[SourceAnswer]:
    found = [await source.answer(CaseQuery(where, page=page), Deadline.after(SECONDS))]
    while found[-1].next_after is not None:
        following = replace(page, after=found[-1].next_after)
        found.append(await source.answer(CaseQuery(where, page=following), Deadline.after(SECONDS)))
        assert found[-1].cases, "a further page was announced and is empty"
    return found


def _anonymous(found: Sequence[Case]) -> Counter[Case]:
    """Cases without the names that each source gives."""
    return Counter(replace(case, source="", case_id="", patient_id="") for case in found)


def _shared_patients(found: Sequence[Case]) -> Counter[tuple[tuple[Case, int], ...]]:
    """Groups of tumours of one patient, without names."""
    patients: dict[str, list[Case]] = {}
    for case in found:
        patients.setdefault(case.patient_id, []).append(case)
    groups = (_anonymous(tumours).items() for tumours in patients.values())
    return Counter(tuple(sorted(group, key=repr)) for group in groups)


def _check_together(found: Sequence[Case]) -> None:
    changes = sum(a.patient_id != b.patient_id for a, b in pairwise(found))
    assert changes + 1 == len({case.patient_id for case in found}) or not found, "a patient's tumours are apart"


def _is_absent(case: Case, name: str) -> bool:
    match name:
        case "age":
            return case.age.years is None
        case "age_days":
            return case.age.days is None
        case "year" | "date":
            return case.incidence.earliest is None
        case "diagnosis":
            return all(_is_absent(case, axis) for axis in ("topography", "morphology", "behaviour"))
        case "topography" | "morphology" | "behaviour":
            return isinstance(getattr(case.diagnosis, name), Absent)
    return isinstance(getattr(case, name), Absent)

"""Planning: a term becomes what a source holds, with bounds where the map is inexact, never by guessing."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from gateway.access.requester import ANONYMOUS
from gateway.disclosure.released import ReleasedAnswer
from gateway.doors.statistics.parse import parse_text
from gateway.federation.gateway import Gateway
from gateway.model.answer import Status
from gateway.model.capability import Capabilities
from gateway.model.case import Diagnosis
from gateway.model.query import EVERYTHING, NOTHING, And, Between, Not, OneOf, Or, Term
from gateway.model.values import Absent
from gateway.planner.rewrite.constants import fold_constants
from gateway.planner.terms import resolve_term
from gateway.sources.base import Deadline, Resolution
from terminology import BoxSet
from tests.federation.doubles import TERMINOLOGY, ListSource, case, gateway_of


def ask(gateway: Gateway, text: str) -> ReleasedAnswer:
    return asyncio.run(gateway.ask(parse_text(text), ANONYMOUS))


class Icd10Source(ListSource):
    """A registry that holds ICD-10 codes only."""

    def capabilities(self) -> Capabilities:
        return dataclasses.replace(super().capabilities(), code_systems=(("ICD10", None),))


class OwnVocabulary(ListSource):
    """A source whose own vocabulary knows one OMOP concept id that the gateway does not ship."""

    def capabilities(self) -> Capabilities:
        return dataclasses.replace(super().capabilities(), resolves=frozenset({"OMOP"}))

    async def resolve(self, term: Term, deadline: Deadline) -> Resolution | None:
        if term.code != "2000000001":
            return None
        known = BoxSet.where(morphologies=(9500,), topographies=("C74",))
        return Resolution(known, known | BoxSet.where(topographies=("C71",)))


def icd10(number: int, code: str) -> object:
    return case(
        number, diagnosis=Diagnosis(Absent.NOT_COLLECTED, Absent.NOT_COLLECTED, Absent.NOT_COLLECTED, icd10=code)
    )


def test_a_registry_with_icd10_only_answers_an_iccc_group_with_bounds() -> None:
    source = Icd10Source("a", [icd10(1, "C74.9"), icd10(2, "C64"), icd10(3, "C71.9")])  # type: ignore[list-item]
    answer = ask(gateway_of(source), "diagnosis=ICCC3:IV(a)")
    assert answer.total.low == 0
    assert answer.total.high is not None
    assert answer.total.high >= 1
    note = answer.sources[0].translation[0]
    assert note.equivalence == "inexact"
    assert "C74.9" in note.to


def test_a_registry_with_icd10_only_answers_an_icd10_code_exactly() -> None:
    source = Icd10Source("a", [icd10(1, "C74.9"), icd10(2, "C64"), icd10(3, "C71.9")])  # type: ignore[list-item]
    answer = ask(gateway_of(source), "diagnosis=ICD10:C64")
    assert (answer.total.low, answer.total.high) == (1, 1)


def test_a_concept_that_only_one_source_knows_is_asked_of_all_by_its_meaning() -> None:
    brain = case(4, diagnosis=Diagnosis("C71.9", 9500, 3))
    gateway = gateway_of(OwnVocabulary("a", [case(1)]), ListSource("b", [case(2), case(3), brain]))
    answer = ask(gateway, "diagnosis=OMOP:2000000001")
    assert (answer.total.low, answer.total.high) == (3, 4)
    assert answer.sources[1].translation[0].equivalence == "inexact"
    assert answer.sources[1].translation[0].rows == "vocabulary of source a"


def test_an_inexact_map_gives_bounds_and_says_so() -> None:
    inexact = next(
        (code, found)
        for code in TERMINOLOGY.codes("NCIT")
        if (found := resolve_term("diagnosis", Term("NCIT", code), "2017", TERMINOLOGY))
        and found.equivalence == "inexact"
    )
    code, found = inexact
    assert found.certain <= found.possible
    answer = ask(gateway_of(ListSource("a", [case(1)])), f"diagnosis=NCIT:{code}")
    assert answer.sources[0].translation[0].equivalence == "inexact"


def test_an_edition_of_the_question_or_the_term_decides_the_group() -> None:
    source = ListSource("a", [case(1, diagnosis=Diagnosis("C22.0", 8963, 3))])
    assert ask(gateway_of(source), "diagnosis=ICCC3:VII(a)").total.low == 1
    assert ask(gateway_of(source), "diagnosis=ICCC3:VII(a)&iccc=2005").total.low == 0
    assert ask(gateway_of(source), "diagnosis=ICCC3|2005:VII(a)").total.low == 0


def test_axes_of_icdo_are_asked_apart_and_together() -> None:
    source = ListSource("a", [case(1), case(2, diagnosis=Diagnosis("C71.9", 9470, 3))])
    for text, found in (
        ("topography=C74", 1),
        ("morphology=9470/3", 1),
        ("topography=c749&morphology=95003&behaviour=3", 1),
        ("behaviour=3", 2),
        ("behaviour=0,1", 0),
        ("topography!=C74.9", 1),
        ("diagnosis=ICDO3:9500/3-C74.9", 1),
    ):
        assert ask(gateway_of(source), text).total.low == found, text


@pytest.mark.parametrize("number", ["042", "011"])
def test_a_bare_recode_number_is_refused_as_ambiguous(number: str) -> None:
    with pytest.raises(Exception, match=r"ambiguous|several"):
        ask(gateway_of(ListSource("a", [case(1)])), f"diagnosis=ICCC3:{number}")


def test_a_refusal_of_one_source_leaves_the_others() -> None:
    nothing = ListSource("b", [], never=frozenset())
    answer = ask(gateway_of(ListSource("a", [case(1)]), nothing), "diagnosis=ICCC3:IV(a)")
    assert [source.status for source in answer.sources] == [Status.OK, Status.OK]


def test_conditions_on_the_registry_are_decided_before_it_is_asked() -> None:
    country, age = OneOf("country", frozenset({"DE"})), Between("age", 0, 14)
    assert fold_constants(And((country, age)), {"country": "DE"}) == age
    assert fold_constants(And((country, age)), {"country": "FR"}) == NOTHING
    assert fold_constants(Or((country, age)), {"country": "DE"}) == EVERYTHING
    assert fold_constants(Or((country, age)), {"country": "FR"}) == age
    assert fold_constants(Not(country), {"country": "DE"}) == NOTHING
    assert fold_constants(Not(Not(age)), {}) == age

"""A search request becomes a question: grammar, prefixes, systems, value sets, modifiers, handling."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.doors.fhir.observations import KINDS
from gateway.doors.fhir.search.controls import MOST_COUNT
from gateway.doors.fhir.search.dates import incidence_date
from gateway.doors.fhir.search.grammar import alternatives, token
from gateway.doors.fhir.search.parameters import SEARCHABLE
from gateway.doors.fhir.search.parse import Search, parse_search
from gateway.errors import BadQuestion, IccdError, TooCostly, Unsupported
from gateway.model.dates import DateInterval
from gateway.model.query import (
    EVERYTHING,
    And,
    Between,
    DateBetween,
    DiagnosisIn,
    Expr,
    Known,
    Not,
    OneOf,
    Or,
    Order,
    RecordIn,
    Term,
    Unit,
)
from gateway.model.values import Truth

ICCC = "http://terminology.hl7.org/CodeSystem/iccc-3"
ICDO = "http://terminology.hl7.org/CodeSystem/icd-o-3"
NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
OWN = "https://w3id.org/iccd/fhir/ValueSet"


def search(*pairs: tuple[str, str], resource: str = "Condition", lenient: bool = False) -> Search:
    return parse_search(SEARCHABLE[resource], pairs, lenient=lenient, base="http://gateway.test/fhir")


def none_of(condition: Expr, field: str) -> Expr:
    return Or((Not(condition), Not(Known(field))))


def patients(*pairs: tuple[str, str]) -> Search:
    return search(*pairs, resource="Patient")


def where(*pairs: tuple[str, str], resource: str = "Condition") -> Expr:
    return search(*pairs, resource=resource).question().where


def diagnosis(*terms: Term) -> DiagnosisIn:
    return DiagnosisIn("diagnosis", terms)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("code", f"{ICCC}|IV(a)", diagnosis(Term("ICCC3", "IV(a)"))),
        ("code", f"{ICCC}|IVa,{ICDO}|9500/3", diagnosis(Term("ICCC3", "IVa"), Term("ICDO3", "9500/3"))),
        ("code", f"{ICCC}|081", diagnosis(Term("SEER", "081"))),
        ("code", "urn:oid:2.16.840.1.113883.6.43.1|C74.9", diagnosis(Term("ICDO3", "C74.9"))),
        ("code", f"{ICDO}-morphology|9500/3", diagnosis(Term("ICDO3", "9500/3"))),
        ("code", "http://hl7.org/fhir/sid/icd-10|C74", diagnosis(Term("ICD10", "C74"))),
        ("code", "http://snomed.info/sct|432328008", diagnosis(Term("SCT", "432328008"))),
        ("code", "https://fhir-terminology.ohdsi.org|44502786", diagnosis(Term("OMOP", "44502786"))),
        ("code:not", f"{ICCC}|I", none_of(diagnosis(Term("ICCC3", "I")), "diagnosis")),
        ("code:below", f"{ICDO}|C74", diagnosis(Term("ICDO3", "C74"))),
        ("code:in", f"{ICCC}?fhir_vs=isa/IV(a)", diagnosis(Term("ICCC3", "IV(a)"))),
        ("code:in", f"{ICCC}?fhir_vs=isa/IV|2005", diagnosis(Term("ICCC3", "IV", "2005"))),
        ("code:in", f"{OWN}/iccc-3-IVa|2005", diagnosis(Term("ICCC3", "IVa", "2005"))),
        ("code:below", "http://snomed.info/sct|432328008", diagnosis(Term("SCT", "432328008", below=True))),
        ("code:in", f"{NCIT}?fhir_vs=isa/C3270", diagnosis(Term("NCIT", "C3270", below=True))),
        ("code:in", "https://fhir-terminology.ohdsi.org?fhir_vs=isa/1", diagnosis(Term("OMOP", "1", below=True))),
        ("code:in", f"{ICDO}?fhir_vs", Known("diagnosis")),
        ("code:in", "http://hl7.org/fhir/sid/icd-10?fhir_vs", Known("diagnosis")),
        ("code:in", "ValueSet/iccc-3-IVa", diagnosis(Term("ICCC3", "IVa", "2017"))),
        ("code:in", "http://gateway.test/fhir/ValueSet/iccc-3-2005-IVa", diagnosis(Term("ICCC3", "IVa", "2005"))),
        ("code:in", "ValueSet/icd-10-all", Known("diagnosis")),
        ("code:in", f"{OWN}/iccc-3-VIa.4", diagnosis(Term("ICCC3", "VIa.4", "who2008"))),
        ("code", f"{ICDO}|", Known("morphology")),
        ("code", "|9500/3", Or(())),
        ("code", f"|9500/3,{ICDO}|9500/3", diagnosis(Term("ICDO3", "9500/3"))),
        ("topography", f"{ICDO}|", Known("topography")),
        ("laterality", "unilateral", OneOf("laterality", frozenset({"unilateral"}), recorded=True)),
        ("laterality:below", "unilateral", OneOf("laterality", frozenset({"unilateral"}))),
        (
            "laterality",
            "unilateral,left",
            Or(
                (
                    OneOf("laterality", frozenset({"left"})),
                    OneOf("laterality", frozenset({"unilateral"}), recorded=True),
                )
            ),
        ),
        ("body-site", f"{ICDO}|C74.9", DiagnosisIn("topography", (Term("ICDO3", "C74.9"),))),
        ("onset-date", "2015", DateBetween(dt.date(2015, 1, 1), dt.date(2015, 12, 31))),
        ("recorded-date", "ge2010-02", DateBetween(dt.date(2010, 2, 1), None)),
        ("onset-date", "gt2010-02", DateBetween(dt.date(2010, 3, 1), None)),
        ("onset-date", "lt2010-02-03", DateBetween(None, dt.date(2010, 2, 2))),
        ("onset-date", "le2019-12-31T23:59:59Z", DateBetween(None, dt.date(2019, 12, 31))),
        ("onset-date", "lt2020-01-01T00:00:00+01:00", DateBetween(None, dt.date(2019, 12, 31))),
        ("age-at-diagnosis", "lt15", Between("age", None, 14)),
        ("age-at-diagnosis", "0,1", Or((Between("age", 0, 0), Between("age", 1, 1)))),
        ("age-at-diagnosis", "ap10", Between("age", 9, 11)),
        ("patient.gender", "female", OneOf("sex", frozenset({"female"}))),
        ("subject:Patient.gender:not", "female", none_of(OneOf("sex", frozenset({"female"})), "sex")),
        ("code:missing", "true", Not(Known("entity"))),
        ("onset-date:missing", "false", Known("date")),
        ("code:not-in", f"{ICCC}?fhir_vs=isa/IV(a)", none_of(diagnosis(Term("ICCC3", "IV(a)")), "diagnosis")),
        ("iccc-group", "041", diagnosis(Term("SEER", "041"))),
        ("morphology", f"{ICDO}|9500/3", DiagnosisIn("morphology", (Term("ICDO3", "9500/3"),))),
        ("behaviour", "0,1", DiagnosisIn("behaviour", (Term("ICDO3", "0"), Term("ICDO3", "1")))),
        ("age-at-diagnosis-days", "lt365", Between("age_days", None, 364)),
        ("basis-of-diagnosis", "7", OneOf("basis", frozenset({"7"}))),
        ("subject:Patient.deceased", "true", OneOf("vital_status", frozenset({"dead"}))),
        ("patient.address-country", "de", OneOf("country", frozenset({"DE"}))),
        ("patient.address-country:exact", "de", OneOf("country", frozenset())),
        ("patient.address-country:exact", "DE", OneOf("country", frozenset({"DE"}))),
        ("subject", "http://gateway.test/fhir/Patient/de-two.p1", RecordIn("patient", frozenset({"de-two.p1"}))),
        ("subject:identifier", "de-two.p1", RecordIn("patient", frozenset({"de-two.p1"}))),
        ("subject:identifier", "http://other/ids|de-two.p1", Or(())),
        ("category", "health-concern", EVERYTHING),
        ("category", "encounter-diagnosis", Or(())),
        ("_source", "us-three", OneOf("source", frozenset({"us-three"}))),
        ("_source", "http://gateway.test/fhir/Organization/us-three", OneOf("source", frozenset({"us-three"}))),
    ],
)
def test_a_parameter_is_understood(name: str, value: str, expected: Expr) -> None:
    assert where((name, value)) == expected


def test_a_patient_is_searched_by_gender_and_counts_patients() -> None:
    question = search(("gender", "http://hl7.org/fhir/administrative-gender|unknown"), resource="Patient").question()
    assert question.where == OneOf("sex", frozenset({"unknown", "not-collected"}))
    assert question.unit is Unit.PATIENTS
    assert question.page is not None
    assert question.page.of == "patient"


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("code", "IV(a)", "icd-o-3"),
        ("code", "|", "iccc-3"),
        ("code", "http://example.org/own|1", "iccc-3"),
        ("code", "", "value"),
        ("code:in", "http://example.org/vs", "fhir_vs"),
        ("code:in", f"{ICCC}?fhir_vs|1999", "2005, who2008, 2017"),
        ("code:in", f"{ICCC}?fhir_vs=refset/1", "isa"),
        ("code:in", f"{OWN}/iccc-3x", "iccc-3-IVa"),
        ("body-site", f"{ICDO}|9500/3", "C74.9"),
        ("body-site", f"{ICDO}|C99.9", "C74.9"),
        ("onset-date", "20150101", "YYYY-MM-DD"),
        ("onset-date", "2015-02-30", "YYYY-MM-DD"),
        ("onset-date", "0000", "YYYY-MM-DD"),
        ("onset-date", "gezz2015", "YYYY-MM-DD"),
        ("onset-date", "2015-01-01T10:00:00Z", "YYYY-MM-DD"),
        ("age-at-diagnosis", "1.5", "whole number"),
        ("age-at-diagnosis", "-1", "whole number"),
        ("age-at-diagnosis", "lt٣", "whole number"),
        ("age-at-diagnosis", "151", "0 to 150"),
        ("patient.gender", "f", "male, female"),
        ("subject", "Group/x", "Patient/ID"),
        ("subject", "", "value"),
        ("code:missing", "perhaps", "true or false"),
        ("code:text", ",", "words"),
        ("basis-of-diagnosis", "3", "one of 0, 1"),
        ("morphology", "http://snomed.info/sct|1", "icd-o-3"),
        ("morphology:above", "http://snomed.info/sct|1", "icd-o-3"),
        ("morphology:above", "C74.9", "9500/3"),
        ("code:above", "http://terminology.hl7.org/CodeSystem/icd-o-3|9999/3", "9500/3"),
        ("code:above", "9500/3", "no system"),
        ("patient.deceased", "dead", "true or false"),
        ("_count", "-1", "0 to"),
        ("_count", "ten", "0 to"),
        ("_total", "roughly", "estimate"),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_by_name_also_when_lenient(name: str, value: str, named: str) -> None:
    for lenient in (False, True):
        with pytest.raises(BadQuestion) as raised:
            search((name, value), lenient=lenient)
        assert raised.value.where == name
        assert named in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("foo", "1"),
        ("body-site:above", "http://terminology.hl7.org/CodeSystem/icd-o-3|C74.9"),
        ("iccc-group:above", "IV(a)"),
        ("recorded-date:missing", "true"),
        ("code:exact", "x"),
        ("subject:Patient.name", "x"),
        ("patient.birthdate", "2010"),
        ("_has:Observation:subject:code", "x"),
        ("_include", "Condition:encounter"),
        ("_include", "Condition:subject:Group"),
        ("_include", "*"),
        ("_revinclude", "Observation:subject"),
        ("_include:iterate", "Condition:subject"),
        ("_sort", "code"),
        ("", "x"),
    ],
)
def test_an_unknown_parameter_is_refused_or_ignored_by_name(name: str, value: str) -> None:
    with pytest.raises(Unsupported) as raised:
        search((name, value))
    assert raised.value.where == name
    lenient = search((name, value), ("_source", "us-three"), lenient=True)
    assert [item.name for item in lenient.ignored] == [name]
    assert lenient.applied == (("_source", "us-three"),)


def test_what_is_supported_for_some_systems_only_says_for_which() -> None:
    for pair in (
        ("code:above", "http://snomed.info/sct|1"),
        ("code:above", f"{ICCC}|IV(a)"),
        ("code:above", "http://hl7.org/fhir/sid/icd-10|C74.9"),
        ("code:above", "http://terminology.hl7.org/CodeSystem/icd-o-3|C74.9"),
        ("code:above", "http://terminology.hl7.org/CodeSystem/icd-o-3|C74"),
        ("body-site", "http://snomed.info/sct|1"),
        ("code", f"{NCIT}|"),
        ("code", "http://hl7.org/fhir/sid/icd-10|"),
    ):
        with pytest.raises(Unsupported) as raised:
            search(pair)
        assert raised.value.where == pair[0]
        assert raised.value.expected


def test_counts_are_capped_and_zero_means_the_total_alone() -> None:
    assert search(("_count", "1000000000")).controls.count == MOST_COUNT
    assert search(("_count", "0")).question().page is None
    assert search(("_summary", "count")).question().page is None
    assert search().question().page is not None


def test_a_control_that_is_given_twice_is_refused() -> None:
    with pytest.raises(BadQuestion, match="_count: is given twice"):
        search(("_count", "1"), ("_count", "2"))


def test_too_many_parameters_or_values_are_refused() -> None:
    with pytest.raises(TooCostly):
        search(*[("code", f"{ICCC}|I")] * 65)
    with pytest.raises(TooCostly):
        search(("age-at-diagnosis", ",".join(["1"] * 501)))


def test_parameters_are_and_and_commas_are_or() -> None:
    both = search(("age-at-diagnosis", "ge1"), ("age-at-diagnosis", "le4"), ("patient.gender", "male,female"))
    assert both.filters == (
        Between("age", 1, None),
        Between("age", None, 4),
        OneOf("sex", frozenset({"male", "female"})),
    )


def test_escaped_separators_belong_to_the_value() -> None:
    assert alternatives(r"a\,b,c\\,d") == (r"a\,b", r"c\\", "d")
    assert token(r"http://x\|y|a\,b").code == "a,b"
    assert token(r"http://x\|y|a\,b").system == "http://x|y"


def test_ids_of_no_record_match_nothing() -> None:
    assert search(("_id", "a.b,c.d")).question().where == RecordIn("case", frozenset({"a.b", "c.d"}))
    assert search(("_id", "no sense")).question().where == Or(())
    assert search(("subject", "Patient/a.b")).question().where == RecordIn("patient", frozenset({"a.b"}))


def test_an_order_is_one_key_and_a_minus_turns_it_round() -> None:
    assert search(("_sort", "-onset-date")).order == Order("date", descending=True)
    assert search(("_sort", "age-at-diagnosis")).order == Order("age_days")
    with pytest.raises(BadQuestion, match="given twice"):
        search(("_sort", "onset-date"), ("_sort", "-onset-date"))
    with pytest.raises(Unsupported, match="_sort"):
        search(("_sort", "code"))


def test_the_order_by_id_is_the_order_of_pages() -> None:
    assert search(("_sort", "_id")).question() == search().question()
    assert search(("_sort", "_id")).applied == (("_sort", "_id"),)
    for other in ("onset-date", "_id"):
        with pytest.raises(BadQuestion, match="given twice"):
            search(("_sort", "_id"), ("_sort", other))
    with pytest.raises(Unsupported, match="_sort"):
        search(("_sort", "-_id"))


def test_one_hop_back_is_a_condition_on_a_tumour_and_two_are_refused() -> None:
    by_group = ("_has:Condition:subject:iccc-group", "IV(a)")
    assert patients(by_group).filters == search(("iccc-group", "IV(a)")).filters
    with pytest.raises(Unsupported, match="two different tumours"):
        patients(by_group, ("_has:Condition:patient:body-site", f"{ICDO}|C74.9"))


def test_what_is_asked_of_the_focus_is_asked_of_tumours_alone() -> None:
    wanted = parse_search(SEARCHABLE["Observation"], (("focus:Condition.onset-date", "ge2010"),))
    assert wanted.of_kind(KINDS["vital-status"], 5).where == Or(())
    known = And((DateBetween(dt.date(2010, 1, 1), None), Known("stage")))
    assert wanted.of_kind(KINDS["stage"], 5).where == known


DAYS = st.dates(dt.date(2000, 1, 1), dt.date(2030, 12, 31))


@st.composite
def partial(draw: st.DrawFn) -> tuple[str, DateInterval]:
    day = draw(DAYS)
    parts = draw(st.integers(1, 3))
    values = (day.year, day.month, day.day)[:parts]
    return "-".join(f"{value:02d}" for value in values), DateInterval.of(*values)


def specified(prefix: str, value: DateInterval, stored: DateInterval) -> bool:
    """R4 search.html 3.1.1.5.8, word for word: containment for eq, overlap for the others."""
    assert value.earliest
    assert value.latest
    assert stored.earliest
    assert stored.latest
    inside = value.earliest <= stored.earliest and stored.latest <= value.latest
    return {
        "eq": inside,
        "ne": not inside,
        "gt": stored.latest > value.latest,
        "lt": stored.earliest < value.earliest,
        "ge": stored.latest > value.latest or inside,
        "le": stored.earliest < value.earliest or inside,
        "sa": stored.earliest > value.latest,
        "eb": stored.latest < value.earliest,
    }[prefix]


def outcome(condition: Expr, stored: DateInterval) -> Truth:
    match condition:
        case DateBetween(low, high):
            return stored.within(low, high)
        case Not(item):
            return Truth(2 - outcome(item, stored))
    raise AssertionError(condition)


@given(partial(), partial(), st.sampled_from(["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"]))
def test_what_matches_for_certain_matches_by_the_specification_and_what_it_matches_is_never_ruled_out(
    value: tuple[str, DateInterval], stored: tuple[str, DateInterval], prefix: str
) -> None:
    found = outcome(incidence_date(prefix + value[0], "onset-date"), stored[1])
    expected = specified(prefix, value[1], stored[1])
    if found is Truth.YES:
        assert expected
    if expected:
        assert found is not Truth.NO


@given(partial(), DAYS, st.sampled_from(["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"]))
def test_an_exact_date_matches_exactly_as_the_specification_says(
    value: tuple[str, DateInterval], day: dt.date, prefix: str
) -> None:
    stored = DateInterval.of(day.year, day.month, day.day)
    found = outcome(incidence_date(prefix + value[0], "onset-date"), stored)
    assert (found is Truth.YES) == specified(prefix, value[1], stored)
    assert found is not Truth.POSSIBLE


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_parameter_is_read_without_an_answer_or_one_of_our_errors(name: str, value: str) -> None:
    for spoken in (name, "code", "code:in", "body-site", "onset-date", "age-at-diagnosis", "_id", "_count"):
        with suppress(IccdError):
            search((spoken, value)).question()

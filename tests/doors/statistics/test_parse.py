"""The question grammar: what it accepts, and how it refuses."""

from __future__ import annotations

import contextlib
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.doors.statistics.parse import parse_json, parse_text
from gateway.errors import BadQuestion
from gateway.model.fields import FIELDS
from gateway.model.query import And, Between, CaseQuery, DateBetween, DiagnosisIn, Known, Not, OneOf, Or, Term, Unit
from gateway.model.question import question_text


def test_the_question_of_the_design_is_read_whole() -> None:
    query = parse_text("diagnosis=ICCC3:IV(a),ICDO3:9500/3&age=0..14&year=2010..2019&sex=female&by=source,age_band")
    assert query == CaseQuery(
        where=And(
            (
                DiagnosisIn("diagnosis", (Term("ICCC3", "IV(a)"), Term("ICDO3", "9500/3"))),
                Between("age", 0, 14),
                Between("year", 2010, 2019),
                OneOf("sex", frozenset({"female"})),
            )
        ),
        by=("source", "age_band"),
    )


def test_not_lists_of_ranges_units_and_editions_are_read() -> None:
    query = parse_text("sex!=male&age=0..4,10..&date=2010-02..2011&unit=patients&iccc=2005")
    assert query.unit is Unit.PATIENTS
    assert query.iccc == "2005"
    assert query.where == And(
        (
            Not(OneOf("sex", frozenset({"male"}))),
            Or((Between("age", 0, 4), Between("age", 10, None))),
            DateBetween(dt.date(2010, 2, 1), dt.date(2011, 12, 31)),
        )
    )


@pytest.mark.parametrize("field", sorted(FIELDS.keys() - {"source", "age_days"}))
def test_a_field_may_be_asked_whether_it_is_known(field: str) -> None:
    assert parse_text(f"{field}=known").where == Known(field)
    assert parse_text(f"{field}!=known").where == Not(Known(field))
    assert parse_json({field: "known"}).where == Known(field)
    assert parse_json({"where": {"not": {field: ["known"]}}}).where == Not(Known(field))
    for text in (f"{field}=known", f"{field}!=known&by=sex"):
        assert question_text(parse_text(text)) == text


def test_known_is_one_of_several_values() -> None:
    assert parse_text("sex=known,unknown").where == Or((Known("sex"), OneOf("sex", frozenset({"unknown"}))))


def test_percent_encoding_and_plain_text_mean_the_same() -> None:
    assert parse_text("diagnosis=ICCC3%3AIV%28a%29") == parse_text("diagnosis=ICCC3:IV(a)")


def test_json_trees_and_flat_fields_are_read() -> None:
    query = parse_json(
        {"diagnosis": "ICCC3:IV(a)", "where": {"or": [{"sex": ["male"]}, {"not": {"age": "0..14"}}]}, "by": ["sex"]}
    )
    assert query.where == And(
        (
            DiagnosisIn("diagnosis", (Term("ICCC3", "IV(a)"),)),
            Or((OneOf("sex", frozenset({"male"})), Not(Between("age", 0, 14)))),
        )
    )


def test_an_empty_question_asks_for_everything() -> None:
    assert parse_text("") == CaseQuery()


@pytest.mark.parametrize(
    ("text", "where", "expected"),
    [
        ("agee=3", "agee", "'age'"),
        ("age=14..0", "age", "0..14"),
        ("age=old", "age", "0..14"),
        ("age=..", "age", "0..14"),
        ("age_days=known", "age_days", "0..14"),
        ("sex=f", "sex", "known"),
        ("sex=f", "sex", "male, female"),
        ("date=2010-13", "date", "YYYY-MM-DD"),
        ("date=2011..2010", "date", "earlier date first"),
        ("diagnosis=9500/3", "diagnosis", "SYSTEM:CODE"),
        ("diagnosis=", "diagnosis", "a value"),
        ("by=sexx", "by", "source, country"),
        ("by=sex,sex", "by", "each once"),
        ("by=sex&by=age", "by", "one value"),
        ("unit=cells", "unit", "tumours or patients"),
        ("iccc=1996", "iccc", "2017"),
        ("nonsense", "question", "diagnosis=ICCC3"),
    ],
)
def test_a_bad_question_names_the_field_and_what_was_expected(text: str, where: str, expected: str) -> None:
    with pytest.raises(BadQuestion) as caught:
        parse_text(text)
    assert caught.value.where == where
    assert expected in (caught.value.expected or "")


@pytest.mark.parametrize(
    "body",
    [
        [],
        "x",
        {"where": {}},
        {"where": {"and": []}},
        {"age": {"a": 1}},
        {"age": True},
        {"by": [[]]},
        {"where": {"nope": 1}},
    ],
)
def test_a_bad_body_is_refused_by_name(body: object) -> None:
    with pytest.raises(BadQuestion):
        parse_json(body)


def test_a_body_nested_beyond_reason_is_refused() -> None:
    tree: object = {"sex": "male"}
    for _ in range(100):
        tree = {"not": tree}
    with pytest.raises(BadQuestion, match="too deep"):
        parse_json({"where": tree})


@given(st.text(max_size=60))
def test_no_text_brings_anything_but_a_question_or_a_clear_refusal(text: str) -> None:
    with contextlib.suppress(BadQuestion):
        assert isinstance(parse_text(text), CaseQuery)


@given(
    st.sampled_from(["diagnosis=ICCC3:IV(a)", "topography=C74.9", "sex!=male", "stage=known", "date!=known"]),
    st.integers(0, 19),
    st.integers(0, 19),
    st.sampled_from(["", "&by=sex", "&unit=patients&by=source,year"]),
)
def test_the_text_of_a_question_reads_back_as_the_same_question(first: str, one: int, other: int, rest: str) -> None:
    query = parse_text(f"{first}&age={min(one, other)}..{max(one, other)}{rest}")
    assert parse_text(question_text(query)) == query

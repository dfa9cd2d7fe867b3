"""Filters and requests become questions; what cannot be read is named with what was expected."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.doors.beacon.durations import parse_age
from gateway.doors.beacon.filters import parse_filters
from gateway.doors.beacon.parse import BeaconRequest, parse_get, parse_post
from gateway.errors import BadQuestion, IccdError, TooCostly, UnknownTerm, Unsupported
from gateway.model.capability import Granularity
from gateway.model.query import EVERYTHING, And, Between, DateBetween, DiagnosisIn, Not, OneOf, Or, Term, Unit

SOURCES = ("fr-one", "de-two")


def terms(*found: tuple[str, str]) -> DiagnosisIn:
    return DiagnosisIn("diagnosis", tuple(Term(system, code) for system, code in found))


def one_of(field: str, *values: str) -> OneOf:
    return OneOf(field, frozenset(values))


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("ICCC3:IV(a)", terms(("ICCC3", "IV(a)"))),
        ("ICCC3|2005:IV(a)", DiagnosisIn("diagnosis", (Term("ICCC3", "IV(a)", "2005"),))),
        ("ICDO3:9500/3", terms(("ICDO3", "9500/3"))),
        ("ICDO3:95003", terms(("ICDO3", "9500/3"))),
        ("ICDO3:C74.9", terms(("ICDO3", "C74.9"))),
        ("ICDO3:C749", terms(("ICDO3", "C74.9"))),
        ("ICDO3:9500/3-C74.9", terms(("ICDO3", "9500/3-C74.9"))),
        ("pgx:icdom-95003", terms(("ICDO3", "9500/3"))),
        ("icdom-95003", terms(("ICDO3", "9500/3"))),
        ("pgx:icdot-C74.9", terms(("ICDO3", "C74.9"))),
        ("NCIT:C3270", terms(("NCIT", "C3270"))),
        ("ncit:C3270", terms(("NCIT", "C3270"))),
        ("ICD10:C74", terms(("ICD10", "C74"))),
        ("OMOP:4116071", terms(("OMOP", "4116071"))),
        ("SCT:432328008", terms(("SCT", "432328008"))),
        ("NCIT:C16576", one_of("sex", "female")),
        ("NCIT:C20197", one_of("sex", "male")),
        ("NCIT:C17998", one_of("sex", "unknown", "not-collected")),
        ("!NCIT:C20197", Not(one_of("sex", "male"))),
        ("age<=P14Y", Between("age", 0, 14)),
        ("age<P15Y", Between("age", 0, 14)),
        ("age>P14Y", Between("age", 15, None)),
        ("age>=P15Y", Between("age", 15, None)),
        ("age=P2Y", Between("age", 2, 2)),
        ("age!P2Y", Not(Between("age", 2, 2))),
        ("age!=P2Y", Not(Between("age", 2, 2))),
        ("age<P24M", Between("age", 0, 1)),
        ("age<=P30D", Between("age_days", 0, 30)),
        ("age<P2W", Between("age_days", 0, 13)),
        ("ageOfOnset>=P1Y", Between("age", 1, None)),
        ("year=2010", Between("year", 2010, 2010)),
        ("year>=2010", Between("year", 2010, None)),
        ("date<2010-03-01", DateBetween(None, dt.date(2010, 2, 28))),
        ("vitalStatus=dead", one_of("vital_status", "dead")),
        ("vitalStatus!unknown", Not(one_of("vital_status", "unknown"))),
        ("basis=microscopic", one_of("basis", "microscopic")),
        ("country=DE", one_of("country", "DE")),
        ("source=de-two", one_of("source", "de-two")),
        ("stage=toronto:metastatic", one_of("stage", "toronto:metastatic")),
    ],
)
def test_a_filter_means_its_condition(text: str, condition: object) -> None:
    assert parse_filters([text], SOURCES) == condition


def test_filters_are_joined_by_and() -> None:
    found = parse_filters(["ICCC3:IV(a)", "age<=P14Y"], SOURCES)
    assert found == And((terms(("ICCC3", "IV(a)")), Between("age", 0, 14)))
    assert parse_filters([], SOURCES) == EVERYTHING


def test_both_ends_of_a_range_become_one_range_and_contradictions_stay() -> None:
    assert parse_filters(["year>=2010", "NCIT:C20197", "year<=2019"], SOURCES) == And(
        (one_of("sex", "male"), Between("year", 2010, 2019))
    )
    assert parse_filters(["date>=2010-01-01", "date<2011-01-01"], SOURCES) == DateBetween(
        dt.date(2010, 1, 1), dt.date(2010, 12, 31)
    )
    apart = parse_filters(["year>=2019", "year<=2010"], SOURCES)
    assert apart == And((Between("year", None, 2010), Between("year", 2019, None)))


def test_a_list_of_ids_or_values_is_or() -> None:
    found = parse_filters([{"id": ["ICCC3:IV(a)", "ICDO3:9510/3"]}], SOURCES)
    assert found == terms(("ICCC3", "IV(a)"), ("ICDO3", "9510/3"))
    countries = parse_filters([{"id": "country", "operator": "=", "value": ["DE", "FR"]}], SOURCES)
    assert countries == one_of("country", "DE", "FR")
    years = parse_filters([{"id": "year", "operator": "=", "value": ["2010", "2012"]}], SOURCES)
    assert years == Or((Between("year", 2010, 2010), Between("year", 2012, 2012)))
    neither = parse_filters([{"id": "country", "operator": "!", "value": ["DE", "FR"]}], SOURCES)
    assert neither == Not(one_of("country", "DE", "FR"))
    mixed = parse_filters([{"id": ["NCIT:C20197", "NCIT:C16576", "NCIT:C3270"]}], SOURCES)
    assert mixed == Or((terms(("NCIT", "C3270")), one_of("sex", "male", "female")))


def test_an_excluded_filter_is_not() -> None:
    assert parse_filters([{"id": "ICCC3:IV(a)", "excluded": True}], SOURCES) == Not(terms(("ICCC3", "IV(a)")))


def test_a_complete_code_needs_no_descendants_and_a_group_is_nothing_without_them() -> None:
    leaf = {"id": "ICDO3:9500/3", "includeDescendantTerms": False}
    assert parse_filters([leaf], SOURCES) == terms(("ICDO3", "9500/3"))
    for group in ("ICCC3:IV(a)", "ICDO3:C74", "ICDO3:9500", "NCIT:C3270", "ICD10:C74"):
        with pytest.raises(Unsupported, match="without its descendants"):
            parse_filters([{"id": group, "includeDescendantTerms": False}], SOURCES)


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("nonsense", "unknown filter 'nonsense'"),
        ("HP:0002664", "unknown filter 'HP:0002664'"),
        ("demographic.ethnicity:asian", "custom filters are not served"),
        ("age", "needs an operator and a value"),
        ("ICDO3:9999/9x", "no notation"),
        ("ICDO3:C99.9", "no topography"),
        ("age>=15", "no duration"),
        ("age>=P6M", "no whole number of years"),
        ("age>=P2Y3D", "mixes"),
        ("age<P0Y", "nothing lies below"),
        ("age>P999Y", "no age of a person"),
        ("age>=PT5H", "no duration"),
        ("year=20100", "no year"),
        ("date=2010-13-01", "is no date"),
        ("date<0001-01-01", "no day lies beyond"),
        ("vitalStatus=ill", "no value of vital_status"),
        ("vitalStatus<alive", "has no order"),
        ("country=Germany", "no value of country"),
        ("source=nowhere", "no registry 'nowhere'"),
        ("country=D%", "wildcards are not served"),
        ({"id": "colour", "operator": "=", "value": "red"}, "unknown filter 'colour'"),
        ({"id": "age", "operator": "~", "value": "P2Y"}, "unknown operator '~'"),
        ({"id": "age", "operator": ["="], "value": "P2Y"}, "unknown operator"),
        ({"id": "age", "operator": ">", "value": ["P2Y", "P3Y"]}, "takes one value"),
        ({"id": "age", "operator": ">"}, "missing or not text"),
        ({"id": "age", "operator": ">", "value": {"a": 1}}, "missing or not text"),
        ({"id": "NCIT:C3270", "operator": "=", "value": "x"}, "takes no operator"),
        ({"id": "NCIT:C3270", "similarity": "high"}, "similarity 'high'"),
        ({"id": "NCIT:C3270", "scope": "biosamples"}, "scope 'biosamples'"),
        ({"id": "NCIT:C3270", "scopes": ["runs"]}, "scope 'runs'"),
        ({"id": "NCIT:C3270", "scope": {}}, "scope"),
        ({"id": "NCIT:C3270", "includeDescendantTerms": "yes"}, "not a boolean"),
        ({"id": "NCIT:C3270", "colour": "red"}, "unknown key 'colour'"),
        ({"id": "age", "operator": ">", "value": "P2Y", "similarity": "exact"}, "does not apply"),
        ({"id": 1.5}, "missing or not text"),
        ({"id": []}, "missing or not text"),
        ({"id": " "}, "missing or not text"),
        ({}, "missing or not text"),
        (None, "is not a filter"),
        (7, "is not a filter"),
    ],
)
def test_a_filter_that_cannot_be_read_is_named(item: object, words: str) -> None:
    with pytest.raises(IccdError) as caught:
        parse_filters(["NCIT:C3270", item], SOURCES)
    assert words in str(caught.value)
    assert caught.value.where is not None
    assert caught.value.where.startswith("filters[1]")
    assert caught.value.expected


def test_a_code_that_does_not_exist_is_an_unknown_term() -> None:
    with pytest.raises(UnknownTerm, match="9999"):
        parse_filters(["ICDO3:9999/3"], SOURCES)


def test_too_many_filters_or_alternatives_are_refused() -> None:
    with pytest.raises(TooCostly, match="51 filters"):
        parse_filters(["NCIT:C3270"] * 51, SOURCES)
    with pytest.raises(TooCostly, match="501 alternatives"):
        parse_filters([{"id": ["NCIT:C3270"] * 501}], SOURCES)


@given(st.integers(0, 150), st.sampled_from(["<", "<=", ">", ">=", "=", "!"]), st.integers(0, 130))
def test_an_age_in_years_compares_completed_years(bound: int, operator: str, years: int) -> None:
    if operator == "<" and bound == 0:
        return
    found = parse_filters([{"id": "age", "operator": operator, "value": f"P{bound}Y"}], SOURCES)
    inverted = isinstance(found, Not)
    between = found.item if isinstance(found, Not) else found
    assert isinstance(between, Between)
    inside = (between.low is None or years >= between.low) and (between.high is None or years <= between.high)
    expected = {
        "<": years < bound,
        "<=": years <= bound,
        ">": years > bound,
        ">=": years >= bound,
        "=": years == bound,
        "!": years != bound,
    }[operator]
    assert (inside != inverted) is expected


@given(st.text(alphabet="P0123456789YMWDT.-+ ", max_size=12))
def test_any_text_is_an_age_or_a_named_fault(text: str) -> None:
    try:
        found = parse_age(text, "filters[0] age")
    except BadQuestion as error:
        assert error.expected  # noqa: PT017
    else:
        assert found.number >= 0
        assert found.field in {"age", "age_days"}


FILTERS = st.lists(
    st.sampled_from(["ICCC3:IV(a)", "pgx:icdom-95003", "NCIT:C16576", "!ICDO3:C71", "age<=P14Y", "year>=2010"]),
    max_size=4,
)


@given(
    FILTERS,
    st.sampled_from(["boolean", "count", "record", None]),
    st.sampled_from(["HIT", "MISS", "ALL", "NONE", None]),
    st.integers(0, 5) | st.none(),
    st.integers(0, 1000) | st.none(),
    st.booleans() | st.none(),
    st.booleans(),
)
def test_get_and_post_mean_the_same(
    filters: list[str],
    granularity: str | None,
    include: str | None,
    skip: int | None,
    limit: int | None,
    test_mode: bool | None,
    repeated: bool,
) -> None:
    query: dict[str, Any] = {"filters": filters}
    pagination = {key: value for key, value in (("skip", skip), ("limit", limit)) if value is not None}
    settings = (("requestedGranularity", granularity), ("includeResultsetResponses", include))
    query.update({key: value for key, value in settings if value is not None})
    parameters = [(key, str(value)) for key, value in {**query, **pagination}.items() if key != "filters"]
    if test_mode is not None:
        query["testMode"] = test_mode
        parameters.append(("testMode", str(test_mode).lower()))
    parameters += [("filters", item) for item in filters] if repeated else [("filters", ",".join(filters))]
    body = {"meta": {"apiVersion": "v2.1.1"}, "query": {**query, "pagination": pagination}}
    assert parse_get(parameters, SOURCES) == parse_post(orjson.dumps(body), SOURCES)
    assert urlencode(parameters)


def test_defaults_are_those_of_the_standard() -> None:
    found = parse_post(b"", SOURCES)
    assert found == BeaconRequest() == parse_get([], SOURCES) == parse_post(b'{"query": {}}', SOURCES)
    assert (found.skip, found.limit, found.include, found.api_version) == (0, 10, "HIT", "v2.1.1")
    assert found.granularity is Granularity.RECORD
    assert parse_get([("limit", "0")], SOURCES).limit == 1000


def test_the_spellings_of_a_python_client_are_understood() -> None:
    body = b'{"meta": {"api_version": "v2.0.0"}, "query": {"test_mode": true, "requestedGranularity": "count"}}'
    found = parse_post(body, SOURCES)
    assert (found.api_version, found.test_mode, found.granularity) == ("v2.0.0", True, Granularity.COUNT)
    with pytest.raises(BadQuestion, match="given twice"):
        parse_post(b'{"query": {"test_mode": true, "testMode": true}}', SOURCES)


def test_individuals_are_counted_as_patients() -> None:
    found = parse_get([("filters", "ICCC3:IV(a)")], SOURCES).question(10)
    assert found.unit is Unit.PATIENTS
    assert found.page is not None
    assert found.page.of == "patient"
    none = parse_get([("includeResultsetResponses", "NONE")], SOURCES)
    assert none.wanted is Granularity.COUNT
    assert none.question(10).page is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        (b'"text"', "not an object"),
        (b"[]", "not an object"),
        (b"[" * 100_000, "not JSON"),
        (b'{"query":' * 2000 + b"1" + b"}" * 2000, "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"query": []}', "query: is not an object"),
        (b'{"meta": 1}', "meta: is not an object"),
        (b'{"question": {}}', "unknown key 'question'"),
        (b'{"query": {"filter": []}}', "unknown key 'filter'"),
        (b'{"query": {"filters": {}}}', "filters: is not a list"),
        (b'{"query": {"filters": null}}', "filters: is not a list"),
        (b'{"query": {"pagination": {"limit": -1}}}', "limit"),
        (b'{"query": {"pagination": {"limit": 1001}}}', "from 0 to 1000"),
        (b'{"query": {"pagination": {"limit": true}}}', "limit"),
        (b'{"query": {"pagination": {"skip": "1"}}}', "skip"),
        (b'{"query": {"pagination": {"skip": 99999999999999999999}}}', "skip"),
        (b'{"query": {"pagination": {"previousPage": "x"}}}', "unknown key 'previousPage'"),
        (b'{"query": {"pagination": {"nextPage": 1}}}', "page token"),
        (b'{"query": {"pagination": {"nextPage": "x", "skip": 1}}}', "exclude each other"),
        (b'{"query": {"requestedGranularity": "aggregated"}}', "'aggregated' is not served"),
        (b'{"query": {"includeResultsetResponses": "hit"}}', "'hit' is not served"),
        (b'{"query": {"testMode": "yes"}}', "no boolean"),
        (b'{"query": {"requestParameters": {"referenceName": {}}}}', "unknown parameter 'referenceName'"),
        (b'{"meta": {"apiVersion": "v1.0"}}', "'v1.0' is not served"),
        (b'{"meta": {"apiVersion": 2}}', "apiVersion"),
        (b'{"meta": {"requestedSchemas": [1]}}', "requestedSchemas"),
        (b'{"meta": {"requestedSchemas": [{"schema": 1}]}}', "requestedSchemas"),
    ],
)
def test_a_body_that_cannot_be_read_is_named(body: bytes, words: str) -> None:
    with pytest.raises(IccdError) as caught:
        parse_post(body, SOURCES)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ([("colour", "red")], "unknown parameter 'colour'"),
        ([("referenceName", "1")], "unknown parameter 'referenceName'"),
        ([("limit", "1"), ("limit", "2")], "given twice"),
        ([("limit", "-1")], "limit"),
        ([("limit", "ten")], "limit"),
        ([("limit", "١")], "limit"),
        ([("testMode", "perhaps")], "no boolean"),
        ([("filters", "a,b")], "unknown filter 'a'"),
    ],
)
def test_a_query_string_that_cannot_be_read_is_named(parameters: list[tuple[str, str]], words: str) -> None:
    with pytest.raises(IccdError) as caught:
        parse_get(parameters, SOURCES)
    assert words in str(caught.value)

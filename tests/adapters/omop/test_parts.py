"""Small parts: pseudonyms, the compiler over dialects, what imports when."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.omop.cases import BranchShape, Cases
from gateway.adapters.omop.layout import OPTIONAL, REQUIRED, Layout
from gateway.adapters.omop.pseudonym import LARGEST, Pseudonyms
from gateway.adapters.omop.shape import AnyOf, Coded, Every, Listed, Negated, Outcome, Range, Recorded, Shape
from gateway.adapters.omop.statements import (
    CountShape,
    PageShape,
    count_statement,
    page_statement,
)
from gateway.model.query import Order
from gateway.model.values import Truth

NAMES = Pseudonyms.of(b"a secret of thirty-two characters", "omop", "case")


@given(st.integers(0, LARGEST))
def test_a_number_is_found_again_by_its_pseudonym(number: int) -> None:
    assert NAMES.number_of(NAMES.id_of(number)) == number


@given(st.integers(0, LARGEST), st.integers(0, LARGEST))
def test_pseudonyms_of_two_numbers_differ(one: int, other: int) -> None:
    assert (NAMES.id_of(one) == NAMES.id_of(other)) == (one == other)


def test_pseudonyms_depend_on_secret_source_and_sort() -> None:
    keys = [
        Pseudonyms.of(salt, source, sort)
        for salt in (b"one secret", b"another")
        for source in ("a", "b")
        for sort in ("case", "patient")
    ]
    assert len({each.id_of(1) for each in keys}) == len(keys)


LAYOUT = Layout("cdm", "vocabulary", frozenset(REQUIRED) | frozenset(OPTIONAL), (32879,), by_date=True)
WHERE: Shape = Every(
    (
        AnyOf((Outcome(0), Negated(Range("age_days", "v0", "v1")))),
        Range("age", "v2", None),
        Range("date", "v3", "v4"),
        Coded("country", (("x", None),), ((None, "it's"),), Truth.POSSIBLE),
        Coded("vital_status", (2,), (1,), Truth.YES),
        Coded("sex", (8507, 8532), (), Truth.NO),
        AnyOf((Recorded("date"), Negated(Recorded("age")), Listed("case", "v5"), Listed("patient", "v6"))),
    )
)
BRANCHES = tuple(BranchShape(column, True, True) for column in ("concept", "source", "pair", "text", "rest"))
CASES = Cases(LAYOUT, BRANCHES, ("leaf0", "by0"), births_complete=False, country=("concept", "value"))
BY = ("iccc_group", "age_band", "age", "year", "sex", "country", "vital_status")


@pytest.mark.parametrize("patients", [False, True])
@pytest.mark.parametrize("dialect", ["duckdb", "postgres", "spark", "databricks", "snowflake", "bigquery", "trino"])
def test_every_shape_compiles_in_every_dialect(dialect: str, patients: bool) -> None:
    statements = [
        count_statement(CountShape(CASES, WHERE, BY, patients), dialect),
        page_statement(PageShape(replace(CASES, of="rows"), WHERE, "case", after=True), dialect),
        page_statement(PageShape(CASES, WHERE, "case", after=True, order=Order("date")), dialect),
        page_statement(PageShape(CASES, WHERE, "case", order=Order("age_days", descending=True)), dialect),
        page_statement(PageShape(CASES, WHERE, "patient"), dialect),
    ]
    for statement in statements:
        assert statement.parameters >= {"v0", "v1", "v2", "v3", "v4", "v5", "v6", "b0_id", "b4_texts"}
        if dialect in ("duckdb", "spark", "databricks"):
            assert sqlglot.parse_one(statement.text, read=dialect)
    if dialect == "spark":
        assert "INLINE(ARRAYS_ZIP(" in statements[0].text
        assert "DATEDIFF(" in statements[0].text


def test_no_value_of_a_question_is_part_of_the_text() -> None:
    statement = count_statement(CountShape(CASES, WHERE, BY), "postgres")
    marks = statement.text.count("%")
    assert marks == statement.text.count("%(")


def test_engines_are_imported_only_when_a_source_is_opened() -> None:
    code = (
        "import sys, gateway.adapters.omop; print({'sqlglot', 'duckdb', 'psycopg', 'numpy.linalg'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "sqlglot" not in found
    assert "psycopg" not in found
    assert "duckdb" not in found

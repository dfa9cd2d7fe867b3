"""SQL as sqlglot trees, written in DuckDB's dialect and rendered in each engine's own.

Lists of ids travel as array parameters. Where an engine cannot unnest several arrays in step, a relation is made of
zipped arrays instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

LOCKSTEP_UNNEST = frozenset({"duckdb", "postgres"})
ARRAY_TESTS = frozenset({"postgres"})
"""Engines that know how many rows `= ANY(array)` gives and use an index for it; others do better with a subquery."""
PERCENT_MARKS = frozenset({"postgres"})
SMALL, BIG, TEXT = "INT", "BIGINT", "TEXT"


def statement(sql: str) -> exp.Expression:
    """Tree of a statement or query in DuckDB's dialect."""
    return sqlglot.parse_one(sql, read="duckdb")


def condition(sql: str) -> exp.Expression:
    """Tree of an expression in DuckDB's dialect."""
    return exp.maybe_parse(sql, dialect="duckdb")


def text(tree: exp.Expression, dialect: str) -> str:
    """Text of a tree in a dialect; `%` marks parameters in psycopg and stands for nothing else."""
    rewrite = _without_percent if dialect in PERCENT_MARKS else _same
    rendered: str = tree.transform(rewrite).sql(dialect=dialect)
    return rendered


@dataclass(frozen=True, slots=True)
class Statement:
    """Text of a statement and the names of its parameters."""

    text: str
    parameters: frozenset[str]


def render(tree: exp.Expression, dialect: str) -> Statement:
    """A tree in a dialect, with the parameters that it names."""
    found = (node.name for node in tree.find_all(exp.Placeholder, exp.Parameter))
    return Statement(text(tree, dialect), frozenset(found))


def _same(node: exp.Expression) -> exp.Expression:
    return node


def _without_percent(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Mod):
        return exp.Anonymous(this="MOD", expressions=[node.this.unnest(), node.expression.unnest()])
    if isinstance(node, exp.Literal) and node.is_string and "%" in node.this:
        return exp.Literal.string(node.this.replace("%", "%%"))
    return node


def relation(columns: Sequence[tuple[str, str, str]], dialect: str) -> exp.Select:
    """Rows of several array parameters of the same length.

    Parameters
    ----------
    columns
        (name of the column, name of the parameter, SQL type of an element).
    """
    arrays = [(name, condition(f"CAST(${parameter} AS {kind}[])")) for name, parameter, kind in columns]
    if dialect in LOCKSTEP_UNNEST:
        return exp.select(*(exp.alias_(exp.Explode(this=array), name) for name, array in arrays))
    zipped = exp.Anonymous(this="ARRAYS_ZIP", expressions=[array for _, array in arrays])
    names = [exp.to_identifier(name) for name, _ in arrays]
    return exp.select(exp.Aliases(this=exp.Anonymous(this="INLINE", expressions=[zipped]), expressions=names))


def named(rows: exp.Expression, name: str) -> exp.Subquery:
    """Rows under a name."""
    return exp.Subquery(this=rows, alias=exp.TableAlias(this=exp.to_identifier(name)))


def listed(column: str, parameter: str, kind: str, dialect: str) -> exp.Expression:
    """Whether a column has one of the values of an array parameter."""
    if dialect in ARRAY_TESTS:
        array = exp.Paren(this=condition(f"CAST(${parameter} AS {kind}[])"))
        return exp.EQ(this=condition(column), expression=exp.Any(this=array))
    return exp.In(this=condition(column), query=exp.Subquery(this=relation([("id", parameter, kind)], dialect)))


def all_of(conditions: Sequence[exp.Expression]) -> exp.Expression:
    """Conjunction, TRUE if there is nothing. An expression may stand in one tree only: copies are made by the caller."""
    return exp.and_(*conditions, copy=False) if conditions else exp.true()


def any_of(conditions: Sequence[exp.Expression]) -> exp.Expression:
    """Disjunction, FALSE if there is nothing."""
    return exp.or_(*conditions, copy=False) if conditions else exp.false()

"""Regular expressions of filters, in linear time: a request's pattern is never given to a backtracking engine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import duckdb

from gateway.errors import BadQuestion

LONGEST = 1000


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """DuckDB's RE2."""
    return duckdb.connect(":memory:")


def full_matches(pattern: str, values: Sequence[str]) -> list[bool]:
    """Whether a pattern matches each of the values from end to end.

    Raises
    ------
    BadQuestion
        It is no regular expression.
    """
    if len(pattern) > LONGEST:
        raise BadQuestion("the pattern is too long", where="ValueSet.compose.filter", expected=f"{LONGEST} letters")
    query = "SELECT regexp_full_match(value, ?) FROM (SELECT unnest(?::VARCHAR[]) AS value)"
    try:
        rows = _engine().cursor().execute(query, [pattern, list(values)]).fetchall()
    except duckdb.Error as error:
        raise BadQuestion(
            "the regular expression cannot be read", where="ValueSet.compose.filter", expected="RE2 syntax"
        ) from error
    return [bool(row[0]) for row in rows]

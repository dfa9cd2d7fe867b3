"""The question grammar as text: one CaseQuery, one spelling. The same words as `iccd ask` and /statistics/counts.

`diagnosis=ICCC3:IV(a),ICDO3:9500/3&age=0..14&sex!=male&by=source`: `,` is OR within a field, `&` is AND, `!=` is
NOT. A tree that the flat form cannot say is written with brackets, `|` and `!`.
"""

from __future__ import annotations

import datetime as dt

from gateway.model.query import (
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
    RecordIn,
    Unit,
)


def question_text(query: CaseQuery) -> str:
    """Question in the grammar of the statistics door (design section 9)."""
    parts = [] if query.where == And(()) else [condition_text(query.where)]
    if query.by:
        parts.append(f"by={','.join(query.by)}")
    if query.unit is not Unit.TUMOURS:
        parts.append(f"unit={query.unit}")
    if query.iccc != "2017":
        parts.append(f"iccc={query.iccc}")
    return "&".join(parts)


def condition_text(where: Expr) -> str:
    """A condition; flat ANDs without brackets."""
    match where:
        case And(items):
            return "&".join(_bracketed(item) for item in items) or "everything"
        case Or(items):
            return "|".join(_bracketed(item) for item in items) or "nothing"
        case Not(item):
            text = condition_text(item)
            return text.replace("=", "!=", 1) if _is_leaf(item) else f"!({text})"
        case DiagnosisIn(field, terms) if field == "diagnosis":
            return f"{field}={','.join(str(term) for term in terms)}"
        case DiagnosisIn(field, terms):
            return f"{field}={','.join(term.code for term in terms)}"
        case Between(field, low, high):
            return f"{field}={_range(low, high)}"
        case DateBetween(low_day, high_day, field):
            return f"{field}={_range(low_day, high_day)}"
        case OneOf(field, values, recorded):
            return f"{field}={'recorded ' if recorded else ''}{','.join(sorted(values))}"
        case Known(field):
            return f"{field}=known"
        case RecordIn(of, ids):
            return f"{of}={','.join(sorted(ids))}"


def _bracketed(item: Expr) -> str:
    text = condition_text(item)
    return f"({text})" if isinstance(item, And | Or) else text


def _is_leaf(item: Expr) -> bool:
    return not isinstance(item, And | Or | Not)


def _range(low: int | dt.date | None, high: int | dt.date | None) -> str:
    if low == high and low is not None:
        return str(low)
    return f"{'' if low is None else low}..{'' if high is None else high}"

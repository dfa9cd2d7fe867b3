"""The oracle: a plain evaluator of CaseQuery over Case objects.

Slow and readable on purpose. Every adapter and the snapshot's cube are tested against it; it shares with them only
the meaning of a recorded diagnosis (gateway.sources.meaning).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import product

from gateway.model.answer import Labels, SourceAnswer
from gateway.model.case import Case, Coded
from gateway.model.dates import interval_within
from gateway.model.fields import AGE_BANDS, FIELDS, UNKNOWN_LABEL
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
from gateway.model.values import Absent, Count, Truth
from gateway.sources.meaning import diagnosis_is_known, iccc_labels, matches, meaning_of, with_recorded_code
from terminology import Terminology


def evaluate(expr: Expr, case: Case, terminology: Terminology) -> Truth:
    """Three-valued outcome of a condition on one case; diagnosis leaves must carry their box sets."""
    match expr:
        case And(items):
            return min((evaluate(item, case, terminology) for item in items), default=Truth.YES)
        case Or(items):
            return max((evaluate(item, case, terminology) for item in items), default=Truth.NO)
        case Not(item):
            return Truth(2 - evaluate(item, case, terminology))
        case DiagnosisIn(certain=certain, possible=possible) if certain is not None and possible is not None:
            by_axes = matches(meaning_of(case.diagnosis, terminology), certain, possible)
            return with_recorded_code(case.diagnosis, expr, by_axes)
        case Between(field, low, high):
            return _between(_interval(case, field), low, high)
        case DateBetween(low, high):
            return case.incidence.within(low, high)
        case OneOf(field, values, recorded):
            return one_of(field, getattr(case, field), values, recorded=recorded)
        case Known(field):
            return Truth.YES if is_known(case, field) else Truth.NO
        case RecordIn(of, ids):
            return Truth.YES if (case.patient_id if of == "patient" else case.case_id) in ids else Truth.NO
    raise TypeError(f"not a planned condition: {type(expr).__name__}")


def is_known(case: Case, field: str) -> bool:
    """Whether anything is recorded in a field of a case."""
    match field:
        case "diagnosis" | "entity" | "topography" | "morphology" | "behaviour":
            return diagnosis_is_known(case.diagnosis, field)
        case "date" | "year":
            return case.incidence.earliest is not None
        case "age":
            return case.age.years is not None
    return not isinstance(getattr(case, field), Absent)


def asked_values(field: str, values: frozenset[str]) -> frozenset[str]:
    """Codes asked for, with the members of any coarse code among them."""
    members = [FIELDS[field].composites.get(value, frozenset()) for value in values]
    return values.union(*members)


def one_of(field: str, value: Coded, values: frozenset[str], *, recorded: bool = False) -> Truth:
    """Whether a code is one of those asked for; a coarse code may be, unless what is `recorded` is asked for."""
    text = value.value if isinstance(value, Absent) else value
    if recorded:
        return Truth.YES if text in values else Truth.NO
    asked = asked_values(field, values)
    if text in asked:
        return Truth.YES
    if isinstance(value, Absent):
        return Truth.NO if value is Absent.NOT_APPLICABLE else Truth.POSSIBLE
    members = FIELDS[field].composites.get(value, frozenset())
    if members and members <= asked:
        return Truth.YES
    return Truth.POSSIBLE if members & asked else Truth.NO


def labels(case: Case, dimension: str, iccc: str, terminology: Terminology) -> tuple[str, ...]:
    """Labels a case may stand under in one dimension: one when certain, several when open."""
    match dimension:
        case "iccc_main" | "iccc_group":
            return iccc_labels(case.diagnosis, dimension, iccc, terminology)
        case "behaviour":
            return (_text(case.diagnosis.behaviour),)
        case "age":
            return _span(case.age.years)
        case "age_band":
            return age_bands(case.age.years)
        case "year":
            return _span(case.incidence.years)
    return (_text(getattr(case, dimension)),)


def age_bands(years: tuple[int, int] | None) -> tuple[str, ...]:
    """Bands that an age interval in completed years touches."""
    if years is None:
        return (UNKNOWN_LABEL,)
    return tuple(name for name, low, high in AGE_BANDS if low <= years[1] and high >= years[0])


def answer_cases(cases: Sequence[Case], query: CaseQuery, terminology: Terminology) -> SourceAnswer:
    """Total and cells of a question over cases, one by one.

    Tumours: each case counts. Patients: each patient counts once in the total and once in each cell where a
    tumour of theirs stands.
    """
    certain_total: set[str] = set()
    possible_total: set[str] = set()
    certain: dict[Labels, set[str]] = defaultdict(set)
    possible: dict[Labels, set[str]] = defaultdict(set)
    for case in cases:
        truth = evaluate(query.where, case, terminology)
        if truth is Truth.NO:
            continue
        key = case.patient_id if query.unit is Unit.PATIENTS else case.case_id
        possible_total.add(key)
        places = list(product(*(labels(case, dimension, query.iccc, terminology) for dimension in query.by)))
        for place in places:
            possible[place].add(key)
        if truth is Truth.YES:
            certain_total.add(key)
            if len(places) == 1:
                certain[places[0]].add(key)
    cells = sorted((place, Count(len(certain[place]), len(keys))) for place, keys in possible.items())
    return SourceAnswer(total=Count(len(certain_total), len(possible_total)), cells=tuple(cells) if query.by else ())


def _interval(case: Case, field: str) -> tuple[int, int] | None:
    match field:
        case "age":
            return case.age.years
        case "age_days":
            return case.age.days
        case "year":
            return case.incidence.years
    raise TypeError(f"not an integer field: {field}")


def _between(interval: tuple[int, int] | None, low: int | None, high: int | None) -> Truth:
    return Truth.POSSIBLE if interval is None else interval_within(*interval, low, high)


def _span(interval: tuple[int, int] | None) -> tuple[str, ...]:
    if interval is None:
        return (UNKNOWN_LABEL,)
    return tuple(str(value) for value in range(interval[0], interval[1] + 1))


def _text(value: object) -> str:
    return str(value.value) if isinstance(value, Absent) else str(value)

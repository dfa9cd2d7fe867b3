"""Beacon filters to conditions on a case (Beacon v2.1.1 framework, requests/filteringTerms.json).

Filters are joined by AND; an array as `id` or `value` is OR (EJP-RD dialect); `excluded` and the operator `!` are
NOT. All filters of a request are asked of one and the same tumour: an individual counts if one of their tumours
meets them all.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gateway.doors.beacon.durations import EXPECTED as EXPECTED_DURATION
from gateway.doors.beacon.durations import parse_age
from gateway.errors import BadQuestion, TooCostly, UnknownTerm, Unsupported
from gateway.model.fields import FIELDS
from gateway.model.query import EVERYTHING, And, Between, DateBetween, DiagnosisIn, Expr, Not, OneOf, Or, Term
from terminology import IcdO, TerminologyError, parse_icdo

Bound = TypeVar("Bound", int, dt.date)

MOST_FILTERS = 50
MOST_ALTERNATIVES = 500
SHOWN = 60

SYSTEMS = {
    "iccc3": "ICCC3",
    "icdo3": "ICDO3",
    "icd10": "ICD10",
    "icd10cm": "ICD10CM",
    "ncit": "NCIT",
    "omop": "OMOP",
    "sct": "SCT",
    "snomed": "SCT",
}
"""CURIE prefix in lower case -> code system of the question grammar."""

SEXES = {"C20197": "male", "C16576": "female", "C17649": "other", "C17998": "unknown"}
"""NCI Thesaurus code -> sex; the values of the Beacon default model, individuals.sex."""

UNKNOWN_SEX = frozenset({"unknown", "not-collected"})
"""The standard's `unknown` is "not assessed or not available"."""

SCOPES = frozenset({"individual", "individuals"})
KEYS = frozenset({"id", "operator", "value", "scope", "scopes", "includeDescendantTerms", "similarity", "excluded"})
OPERATORS = {"=": "=", "!": "!", "!=": "!", "<": "<", ">": ">", "<=": "<=", ">=": ">="}
EXPECTED_OPERATOR = "one of =, !, <, >, <=, >="

_PROGENETIX = re.compile(
    r"(?:pgx:)?(?:icdom-(?P<morphology>\d{4,5})|icdot-(?P<topography>c\d\d(?:\.\d)?))", re.ASCII | re.IGNORECASE
)
_CURIE = re.compile(r"(?P<prefix>[A-Za-z]\w*)(?:\|(?P<edition>\w+))?:(?P<code>.+)", re.ASCII)
_COMPARISON = re.compile(r"(?P<id>[A-Za-z][\w.]*)(?P<operator><=|>=|!=|=|!|<|>)(?P<value>.*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Alphanumeric:
    """An alphanumeric filter: its id, the field it asks, how a value is read, and what to show of it."""

    id: str
    field: str
    label: str
    read: Callable[[str, str, str], Expr]
    expected: str
    values: tuple[str, ...] = ()


def parse_filters(raw: Sequence[object], sources: Collection[str]) -> Expr:
    """Condition that a list of filters means.

    Parameters
    ----------
    raw
        Filters as they stand in a request: objects, or strings in the notation of GET (`NCIT:C3270`, `!NCIT:C3270`,
        `age>=P15Y`).
    sources
        Ids of the registries of this gateway.

    Raises
    ------
    BadQuestion
        A filter cannot be read; `where` is `filters[2]` with its id.
    Unsupported
        A similarity other than exact, a scope other than individuals, or a group without its descendants.
    TooCostly
        More than 50 filters, or more than 500 alternatives in one.
    """
    if len(raw) > MOST_FILTERS:
        raise TooCostly(f"{len(raw)} filters", where="filters", expected=f"at most {MOST_FILTERS}")
    items = joined([_filter(item, f"filters[{at}]", sources) for at, item in enumerate(raw)])
    return items[0] if len(items) == 1 else And(items) if items else EVERYTHING


def joined(conditions: Sequence[Expr]) -> tuple[Expr, ...]:
    """The same conditions with both ends of a range (`year>=2010`, `year<=2019`) as one range.

    Ranges that exclude each other stay apart.
    """
    ranges: dict[str, Expr] = {}
    rest: list[Expr] = []
    for condition in conditions:
        name = condition.field if isinstance(condition, Between | DateBetween) else ""
        both = _intersection(ranges[name], condition) if name in ranges else condition
        if name and both:
            ranges[name] = both
        else:
            rest.append(condition)
    return (*rest, *ranges.values())


def _intersection(one: Expr, other: Expr) -> Expr | None:
    match one, other:
        case Between(field, low, high), Between(_, least, most):
            found = Between(field, max(_given(low, least), default=None), min(_given(high, most), default=None))
            return None if found.low is not None and found.high is not None and found.low > found.high else found
        case DateBetween(first, last, field), DateBetween(start, end, _):
            days = DateBetween(max(_given(first, start), default=None), min(_given(last, end), default=None), field)
            return None if days.low is not None and days.high is not None and days.low > days.high else days
    return None


def _given(*bounds: Bound | None) -> list[Bound]:
    return [bound for bound in bounds if bound is not None]


def filter_text(raw: object) -> str:
    """One filter in the notation of GET, for the summary of the received request."""
    if isinstance(raw, str):
        return raw
    if not isinstance(raw, Mapping):
        return ""
    ids = "|".join(map(str, _as_list(raw.get("id", ""))))
    if "operator" in raw or "value" in raw:
        values = "|".join(map(str, _as_list(raw.get("value", ""))))
        return f"{ids}{raw.get('operator', '=')}{values}"
    return f"!{ids}" if raw.get("excluded") is True else ids


def _filter(raw: object, where: str, sources: Collection[str]) -> Expr:
    item = _from_text(raw) if isinstance(raw, str) else raw
    if not isinstance(item, Mapping):
        raise BadQuestion(
            "is not a filter", where=where, expected="an object with `id`, or a string such as NCIT:C3270"
        )
    unknown = sorted(str(key)[:SHOWN] for key in item if key not in KEYS)
    if unknown:
        raise BadQuestion(f"unknown key {unknown[0]!r}", where=where, expected=f"one of {', '.join(sorted(KEYS))}")
    ids = _texts(item.get("id"), f"{where}.id", "a CURIE or field, or a list of them")
    where = f"{where} {ids[0][:SHOWN]}"
    _check_scope(item, where)
    if "operator" in item or "value" in item:
        condition = _alphanumeric(item, ids, where, sources)
    else:
        condition = _ontology(item, ids, where)
    return Not(condition) if _flag(item, "excluded", where, default=False) else condition


def _from_text(text: str) -> Mapping[str, object]:
    excluded = text.startswith("!")
    body = text[1:] if excluded else text
    found = _COMPARISON.fullmatch(body)
    flags = {"excluded": True} if excluded else {}
    if found is None or _CURIE.fullmatch(body):
        return {"id": body, **flags}
    return {**found.groupdict(), **flags}


def _check_scope(item: Mapping[str, object], where: str) -> None:
    asked = [*_as_list(item.get("scope", [])), *_as_list(item.get("scopes", []))]
    for scope in asked:
        if not isinstance(scope, str) or scope not in SCOPES:
            raise Unsupported(f"scope {str(scope)[:SHOWN]!r} is not served", where=where, expected="scope individual")


def _ontology(item: Mapping[str, object], ids: Sequence[str], where: str) -> Expr:
    similarity = item.get("similarity", "exact")
    if similarity != "exact":
        raise Unsupported(
            f"similarity {str(similarity)[:SHOWN]!r} is not served", where=where, expected="similarity exact"
        )
    descendants = _flag(item, "includeDescendantTerms", where, default=True)
    return any_of([_term(text.strip(), where, descendants=descendants) for text in ids])


def _term(text: str, where: str, *, descendants: bool) -> DiagnosisIn | OneOf:
    progenetix = _PROGENETIX.fullmatch(text)
    if progenetix:
        return _icdo(progenetix["morphology"] or progenetix["topography"], where, descendants=descendants)
    found = _CURIE.fullmatch(text)
    system = SYSTEMS.get(found["prefix"].lower()) if found else None
    if found is None or system is None:
        raise _unknown_filter(text, where)
    code = found["code"].strip()
    if system == "ICDO3" and found["edition"] is None:
        return _icdo(code, where, descendants=descendants)
    if system == "NCIT" and code.upper() in SEXES:
        return OneOf("sex", UNKNOWN_SEX if SEXES[code.upper()] == "unknown" else frozenset({SEXES[code.upper()]}))
    if not descendants:
        raise _no_descendants(text, where)
    return DiagnosisIn("diagnosis", (Term(system, code, found["edition"]),))


def _icdo(text: str, where: str, *, descendants: bool) -> DiagnosisIn:
    try:
        code = parse_icdo(text)
    except TerminologyError as error:
        raise UnknownTerm(error.message, where=where, expected=error.expected) from error
    if not descendants and not _is_leaf(code):
        raise _no_descendants(text, where)
    return DiagnosisIn("diagnosis", (Term("ICDO3", str(code)),))


def _is_leaf(code: IcdO) -> bool:
    whole_site = code.topography is None or "." in code.topography
    return whole_site and (code.morphology is None or code.behaviour is not None)


def _no_descendants(text: str, where: str) -> Unsupported:
    return Unsupported(
        f"{text[:SHOWN]!r} is a group of tumours: without its descendants it would mean no tumour",
        where=where,
        expected="includeDescendantTerms true, or a complete ICD-O-3 code such as ICDO3:9500/3 or ICDO3:C74.9",
    )


def _unknown_filter(text: str, where: str) -> BadQuestion:
    if text in ALPHANUMERIC:
        return BadQuestion("needs an operator and a value", where=where, expected=ALPHANUMERIC[text].expected)
    return BadQuestion(
        f"unknown filter {text[:SHOWN]!r}; custom filters are not served",
        where=where,
        expected=f"a term with the prefix {', '.join(sorted(set(SYSTEMS.values())))} or pgx, "
        f"or one of {', '.join(sorted(ALPHANUMERIC))} with operator and value",
    )


def _alphanumeric(item: Mapping[str, object], ids: Sequence[str], where: str, sources: Collection[str]) -> Expr:
    for key in ("includeDescendantTerms", "similarity"):
        if key in item:
            raise BadQuestion(f"{key} does not apply to a comparison", where=where, expected="id, operator and value")
    asked = item.get("operator", "=")
    operator = OPERATORS.get(asked) if isinstance(asked, str) else None
    if operator is None:
        raise BadQuestion(f"unknown operator {str(asked)[:SHOWN]!r}", where=where, expected=EXPECTED_OPERATOR)
    values = _texts(item.get("value"), f"{where} value", "a text or a list of texts")
    if len(values) > 1 and operator not in {"=", "!"}:
        raise BadQuestion(f"operator {operator} takes one value", where=where, expected="= or ! with a list of values")
    conditions = [_comparison(name, operator, value, where, sources) for name in ids for value in values]
    return Not(any_of(conditions)) if operator == "!" else any_of(conditions)


def _comparison(name: str, operator: str, value: str, where: str, sources: Collection[str]) -> Expr:
    chosen = ALPHANUMERIC.get(name)
    if chosen is None:
        if name.partition(":")[0].partition("|")[0].lower() in SYSTEMS:
            raise BadQuestion("an ontology term takes no operator and no value", where=where, expected="`id` alone")
        raise _unknown_filter(name, where)
    if "%" in value:
        raise Unsupported("wildcards are not served", where=where, expected=chosen.expected)
    if chosen.field == "source" and value not in sources:
        raise BadQuestion(f"no registry {value[:SHOWN]!r} here", where=where, expected=f"one of {', '.join(sources)}")
    return chosen.read("=" if operator == "!" else operator, value, where)


def any_of(conditions: Sequence[Expr]) -> Expr:
    """OR of conditions; terms and codes of one field become one leaf."""
    terms: dict[str, tuple[Term, ...]] = {}
    codes: dict[str, frozenset[str]] = {}
    rest: list[Expr] = []
    for condition in conditions:
        match condition:
            case DiagnosisIn(field, asked):
                terms[field] = terms.get(field, ()) + asked
            case OneOf(field, values):
                codes[field] = codes.get(field, frozenset()) | values
            case _:
                rest.append(condition)
    items: tuple[Expr, ...] = (
        *(DiagnosisIn(field, found) for field, found in terms.items()),
        *(OneOf(field, found) for field, found in codes.items()),
        *rest,
    )
    return items[0] if len(items) == 1 else Or(items)


def _bounds(field: str, operator: str, number: int, where: str, unit: str, least: int | None = None) -> Between:
    low, high = {
        "=": (number, number),
        "<": (least, number - 1),
        "<=": (least, number),
        ">": (number + 1, None),
        ">=": (number, None),
    }[operator]
    if high is not None and high < 0:
        raise BadQuestion(f"nothing lies below {unit}", where=where, expected="a larger value")
    return Between(field, low, high)


def _age(operator: str, value: str, where: str) -> Expr:
    age = parse_age(value, where)
    return _bounds(age.field, operator, age.number, where, value, least=0)


def _year(operator: str, value: str, where: str) -> Expr:
    if not re.fullmatch(r"\d{4}", value, re.ASCII):
        raise BadQuestion(f"{value[:SHOWN]!r} is no year", where=where, expected="a year of four digits")
    return _bounds("year", operator, int(value), where, value)


def _date(operator: str, value: str, where: str) -> Expr:
    try:
        day = dt.date.fromisoformat(value)
    except ValueError as error:
        raise BadQuestion("is no date", where=where, expected="YYYY-MM-DD") from error
    one = dt.timedelta(days=1)
    if (operator == "<" and day == dt.date.min) or (operator == ">" and day == dt.date.max):
        raise BadQuestion("no day lies beyond this one", where=where, expected="YYYY-MM-DD")
    match operator:
        case "<":
            return DateBetween(None, day - one)
        case "<=":
            return DateBetween(None, day)
        case ">":
            return DateBetween(day + one, None)
        case ">=":
            return DateBetween(day, None)
    return DateBetween(day, day)


def _coded(field: str, pattern: str, expected: str) -> Callable[[str, str, str], Expr]:
    def read(operator: str, value: str, where: str) -> Expr:
        if operator != "=":
            raise BadQuestion(f"{field} has no order", where=where, expected="operator = or !")
        if not re.fullmatch(pattern, value, re.ASCII):
            raise BadQuestion(f"{value[:SHOWN]!r} is no value of {field}", where=where, expected=expected)
        return OneOf(field, frozenset({value}))

    return read


ABSENT = ("unknown", "not-collected")


def _listed(name: str, field: str) -> Alphanumeric:
    values = (*FIELDS[field].values, *FIELDS[field].composites, *ABSENT)
    expected = f"= or ! and one of {', '.join(values)}"
    pattern = "|".join(map(re.escape, values))
    return Alphanumeric(name, field, FIELDS[field].definition, _coded(field, pattern, expected), expected, values)


def _free(name: str, field: str, pattern: str, what: str) -> Alphanumeric:
    expected = f"= or ! and {what}"
    return Alphanumeric(name, field, FIELDS[field].definition, _coded(field, pattern, expected), expected)


ALPHANUMERIC: dict[str, Alphanumeric] = {
    entry.id: entry
    for entry in (
        Alphanumeric("age", "age", "age at diagnosis, ISO 8601 duration", _age, EXPECTED_DURATION),
        Alphanumeric("ageOfOnset", "age", "age at diagnosis, the same as age", _age, EXPECTED_DURATION),
        Alphanumeric("year", "year", FIELDS["year"].definition, _year, "a comparison with a year of four digits"),
        Alphanumeric("date", "date", FIELDS["date"].definition, _date, "a comparison with YYYY-MM-DD"),
        _listed("vitalStatus", "vital_status"),
        _listed("basis", "basis"),
        _listed("laterality", "laterality"),
        _free("grade", "grade", r"[\w.:-]{1,20}", "a grade, 1 to 4 or the source's own code"),
        _free("stage", "stage", r"[\w.-]{1,40}:[\w .+/()-]{1,40}|unknown|not-collected", "a stage as SYSTEM:VALUE"),
        _free("country", "country", r"[A-Z]{2}|unknown|not-collected", "an ISO 3166-1 alpha-2 code such as DE"),
        _free("source", "source", r"[a-z0-9-]+", "the id of a registry, see /datasets"),
    )
}


def _as_list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else [value]


def _texts(value: object, where: str, expected: str) -> list[str]:
    found = [str(item) if type(item) is int else item for item in _as_list(value)]
    if not found or not all(isinstance(item, str) and item.strip() for item in found):
        raise BadQuestion("is missing or not text", where=where, expected=expected)
    if len(found) > MOST_ALTERNATIVES:
        raise TooCostly(f"{len(found)} alternatives", where=where, expected=f"at most {MOST_ALTERNATIVES}")
    return [item for item in found if isinstance(item, str)]


def _flag(item: Mapping[str, object], key: str, where: str, *, default: bool) -> bool:
    value = item.get(key, default)
    if not isinstance(value, bool):
        raise BadQuestion(f"{key} is not a boolean", where=where, expected="true or false")
    return value

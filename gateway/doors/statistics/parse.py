"""Question grammar (design section 9): query string, text of `iccd ask`, or JSON with and/or/not -> CaseQuery."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from urllib.parse import parse_qsl

from gateway.errors import BadQuestion
from gateway.model.dates import DateInterval
from gateway.model.fields import DIMENSIONS, FIELDS, Kind
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
    Term,
    Unit,
)

SYSTEMS = ("ICCC3", "SEER", "ICDO3", "ICD10", "ICD10CM", "OMOP", "SCT", "NCIT")
EDITIONS = ("2017", "2005", "who2008")
SPECIAL = ("by", "unit", "iccc")
AXES = {"topography": "ICDO3", "morphology": "ICDO3", "behaviour": "ICDO3"}
KNOWN = "known"
NEVER_ASKED_KNOWN = ("source", "age_days")
ABSENT_VALUES = ("unknown", "not-collected", "not-applicable", "withheld")
MAX_DEPTH = 32
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_TERM = re.compile(r"\s*([A-Za-z0-9-]+)\s*(?:\|\s*([A-Za-z0-9.]+)\s*)?:\s*(.+?)\s*")


@lru_cache(maxsize=2048)
def parse_text(text: str) -> CaseQuery:
    """Question from `field=value&...`, percent-encoded or not.

    Raises
    ------
    BadQuestion
        Names the field and what was expected.
    """
    try:
        pairs = parse_qsl(text.strip().lstrip("?"), keep_blank_values=True, strict_parsing=True) if text.strip() else []
    except ValueError as error:
        raise BadQuestion(
            "the question is not a list of field=value",
            where="question",
            expected="e.g. diagnosis=ICCC3:IV(a)&age=0..14",
        ) from error
    return parse_pairs(pairs)


def parse_pairs(pairs: Iterable[tuple[str, str]]) -> CaseQuery:
    """Question from (key, value) pairs; a key that ends in `!` negates, a repeated field is another AND."""
    items: list[Expr] = []
    special: dict[str, str] = {}
    for key, value in pairs:
        if key in SPECIAL:
            if key in special:
                raise BadQuestion("given twice", where=key, expected="one value, several separated by commas")
            special[key] = value
        elif key.endswith("!"):
            items.append(Not(parse_field(key[:-1], value.split(","))))
        else:
            items.append(parse_field(key, value.split(",")))
    return _query(items, special)


def parse_json(body: object) -> CaseQuery:
    """Question from a JSON object: fields as in the text, `where` with and/or/not trees, by, unit, iccc."""
    if not isinstance(body, dict):
        raise BadQuestion("the body is not an object", where="body", expected='e.g. {"diagnosis": "ICCC3:IV(a)"}')
    special: dict[str, str] = {}
    for key in SPECIAL:
        if key in body:
            special[key] = ",".join(_strings(body[key], key))
    fields = {key: value for key, value in body.items() if key not in (*SPECIAL, "where")}
    items = [_tree({key: value}, 1) for key, value in fields.items()]
    if "where" in body:
        items.append(_tree(body["where"], 1))
    return _query(items, special)


def parse_field(name: str, values: Sequence[str]) -> Expr:
    """One field with its alternatives."""
    field = FIELDS.get(name)
    if field is None:
        known = [*FIELDS, *SPECIAL]
        near = difflib.get_close_matches(name, known, n=1)
        raise BadQuestion(
            f"unknown field {name!r}", where=name, expected=f"{near[0]!r}" if near else f"one of {', '.join(known)}"
        )
    wanted = [value.strip() for value in values]
    if not all(wanted):
        raise BadQuestion("is empty", where=name, expected="a value")
    if name in NEVER_ASKED_KNOWN:
        return _READ[field.kind](name, wanted)
    rest = [value for value in wanted if value.lower() != KNOWN]
    recorded: list[Expr] = [Known(name)] if len(rest) < len(wanted) else []
    return _any([*recorded, _READ[field.kind](name, rest)] if rest else recorded)


def parse_term(text: str) -> Term:
    """`ICCC3:IV(a)`, `ICCC3|2005:IV(a)`, `NCIT:C3270`."""
    match = _TERM.fullmatch(text)
    if not match or match[1].upper() not in SYSTEMS:
        raise BadQuestion(
            f"{text!r} names no known code system", where="diagnosis", expected=f"SYSTEM:CODE, {', '.join(SYSTEMS)}"
        )
    return Term(match[1].upper(), match[3], match[2])


def _diagnosis(name: str, values: Sequence[str]) -> Expr:
    if name in AXES:
        return DiagnosisIn(name, tuple(Term(AXES[name], value.removeprefix("ICDO3:")) for value in values))
    return DiagnosisIn(name, tuple(parse_term(value) for value in values))


def _integers(name: str, values: Sequence[str]) -> Expr:
    return _any([Between(name, *_bounds(name, value, _integer)) for value in values])


def _dates(name: str, values: Sequence[str]) -> Expr:
    items: list[Expr] = []
    for value in values:
        low, high = _ends(value)
        items.append(
            DateBetween(
                _day(name, low).earliest if low else None,
                _day(name, high).latest if high else None,
                name,
            )
        )
        last = items[-1]
        if isinstance(last, DateBetween) and last.low and last.high and last.low > last.high:
            raise BadQuestion(f"range {value!r} is upside down", where=name, expected="the earlier date first")
    return _any(items)


def _codes(name: str, values: Sequence[str]) -> Expr:
    field = FIELDS[name]
    known = (*field.values, *field.composites, *ABSENT_VALUES) if field.values else ()
    lowered = [value if not known else value.lower() for value in values]
    for value in lowered:
        if known and value not in known:
            raise BadQuestion(f"unknown value {value!r}", where=name, expected=f"one of {', '.join((*known, KNOWN))}")
    return OneOf(name, frozenset(value.upper() if name == "country" else value for value in lowered))


_READ: Mapping[Kind, Callable[[str, Sequence[str]], Expr]] = {
    Kind.DIAGNOSIS: _diagnosis,
    Kind.INTEGER: _integers,
    Kind.DATE: _dates,
    Kind.CODED: _codes,
}


def _any(items: Sequence[Expr]) -> Expr:
    return items[0] if len(items) == 1 else Or(tuple(items))


def _ends(value: str) -> tuple[str, str]:
    low, dots, high = value.partition("..")
    return (low.strip(), high.strip()) if dots else (value, value)


def _bounds(name: str, value: str, read: Callable[[str, str], int]) -> tuple[int | None, int | None]:
    low, high = (read(name, end) if end else None for end in _ends(value))
    if low is not None and high is not None and low > high:
        raise BadQuestion(f"range {value!r} is upside down", where=name, expected=f"{high}..{low}")
    if low is None and high is None:
        raise BadQuestion("range has no end", where=name, expected="e.g. 0..14, 5, ..14 or 10..")
    return low, high


def _integer(name: str, text: str) -> int:
    if not re.fullmatch(r"\d{1,6}", text):
        raise BadQuestion(f"{text!r} is not a whole number", where=name, expected="e.g. 0..14, 5, ..14 or 10..")
    return int(text)


def _day(name: str, text: str) -> DateInterval:
    match = _DATE.fullmatch(text)
    try:
        if match:
            return DateInterval.of(int(match[1]), *(int(part) for part in match.groups()[1:] if part))
    except ValueError as error:
        raise BadQuestion(f"{text!r} does not exist in the calendar", where=name, expected="YYYY-MM-DD") from error
    raise BadQuestion(f"{text!r} is not a date", where=name, expected="YYYY, YYYY-MM or YYYY-MM-DD, ranges with ..")


def _tree(node: object, depth: int) -> Expr:
    if depth > MAX_DEPTH:
        raise BadQuestion("the tree is too deep", where="where", expected=f"at most {MAX_DEPTH} levels")
    if not isinstance(node, dict) or not node:
        raise BadQuestion("is not an object with a field or and/or/not", where="where", expected='{"and": [...]}')
    items = [_branch(key, value, depth) for key, value in node.items()]
    return items[0] if len(items) == 1 else And(tuple(items))


def _branch(key: str, value: object, depth: int) -> Expr:
    match key:
        case "and" | "or":
            if not isinstance(value, list) or not value:
                raise BadQuestion("is not a list of conditions", where=key, expected=f'{{"{key}": [...]}}')
            parts = tuple(_tree(item, depth + 1) for item in value)
            return And(parts) if key == "and" else Or(parts)
        case "not":
            return Not(_tree(value, depth + 1))
    if key.endswith("!"):
        return Not(parse_field(key[:-1], _strings(value, key)))
    return parse_field(key, _strings(value, key))


def _strings(value: object, where: str) -> list[str]:
    items = value if isinstance(value, list) else [value]
    if not items or not all(isinstance(item, str | int) and not isinstance(item, bool) for item in items):
        raise BadQuestion("is not a text, number or list of these", where=where, expected='e.g. "0..14"')
    return [part for item in items for part in str(item).split(",")]


def _query(items: Sequence[Expr], special: Mapping[str, str]) -> CaseQuery:
    by = tuple(part.strip() for part in special.get("by", "").split(",") if part.strip())
    for dimension in by:
        if dimension not in DIMENSIONS:
            raise BadQuestion(
                f"unknown dimension {dimension!r}", where="by", expected=f"some of {', '.join(DIMENSIONS)}"
            )
    if len(set(by)) < len(by):
        raise BadQuestion("a dimension is named twice", where="by", expected="each once")
    unit = special.get("unit", Unit.TUMOURS.value)
    if unit not in set(Unit):
        raise BadQuestion(f"unknown unit {unit!r}", where="unit", expected=" or ".join(Unit))
    iccc = special.get("iccc", "2017").lower()
    if iccc not in EDITIONS:
        raise BadQuestion(f"unknown ICCC-3 edition {iccc!r}", where="iccc", expected=f"one of {', '.join(EDITIONS)}")
    where = items[0] if len(items) == 1 else And(tuple(items))
    return CaseQuery(where=where, by=by, unit=Unit(unit), iccc=iccc)

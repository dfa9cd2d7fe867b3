"""Resource types whose resources the door holds itself: definitions, catalogue, terminology, cohorts.

Each is a list of plain resources and a table of search parameters; read and search are the same for all of them
(R4 http.html sections 3.1.0.1 and 3.1.0.10, search.html).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.door import Door, Reply
from gateway.doors.fhir.interactions.read import check_parameters
from gateway.doors.fhir.render.bundle import issues_of_sources
from gateway.doors.fhir.render.links import links
from gateway.doors.fhir.search.controls import CONTROL_NAMES, CURSOR, DEFAULTS, Controls, applied, controlled
from gateway.doors.fhir.search.dates import Span, span_of
from gateway.doors.fhir.search.grammar import alternatives, prefixed, token, unescape
from gateway.doors.fhir.search.parameters import SEARCHABLE
from gateway.doors.fhir.search.parse import Search
from gateway.doors.fhir.served import Answers, Declared, Interaction
from gateway.doors.fhir.wire.outcome import issue, outcome
from gateway.doors.fhir.wire.request import Asked
from gateway.errors import BadQuestion, Expired, NotFound, Unsupported
from gateway.federation import cursor as cursors

Values = Callable[[Resource], Sequence[str]]
"""Values of a resource for a parameter; of a token `system|code` or `|code`."""

Test = Callable[[Sequence[str], str], bool]
"""Values of a resource, and one asked value -> whether they match."""

Resources = Callable[[Door, Asked], Awaitable[Sequence[Resource]]]

HL7 = "http://hl7.org/fhir/SearchParameter"
COUNTS = Search(SEARCHABLE["Condition"], controls=Controls(count_only=True))
"""What the counts in resources are like for the issues of their sources: a search for the total alone."""


@dataclass(frozen=True, slots=True)
class HeldParameter:
    """A search parameter over held resources."""

    declared: Declared
    values: Values

    @property
    def name(self) -> str:
        """Name without modifier."""
        return self.declared.name


def held_parameter(name: str, kind: str, definition: str, values: Values, documentation: str = "") -> HeldParameter:
    """Parameter whose documentation lists its modifiers."""
    modifiers = ", ".join(f":{modifier}" for modifier in (*TESTS[kind], "missing") if modifier)
    words = f"{documentation} Modifiers: {modifiers}.".strip()
    return HeldParameter(Declared(name, kind, words, definition), values)


def path(*names: str) -> Values:
    """Values of the elements under a path, through lists; what is not there gives none."""

    def values(resource: Resource) -> list[str]:
        found: list[object] = [resource]
        for name in names:
            found = [value for item in found if isinstance(item, dict) for value in _listed(item.get(name))]
        return [str(value).lower() if isinstance(value, bool) else str(value) for value in found]

    return values


def codes(system: str, *names: str) -> Values:
    """Tokens of the codes under a path, whose system is that of their required binding."""
    values = path(*names)
    return lambda resource: [f"{system}|{value}" for value in values(resource)]


PUBLICATION_STATUS = "http://hl7.org/fhir/publication-status"


def tokens(*names: str) -> Values:
    """Tokens of the codes, Codings, CodeableConcepts or Identifiers under a path."""

    def values(resource: Resource) -> list[str]:
        found: list[object] = [resource]
        for name in names:
            found = [value for item in found if isinstance(item, dict) for value in _listed(item.get(name))]
        return [each for item in found for each in _tokens(item)]

    return values


def read_of(resources: Resources, *, constant: bool = False) -> Interaction:
    """Interaction read.

    Parameters
    ----------
    constant
        The resources are the same for as long as the process lives.
    """

    async def read(door: Door, asked: Asked) -> Reply:
        check_parameters(asked)
        for resource in await resources(door, asked):
            if resource["id"] == asked.id:
                return Reply(resource, lasting=constant)
        raise NotFound(f"no {asked.resource} with this id", where=asked.resource)

    return read


def search_of(
    resources: Resources,
    parameters: Sequence[HeldParameter],
    *,
    constant: bool = False,
    answers: Answers | None = None,
) -> Interaction:
    """Interaction search-type; `_id` is always there.

    Parameters
    ----------
    constant
        As for a read.
    answers
        What the resources are made of, where registries are asked for them: an entry of mode outcome names each that
        did not fully answer.
    """
    known = {parameter.name: parameter for parameter in (ID, *parameters)}

    async def search(door: Door, asked: Asked) -> Reply:
        wanted = _parse(asked, known)
        pages = Pages(door, asked, wanted.applied, constant=constant)
        start = pages.start(wanted.controls.cursor)
        found = [item for item in await resources(door, asked) if all(test(item) for test in wanted.tests)]
        said = issues_of_sources(COUNTS, await answers(door, asked)) if answers else []
        return Reply(_search_set(wanted, found, start, pages, [*wanted.ignored, *said]), lasting=constant)

    return search


class Pages:
    """Pages of one search and their tokens: signed, of this question, and of the snapshots that the resources hang on."""

    def __init__(self, door: Door, asked: Asked, applied: Sequence[tuple[str, str]], *, constant: bool) -> None:
        self.base = f"{door.base}/{asked.resource}"
        self._salt = door.gateway.salt
        self._question = repr((asked.resource, [pair for pair in applied if pair[0] != "_format"]))
        self._snapshots = {} if constant else door.gateway.snapshots()

    def start(self, token: str | None) -> int:
        """Number of resources before a page.

        Raises
        ------
        BadQuestion
            The token was not made here, or for another question.
        Expired
            A registry answers from another snapshot now.
        """
        if token is None:
            return 0
        try:
            place = cursors.decode(token, self._question, self._snapshots, self._salt)
        except (BadQuestion, Expired) as error:
            raise type(error)(error.message, where=CURSOR, expected=error.expected) from error
        return place.after or 0 if isinstance(place, cursors.Cursor) else 0

    def token(self, start: int) -> str:
        """Token of the page that starts there."""
        return cursors.encode(cursors.Cursor(self.base, start), self._question, self._snapshots, self._salt)


@dataclass(frozen=True, slots=True)
class _Wanted:
    tests: tuple[Callable[[Resource], bool], ...] = ()
    controls: Controls = DEFAULTS
    applied: tuple[tuple[str, str], ...] = ()
    ignored: tuple[Resource, ...] = ()


def _parse(asked: Asked, known: Mapping[str, HeldParameter]) -> _Wanted:
    wanted = _Wanted()
    for name, value in asked.pairs:
        try:
            wanted = _with(wanted, name, value, known)
        except Unsupported as error:
            if not asked.lenient:
                raise
            said = issue("warning", "not-supported", f"{name} was ignored: {error.message}", parameter=name)
            wanted = replace(wanted, ignored=(*wanted.ignored, said))
    return wanted


def _with(wanted: _Wanted, name: str, value: str, known: Mapping[str, HeldParameter]) -> _Wanted:
    if name in CONTROL_NAMES:
        _check_value(name, value)
        controls = controlled(wanted.controls, name, value)
        said = wanted.applied if name == CURSOR else (*wanted.applied, (name, applied(name, value)))
        return replace(wanted, controls=controls, applied=said)
    plain, _, modifier = name.partition(":")
    if plain not in known:
        expected = f"one of {', '.join((*known, *CONTROL_NAMES))}"
        raise Unsupported(f"no search parameter {name!r} here", where=name, expected=expected)
    _check_value(name, value)
    test = _test(known[plain], modifier, value, name)
    return replace(wanted, tests=(*wanted.tests, test), applied=(*wanted.applied, (name, value)))


def _check_value(name: str, value: str) -> None:
    if not value:
        raise BadQuestion("has no value", where=name, expected="a value, or leave the parameter out")


def _test(parameter: HeldParameter, modifier: str, value: str, name: str) -> Callable[[Resource], bool]:
    values = parameter.values
    if modifier == "missing":
        if value not in {"true", "false"}:
            raise BadQuestion(f"{value!r} is no truth", where=name, expected="true or false")
        return lambda resource: (not values(resource)) == (value == "true")
    tests = TESTS[parameter.declared.type]
    if modifier not in tests:
        expected = ", ".join(f":{each}" for each in (*tests, "missing") if each)
        raise Unsupported(f"{parameter.name} has no modifier {modifier!r} here", where=name, expected=expected)
    test, wanted = tests[modifier], [unescape(each) for each in alternatives(value)]
    if parameter.declared.type == "token":
        wanted = list(alternatives(value))
    if modifier == "not":
        return lambda resource: not any(test(values(resource), each) for each in wanted)
    if parameter.declared.type == "date":
        spans = [(prefix, span_of(rest, name)) for prefix, rest in map(prefixed, wanted)]
        return lambda resource: any(_in_span(values(resource), prefix, span, name) for prefix, span in spans)
    return lambda resource: any(test(values(resource), each) for each in wanted)


def _search_set(
    wanted: _Wanted, found: Sequence[Resource], start: int, pages: Pages, issues: Sequence[Resource]
) -> Resource:
    controls = wanted.controls
    end = start + controls.count
    shown = [] if controls.count_only else found[start:end]
    following = pages.token(end) if end < len(found) and not controls.count_only else None
    entries: list[Resource] = [
        {"fullUrl": f"{pages.base}/{item['id']}", "resource": item, "search": {"mode": "match"}} for item in shown
    ]
    if issues:
        entries.append({"resource": outcome(list(issues)), "search": {"mode": "outcome"}})
    bundle: Resource = {
        "resourceType": "Bundle",
        "type": "searchset",
        **({"total": len(found)} if controls.total else {}),
        "link": links(pages.base, wanted.applied, controls.cursor, following),
    }
    return {**bundle, "entry": entries} if entries else bundle


# --- comparisons ------------------------------------------------------------------------------------------------------


def _is_token(values: Sequence[str], asked: str) -> bool:
    wanted = token(asked)
    for value in values:
        system, _, code = value.rpartition("|")
        if wanted.system in (None, system) and wanted.code in ("", code):
            return True
    return False


def _starts(values: Sequence[str], asked: str) -> bool:
    return any(_folded(value).startswith(_folded(asked)) for value in values)


def _contains(values: Sequence[str], asked: str) -> bool:
    return any(_folded(asked) in _folded(value) for value in values)


def _is(values: Sequence[str], asked: str) -> bool:
    return asked in values


def _below(values: Sequence[str], asked: str) -> bool:
    return any(value == asked or value.startswith(f"{asked.rstrip('/')}/") for value in values)


def _refers(values: Sequence[str], asked: str) -> bool:
    return any(value == asked or f"/{value}".endswith(f"/{asked}") or asked.endswith(f"/{value}") for value in values)


def _in_span(values: Sequence[str], prefix: str, asked: Span, name: str) -> bool:
    spans = [span_of(value[:10], name) for value in values]
    return any(_COMPARED[prefix](span, asked) for span in spans)


_COMPARED: Mapping[str, Callable[[Span, Span], bool]] = {
    "eq": lambda own, asked: asked.first <= own.first and own.last <= asked.last,
    "ne": lambda own, asked: not (asked.first <= own.first and own.last <= asked.last),
    "gt": lambda own, asked: own.last > asked.last,
    "lt": lambda own, asked: own.first < asked.first,
    "ge": lambda own, asked: own.last >= asked.first,
    "le": lambda own, asked: own.first <= asked.last,
    "sa": lambda own, asked: own.first > asked.last,
    "eb": lambda own, asked: own.last < asked.first,
    "ap": lambda own, asked: own.first <= asked.last and own.last >= asked.first,
}

TESTS: Mapping[str, Mapping[str, Test]] = {
    "token": {"": _is_token, "not": _is_token},
    "string": {"": _starts, "exact": _is, "contains": _contains},
    "uri": {"": _is, "below": _below},
    "reference": {"": _refers},
    "date": {"": _is},
}
"""Comparison by type of parameter and modifier; '' is none. Dates are compared as spans (R4 section 3.1.1.5.8)."""

ID = held_parameter("_id", "token", f"{HL7}/Resource-id", path("id"))


def _listed(value: object) -> list[object]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _tokens(item: object) -> list[str]:
    if not isinstance(item, dict):
        return [f"|{str(item).lower() if isinstance(item, bool) else item}"]
    if "coding" in item:
        return [each for coding in item["coding"] for each in _tokens(coding)]
    return [f"{item.get('system', '')}|{item.get('code', item.get('value', ''))}"]


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in plain if not unicodedata.combining(sign)).casefold()

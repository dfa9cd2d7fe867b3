"""Search request -> question (R4 search.html). Pure: pairs of names and values in, a Search out.

Strict by default: an unknown parameter, modifier or prefix, and a code that cannot be asked for there, is refused by
name. With `Prefer: handling=lenient` it is left
out, named in the answer and absent from the self link (R4 search.html section 3.1.1.6, http.html section 3.1.0.1.6).
A value that cannot be read is refused in both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.doors.fhir.observations import KIND, ObservationKind
from gateway.doors.fhir.search.controls import CONTROL_NAMES, CURSOR, DEFAULTS, Controls, applied, controlled
from gateway.doors.fhir.search.grammar import alternatives
from gateway.doors.fhir.search.parameters import Builder, Parameter, Searchable
from gateway.doors.fhir.search.ranges import join_ranges
from gateway.errors import BadQuestion, TooCostly, Unsupported
from gateway.model.query import And, CaseQuery, Expr, Known, Order, Page, Unit
from gateway.planner.rewrite.constants import conjunction, fold_constants

MOST_PARAMETERS = 64
MOST_VALUES = 500
HAS = "_has:"
SORT = "_sort"
REFERRING = frozenset({"reference", "uri"})
"""Types of parameters whose values may be absolute URLs of this door."""
OF_VALUE_SETS = frozenset({"in", "not-in"})
"""Modifiers whose values are those of a value set, by canonical or reference."""
BY_ID = "_id"

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Ignored:
    """A parameter left out under lenient handling, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Search:
    """A search as understood.

    Attributes
    ----------
    resource
        What is searched.
    filters
        Conditions, all of which must hold.
    order
        Order of the matches, None for the door's own.
    includes, reverse_includes
        What `_include` and `_revinclude` ask for.
    applied
        Parameters that were applied, as written, for the links; the token of a page is not among them.
    record_names
        Names among them whose values are ids of records.
    ignored
        Parameters that were left out.
    notes
        Sentences that go with the answer.
    """

    resource: Searchable
    filters: tuple[Expr, ...] = ()
    order: Order | None = None
    includes: tuple[str, ...] = ()
    reverse_includes: tuple[str, ...] = ()
    controls: Controls = DEFAULTS
    applied: tuple[tuple[str, str], ...] = ()
    record_names: frozenset[str] = frozenset()
    ignored: tuple[Ignored, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def where(self) -> Expr:
        """All conditions as one; ranges over one field are one range."""
        whole = conjunction(self.filters)
        return conjunction(join_ranges(whole.items)) if isinstance(whole, And) else whole

    def question(self) -> CaseQuery:
        """The question in the gateway's words."""
        return self._asked(self.where, self.resource.unit, self.resource.record, self.controls.count)

    def of_kind(self, kind: ObservationKind, room: int) -> CaseQuery:
        """The question for one kind of observation, with room for so many on the page."""
        chosen = fold_constants(self.where, {KIND: kind.name})
        return self._asked(conjunction((chosen, Known(kind.field))), kind.unit, kind.record, room)

    def _asked(self, where: Expr, unit: Unit, record: str, room: int) -> CaseQuery:
        page = None if self.controls.count_only or not room else Page(record, room, order=self.order)
        return CaseQuery(where=where, unit=unit, page=page)


def parse_search(resource: Searchable, pairs: Pairs, *, lenient: bool = False, base: str = "") -> Search:
    """Read a search.

    Parameters
    ----------
    resource
        What is searched.
    pairs
        Names and values, decoded, in the order they were written.
    lenient
        Leave out what is not known instead of refusing.
    base
        URL of this door: an absolute reference under it is to one of our resources, any other to none of them.

    Raises
    ------
    BadQuestion, Unsupported
        A parameter, modifier or value that cannot be read or answered, named in `where`.
    TooCostly
        More parameters or values than the limits.
    """
    check_limits(pairs)
    draft = _Draft(base)
    for name, value in pairs:
        try:
            _apply(resource, draft, name, value)
        except Unsupported as error:
            if not lenient:
                raise
            draft.ignored.append(Ignored(name, error.message))
            continue
        if name != CURSOR:
            draft.applied.append((name, applied(name, value)))
    return Search(
        resource,
        tuple(draft.filters),
        draft.order,
        tuple(draft.includes),
        tuple(draft.reverse_includes),
        draft.controls,
        tuple(draft.applied),
        frozenset(draft.record_names),
        tuple(draft.ignored),
        tuple(draft.notes),
    )


@dataclass(slots=True)
class _Draft:
    """A search while its parameters are read, one after the other; the attributes are those of Search."""

    base: str = ""
    filters: list[Expr] = field(default_factory=list)
    order: Order | None = None
    includes: list[str] = field(default_factory=list)
    reverse_includes: list[str] = field(default_factory=list)
    controls: Controls = DEFAULTS
    applied: list[tuple[str, str]] = field(default_factory=list)
    record_names: set[str] = field(default_factory=set)
    ignored: list[Ignored] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether a parameter was applied already."""
        return any(name == seen for seen, _ in self.applied)


Apply = Callable[[_Draft, str, str], None]
"""Puts a parameter into a draft, which stays as it was where that raises."""


def _apply(resource: Searchable, draft: _Draft, name: str, value: str) -> None:
    apply = _recognise(resource, name, value)
    if not value:
        raise BadQuestion("has no value", where=name, expected="a value, or leave the parameter out")
    apply(draft, name, value)


def _recognise(resource: Searchable, name: str, value: str) -> Apply:
    """What a parameter does; the value is looked at where it names something of the type, as in `_include`."""
    if name in _STEERING:
        return _STEERING[name](resource, name, value)
    if name in CONTROL_NAMES:
        return _apply_control
    if name.startswith(HAS):
        return _reverse(resource, name)
    parameter, build = _find(resource.parameters, name) or (None, None)
    if parameter is None or build is None:
        known = ", ".join([*resource.parameters, *CONTROL_NAMES, *_STEERING])
        raise Unsupported(f"no search parameter {name!r} on {resource.name}", where=name, expected=f"one of {known}")
    return _filter(parameter, build)


def _find(parameters: Mapping[str, Parameter], name: str, before: str = "") -> tuple[Parameter, Builder] | None:
    """Parameter and builder of a name, with its modifier; None if there is no such parameter.

    `before` is what was written before the name, for errors.

    Raises
    ------
    Unsupported
        The parameter does not have this modifier.
    """
    whole = parameters.get(name)
    if whole:
        return whole, whole.build
    plain, _, modifier = name.rpartition(":")
    parameter = parameters.get(plain)
    if parameter is None:
        return None
    if modifier not in parameter.modifiers:
        known = ", ".join(f":{item}" for item in parameter.modifiers) or "no modifier"
        where = f"{before}{name}"
        raise Unsupported(f"{before}{plain} has no modifier {modifier!r} here", where=where, expected=known)
    return parameter, parameter.modifiers[modifier]


def _reverse(resource: Searchable, name: str) -> Apply:
    """One hop back: patients of whom a tumour matches."""
    found = _find(resource.reverse, name.removeprefix(HAS), HAS)
    if found is None:
        known = ", ".join(f"{HAS}{each}" for each in resource.reverse) or "no _has"
        raise Unsupported(f"no such _has on {resource.name}", where=name, expected=known)
    return _filter(*found, once=HAS)


def _filter(parameter: Parameter, build: Builder, once: str = "") -> Apply:
    def apply(draft: _Draft, name: str, value: str) -> None:
        if once and any(seen.startswith(once) for seen, _ in draft.applied):
            raise Unsupported(
                f"two {once.rstrip(':')} may be met by two different tumours of one patient, which is not counted here",
                where=name,
                expected=f"one {once.rstrip(':')}, or the tumours themselves: Condition?...&_include=Condition:subject",
            )
        values = alternatives(value)
        refers = parameter.local or parameter.type in REFERRING or name.rpartition(":")[2] in OF_VALUE_SETS
        if refers and draft.base:
            values = tuple(each.removeprefix(f"{draft.base}/") for each in values)
        draft.filters.append(build(values, name))
        if parameter.note is not None:
            draft.notes[parameter.note] = None
        if parameter.names_records:
            draft.record_names.add(name)

    return apply


def _apply_control(draft: _Draft, name: str, value: str) -> None:
    if draft.has(name) or (name == CURSOR and draft.controls.cursor):
        raise BadQuestion("is given twice", where=name, expected="one value")
    draft.controls = controlled(draft.controls, name, value)


def _sort(resource: Searchable, name: str, value: str) -> Apply:
    """One key; a minus sign before it turns the order round (R4 search.html section 3.1.1.6.1).

    Ids are pseudonyms whose letters mean nothing, so the order by id is the order of pages: stable, each id once.
    Clients that page ask for no more (fhir-pyrate does wherever there are several pages).
    """
    field = resource.orders.get(value.removeprefix("-"))
    if field is None and value != BY_ID:
        known = ", ".join([BY_ID, *(f"{each} or -{each}" for each in resource.orders)])
        raise Unsupported(f"no order by {value!r} here", where=name, expected=known)
    order = Order(field, value.startswith("-")) if field else None

    def apply(draft: _Draft, name: str, _value: str) -> None:
        if draft.has(name):
            raise BadQuestion("is given twice", where=name, expected="one value")
        draft.order = order

    return apply


def _include(resource: Searchable, name: str, value: str) -> Apply:
    target = _with_target(value, resource.includes, name, resource.name)
    return lambda draft, _name, _value: draft.includes.append(target)


def _reverse_include(resource: Searchable, name: str, value: str) -> Apply:
    target = _with_target(value, resource.reverse_includes, name, resource.name)
    return lambda draft, _name, _value: draft.reverse_includes.append(target)


def _with_target(value: str, known: Sequence[str], name: str, resource: str) -> str:
    """Source and parameter of `Type:parameter` or `Type:parameter:Target`."""
    kind, _, rest = value.partition(":")
    parameter, _, target = rest.partition(":")
    found = f"{kind}:{parameter}"
    if found not in known or target not in {"", _target_of(found, resource)}:
        raise Unsupported(f"no {name} {value!r} on {resource}", where=name, expected=f"one of {', '.join(known)}")
    return found


def _target_of(include: str, resource: str) -> str:
    kind, _, parameter = include.partition(":")
    if kind != resource:
        return resource
    return "Condition" if parameter == "focus" else "Patient"


_STEERING: Mapping[str, Callable[[Searchable, str, str], Apply]] = {
    SORT: _sort,
    "_include": _include,
    "_revinclude": _reverse_include,
}
STEERING_NAMES = tuple(_STEERING)


def check_limits(pairs: Pairs) -> None:
    """Refuse more parameters or values than the limits: TooCostly."""
    values = sum(len(alternatives(value)) for _, value in pairs)
    for what, found, most in (("parameters", len(pairs), MOST_PARAMETERS), ("values", values, MOST_VALUES)):
        if found > most:
            raise TooCostly(f"the search has {found} {what}", where="search", expected=f"at most {most}")

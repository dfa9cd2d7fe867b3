"""Search request -> question (R4 search.html). Pure: pairs of names and values in, a Search out.

Strict by default: an unknown parameter or modifier is refused by name. With `Prefer: handling=lenient` it is left
out, named in the answer and absent from the self link (R4 search.html section 3.1.1.6, http.html section 3.1.0.1.6).
A value that cannot be read is refused in both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gateway.doors.fhir.controls import CONTROL_NAMES, CURSOR, DEFAULTS, Controls, controlled
from gateway.doors.fhir.grammar import alternatives, unescape
from gateway.doors.fhir.parameters import ID, Builder, Parameter, Searchable
from gateway.doors.fhir.ranges import join_ranges
from gateway.errors import BadQuestion, TooCostly, Unsupported
from gateway.model.query import NOTHING, And, CaseQuery, Expr, OneOf, Page

MOST_PARAMETERS = 64
MOST_VALUES = 500

Pairs = Sequence[tuple[str, str]]

_RESOURCE_ID = re.compile(r"(?P<source>[A-Za-z0-9-]+)\.(?P<record>[A-Za-z0-9.-]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class RecordId:
    """Id of a resource: the registry, then the pseudonym of the record there."""

    source: str
    record: str

    def __str__(self) -> str:
        return f"{self.source}.{self.record}"


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
        Conditions, all of which must hold; `_id` is not among them.
    ids
        Records asked for by `_id`, None for all.
    applied
        Parameters that were applied, as written, for the links; the token of a page is not among them.
    ignored
        Parameters that were left out.
    notes
        Sentences that go with the answer.
    """

    resource: Searchable
    filters: tuple[Expr, ...] = ()
    ids: tuple[RecordId, ...] | None = None
    controls: Controls = DEFAULTS
    applied: tuple[tuple[str, str], ...] = ()
    ignored: tuple[Ignored, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def wants_records(self) -> bool:
        """Whether the question needs records: for entries, or to count records asked for by id."""
        return self.ids != () and (not self.controls.count_only or self.ids is not None)

    def question(self) -> CaseQuery:
        """The question in the gateway's words."""
        unit = self.resource.unit
        if self.ids == ():
            return CaseQuery(where=NOTHING, unit=unit)
        filters, records = join_ranges(self.filters), None
        if self.ids is not None:
            filters = (*filters, OneOf("source", frozenset(item.source for item in self.ids)))
            records = tuple(str(item) for item in self.ids)
        where = filters[0] if len(filters) == 1 else And(filters)
        limit = len(records) if records else self.controls.count
        page = Page(self.resource.record, limit, ids=records) if self.wants_records else None
        return CaseQuery(where=where, unit=unit, page=page)


def parse_search(resource: Searchable, pairs: Pairs, *, lenient: bool = False) -> Search:
    """Read a search.

    Parameters
    ----------
    resource
        What is searched.
    pairs
        Names and values, decoded, in the order they were written.
    lenient
        Leave out what is not known instead of refusing.

    Raises
    ------
    BadQuestion, Unsupported
        A parameter, modifier or value that cannot be read or answered, named in `where`.
    TooCostly
        More parameters or values than the limits.
    """
    _check_limits(pairs)
    search = Search(resource)
    for name, value in pairs:
        try:
            apply = _recognise(resource, name)
        except (BadQuestion, Unsupported) as error:
            if not lenient:
                raise
            search = replace(search, ignored=(*search.ignored, Ignored(name, error.message)))
            continue
        if not value:
            raise BadQuestion("has no value", where=name, expected="a value, or leave the parameter out")
        search = apply(search, name, value)
        if name != CURSOR:
            search = replace(search, applied=(*search.applied, (name, value)))
    return search


def parse_resource_id(text: str) -> RecordId | None:
    """Id of a resource of this door; None if no resource can have it."""
    found = _RESOURCE_ID.fullmatch(text)
    return RecordId(found["source"], found["record"]) if found and len(text) <= 64 else None


Apply = Callable[[Search, str, str], Search]


def _recognise(resource: Searchable, name: str) -> Apply:
    if name == ID:
        return _apply_ids
    if name in CONTROL_NAMES:
        return _apply_control
    parameter = resource.parameters.get(name)
    if parameter:
        return _filter(parameter, parameter.build)
    plain, _, modifier = name.rpartition(":")
    parameter = resource.parameters.get(plain)
    if parameter is None:
        known = ", ".join([ID, *resource.parameters, *CONTROL_NAMES])
        raise Unsupported(f"no search parameter {name!r} on {resource.name}", where=name, expected=f"one of {known}")
    if modifier not in parameter.modifiers:
        known = ", ".join(f":{item}" for item in parameter.modifiers) or "no modifier"
        raise Unsupported(f"{plain} has no modifier {modifier!r} here", where=name, expected=known)
    return _filter(parameter, parameter.modifiers[modifier])


def _filter(parameter: Parameter, build: Builder) -> Apply:
    def apply(search: Search, name: str, value: str) -> Search:
        notes = (
            search.notes
            if parameter.note is None or parameter.note in search.notes
            else (*search.notes, parameter.note)
        )
        return replace(search, filters=(*search.filters, build(alternatives(value), name)), notes=notes)

    return apply


def _apply_ids(search: Search, _name: str, value: str) -> Search:
    wanted = [parse_resource_id(unescape(item)) for item in alternatives(value)]
    found = tuple(dict.fromkeys(item for item in wanted if item is not None))
    return replace(search, ids=found if search.ids is None else tuple(item for item in search.ids if item in found))


def _apply_control(search: Search, name: str, value: str) -> Search:
    if any(name == seen for seen, _ in search.applied) or (name == CURSOR and search.controls.cursor):
        raise BadQuestion("is given twice", where=name, expected="one value")
    return replace(search, controls=controlled(search.controls, name, value))


def _check_limits(pairs: Pairs) -> None:
    values = sum(len(alternatives(value)) for _, value in pairs)
    for what, found, most in (("parameters", len(pairs), MOST_PARAMETERS), ("values", values, MOST_VALUES)):
        if found > most:
            raise TooCostly(f"the search has {found} {what}", where="search", expected=f"at most {most}")

"""`_summary` and `_elements`: parts of resources (R4 search.html sections 3.1.1.5.6 and 3.1.1.5.7).

What belongs to a summary is told by the definition of each type. Mandatory and modifier elements stay whatever is
asked. A resource that lacks something carries the tag SUBSETTED and claims no profile any more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.search.elements import Element, Elements, types
from gateway.errors import BadQuestion

SUMMARY = "_summary"
ELEMENTS = "_elements"
SHAPES = (SUMMARY, ELEMENTS)
SUBSETTED: Resource = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
}

_ALWAYS = frozenset({"resourceType", "id", "meta", "implicitRules", "modifierExtension"})
"""Kept whatever is asked; fhirpy names resourceType among the elements that it wants."""
_NESTED = frozenset({"id", "extension", "modifierExtension"})
"""Kept in whatever is kept: the extension that tells why a value is absent is part of the value."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is wanted of each resource; whole resources where neither is given.

    Attributes
    ----------
    summary
        `true`, `text`, `data`, `count` or `false`; '' where it is not given.
    elements
        Elements at the root, None where all are wanted.
    """

    summary: str = ""
    elements: tuple[str, ...] | None = None

    @property
    def whole(self) -> bool:
        """Whether resources go out as they are."""
        return self.elements is None and self.summary in {"", "false", "count"}


WHOLE = Shape()


def shape_of(pairs: Sequence[tuple[str, str]]) -> Shape:
    """Shape that a request asks for.

    Raises
    ------
    BadQuestion
        A value that cannot be read, one given twice, or both parameters.
    """
    given = [(name, value) for name, value in pairs if name in SHAPES]
    if not given:
        return WHOLE
    if len(given) > 1:
        raise BadQuestion("is one more wish for a part", where=given[1][0], expected=f"one {SUMMARY} or {ELEMENTS}")
    name, value = given[0]
    if name == ELEMENTS:
        names = tuple(part.strip().removesuffix("[x]") for part in value.split(","))
        if not all(names):
            raise BadQuestion("an element has no name", where=ELEMENTS, expected="names of elements with commas")
        return Shape(elements=names)
    if value not in {*_SUMMARIES, "count", "false"}:
        expected = ", ".join(("count", *_SUMMARIES, "false"))
        raise BadQuestion(f"no summary {value!r}", where=SUMMARY, expected=f"one of {expected}")
    return Shape(value)


def check_shape(shape: Shape, resource: str) -> None:
    """Refuse elements that a type does not have.

    Raises
    ------
    BadQuestion
        Naming the element.
    """
    table = types().get(resource, Elements())
    known = table.keys() | {element.choice for element in table.values() if element.choice} | _ALWAYS
    for name in shape.elements or ():
        if name not in known:
            raise BadQuestion(f"{resource} has no element {name!r}", where=ELEMENTS, expected="elements of its root")


def shaped(resource: Resource, shape: Shape) -> Resource:
    """A resource, or each match of a search set, as the shape wants it; the resource itself is not changed.

    Raises
    ------
    BadQuestion
        An element that the type does not have.
    """
    if shape.whole:
        return resource
    if resource["resourceType"] != "Bundle":
        check_shape(shape, resource["resourceType"])
        return _part(resource, shape)
    entries = [_entry(entry, shape) for entry in resource.get("entry", [])]
    return {**resource, "entry": entries} if entries else resource


def _entry(entry: Resource, shape: Shape) -> Resource:
    """An included resource is of another type than `_elements` names and stays whole."""
    mode = entry["search"]["mode"]
    if mode == "outcome" or (mode == "include" and shape.elements is not None):
        return entry
    return {**entry, "resource": _part(entry["resource"], shape)}


def _part(resource: Resource, shape: Shape) -> Resource:
    name = resource["resourceType"]
    table = types().get(name)
    if table is None or name in {"OperationOutcome", "Parameters"}:
        return resource
    if shape.elements is not None:
        found = _with_elements(resource, table, frozenset(shape.elements))
    else:
        found = _SUMMARIES[shape.summary](resource, table)
    return resource if found == resource else _tagged(found)


def _tagged(resource: Resource) -> Resource:
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in {"profile", "tag"}}
    tags = [*resource.get("meta", {}).get("tag", []), SUBSETTED]
    head: Resource = {name: resource[name] for name in ("resourceType", "id") if name in resource}
    rest = {name: value for name, value in resource.items() if name not in {*head, "meta"}}
    return {**head, "meta": {**meta, "tag": tags}, **rest}


def _with_elements(resource: Resource, table: Mapping[str, Element], wanted: frozenset[str]) -> Resource:
    return _root(resource, table, lambda element: element.name in wanted or element.choice in wanted)


def _text(resource: Resource, table: Mapping[str, Element]) -> Resource:
    return _root(resource, table, lambda element: element.name == "text")


def _data(resource: Resource, _table: Mapping[str, Element]) -> Resource:
    return {name: value for name, value in resource.items() if name != "text"}


def _summary(resource: Resource, table: Mapping[str, Element]) -> Resource:
    found = _root(resource, table, lambda element: element.summary)
    return {name: _nested(value, table.get(name)) for name, value in found.items()}


def _root(resource: Resource, table: Mapping[str, Element], wanted: Callable[[Element], bool]) -> Resource:
    """Elements at the root that are wanted, or must be there."""
    kept = {name for name, element in table.items() if element.mandatory or wanted(element)} | _ALWAYS
    return {name: value for name, value in resource.items() if name.removeprefix("_") in kept}


def _nested(value: Any, element: Element | None) -> Any:
    """Summary elements of a value, of each where it is a list."""
    if element is None or element.primitive or element.type not in types():
        return value
    if isinstance(value, list):
        return [_nested(item, element) for item in value]
    table = types()[element.type]
    kept = {name for name, inner in table.items() if inner.summary or inner.mandatory} | _NESTED
    return {
        name: item if name in _NESTED else _nested(item, table.get(name))
        for name, item in value.items()
        if name.removeprefix("_") in kept
    }


_SUMMARIES: Mapping[str, Callable[[Resource, Mapping[str, Element]], Resource]] = {
    "true": _summary,
    "text": _text,
    "data": _data,
}

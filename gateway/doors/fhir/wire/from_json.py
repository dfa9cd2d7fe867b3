"""FHIR JSON as its type has it (R4 json.html), for whatever a client posts: as strict as gateway.doors.fhir.wire.from_xml.

What a type does not have, a value of another type, null, and what is empty are refused by their path.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

import orjson

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.search.elements import Element, Elements, is_resource, types
from gateway.doors.fhir.wire.from_xml import BROUGHT, DEEPEST, MOST_WHOLE, Inside, is_integer, some_of
from gateway.errors import BadQuestion

Place: TypeAlias = "tuple[Place, str] | str"
"""Path of an element as its parent and its own step, put together only where it is told."""

LEAST, MOST = 1e-99, 1e99
"""Decimals beyond have an exponent of three digits, which is not read in XML either."""
EXPECTED_ELEMENT = "an element as FHIR R4 has it"

_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STEP = re.compile(r"_?[A-Za-z]\w{0,40}", re.ASCII)


def from_json(body: bytes) -> Resource:
    """Read one resource.

    Raises
    ------
    BadQuestion
        Not well-formed, no resource, nested too deep, or not what its type is; `where` is the line and column, or the
        path of the element.
    """
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        where = f"body:{error.lineno}:{error.colno}"
        raise BadQuestion("the body is not well-formed JSON", where=where, expected="JSON in UTF-8") from None
    if not isinstance(found, dict):
        raise BadQuestion("the body is no object", where="body", expected="a resource")
    name = found.get("resourceType")
    if not isinstance(name, str) or not is_resource(name):
        raise BadQuestion("the body is no resource", where="body", expected="a resourceType that is read here")
    _check_elements(found, types()[name], name, Inside(), resource=True)
    return found


def _check_elements(value: Resource, table: Elements, place: Place, inside: Inside, *, resource: bool = False) -> None:
    if inside.depth > DEEPEST:
        raise BadQuestion("the body is nested too deep", where=_path(place), expected=f"{DEEPEST} elements")
    choices: dict[str, str] = {}
    strange: list[str] = []
    for name, item in value.items():
        element = table.get(name)
        if element is not None:
            if element.many:
                _check_list(value, item, element, (place, name), inside)
            elif element.type == "Resource" and value.get("name") == BROUGHT:
                _check_item(item, element, (place, name), Inside(inside.depth, loose=True))
            else:
                _check_item(item, element, (place, name), inside)
        elif name[:1] == "_" and (element := table.get(name[1:])) is not None and _has_sibling(element, resource):
            _check_beside(value, item, element, (place, name), inside)
        elif inside.loose and name != "resourceType":
            strange.append(name)
        elif not (resource and name == "resourceType"):
            raise _unknown(name, table, place)
        if element and element.choice and choices.setdefault(element.choice, element.name) != element.name:
            raise BadQuestion(
                f"there is more than one {element.choice}[x]", where=_path(place), expected="one of its types"
            )
    for name in strange:
        del value[name]
    if not value:
        raise BadQuestion("this element is empty", where=_path(place), expected="elements, or leave it out")


def _check_list(owner: Resource, items: Any, element: Element, place: Place, inside: Inside) -> None:
    if not isinstance(items, list):
        raise BadQuestion("this element is a list", where=_path(place), expected=EXPECTED_ELEMENT)
    if not items:
        raise BadQuestion("this list is empty", where=_path(place), expected="items, or leave it out")
    beside = owner.get(f"_{element.name}") if element.primitive else None
    for index, item in enumerate(items):
        if item is None and isinstance(beside, list) and len(beside) > index and beside[index] is not None:
            continue
        _check_item(item, element, (place, f"[{index}]"), inside)


def _check_item(item: Any, element: Element, place: Place, inside: Inside) -> None:
    kind = element.type
    if element.primitive:
        _check_primitive(item, kind, place)
    elif not isinstance(item, dict):
        raise BadQuestion("this element is no object", where=_path(place), expected=EXPECTED_ELEMENT)
    elif kind == "Resource":
        name = item.get("resourceType")
        if not isinstance(name, str) or not is_resource(name):
            raise BadQuestion("is no resource", where=_path(place), expected="one resource of a type that is read here")
        _check_elements(item, types()[name], place, inside.deeper(), resource=True)
    else:
        _check_elements(item, types()[kind], place, inside.deeper())


def _check_primitive(item: Any, kind: str, place: Place) -> None:
    if isinstance(item, str):
        good = kind in ("string", "xhtml") and item and not _NOT_XML.search(item)
    elif isinstance(item, bool):
        good = kind == "boolean"
    elif isinstance(item, int):
        good = (kind == "integer" and is_integer(item)) or (kind == "decimal" and abs(item) <= MOST_WHOLE)
    else:
        good = isinstance(item, float) and kind == "decimal" and (item == 0 or LEAST <= abs(item) < MOST)
    if not good:
        what = "is null" if item is None else "is empty" if item == "" else f"is no {kind}"
        raise BadQuestion(f"this {what}", where=_path(place), expected=f"a {kind} as FHIR R4 writes it")


def _has_sibling(element: Element, resource: bool) -> bool:
    """Whether there is a `_name` beside it; the ids and urls that are attributes in XML have none."""
    attribute = (element.name == "id" and not resource) or element is types()["Extension"]["url"]
    return element.primitive and element.type != "xhtml" and not attribute


def _check_beside(owner: Resource, item: Any, element: Element, place: Place, inside: Inside) -> None:
    """Check the `_name` that holds ids and extensions of a primitive; that of a list has an item for each of its."""
    if not element.many:
        _check_extra(item, place, inside)
        return
    values = owner.get(element.name)
    if not isinstance(item, list) or not any(item) or (isinstance(values, list) and len(values) != len(item)):
        expected = f"a list with an item for each of {element.name}, null where it has nothing"
        raise BadQuestion("this is no list of its elements", where=_path(place), expected=expected)
    for index, extra in enumerate(item):
        if extra is None and isinstance(values, list) and values[index] is not None:
            continue
        _check_extra(extra, (place, f"[{index}]"), inside)


def _check_extra(item: Any, place: Place, inside: Inside) -> None:
    if not isinstance(item, dict):
        raise BadQuestion("this element is no object", where=_path(place), expected="id or extension")
    _check_elements(item, EXTRA, place, inside.deeper())


def _unknown(name: str, table: Elements, place: Place) -> BadQuestion:
    where = _path((place, name) if _STEP.fullmatch(name) else place)
    return BadQuestion(f"there is no element {name[:40]!r}", where=where, expected=some_of(table))


def _path(place: Place) -> str:
    if isinstance(place, str):
        return place
    parent, step = place
    return f"{_path(parent)}{step}" if step[0] == "[" else f"{_path(parent)}.{step}"


EXTRA: Elements = {
    "id": Element("id", "string", False, False, False, ""),
    "extension": Element("extension", "Extension", True, False, False, ""),
}
"""What a primitive has beside its value."""

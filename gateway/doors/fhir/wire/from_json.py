"""FHIR JSON as its type has it (R4 json.html), for whatever a client posts: as strict as gateway.doors.fhir.wire.from_xml.

What a type does not have, a value of another type, null, and what is empty are refused by their path.
"""

from __future__ import annotations

import json
import re
from typing import Any, TypeAlias

import orjson

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.search.elements import Element, Elements, is_resource, types
from gateway.doors.fhir.wire.from_xml import (
    BROUGHT,
    DEEPEST,
    Inside,
    check_required,
    expected_of,
    is_later,
    is_left_out,
    some_of,
)
from gateway.doors.fhir.wire.primitives import TEXTS, is_value, plain
from gateway.errors import BadQuestion

Place: TypeAlias = "tuple[Place, str] | str"
"""Path of an element as its parent and its own step, put together only where it is told."""

EXPECTED_ELEMENT = "an element as FHIR R4 has it"

_STEP = re.compile(r"_?[A-Za-z]\w{0,40}", re.ASCII)
_NAMED = re.compile(rb'"(?:[^"\\]++|\\.)*+"(?=[ \t\r\n]*+(:?))', re.DOTALL)
"""A text of JSON, with the colon after it where it is a name."""
_TOO_DEEP = "depth limit exceeded"
"""What the reader says of more levels than it takes itself."""


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
        if error.msg.startswith(_TOO_DEEP):
            raise BadQuestion("the body is nested too deep", where=where, expected=f"{DEEPEST} elements") from None
        raise BadQuestion("the body is not well-formed JSON", where=where, expected="JSON in UTF-8") from None
    if not isinstance(found, dict):
        raise BadQuestion("the body is no object", where="body", expected="a resource")
    name = found.get("resourceType")
    if not isinstance(name, str) or not is_resource(name):
        raise BadQuestion("the body is no resource", where="body", expected="a resourceType that is read here")
    try:
        again = orjson.dumps(found)
    except orjson.JSONEncodeError:
        raise BadQuestion("the body is nested too deep", where="body", expected=f"{DEEPEST} elements") from None
    if _names_in(body) != _names_in(again):
        _refuse_again(body, name)
    _check_elements(found, types()[name], name, Inside(), resource=True)
    return found


def _names_in(text: bytes) -> int:
    """Number of names in all objects of a text; reading keeps one of those that stand twice."""
    return _NAMED.findall(text).count(b":")


class _Pairs(list[tuple[str, Any]]):
    """An object as it is written, with every name."""


def _refuse_again(body: bytes, name: str) -> None:
    """Refuse a name that stands twice in one object: by the path of the second."""
    try:
        _refuse_within(json.loads(body, object_pairs_hook=_Pairs), name)
    except RecursionError:
        raise BadQuestion("the body is nested too deep", where="body", expected=f"{DEEPEST} elements") from None


def _refuse_within(value: Any, place: Place) -> None:
    if isinstance(value, _Pairs):
        seen = set()
        for name, item in value:
            within = (place, name) if _STEP.fullmatch(name) else place
            if name in seen:
                raise BadQuestion("is there more than once", where=_path(within), expected="each name once")
            seen.add(name)
            _refuse_within(item, within)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_within(item, (place, f"[{index}]"))


def _check_elements(value: Resource, table: Elements, place: Place, inside: Inside, *, resource: bool = False) -> None:
    if inside.depth > DEEPEST:
        raise BadQuestion("the body is nested too deep", where=_path(place), expected=f"{DEEPEST} elements")
    choices: dict[str, str] = {}
    strange: list[str] = []
    rank, ordered = -1, True
    for name, item in value.items():
        element = table.get(name)
        if element is not None:
            if element.primitive and not element.many:
                value[name] = _primitive(item, element, (place, name), inside)
            elif element.many:
                if not _check_list(value, item, element, (place, name), inside):
                    strange.append(name)
            elif element.type == "Resource" and table is types()["ParametersParameter"]:
                within = Inside(inside.depth, brought=True, loose=value.get("name") == BROUGHT)
                _check_item(item, element, (place, name), within)
            else:
                _check_item(item, element, (place, name), inside)
        elif name[:1] == "_" and (element := table.get(name[1:])) is not None and _has_sibling(element, resource):
            _check_beside(value, item, element, (place, name), inside)
        elif inside.loose and name != "resourceType":
            strange.append(name)
        elif not (resource and name == "resourceType"):
            raise _unknown(name, table, place)
        if element is None:
            continue
        ordered = ordered and rank <= element.rank
        rank = element.rank
        if element.choice and choices.setdefault(element.choice, element.name) != element.name:
            raise BadQuestion(
                f"there is more than one {element.choice}[x]", where=_path(place), expected="one of its types"
            )
    for name in strange:
        del value[name]
    if not value:
        raise BadQuestion("this element is empty", where=_path(place), expected="elements, or leave it out")
    if table is types()["Extension"] and "url" not in value:
        raise BadQuestion("an extension has no url", where=_path(place), expected="the url of its definition")
    if inside.brought:
        for names in table.required:
            if names[0] not in value:
                check_required(value, table, _path(place), inside)
                break
    if not ordered:
        _put_in_order(value, table)


def _put_in_order(value: Resource, table: Elements) -> None:
    """Put the elements of a value in the order of its type, which is that of XML."""
    ranks = {name: table[name.removeprefix("_")].rank if name != "resourceType" else -1 for name in value}
    pairs = sorted(value.items(), key=lambda pair: ranks[pair[0]])
    value.clear()
    value.update(pairs)


def _check_list(owner: Resource, items: Any, element: Element, place: Place, inside: Inside) -> bool:
    """Check the items, and whether any is left."""
    if not isinstance(items, list):
        raise BadQuestion("this element is a list", where=_path(place), expected=EXPECTED_ELEMENT)
    if not items:
        raise BadQuestion("this list is empty", where=_path(place), expected="items, or leave it out")
    if element.primitive:
        beside = owner.get(f"_{element.name}")
        for index, item in enumerate(items):
            if item is None and isinstance(beside, list) and len(beside) > index and beside[index] is not None:
                continue
            items[index] = _primitive(item, element, (place, f"[{index}]"), inside)
        return True
    strange = []
    for index, item in enumerate(items):
        if element.name == "contained" and isinstance(item, dict) and is_left_out(item.get("resourceType")):
            strange.append(index)
        else:
            _check_item(item, element, (place, f"[{index}]"), inside)
    for index in reversed(strange):
        del items[index]
    return bool(items)


def _check_item(item: Any, element: Element, place: Place, inside: Inside) -> None:
    kind = element.type
    if not isinstance(item, dict):
        raise BadQuestion("this element is no object", where=_path(place), expected=EXPECTED_ELEMENT)
    if kind == "Resource":
        name = item.get("resourceType")
        if not isinstance(name, str) or not is_resource(name):
            raise BadQuestion("is no resource", where=_path(place), expected="one resource of a type that is read here")
        _check_elements(item, types()[name], place, inside.deeper(), resource=True)
    else:
        _check_elements(item, types()[kind], place, inside.deeper())


def _primitive(item: Any, element: Element, place: Place, inside: Inside) -> Any:
    """Check a value, and give it as it is read."""
    if not is_value(item, element) and not (inside.brought and is_later(item, element)):
        what = "is null" if item is None else "is empty" if item == "" else f"is no {element.type}"
        raise BadQuestion(f"this {what}", where=_path(place), expected=expected_of(element))
    return plain(item) if element.type in TEXTS else item


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


EXTRA = Elements(
    id=Element("id", "string", False, False, False, ""),
    extension=Element("extension", "Extension", True, False, False, "", rank=1, primitive=False),
)
"""What a primitive has beside its value."""

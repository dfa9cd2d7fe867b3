"""FHIR XML -> the dict of its JSON (R4 xml.html and json.html), for whatever a client posts.

No document type, no entities, no network; what a type does not have is refused by its path. The types of elements are
those of gateway.doors.fhir.search.elements.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.search.elements import Element, Elements, is_resource, types
from gateway.doors.fhir.wire.xml import NAMESPACE
from gateway.errors import BadFile, BadQuestion
from gateway.safe_xml import line_of, parse_text

XHTML = "http://www.w3.org/1999/xhtml"
DEEPEST = 64
"""Most elements within each other."""

_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,17})", re.ASCII)
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d{1,18})?(?:[eE][+-]?\d{1,2})?", re.ASCII)


def from_xml(body: bytes) -> Resource:
    """Read one resource.

    Raises
    ------
    BadQuestion
        Not UTF-8, not well-formed, a document type declaration, nested too deep, or not what its type is; `where` is
        a line or the path of the element.
    """
    root = _parsed(body)
    namespace, name = _name(root)
    if namespace != NAMESPACE or not is_resource(name):
        raise BadQuestion(f"<{name[:40]}> is no resource", where=_line(root), expected=f"a resource of {NAMESPACE}")
    return _resource(root, name, name, 0)


def _parsed(body: bytes) -> etree._Element:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadQuestion("the body is not UTF-8", where="body", expected="XML in UTF-8") from error
    try:
        return parse_text(text)
    except BadFile as error:
        where = f"body:{error.where}" if error.where else "body"
        raise BadQuestion(f"the body is refused: {error.message}", where=where, expected=error.expected) from None


def _resource(element: etree._Element, name: str, place: str, depth: int) -> Resource:
    _check_attributes(element, (), place)
    return {"resourceType": name, **_children(element, types()[name], place, depth)}


def _children(element: etree._Element, table: Elements, place: str, depth: int) -> Resource:
    if depth > DEEPEST:
        raise BadQuestion("the body is nested too deep", where=_line(element), expected=f"{DEEPEST} levels")
    _check_text(element, place)
    found: Resource = {}
    for name, group in _grouped(element, table, place):
        definition = table[name]
        if len(group) > 1 and not definition.many:
            raise BadQuestion("is there more than once", where=f"{place}.{name}", expected="one element")
        places = [f"{place}.{name}[{index}]" if definition.many else f"{place}.{name}" for index in range(len(group))]
        pairs = [_value(child, definition, at, depth) for child, at in zip(group, places, strict=True)]
        found |= _members(name, definition.many, pairs)
    return found


def _grouped(element: etree._Element, table: Elements, place: str) -> Iterator[tuple[str, list[etree._Element]]]:
    groups: dict[str, list[etree._Element]] = {}
    for child in element:
        namespace, name = _name(child)
        known = table.get(name)
        wanted = XHTML if known and known.type == "xhtml" else NAMESPACE
        if known is None or namespace != wanted:
            raise BadQuestion(
                f"there is no element {name[:40]!r}", where=f"{place} ({_line(child)})", expected=_some(table)
            )
        groups.setdefault(name, []).append(child)
    yield from groups.items()


def _members(name: str, many: bool, pairs: list[tuple[Any, Resource | None]]) -> Resource:
    """JSON of an element and of the `_name` beside it, which holds ids and extensions of primitives."""
    values, extras = [value for value, _ in pairs], [extra for _, extra in pairs]
    if not many:
        values, extras = values[0], extras[0]  # type: ignore[assignment]  # one element is no list
        return {**({} if values is None else {name: values}), **({f"_{name}": extras} if extras else {})}
    there: Resource = {name: values} if any(value is not None for value in values) else {}
    return there | ({f"_{name}": extras} if any(extras) else {})


def _value(element: etree._Element, definition: Element, place: str, depth: int) -> tuple[Any, Resource | None]:
    if definition.type == "xhtml":
        return etree.tostring(element, encoding="unicode", with_tail=False), None
    if definition.type == "Resource":
        return _contained(element, place, depth), None
    if definition.primitive:
        return _primitive(element, definition, place, depth)
    return _complex(element, types()[definition.type], place, depth), None


def _contained(element: etree._Element, place: str, depth: int) -> Resource:
    _check_attributes(element, (), place)
    _check_text(element, place)
    inner = list(element)
    name = _name(inner[0])[1] if len(inner) == 1 else ""
    if not is_resource(name) or _name(inner[0])[0] != NAMESPACE:
        raise BadQuestion(
            "does not hold one resource", where=place, expected="one resource of a type that is read here"
        )
    return _resource(inner[0], name, place, depth + 1)


def _complex(element: etree._Element, table: Elements, place: str, depth: int) -> Resource:
    attributes = tuple(name for name in ("id", "url") if name == "id" or (table.get("url") and _is_extension(element)))
    _check_attributes(element, attributes, place)
    written = {name: str(element.attrib[name]) for name in attributes if name in element.attrib}
    return {**written, **_children(element, table, place, depth + 1)}


def _is_extension(element: etree._Element) -> bool:
    return _name(element)[1] in {"extension", "modifierExtension"}


def _primitive(element: etree._Element, definition: Element, place: str, depth: int) -> tuple[Any, Resource | None]:
    _check_attributes(element, ("id", "value"), place)
    text = element.attrib.get("value")
    value = None if text is None else _typed(str(text), definition.type, place)
    extra = {"id": str(element.attrib["id"])} if "id" in element.attrib else {}
    extra |= _children(element, _EXTENSIONS, place, depth + 1) if len(element) else {}
    if value is None and not extra:
        raise BadQuestion("has neither value nor extension", where=place, expected="an attribute value")
    return value, extra or None


def _typed(text: str, kind: str, place: str) -> bool | int | float | str:
    if kind == "boolean" and text in {"true", "false"}:
        return text == "true"
    if kind == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "decimal" and _DECIMAL.fullmatch(text):
        return float(text) if set(text) & {".", "e", "E"} else int(text)
    if kind == "string":
        return text
    raise BadQuestion(f"this is no {kind}", where=place, expected=f"a {kind} as FHIR R4 writes it")


def _check_attributes(element: etree._Element, known: tuple[str, ...], place: str) -> None:
    for name in element.attrib:
        if str(name) not in known and not str(name).startswith("{http://www.w3.org/2001/XMLSchema-instance}"):
            raise BadQuestion(
                f"there is no attribute {str(name)[:40]!r}", where=place, expected=" or ".join(known) or "no attribute"
            )


def _check_text(element: etree._Element, place: str) -> None:
    texts = [element.text, *(child.tail for child in element)]
    if any(text and text.strip() for text in texts):
        raise BadQuestion("text has no place here", where=place, expected="values in attributes")


def _name(element: etree._Element) -> tuple[str, str]:
    if not isinstance(element.tag, str):
        raise BadQuestion("entities are refused", where="body", expected="XML without entities")
    namespace, _, name = element.tag.rpartition("}")
    return namespace.removeprefix("{"), name


def _line(element: etree._Element) -> str:
    return f"body:{line_of(element)}"


def _some(table: Elements) -> str:
    return f"one of {', '.join(list(table)[:12])}, ..."


_EXTENSIONS: Elements = {"extension": Element("extension", "Extension", True, False, False, "")}

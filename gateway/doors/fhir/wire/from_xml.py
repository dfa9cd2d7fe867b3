"""FHIR XML -> the dict of its JSON (R4 xml.html and json.html), for whatever a client posts.

No document type, no entities, no network; what a type does not have is refused by its path. The types of elements are
those of gateway.doors.fhir.search.elements.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from lxml import etree

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.search.elements import Element, Elements, is_resource, types
from gateway.doors.fhir.wire.primitives import TEXTS, WHOLE, is_value, number_of, plain
from gateway.doors.fhir.wire.xml import NAMESPACE
from gateway.errors import BadFile, BadQuestion
from gateway.safe_xml import line_of, parse_text

XHTML = "http://www.w3.org/1999/xhtml"
DEEPEST = 64
"""Most elements within each other."""
BROUGHT = "tx-resource"
"""Parameter whose resource may be of another version of FHIR: what R4 does not have is left out there, not refused."""

EQUIVALENCE = "equivalence"
"""What a map may always lack, for later versions have another element for it."""
OPTIONAL = frozenset({EQUIVALENCE, "status", "value"})
"""Elements that a `tx-resource` may lack, as other versions or terminology clients have it."""
LATER = frozenset({"child-of", "descendent-leaf"})
OF_FILTERS = "descendent-of"
"""Operators of a filter that R4 does not have, and one by which the codes of its operators are known."""

_STEP = re.compile(r"[A-Za-z]\w{0,40}", re.ASCII)
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
_DECLARED = re.compile(r"""<\?xml\s[^>]*?\sencoding\s*=\s*["']([^"'>]*)["']""")
UTF_8 = frozenset({"utf-8", "utf8"})
"""Names of the one encoding that is read."""


class Inside(NamedTuple):
    """Where the reader is.

    Attributes
    ----------
    depth
        Number of elements around it.
    brought
        Whether it is in a resource that a parameter brings, where what must be there is asked for.
    loose
        Whether unknown elements are left out here.
    """

    depth: int = 0
    brought: bool = False
    loose: bool = False

    def deeper(self) -> Inside:
        """One element further in."""
        return Inside(self.depth + 1, self.brought, self.loose)


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
    return _resource(root, name, name, Inside())


def _parsed(body: bytes) -> etree._Element:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadQuestion("the body is not UTF-8", where="body", expected="XML in UTF-8") from error
    declared = _DECLARED.match(text)
    if declared and declared[1].lower() not in UTF_8:
        raise BadQuestion("the body declares another encoding", where="body:1:1", expected="XML in UTF-8")
    try:
        return parse_text(text)
    except BadFile as error:
        where = f"body:{error.where}" if error.where else "body"
        raise BadQuestion(f"the body is refused: {error.message}", where=where, expected=error.expected) from None


def _resource(element: etree._Element, name: str, place: str, inside: Inside) -> Resource:
    _check_attributes(element, (), place)
    return {"resourceType": name, **_children(element, types()[name], place, inside, resource=True)}


def _children(
    element: etree._Element, table: Elements, place: str, inside: Inside, *, resource: bool = False
) -> Resource:
    if inside.depth > DEEPEST:
        raise BadQuestion("the body is nested too deep", where=_line(element), expected=f"{DEEPEST} levels")
    _check_text(element, place)
    found: Resource = {}
    choices: dict[str, str] = {}
    groups = _grouped(element, table, place, () if resource else _attributes_of(element, table), loose=inside.loose)
    for name, group in groups.items():
        definition = table[name]
        check_choice(choices, definition, place)
        if len(group) > 1 and not definition.many:
            raise BadQuestion("is there more than once", where=f"{place}.{name}", expected="one element")
        places = [f"{place}.{name}[{index}]" if definition.many else f"{place}.{name}" for index in range(len(group))]
        within = inside
        if definition.type == "Resource" and table is types()["ParametersParameter"]:
            within = Inside(inside.depth, brought=True, loose=_is_loose(groups))
        pairs = [_value(child, definition, at, within) for child, at in zip(group, places, strict=True)]
        if name == "contained":
            pairs = [pair for pair in pairs if pair != LEFT_OUT]
        if pairs:
            found |= _members(name, definition.many, pairs)
    if inside.brought:
        check_required({str(name): True for name in element.attrib} | found, table, place, inside)
    return found


def _grouped(
    element: etree._Element, table: Elements, place: str, attributes: tuple[str, ...], *, loose: bool
) -> dict[str, list[etree._Element]]:
    groups: dict[str, list[etree._Element]] = {}
    rank = 0
    for child in element:
        namespace, name = _name(child)
        known = table.get(name)
        wanted = XHTML if known and known.type == "xhtml" else NAMESPACE
        if loose and known is None:
            continue
        if known is None or namespace != wanted or name in attributes:
            where = f"{place}.{name}" if _STEP.fullmatch(name) else place
            raise BadQuestion(
                f"there is no element {name[:40]!r} ({_line(child)})", where=where, expected=some_of(table)
            )
        if known.rank < rank:
            before = next(each for each, known in table.items() if known.rank == rank)
            raise BadQuestion(
                f"this element is out of order ({_line(child)})",
                where=f"{place}.{name}",
                expected=f"it before {before}, as the type has its elements",
            )
        rank = known.rank
        groups.setdefault(name, []).append(child)
    return groups


def _is_loose(groups: dict[str, list[etree._Element]]) -> bool:
    return any(name.get("value") == BROUGHT for name in groups.get("name", ()))


def _members(name: str, many: bool, pairs: list[tuple[Any, Resource | None]]) -> Resource:
    """JSON of an element and of the `_name` beside it, which holds ids and extensions of primitives."""
    values, extras = [value for value, _ in pairs], [extra for _, extra in pairs]
    if not many:
        values, extras = values[0], extras[0]  # type: ignore[assignment]  # one element is no list
        return {**({} if values is None else {name: values}), **({f"_{name}": extras} if extras else {})}
    there: Resource = {name: values} if any(value is not None for value in values) else {}
    return there | ({f"_{name}": extras} if any(extras) else {})


def _value(element: etree._Element, definition: Element, place: str, inside: Inside) -> tuple[Any, Resource | None]:
    if definition.type == "xhtml":
        return etree.tostring(element, encoding="unicode", with_tail=False), None
    if definition.type == "Resource":
        return _resource_within(element, place, inside, contained=definition.name == "contained"), None
    if definition.primitive:
        return _primitive(element, definition, place, inside)
    return _complex(element, types()[definition.type], place, inside), None


def _resource_within(element: etree._Element, place: str, inside: Inside, *, contained: bool) -> Resource | None:
    _check_attributes(element, (), place)
    _check_text(element, place)
    inner = list(element)
    name = _name(inner[0])[1] if len(inner) == 1 else ""
    if contained and is_left_out(name):
        return None
    if not is_resource(name) or _name(inner[0])[0] != NAMESPACE:
        raise BadQuestion(
            "does not hold one resource", where=place, expected="one resource of a type that is read here"
        )
    return _resource(inner[0], name, place, inside.deeper())


def _complex(element: etree._Element, table: Elements, place: str, inside: Inside) -> Resource:
    attributes = _attributes_of(element, table)
    _check_attributes(element, attributes, place)
    written = {
        name: _typed(str(element.attrib[name]), table[name], f"{place}.{name}", inside)
        for name in attributes
        if name in element.attrib
    }
    found = {**written, **_children(element, table, place, inside.deeper())}
    if not found:
        raise BadQuestion("this element is empty", where=place, expected="elements, or leave it out")
    if table is types()["Extension"] and "url" not in found:
        raise BadQuestion("an extension has no url", where=place, expected="the url of its definition")
    return found


def _attributes_of(element: etree._Element, table: Elements) -> tuple[str, ...]:
    """Elements of the table that XML writes as attributes."""
    extension = _name(element)[1] in {"extension", "modifierExtension"} and "url" in table
    return ("id", "url") if extension else ("id",)


def _primitive(element: etree._Element, definition: Element, place: str, inside: Inside) -> tuple[Any, Resource | None]:
    _check_attributes(element, ("id", "value"), place)
    text = element.attrib.get("value")
    value = None if text is None else _typed(str(text), definition, place, inside)
    extra = {"id": _typed(str(element.attrib["id"]), ID, f"{place}.id", inside)} if "id" in element.attrib else {}
    extra |= _children(element, _EXTENSIONS, place, inside.deeper()) if len(element) else {}
    if value is None and not extra:
        raise BadQuestion("has neither value nor extension", where=place, expected="an attribute value")
    return value, extra or None


def _typed(text: str, element: Element, place: str, inside: Inside) -> bool | int | float | str:
    """Value of an attribute."""
    kind = element.type
    if kind == "boolean" and text in {"true", "false"}:
        return text == "true"
    if kind == "decimal" or kind in WHOLE:
        number = number_of(text, kind)
        if number is not None:
            return number
    elif is_value(text, element) or (inside.brought and is_later(text, element)):
        return plain(text) if kind in TEXTS else text
    raise BadQuestion(f"this is no {kind}", where=place, expected=expected_of(element))


def expected_of(element: Element) -> str:
    """What a primitive element holds, for errors."""
    if element.codes:
        return f"one of {', '.join(sorted(element.codes))}"
    return f"a {element.type} as FHIR R4 writes it"


def check_required(value: Resource, table: Elements, place: str, inside: Inside) -> None:
    """Refuse a part of a resource that lacks what must be there."""
    for names in table.missing(value):
        if names[0] not in OPTIONAL or not (inside.loose or names[0] == EQUIVALENCE):
            expected = f"{' or '.join(names[:12])}, which must be there"
            raise BadQuestion("something is missing here", where=place, expected=expected)


def is_later(value: object, element: Element) -> bool:
    """Whether a value is a code of later versions of FHIR that is known here."""
    return isinstance(value, str) and value in LATER and OF_FILTERS in element.codes


def is_left_out(name: object) -> bool:
    """Whether a contained resource is left out unread: one of a type that is not in the table."""
    return isinstance(name, str) and _TYPE.fullmatch(name) is not None and not is_resource(name)


def check_choice(choices: dict[str, str], element: Element, place: str) -> None:
    """Refuse a second type of a choice `[x]`; `choices` are those of the elements before it."""
    if element.choice and choices.setdefault(element.choice, element.name) != element.name:
        raise BadQuestion(f"there is more than one {element.choice}[x]", where=place, expected="one of its types")


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


def some_of(table: Elements) -> str:
    """Names of elements, for errors."""
    return f"one of {', '.join(list(table)[:12])}, ..."


ID = Element("id", "string", False, False, False, "")
LEFT_OUT = (None, None)
_EXTENSIONS = Elements(extension=Element("extension", "Extension", True, False, False, "", primitive=False))

"""The shape of what a request brings along: each element that is read has its JSON type (R4 json.html) and form."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.terminology.lexical import check_element
from gateway.errors import BadQuestion

DEEPEST = 200
LISTS = frozenset(
    {
        "parameter",
        "part",
        "concept",
        "designation",
        "property",
        "filter",
        "include",
        "exclude",
        "extension",
        "coding",
        "contained",
        "group",
        "element",
        "contains",
    }
)
TYPES: Mapping[str, type] = {
    **dict.fromkeys(("compose", "expansion", "unmapped", "use", "_op", "resource"), dict),
    **dict.fromkeys(("valueCoding", "valueCodeableConcept"), dict),
    **dict.fromkeys(
        (
            "resourceType",
            "url",
            "version",
            "system",
            "code",
            "display",
            "definition",
            "language",
            "status",
            "content",
            "supplements",
            "op",
            "name",
            "title",
            "id",
        ),
        str,
    ),
    **dict.fromkeys(("experimental", "caseSensitive", "inactive", "versionNeeded"), bool),
}
PLAIN_LISTS = frozenset({"valueSet"})
TEXT_IN: Mapping[str, frozenset[str]] = {
    "property": frozenset({"op", "_op", "value", "system"}),
    "target": frozenset({"element", "source"}),
    "source": frozenset({"source"}),
}
"""Elements that are text beside one of these, and lists elsewhere."""


def check(node: object, place: str = "Parameters", depth: int = 0) -> None:
    """Refuse an element of the wrong JSON type, or a plain value that its primitive type cannot hold.

    Raises
    ------
    BadQuestion
        Naming the element.
    """
    if depth > DEEPEST:
        raise BadQuestion("the body is nested too deep", where=place, expected=f"{DEEPEST} levels")
    if isinstance(node, list):
        for item in node:
            check(item, place, depth + 1)
    elif isinstance(node, dict):
        for name, value in node.items():
            _element(node, name, value, f"{place}.{name}" if depth < 8 else place)
            check(value, f"{place}.{name}" if depth < 8 else place, depth + 1)


def _element(node: Resource, name: str, value: object, place: str) -> None:
    if name in TEXT_IN and isinstance(value, str):
        good = bool(TEXT_IN[name] & node.keys())
    elif name in LISTS or name in TEXT_IN:
        good = isinstance(value, list) and all(isinstance(item, dict) for item in value)
        if name == "property" and isinstance(value, list) and good:
            good = all("code" in item for item in value)
    elif name in PLAIN_LISTS and node.get("resourceType") != "CodeSystem" and not isinstance(value, dict):
        good = isinstance(value, list) and all(isinstance(item, str) for item in value)
    else:
        good = name not in TYPES or isinstance(value, TYPES[name])
    if not good:
        raise BadQuestion("this element is not of its type", where=place, expected="an element as FHIR R4 has it")
    if isinstance(value, str):
        check_element(name, value, place)

"""FHIR XML of a resource (R4 xml.html): plain dicts in, text out.

Every dict of this door has its elements in the order of the specification, so the writer needs no table of orders;
the XML schema in the tests sees to that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gateway.doors.fhir.definitions import Resource

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
NAMESPACE = "http://hl7.org/fhir"

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
)


class Markup(str):
    """XML of a resource that is ready, in the place of its dict."""

    __slots__ = ()


def children_xml(elements: Resource) -> str:
    """XML of some elements of a resource, without the resource around them."""
    return "".join(_children(elements, skip=()))


def to_xml(resource: Resource) -> bytes:
    """Bytes of a resource."""
    return "".join((HEAD, *_resource(resource, f' xmlns="{NAMESPACE}"'))).encode()


def _resource(resource: Resource, namespace: str = "") -> Iterator[str]:
    name = resource["resourceType"]
    yield f"<{name}{namespace}>"
    yield from _children(resource, skip=("resourceType",))
    yield f"</{name}>"


def _children(element: Resource, skip: tuple[str, ...]) -> Iterator[str]:
    for key, value in element.items():
        if key in skip or (key.startswith("_") and key[1:] in element):
            continue
        name = key.removeprefix("_")
        if key == "div":
            yield value
            continue
        items = value if isinstance(value, list) else [value]
        siblings = element.get(f"_{name}")
        extras = siblings if isinstance(siblings, list) else [siblings] * len(items)
        for item, extra in zip(items, extras, strict=True):
            yield from _element(name, None if key.startswith("_") else item, extra)


def _element(name: str, value: Any, extra: Resource | None) -> Iterator[str]:
    if isinstance(value, Markup):
        yield f"<{name}>{value}</{name}>"
        return
    if isinstance(value, dict):
        if "resourceType" in value:
            yield f"<{name}>"
            yield from _resource(value)
            yield f"</{name}>"
            return
        attributes = ("id", "url") if name in {"extension", "modifierExtension"} else ("id",)
        yield f"<{name}{_attributes(value, attributes)}>"
        yield from _children(value, skip=attributes)
        yield f"</{name}>"
        return
    written = "" if value is None else f' value="{_text(value)}"'
    if extra is None:
        yield f"<{name}{written}/>"
        return
    yield f"<{name}{_attributes(extra, ('id',))}{written}>"
    yield from _children(extra, skip=("id",))
    yield f"</{name}>"


def _attributes(element: Resource, names: tuple[str, ...]) -> str:
    return "".join(f' {name}="{_text(element[name])}"' for name in names if name in element)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _NOT_XML.sub("\ufffd", str(value)).translate(_ESCAPES)

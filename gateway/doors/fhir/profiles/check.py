"""Whether a resource holds what a profile says, by its snapshot (R4 elementdefinition.html, profiling.html).

Judged are cardinality, fixed and pattern values, slices (by value, pattern, type, existence), required bindings to
value sets that are held, types, unknown elements, targets of references, and every extension by its own definition.
Not judged: FHIRPath constraints, extensible bindings. What cannot be decided is no finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

from gateway.doors.fhir.definitions import Resource, checker_base, conformance_resources, guide

ValueSets = Mapping[str, Mapping[str, frozenset[str]]]
"""Canonical of a value set -> code system -> codes."""

R4 = "http://hl7.org/fhir/StructureDefinition/"
PRIMITIVES = frozenset({"System.String"})
NUMBERS: Mapping[str, type | tuple[type, ...]] = {
    "boolean": bool,
    "integer": int,
    "unsignedInt": int,
    "positiveInt": int,
    "decimal": (int, float),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold: where, which rule, in words."""

    path: str
    rule: str
    message: str


@dataclass(slots=True)
class Node:
    """Element of a snapshot with its children by name and its slices.

    Attributes
    ----------
    types
        Types by code; `System.String` is a type of FHIRPath.
    keys
        Names in JSON -> child and type.
    expected
        Fixed or pattern value, with which of the two it is.
    """

    element: Resource
    children: dict[str, Node] = field(default_factory=dict)
    slices: list[Node] = field(default_factory=list)
    keys: dict[str, tuple[str, str]] = field(default_factory=dict)
    types: dict[str, Resource] = field(init=False)
    expected: tuple[str, Any] | None = field(init=False)
    lowest: int = field(init=False)
    highest: float = field(init=False)

    def __post_init__(self) -> None:
        element = self.element
        self.types = {kind["code"].rpartition("/")[2]: kind for kind in element.get("type", [])}
        self.expected = next(
            ((word, item) for key, item in element.items() for word in ("fixed", "pattern") if key.startswith(word)),
            None,
        )
        self.lowest = element.get("min", 0)
        highest = element.get("max", "*")
        self.highest = float("inf") if highest == "*" else int(highest)

    @property
    def needed(self) -> bool:
        """Whether its absence can be a finding."""
        return self.lowest > 0 or any(part.lowest for part in self.slices)


@dataclass(frozen=True, slots=True)
class Item:
    """One occurrence of an element: value, type by its name, and the extensions of a primitive."""

    path: str
    value: Any
    kind: str
    extra: Resource | None = None

    def content(self) -> Resource:
        """Its elements: of a complex value itself, of a primitive its id and extensions."""
        return self.value if isinstance(self.value, dict) else self.extra or {}


def tree(elements: Sequence[Resource]) -> Node:
    """Root of the elements of a snapshot."""
    nodes: dict[str, Node] = {}
    for element in elements:
        nodes[element["id"]] = node = Node(element)
        parent, _, name = element["id"].rpartition(".")
        if ":" in name:
            nodes[element["id"].rpartition(":")[0]].slices.append(node)
        elif parent:
            nodes[parent].children[name] = node
    for node in nodes.values():
        pointer = node.element.get("contentReference", "").rpartition("#")[2]
        if pointer:
            node.children = nodes[pointer].children
        node.keys = dict(_keys(node))
    return nodes[elements[0]["id"]]


class Checker:
    """Judges resources by definitions.

    Parameters
    ----------
    definitions
        StructureDefinitions with snapshot, by URL: profiles and extensions.
    datatypes
        Snapshot elements by datatype.
    value_sets
        Codes of the value sets that are held.
    own
        Start of the URLs under which every extension must be defined.
    """

    def __init__(
        self,
        definitions: Mapping[str, Resource],
        datatypes: Mapping[str, Sequence[Resource]],
        value_sets: ValueSets,
        own: str,
    ) -> None:
        self._definitions, self._value_sets, self._own = definitions, value_sets, own
        self._datatypes = {name: tree(elements) for name, elements in datatypes.items()}
        self._tree = lru_cache(maxsize=256)(lambda url: tree(definitions[url]["snapshot"]["element"]))

    def check(self, resource: Resource, url: str) -> list[Finding]:
        """Findings of a resource by a profile.

        Raises
        ------
        KeyError
            No definition has this URL.
        """
        root, kind = self._tree(url), self._definitions[url]["type"]
        if resource.get("resourceType") != kind:
            return [Finding("resourceType", "type", f"{resource.get('resourceType')} is no {kind}")]
        content = {name: value for name, value in resource.items() if name != "resourceType"}
        return list(self._object(content, root, kind))

    def claims(self, resource: Resource) -> list[Finding]:
        """Findings by every profile that a resource claims and that is held."""
        claimed = [url for url in resource.get("meta", {}).get("profile", []) if url in self._definitions]
        return [finding for url in claimed for finding in self.check(resource, url)]

    def _object(self, value: Resource, node: Node, path: str) -> Iterator[Finding]:
        found: dict[str, list[Item]] = {name: [] for name in node.children}
        for key in dict.fromkeys(name.removeprefix("_") for name in value):
            name, kind = node.keys.get(key, ("", ""))
            if not name:
                yield Finding(f"{path}.{key}", "unknown", "no such element here")
                continue
            child = node.children[name]
            many = child.element.get("base", child.element).get("max") != "1"
            given = value.get(key, value.get(f"_{key}"))
            if many != isinstance(given, list):
                yield Finding(f"{path}.{key}", "type", "a list is expected" if many else "one value is expected")
                continue
            found[name].extend(_items(f"{path}.{key}", kind, value.get(key), value.get(f"_{key}")))
        for name, items in found.items():
            if items or node.children[name].needed:
                yield from self._occurrences(items, node.children[name], f"{path}.{name}")

    def _occurrences(self, items: list[Item], node: Node, path: str) -> Iterator[Finding]:
        yield from _cardinality(len(items), node, path)
        slicing = node.element.get("slicing", {})
        counts = [0] * len(node.slices)
        undecided: set[int] = set()
        for item in items:
            answers = [self._in_slice(item, part, slicing) for part in node.slices]
            undecided.update(place for place, answer in enumerate(answers) if answer is None)
            part = node.slices[answers.index(True)] if True in answers else None
            if part:
                counts[answers.index(True)] += 1
                yield from self._value(item, part)
            elif slicing.get("rules") == "closed" and None not in answers:
                yield Finding(item.path, "slice", "fits no slice, and no other is allowed")
            yield from self._value(item, node)
            yield from self._inside(item, part if part and part.children else node)
        for place, part in enumerate(node.slices):
            if place not in undecided:
                yield from _cardinality(counts[place], part, f"{path}:{part.element['sliceName']}")
        if "Extension" in node.types:
            yield from self._extension_counts(items)

    def _value(self, item: Item, node: Node) -> Iterator[Finding]:
        expected = node.expected
        if expected and not (_contains if expected[0] == "pattern" else _same)(item.value, expected[1]):
            yield Finding(item.path, expected[0], f"differs from {expected[1]}")
        yield from self._binding(item, node.element.get("binding", {}))
        if item.kind == "Reference" and isinstance(item.value, dict):
            yield from self._target(item, node.types.get("Reference", {}).get("targetProfile", []))

    def _inside(self, item: Item, node: Node) -> Iterator[Finding]:
        opened = node if node.children else self._datatypes.get(item.kind)
        if item.kind in PRIMITIVES or item.kind[:1].islower():
            if item.value is not None and not _is_primitive(item.value, item.kind):
                yield Finding(item.path, "type", f"is no {item.kind}")
            if item.extra:
                yield from self._object(item.extra, opened or self._datatypes["Element"], item.path)
        elif not isinstance(item.value, dict):
            yield Finding(item.path, "type", f"is no {item.kind}")
        elif item.kind == "Extension" and item.value.get("url") in self._definitions:
            url = item.value["url"]
            yield from self._object(item.value, self._tree(url), f"{item.path}({url.rpartition('/')[2]})")
        elif opened:
            yield from self._object(item.value, opened, item.path)
        if item.kind == "Extension" and isinstance(item.value, dict):
            url = str(item.value.get("url"))
            if url.startswith(self._own) and url not in self._definitions:
                yield Finding(item.path, "extension", f"{url} is not defined")

    def _extension_counts(self, items: list[Item]) -> Iterator[Finding]:
        urls = [item.value.get("url") for item in items if isinstance(item.value, dict)]
        for url in dict.fromkeys(urls):
            if url in self._definitions and urls.count(url) > self._tree(url).highest:
                yield Finding(items[0].path, "max", f"{url} stands {urls.count(url)} times")

    def _binding(self, item: Item, binding: Resource) -> Iterator[Finding]:
        codes = self._value_sets.get(binding.get("valueSet", "").partition("|")[0])
        if binding.get("strength") != "required" or codes is None or item.value is None:
            return
        codings = _codings(item.value)
        known = [system in codes and code in codes[system] for system, code in codings if system is not None]
        known += [any(code in listed for listed in codes.values()) for system, code in codings if system is None]
        if codings and not any(known):
            yield Finding(item.path, "binding", f"{codings[0][1]} is not in {binding['valueSet']}")

    def _target(self, item: Item, profiles: Sequence[str]) -> Iterator[Finding]:
        kinds = [self._type_of(url) for url in profiles]
        kind = item.value.get("reference", "").rpartition("/")[0].rpartition("/")[2]
        if kind and kinds and None not in kinds and not {kind, "Resource"} & set(kinds):
            yield Finding(item.path, "reference", f"{kind} is none of {', '.join(map(str, kinds))}")

    def _type_of(self, url: str) -> str | None:
        found = self._definitions.get(url)
        return found["type"] if found else url.removeprefix(R4) if url.startswith(R4) else None

    def _in_slice(self, item: Item, part: Node, slicing: Resource) -> bool | None:
        """Whether an occurrence belongs to a slice; None where that cannot be told."""
        answers = [self._discriminated(item, part, by) for by in slicing.get("discriminator", [])]
        return False if False in answers else None if None in answers or not answers else True

    def _discriminated(self, item: Item, part: Node, by: Resource) -> bool | None:
        if by["type"] == "type" and by["path"] == "$this":
            return item.kind in part.types
        profile = part.types.get("Extension", {}).get("profile")
        if by["path"] == "url" and profile:
            return bool(item.content().get("url") == profile[0])
        steps = () if by["path"] == "$this" else by["path"].split(".")
        node: Node | None = part
        values = [item.value]
        for step in steps:
            node = node.children.get(step) if node else None
            values = [inner for value in values for inner in _step(value, step)]
        if node is None:
            return None
        if by["type"] == "exists":
            return bool(values) if node.lowest else not values
        expected = node.expected
        if expected:
            return any((_contains if expected[0] == "pattern" else _same)(value, expected[1]) for value in values)
        return self._bound(values, node.element.get("binding", {}))

    def _bound(self, values: Sequence[Any], binding: Resource) -> bool | None:
        codes = self._value_sets.get(binding.get("valueSet", "").partition("|")[0])
        if codes is None:
            return None
        return any(code in codes.get(system or "", ()) for value in values for system, code in _codings(value))


def _keys(node: Node) -> Iterator[tuple[str, tuple[str, str]]]:
    """Name in JSON of each child, of a choice one for each type, with the child and the type."""
    for name, child in node.children.items():
        if not name.endswith("[x]"):
            yield name, (name, next(iter(child.types), ""))
            continue
        for kind in child.types:
            yield f"{name[:-3]}{kind[:1].upper()}{kind[1:]}", (name, kind)


def _items(path: str, kind: str, value: Any, extra: Any) -> Iterator[Item]:
    if not isinstance(value, list) and not isinstance(extra, list):
        yield Item(path, value, kind, extra)
        return
    values, extras = value or [], extra or []
    for place in range(max(len(values), len(extras))):
        here, beside = (listed[place] if place < len(listed) else None for listed in (values, extras))
        yield Item(f"{path}[{place}]", here, kind, beside)


def _cardinality(count: int, node: Node, path: str) -> Iterator[Finding]:
    if count < node.lowest:
        yield Finding(path, "min", f"{count} times, at least {node.lowest} needed")
    if count > node.highest:
        yield Finding(path, "max", f"{count} times, at most {node.element['max']} allowed")


def _is_primitive(value: Any, kind: str) -> bool:
    expected = NUMBERS.get(kind, str)
    return isinstance(value, expected) and (kind == "boolean" or not isinstance(value, bool))


def _same(value: Any, fixed: Any) -> bool:
    return bool(value == fixed)


def _contains(value: Any, pattern: Any) -> bool:
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(_contains(value.get(name), part) for name, part in pattern.items())
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(_contains(item, part) for item in value) for part in pattern)
    return bool(value == pattern)


def _codings(value: Any) -> list[tuple[str | None, str]]:
    """System and code of a code, Coding or CodeableConcept; a plain code has no system."""
    if isinstance(value, str):
        return [(None, value)]
    if not isinstance(value, dict):
        return []
    codings = value.get("coding", [value] if "code" in value else [])
    return [(item.get("system", ""), item["code"]) for item in codings if "code" in item]


def _step(value: Any, name: str) -> list[Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, list) else [] if found is None else [found]


@cache
def own_checker() -> Checker:
    """Checker of our own profiles and extensions."""
    return checker_of(item for (kind, _), item in conformance_resources().items() if kind == "StructureDefinition")


def checker_of(definitions: Iterable[Resource]) -> Checker:
    """Checker of any profiles of R4, with the datatypes and value sets that are held.

    Parameters
    ----------
    definitions
        StructureDefinitions with snapshot.
    """
    base = checker_base()
    value_sets = {
        url: {system: frozenset(codes) for system, codes in systems.items()}
        for url, systems in base["valueSets"].items()
    }
    held = {definition["url"]: definition for definition in definitions}
    return Checker(held, base["datatypes"], value_sets, guide().canonical)

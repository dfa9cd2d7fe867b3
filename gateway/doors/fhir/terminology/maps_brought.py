"""$translate over concept maps that are brought along, and those that the guide holds (R4 conceptmap.html)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from gateway.doors.fhir.definitions import Resource, canonical_system
from gateway.doors.fhir.terminology.brought import canonical_of
from gateway.doors.fhir.terminology.dependencies import dependencies
from gateway.doors.fhir.terminology.library import Library
from gateway.doors.fhir.terminology.matches import REVERSED, Asked, Match, no_map
from gateway.doors.fhir.terminology.options import Given
from gateway.doors.fhir.terminology.versions import latest, matches
from gateway.errors import BadQuestion


@dataclass(frozen=True)
class _Question:
    """A code to be translated, beside what holds for every map.

    Attributes
    ----------
    given
        Dependencies by element.
    others
        Maps that `unmapped` may name.
    """

    library: Library
    coding: Resource
    asked: Asked
    given: Mapping[str, Resource]
    others: Sequence[Resource]
    brought: frozenset[int]

    @cached_property
    def system(self) -> str:
        """Code system of the code under the URL that we use."""
        return canonical_system(str(self.coding.get("system", "")))

    @cached_property
    def same(self) -> Callable[[object], bool]:
        """Whether a code of a map is the one that is asked, in any spelling."""
        code = str(self.coding.get("code", ""))
        spelled = speller(self.library, self.system, str(self.coding.get("version") or self.asked.version))
        own = spelled(code)
        return lambda other: other in (code, own) or spelled(str(other)) == own

    def is_brought(self, item: Resource) -> bool:
        """Whether a map came with the request."""
        return id(item) in self.brought


def speller(library: Library, system: str, version: str = "") -> Callable[[str], str]:
    """What gives the one spelling of a code, in the first version that has it; as it came where none does."""
    found = (library.code_system(system, each) for each in (version, *reversed(library.versions(system))))
    systems = list({each.canonical: each for each in found if each is not None}.values())

    def spelled(code: str) -> str:
        concepts = (each.locate(code) for each in systems)
        return next((concept.code for concept in concepts if concept is not None), code)

    return spelled


def over_brought(library: Library, given: Given, coding: Resource, asked: Asked) -> Iterator[Match]:
    """Translations of a code by the map `conceptMap` alone, or by any that comes along or is held.

    Raises
    ------
    BadQuestion
        No map, or a dependency that it does not have.
    NotHere
        The map that is named cannot be had.
    """
    named, known = given.element("conceptMap"), library.concept_maps()
    if named and named.get("resourceType") != "ConceptMap":
        raise BadQuestion("this is no concept map", where="conceptMap", expected="a ConceptMap")
    maps = [named] if named else known
    if asked.url:
        maps = of_version(maps, asked.url)
        if not maps and asked.named is None:
            raise no_map(asked.url)
    beside = dependencies(given)
    if named:
        _check_dependencies(named, beside)
    brought = frozenset(map(id, [*library.brought, *([named] if named else [])]))
    question = _Question(library, coding, asked, beside, [*maps, *known], brought)
    for item in maps:
        yield from _in_map(item, question, ())


def of_version(maps: Sequence[Resource], canonical: str) -> list[Resource]:
    """The maps of a canonical; without a version the newest alone, and of two the one that comes first."""
    url, _, version = canonical.partition("|")
    found = {str(item.get("version", "")): item for item in reversed(maps) if item.get("url") == url}
    fitting = {each: item for each, item in found.items() if not version or matches(version, each)}
    return [fitting[latest(fitting)]] if fitting else []


def _check_dependencies(item: Resource, given: Mapping[str, Resource]) -> None:
    """Refuse a dependency that no target of a map has."""
    targets = (t for group in item.get("group", []) for e in group.get("element", []) for t in e.get("target", []))
    known = {str(part.get("property")) for target in targets for part in target.get("dependsOn", [])}
    if strange := given.keys() - known - {"topography"}:
        expected = " or ".join(sorted(known)) or "none"
        raise BadQuestion(f"no dependency {min(strange)!r} in this map", where="dependency", expected=expected)


def _in_map(item: Resource, question: _Question, seen: tuple[str, ...]) -> Iterator[Match]:
    asked, coding = question.asked, question.coding
    near, far = ("target", "source") if asked.reverse else ("source", "target")
    brought = question.is_brought(item)
    origin = canonical_of(item) if brought else str(item.get("url", ""))
    for group in item.get("group", []):
        if canonical_system(str(group.get(near, ""))) != question.system:
            continue
        if asked.target and canonical_system(asked.target) != canonical_system(str(group.get(far, ""))):
            continue
        yield from _in_group(group, question, origin, brought=brought)
        rest = group.get("unmapped", {})
        if asked.reverse or not rest or any(question.same(e.get("code")) for e in group.get("element", [])):
            continue
        if rest.get("mode") == "fixed":
            yield Match("inexact", _end_of(group, "target", rest), origin, brought=brought)
        elif rest.get("mode") == "provided":
            same = {name: coding.get(name) for name in ("code", "display")}
            yield Match("equal", _end_of(group, "target", same), origin, brought=brought)
        elif rest.get("mode") == "other-map" and rest.get("url") not in seen:
            for other in of_version(question.others, str(rest.get("url"))):
                yield from _in_map(other, question, (*seen, str(rest["url"])))


def _in_group(group: Resource, question: _Question, origin: str, *, brought: bool) -> Iterator[Match]:
    """Translations by the elements of a group.

    In reverse a map that is brought along has the form of the FHIR terminology ecosystem; one that is held says what was
    found, with the equivalence of the map, as our own maps do.
    """
    reverse = question.asked.reverse
    for element in group.get("element", []):
        if not reverse and not question.same(element.get("code")):
            continue
        for target in element.get("target", []):
            if reverse and not question.same(target.get("code")):
                continue
            if not all(_holds(question.library, item, question.given) for item in target.get("dependsOn", [])):
                continue
            word = str(target.get("equivalence", "relatedto"))
            others = (*_others(target, "dependsOn"), *_others(target, "product"))
            source, end = _end_of(group, "source", element), _end_of(group, "target", target)
            if not reverse:
                yield Match(word, end, origin, others=others, brought=brought)
            elif brought:
                yield Match(REVERSED.get(word, word), end, origin, others=others, found=source, brought=True)
            else:
                yield Match(word, source, origin, others=others)


def _holds(library: Library, needed: Resource, given: Mapping[str, Resource]) -> bool:
    """Whether a dependsOn is met, or nothing is said of it."""
    said = given.get(str(needed.get("property")))
    if said is None:
        return True
    value = str(needed.get("value"))
    system = canonical_system(str(needed.get("system") or said.get("system") or ""))
    if said.get("system") and canonical_system(str(said["system"])) != system:
        return False
    if said["code"] == value or not system:
        return bool(said["code"] == value)
    spelled = speller(library, system)
    return spelled(str(said["code"])) == spelled(value)


def _end_of(group: Resource, side: str, item: Resource) -> Resource:
    found = {
        "system": group.get(side),
        "version": group.get(f"{side}Version"),
        "code": item.get("code"),
        "display": item.get("display"),
    }
    return {name: value for name, value in found.items() if value}


def _others(target: Resource, name: str) -> Iterator[Resource]:
    for item in target.get(name, []):
        values = {"system": item.get("system"), "code": item.get("value"), "display": item.get("display")}
        coding = {key: value for key, value in values.items() if value}
        parts = [{"name": "element", "valueUri": item.get("property")}, {"name": "concept", "valueCoding": coding}]
        yield {"name": name, "part": parts}

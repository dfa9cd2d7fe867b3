"""$translate over concept maps that are brought along, and those that the guide holds (R4 conceptmap.html)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.terminology.brought import canonical_of
from gateway.doors.fhir.terminology.dependencies import dependencies
from gateway.doors.fhir.terminology.library import Library
from gateway.doors.fhir.terminology.matches import REVERSED, Asked, Match
from gateway.doors.fhir.terminology.options import Given
from gateway.doors.fhir.terminology.versions import latest, matches
from gateway.errors import BadQuestion, NotFound


def over_brought(library: Library, given: Given, coding: Resource, asked: Asked) -> Iterator[Match]:
    """Translations of a code by the map `conceptMap` alone, or by any that comes along or is held.

    Raises
    ------
    BadQuestion
        No map, or a dependency that it does not have.
    NotFound
        The map that is named cannot be had.
    """
    named, known = given.element("conceptMap"), library.concept_maps()
    if named and named.get("resourceType") != "ConceptMap":
        raise BadQuestion("this is no concept map", where="conceptMap", expected="a ConceptMap")
    maps = [named] if named else known
    if asked.url:
        maps = of_version(maps, asked.url)
        if not maps and asked.named is None:
            raise NotFound("no such concept map", where="ConceptMap")
    beside = dependencies(given)
    if named:
        _check_dependencies(named, beside)
    for item in maps:
        yield from _in_map(item, coding, asked, beside, [*maps, *known], ())


def of_version(maps: Sequence[Resource], canonical: str) -> list[Resource]:
    """The maps of a canonical; without a version the newest alone."""
    url, _, version = canonical.partition("|")
    found = {str(item.get("version", "")): item for item in maps if item.get("url") == url}
    fitting = {each: item for each, item in found.items() if not version or matches(version, each)}
    return [fitting[latest(fitting)]] if fitting else []


def _check_dependencies(item: Resource, given: Mapping[str, Resource]) -> None:
    """Refuse a dependency that no target of a map has."""
    targets = (t for group in item.get("group", []) for e in group.get("element", []) for t in e.get("target", []))
    known = {str(part.get("property")) for target in targets for part in target.get("dependsOn", [])}
    if strange := given.keys() - known - {"topography"}:
        expected = " or ".join(sorted(known)) or "none"
        raise BadQuestion(f"no dependency {min(strange)!r} in this map", where="dependency", expected=expected)


def _in_map(
    item: Resource,
    coding: Resource,
    asked: Asked,
    given: Mapping[str, Resource],
    others: Sequence[Resource],
    seen: tuple[str, ...],
) -> Iterator[Match]:
    near, far = ("target", "source") if asked.reverse else ("source", "target")
    origin = canonical_of(item)
    for group in item.get("group", []):
        if group.get(near) != coding.get("system") or asked.target not in ("", group.get(far)):
            continue
        yield from _in_group(group, coding, origin, asked.reverse, given)
        rest = group.get("unmapped", {})
        if asked.reverse or not rest or any(e.get("code") == coding.get("code") for e in group.get("element", [])):
            continue
        if rest.get("mode") == "fixed":
            yield Match("inexact", _end_of(group, "target", rest), origin, brought=True)
        elif rest.get("mode") == "provided":
            same = {name: coding.get(name) for name in ("code", "display")}
            yield Match("equal", _end_of(group, "target", same), origin, brought=True)
        elif rest.get("mode") == "other-map" and rest.get("url") not in seen:
            for other in of_version(others, str(rest.get("url"))):
                yield from _in_map(other, coding, asked, given, others, (*seen, str(rest["url"])))


def _in_group(
    group: Resource, coding: Resource, origin: str, reverse: bool, given: Mapping[str, Resource]
) -> Iterator[Match]:
    for element in group.get("element", []):
        for target in element.get("target", []):
            if not all(_holds(item, given) for item in target.get("dependsOn", [])):
                continue
            word = str(target.get("equivalence", "relatedto"))
            others = (*_others(target, "dependsOn"), *_others(target, "product"))
            if reverse and target.get("code") == coding.get("code"):
                asked, found = _end_of(group, "target", target), _end_of(group, "source", element)
                yield Match(REVERSED.get(word, word), asked, origin, others=others, found=found, brought=True)
            elif not reverse and element.get("code") == coding.get("code"):
                yield Match(word, _end_of(group, "target", target), origin, others=others, brought=True)


def _holds(needed: Resource, given: Mapping[str, Resource]) -> bool:
    """Whether a dependsOn is met, or nothing is said of it."""
    said = given.get(str(needed.get("property")))
    if said is None:
        return True
    same_system = said.get("system", needed.get("system")) == needed.get("system", said.get("system"))
    return same_system and said["code"] == str(needed.get("value"))


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

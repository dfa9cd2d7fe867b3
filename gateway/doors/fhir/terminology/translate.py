"""ConceptMap $translate (R4 conceptmap-operation-translate.html): maps that are brought along, then our own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.doors.fhir.definitions import Resource, url_of_prefix
from gateway.doors.fhir.terminology.brought import canonical_of
from gateway.doors.fhir.terminology.library import Library
from gateway.doors.fhir.terminology.model import CodeSystem
from gateway.doors.fhir.terminology.options import Given
from gateway.doors.fhir.terminology.own import OwnSystems
from gateway.doors.fhir.terminology.resources import property_url
from gateway.doors.fhir.terminology.shelf import map_address, map_url, shelf_of
from gateway.doors.fhir.terminology.translations import translated
from gateway.errors import BadQuestion, NotFound
from terminology import TerminologyError

REVERSED: Mapping[str, str] = {
    "wider": "narrower",
    "narrower": "wider",
    "subsumes": "specializes",
    "specializes": "subsumes",
}
NO_MATCH = frozenset({"unmatched", "disjoint"})
OWN_MAP = "https://w3id.org/iccd/fhir/ConceptMap/terminology"
NO_TRANSLATION = "No translation of this code is known here"
NO_TARGET = "No translation of this code is known here; our own maps need targetsystem or the url of a map"


@dataclass(frozen=True, slots=True)
class Match:
    """One translation.

    Attributes
    ----------
    origin
        Canonical of the map.
    product
        Topography that belongs to the concept.
    depends
        Topographies of what was asked at which it holds.
    others
        Parts product and dependsOn of a map that is brought along.
    found
        In reverse, over a map that is brought along: what was found, beside the concept that was asked.
    brought
        The map came with the request.
    """

    equivalence: str
    concept: Resource
    origin: str
    product: str = ""
    depends: tuple[str, ...] = ()
    others: tuple[Resource, ...] = ()
    found: Resource | None = None
    brought: bool = False

    def parameter(self) -> Resource:
        """Parameter match: `source` is the map (R4), `originMap` the same under the name of R5.

        Over a map that is brought along it has the form of the FHIR terminology ecosystem: `originMap` alone, and
        in reverse `source` is what was found.
        """
        source = [{"name": "source", "valueCoding": self.found}] if self.found else []
        parts: list[Resource] = [
            {"name": "equivalence", "valueCode": self.equivalence},
            {"name": "concept", "valueCoding": self.concept},
            *(source if self.brought else [{"name": "source", "valueUri": self.origin}]),
            {"name": "originMap", "valueCanonical": self.origin},
            *([_site("product", self.product)] if self.product else []),
            *(_site("dependsOn", site) for site in self.depends),
            *self.others,
        ]
        return {"name": "match", "part": parts}


def _site(name: str, code: str) -> Resource:
    """Topography as another element of a match."""
    coding = {"system": url_of_prefix()["ICDO3"], "code": code}
    parts = [{"name": "element", "valueUri": property_url("topography")}, {"name": "concept", "valueCoding": coding}]
    return {"name": name, "part": parts}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says beside its codes; `named` is the map of ours it names, with its two ends."""

    target: str
    target_version: str
    version: str
    reverse: bool
    url: str
    named: tuple[str, str] | None

    def allows(self, source: str, target: str) -> bool:
        """Whether our own map between two code systems may be used."""
        if self.named is None:
            return not self.url or self.url == OWN_MAP
        return (target, source) == self.named if self.reverse else (source, target) == self.named


def translate(library: Library, own: OwnSystems, given: Given, map_id: str = "") -> Resource:
    """Translations of a code.

    Parameters
    ----------
    map_id
        Id of one of our concept maps, '' for any.

    Raises
    ------
    BadQuestion
        No code, or no code system; a version that its code system does not have.
    NotFound
        The concept map that is named cannot be had.
    """
    asked = _asked(own, given, map_id)
    near = map_ends(own, map_id or asked.url)
    codings = list(_codings(given, _end(near, far=asked.reverse)))
    matches = [
        match
        for coding in codings
        for match in (*_brought(library, given, coding, asked), *_own(own, coding, asked, given))
    ]
    good = any(match.equivalence not in NO_MATCH for match in matches)
    parameters: list[Resource] = [{"name": "result", "valueBoolean": good}]
    if not good:
        words = NO_TRANSLATION if asked.target or given.element("conceptMap") or asked.url else NO_TARGET
        parameters.append({"name": "message", "valueString": words})
    return {"resourceType": "Parameters", "parameter": [*parameters, *(match.parameter() for match in matches)]}


def _asked(own: OwnSystems, given: Given, map_id: str) -> Asked:
    url, reverse = given.text("url"), given.flag("reverse")
    ends = map_ends(own, map_id or url)
    if map_id and ends is None:
        raise NotFound("no ConceptMap with this id", where="ConceptMap")
    target_set, _, version = given.text("target").partition("|")
    target = given.text("targetsystem") or target_set.removesuffix("?fhir_vs")
    far = _end(ends, far=not reverse)
    return Asked(
        target or far.get("system", ""),
        given.text("targetVersion") or version or far.get("version", ""),
        _end(ends, far=reverse).get("version", ""),
        reverse,
        url,
        (own.prefix(ends[0]["system"]), own.prefix(ends[1]["system"])) if ends else None,
    )


def _end(ends: tuple[Resource, Resource] | None, *, far: bool) -> Resource:
    return ends[1 if far else 0] if ends else {}


def map_ends(own: OwnSystems, name: str) -> tuple[Resource, Resource] | None:
    """Source and target, each with system and version, of our concept map of an id or URL."""
    made = shelf_of(own).maps.get(name.rpartition("/")[2]) if name else None
    if made is None or ("/" in name and name != map_address(name.rpartition("/")[2])):
        return None
    other: Resource = {"system": url_of_prefix()[made.prefix], "version": made.edition}
    icdo: Resource = {"system": url_of_prefix()["ICDO3"], "version": ""}
    return (other, icdo) if made.back else (icdo, other)


def _codings(given: Given, default: Resource) -> Iterator[Resource]:
    coding, concept = given.element("coding"), given.element("codeableConcept")
    if concept:
        yield from concept.get("coding", [])
    elif coding:
        yield coding
    else:
        code, system = given.text("code"), given.text("system") or default.get("system", "")
        if not code or not system:
            raise BadQuestion("no code is given", where="code", expected="code and system, coding or codeableConcept")
        version = given.text("version")
        yield {"system": system, "code": code, **({"version": version} if version else {})}


def _brought(library: Library, given: Given, coding: Resource, asked: Asked) -> Iterator[Match]:
    url, version = asked.url, given.text("conceptMapVersion")
    named = given.element("conceptMap")
    maps = [named] if named else library.concept_maps()
    if url:
        maps = [item for item in maps if item.get("url") == url and (not version or item.get("version") == version)]
        if not maps and url != OWN_MAP and asked.named is None:
            raise NotFound("no such concept map", where="ConceptMap")
    for item in maps:
        for group in item.get("group", []):
            near, far = ("target", "source") if asked.reverse else ("source", "target")
            if group.get(near) == coding.get("system") and asked.target in ("", group.get(far)):
                yield from _in_group(group, coding, canonical_of(item), asked.reverse)


def _in_group(group: Resource, coding: Resource, origin: str, reverse: bool) -> Iterator[Match]:
    for element in group.get("element", []):
        for target in element.get("target", []):
            word = str(target.get("equivalence", "relatedto"))
            others = (*_others(target, "dependsOn"), *_others(target, "product"))
            if reverse and target.get("code") == coding.get("code"):
                asked, found = _end_of(group, "target", target), _end_of(group, "source", element)
                yield Match(REVERSED.get(word, word), asked, origin, others=others, found=found, brought=True)
            elif not reverse and element.get("code") == coding.get("code"):
                yield Match(word, _end_of(group, "target", target), origin, others=others, brought=True)


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
        coding = {key: item[key] for key in ("system", "display") if item.get(key)} | {"code": item.get("value")}
        parts = [{"name": "element", "valueUri": item.get("property")}, {"name": "concept", "valueCoding": coding}]
        yield {"name": name, "part": parts}


def _own(own: OwnSystems, coding: Resource, asked: Asked, given: Given) -> Iterator[Match]:
    source, wanted = own.prefix(str(coding.get("system", ""))), own.prefix(asked.target)
    if not source or not wanted or source == wanted or not asked.allows(source, wanted):
        return
    versions = {source: str(coding.get("version") or asked.version), wanted: asked.target_version}
    editions = {}
    for prefix, place in ((source, "version"), (wanted, "targetVersion")):
        system = own.code_system(url_of_prefix()[prefix], versions[prefix])
        if system is None:
            known = ", ".join(own.versions(url_of_prefix()[prefix])) or "no version"
            raise BadQuestion("the code system has no such version here", where=place, expected=known)
        if system.version:
            editions[prefix] = system.version
    concept = own.of_prefix(source, editions.get(source, "")).locate(_with_site(coding, given, source))
    if concept is None:
        return
    try:
        found = list(translated(own.terminology, source, concept.code, wanted, editions))
    except TerminologyError:
        return
    system = own.of_prefix(wanted, editions.get(wanted, ""))
    ends = (wanted, source) if asked.reverse else (source, wanted)
    origin = map_url(*ends, editions.get("ICCC3", ""))
    for each in found:
        word = REVERSED.get(each.equivalence, each.equivalence) if asked.reverse else each.equivalence
        yield Match(word, _coding_of(system, each.code), origin, each.product, each.depends)


def _with_site(coding: Resource, given: Given, source: str) -> str:
    """Code, with the topography that comes as a dependency beside a morphology."""
    code = str(coding.get("code", ""))
    for site in _dependencies(given) if source == "ICDO3" else ():
        return f"{code}-{site}"
    return code


def _dependencies(given: Given) -> Iterator[str]:
    for item in given.parameters:
        if item.get("name") != "dependency":
            continue
        for part in item.get("part", []):
            concept = part.get("valueCodeableConcept") or {}
            codings = concept.get("coding", []) or ([part["valueCoding"]] if "valueCoding" in part else [])
            yield from (str(coding["code"]) for coding in codings if coding.get("code"))


def _coding_of(system: CodeSystem, code: str) -> Resource:
    version = {"version": system.version} if system.version else {}
    concept = system.concepts.get(code)
    display = {"display": concept.display} if concept and concept.display else {}
    return {"system": system.url, **version, "code": code, **display}

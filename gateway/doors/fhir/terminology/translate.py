"""ConceptMap $translate (R4 conceptmap-operation-translate.html): maps that are brought along, then our own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from gateway.doors.fhir.definitions import Resource, canonical_system, guide, url_of_prefix
from gateway.doors.fhir.terminology.brought import canonical_of
from gateway.doors.fhir.terminology.findings import Asked as Verifiable
from gateway.doors.fhir.terminology.library import Library, iccc3_value_set
from gateway.doors.fhir.terminology.links import Link, icd10_links
from gateway.doors.fhir.terminology.model import CodeSystem, Concept
from gateway.doors.fhir.terminology.options import Given
from gateway.doors.fhir.terminology.own import OwnSystems
from gateway.doors.fhir.terminology.resources import property_url
from gateway.doors.fhir.terminology.shelf import map_address, map_url, shelf_of
from gateway.doors.fhir.terminology.translations import translated
from gateway.doors.fhir.terminology.validate import validate
from gateway.doors.fhir.terminology.versions import matches
from gateway.errors import BadQuestion, NotFound
from terminology import Terminology, TerminologyError

REVERSED: Mapping[str, str] = {
    "wider": "narrower",
    "narrower": "wider",
    "subsumes": "specializes",
    "specializes": "subsumes",
}
PARTS = ("topography", "behaviour")
ICD10 = frozenset({"ICD10", "ICD10CM"})
NO_MATCH = frozenset({"unmatched", "disjoint"})
OWN_MAP = "https://w3id.org/iccd/fhir/ConceptMap/terminology"
NO_TRANSLATION = "No translation of this code is known here"


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
        The map came with the request, or has that form.
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
    """What a request says beside its codes.

    Attributes
    ----------
    target
        URL of the code system that is wanted, '' for every one.
    named
        The two ends of the map of ours that is named.
    target_set
        Canonical of the value set in which a translation is sought.
    """

    target: str
    target_version: str
    version: str
    reverse: bool
    url: str
    named: tuple[str, str] | None
    target_set: str = ""

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
    asked = _asked(library, own, given, map_id)
    near = map_ends(own, map_id or asked.url)
    codings = list(_codings(given, _end(near, far=asked.reverse) or _held_end(library, asked)))
    matches = [
        match
        for coding in codings
        if _is_member(library, given.text("source"), coding, "source")
        for match in (*_brought(library, given, coding, asked), *_own(own, coding, asked, given))
        if _is_member(library, asked.target_set, match.found or match.concept, "target")
    ]
    good = any(match.equivalence not in NO_MATCH for match in matches)
    parameters: list[Resource] = [{"name": "result", "valueBoolean": good}]
    if not good:
        parameters.append({"name": "message", "valueString": NO_TRANSLATION})
    return {"resourceType": "Parameters", "parameter": [*parameters, *(match.parameter() for match in matches)]}


def _asked(library: Library, own: OwnSystems, given: Given, map_id: str) -> Asked:
    url, reverse = given.text("url"), given.flag("reverse")
    ends = map_ends(own, map_id or url)
    if map_id:
        known = map_address(map_id) if ends else _held_url(library, map_id)
        if url and url != known:
            raise BadQuestion("this instance is another map", where="url", expected=f"{known}, or no url")
        url = known
    target_set, _, version = given.text("target").partition("|")
    target, members = given.text("targetsystem"), ""
    if target_set and not target:
        whole = target_set.removesuffix("?fhir_vs")
        target, members = (whole, "") if own.prefix(whole) else ("", given.text("target"))
    far = _end(ends, far=not reverse)
    system, edition = target or far.get("system", ""), far.get("version", "")
    said = given.text("targetVersion") or ("" if members else version)
    wanted = library.ruled(system, said) if system else said
    if ends and wanted and edition and not matches(wanted, edition):
        raise BadQuestion(
            f"this map leads to edition {edition}", where="targetVersion", expected=f"{edition}, or the map of {wanted}"
        )
    return Asked(
        system,
        edition or wanted,
        _end(ends, far=reverse).get("version", ""),
        reverse,
        url,
        (own.prefix(ends[0]["system"]), own.prefix(ends[1]["system"])) if ends else None,
        members,
    )


def _held_url(library: Library, map_id: str) -> str:
    """URL of a map of our guide."""
    for item in library.concept_maps():
        if item.get("id") == map_id and str(item.get("url", "")).startswith(guide().canonical):
            return str(item["url"])
    raise NotFound("no ConceptMap with this id", where="ConceptMap")


def _held_end(library: Library, asked: Asked) -> Resource:
    """The side that a code without system is of, where a map that is named has but one."""
    side = "target" if asked.reverse else "source"
    groups = [g for item in library.concept_maps() if asked.url and item.get("url") == asked.url for g in item["group"]]
    systems = {group.get(side) for group in groups}
    return {"system": systems.pop()} if len(systems) == 1 else {}


def _is_member(library: Library, value_set: str, coding: Resource, where: str) -> bool:
    """Whether a coding is in the value set of `source` or `target`; in none, everything is."""
    if not value_set:
        return True
    url, _, version = value_set.partition("|")
    found = library.value_set(value_set) or iccc3_value_set(library, url, version)
    if found is None:
        raise NotFound(f"no value set {value_set!r} here", where=where)
    systems = {part.get("system") for part in found.get("compose", {}).get("include", [])}
    if None not in systems and canonical_system(coding["system"]) not in map(canonical_system, map(str, systems)):
        return False
    said = validate(library, found, Verifiable("coding", (coding,)))
    return any(item["name"] == "result" and item["valueBoolean"] for item in said["parameter"])


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
                yield from _in_group(group, coding, canonical_of(item), asked.reverse, _dependencies(given))


def _in_group(
    group: Resource, coding: Resource, origin: str, reverse: bool, given: Mapping[str, str]
) -> Iterator[Match]:
    for element in group.get("element", []):
        for target in element.get("target", []):
            needed = {str(item.get("property")): str(item.get("value")) for item in target.get("dependsOn", [])}
            if any(given.get(name, value) != value for name, value in needed.items()):
                continue
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
        values = {"system": item.get("system"), "code": item.get("value"), "display": item.get("display")}
        coding = {key: value for key, value in values.items() if value}
        parts = [{"name": "element", "valueUri": item.get("property")}, {"name": "concept", "valueCoding": coding}]
        yield {"name": name, "part": parts}


def _own(own: OwnSystems, coding: Resource, asked: Asked, given: Given) -> Iterator[Match]:
    source = own.prefix(str(coding.get("system", "")))
    targets = [own.prefix(asked.target)] if asked.target else [system.prefix for system in own.served()]
    for wanted in targets:
        if source and wanted and source != wanted and asked.allows(source, wanted):
            yield from _to(own, coding, source, wanted, asked, given)


def _to(own: OwnSystems, coding: Resource, source: str, wanted: str, asked: Asked, given: Given) -> Iterator[Match]:
    """Translations by one of our own maps.

    A code of ICD-O-3 whose edition nobody says may be of any: a map holds the codes of all editions.
    """
    versions = {source: str(coding.get("version") or asked.version), wanted: asked.target_version}
    editions = {}
    for prefix, place in ((source, "version"), (wanted, "targetVersion")):
        system = own.code_system(url_of_prefix()[prefix], versions[prefix])
        if system is None:
            known = ", ".join(own.versions(url_of_prefix()[prefix])) or "no version"
            raise BadQuestion("the code system has no such version here", where=place, expected=known)
        if system.version:
            editions[prefix] = system.version
    systems = {prefix: _editions(own, prefix, editions.get(prefix, ""), versions[prefix]) for prefix in versions}
    parts = _parts_of_tumour(given) if source == "ICDO3" else {}
    system, concept = _first(systems[source], _with_parts(coding, parts))
    if concept is None:
        return
    if wanted in ICD10 and "behaviour" in parts and concept.code.startswith("C"):
        link = _by_behaviour(own.terminology, wanted).get((concept.code, parts["behaviour"]))
        if link is not None:
            target, _ = _first(systems[wanted], link.target)
            yield Match(link.equivalence, _coding_of(target, link.target), map_url(source, wanted, ""))
        return
    open_ended = {wanted} if wanted == "ICDO3" and not versions[wanted] else set()
    meant = {prefix: name for prefix, name in {**editions, source: system.version}.items() if name}
    meant = {prefix: name for prefix, name in meant.items() if prefix not in open_ended}
    try:
        found = list(translated(own.terminology, source, concept.code, wanted, meant))
    except TerminologyError:
        return
    ends = (wanted, source) if asked.reverse else (source, wanted)
    origin = map_url(*ends, editions.get("ICCC3", ""))
    for each in found:
        word = REVERSED.get(each.equivalence, each.equivalence) if asked.reverse else each.equivalence
        system, _ = _first(systems[wanted], each.code)
        yield Match(word, _coding_of(system, each.code), origin, each.product, each.depends)


def _editions(own: OwnSystems, prefix: str, edition: str, stated: str) -> list[Callable[[], CodeSystem]]:
    """Editions in which a code may be: the default or the one that is said, then the others, then any list at all."""
    names = [edition]
    if prefix == "ICDO3" and not stated:
        names += [each for each in reversed(own.versions(url_of_prefix()[prefix])) if each != edition]
        names.append("")
    return [partial(own.of_prefix, prefix, name) for name in names]


def _first(systems: Sequence[Callable[[], CodeSystem]], code: str) -> tuple[CodeSystem, Concept | None]:
    """The first code system that has a concept, and the concept; the first of all where none has."""
    for make in systems:
        system = make()
        concept = system.locate(code)
        if concept is not None:
            return system, concept
    return systems[0](), None


def _with_parts(coding: Resource, parts: Mapping[str, str]) -> str:
    """Code, with the behaviour and topography that come as dependencies beside a histology."""
    code = str(coding.get("code", ""))
    if "behaviour" in parts and "/" not in code and not code.upper().startswith("C"):
        code = f"{code}/{parts['behaviour']}"
    return f"{code}-{parts['topography']}" if "topography" in parts else code


def _dependencies(given: Given) -> dict[str, str]:
    """Codes of the dependencies by their element; one without an element is the topography."""
    found: dict[str, str] = {}
    for item in given.parameters:
        parts = item.get("part", []) if item.get("name") == "dependency" else ()
        element = next((str(part.get("valueUri")) for part in parts if part.get("name") == "element"), "topography")
        for part in parts:
            concept = part.get("valueCodeableConcept") or {}
            codings = concept.get("coding", []) or ([part["valueCoding"]] if "valueCoding" in part else [])
            for coding in codings:
                if coding.get("code"):
                    found.setdefault(element, str(coding["code"]))
    return found


def _parts_of_tumour(given: Given) -> dict[str, str]:
    """Dependencies as parts of a tumour; raises BadQuestion for one that is none."""
    names = {**{property_url(name): name for name in PARTS}, **{name: name for name in PARTS}}
    found = _dependencies(given)
    if strange := found.keys() - names.keys():
        expected = " or ".join(map(property_url, PARTS))
        raise BadQuestion(f"no dependency {min(strange)!r} here", where="dependency", expected=f"element {expected}")
    return {names[element]: code for element, code in found.items()}


@lru_cache(maxsize=4)
def _by_behaviour(terminology: Terminology, wanted: str) -> Mapping[tuple[str, str], Link]:
    """Links of topographies to ICD-10 by behaviour."""
    links = icd10_links(terminology, wanted)
    return {(link.source, dict(link.parts)["behaviour"]): link for link in links if "behaviour" in dict(link.parts)}


def _coding_of(system: CodeSystem, code: str) -> Resource:
    version = {"version": system.version} if system.version else {}
    concept = system.concepts.get(code)
    display = {"display": concept.display} if concept and concept.display else {}
    return {"system": system.url, **version, "code": code, **display}

"""ConceptMap $translate (R4 conceptmap-operation-translate.html): maps that are brought along, then our own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from gateway.doors.fhir.definitions import Resource, canonical_system, guide, url_of_prefix
from gateway.doors.fhir.terminology.brought import canonical_of
from gateway.doors.fhir.terminology.findings import Asked as Verifiable
from gateway.doors.fhir.terminology.issues import Refused
from gateway.doors.fhir.terminology.library import Library, iccc3_value_set
from gateway.doors.fhir.terminology.links import Link, icd10_links
from gateway.doors.fhir.terminology.model import CodeSystem, Concept
from gateway.doors.fhir.terminology.options import Given
from gateway.doors.fhir.terminology.own import OwnSystems
from gateway.doors.fhir.terminology.resources import property_url
from gateway.doors.fhir.terminology.shelf import map_address, map_url, shelf_of
from gateway.doors.fhir.terminology.translations import translated
from gateway.doors.fhir.terminology.validate import validate
from gateway.doors.fhir.terminology.versions import latest, matches
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
DEEPEST_SET = 20
NO_TRANSLATION = "No translation of this code is known here"


@dataclass(frozen=True, slots=True)
class Match:
    """One translation.

    Attributes
    ----------
    origin
        Canonical of the map, "" where the way leads over tumours and no map holds it.
    product
        Topography or behaviour that belongs to the concept.
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
            *(source if self.brought else [{"name": "source", "valueUri": self.origin}] if self.origin else []),
            *([{"name": "originMap", "valueCanonical": self.origin}] if self.origin else []),
            *([_site("product", self.product)] if self.product else []),
            *(_site("dependsOn", site) for site in self.depends),
            *self.others,
        ]
        return {"name": "match", "part": parts}


def _site(name: str, code: str) -> Resource:
    """Topography, or behaviour of one digit, as another element of a match."""
    element = property_url("topography" if len(code) > 1 else "behaviour")
    coding = {"system": url_of_prefix()["ICDO3"], "code": code}
    parts = [{"name": "element", "valueUri": element}, {"name": "concept", "valueCoding": coding}]
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
    within
        URLs of the code systems of that value set; none where it has any.
    """

    target: str
    target_version: str
    version: str
    reverse: bool
    url: str
    named: tuple[str, str] | None
    target_set: str = ""
    within: frozenset[str] = frozenset()

    def allows(self, source: str, target: str) -> bool:
        """Whether our own map between two code systems may be used."""
        if self.named is None:
            return not self.url
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
        for match in (*_brought(library, given, coding, asked), *_own(library, own, coding, asked, given))
        if _is_member(library, asked.target_set, match.found or match.concept, "target")
    ]
    good = any(match.equivalence not in NO_MATCH for match in matches)
    parameters: list[Resource] = [{"name": "result", "valueBoolean": good}]
    if not good:
        parameters.append({"name": "message", "valueString": NO_TRANSLATION})
    return {"resourceType": "Parameters", "parameter": [*parameters, *(match.parameter() for match in matches)]}


def _asked(library: Library, own: OwnSystems, given: Given, map_id: str) -> Asked:
    url, reverse = _map_named(given), given.flag("reverse")
    bare, _, map_version = url.partition("|")
    ends = map_ends(own, map_id or bare)
    if map_id:
        known = map_address(map_id) if ends else _held_url(library, map_id)
        if bare and bare != known:
            raise BadQuestion("this instance is another map", where="url", expected=f"{known}, or no url")
        bare = known
        map_version = map_version or given.text("conceptMapVersion")
    if ends and map_version and not matches(map_version, guide().version):
        raise NotFound("this concept map has no such version", where="url")
    target_set, _, version = given.text("target").partition("|")
    target, members = given.text("targetsystem"), given.text("target")
    whole = target_set.removesuffix("?fhir_vs")
    if own.prefix(whole) and own.prefix(target or whole) == own.prefix(whole):
        target, members = target or whole, ""
    systems = _systems(library, members, "target") if members else {}
    far = _end(ends, far=not reverse)
    system, edition = target or far.get("system", ""), far.get("version", "")
    if not system and len(systems) == 1:
        system = next(iter(systems))
    of_set = systems.get(canonical_system(system), "") if members else version
    said = given.text("targetVersion") or of_set
    wanted = _ruled(library, system, said) if system else said
    _one_edition(wanted, edition, "targetVersion")
    return Asked(
        system,
        edition or wanted,
        _end(ends, far=reverse).get("version", ""),
        reverse,
        f"{bare}|{map_version}" if map_version and not ends else bare,
        (own.prefix(ends[0]["system"]), own.prefix(ends[1]["system"])) if ends else None,
        members,
        frozenset(systems) - {""} if "" not in systems else frozenset(),
    )


def _map_named(given: Given) -> str:
    """Canonical of the map that is named, with the version that one of two parameters says."""
    url, _, version = given.text("url").partition("|")
    other = given.text("conceptMapVersion")
    if version and other and version != other:
        raise BadQuestion("two versions of one map", where="conceptMapVersion", expected=version)
    return f"{url}|{version or other}" if url and (version or other) else url


def _one_edition(wanted: str, edition: str, where: str) -> None:
    """Refuse an edition that is not the one of the map that is named."""
    if wanted and edition and not matches(wanted, edition):
        raise BadQuestion(f"this map has edition {edition}", where=where, expected=f"{edition}, or the map of {wanted}")


def _ruled(library: Library, url: str, version: str) -> str:
    """Version after the rules of the request; raises Refused where a rule forbids it."""
    found = library.ruled(url, version)
    if next(iter(library.options.of(url)), None) is None:
        return found
    system = library.code_system(url, found)
    if system is not None and (broken := library.broken_rule(system)):
        raise Refused(broken)
    return found


def _systems(library: Library, value_set: str, where: str, depth: int = 0) -> dict[str, str]:
    """Code systems of a value set with their versions, those of the sets it takes in among them; '' for any."""
    found: dict[str, str] = {}
    for part in _value_set(library, value_set, where).get("compose", {}).get("include", []):
        if part.get("system"):
            found.setdefault(canonical_system(str(part["system"])), str(part.get("version", "")))
        elif depth > DEEPEST_SET:
            found[""] = ""
        else:
            for each in part.get("valueSet", []):
                found |= _systems(library, str(each), where, depth + 1)
    return found or {"": ""}


def _value_set(library: Library, canonical: str, where: str) -> Resource:
    url, _, version = canonical.partition("|")
    found = library.value_set(canonical) or iccc3_value_set(library, url, version)
    if found is None:
        raise NotFound(f"no value set {canonical!r} here", where=where)
    return found


def _held_url(library: Library, map_id: str) -> str:
    """URL of a map of our guide."""
    for item in library.concept_maps():
        if item.get("id") == map_id and str(item.get("url", "")).startswith(guide().canonical):
            return str(item["url"])
    raise NotFound("no ConceptMap with this id", where="ConceptMap")


def _held_end(library: Library, asked: Asked) -> Resource:
    """The side that a code without system is of, where a map that is named has but one."""
    side = "target" if asked.reverse else "source"
    groups = [
        g
        for item in library.concept_maps()
        if asked.url and item.get("url") == asked.url.partition("|")[0]
        for g in item["group"]
    ]
    systems = {group.get(side) for group in groups}
    return {"system": systems.pop()} if len(systems) == 1 else {}


def _is_member(library: Library, value_set: str, coding: Resource, where: str) -> bool:
    """Whether a coding is in the value set of `source` or `target`; in none, everything is."""
    if not value_set:
        return True
    systems = _systems(library, value_set, where)
    if "" not in systems and canonical_system(str(coding["system"])) not in systems:
        return False
    alone = replace(library, _steps=0)
    said = validate(alone, _value_set(library, value_set, where), Verifiable("coding", (coding,)))
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
        yield from (item for item in concept.get("coding", []) if item.get("code") and item.get("system"))
    elif coding:
        if not coding.get("code") or not coding.get("system"):
            raise BadQuestion("no code is given", where="coding", expected="a Coding with system and code")
        yield coding
    else:
        code, system = given.text("code"), given.text("system") or default.get("system", "")
        if not code or not system:
            raise BadQuestion("no code is given", where="code", expected="code and system, coding or codeableConcept")
        version = given.text("version")
        yield {"system": system, "code": code, **({"version": version} if version else {})}


def _brought(library: Library, given: Given, coding: Resource, asked: Asked) -> Iterator[Match]:
    named, known = given.element("conceptMap"), library.concept_maps()
    if named and named.get("resourceType") != "ConceptMap":
        raise BadQuestion("this is no concept map", where="conceptMap", expected="a ConceptMap")
    maps = [named] if named else known
    if asked.url:
        maps = _of_version(maps, asked.url)
        if not maps and asked.named is None:
            raise NotFound("no such concept map", where="ConceptMap")
    dependencies = _dependencies(given)
    if named:
        _check_dependencies(named, dependencies)
    for item in maps:
        yield from _in_map(item, coding, asked, dependencies, [*maps, *known], ())


def _of_version(maps: Sequence[Resource], canonical: str) -> list[Resource]:
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
            for other in _of_version(others, str(rest.get("url"))):
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


def _own(library: Library, own: OwnSystems, coding: Resource, asked: Asked, given: Given) -> Iterator[Match]:
    source = own.prefix(str(coding.get("system", "")))
    if not source or given.element("conceptMap"):
        return
    urls = [asked.target] if asked.target else [system.url for system in own.served()]
    for url in urls:
        wanted = own.prefix(url)
        if not wanted or source == wanted or not asked.allows(source, wanted):
            continue
        if asked.within and canonical_system(url) not in asked.within:
            continue
        to = asked.target_version if asked.target else _ruled(library, url, asked.target_version)
        if asked.target or not asked.target_version or own.code_system(url, to) is not None:
            at = str(coding.get("version") or asked.version)
            at = _ruled(library, str(coding["system"]), at)
            _one_edition(at, asked.version, "version")
            yield from _to(own, coding, source, wanted, replace(asked, version=at, target_version=to), given)


def _to(own: OwnSystems, coding: Resource, source: str, wanted: str, asked: Asked, given: Given) -> Iterator[Match]:
    """Translations by one of our own maps.

    A code of ICD-O-3 whose edition nobody says may be of any: a map holds the codes of all editions.
    """
    versions = {source: asked.version, wanted: asked.target_version}
    editions = {}
    for prefix, place in ((source, "version"), (wanted, "targetVersion")):
        system = own.code_system(url_of_prefix()[prefix], versions[prefix])
        if system is None:
            known = ", ".join(own.versions(url_of_prefix()[prefix])) or "no version"
            raise BadQuestion("the code system has no such version here", where=place, expected=known)
        if system.version:
            editions[prefix] = system.version
    systems = {prefix: _editions(own, prefix, editions.get(prefix, ""), versions[prefix]) for prefix in versions}
    parts = _parts_of_tumour(own, given)
    if parts and source != "ICDO3":
        raise BadQuestion("a dependency belongs to a code of ICD-O-3", where="dependency", expected="none")
    system, concept = _first(systems[source], _with_parts(coding, parts))
    if concept is None:
        return
    if wanted in ICD10 and "behaviour" in parts and concept.code.startswith("C"):
        for link in _at_site(_by_behaviour(own.terminology, wanted), concept.code, parts["behaviour"]):
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
    origin = map_url(*ends, editions.get("ICCC3", "")) if "ICDO3" in ends else ""
    for each in found:
        word = REVERSED.get(each.equivalence, each.equivalence) if asked.reverse else each.equivalence
        system, _ = _first(systems[wanted], each.code)
        yield Match(word, _coding_of(system, each.code), origin, each.product, each.depends)
    if source in ICD10 and wanted == "ICDO3":
        for link in _by_target(own.terminology, source).get(concept.code, ()):
            system, _ = _first(systems[wanted], link.source)
            yield Match(link.equivalence, _coding_of(system, link.source), origin, dict(link.parts)["behaviour"])


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
    histology, dash, site = code.partition("-")
    if "behaviour" in parts and "/" in histology and not histology.endswith(f"/{parts['behaviour']}"):
        raise BadQuestion("the code has another behaviour", where="dependency", expected=histology[-1])
    if "topography" in parts and dash:
        if site.replace(".", "") != parts["topography"].replace(".", ""):
            raise BadQuestion("the code has another topography", where="dependency", expected=site)
        return code
    if "behaviour" in parts and "/" not in code and len(code) == len("9500") and code.isdecimal():
        code = f"{code}/{parts['behaviour']}"
    return f"{code}-{parts['topography']}" if "topography" in parts else code


def _dependencies(given: Given) -> dict[str, Resource]:
    """Codings of the dependencies by their element; one without an element is the topography.

    Of several codings the one of ICD-O-3 is meant, else the first.
    """
    found: dict[str, Resource] = {}
    ours = canonical_system(url_of_prefix()["ICDO3"])
    for item in given.parameters:
        if item.get("name") != "dependency":
            continue
        parts = item.get("part", [])
        element = next((str(part.get("valueUri")) for part in parts if part.get("name") == "element"), "topography")
        codings = [each for part in parts for each in (part.get("valueCodeableConcept") or {}).get("coding", [])]
        codings += [part["valueCoding"] for part in parts if "valueCoding" in part]
        usable = [each for each in codings if each.get("code")]
        if not usable:
            raise BadQuestion(f"no code for {element!r}", where="dependency", expected="concept with a coding")
        of_icdo = (each for each in usable if canonical_system(str(each.get("system", ""))) == ours)
        found.setdefault(element, next(of_icdo, usable[0]))
    return found


def _parts_of_tumour(own: OwnSystems, given: Given) -> dict[str, str]:
    """Dependencies as parts of a tumour; raises BadQuestion for one that is none."""
    names = {**{property_url(name): name for name in PARTS}, **{name: name for name in PARTS}}
    found = _dependencies(given)
    if strange := found.keys() - names.keys():
        expected = " or ".join(map(property_url, PARTS))
        raise BadQuestion(f"no dependency {min(strange)!r} here", where="dependency", expected=f"element {expected}")
    for coding in found.values():
        if coding.get("system") and own.prefix(str(coding["system"])) != "ICDO3":
            raise BadQuestion("a code of another system", where="dependency", expected=url_of_prefix()["ICDO3"])
    return {names[element]: str(coding["code"]) for element, coding in found.items()}


def _at_site(links: Mapping[tuple[str, str], Link], site: str, behaviour: str) -> list[Link]:
    """Links of a topography, or of the subsites of a category, one for each target."""
    codes = [code for code, each in links if each == behaviour and (code == site or code.startswith(f"{site}."))]
    return list({links[code, behaviour].target: links[code, behaviour] for code in codes}.values())


@lru_cache(maxsize=4)
def _by_target(terminology: Terminology, wanted: str) -> Mapping[str, Sequence[Link]]:
    """Links of topographies by the code of ICD-10."""
    found: dict[str, list[Link]] = {}
    for link in _by_behaviour(terminology, wanted).values():
        found.setdefault(link.target, []).append(link)
    return found


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

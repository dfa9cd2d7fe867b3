"""$translate over our own maps, which are read off the tumours that codes mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from gateway.doors.fhir.definitions import Resource, canonical_system, url_of_prefix
from gateway.doors.fhir.terminology.dependencies import parts_of_tumour, with_parts
from gateway.doors.fhir.terminology.edges import edges_of, joined
from gateway.doors.fhir.terminology.issues import Refused
from gateway.doors.fhir.terminology.library import Library
from gateway.doors.fhir.terminology.lookup import normalized
from gateway.doors.fhir.terminology.matches import REVERSED, Asked, Match
from gateway.doors.fhir.terminology.model import CodeSystem, Concept
from gateway.doors.fhir.terminology.options import Given
from gateway.doors.fhir.terminology.own import OwnSystems
from gateway.doors.fhir.terminology.shelf import map_url
from gateway.doors.fhir.terminology.translations import Found, translated
from gateway.doors.fhir.terminology.versions import matches
from gateway.errors import BadQuestion
from terminology import Terminology, TerminologyError, parse_icdo

ICD10 = frozenset({"ICD10", "ICD10CM"})


def over_own(library: Library, own: OwnSystems, coding: Resource, asked: Asked, given: Given) -> Iterator[Match]:
    """Translations of a code by our own maps.

    Raises
    ------
    BadQuestion
        A version that a code system does not have; a dependency that is no part of the tumour.
    """
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
        to = asked.target_version if asked.target else ruled(library, url, asked.target_version)
        if asked.target or not asked.target_version or own.code_system(url, to) is not None:
            at = str(coding.get("version") or asked.version)
            at = ruled(library, str(coding["system"]), at)
            one_edition(at, asked.version, "version")
            yield from _to(own, coding, source, wanted, replace(asked, version=at, target_version=to), given)


def stated(library: Library, own: OwnSystems, coding: Resource, asked: Asked) -> list[Resource]:
    """What is said of a code of ours that was asked: its code system, edition and, in another spelling, its code."""
    system, concept = located(library, own, coding, asked)
    if system is None:
        return []
    parameters: list[Resource] = [{"name": "system", "valueUri": system.url}]
    if system.version:
        parameters.append({"name": "version", "valueString": system.version})
    return [*parameters, *(normalized(concept, str(coding["code"])) if concept else [])]


def located(
    library: Library, own: OwnSystems, coding: Resource, asked: Asked
) -> tuple[CodeSystem | None, Concept | None]:
    """Code system of ours that a code is of, in the edition that has it, and its concept; None where there is none."""
    url = str(coding.get("system", ""))
    source = own.prefix(url)
    version = ruled(library, url, str(coding.get("version") or asked.version)) if source else ""
    made = own.code_system(url_of_prefix()[source], version) if source else None
    return _first(_editions(own, source, made.version, version), str(coding["code"])) if made else (None, None)


def ruled(library: Library, url: str, version: str) -> str:
    """Version after the rules of the request; raises Refused where a rule forbids it."""
    found = library.ruled(url, version)
    if next(iter(library.options.of(url)), None) is None:
        return found
    system = library.code_system(url, found)
    if system is not None and (broken := library.broken_rule(system)):
        raise Refused(broken)
    return found


def one_edition(wanted: str, edition: str, where: str) -> None:
    """Refuse an edition that is not the one of the map that is named."""
    if wanted and edition and not matches(wanted, edition):
        raise BadQuestion(f"this map has edition {edition}", where=where, expected=f"{edition}, or the map of {wanted}")


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
    parts = parts_of_tumour(own, given)
    if parts and source != "ICDO3":
        raise BadQuestion("a dependency belongs to a code of ICD-O-3", where="dependency", expected="none")
    system, concept = _first(systems[source], with_parts(coding, parts))
    if concept is None:
        return
    behaviour = parts.get("behaviour", "") if concept.code.startswith("C") else ""
    open_ended = {wanted} if wanted == "ICDO3" and not versions[wanted] else set()
    meant = {prefix: name for prefix, name in {**editions, source: system.version}.items() if name}
    meant = {prefix: name for prefix, name in meant.items() if prefix not in open_ended}
    ends = (wanted, source) if asked.reverse else (source, wanted)
    origin = map_url(*ends, editions.get("ICCC3", ""))
    edges = _edges(own, source, concept.code, wanted, editions.get("ICCC3", ""), behaviour)
    by_map_alone = wanted in ICD10 and behaviour
    overlaps = [] if by_map_alone else _overlaps(own.terminology, source, concept.code, wanted, meant, behaviour)
    for each in joined(edges, overlaps):
        system, target = _first(systems[wanted], each.code)
        if target is None:
            continue
        word = REVERSED.get(each.equivalence, each.equivalence) if asked.reverse else each.equivalence
        yield Match(word, _coding_of(system, target), origin if each.edge else "", each.product, each.depends)


def _edges(own: OwnSystems, source: str, code: str, wanted: str, edition: str, behaviour: str) -> list[Found]:
    """What the map between two code systems holds of a code; nothing where ICD-O-3 is neither."""
    if source == "ICDO3":
        return edges_of(own, wanted, edition).of_icdo3(parse_icdo(code), behaviour)
    return edges_of(own, source, edition).to_icdo3(code) if wanted == "ICDO3" else []


def _overlaps(
    terminology: Terminology, source: str, code: str, wanted: str, editions: Mapping[str, str], behaviour: str
) -> list[Found]:
    """Codes that share a tumour with a code; none where its tumours are not known."""
    try:
        return list(translated(terminology, source, code, wanted, editions, behaviour))
    except TerminologyError:
        return []


def _editions(own: OwnSystems, prefix: str, edition: str, stated: str) -> list[Callable[[], CodeSystem]]:
    """Editions in which a code may be: the default or the one that is said, then the others."""
    names = [edition]
    if prefix == "ICDO3" and not stated:
        names += [each for each in reversed(own.versions(url_of_prefix()[prefix])) if each != edition]
    return [partial(own.of_prefix, prefix, name) for name in names]


def _first(systems: Sequence[Callable[[], CodeSystem]], code: str) -> tuple[CodeSystem, Concept | None]:
    """The first code system that has a concept, and the concept; the first of all where none has."""
    for make in systems:
        system = make()
        concept = system.locate(code)
        if concept is not None:
            return system, concept
    return systems[0](), None


def _coding_of(system: CodeSystem, concept: Concept) -> Resource:
    version = {"version": system.version} if system.version else {}
    display = {"display": concept.display} if concept.display else {}
    return {"system": system.url, **version, "code": concept.code, **display}

"""ConceptMap $translate (R4 conceptmap-operation-translate.html): maps that are brought along, then our own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.doors.fhir.definitions import Resource, url_of_prefix
from gateway.doors.fhir.terminology.brought import canonical_of
from gateway.doors.fhir.terminology.library import Library
from gateway.doors.fhir.terminology.options import Given
from gateway.doors.fhir.terminology.own import OwnSystems
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


@dataclass(frozen=True, slots=True)
class Match:
    """One translation: `origin` is the canonical of the map, `source` what was translated where that is not clear."""

    equivalence: str
    concept: Resource
    origin: str
    source: Resource | None = None

    def parameter(self) -> Resource:
        """Parameter match."""
        parts: list[Resource] = [
            {"name": "equivalence", "valueCode": self.equivalence},
            {"name": "concept", "valueCoding": self.concept},
            {"name": "originMap", "valueCanonical": self.origin},
        ]
        if self.source:
            parts.append({"name": "source", "valueCoding": self.source})
        return {"name": "match", "part": parts}


def translate(library: Library, own: OwnSystems, given: Given) -> Resource:
    """Translations of a code.

    Raises
    ------
    BadQuestion
        No code, or no code system; a version that its code system does not have.
    NotFound
        The concept map that is named cannot be had.
    """
    target, reverse = given.text("targetsystem"), given.flag("reverse")
    codings = list(_codings(given))
    matches = [
        match
        for coding in codings
        for match in (*_brought(library, given, coding, target, reverse), *_own(own, coding, target, given))
    ]
    good = any(match.equivalence not in NO_MATCH for match in matches)
    parameters: list[Resource] = [{"name": "result", "valueBoolean": good}]
    if not good:
        parameters.append({"name": "message", "valueString": "No translation of this code is known here"})
    return {"resourceType": "Parameters", "parameter": [*parameters, *(match.parameter() for match in matches)]}


def _codings(given: Given) -> Iterator[Resource]:
    coding, concept = given.element("coding"), given.element("codeableConcept")
    if concept:
        yield from concept.get("coding", [])
    elif coding:
        yield coding
    else:
        code, system = given.text("code"), given.text("system")
        if not code or not system:
            raise BadQuestion("no code is given", where="code", expected="code and system, coding or codeableConcept")
        version = given.text("version")
        yield {"system": system, "code": code, **({"version": version} if version else {})}


def _brought(library: Library, given: Given, coding: Resource, target: str, reverse: bool) -> Iterator[Match]:
    url, version = given.text("url"), given.text("conceptMapVersion")
    named = given.element("conceptMap")
    maps = [named] if named else library.concept_maps()
    if url:
        maps = [item for item in maps if item.get("url") == url and (not version or item.get("version") == version)]
        if not maps and url != OWN_MAP:
            raise NotFound("no such concept map", where="ConceptMap")
    for item in maps:
        for group in item.get("group", []):
            near, far = ("target", "source") if reverse else ("source", "target")
            if group.get(near) == coding.get("system") and target in ("", group.get(far)):
                yield from _in_group(group, coding, canonical_of(item), reverse)


def _in_group(group: Resource, coding: Resource, origin: str, reverse: bool) -> Iterator[Match]:
    for element in group.get("element", []):
        for target in element.get("target", []):
            source = {"system": group.get("source"), "code": element.get("code")}
            concept = {"system": group.get("target"), "code": target.get("code")}
            word = str(target.get("equivalence", "relatedto"))
            if reverse and target.get("code") == coding.get("code"):
                yield Match(REVERSED.get(word, word), concept, origin, source)
            elif not reverse and element.get("code") == coding.get("code"):
                if target.get("display"):
                    concept["display"] = target["display"]
                yield Match(word, concept, origin)


def _own(own: OwnSystems, coding: Resource, target: str, given: Given) -> Iterator[Match]:
    source = own.prefix(str(coding.get("system", "")))
    wanted = own.prefix(target)
    if not source or not wanted or source == wanted or given.text("url") not in ("", OWN_MAP):
        return
    version, target_version = str(coding.get("version") or ""), given.text("targetVersion")
    if version and target_version:
        raise BadQuestion("two editions at once", where="targetVersion", expected="version or targetVersion")
    system = own.code_system(str(coding["system"]), version)
    if system is None or own.code_system(target, target_version) is None:
        place = "version" if version else "targetVersion"
        known = ", ".join(own.versions(str(coding["system"]) if version else target)) or "no version"
        raise BadQuestion("the code system has no such version here", where=place, expected=known)
    concept = system.locate(str(coding.get("code", "")))
    if concept is None:
        return
    try:
        found = own.terminology.translate(source, concept.code, wanted, version or target_version or None)
    except TerminologyError:
        return
    for each in found:
        match = {"system": url_of_prefix()[wanted], "code": each.code}
        word = str(each.equivalence.value)
        if given.flag("reverse"):
            asked = {"system": coding["system"], "code": coding.get("code")}
            yield Match(REVERSED.get(word, word), asked, OWN_MAP, match)
        else:
            yield Match(word, match, OWN_MAP)

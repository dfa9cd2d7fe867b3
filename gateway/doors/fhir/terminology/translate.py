"""ConceptMap $translate (R4 conceptmap-operation-translate.html): maps that are brought along, then our own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gateway.doors.fhir.definitions import Resource, canonical_system, guide, url_of_prefix
from gateway.doors.fhir.terminology.findings import Asked as Verifiable
from gateway.doors.fhir.terminology.issues import issue
from gateway.doors.fhir.terminology.library import Library
from gateway.doors.fhir.terminology.maps_brought import over_brought
from gateway.doors.fhir.terminology.maps_own import located, one_edition, over_own, ruled, stated
from gateway.doors.fhir.terminology.matches import Asked, NotHere, no_map
from gateway.doors.fhir.terminology.options import Given
from gateway.doors.fhir.terminology.own import OwnSystems
from gateway.doors.fhir.terminology.shelf import map_address, shelf_of
from gateway.doors.fhir.terminology.statuses import unknown_code
from gateway.doors.fhir.terminology.validate import validate
from gateway.doors.fhir.terminology.versions import matches
from gateway.errors import BadQuestion, NotFound

NO_MATCH = frozenset({"unmatched", "disjoint"})
DEEPEST_SET = 20
NO_TRANSLATION = "No translation of this code is known here"


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
        No concept map with this id.
    NotHere
        The concept map, or the value set, that is named cannot be had.
    """
    asked = _asked(library, own, given, map_id)
    near = map_ends(own, map_id or asked.url)
    codings = list(_codings(given, _end(near, far=asked.reverse) or _held_end(library, asked)))
    matches = [
        match
        for coding in codings
        if _is_member(library, given.text("source"), coding, "source")
        for match in (*over_brought(library, given, coding, asked), *over_own(library, own, coding, asked, given))
        if _is_member(library, asked.target_set, match.found or match.concept, "target")
    ]
    good = any(match.equivalence not in NO_MATCH for match in matches)
    parameters: list[Resource] = [{"name": "result", "valueBoolean": good}]
    if not good:
        parameters.append({"name": "message", "valueString": _why_none(library, own, codings, asked)})
    if len(codings) == 1:
        parameters += stated(library, own, codings[0], asked)
    best = sorted(matches, key=lambda match: match.rank)
    return {"resourceType": "Parameters", "parameter": [*parameters, *(match.parameter() for match in best)]}


def _why_none(library: Library, own: OwnSystems, codings: Sequence[Resource], asked: Asked) -> str:
    """Why there is no translation: a code that does not exist, or none is known."""
    if len(codings) != 1:
        return NO_TRANSLATION
    system, concept = located(library, own, codings[0], asked)
    if system is None or concept is not None or system.content != "complete":
        return NO_TRANSLATION
    return unknown_code(system, str(codings[0]["code"]), "code").text


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
        stated_with = "url" if "|" in given.text("url") else "conceptMapVersion"
        raise no_map(f"{map_address(map_id) if map_id else bare}|{map_version}", stated_with)
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
    wanted = ruled(library, system, said) if system else said
    one_edition(wanted, edition, "targetVersion")
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
    found = library.value_set(canonical)
    if found is None:
        raise NotHere(issue("error", "not-found", "not-found", "Unable_to_resolve_value_Set_", "", canonical), where)
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

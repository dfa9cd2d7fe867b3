"""CodeSystem $lookup and $subsumes (R4 codesystem-operation-lookup.html and -subsumes.html)."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.doors.fhir.definitions import Resource, canonical_system
from gateway.doors.fhir.terminology import names
from gateway.doors.fhir.terminology.issues import Refused
from gateway.doors.fhir.terminology.library import Library, unknown_system
from gateway.doors.fhir.terminology.model import RELATIVES, CodeSystem, Concept
from gateway.doors.fhir.terminology.options import Given
from gateway.doors.fhir.terminology.statuses import unknown_code
from gateway.doors.fhir.terminology.versions import matches
from gateway.errors import BadQuestion


def lookup(library: Library, given: Given, url: str = "", version: str = "") -> Resource:
    """What is known about a code.

    Raises
    ------
    Refused
        No such code system or code.
    BadQuestion
        No code is given.
    """
    coding = given.element("coding") or {}
    code = str(coding.get("code") or given.text("code"))
    system = _system(library, given, url, str(coding.get("system") or given.text("system")), coding, version, [code])
    concept = _concept(system, code, "code")
    wanted = set(library.options.properties)
    shown = names.preferred(concept.designations, library.options.languages)
    parameters: list[Resource] = [{"name": "name", "valueString": system.title or system.name or system.url}]
    if system.version:
        parameters.append({"name": "version", "valueString": system.version})
    parameters.append({"name": "display", "valueString": shown.value if shown else concept.code})
    parameters += [{"name": "code", "valueCode": concept.code}, {"name": "system", "valueUri": system.url}]
    parameters += normalized(concept, code)
    if concept.definition and (not wanted or "definition" in wanted):
        parameters.append(_property("definition", {"valueString": concept.definition}))
    if not wanted or "designation" in wanted:
        parameters += [_designation(name.resource()) for name in concept.designations if name is not shown]
    if not wanted or "inactive" in wanted:
        parameters.append(_property("inactive", {"valueBoolean": system.inactive(concept)}))
    for item in concept.properties:
        if item["code"] != "inactive" and (not wanted or item["code"] in wanted):
            value = {key: value for key, value in item.items() if key.startswith("value")}
            parameters.append(_property(item["code"], value))
    for name in RELATIVES:
        if not wanted or name in wanted:
            parameters += [_relative(system, name, each) for each in system.relatives(concept, name)]
    return {"resourceType": "Parameters", "parameter": parameters}


def subsumes(library: Library, given: Given, url: str = "", version: str = "") -> Resource:
    """How two codes of a code system stand to each other.

    Raises
    ------
    Refused
        No such code system or code.
    BadQuestion
        A code is missing, or the codings are of different code systems.
    """
    first, second = given.element("codingA") or {}, given.element("codingB") or {}
    if canonical_system(str(first.get("system", ""))) != canonical_system(str(second.get("system", ""))):
        raise BadQuestion("the codings are of different code systems", where="codingB", expected="one code system")
    versions = {str(coding["version"]) for coding in (first, second) if coding.get("version")}
    if len(versions) > 1:
        raise BadQuestion(
            "the codings are of different versions", where="codingB", expected=f"one of {sorted(versions)}"
        )
    named = first if first.get("version") else second
    code, other_code = str(first.get("code") or given.text("codeA")), str(second.get("code") or given.text("codeB"))
    asked = str(first.get("system") or given.text("system"))
    system = _system(library, given, url, asked, named, version, [code, other_code])
    one, other = _concept(system, code, "codeA"), _concept(system, other_code, "codeB")
    if one.code == other.code:
        found = "equivalent"
    elif any(above.code == one.code for above in system.ancestors(other)):
        found = "subsumes"
    elif any(above.code == other.code for above in system.ancestors(one)):
        found = "subsumed-by"
    else:
        found = "not-subsumed"
    parameters: list[Resource] = [{"name": "outcome", "valueCode": found}, {"name": "system", "valueUri": system.url}]
    if system.version:
        parameters.append({"name": "version", "valueString": system.version})
    parameters += [*normalized(one, code, "A"), *normalized(other, other_code, "B")]
    return {"resourceType": "Parameters", "parameter": parameters}


def normalized(concept: Concept, asked: str, which: str = "") -> list[Resource]:
    """Parameter normalized-code, where a code was asked in another spelling."""
    return [] if concept.code == asked else [{"name": f"normalized-code{which}", "valueCode": concept.code}]


def _system(
    library: Library, given: Given, own: str, stated: str, coding: Resource, default: str, codes: Sequence[str]
) -> CodeSystem:
    """Code system that is asked; `own` and `default` are the URL and version of the instance.

    Without a version it is the newest edition that has the codes.
    """
    url = stated or own
    if own and canonical_system(url) != canonical_system(own):
        place = next((name for name in ("system", "coding", "codingA") if name in given.by_name), "system")
        raise BadQuestion("this instance is another code system", where=place, expected=own)
    if not url:
        raise BadQuestion("no code system is named", where="system", expected="the URL of a code system")
    asked = str(coding.get("version") or given.text("version"))
    if default and asked and not matches(asked, default):
        raise BadQuestion("this instance is another version", where="version", expected=default)
    version = library.ruled(url, asked or default)
    library.required |= library.options.supplements
    found = library.code_system(url, version)
    if found is None:
        raise Refused(unknown_system(library, url, version, "system"), status=404)
    library.check_supplements()
    if not version and not own and any(code and found.locate(code) is None for code in codes):
        found = library.edition_with(url, codes) or found
    broken = library.broken_rule(found)
    if broken:
        raise Refused(broken, status=422)
    return found


def _concept(system: CodeSystem, code: str, parameter: str) -> Concept:
    if not code:
        raise BadQuestion("no code is given", where=parameter, expected="a code")
    found = system.locate(code)
    if found is None:
        raise Refused(unknown_code(system, code, parameter), status=404)
    return found


def _property(code: str, value: Resource) -> Resource:
    parts: list[Resource] = [{"name": "code", "valueCode": code}, {"name": "value", **value}]
    return {"name": "property", "part": parts}


def _relative(system: CodeSystem, name: str, code: str) -> Resource:
    element = _property(name, {"valueCode": code})
    concept = system.concepts.get(code)
    if concept and concept.display:
        element["part"].append({"name": "description", "valueString": concept.display})
    return element


def _designation(element: Resource) -> Resource:
    kinds = (("language", "valueCode"), ("use", "valueCoding"), ("value", "valueString"))
    parts = [{"name": name, kind: element[name]} for name, kind in kinds if name in element]
    return {"name": "designation", "part": parts}

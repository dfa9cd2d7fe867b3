"""The operations of the terminology service, by resource type and name; each takes a request and gives a resource."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from gateway.doors.fhir.definitions import Resource, canonical_system, conformance_resources
from gateway.doors.fhir.search.elements import in_order
from gateway.doors.fhir.terminology.brought import canonical_of
from gateway.doors.fhir.terminology.expand import expand
from gateway.doors.fhir.terminology.findings import Asked
from gateway.doors.fhir.terminology.issues import Refused, issue
from gateway.doors.fhir.terminology.known import NOT_SERVED
from gateway.doors.fhir.terminology.library import Index, Library, indexed, unknown_system
from gateway.doors.fhir.terminology.lookup import lookup, subsumes
from gateway.doors.fhir.terminology.model import CodeSystem
from gateway.doors.fhir.terminology.options import Given, Options, options_of
from gateway.doors.fhir.terminology.own import OwnSystems
from gateway.doors.fhir.terminology.shelf import shelf_of
from gateway.doors.fhir.terminology.translate import translate
from gateway.doors.fhir.terminology.validate import validate
from gateway.doors.fhir.terminology.versions import matches
from gateway.errors import BadQuestion, NotFound, Unsupported
from terminology import Terminology


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation; `id` is that of the instance, '' for the type."""

    given: Given
    library: Library
    own: OwnSystems
    id: str = ""


@lru_cache(maxsize=4)
def own_systems(terminology: Terminology) -> OwnSystems:
    """The loaded code systems, once for a terminology."""
    return OwnSystems(terminology)


def call(terminology: Terminology, given: Given, resource_id: str = "") -> Call:
    """A call, with what it may refer to.

    Raises
    ------
    Unsupported
        A parameter that would change the answer and is not served.
    """
    for name in NOT_SERVED:
        if name in given.by_name:
            raise Unsupported("this parameter is not served", where=name, expected="a version instead, or none")
    own = own_systems(terminology)
    options = options_of(given)
    _check_rules(options)
    library = Library(given.resources(), held_resources(), own, options)
    return Call(given, library, own, resource_id)


def _check_rules(options: Options) -> None:
    """Refuse two versions of one canonical by the same parameter."""
    said: dict[tuple[str, str], str] = {}
    for rule in options.rules:
        if said.setdefault((rule.parameter, canonical_system(rule.url)), rule.version) != rule.version:
            raise BadQuestion("names two versions", where=rule.parameter, expected=f"one version of {rule.url}")


@lru_cache(maxsize=1)
def held_resources() -> Index:
    """Our own code systems, value sets and the value set of each ICCC-3 group."""
    kinds = ("CodeSystem", "ValueSet", "ConceptMap")
    return indexed(item for (kind, _), item in conformance_resources().items() if kind in kinds)


def lookup_code(asked: Call) -> Resource:
    """CodeSystem $lookup."""
    return lookup(asked.library, asked.given, *_instance(asked))


def subsumption(asked: Call) -> Resource:
    """CodeSystem $subsumes."""
    return subsumes(asked.library, asked.given, *_instance(asked))


def translate_code(asked: Call) -> Resource:
    """ConceptMap $translate."""
    return translate(asked.library, asked.own, asked.given, asked.id)


def expand_value_set(asked: Call) -> Resource:
    """ValueSet $expand."""
    return expand(asked.library, _value_set(asked), asked.given)


def validate_in_value_set(asked: Call) -> Resource:
    """ValueSet $validate-code."""
    value_set = _value_set(asked)
    given = asked.given
    coding = {"code": given.text("code"), "system": given.text("system"), "version": given.text("systemVersion")}
    if coding["code"] and not coding["system"] and not asked.library.options.infer_system:
        raise BadQuestion("a code without its code system", where="code", expected="system, or inferSystem=true")
    return validate(asked.library, value_set, _coded(given, coding))


def validate_in_code_system(asked: Call) -> Resource:
    """CodeSystem $validate-code."""
    given, library = asked.given, asked.library
    url, version = _instance(asked)
    if version and given.text("version") and not matches(given.text("version"), version):
        raise BadQuestion("this instance is another version", where="version", expected=version)
    brought = given.element("codeSystem")
    if asked.id:
        _same_code_system(given, url)
    url = url or given.text("url", "system") or str((brought or {}).get("url", ""))
    coding = {"code": given.text("code"), "system": url, "version": given.text("version") or version}
    coded = _coded(given, coding)
    first = coded.codings[0] if coded.codings else {}
    url = url or str(first.get("system", ""))
    version = library.ruled(url, given.text("version") or str(first.get("version", "")) or version)
    if brought:
        library.bring(brought)
        url, version = str(brought.get("url", "")), str(brought.get("version", ""))
    if not url:
        raise BadQuestion("no code system is named", where="url", expected="the URL of a code system")
    system = library.code_system(url, version)
    if system is None:
        return _unknown_system(library, coded, url, version)
    if not version and not asked.id:
        system = _with_codes(library, system, coded)
    return validate(library, _value_set_of(system), coded, of_code_system=True)


def _same_code_system(given: Given, own: str) -> None:
    """Refuse a code system that is not the one of the instance."""
    brought = given.element("codeSystem") or {}
    for name, url in (("url", given.text("url")), ("system", given.text("system")), ("codeSystem", brought.get("url"))):
        if url and canonical_system(url) != canonical_system(own):
            raise BadQuestion("this instance is another code system", where=name, expected=own)


def _with_codes(library: Library, system: CodeSystem, coded: Asked) -> CodeSystem:
    """The code system, or the newest edition that has every code that is asked without a version."""
    mine = [coding for coding in coded.codings if canonical_system(str(coding.get("system", ""))) == system.key]
    codes = [str(coding.get("code", "")) for coding in mine if not coding.get("version")]
    if all(system.locate(code) for code in codes):
        return system
    return library.edition_with(system.url, codes) or system


def _unknown_system(library: Library, coded: Asked, url: str, version: str) -> Resource:
    place = {"code": "system", "coding": "Coding.system"}.get(coded.mode, "CodeableConcept.coding[0].system")
    if library.is_supplement(url):
        found = issue("error", "invalid", "invalid-data", "CODESYSTEM_CS_NO_SUPPLEMENT", place, url)
    elif library.value_set(url):
        found = issue("error", "invalid", "invalid-data", "Terminology_TX_System_ValueSet2", place, url)
    else:
        found = unknown_system(library, url, version, place)
    parameters: list[Resource] = [
        {"name": "result", "valueBoolean": False},
        {"name": "message", "valueString": found.text},
        {"name": "issues", "resource": Refused(found).resource()},
        {"name": "x-caused-by-unknown-system", "valueCanonical": f"{url}|{version}" if version else url},
    ]
    return {"resourceType": "Parameters", "parameter": parameters}


def _value_set_of(system: CodeSystem) -> Resource:
    include: Resource = {"system": system.url}
    if system.version:
        include["version"] = system.version
    url = system.value_set or f"{system.url}?fhir_vs"
    return {"resourceType": "ValueSet", "url": url, "status": "active", "compose": {"include": [include]}}


def _coded(given: Given, coding: Resource) -> Asked:
    """What is to be validated: codeableConcept before coding before code."""
    concept, single = given.element("codeableConcept"), given.element("coding")
    if concept is not None:
        return Asked("codeableConcept", tuple(concept.get("coding", [])), in_order(concept, "CodeableConcept"))
    if single is not None:
        return Asked("coding", (single,))
    if not coding["code"]:
        raise BadQuestion("nothing to validate", where="code", expected="code, coding or codeableConcept")
    display = given.text("display")
    written = {name: value for name, value in {**coding, "display": display}.items() if value}
    return Asked("code", (written,))


def _instance(asked: Call) -> tuple[str, str]:
    """URL and version of the instance; '' for the type, and the version '' too for the id of a default edition."""
    if not asked.id:
        return "", ""
    known = shelf_of(asked.own).systems.get(asked.id)
    if known is not None:
        system, edition = known
        return system.url, "" if asked.id == system.id else edition
    held = conformance_resources().get(("CodeSystem", asked.id))
    if held is None:
        raise NotFound("no CodeSystem with this id", where="CodeSystem")
    return str(held["url"]), ""


def _value_set(asked: Call) -> Resource:
    given, library = asked.given, asked.library
    brought = given.element("valueSet")
    if brought is not None:
        if brought.get("resourceType") != "ValueSet":
            raise BadQuestion("this is no value set", where="valueSet", expected="a ValueSet")
        if asked.id:
            _same_value_set(asked, "valueSet", str(brought.get("url", "")))
        return library.allowed(brought)
    if asked.id:
        return _value_set_instance(asked)
    url, _, version = given.text("url").partition("|")
    if not url:
        raise BadQuestion("no value set is named", where="url", expected="url or valueSet")
    version = library.ruled(url, given.text("valueSetVersion") or version)
    canonical = f"{url}|{version}" if version else url
    found = library.value_set(canonical)
    if found is None:
        text = issue("error", "not-found", "not-found", "Unable_to_resolve_value_Set_", "", canonical)
        raise Refused(text, status=404)
    return found


def _value_set_instance(asked: Call) -> Resource:
    """Value set of an id; another edition of it where valueSetVersion says so."""
    held = shelf_of(asked.own).whole("ValueSet", asked.id)
    if held is None:
        raise NotFound("no ValueSet with this id", where="ValueSet")
    _same_value_set(asked, "url", asked.given.text("url"))
    wanted = asked.given.text("valueSetVersion")
    if not wanted or wanted == held.get("version"):
        return asked.library.allowed(held)
    found = asked.library.value_set(f"{held['url']}|{wanted}")
    if found is None:
        raise NotFound("this ValueSet has no such version", where="valueSetVersion")
    return found


def _same_value_set(asked: Call, name: str, canonical: str) -> None:
    """Refuse a value set that is not the one of the instance."""
    held = shelf_of(asked.own).whole("ValueSet", asked.id) or {}
    url, _, version = canonical.partition("|")
    own = str(held.get("version", ""))
    if held and ((url and url != held.get("url")) or (version and own and not matches(version, own))):
        raise BadQuestion("this instance is another value set", where=name, expected=canonical_of(held))


OPERATIONS: Mapping[tuple[str, str], Callable[[Call], Resource]] = {
    ("CodeSystem", "lookup"): lookup_code,
    ("CodeSystem", "validate-code"): validate_in_code_system,
    ("CodeSystem", "subsumes"): subsumption,
    ("ValueSet", "expand"): expand_value_set,
    ("ValueSet", "validate-code"): validate_in_value_set,
    ("ConceptMap", "translate"): translate_code,
}

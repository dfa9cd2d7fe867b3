"""Filters of a value set on a code system (R4 ValueSet.compose.include.filter): each a set of codes, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.terminology.issues import Refused, issue
from gateway.doors.fhir.terminology.model import CodeSystem, Concept, extension_value
from gateway.doors.fhir.terminology.patterns import full_matches

OP_OF_R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.compose.include.filter.op"
ALWAYS_KNOWN = frozenset({"notSelectable", "status", "inactive", "deprecated"})
OF_CONCEPT = frozenset({"concept", "code"})

Codes = dict[str, None]
Select = Callable[[CodeSystem, str], Codes]


def operator(element: Resource) -> str:
    """Operator of a filter; one that R4 does not have comes as an extension."""
    beside = element.get("_op", {}).get("extension", [])
    return str(element.get("op") or extension_value(beside, OP_OF_R5) or "")


def selected(system: CodeSystem, element: Resource, value_set: str, expression: str) -> Codes:
    """Codes that pass a filter, in the order of the code system; one that is put together comes last.

    Raises
    ------
    Refused
        A filter without value, or one that this code system does not have.
    """
    name, op, value = str(element.get("property", "")), operator(element), str(element.get("value") or "")
    if not value:
        raise Refused(
            issue(
                "error",
                "invalid",
                "vs-invalid",
                "UNABLE_TO_HANDLE_SYSTEM_FILTER_WITH_NO_VALUE",
                expression,
                system.url,
                name,
                op,
            ),
            status=400,
        )
    if name in OF_CONCEPT and op in CONCEPT_FILTERS:
        found = CONCEPT_FILTERS[op](system, value)
        listed = {code: None for code in system.concepts if code in found}
        return listed if len(listed) == len(found) else {**listed, **found}
    if name in ("child", "parent") and op == "exists":
        return _with_relatives(system, name, value == "true")
    known = name in ALWAYS_KNOWN or any(item.get("code") == name for item in system.properties)
    if known and op in PROPERTY_FILTERS:
        return PROPERTY_FILTERS[op](system, name, value)
    raise Refused(
        issue(
            "error",
            "not-supported",
            "vs-invalid",
            "FILTER_NOT_UNDERSTOOD",
            expression,
            name,
            op,
            value,
            value_set,
            system.url,
        ),
        status=400,
    )


def _is_a(system: CodeSystem, value: str) -> Codes:
    root = system.locate(value)
    return {} if root is None else dict.fromkeys([root.code, *system.descendants(root.code)])


def _descendent_of(system: CodeSystem, value: str) -> Codes:
    root = system.locate(value)
    return {} if root is None else dict.fromkeys(system.descendants(root.code))


def _is_not_a(system: CodeSystem, value: str) -> Codes:
    below = _is_a(system, value)
    return {code: None for code in system.concepts if code not in below}


def _child_of(system: CodeSystem, value: str) -> Codes:
    root = system.locate(value)
    return {} if root is None else dict.fromkeys(system.children.get(root.code, ()))


def _descendent_leaf(system: CodeSystem, value: str) -> Codes:
    return {code: None for code in _descendent_of(system, value) if code not in system.children}


def _generalizes(system: CodeSystem, value: str) -> Codes:
    root = system.locate(value)
    return {} if root is None else dict.fromkeys([root.code, *(above.code for above in system.ancestors(root))])


def _in(system: CodeSystem, value: str) -> Codes:
    found = (system.locate(code) for code in _list(value))
    return {concept.code: None for concept in found if concept}


def _not_in(system: CodeSystem, value: str) -> Codes:
    listed = _in(system, value)
    return {code: None for code in system.concepts if code not in listed}


def _regex(system: CodeSystem, value: str) -> Codes:
    codes = list(system.concepts)
    return {code: None for code, ok in zip(codes, full_matches(value, codes), strict=True) if ok}


CONCEPT_FILTERS: Mapping[str, Select] = {
    "is-a": _is_a,
    "descendent-of": _descendent_of,
    "is-not-a": _is_not_a,
    "child-of": _child_of,
    "descendent-leaf": _descendent_leaf,
    "generalizes": _generalizes,
    "in": _in,
    "not-in": _not_in,
    "=": _in,
    "regex": _regex,
}


def _with_relatives(system: CodeSystem, name: str, wanted: bool) -> Codes:
    def has(concept: Concept) -> bool:
        return bool(concept.parents if name == "parent" else system.children.get(concept.code))

    return {code: None for code, concept in system.concepts.items() if has(concept) is wanted}


def _values(system: CodeSystem, concept: Concept, name: str) -> list[str]:
    if name == "inactive":
        return ["true" if system.inactive(concept) else "false"]
    if name == "status":
        status = system.status_of(concept)
        return [status] if status else []
    if name == "notSelectable":
        codes = system.property_codes(name)
        return [text for code in codes for text in system.values(concept, code)]
    return system.values(concept, name)


def _where(system: CodeSystem, name: str, passes: Callable[[list[str]], bool]) -> Codes:
    return {code: None for code, concept in system.concepts.items() if passes(_values(system, concept, name))}


def _property_in(system: CodeSystem, name: str, value: str) -> Codes:
    wanted = set(_list(value))
    return _where(system, name, lambda values: bool(wanted & set(values)))


def _property_not_in(system: CodeSystem, name: str, value: str) -> Codes:
    wanted = set(_list(value))
    return _where(system, name, lambda values: not wanted & set(values))


def _property_is(system: CodeSystem, name: str, value: str) -> Codes:
    return _where(system, name, lambda values: value in values)


def _property_exists(system: CodeSystem, name: str, value: str) -> Codes:
    return _where(system, name, lambda values: bool(values) is (value == "true"))


def _property_regex(system: CodeSystem, name: str, value: str) -> Codes:
    pairs = [(code, text) for code, concept in system.concepts.items() for text in _values(system, concept, name)]
    found = full_matches(value, [text for _, text in pairs])
    return {code: None for (code, _), ok in zip(pairs, found, strict=True) if ok}


PROPERTY_FILTERS: Mapping[str, Callable[[CodeSystem, str, str], Codes]] = {
    "=": _property_is,
    "in": _property_in,
    "not-in": _property_not_in,
    "exists": _property_exists,
    "regex": _property_regex,
}


def _list(value: str) -> list[str]:
    return [part.strip() for part in value.split(",")]

"""Filters of a value set on a code system (R4 ValueSet.compose.include.filter): each a set of codes, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.terminology.issues import Refused, issue
from gateway.doors.fhir.terminology.model import RELATIVES, CodeSystem, Concept, extension_value
from gateway.doors.fhir.terminology.patterns import full_matches

OP_OF_R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.compose.include.filter.op"
PROPERTY_OPERATORS = frozenset({"=", "in", "not-in", "exists", "regex"})
ALWAYS_KNOWN = frozenset({"notSelectable", "status", "inactive", "deprecated"})
OF_CONCEPT = frozenset({"concept", "code"})
LISTING = frozenset({"=", "in", "generalizes"})
"""Operators that name each of their codes, or what stands above them."""

Codes = dict[str, None]
Select = Callable[[CodeSystem, str], Codes]
Test = Callable[[Concept], bool]


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
    name, op, value = _read(system, element, value_set, expression)
    if name in OF_CONCEPT:
        found = CONCEPT_FILTERS[op](system, value)
        listed = {code: None for code in system.concepts if code in found}
        return listed if len(listed) == len(found) else {**listed, **found}
    if op == "regex":
        return _matching(system, name, value)
    test = _property_test(system, name, op, value)
    return {code: None for code, concept in system.concepts.items() if test(concept)}


def passes(system: CodeSystem, element: Resource, concept: Concept, value_set: str, expression: str) -> bool:
    """Whether a concept passes a filter, be it one that no list of the code system has.

    Raises
    ------
    Refused
        A filter without value, or one that this code system does not have.
    """
    name, op, value = _read(system, element, value_set, expression)
    if name in OF_CONCEPT:
        return CONCEPT_TESTS[op](system, value, concept)
    return _property_test(system, name, op, value)(concept)


def is_open(system: CodeSystem, part: Resource) -> bool:
    """Whether an include may have codes of a code system that no list holds."""
    if not system.unlisted or "concept" in part:
        return False
    return not any(item.get("property") in OF_CONCEPT and operator(item) in LISTING for item in part.get("filter", []))


def _read(system: CodeSystem, element: Resource, value_set: str, expression: str) -> tuple[str, str, str]:
    """Property, operator and value of a filter that this code system has."""
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
        return name, op, value
    if name in RELATIVES and op in ("exists", "="):
        return name, op, value
    known = name in ALWAYS_KNOWN or any(item.get("code") == name for item in system.properties)
    if known and op in PROPERTY_OPERATORS:
        return name, op, value
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


def _is_below(system: CodeSystem, value: str, concept: Concept) -> bool:
    root = system.locate(value)
    return root is not None and any(above.code == root.code for above in system.ancestors(concept))


def _is_at_or_below(system: CodeSystem, value: str, concept: Concept) -> bool:
    root = system.locate(value)
    return root is not None and (root.code == concept.code or _is_below(system, value, concept))


def _is_child(system: CodeSystem, value: str, concept: Concept) -> bool:
    root = system.locate(value)
    return root is not None and root.code in concept.parents


CONCEPT_TESTS: Mapping[str, Callable[[CodeSystem, str, Concept], bool]] = {
    "is-a": _is_at_or_below,
    "descendent-of": _is_below,
    "is-not-a": lambda system, value, concept: not _is_at_or_below(system, value, concept),
    "child-of": _is_child,
    "descendent-leaf": lambda system, value, concept: (
        concept.code not in system.children and _is_below(system, value, concept)
    ),
    "generalizes": lambda system, value, concept: concept.code in _generalizes(system, value),
    "in": lambda system, value, concept: concept.code in _in(system, value),
    "not-in": lambda system, value, concept: concept.code not in _in(system, value),
    "=": lambda system, value, concept: concept.code in _in(system, value),
    "regex": lambda _, value, concept: full_matches(value, [concept.code])[0],
}
"""The same of one concept, which need not be listed."""


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


def _property_test(system: CodeSystem, name: str, op: str, value: str) -> Test:
    """Whether a concept passes a filter on a property."""
    if name in RELATIVES and op in ("exists", "="):
        return _relative_test(system, name, op, value)
    if op == "regex":
        return lambda concept: any(full_matches(value, _values(system, concept, name)))
    if op == "exists":
        return lambda concept: bool(_values(system, concept, name)) is (value == "true")
    wanted = {value} if op == "=" else set(_list(value))
    return lambda concept: wanted.isdisjoint(_values(system, concept, name)) is (op == "not-in")


def _matching(system: CodeSystem, name: str, pattern: str) -> Codes:
    pairs = [(code, text) for code, concept in system.concepts.items() for text in _values(system, concept, name)]
    found = full_matches(pattern, [text for _, text in pairs])
    return {code: None for (code, _), ok in zip(pairs, found, strict=True) if ok}


def _relative_test(system: CodeSystem, name: str, op: str, value: str) -> Test:
    if op == "exists":
        return lambda concept: bool(system.relatives(concept, name)) is (value == "true")
    other = system.locate(value)
    if other is None:
        return lambda _: False
    if name == "parent":
        return lambda concept: other.code in concept.parents
    return lambda concept: concept.code in other.parents


def _list(value: str) -> list[str]:
    return [part.strip() for part in value.split(",")]

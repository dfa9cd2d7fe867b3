"""The parameters of a request by what they must hold: one value of their type each, and resources that can be read.

The reader of the body has judged every element by its type; here is what an operation needs beyond that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.search.elements import is_resource, types
from gateway.doors.fhir.terminology.filters import OP_OF_R5
from gateway.doors.fhir.terminology.known import BACKWARD, FORWARD
from gateway.doors.fhir.terminology.lexical import TYPES, check_version, read_text
from gateway.doors.fhir.terminology.parameters import PARAMETERS
from gateway.doors.fhir.wire.from_xml import LATER
from gateway.errors import BadQuestion

TEXTS = frozenset({"string", "code", "uri", "url", "canonical", "id", "oid", "uuid", "markdown"})
"""Types that clients take for each other."""
WHOLE = frozenset({"integer", "unsignedInt", "positiveInt"})
SAME: Mapping[str, frozenset[str]] = {**dict.fromkeys(TEXTS, TEXTS), **dict.fromkeys(WHOLE, WHOLE)}
"""Types of a value that are taken for a type; any other is taken for itself alone."""

_KINDS: Mapping[str, Mapping[str, str]] = {
    operation: {item["name"]: item["type"] for item in items if item["use"] == "in"}
    for operation, items in PARAMETERS.items()
}
_NEWER: Mapping[str, str] = {**BACKWARD, **FORWARD}
"""Parameters of $translate by newer names, by one that has the same type."""


def check(operation: str, parameters: Sequence[Resource]) -> None:
    """Refuse a parameter without name, of another type, or with a resource that lacks what is read of it.

    Parameters
    ----------
    operation
        Type and name, e.g. `CodeSystem-lookup`.
    parameters
        Those of the body, whose texts are put into the form in which they are read.

    Raises
    ------
    BadQuestion
        Naming the element.
    """
    kinds = _KINDS[operation]
    for index, item in enumerate(parameters):
        name = item.get("name")
        if not name:
            raise BadQuestion("a parameter has no name", where=f"Parameters.parameter[{index}]", expected="a name")
        kind = kinds.get(name)
        if kind is None and operation == "ConceptMap-translate":
            kind = kinds.get(_NEWER.get(name, ""))
        for key, value in item.items():
            if key.startswith("value"):
                _check_value(name, key, value, kind, f"Parameters.parameter[{index}].{key}")
            elif key == "resource":
                place = f"Parameters.parameter[{index}].resource"
                if kind not in (None, "Resource", value["resourceType"]):
                    raise BadQuestion("this parameter is of another type", where=place, expected=_expected(kind))
                _check_resource(value, place)
            elif key == "part":
                _check_parts(value, kind, f"Parameters.parameter[{index}].part")


def _check_value(name: str, key: str, value: object, kind: str | None, place: str) -> None:
    given = types()["ParametersParameter"][key].type
    if kind is not None and given not in SAME.get(kind, (kind,)):
        raise BadQuestion("this parameter is of another type", where=place, expected=_expected(kind))
    if isinstance(value, str):
        if name in TYPES:
            read_text(name, value, place)
    elif isinstance(value, dict):
        _check_codings(value, place)


def _check_parts(parts: Sequence[Resource], kind: str | None, place: str) -> None:
    if kind not in (None, "Element"):
        raise BadQuestion("this parameter has no parts", where=place, expected=_expected(kind))
    for index, part in enumerate(parts):
        for key, value in part.items():
            if key.startswith("value") and isinstance(value, dict):
                _check_codings(value, f"{place}[{index}].{key}")


def _expected(kind: str | None) -> str:
    if kind == "Element":
        return "part"
    if kind == "Resource" or is_resource(kind or ""):
        return f"resource, which is a {kind}"
    return f"value{kind[:1].upper()}{kind[1:]}" if kind else ""


def _check_codings(value: Resource, place: str) -> None:
    codings = [(value, place)]
    if isinstance(value.get("coding"), list):
        codings += [(item, f"{place}.coding[{index}]") for index, item in enumerate(value["coding"])]
    for coding, at in codings:
        if isinstance(coding.get("version"), str):
            check_version(coding["version"], f"{at}.version")


def _check_resource(resource: Resource, place: str) -> None:
    kind = resource["resourceType"]
    if kind not in ("CodeSystem", "ValueSet", "ConceptMap"):
        return
    _check_version(resource, place)
    if kind == "CodeSystem":
        _check_properties(resource, place)
        _check_concepts(resource, place)
    elif kind == "ValueSet":
        compose = resource.get("compose", {})
        for name in ("include", "exclude"):
            for index, part in enumerate(compose.get(name, ())):
                _check_part(part, f"{place}.compose.{name}[{index}]")


def _check_version(resource: Resource, place: str) -> None:
    if "version" in resource:
        check_version(resource["version"], f"{place}.version")


def _check_part(part: Resource, place: str) -> None:
    _check_version(part, place)
    named = part.get("valueSet") or [None for _ in part.get("_valueSet", ())]
    if None in named:
        where = f"{place}.valueSet[{named.index(None)}]"
        raise BadQuestion("this has no value", where=where, expected="the URL of a value set")
    for element in part.get("filter", ()):
        if element.get("op") in LATER:
            _put_beside(element)
    for index, concept in enumerate(part.get("concept", ())):
        _check_designations(concept, f"{place}.concept[{index}]")


def _put_beside(element: Resource) -> None:
    """Write an operator of later versions as R4 does, as an extension."""
    known = element.get("_op", {})
    extension = {"url": OP_OF_R5, "valueCode": element["op"]}
    beside = {"_op": {**known, "extension": [*known.get("extension", ()), extension]}}
    renamed = [
        each
        for name, value in element.items()
        if name != "_op"
        for each in (beside if name == "op" else {name: value}).items()
    ]
    element.clear()
    element.update(renamed)


def _check_concepts(owner: Resource, place: str) -> None:
    for index, concept in enumerate(owner.get("concept", ())):
        if not concept.get("code"):
            raise BadQuestion("a concept has no code", where=f"{place}.concept[{index}]", expected="a code")
        if concept.keys() & {"property", "designation", "concept"}:
            within = f"{place}.concept[{index}]"
            _check_properties(concept, within)
            _check_designations(concept, within)
            _check_concepts(concept, within)


def _check_properties(owner: Resource, place: str) -> None:
    for index, item in enumerate(owner.get("property", ())):
        if "code" not in item:
            raise BadQuestion("a property has no code", where=f"{place}.property[{index}]", expected="a code")


def _check_designations(owner: Resource, place: str) -> None:
    for index, item in enumerate(owner.get("designation", ())):
        if "value" not in item:
            raise BadQuestion("a designation has no value", where=f"{place}.designation[{index}]", expected="a value")

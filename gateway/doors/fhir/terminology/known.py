"""Which parameters an operation takes: those that it follows, those known to be without effect, and the names of R5.

What nobody defines is refused by name, as in a search, and so is a second value where only one is meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.terminology.parameters import MOST, PARAMETERS
from gateway.errors import BadQuestion, Unsupported

NOT_SERVED = ("date", "context", "contextDirection")
"""Parameters of R4 that would change the answer, and that a server which cannot follow them has to refuse."""

OF_CLIENTS = (
    "_incomplete",
    "_limit",
    "cache-id",
    "default-to-latest-version",
    "defaultDisplayLanguage",
    "diagnostics",
    "inactive",
    "includeAlternateCodes",
    "includeHierarchy",
    "incomplete-ok",
    "limitedExpansion",
    "mode",
    "no-cache",
    "profile",
    "uuid",
    "valueSetMode",
    "x-system-cache-id",
)
"""What clients and servers of the FHIR terminology ecosystem send with any operation; without effect here."""
OF_EXPANSIONS = (
    "abstract",
    "activeOnly",
    "count",
    "designation",
    "exclude-system",
    "excludeNested",
    "excludeNotForUI",
    "excludePostCoordinated",
    "includeDefinition",
    "includeDesignations",
    "inferSystem",
    "lenient-display-validation",
    "offset",
    "property",
    "valueset-membership-only",
    "versionsMatch",
)
"""Of R4, R5 or the ecosystem: validators send the parameters of their expansions with every operation."""
WITHOUT_EFFECT = (*OF_CLIENTS, *OF_EXPANSIONS)

FORWARD: Mapping[str, str] = {
    "sourceCode": "code",
    "sourceSystem": "system",
    "sourceCoding": "coding",
    "sourceCodeableConcept": "codeableConcept",
    "sourceScope": "source",
    "targetScope": "target",
    "targetSystem": "targetsystem",
}
BACKWARD: Mapping[str, str] = {
    "targetCode": "code",
    "targetSystem": "system",
    "targetCoding": "coding",
    "targetCodeableConcept": "codeableConcept",
    "targetScope": "source",
    "sourceScope": "target",
    "sourceSystem": "targetsystem",
}
"""Parameters of $translate by their names in R5 and later: with a source, and in reverse with a target."""
OF_TARGET = frozenset({"targetCode", "targetCoding", "targetCodeableConcept"})

_SERVED: Mapping[str, Mapping[str, bool]] = {
    operation: {item["name"]: item["max"] == MOST for item in items if item["use"] == "in"}
    for operation, items in PARAMETERS.items()
}
"""Parameters that an operation follows, and whether one may come again."""
_KNOWN: Mapping[str, Mapping[str, bool]] = {
    operation: {**dict.fromkeys((*WITHOUT_EFFECT, *NOT_SERVED), True), **served}
    for operation, served in _SERVED.items()
}
_NEWER = FORWARD.keys() | BACKWARD.keys()


def known(operation: str, parameters: Iterable[Resource], *, lenient: bool) -> tuple[Resource, ...]:
    """Parameters of a request that its operation has, by their names in R4.

    Parameters
    ----------
    operation
        Type and name, e.g. `CodeSystem-lookup`.
    lenient
        `Prefer: handling=lenient`: what the operation does not have is left out.

    Raises
    ------
    Unsupported
        A parameter that the operation does not have.
    BadQuestion
        A parameter comes again that may come once.
    """
    given = tuple(parameters)
    if operation == "ConceptMap-translate" and any(item.get("name") in _NEWER for item in given):
        given = _renamed(given)
    names = _KNOWN[operation]
    seen: set[str] = set()
    left_out = False
    for item in given:
        name = item.get("name", "")
        again = names.get(name)
        if again is None and not lenient:
            expected = f"one of {', '.join(sorted(_SERVED[operation]))}"
            raise Unsupported(f"no parameter {name!r} of ${operation.partition('-')[2]}", where=name, expected=expected)
        if again is False and name in seen:
            raise BadQuestion("is given twice", where=name, expected="one value")
        seen.add(name)
        left_out = left_out or again is None
    return tuple(item for item in given if item.get("name", "") in names) if left_out else given


def _renamed(given: tuple[Resource, ...]) -> tuple[Resource, ...]:
    """Parameters of $translate as R5 names them, by their names in R4; one with a target goes in reverse."""
    stated = {item.get("name", "") for item in given}
    names = BACKWARD if stated & OF_TARGET else FORWARD
    found = tuple({**item, "name": names.get(item.get("name", ""), item.get("name", ""))} for item in given)
    if names is FORWARD or "reverse" in stated:
        return found
    return (*found, {"name": "reverse", "valueBoolean": True})

"""ValueSet $expand (R4 valueset-operation-expand.html): the codes of a value set, as a tree where it may be one."""

from __future__ import annotations

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.search.elements import in_order
from gateway.doors.fhir.terminology.brought import canonical_of
from gateway.doors.fhir.terminology.expansion import Expansion, supplements_of
from gateway.doors.fhir.terminology.library import Library
from gateway.doors.fhir.terminology.options import ECHOED, Given

DROPPED = (
    "id",
    "text",
    "contained",
    "extension",
    "purpose",
    "compose",
    "description",
    "contact",
    "copyright",
    "publisher",
)


def expand(library: Library, value_set: Resource, given: Given) -> Resource:
    """Value set with its expansion.

    Raises
    ------
    Refused
        A code system, value set or supplement that cannot be had; a filter that cannot be read; too many codes.
    """
    options = library.options
    dropped = set(DROPPED) - ({"compose", "extension"} if options.include_definition else set())
    asked = {name: value for name, value in value_set.items() if name not in dropped}
    kept = {"resourceType": "ValueSet", **in_order(asked, "ValueSet")}
    if "expansion" in value_set:
        return kept
    library.required |= set(options.supplements) | supplements_of(value_set)
    library.options = options = options.within(value_set)
    run = Expansion(library, value_set)
    for name in ECHOED:
        if given.first(name) is not None:
            run.note(name, given.flag(name), "valueBoolean")
    run.echo(given)
    run.note_status(value_set, canonical_of(value_set))
    run.compose()
    library.check_supplements()
    return {**kept, "expansion": run.resource()}

"""ValueSet $expand (R4 valueset-operation-expand.html): the codes of a value set, as a tree where it may be one."""

from __future__ import annotations

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.search.elements import in_order
from gateway.doors.fhir.terminology.brought import canonical_of
from gateway.doors.fhir.terminology.expansion import Expansion, supplements_of
from gateway.doors.fhir.terminology.library import Library
from gateway.doors.fhir.terminology.options import ECHOED, Given
from gateway.doors.fhir.terminology.own import OwnSystems
from gateway.doors.fhir.terminology.shelf import shelf_of

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
    titled = {**_held(library, value_set), **value_set}
    asked = {name: value for name, value in titled.items() if name not in dropped}
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


def _held(library: Library, value_set: Resource) -> Resource:
    """What is held of a value set that its URL alone made: its name, title and version; empty where nothing is."""
    includes = value_set.get("compose", {}).get("include", [])
    if "name" in value_set or len(includes) != 1 or not isinstance(library.own, OwnSystems):
        return {}
    url = includes[0].get("system", "")
    system = library.code_system(url, library.ruled(url, includes[0].get("version", "")))
    held = shelf_of(library.own).value_set(value_set.get("url", ""), system.version) if system else None
    return {name: value for name, value in (held or {}).items() if name not in ("compose", "copyright")}

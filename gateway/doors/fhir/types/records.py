"""Types that are made from cases: each search of them is a question to every registry."""

from __future__ import annotations

from gateway.doors.fhir.controls import DEFAULT_COUNT, MOST_COUNT
from gateway.doors.fhir.interactions.read import read
from gateway.doors.fhir.interactions.search import search
from gateway.doors.fhir.parameters import ID, ID_DEFINITION, SEARCHABLE, Parameter, Searchable
from gateway.doors.fhir.render import condition, patient
from gateway.doors.fhir.served import Declared, ServedType

PROFILES = {"Condition": condition.PROFILE, "Patient": patient.PROFILE}


def _served(kind: Searchable) -> ServedType:
    return ServedType(
        kind.name,
        read=read,
        search=search,
        profiles=(PROFILES[kind.name],),
        documentation=(
            f"Read only. _count is {DEFAULT_COUNT} unless given, at most {MOST_COUNT}; _summary takes count."
        ),
        parameters=(
            Declared(ID, "token", "Ids of this door.", ID_DEFINITION),
            *(_declared(parameter) for parameter in kind.parameters.values()),
        ),
    )


def _declared(parameter: Parameter) -> Declared:
    modifiers = ", ".join(f":{name}" for name in parameter.modifiers) or "none"
    words = f"{parameter.documentation} Modifiers: {modifiers}."
    return Declared(parameter.name, parameter.type, words, parameter.canonical)


SERVED: tuple[ServedType, ...] = tuple(_served(kind) for kind in SEARCHABLE.values())

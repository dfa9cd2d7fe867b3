"""Types that are made from cases: each search of them is a question to every registry."""

from __future__ import annotations

from gateway.doors.fhir.export.wanted import OFFERED
from gateway.doors.fhir.interactions.observations import read_observation, search_observations
from gateway.doors.fhir.interactions.read import read, vread_of
from gateway.doors.fhir.interactions.search import search
from gateway.doors.fhir.render import condition, observation, patient
from gateway.doors.fhir.search.controls import DEFAULT_COUNT, MOST_COUNT
from gateway.doors.fhir.search.parameters import SEARCHABLE, Parameter, Searchable
from gateway.doors.fhir.served import Declared, Interaction, Operation, ServedType

PROFILES = {
    "Condition": tuple(condition.profiles()),
    "Patient": tuple(patient.profiles()),
    "Observation": (observation.TORONTO, *(url for profiles in observation.PROFILES.values() for url in profiles)),
}
INTERACTIONS: dict[str, tuple[Interaction, Interaction]] = {
    "Condition": (read, search),
    "Patient": (read, search),
    "Observation": (read_observation, search_observations),
}


EXPORT_OF_PATIENTS = Operation(
    "export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/patient-export", documentation=OFFERED
)


def _served(kind: Searchable) -> ServedType:
    reads, searches = INTERACTIONS[kind.name]
    return ServedType(
        kind.name,
        read=reads,
        vread=vread_of(reads),
        search=searches,
        profiles=PROFILES[kind.name],
        documentation=_words(kind),
        parameters=tuple(_declared(parameter) for parameter in kind.parameters.values()),
        includes=kind.includes,
        reverse_includes=kind.reverse_includes,
        operations=(EXPORT_OF_PATIENTS,) if kind.name == "Patient" else (),
    )


def _words(kind: Searchable) -> str:
    words = [f"Read only. _count is {DEFAULT_COUNT} unless given, at most {MOST_COUNT}."]
    words.append("_sort takes _id, which is the stable order of pages.")
    if kind.orders:
        words.append(f"It takes one of {', '.join(kind.orders)} too, with a minus sign for the other way round.")
    if kind.reverse:
        words.append(
            f"One _has, of {', '.join(f'_has:{name}' for name in kind.reverse)}, with the modifiers of Condition."
        )
    return " ".join(words)


def _declared(parameter: Parameter) -> Declared:
    modifiers = ", ".join(f":{name}" for name in parameter.modifiers) or "none"
    words = f"{parameter.documentation} Modifiers: {modifiers}."
    return Declared(parameter.name, parameter.type, words, parameter.canonical)


SERVED: tuple[ServedType, ...] = tuple(_served(kind) for kind in SEARCHABLE.values())

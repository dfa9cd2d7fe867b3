"""Supplements of a code system that is not brought along: designations and properties laid over its concepts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.terminology.brought import DEEPEST, canonical_of, designation
from gateway.doors.fhir.terminology.model import CodeSystem, Concept, Designation
from gateway.errors import BadQuestion


def supplemented(system: CodeSystem, supplements: Sequence[Resource]) -> CodeSystem:
    """Code system with what its supplements say of its concepts, in any spelling of their codes.

    Raises
    ------
    BadQuestion
        Concepts that are nested too deep, or without a code.
    """
    said: dict[str, list[tuple[Resource, Resource]]] = {}
    for supplement in supplements:
        for element in _walk(supplement.get("concept", []), 0):
            concept = system.locate(element["code"])
            if concept is not None:
                said.setdefault(concept.code, []).append((supplement, element))

    def composed(code: str) -> Concept | None:
        found = system.composed(code)
        return found and _with(found, said.get(found.code, ()))

    laid = {code: _with(system.concepts[code], said[code]) for code in said if code in system.concepts}
    return replace(
        system,
        concepts={**system.concepts, **laid},
        composed=composed,
        properties=(*system.properties, *(item for each in supplements for item in each.get("property", []))),
        supplements=tuple(map(canonical_of, supplements)),
    )


def _with(concept: Concept, said: Sequence[tuple[Resource, Resource]]) -> Concept:
    designations, properties, extension = [*concept.designations], [*concept.properties], [*concept.extension]
    for supplement, element in said:
        source = canonical_of(supplement)
        designations += [designation(item, source) for item in element.get("designation", [])]
        if element.get("display"):
            language = supplement.get("language", "")
            designations.append(Designation(element["display"].strip(), language, display=True, source=source))
        properties += element.get("property", [])
        extension += element.get("extension", [])
    return replace(concept, designations=tuple(designations), properties=tuple(properties), extension=tuple(extension))


def _walk(elements: Sequence[Resource], depth: int) -> Iterator[Resource]:
    if depth > DEEPEST:
        raise BadQuestion("concepts are nested too deep", where="CodeSystem.concept", expected=f"{DEEPEST} levels")
    for element in elements:
        if not element.get("code"):
            raise BadQuestion("a concept has no code", where="CodeSystem.concept", expected="a code")
        yield element
        yield from _walk(element.get("concept", []), depth + 1)

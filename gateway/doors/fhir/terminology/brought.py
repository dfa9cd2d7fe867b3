"""Code systems that are brought along as FHIR resources (R4 codesystem.html), with their supplements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.terminology.model import CodeSystem, Concept, Designation, standards_status
from gateway.errors import BadQuestion

DEEPEST = 100


def code_system_of(resource: Resource, supplements: Sequence[Resource] = ()) -> CodeSystem:
    """Code system of a resource.

    Raises
    ------
    BadQuestion
        Concepts that are nested too deep, or without a code.
    """
    language = resource.get("language", "")
    concepts: dict[str, Concept] = {}
    for element, parent in _walk(resource.get("concept", []), "", 0):
        concept = _concept(element, parent, language)
        known = concepts.get(concept.code)
        concepts[concept.code] = _joined(known, concept) if known else concept
    for supplement in supplements:
        _supplement(concepts, supplement)
    return CodeSystem(
        url=resource.get("url", ""),
        version=resource.get("version", ""),
        concepts=concepts,
        name=resource.get("name", ""),
        title=resource.get("title", ""),
        content=resource.get("content", ""),
        language=language,
        status=resource.get("status", ""),
        standards_status=standards_status(resource.get("extension")),
        experimental=resource.get("experimental", False),
        case_sensitive=resource.get("caseSensitive", True),
        version_needed=resource.get("versionNeeded", False),
        value_set=resource.get("valueSet", ""),
        properties=(
            *resource.get("property", []),
            *(item for supplement in supplements for item in supplement.get("property", [])),
        ),
        supplements=tuple(map(canonical_of, supplements)),
    )


def canonical_of(resource: Resource) -> str:
    """URL and version of a resource."""
    url = str(resource.get("url", ""))
    return f"{url}|{resource['version']}" if resource.get("version") else url


def _walk(elements: Sequence[Resource], parent: str, depth: int) -> Iterator[tuple[Resource, str]]:
    if depth > DEEPEST:
        raise BadQuestion("concepts are nested too deep", where="CodeSystem.concept", expected=f"{DEEPEST} levels")
    for element in elements:
        if not element.get("code"):
            raise BadQuestion("a concept has no code", where="CodeSystem.concept", expected="a code")
        yield element, parent
        yield from _walk(element.get("concept", []), element["code"], depth + 1)


def _concept(element: Resource, parent: str, language: str) -> Concept:
    display = element.get("display", "")
    properties = tuple(element.get("property", []))
    named = [item.get("valueCode", "") for item in properties if item.get("code") == "parent"]
    return Concept(
        code=element["code"],
        display=display,
        definition=element.get("definition", ""),
        designations=(
            *((Designation(display.strip(), language, display=True),) if display else ()),
            *map(designation, element.get("designation", [])),
        ),
        properties=properties,
        extension=tuple(element.get("extension", [])),
        parents=tuple(code for code in (parent, *named) if code),
    )


def designation(element: Resource, source: str = "") -> Designation:
    """Designation of an element."""
    return Designation(
        str(element.get("value", "")).strip(),
        element.get("language", ""),
        element.get("use"),
        tuple(element.get("extension", [])),
        source=source,
    )


def _joined(known: Concept, again: Concept) -> Concept:
    """A concept that stands under two parents."""
    parents = tuple(dict.fromkeys((*known.parents, *again.parents)))
    return _with(known, parents=parents)


def _supplement(concepts: dict[str, Concept], supplement: Resource) -> None:
    source = canonical_of(supplement)
    language = supplement.get("language", "")
    for element, _ in _walk(supplement.get("concept", []), "", 0):
        known = concepts.get(element["code"])
        if known is None:
            continue
        own = [designation(item, source) for item in element.get("designation", [])]
        if element.get("display"):
            own.append(Designation(element["display"].strip(), language, display=True, source=source))
        concepts[known.code] = _with(
            known,
            designations=(*known.designations, *own),
            properties=(*known.properties, *element.get("property", [])),
            extension=(*known.extension, *element.get("extension", [])),
        )


def _with(
    concept: Concept,
    *,
    parents: tuple[str, ...] | None = None,
    designations: tuple[Designation, ...] | None = None,
    properties: tuple[Resource, ...] | None = None,
    extension: tuple[Resource, ...] | None = None,
) -> Concept:
    return Concept(
        concept.code,
        concept.display,
        concept.definition,
        concept.designations if designations is None else designations,
        concept.properties if properties is None else properties,
        concept.extension if extension is None else extension,
        concept.parents if parents is None else parents,
    )

"""A code system in memory, whoever provides it: concepts, hierarchy, properties, designations (R4 codesystem.html)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from gateway.doors.fhir.definitions import Resource, canonical_system

STANDARDS_STATUS = "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status"
CONCEPT_PROPERTIES = "http://hl7.org/fhir/concept-properties#"
NOT_SELECTABLE = frozenset({"abstract", "not-selectable", "notSelectable"})
RELATIVES = ("parent", "child")
"""Properties of any code system that has a hierarchy."""
PREFERRED_USE: Mapping[str, str] = {
    "system": "http://terminology.hl7.org/CodeSystem/hl7TermMaintInfra",
    "code": "preferredForLanguage",
}
INACTIVE_STATUS = frozenset({"inactive", "retired"})


@dataclass(frozen=True, slots=True)
class Designation:
    """A name of a concept.

    Attributes
    ----------
    display
        It is the concept's display, in the language of its code system.
    source
        Canonical of the supplement that has it; empty for the code system or value set itself.
    """

    value: str
    language: str = ""
    use: Resource | None = None
    extension: tuple[Resource, ...] = ()
    display: bool = False
    source: str = ""

    @property
    def active(self) -> bool:
        """Not withdrawn."""
        return not any(item.get("valueCode") == "withdrawn" for item in self.extension)

    def resource(self) -> Resource:
        """Designation as FHIR writes it."""
        element: Resource = {"extension": list(self.extension)} if self.extension else {}
        if self.language:
            element["language"] = self.language
        use = dict(PREFERRED_USE) if self.display else self.use
        if use:
            element["use"] = use
        return {**element, "value": self.value}


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept; `properties` and `extension` as FHIR writes them.

    Attributes
    ----------
    note
        What whoever uses the code is to know, in a sentence; empty for most.
    """

    code: str
    display: str = ""
    definition: str = ""
    designations: tuple[Designation, ...] = ()
    properties: tuple[Resource, ...] = ()
    extension: tuple[Resource, ...] = ()
    parents: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class CodeSystem:
    """A code system of one version.

    Attributes
    ----------
    content
        `complete`, `fragment`, ... (R4 CodeSystem.content).
    concepts
        By code, each parent before its children.
    spelling
        Another spelling, or an alternate code, to the concept's own code; None if it is none.
    composed
        Concept of a code that no list holds, such as one that is put together from codes of this system; None if it is
        none.
    supplements
        Canonicals of the supplements that were applied.
    unlisted
        Which of its codes `concepts` does not hold, in a sentence; empty where it holds all.
    """

    url: str
    version: str
    concepts: Mapping[str, Concept]
    name: str = ""
    title: str = ""
    content: str = "complete"
    language: str = ""
    status: str = "active"
    standards_status: str = ""
    experimental: bool = False
    case_sensitive: bool = True
    version_needed: bool = False
    value_set: str = ""
    properties: tuple[Resource, ...] = ()
    supplements: tuple[str, ...] = ()
    unlisted: str = ""
    spelling: Callable[[str], str | None] = field(default=lambda _: None)
    composed: Callable[[str], Concept | None] = field(default=lambda _: None)

    @property
    def canonical(self) -> str:
        """URL and version."""
        return f"{self.url}|{self.version}" if self.version else self.url

    @cached_property
    def key(self) -> str:
        """The one URL of a code system that has several."""
        return canonical_system(self.url)

    def locate(self, code: str) -> Concept | None:
        """Concept of a code in any spelling that this system takes."""
        found = self.concepts.get(code)
        if found is None and not self.case_sensitive:
            found = self._folded.get(code.casefold())
        if found is None and (other := self.spelling(code)) is not None:
            found = self.concepts.get(other) or self.composed(other)
        return found

    @cached_property
    def _folded(self) -> Mapping[str, Concept]:
        return {code.casefold(): concept for code, concept in self.concepts.items()}

    @cached_property
    def children(self) -> Mapping[str, tuple[str, ...]]:
        """Codes directly below a code; the roots under the empty code."""
        below: dict[str, list[str]] = {}
        for concept in self.concepts.values():
            for parent in [parent for parent in concept.parents if parent in self.concepts] or [""]:
                below.setdefault(parent, []).append(concept.code)
        return {parent: tuple(codes) for parent, codes in below.items()}

    @property
    def hierarchical(self) -> bool:
        """Some concept has a parent."""
        return len(self.children) > 1

    def descendants(self, code: str) -> Iterator[str]:
        """Codes below a code, each once, in order of the tree."""
        seen = {code}
        waiting = list(reversed(self.children.get(code, ())))
        while waiting:
            current = waiting.pop()
            if current not in seen:
                seen.add(current)
                yield current
                waiting.extend(reversed(self.children.get(current, ())))

    def ancestors(self, concept: Concept) -> Iterator[Concept]:
        """Concepts above one, each once, the nearest first."""
        waiting, seen = list(concept.parents), set(concept.parents)
        while waiting:
            code = waiting.pop(0)
            above = self.concepts.get(code) or self.composed(code)
            if above:
                yield above
                waiting += [parent for parent in above.parents if parent not in seen]
                seen.update(above.parents)

    def relatives(self, concept: Concept, name: str) -> tuple[str, ...]:
        """Codes directly above (`parent`) or below (`child`) a concept."""
        return concept.parents if name == "parent" else self.children.get(concept.code, ())

    def property_codes(self, name: str) -> frozenset[str]:
        """Codes of the properties that are the standard property of this name."""
        uri = CONCEPT_PROPERTIES + name
        return frozenset({name, *(item["code"] for item in self.properties if item.get("uri") == uri)})

    def abstract(self, concept: Concept) -> bool:
        """It groups others and is not to be chosen."""
        codes = NOT_SELECTABLE | self.property_codes("notSelectable")
        return any(item["code"] in codes and value_of(item) is True for item in concept.properties)

    def inactive(self, concept: Concept) -> bool:
        """It is no longer to be used."""
        for item in concept.properties:
            text = text_of(item)
            if item["code"] == "inactive" and text == "true":
                return True
            if item["code"] == "status" and text in INACTIVE_STATUS:
                return True
        return standards_status(concept.extension) == "withdrawn"

    def status_of(self, concept: Concept) -> str:
        """Its status in the words of the code system, empty where none is said."""
        codes = self.property_codes("status")
        for item in concept.properties:
            if item["code"] in codes:
                return text_of(item)
        for item in concept.properties:
            if item["code"] in ("deprecated", "inactive", "retired") and text_of(item) == "true":
                return str(item["code"])
        return standards_status(concept.extension)

    def values(self, concept: Concept, name: str) -> list[str]:
        """Values of a property, as text."""
        return [text_of(item) for item in concept.properties if item["code"] == name]


class Provider(Protocol):
    """Where code systems come from.

    Attributes
    ----------
    loaded_at
        Since when they are as they are, an instant.
    """

    loaded_at: str

    def versions(self, url: str) -> tuple[str, ...]:
        """Versions of a code system that can be had, the default one last."""

    def code_system(self, url: str, version: str) -> CodeSystem | None:
        """Code system of a version, or the default version for ''; None if it cannot be had."""

    def edition(self, url: str, version: str) -> str:
        """The version that one of its parts alone stands for (`3`), else the version as it is."""

    def edition_with(self, url: str, codes: Sequence[str]) -> str:
        """Newest version that has all of these codes; '' if none has, or if versions are not to be mixed."""


def value_of(element: Resource) -> object:
    """Value of an element with value[x]; None where it has none."""
    return next((value for key, value in element.items() if key.startswith("value")), None)


def text_of(element: Resource) -> str:
    """The same as text; a Coding by its code."""
    value = value_of(element)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return str(value.get("code", ""))
    return "" if value is None else str(value)


def extension_value(extensions: object, url: str) -> object:
    """Value of the first extension with a URL."""
    if not isinstance(extensions, list | tuple):
        return None
    return next((value_of(item) for item in extensions if item.get("url") == url), None)


def standards_status(extensions: object) -> str:
    """Value of the extension standards-status."""
    return str(extension_value(extensions, STANDARDS_STATUS) or "")

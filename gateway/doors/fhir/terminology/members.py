"""One code of an expansion as FHIR writes it: display, designations, properties (R4 ValueSet.expansion.contains)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.terminology import names
from gateway.doors.fhir.terminology.brought import designation
from gateway.doors.fhir.terminology.model import (
    CONCEPT_PROPERTIES,
    RELATIVES,
    CodeSystem,
    Concept,
    Designation,
    extension_value,
)
from gateway.doors.fhir.terminology.options import Options
from gateway.errors import BadQuestion

EXTENSION = "http://hl7.org/fhir/StructureDefinition/"
R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.expansion."
OF_CONCEPT = frozenset(
    EXTENSION + name for name in ("coding-sctdescid", "rendering-style", "rendering-xhtml", "codesystem-alternate")
)
OF_MEMBER = frozenset(
    EXTENSION + name
    for name in (
        "valueset-deprecated",
        "valueset-concept-definition",
        "coding-sctdescid",
        "rendering-style",
        "rendering-xhtml",
        "structuredefinition-standards-status",
    )
)
OF_DESIGNATION = frozenset(
    EXTENSION + name
    for name in ("coding-sctdescid", "rendering-style", "rendering-xhtml", "structuredefinition-standards-status")
)
EXTENSION_PROPERTIES: Mapping[str, tuple[str, str, str]] = {
    f"{EXTENSION}codesystem-label": ("label", "label", "valueString"),
    f"{EXTENSION}valueset-label": ("label", "label", "valueString"),
    f"{EXTENSION}codesystem-conceptOrder": ("order", "order", "valueDecimal"),
    f"{EXTENSION}valueset-conceptOrder": ("order", "order", "valueDecimal"),
    f"{EXTENSION}itemWeight": ("weight", "itemWeight", "valueDecimal"),
}


ORDER = ("extension", "system", "abstract", "inactive", "version", "code", "display", "designation")
"""Elements of ValueSet.expansion.contains as XML needs them."""
WORD = re.compile(r"[^\W_]+")
LONGEST_FILTER = 1000
MOST_WORDS = 64
"""Signs and different words of a filter."""
SHORTEST_WITHIN = 4
"""Signs of the shortest word of a filter that is looked for within words."""


@dataclass
class Member:
    """A code of an expansion, and its place in the tree.

    Attributes
    ----------
    written
        Writes its element, with the version of its code system or without; only what is shown is written.
    versioned
        The value set that has it names several versions of a code system.
    rank
        Place among what a filter finds; those of one rank stand in the order of the value set.
    """

    system: CodeSystem
    code: str
    written: Callable[[bool], Resource]
    rank: int = 0
    versioned: bool = False
    children: list[Member] = field(default_factory=list)


class MemberWriter:
    """Writes the members of one value set; `properties` are the URIs of those that were written, by code."""

    def __init__(self, options: Options, language: str) -> None:
        self.options, self.language = options, language
        self.properties: dict[str, str] = {}

    def designations(self, concept: Concept, member: Resource) -> list[Designation]:
        """Names of a concept, those of the value set among them."""
        own = [designation(item) for item in member.get("designation", [])]
        if member.get("display"):
            named = Designation(str(member["display"]).strip(), self.language, display=True)
            return [named, *(name for name in concept.designations if not name.display or name.language), *own]
        return [*concept.designations, *own]

    def element(
        self,
        system: CodeSystem,
        concept: Concept,
        member: Resource,
        all_names: Sequence[Designation],
        inactive: bool,
        versioned: bool,
    ) -> Resource:
        """Element ValueSet.expansion.contains."""
        element: Resource = {"system": system.url}
        if versioned and system.version:
            element["version"] = system.version
        element["code"] = concept.code
        if system.abstract(concept):
            element["abstract"] = True
        if inactive:
            element["inactive"] = True
        extension = [item for item in concept.extension if item.get("url") in OF_CONCEPT]
        extension += [item for item in member.get("extension", []) if item.get("url") in OF_MEMBER]
        if extension:
            element["extension"] = extension
        shown = names.preferred(all_names, self.options.languages)
        if shown:
            element["display"] = shown.value
        if self.options.include_designations:
            others = [_known(name).resource() for name in all_names if name is not shown and self._wanted(name)]
            if others:
                element["designation"] = others
        found = self._properties(system, concept, member)
        properties = list({(item["code"], _several(item)): item for item in found}.values())
        if properties:
            element.setdefault("extension", []).extend(map(_contains_property, properties))
        return {name: element[name] for name in ORDER if name in element}

    def _wanted(self, name: Designation) -> bool:
        if not self.options.designations:
            return True
        use = f"{(name.use or {}).get('system', '')}|{(name.use or {}).get('code', '')}"
        return bool({use, f"urn:ietf:bcp:47|{name.language}"} & set(self.options.designations))

    def _properties(self, system: CodeSystem, concept: Concept, member: Resource) -> Iterator[Resource]:
        status = system.status_of(concept)
        if status and status != "active":
            yield self._property("status", "status", {"valueCode": status})
        for extensions in (concept.extension, member.get("extension", ())):
            for url, (code, name, kind) in EXTENSION_PROPERTIES.items():
                value = extension_value(extensions, url)
                if value is not None:
                    yield self._property(code, name, {kind: value})
        for wanted in self.options.properties:
            if wanted in RELATIVES:
                for code in system.relatives(concept, wanted):
                    yield self._property(wanted, wanted, {"valueCode": code})
            if wanted == "definition" and concept.definition:
                yield self._property("definition", "definition", {"valueString": concept.definition})
            for item in concept.properties:
                if item["code"] == wanted and wanted not in ("definition", "status", *RELATIVES):
                    uri = next((p.get("uri", "") for p in system.properties if p.get("code") == wanted), "")
                    self.properties[wanted] = uri
                    yield {"code": wanted, **{key: value for key, value in item.items() if key.startswith("value")}}

    def _property(self, code: str, name: str, value: Resource) -> Resource:
        self.properties[code] = CONCEPT_PROPERTIES + name
        return {"code": code, **value}


def _several(item: Resource) -> object:
    """What tells the values of a property apart that has several."""
    return item["valueCode"] if item["code"] in RELATIVES else None


def _known(name: Designation) -> Designation:
    """A designation without the extensions that mean nothing here."""
    return replace(name, extension=tuple(item for item in name.extension if item.get("url") in OF_DESIGNATION))


class Wanted:
    """The text of a filter (R4 leaves to the server what it finds).

    Each word of it begins or, from four signs on, is within a word of one name of the concept, or begins its code
    written without marks: `IVa` finds IV(a). The whole may also be the code in any spelling that the code system
    takes: SEER's `041` finds IV(a).
    """

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        if len(self.text) > LONGEST_FILTER:
            raise BadQuestion("this filter is too long", where="filter", expected=f"at most {LONGEST_FILTER} signs")
        pieces = dict.fromkeys(_folded(self.text).split())
        self._words = [(piece, _bare(piece), _words(piece)) for piece in pieces]
        if sum(max(1, len(parts)) for _, _, parts in self._words) > MOST_WORDS:
            raise BadQuestion("this filter has too many words", where="filter", expected=f"at most {MOST_WORDS} words")
        self._located: dict[int, str] = {}

    def rank(self, system: CodeSystem, concept: Concept, designations: Sequence[Designation]) -> int | None:
        """Place among what is found of a concept with these names, None if it is not; 0 if nothing is looked for.

        0 is the code itself, 1 where each word begins one, 2 where one is within another.
        """
        if not self._words or self._code(system) == concept.code:
            return 0
        code, bare = _folded(concept.code), _bare(_folded(concept.code))
        left = [
            (piece, words)
            for piece, plain, words in self._words
            if not (bare.startswith(plain) if plain else piece in code)
        ]
        names = [_folded(name.value) for name in designations] if left else []
        if not left or any(_begin(left, name) for name in names):
            return 1
        return 2 if any(_within(left, name) for name in names) else None

    def _code(self, system: CodeSystem) -> str:
        """Code that the whole text is a spelling of, '' if it is none."""
        if id(system) not in self._located:
            concept = system.locate(self.text)
            self._located[id(system)] = concept.code if concept else ""
        return self._located[id(system)]


def _begin(pieces: Sequence[tuple[str, Sequence[str]]], name: str) -> bool:
    """Whether each piece begins words of a name; one of marks alone is to stand in it."""
    known = _words(name)
    return all(
        all(any(word.startswith(part) for word in known) for part in parts) if parts else piece in name
        for piece, parts in pieces
    )


def _within(pieces: Sequence[tuple[str, Sequence[str]]], name: str) -> bool:
    """Whether each piece stands in a name; what is too short to say much begins a word of it."""
    if not all(part in name for piece, parts in pieces for part in parts or (piece,)):
        return False
    short = [(part, [part]) for _, parts in pieces for part in parts if len(part) < SHORTEST_WITHIN]
    return not short or _begin(short, name)


def _folded(text: str) -> str:
    """Text without accents and the case of letters."""
    if text.isascii():
        return text.casefold()
    plain = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in plain if not unicodedata.combining(sign)).casefold()


def _words(text: str) -> list[str]:
    return WORD.findall(text)


def _bare(text: str) -> str:
    """Text without marks and blanks."""
    return "".join(_words(text))


def flat(member: Member, mixed: Collection[str]) -> Resource:
    """A member alone; `mixed` are the code systems of which the expansion has several versions."""
    return member.written(member.versioned or member.system.key in mixed)


def nested(member: Member, mixed: Collection[str]) -> Resource:
    """A member with those below it."""
    element = flat(member, mixed)
    if not member.children:
        return element
    return {**element, "contains": [nested(child, mixed) for child in member.children]}


def _contains_property(item: Resource) -> Resource:
    value = {key: entry for key, entry in item.items() if key.startswith("value")}
    parts = [{"url": "code", "valueCode": item["code"]}, {"url": "value", **value}]
    return {"url": f"{R5}contains.property", "extension": parts}


def expansion_property(item: tuple[str, str]) -> Resource:
    """Property of an expansion, the R5 element as an extension."""
    code, uri = item
    parts: list[Resource] = [{"url": "code", "valueCode": code}]
    if uri:
        parts.append({"url": "uri", "valueUri": uri})
    return {"url": f"{R5}property", "extension": parts}

"""ValueSet $expand (R4 valueset-operation-expand.html): the codes of a value set, as a tree where it may be one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.terminology import names
from gateway.doors.fhir.terminology.brought import canonical_of, designation
from gateway.doors.fhir.terminology.filters import selected
from gateway.doors.fhir.terminology.issues import Refused, issue
from gateway.doors.fhir.terminology.library import Library, unknown_system
from gateway.doors.fhir.terminology.model import (
    CONCEPT_PROPERTIES,
    STANDARDS_STATUS,
    CodeSystem,
    Concept,
    Designation,
    extension_value,
    standards_status,
)
from gateway.doors.fhir.terminology.options import ECHOED, Given, Options
from gateway.doors.fhir.terminology.versions import order

MOST_CODES = 10_000
EXTENSION = "http://hl7.org/fhir/StructureDefinition/"
R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.expansion."
UNCLOSED = f"{EXTENSION}valueset-unclosed"
SUPPLEMENT = f"{EXTENSION}valueset-supplement"
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
EXTENSION_PROPERTIES: Mapping[str, tuple[str, str, str]] = {
    f"{EXTENSION}codesystem-label": ("label", "label", "valueString"),
    f"{EXTENSION}valueset-label": ("label", "label", "valueString"),
    f"{EXTENSION}codesystem-conceptOrder": ("order", "order", "valueDecimal"),
    f"{EXTENSION}valueset-conceptOrder": ("order", "order", "valueDecimal"),
    f"{EXTENSION}itemWeight": ("weight", "itemWeight", "valueDecimal"),
}

Key = tuple[str, str, str]


@dataclass
class Member:
    """A code of an expansion, and its place in the tree."""

    system: CodeSystem
    code: str
    element: Resource
    children: list[Member] = field(default_factory=list)


def expand(library: Library, value_set: Resource, given: Given) -> Resource:
    """Value set with its expansion.

    Raises
    ------
    Refused
        A code system, value set or supplement that cannot be had; a filter that cannot be read; too many codes.
    """
    options = library.options
    dropped = set(DROPPED) - ({"compose"} if options.include_definition else set())
    kept = {name: value for name, value in value_set.items() if name not in dropped}
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


def supplements_of(value_set: Resource) -> set[str]:
    """Supplements that a value set needs."""
    found = (item for item in value_set.get("extension", []) if item.get("url") == SUPPLEMENT)
    return {str(value) for item in found for key, value in item.items() if key.startswith("value")}


class Expansion:
    """One value set as it is being expanded."""

    def __init__(self, library: Library, value_set: Resource, path: tuple[str, ...] = ()) -> None:
        self.library = library
        self.options: Options = library.options
        self.value_set = value_set
        self.path = (*path, canonical_of(value_set))
        self.members: dict[Key, Member] = {}
        self.pairs: set[tuple[str, str]] = set()
        self.roots: list[Member] = []
        self.tree = not self.options.exclude_nested
        self.total_known = True
        self.parameters: list[Resource] = []
        self.properties: dict[str, str] = {}
        self.extension: list[Resource] = []
        self._versioned = False
        self._any_version = False

    def note(self, name: str, value: object, kind: str = "valueUri") -> None:
        """Add a parameter of the expansion, once."""
        entry = {"name": name, kind: value}
        if entry not in self.parameters:
            self.parameters.append(entry)

    def echo(self, given: Given) -> None:
        """The parameters that the expansion repeats."""
        options = self.options
        if options.filter:
            self.note("filter", options.filter, "valueString")
        if options.display_language:
            self.note("displayLanguage", options.display_language, "valueCode")
        for value in options.designations:
            self.note("designation", value, "valueString")
        if options.versions_match:
            self.note("versionsMatch", True, "valueBoolean")
        for name in ("offset", "count"):
            if given.first(name) is not None:
                self.note(name, given.number(name), "valueInteger")

    def note_status(self, resource: Resource, canonical: str) -> None:
        """Warn of a resource that is withdrawn, deprecated, retired, experimental or a draft."""
        own, source = standards_status(resource.get("extension")), self.value_set
        source_own = standards_status(source.get("extension"))
        if own in ("deprecated", "withdrawn"):
            if resource is source or source_own != own:
                self.note(f"warning-{own}", canonical)
        elif resource is source:
            return
        elif resource.get("status") == "retired":
            if source.get("status") != "retired":
                self.note("warning-retired", canonical)
        elif resource.get("experimental"):
            if not source.get("experimental"):
                self.note("warning-experimental", canonical)
        elif "draft" in (resource.get("status"), own) and "draft" not in (source.get("status"), source_own):
            self.note("warning-draft", canonical)

    def compose(self) -> None:
        """Read the definition: what is excluded, then what is included."""
        if self.path.count(self.path[-1]) > 1 and self.path[-1]:
            raise Refused(
                issue(
                    "error",
                    "processing",
                    "vs-invalid",
                    "VALUESET_CIRCULAR_REFERENCE",
                    "",
                    self.path[-1],
                    ", ".join(self.path),
                )
            )
        self.library.step(self.path)
        compose = self.value_set.get("compose", {})
        includes, excludes = compose.get("include", []), compose.get("exclude", [])
        versions: dict[str, set[str]] = {}
        for part in (*includes, *excludes):
            if part.get("system"):
                versions.setdefault(part["system"], set()).add(part.get("version", ""))
        self._versioned = any(len(found) > 1 for found in versions.values())
        skip_inactive = compose.get("inactive") is False
        self._any_version = self._versioned and _apart(includes, excludes)
        if self._any_version and not self.options.versions_match:
            self.note("versionsMatch", True, "valueBoolean")
        excluded = {
            key
            for number, part in enumerate(excludes)
            for key in self._keys(part, f"ValueSet.compose.exclude[{number}]")
        }
        numbered = sorted(
            enumerate(includes),
            key=lambda pair: order(pair[1].get("version", "")) if self._versioned else (),
            reverse=True,
        )
        for number, part in numbered if self._versioned else list(enumerate(includes)):
            self._include(part, f"ValueSet.compose.include[{number}]", excluded, skip_inactive)

    def _key(self, system: CodeSystem, code: str) -> Key:
        version = system.version if self._versioned and not self.options.versions_match else ""
        return (system.url, version, code)

    def _system(self, part: Resource) -> CodeSystem:
        url, version = part["system"], self.library.ruled(part["system"], part.get("version", ""))
        found = self.library.code_system(url, version)
        if found is None:
            raise Refused(unknown_system(self.library, url, version, "", expanding=True))
        broken = self.library.broken_rule(found)
        if broken:
            raise Refused(broken)
        for name in sorted(supplements_of(part)):
            self.library.required.add(name)
        self.note_status(_status(found), found.canonical)
        self.note("used-codesystem", found.canonical)
        for name in found.supplements:
            self.note("used-supplement", name)
        if found.content != "complete":
            self.note(f"used-{found.content}", found.canonical)
            reason = f"This extension is based on a fragment of the code system {found.url}"
            self._extend({"url": UNCLOSED, "valueBoolean": True})
            self._extend({"url": f"{UNCLOSED}-reason", "valueString": reason})
        return found

    def _extend(self, extension: Resource) -> None:
        if extension not in self.extension:
            self.extension.append(extension)

    def _imports(self, part: Resource) -> list[Expansion]:
        found = []
        for canonical in part.get("valueSet", []):
            pinned = self.library.pinned(canonical)
            value_set = self.library.value_set(pinned, self.value_set)
            if value_set is None:
                url, _, version = pinned.partition("|")
                message = "VS_EXP_IMPORT_UNK_PINNED" if version else "VS_EXP_IMPORT_UNK"
                raise Refused(issue("error", "not-found", "not-found", message, "", url, version))
            nested = Expansion(self.library, value_set, self.path)
            nested.compose()
            self.note_status(value_set, canonical_of(value_set))
            if not pinned.startswith("#"):
                self.note("used-valueset", canonical_of(value_set))
            for entry in nested.parameters:
                if entry not in self.parameters:
                    self.parameters.append(entry)
            self.properties |= nested.properties
            found.append(nested)
        return found

    def _keys(self, part: Resource, expression: str) -> set[Key]:
        """Codes that an exclude names."""
        imports = self._imports(part)
        if not part.get("system"):
            sets = [{(url, "", code) for url, _, code in nested.members} for nested in imports]
            return set.intersection(*sets) if sets else set()
        system = self._system(part)
        codes = self._codes(system, part, expression)
        keys = (self._key(system, code) for code in codes if _in_all(imports, system, code))
        return {(url, "", code) if self._any_version else (url, version, code) for url, version, code in keys}

    def _codes(self, system: CodeSystem, part: Resource, expression: str) -> list[str]:
        if "concept" in part:
            found = (system.locate(item.get("code", "")) for item in part["concept"])
            return [concept.code for concept in found if concept]
        if not part.get("filter"):
            return list(system.concepts)
        sets = [
            selected(system, item, canonical_of(self.value_set), f"{expression}.filter[{number}]")
            for number, item in enumerate(part["filter"])
        ]
        return [code for code in sets[0] if all(code in others for others in sets[1:])]

    def _include(self, part: Resource, expression: str, excluded: set[Key], skip_inactive: bool) -> None:
        imports = self._imports(part)
        if imports or "concept" in part or len(part.get("filter", [])) > 1:
            self.tree = False
        if not part.get("system"):
            for first in imports[:1]:
                for (url, _, code), member in first.members.items():
                    key = self._key(member.system, code)
                    if {key, (url, "", code)} & excluded or not _in_all(imports[1:], member.system, code):
                        continue
                    if key not in self.members:
                        self._add(key, Member(member.system, code, member.element), None)
            return
        system = self._system(part)
        listed = {item["code"]: item for item in part.get("concept", []) if item.get("code")}
        if self.options.filter and not listed and not part.get("filter"):
            self.total_known = False
        codes = list(listed) if listed else self._codes(system, part, expression)
        for code in codes:
            concept = system.locate(code)
            if concept is None or not _in_all(imports, system, concept.code):
                continue
            key = self._key(system, concept.code)
            if {key, (system.url, "", concept.code)} & excluded or key in self.members:
                self.tree = self.tree and key not in self.members
                continue
            inactive = system.inactive(concept)
            if inactive and (skip_inactive or self.options.active_only):
                continue
            if self.options.exclude_not_for_ui and system.abstract(concept):
                continue
            member = listed.get(code, {})
            designations = self._designations(concept, member)
            if not _found(self.options.filter, concept, designations):
                continue
            element = self._element(system, concept, member, designations, inactive)
            self._add(key, Member(system, concept.code, element), self._parent(system, concept))

    def _parent(self, system: CodeSystem, concept: Concept) -> Member | None:
        """Nearest ancestor that is in the expansion."""
        waiting, seen = list(concept.parents), set(concept.parents)
        while waiting:
            code = waiting.pop(0)
            found = self.members.get(self._key(system, code))
            if found:
                return found
            above = (
                [parent for parent in system.concepts[code].parents if parent not in seen]
                if code in system.concepts
                else []
            )
            seen.update(above)
            waiting.extend(above)
        return None

    def _add(self, key: Key, member: Member, parent: Member | None) -> None:
        if len(self.members) >= MOST_CODES:
            raise Refused(
                issue("error", "too-costly", "too-costly", "VALUESET_TOO_COSTLY", "", self.path[0], f">{MOST_CODES}")
            )
        self.members[key] = member
        self.pairs.add((key[0], key[2]))
        (parent.children if parent else self.roots).append(member)

    def _designations(self, concept: Concept, member: Resource) -> list[Designation]:
        own = [designation(item) for item in member.get("designation", [])]
        if member.get("display"):
            language = str(self.value_set.get("language", ""))
            named = Designation(str(member["display"]).strip(), language, display=True)
            return [named, *(name for name in concept.designations if not name.display or name.language), *own]
        return [*concept.designations, *own]

    def _element(
        self, system: CodeSystem, concept: Concept, member: Resource, all_names: Sequence[Designation], inactive: bool
    ) -> Resource:
        element: Resource = {"system": system.url}
        if self._versioned and system.version:
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
            others = [name.resource() for name in all_names if name is not shown and self._wanted(name)]
            if others:
                element["designation"] = others
        properties = list({item["code"]: item for item in self._properties(system, concept, member)}.values())
        if properties:
            element.setdefault("extension", []).extend(map(_contains_property, properties))
        return element

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
            if wanted == "definition" and concept.definition:
                yield self._property("definition", "definition", {"valueString": concept.definition})
            for item in concept.properties:
                if item["code"] == wanted and wanted not in ("definition", "status"):
                    uri = next((p.get("uri", "") for p in system.properties if p.get("code") == wanted), "")
                    self.properties[wanted] = uri
                    yield {"code": wanted, **{key: value for key, value in item.items() if key.startswith("value")}}

    def _property(self, code: str, name: str, value: Resource) -> Resource:
        self.properties[code] = CONCEPT_PROPERTIES + name
        return {"code": code, **value}

    def resource(self) -> Resource:
        """Element ValueSet.expansion."""
        options, members = self.options, list(self.members.values())
        element: Resource = {
            "identifier": f"urn:uuid:{uuid4()}",
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        extension = [*self.extension, *map(_expansion_property, self.properties.items())]
        if extension:
            element = {"extension": extension, **element}
        if self.total_known:
            element["total"] = len(members)
        offset = options.offset or 0
        if options.offset is not None:
            element["offset"] = offset
        for name, canonical in self.library.applied_rules:
            if canonical != canonical_of(self.value_set):
                self.note(name, canonical)
        if self.parameters:
            element["parameter"] = self.parameters
        whole = offset == 0 and (options.count is None or options.count >= len(members))
        if self.tree and whole and self.total_known:
            contains = [_nested(member) for member in self.roots]
        else:
            last = None if options.count is None else offset + options.count
            contains = [member.element for member in members[offset:last]]
        if contains:
            element["contains"] = contains
        return element


def _apart(includes: Sequence[Resource], excludes: Sequence[Resource]) -> bool:
    """Whether the excludes name only versions that are not included: they would be without effect."""
    included = {(part.get("system"), part.get("version")) for part in includes}
    excluded = {(part.get("system"), part.get("version")) for part in excludes}
    stated = all(version for _, version in included | excluded)
    return bool(excluded) and stated and not included & excluded and len({url for url, _ in included | excluded}) == 1


def _in_all(imports: Sequence[Expansion], system: CodeSystem, code: str) -> bool:
    return all((system.url, code) in nested.pairs for nested in imports)


def _status(system: CodeSystem) -> Resource:
    found: Resource = {"status": system.status, "experimental": system.experimental}
    if system.standards_status:
        found["extension"] = [{"url": STANDARDS_STATUS, "valueCode": system.standards_status}]
    return found


def _found(words: str, concept: Concept, designations: Sequence[Designation]) -> bool:
    """Whether each word that is looked for begins a word of one name, or is in the code."""
    wanted = words.casefold().split()
    if not wanted:
        return True
    texts = [concept.code, *(name.value for name in designations)]
    return any(all(word in text.casefold() for word in wanted) for text in texts)


def _nested(member: Member) -> Resource:
    if not member.children:
        return member.element
    return {**member.element, "contains": [_nested(child) for child in member.children]}


def _contains_property(item: Resource) -> Resource:
    value = {key: entry for key, entry in item.items() if key.startswith("value")}
    parts = [{"url": "code", "valueCode": item["code"]}, {"url": "value", **value}]
    return {"url": f"{R5}contains.property", "extension": parts}


def _expansion_property(item: tuple[str, str]) -> Resource:
    code, uri = item
    parts: list[Resource] = [{"url": "code", "valueCode": code}]
    if uri:
        parts.append({"url": "uri", "valueUri": uri})
    return {"url": f"{R5}property", "extension": parts}

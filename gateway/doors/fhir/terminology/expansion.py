"""The codes of a value set definition: what is excluded, then what is included (R4 ValueSet.compose)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from operator import attrgetter
from uuid import NAMESPACE_URL, uuid5

import orjson

from gateway.doors.fhir.definitions import Resource, canonical_system
from gateway.doors.fhir.terminology.brought import canonical_of
from gateway.doors.fhir.terminology.filters import is_open, selected
from gateway.doors.fhir.terminology.issues import Refused, issue
from gateway.doors.fhir.terminology.library import Library, unknown_system
from gateway.doors.fhir.terminology.members import (
    EXTENSION,
    Member,
    MemberWriter,
    Wanted,
    expansion_property,
    flat,
    nested,
)
from gateway.doors.fhir.terminology.model import STANDARDS_STATUS, CodeSystem, Concept, standards_status
from gateway.doors.fhir.terminology.options import Given, Options
from gateway.doors.fhir.terminology.versions import order

MOST_CODES = 10_000
MOST_PAGED = 250_000
"""Codes of an expansion that is asked for as a whole, and page by page."""
UNCLOSED = f"{EXTENSION}valueset-unclosed"
SUPPLEMENT = f"{EXTENSION}valueset-supplement"

Key = tuple[str, str, str]
"""Code system by the one URL that we write, its version, and the code."""
Edition = tuple[str, str]


class Expansion:
    """One value set as it is being expanded."""

    def __init__(self, library: Library, value_set: Resource, path: tuple[str, ...] = ()) -> None:
        self.library = library
        self.options: Options = library.options
        self.value_set = value_set
        self.path = (*path, canonical_of(value_set))
        self.members: dict[Key, Member] = {}
        self.included: set[Edition] = set()
        self.roots: list[Member] = []
        self.wanted = Wanted(self.options.filter)
        self.tree = not (self.options.exclude_nested or self.wanted.text)
        self.parameters: list[Resource] = []
        self.writer = MemberWriter(library.options, str(value_set.get("language", "")))
        self.extension: list[Resource] = []
        self._versioned = False

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
        for canonical in options.excluded:
            self.note("exclude-system", canonical)
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
                versions.setdefault(canonical_system(part["system"]), set()).add(part.get("version", ""))
        self._versioned = any(len(found) > 1 for found in versions.values())
        skip_inactive = compose.get("inactive") is False
        if self._versioned and _apart(includes, excludes) and not self.options.versions_match:
            self.note("versionsMatch", True, "valueBoolean")
        opened = [(number, part, self._imports(part)) for number, part in enumerate(includes)]
        for _, part, imports in opened:
            self.included |= self._editions(part, imports)
        excluded = {
            self._reaching(key)
            for number, part in enumerate(excludes)
            for key in self._keys(part, f"ValueSet.compose.exclude[{number}]")
        }
        if self._versioned:
            opened.sort(key=lambda item: order(item[1].get("version", "")), reverse=True)
        for number, part, imports in opened:
            self._include(part, imports, f"ValueSet.compose.include[{number}]", excluded, skip_inactive)

    def _key(self, system: CodeSystem, code: str) -> Key:
        return (system.key, "" if self.options.versions_match else system.version, code)

    def _editions(self, part: Resource, imports: Sequence[Expansion]) -> set[Edition]:
        """Versions of code systems that an include means."""
        if not part.get("system"):
            return {edition for each in imports for edition in each.included}
        system = self.library.code_system(part["system"], self.library.ruled(part["system"], part.get("version", "")))
        return {(system.key, system.version)} if system else set()

    def _reaching(self, key: Key) -> Key:
        """Key of an exclude, without its version if that is not included at all: it then means every version."""
        url, version, code = key
        return key if (url, version) in self.included else (url, "", code)

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
            self._unclosed(f"This extension is based on a fragment of the code system {found.url}")
        return found

    def _unclosed(self, reason: str) -> None:
        self._extend({"url": UNCLOSED, "valueBoolean": True})
        self._extend({"url": f"{UNCLOSED}-reason", "valueString": reason})

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
            imported = Expansion(self.library, value_set, self.path)
            imported.compose()
            self.note_status(value_set, canonical_of(value_set))
            if not pinned.startswith("#"):
                self.note("used-valueset", canonical_of(value_set))
            for entry in imported.parameters:
                if entry not in self.parameters:
                    self.parameters.append(entry)
            imported.writer.properties = self.writer.properties
            found.append(imported)
        return found

    def _keys(self, part: Resource, expression: str) -> set[Key]:
        """Codes that an exclude names."""
        imports = self._imports(part)
        if not part.get("system"):
            sets = [set(each.members) for each in imports]
            return set.intersection(*sets) if sets else set()
        system = self._system(part)
        keys = (
            self._key(each, code) for each in self._meant(system, part) for code in self._codes(each, part, expression)
        )
        return {key for key in keys if _in_all(imports, key)}

    def _meant(self, system: CodeSystem, part: Resource) -> list[CodeSystem]:
        """Versions of a code system that an exclude means: without one, all that are included."""
        if self.library.ruled(part["system"], part.get("version", "")):
            return [system]
        included = sorted(version for url, version in self.included if url == system.key)
        found = (self.library.code_system(system.url, version) for version in included)
        return [each for each in found if each is not None] or [system]

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

    def _include(
        self,
        part: Resource,
        imports: Sequence[Expansion],
        expression: str,
        excluded: set[Key],
        skip_inactive: bool,
    ) -> None:
        if imports or "concept" in part or len(part.get("filter", [])) > 1:
            self.tree = False
        open_imports = all(each.extension for each in imports)
        if not part.get("system"):
            for extension in (item for each in imports if open_imports for item in each.extension):
                self._extend(extension)
            for first in imports[:1]:
                for key, member in first.members.items():
                    if _is_excluded(key, excluded) or key in self.members or not _in_all(imports[1:], key):
                        continue
                    self._add(key, replace(member, children=[]), None)
            return
        system = self._system(part)
        if self.options.excludes(system.url, system.version):
            return
        if open_imports and is_open(system, part):
            self._unclosed(system.unlisted)
        listed = {item["code"]: item for item in part.get("concept", []) if item.get("code")}
        codes = list(listed) if listed else self._codes(system, part, expression)
        for code in codes:
            concept = system.locate(code)
            if concept is None:
                continue
            key = self._key(system, concept.code)
            if not _in_all(imports, key):
                continue
            if _is_excluded(key, excluded) or key in self.members:
                self.tree = self.tree and key not in self.members
                continue
            inactive = system.inactive(concept)
            if inactive and (skip_inactive or self.options.active_only):
                continue
            if self.options.exclude_not_for_ui and system.abstract(concept):
                continue
            member = listed.get(code, {})
            if member and concept.code != code:
                self.note("normalized-code", concept.code, "valueCode")
            designations = self.writer.designations(concept, member)
            rank = self.wanted.rank(system, concept, designations)
            if rank is None:
                continue
            written = partial(self.writer.element, system, concept, member, designations, inactive)
            found = Member(system, concept.code, written, rank, self._versioned)
            self._add(key, found, self._parent(system, concept))

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
        paged = self.options.count is not None and self.options.count <= MOST_CODES
        if len(self.members) >= (MOST_PAGED if paged else MOST_CODES):
            raise Refused(
                issue("error", "too-costly", "too-costly", "VALUESET_TOO_COSTLY", "", self.path[0], f">{MOST_CODES}")
            )
        self.members[key] = member
        (parent.children if parent else self.roots).append(member)

    def resource(self) -> Resource:
        """Element ValueSet.expansion."""
        options, members = self.options, list(self.members.values())
        editions = Counter(url for url, _ in {(member.system.key, member.system.version) for member in members})
        mixed = {url for url, number in editions.items() if number > 1}
        if self.wanted.text:
            members.sort(key=attrgetter("rank"))
        offset = options.offset or 0
        whole = offset == 0 and (options.count is None or options.count >= len(members))
        if self.tree and whole:
            contains = [nested(member, mixed) for member in self.roots]
        else:
            last = None if options.count is None else offset + options.count
            contains = [flat(member, mixed) for member in members[offset:last]]
        element: Resource = {"timestamp": self.library.own.loaded_at, "total": len(members)}
        extension = [*self.extension, *map(expansion_property, self.writer.properties.items())]
        if options.offset is not None:
            element["offset"] = offset
        for name, canonical in self.library.applied_rules:
            if canonical != canonical_of(self.value_set):
                self.note(name, canonical)
        if self.parameters:
            element["parameter"] = self.parameters
        if contains:
            element["contains"] = contains
        # The same expansion has the same name in every process, so that its bytes and tag are the same too.
        said = orjson.dumps([canonical_of(self.value_set), element])
        named = {"identifier": f"urn:uuid:{uuid5(NAMESPACE_URL, hashlib.sha256(said).hexdigest())}"}
        return {**({"extension": extension} if extension else {}), **named, **element}


def _apart(includes: Sequence[Resource], excludes: Sequence[Resource]) -> bool:
    """Whether the excludes name only versions that are not included: they would be without effect."""
    included = {(canonical_system(part.get("system", "")), part.get("version")) for part in includes}
    excluded = {(canonical_system(part.get("system", "")), part.get("version")) for part in excludes}
    stated = all(version for _, version in included | excluded)
    return bool(excluded) and stated and not included & excluded and len({url for url, _ in included | excluded}) == 1


def _in_all(imports: Sequence[Expansion], key: Key) -> bool:
    return all(key in each.members for each in imports)


def _is_excluded(key: Key, excluded: set[Key]) -> bool:
    return key in excluded or (key[0], "", key[2]) in excluded


def _status(system: CodeSystem) -> Resource:
    found: Resource = {"status": system.status, "experimental": system.experimental}
    if system.standards_status:
        found["extension"] = [{"url": STANDARDS_STATUS, "valueCode": system.standards_status}]
    return found


def supplements_of(value_set: Resource) -> set[str]:
    """Supplements that a value set needs."""
    found = (item for item in value_set.get("extension", []) if item.get("url") == SUPPLEMENT)
    return {str(value) for item in found for key, value in item.items() if key.startswith("value")}

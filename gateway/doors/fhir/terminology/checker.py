"""Whether a coding is in a value set: includes, excludes and imports, one after the other."""

from __future__ import annotations

from dataclasses import replace

from gateway.doors.fhir.definitions import Resource, canonical_system
from gateway.doors.fhir.terminology.brought import canonical_of, designation
from gateway.doors.fhir.terminology.coding_versions import fits, pick, version_of
from gateway.doors.fhir.terminology.concept_check import ConceptCheck
from gateway.doors.fhir.terminology.expansion import Expansion, supplements_of
from gateway.doors.fhir.terminology.filters import selected
from gateway.doors.fhir.terminology.findings import Findings, Hit, at
from gateway.doors.fhir.terminology.issues import Refused, issue
from gateway.doors.fhir.terminology.library import Library, unknown_system
from gateway.doors.fhir.terminology.model import CodeSystem, Concept, Designation
from gateway.doors.fhir.terminology.statuses import facts_of, status_issue
from gateway.doors.fhir.terminology.versions import order


class Checker:
    """One value set, ready to be asked for codes."""

    def __init__(self, library: Library, value_set: Resource, found: Findings, path: tuple[str, ...] = ()) -> None:
        self.library = library
        self.options = library.options
        self.value_set = value_set
        self.found = found
        self.canonical = canonical_of(value_set) or "(unidentified)"
        self.path = (*path, self.canonical)
        self.others: dict[str, Checker] = {}
        compose = value_set.get("compose", {})
        self.includes: list[Resource] = compose.get("include", [])
        self.excludes: list[Resource] = compose.get("exclude", [])
        skip_inactive = compose.get("inactive") is False
        self.concepts = ConceptCheck(found, library.options, self.canonical, skip_inactive=skip_inactive)

    def prepare(self) -> None:
        """Find what the value set refers to.

        Raises
        ------
        Refused
            A value set or supplement that cannot be had, a filter without value, a circle.
        """
        if self.value_set.get("url") and self.path.count(self.canonical) > 1:
            words = ", ".join(self.path)
            raise Refused(
                issue("error", "processing", "vs-invalid", "VALUESET_CIRCULAR_REFERENCE", "", self.canonical, words)
            )
        self.library.step(self.path)
        for kind, parts in (("include", self.includes), ("exclude", self.excludes)):
            for number, part in enumerate(parts):
                self._prepare(part, f"ValueSet.compose.{kind}[{number}]")

    def _prepare(self, part: Resource, expression: str) -> None:
        for canonical in part.get("valueSet", []):
            pinned = self.library.pinned(canonical)
            if pinned in self.others:
                continue
            other = self.library.value_set(pinned, self.value_set)
            if other is None:
                raise Refused(
                    issue("error", "not-found", "not-found", "Unable_to_resolve_value_Set_", "", pinned),
                    unanswerable=False,
                )
            checker = Checker(self.library, other, self.found, self.path)
            checker.prepare()
            self.others[pinned] = checker
        if part.get("system"):
            version = self.library.ruled(part["system"], part.get("version", ""))
            system = self.library.code_system(part["system"], version)
            for number, item in enumerate(part.get("filter", []) if system else []):
                if not item.get("value") and system:
                    selected(system, item, self.canonical, f"{expression}.filter[{number}]")

    def check(self, path: str, coding: Resource, hit: Hit) -> bool | None:
        """Whether a coding is in the value set; None if its code system is not known."""
        self.library.step(self.path)
        system, version, code = coding.get("system", ""), coding.get("version", ""), str(coding.get("code", ""))
        if not system and not self.options.infer_system:
            self.found.add(issue("warning", "invalid", "invalid-data", "Coding_has_no_system__cannot_validate", path))
            return False
        if not system:
            system = self._infer(code)
            if not system:
                return False
            self.found.implied_system = system
        self.library.check_supplements()
        picked = pick(self.library, self.includes, system, version, code, str(coding.get("display", "")))
        result: bool | None = False
        for part in self._ordered():
            result = self._in_part(part, path, {**coding, "system": system, "code": code}, hit, picked)
            if result is None:
                return None
            if result:
                break
        if result and any(self._excluded(part, path, coding, system, code) for part in self.excludes):
            return False
        return result

    def _ordered(self) -> list[Resource]:
        return (
            sorted(self.includes, key=lambda part: order(part.get("version", "")), reverse=True)
            if len({part.get("version", "") for part in self.includes}) > 1
            else self.includes
        )

    def _in_part(self, part: Resource, path: str, coding: Resource, hit: Hit, picked: str) -> bool | None:
        result = True
        if part.get("system"):
            own = part.get("version", "")
            used = canonical_system(part["system"]) == canonical_system(coding["system"]) and (
                not picked or own == picked
            )
            if not used or not fits(self.includes, own, coding.get("version", "")):
                return False
            version = version_of(self.library, self.found, path, part["system"], own, coding.get("version", ""))
            system = self.library.code_system(part["system"], version)
            if system is None:
                if self.options.membership_only:
                    return False
                self._unknown(path, part["system"], version)
                return None
            self._check_rule(system, path)
            self._status(system.url, system.canonical, "CodeSystem", facts_of(system))
            for name in supplements_of(part):
                self.library.required.add(name)
            self.library.check_supplements()
            result = self._in_system(system, part, path, coding["code"], hit)
            if result:
                hit.version = system.version
        for canonical in part.get("valueSet", []):
            other = self.others[self.library.pinned(canonical)]
            self._status(other.canonical, other.canonical, "ValueSet", other.value_set)
            if result:
                inner = other.check(path, coding, hit)
                if inner is None:
                    return None
                result = inner
        return result

    def _unknown(self, path: str, system: str, version: str) -> None:
        place = at(path, "system")
        found = unknown_system(self.library, system, version, place)
        if not version:
            found = issue("error", "not-found", "not-found", "UNKNOWN_CODESYSTEM_INCLUDED", place, system)
        known = self.library.versions(system)
        if self.found.see_unknown(f"{system}|{version}" if version and known else system):
            self.found.add(found)
        self.found.say(found.text)

    def _check_rule(self, system: CodeSystem, path: str) -> None:
        broken = self.library.broken_rule(system)
        if broken:
            self.found.add(replace(broken, expression=at(path, "version")))

    def _infer(self, code: str) -> str:
        """Code system of a code, from the value set alone."""
        expansion = Expansion(self.library, self.value_set)
        expansion.compose()
        systems = sorted({system for system, _, own in expansion.members if own == code})
        if len(systems) == 1:
            return systems[0]
        message = "UNABLE_TO_INFER_CODESYSTEM"
        values = [code, self.canonical, ", ".join(sorted({part.get("system", "") for part in self.includes}))]
        if systems:
            message, values = (
                "Unable_to_resolve_system__value_set_has_multiple_matches",
                [*values[:2], ", ".join(systems)],
            )
        self.found.add(issue("error", "not-found", "cannot-infer", message, "code", *values))
        return ""

    def _excluded(self, part: Resource, path: str, coding: Resource, url: str, code: str) -> bool:
        excluded = True
        if part.get("system"):
            if canonical_system(part["system"]) != canonical_system(url):
                return False
            version = self.library.ruled(url, part.get("version", ""))
            system = self.library.code_system(url, version)
            if system is None:
                raise Refused(unknown_system(self.library, url, version, at(path, "system")))
            excluded = code in self._members(system, part)
        for canonical in part.get("valueSet", []):
            other = self.others[self.library.pinned(canonical)]
            self._status(other.canonical, other.canonical, "ValueSet", other.value_set)
            quiet = Checker(self.library, other.value_set, Findings(), self.path)
            quiet.others = other.others
            excluded = excluded and quiet.check(path, {**coding, "system": url}, Hit()) is True
        return excluded

    def _members(self, system: CodeSystem, part: Resource) -> set[str]:
        if "concept" in part:
            return {str(item.get("code")) for item in part["concept"]}
        if not part.get("filter"):
            return set(system.concepts)
        sets = [set(selected(system, item, self.canonical, "ValueSet.compose")) for item in part["filter"]]
        return set.intersection(*sets)

    def _in_system(self, system: CodeSystem, part: Resource, path: str, code: str, hit: Hit) -> bool:
        concept = system.locate(code)
        whole = "concept" not in part and not part.get("filter")
        if concept is None:
            if whole and not self.options.membership_only:
                return self.concepts.missing(system, path, code)
            return False
        member = next((item for item in part.get("concept", []) if item.get("code") == concept.code), None)
        if not whole and concept.code not in self._members(system, part) and not _is_below(system, part, concept):
            return False
        if concept.code != code:
            self.concepts.other_form(system, concept, path, code)
        if concept.note:
            self.concepts.noted(concept, path)
        hit.names = [*concept.designations, *_own_names(member, self.value_set)]
        return self.concepts.usable(system, concept, path, code, member, whole)

    def _status(self, url: str, canonical: str, kind: str, resource: Resource) -> None:
        found = status_issue(resource, canonical, kind, None if url == self.canonical else self.value_set)
        if found:
            self.found.add(found, message=False)


def _is_below(system: CodeSystem, part: Resource, concept: Concept) -> bool:
    """Whether a composed code (9500/3-C74.9), which no list holds, is below the codes of every filter."""
    filters = part.get("filter", [])
    if concept.code in system.concepts or not filters or any(item.get("op") != "is-a" for item in filters):
        return False
    above = {each.code for each in system.ancestors(concept)}
    roots = [system.locate(str(item.get("value", ""))) for item in filters]
    return all(root is not None and root.code in above for root in roots)


def _own_names(member: Resource | None, value_set: Resource) -> list[Designation]:
    if member is None:
        return []
    found = [designation(item) for item in member.get("designation", [])]
    if member.get("display"):
        named = Designation(str(member["display"]).strip(), str(value_set.get("language", "")), display=True)
        return [named, *found]
    return found

"""Whether a coding is in a value set: includes, excludes and imports, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

from gateway.doors.fhir.definitions import Resource, canonical_system
from gateway.doors.fhir.terminology.brought import canonical_of, designation
from gateway.doors.fhir.terminology.coding_versions import fits, pick, version_of
from gateway.doors.fhir.terminology.concept_check import ConceptCheck
from gateway.doors.fhir.terminology.expansion import supplements_of
from gateway.doors.fhir.terminology.filters import passes, selected
from gateway.doors.fhir.terminology.findings import Findings, Hit, at
from gateway.doors.fhir.terminology.issues import Refused, issue
from gateway.doors.fhir.terminology.library import Library, unknown_system
from gateway.doors.fhir.terminology.model import CodeSystem, Concept, Designation
from gateway.doors.fhir.terminology.statuses import facts_of, status_issue
from gateway.doors.fhir.terminology.versions import latest, order


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
        self.skip_inactive = compose.get("inactive") is False

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

    def check(self, path: str, coding: Resource, hit: Hit, found: Findings | None = None) -> bool | None:
        """Whether a coding is in the value set; None if its code system is not known.

        Parameters
        ----------
        found
            Where to say what is found, other than for the value set as a whole.
        """
        found = self.found if found is None else found
        self.library.step(self.path)
        system, version, code = coding.get("system", ""), coding.get("version", ""), str(coding.get("code", ""))
        if not system and not self.options.infer_system:
            found.add(issue("warning", "invalid", "invalid-data", "Coding_has_no_system__cannot_validate", path))
            return False
        if not system:
            system = self._infer(code, found)
            if not system:
                return False
            found.implied_system = system
        self.library.check_supplements()
        if version:
            version = self.library.own.edition(system, version)
        picked = pick(self.library, self.includes, system, version, code, str(coding.get("display", "")))
        coding = {**coding, "system": system, "code": code, **({"version": version} if version else {})}
        result = self._in_parts(path, coding, hit, picked, found)
        if result and any(self._excluded(part, path, coding, hit) for part in self.excludes):
            return False
        return result

    def _in_parts(self, path: str, coding: Resource, hit: Hit, picked: str, found: Findings) -> bool | None:
        """Whether some include has a coding; the issues of the others count only where none has it without an error."""
        parts = self._ordered()
        if len(parts) == 1:
            return self._in_part(parts[0], path, coding, hit, picked, found)
        tried: list[tuple[bool | None, Findings, Hit]] = []
        for part in parts:
            branch, own = Findings(), Hit()
            result = self._in_part(part, path, coding, own, picked, branch)
            if result and not branch.erroneous:
                tried = [(result, branch, own)]
                break
            tried.append((result, branch, own))
            if result is None:
                break
        for result, branch, own in tried:
            found.take(branch)
            hit.take(own)
            if result is not False:
                return result
        return False

    def _ordered(self) -> list[Resource]:
        return (
            sorted(self.includes, key=lambda part: order(part.get("version", "")), reverse=True)
            if len({part.get("version", "") for part in self.includes}) > 1
            else self.includes
        )

    def _in_part(
        self, part: Resource, path: str, coding: Resource, hit: Hit, picked: str, found: Findings
    ) -> bool | None:
        result = True
        if part.get("system"):
            own = part.get("version", "")
            used = canonical_system(part["system"]) == canonical_system(coding["system"]) and (
                not picked or own == picked
            )
            if not used or not fits(self.includes, own, coding.get("version", "")):
                return False
            version = version_of(self.library, found, path, part["system"], own, coding.get("version", ""))
            system = self.library.code_system(part["system"], version)
            if system is None:
                if self.options.membership_only:
                    return False
                self._unknown(path, part["system"], version, found)
                return None
            self._check_rule(system, path, found)
            self._status(system.url, system.canonical, "CodeSystem", facts_of(system), found)
            for name in supplements_of(part):
                self.library.required.add(name)
            self.library.check_supplements()
            result = self._in_system(system, part, path, coding["code"], hit, found)
            if result:
                hit.version = system.version
        for canonical in part.get("valueSet", []):
            other = self.others[self.library.pinned(canonical)]
            self._status(other.canonical, other.canonical, "ValueSet", other.value_set, found)
            if result:
                asked = {**coding, "version": hit.version} if hit.version else coding
                inner = other.check(path, asked, hit, found)
                if inner is None:
                    return None
                result = inner
        return result

    def _unknown(self, path: str, system: str, version: str, found: Findings) -> None:
        place = at(path, "system")
        unknown = unknown_system(self.library, system, version, place)
        if not version:
            unknown = issue("error", "not-found", "not-found", "UNKNOWN_CODESYSTEM_INCLUDED", place, system)
        known = self.library.versions(system)
        if found.see_unknown(f"{system}|{version}" if version and known else system):
            found.add(unknown)
        found.say(unknown.text)

    def _check_rule(self, system: CodeSystem, path: str, found: Findings) -> None:
        broken = self.library.broken_rule(system)
        if broken:
            found.add(replace(broken, expression=at(path, "version")))

    def _opened(self) -> Iterator[CodeSystem]:
        """Code systems that the includes name, those of imports among them."""
        for part in self.includes:
            if part.get("system"):
                url, version = part["system"], self.library.ruled(part["system"], part.get("version", ""))
                system = self.library.code_system(url, version)
                if system is None:
                    raise Refused(unknown_system(self.library, url, version, "", expanding=True))
                yield system
            else:
                for canonical in part.get("valueSet", []):
                    yield from self.others[self.library.pinned(canonical)]._opened()

    def _infer(self, code: str, found: Findings) -> str:
        """Code system of a code in any spelling, from the value set alone."""
        having = {system.key: system for system in self._opened() if system.locate(code) is not None}
        systems = sorted(
            system.url
            for system in having.values()
            if self.check("", {"system": system.url, "code": code}, Hit(), Findings())
        )
        if len(systems) == 1:
            return systems[0]
        message = "UNABLE_TO_INFER_CODESYSTEM"
        values = [code, self.canonical, ", ".join(sorted({part.get("system", "") for part in self.includes}))]
        if systems:
            message, values = (
                "Unable_to_resolve_system__value_set_has_multiple_matches",
                [*values[:2], ", ".join(systems)],
            )
        found.add(issue("error", "not-found", "cannot-infer", message, "code", *values))
        return ""

    def edition_of(self, url: str) -> str:
        """Version in which the value set has a code system, where that is not the one of a code without version."""
        known = {version for key, version in self.included if key == canonical_system(url)}
        default = self.library.code_system(url, self.library.ruled(url, "")) if known else None
        return "" if default is None or default.version in known else latest(known)

    @cached_property
    def included(self) -> frozenset[tuple[str, str]]:
        """Code systems and their versions that the includes mean."""
        found: set[tuple[str, str]] = set()
        for part in self.includes:
            if part.get("system"):
                version = self.library.ruled(part["system"], part.get("version", ""))
                system = self.library.code_system(part["system"], version)
                found |= {(system.key, system.version)} if system else set()
            else:
                for canonical in part.get("valueSet", []):
                    found |= self.others[self.library.pinned(canonical)].included
        return frozenset(found)

    def _excluded(self, part: Resource, path: str, coding: Resource, hit: Hit) -> bool:
        """Whether an exclude takes a coding out; one that names a version which is not included means every version."""
        url = coding["system"]
        if part.get("system") and canonical_system(part["system"]) != canonical_system(url):
            return False
        for canonical in part.get("valueSet", []):
            other = self.others[self.library.pinned(canonical)]
            self._status(other.canonical, other.canonical, "ValueSet", other.value_set, self.found)
        versions = dict.fromkeys((hit.version, *self._beside(part, path, url, hit)))
        return any(self._takes_out(part, path, coding, version) for version in versions)

    def _beside(self, part: Resource, path: str, url: str, hit: Hit) -> set[str]:
        """Versions that an exclude names and that are not included."""
        key = canonical_system(url)
        if part.get("system"):
            named = {self._edition(part, path, url, hit.version).version}
        else:
            others = (self.others[self.library.pinned(canonical)] for canonical in part.get("valueSet", []))
            named = {version for other in others for each, version in other.included if each == key}
        return {version for version in named if self.options.versions_match or (key, version) not in self.included}

    def _edition(self, part: Resource, path: str, url: str, default: str) -> CodeSystem:
        """Code system of an exclude."""
        version = self.library.ruled(url, part.get("version", "")) or default
        system = self.library.code_system(url, version)
        if system is None:
            raise Refused(unknown_system(self.library, url, version, at(path, "system")))
        return system

    def _takes_out(self, part: Resource, path: str, coding: Resource, version: str) -> bool:
        """Whether an exclude has a coding in a version."""
        if part.get("system"):
            system = self._edition(part, path, coding["system"], version)
            concept = system.locate(coding["code"])
            if (version and system.version != version) or concept is None:
                return False
            if not self._is_named(system, part, concept, self._member(system, part, concept)):
                return False
        asked = {**coding, "version": version} if version else coding
        for canonical in part.get("valueSet", []):
            inner, findings = Hit(), Findings()
            if self.others[self.library.pinned(canonical)].check(path, asked, inner, findings) is not True:
                return False
            if findings.erroneous or (version and inner.version != version):
                return False
        return True

    def _member(self, system: CodeSystem, part: Resource, concept: Concept) -> Resource | None:
        """What a part says of a concept that it lists, be it in another spelling."""
        items: list[Resource] = part.get("concept", [])
        for item in items:
            if item.get("code") == concept.code:
                return item
        for item in items:
            code = str(item.get("code", ""))
            if code not in system.concepts and (held := system.locate(code)) and held.code == concept.code:
                return item
        return None

    def _is_named(self, system: CodeSystem, part: Resource, concept: Concept, member: Resource | None) -> bool:
        """Whether the concepts or filters of a part have a concept."""
        if "concept" in part:
            return member is not None
        filters = part.get("filter", [])
        return all(passes(system, item, concept, self.canonical, "ValueSet.compose") for item in filters)

    def _in_system(self, system: CodeSystem, part: Resource, path: str, code: str, hit: Hit, found: Findings) -> bool:
        concept = system.locate(code)
        whole = "concept" not in part and not part.get("filter")
        check = ConceptCheck(found, self.options, self.canonical, skip_inactive=self.skip_inactive)
        if concept is None:
            if whole and not self.options.membership_only:
                return check.missing(system, path, code)
            return False
        member = self._member(system, part, concept)
        if not self._is_named(system, part, concept, member):
            return False
        if concept.code != code:
            check.other_form(system, concept, path, code)
        if concept.note:
            check.noted(concept, path)
        hit.names = [*concept.designations, *_own_names(member, self.value_set)]
        return check.usable(system, concept, path, code, member, whole)

    def _status(self, url: str, canonical: str, kind: str, resource: Resource, found: Findings) -> None:
        status = status_issue(resource, canonical, kind, None if url == self.canonical else self.value_set)
        if status:
            found.add(status, message=False)


def _own_names(member: Resource | None, value_set: Resource) -> list[Designation]:
    if member is None:
        return []
    found = [designation(item) for item in member.get("designation", [])]
    if member.get("display"):
        named = Designation(str(member["display"]).strip(), str(value_set.get("language", "")), display=True)
        return [named, *found]
    return found

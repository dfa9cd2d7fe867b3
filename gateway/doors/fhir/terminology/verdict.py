"""The codings of one request against one value set, and the Parameters that say how they did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.terminology import names
from gateway.doors.fhir.terminology.checker import Checker
from gateway.doors.fhir.terminology.displays import check_display
from gateway.doors.fhir.terminology.findings import Asked, Hit, at
from gateway.doors.fhir.terminology.issues import issue
from gateway.doors.fhir.terminology.library import unknown_system
from gateway.doors.fhir.terminology.model import Designation
from gateway.doors.fhir.terminology.statuses import facts_of, status_issue, unknown_code
from gateway.doors.fhir.wire.outcome import outcome


class Verdict:
    """The codings of one request against one value set."""

    def __init__(self, checker: Checker, asked: Asked, of_code_system: bool) -> None:
        self.checker, self.asked, self.of_code_system = checker, asked, of_code_system
        self.found, self.library, self.options = checker.found, checker.library, checker.options
        self.ok: bool | None = False
        self.first: Resource = {}
        self.good: Resource | None = None
        self.version = ""
        self.good_version = ""
        self.display = ""

    def parameters(self) -> Resource:
        """Parameters of the answer."""
        words = []
        for number, coding in enumerate(self.asked.codings):
            words.append(self._coding(number, coding))
        if self.ok is False and not self.of_code_system:
            self._not_in_value_set(words)
        elif self.ok is False and not self.found.issues:
            self.found.say(f"{', '.join(words)} is of another code system than {self.checker.canonical}")
        return self._render()

    def _coding(self, number: int, coding: Resource) -> str:
        path = self.asked.path(number)
        hit = Hit()
        verdict = self.checker.check(path, coding, hit)
        system = coding.get("system") or self.found.implied_system
        if not self.first or verdict:
            self.first = coding
            self.version = coding.get("version", "")
        if not self.version and hit.version:
            self.version = hit.version
        version = f"|{coding['version']}" if coding.get("version") else ""
        word = f"{system}{version}#{coding.get('code', '')}"
        word = f"'{word} ('{coding['display']}')'" if coding.get("display") else f"'{word}'"
        if verdict is False and not self.of_code_system and self.asked.mode == "codeableConcept":
            self.found.add(
                issue(
                    "information",
                    "code-invalid",
                    "this-code-not-in-vs",
                    "None_of_the_provided_codes_are_in_the_value_set_one",
                    f"CodeableConcept.coding[{number}].code",
                    self.checker.canonical,
                    word,
                ),
                message=False,
            )
        if self.ok is not True and verdict is not False:
            self.ok = verdict
        if verdict:
            self._accepted(coding, hit, path)
        elif not self.options.membership_only and system:
            self._explain(coding, system, path)
        return word

    def _accepted(self, coding: Resource, hit: Hit, path: str) -> None:
        if coding.get("display") and hit.names:
            check_display(self.found, self.options, coding, hit.names, path)
        if self.good is None:
            self.good = coding
            self.good_version = hit.version
            self._show(hit.names)

    def _show(self, all_names: Sequence[Designation]) -> None:
        shown = names.preferred(all_names, self.options.languages) or names.preferred(all_names, None)
        if shown:
            self.display = shown.value

    def _explain(self, coding: Resource, url: str, path: str) -> None:
        """Say more of a coding that is not in the value set: its code system, its code, its display."""
        if ":" not in url:
            self.found.add(
                issue("error", "invalid", "invalid-data", "Terminology_TX_System_Relative", at(path, "system"))
            )
        version = coding.get("version") or self.checker.edition_of(url)
        system = self.library.code_system(url, self.library.ruled(url, version))
        if system is None:
            self._explain_system(url, version, path)
            return
        broken = self.library.broken_rule(system)
        if broken:
            self.found.add(replace(broken, expression=at(path, "version")))
        status = status_issue(facts_of(system), system.canonical, "CodeSystem", self.checker.value_set)
        if status:
            self.found.add(status, message=False)
        code = str(coding.get("code", ""))
        concept = system.locate(code)
        if concept is None:
            if system.content == "complete":
                self.found.add(unknown_code(system, code, at(path, "code")))
            return
        if self.good is None:
            self._show(concept.designations)
        if coding.get("display") and concept.designations:
            check_display(self.found, self.options, coding, concept.designations, path)
        if system.version and self.asked.mode != "codeableConcept" and not self.version:
            self.version = system.version

    def _explain_system(self, url: str, version: str, path: str) -> None:
        place = at(path, "system")
        if self.library.value_set(url):
            self.found.add(issue("error", "invalid", "invalid-data", "Terminology_TX_System_ValueSet2", place, url))
        elif self.library.is_supplement(url):
            self.found.add(issue("error", "invalid", "invalid-data", "CODESYSTEM_CS_NO_SUPPLEMENT", place, url))
        else:
            found = unknown_system(self.library, url, version, place)
            known = self.library.versions(url)
            if self.found.see_unknown(f"{url}|{version}" if version and known else url):
                self.found.add(found)

    def _not_in_value_set(self, words: list[str]) -> None:
        if self.asked.mode == "codeableConcept":
            found = issue(
                "error", "code-invalid", "not-in-vs", "TX_GENERAL_CC_ERROR_MESSAGE", "", self.checker.canonical
            )
        else:
            found = issue(
                "error",
                "code-invalid",
                "not-in-vs",
                "None_of_the_provided_codes_are_in_the_value_set_one",
                at(self.asked.path(0), "code"),
                self.checker.canonical,
                ", ".join(words),
            )
        self.found.add(found)

    def _render(self) -> Resource:
        single = self.asked.mode != "codeableConcept"
        coding = self.good or (self.first if single else {})
        self._note_status(str(self.first.get("code", "")))
        errors = any(item.severity == "error" for item in self.found.issues)
        entries: list[tuple[str, str, object]] = [
            ("result", "valueBoolean", self.ok is True and not errors),
            ("system", "valueUri", coding.get("system") or (self.found.implied_system if self.ok else "")),
            ("code", "valueCode", coding.get("code")),
            ("version", "valueString", (self.good_version or self.version) if self.good or single else ""),
            ("display", "valueString", self.display if self.good or single else ""),
            ("normalized-code", "valueCode", self.found.normal_form),
        ]
        unknown = "x-unknown-system" if self.ok is False else "x-caused-by-unknown-system"
        entries += [(unknown, "valueCanonical", name) for name in self.found.unknown]
        if self.found.inactive_at is not None:
            entries.append(("inactive", "valueBoolean", True))
            if self.found.status not in ("", "inactive"):
                entries.append(("status", "valueCode", self.found.status))
        elif self.found.status.casefold() == "deprecated":
            entries.append(("status", "valueCode", "deprecated"))
        for item in self.found.issues:
            if item.severity == "error":
                self.found.say(item.text)
        entries.append(("message", "valueString", "; ".join(sorted(self.found.messages))))
        if self.asked.concept is not None:
            entries.append(("codeableConcept", "valueCodeableConcept", self.asked.concept))
        parameters: list[Resource] = [
            {"name": name, kind: value} for name, kind, value in entries if value not in ("", None)
        ]
        if self.found.issues:
            resource = outcome([item.resource() for item in self.found.issues])
            parameters.append({"name": "issues", "resource": resource})
        return {"resourceType": "Parameters", "parameter": parameters}

    def _note_status(self, code: str) -> None:
        found, status = self.found, self.found.status
        if found.inactive_at is not None:
            words = f"{status} and inactive" if status not in ("", "inactive") else "inactive"
            found.add(
                issue(
                    "warning",
                    "business-rule",
                    "code-comment",
                    "INACTIVE_CONCEPT_FOUND",
                    found.inactive_at,
                    words,
                    code,
                )
            )
        elif status.casefold() == "deprecated":
            place = "code" if self.asked.mode == "code" else self.asked.path(0).partition(".")[0]
            found.add(
                issue("warning", "business-rule", "code-comment", "DEPRECATED_CONCEPT_FOUND", place, status, code)
            )

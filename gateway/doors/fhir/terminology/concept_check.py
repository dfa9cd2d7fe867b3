"""Whether a concept may be used: unknown, written otherwise, abstract, inactive, deprecated in the value set."""

from __future__ import annotations

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.terminology.findings import Findings, at
from gateway.doors.fhir.terminology.issues import issue
from gateway.doors.fhir.terminology.model import CodeSystem, Concept, extension_value, standards_status
from gateway.doors.fhir.terminology.options import Options
from gateway.doors.fhir.terminology.statuses import OUTDATED, unknown_code

DEPRECATED = "http://hl7.org/fhir/StructureDefinition/valueset-deprecated"


class ConceptCheck:
    """What may be said of the concepts of one value set."""

    def __init__(self, found: Findings, options: Options, canonical: str, *, skip_inactive: bool) -> None:
        self.found, self.options, self.canonical = found, options, canonical
        self.skip_inactive = skip_inactive

    def missing(self, system: CodeSystem, path: str, code: str) -> bool:
        """Say that a code system has no such code; whether it may have it all the same, as a fragment."""
        place = at(path, "code")
        if system.content != "complete":
            values = (code, system.url, system.version)
            self.found.add(
                issue("warning", "code-invalid", "invalid-code", "UNKNOWN_CODE_IN_FRAGMENT", place, *values),
                message=False,
            )
            return True
        self.found.add(unknown_code(system, code, place))
        return False

    def other_form(self, system: CodeSystem, concept: Concept, path: str, code: str) -> None:
        """Say that a code is written otherwise."""
        same = concept.code.casefold() == code.casefold()
        message = "CODE_CASE_DIFFERENCE" if same else "CODE_SPELLING"
        self.found.add(
            issue(
                "information",
                "business-rule",
                "code-rule",
                message,
                at(path, "code"),
                code,
                concept.code,
                system.canonical,
            ),
            message=False,
        )
        self.found.normal_form = concept.code

    def noted(self, concept: Concept, path: str) -> None:
        """Say what is to be known of a code."""
        text = issue("information", "business-rule", "code-comment", "CODE_NOTE", at(path, "code"), concept.note)
        self.found.add(text, message=False)

    def usable(
        self, system: CodeSystem, concept: Concept, path: str, code: str, member: Resource | None, whole: bool
    ) -> bool:
        """Whether a concept of the value set may be used: not abstract or inactive where that is not wanted."""
        found, place = self.found, at(path, "code")
        if not self.options.abstract and system.abstract(concept):
            if not self.options.membership_only:
                found.add(
                    issue(
                        "error",
                        "business-rule",
                        "code-rule",
                        "ABSTRACT_CODE_NOT_ALLOWED",
                        place,
                        system.url,
                        code,
                    )
                )
            return False
        inactive = system.inactive(concept)
        if inactive and (self.skip_inactive or self.options.active_only):
            if whole or self.options.active_only:
                found.add(issue("error", "business-rule", "code-rule", "STATUS_CODE_WARNING_CODE", place, code))
            if not self.options.membership_only:
                found.inactive_at, found.status = path, system.status_of(concept)
            return False
        if member is not None:
            self._outdated_member(system, code, member, place)
        if inactive:
            found.inactive_at = path
        found.status = system.status_of(concept)
        return True

    def _outdated_member(self, system: CodeSystem, code: str, member: Resource, place: str) -> None:
        own = standards_status(member.get("extension"))
        if own not in OUTDATED:
            own = "deprecated" if extension_value(member.get("extension"), DEPRECATED) is not None else ""
        if own:
            values = (system.url, code, own, self.canonical)
            self.found.add(
                issue("warning", "business-rule", "code-comment", "CONCEPT_DEPRECATED_IN_VALUESET", place, *values),
                message=False,
            )

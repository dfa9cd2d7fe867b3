"""What is to be validated, and what was found so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.terminology.issues import Issue
from gateway.doors.fhir.terminology.model import Designation


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be validated: codings, and the way they were given (`code`, `coding`, `codeableConcept`)."""

    mode: str
    codings: tuple[Resource, ...]
    concept: Resource | None = None

    def path(self, number: int) -> str:
        """Where a coding stands in what was given."""
        return {"code": "", "coding": "Coding"}.get(self.mode, f"CodeableConcept.coding[{number}]")


@dataclass
class Findings:
    """What was found so far; issues and messages each once."""

    issues: list[Issue] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    inactive_at: str | None = None
    status: str = ""
    normal_form: str = ""
    implied_system: str = ""

    def add(self, found: Issue, *, message: bool = True) -> bool:
        """Add an issue; whether it is new."""
        new = found not in self.issues
        if new:
            self.issues.append(found)
        if message:
            self.say(found.text)
        return new

    def say(self, text: str) -> None:
        """Add to the message."""
        if text not in self.messages:
            self.messages.append(text)

    @property
    def erroneous(self) -> bool:
        """Some issue is an error."""
        return any(item.severity == "error" for item in self.issues)

    def take(self, other: Findings) -> None:
        """Add what was found apart."""
        for found in other.issues:
            self.add(found, message=False)
        for text in other.messages:
            self.say(text)
        for canonical in other.unknown:
            self.see_unknown(canonical)
        self.inactive_at = self.inactive_at if other.inactive_at is None else other.inactive_at
        self.status = other.status or self.status
        self.normal_form = other.normal_form or self.normal_form
        self.implied_system = other.implied_system or self.implied_system

    def see_unknown(self, canonical: str) -> bool:
        """Remember a code system that is not known; whether it is new."""
        new = canonical not in self.unknown
        if new:
            self.unknown.append(canonical)
        return new


@dataclass
class Hit:
    """How one coding did: the version it was found in, its names and content."""

    version: str = ""
    names: list[Designation] = field(default_factory=list)

    def take(self, other: Hit) -> None:
        """Become another one, so far as it has something."""
        self.version, self.names = other.version or self.version, other.names or self.names


def at(path: str, name: str) -> str:
    """Place of an element."""
    return f"{path}.{name}" if path else name

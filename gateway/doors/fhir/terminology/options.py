"""Parameters of a terminology operation, read: R4 valueset-operation-expand.html and -validate-code.html."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from gateway.doors.fhir.definitions import Resource, canonical_system
from gateway.doors.fhir.terminology.languages import Languages, languages_of
from gateway.doors.fhir.terminology.model import extension_value, value_of
from gateway.doors.fhir.terminology.versions import VersionRule, matches
from gateway.errors import BadQuestion

RULES: Mapping[str, str] = {
    "system-version": "default",
    "check-system-version": "check",
    "force-system-version": "override",
    "default-valueset-version": "default",
    "check-valueset-version": "check",
    "force-valueset-version": "override",
}
ECHOED = ("excludeNested", "activeOnly", "includeDesignations", "includeDefinition", "excludeNotForUI")
EXPANSION_PARAMETER = frozenset(
    {
        "http://hl7.org/fhir/StructureDefinition/valueset-expansion-parameter",
        "http://hl7.org/fhir/tools/StructureDefinition/valueset-expansion-parameter",
    }
)
MOST_PARAMETERS = 5000


@dataclass(frozen=True)
class Given:
    """The parameters of a request as they came, with the language that HTTP asked for."""

    parameters: tuple[Resource, ...]
    accept_language: str = ""

    @cached_property
    def by_name(self) -> Mapping[str, list[object]]:
        """Values by name of the parameter, resources among them."""
        found: dict[str, list[object]] = {}
        for item in self.parameters:
            value = item["resource"] if "resource" in item else value_of(item)
            found.setdefault(item.get("name", ""), []).append(value)
        return found

    def all(self, name: str) -> list[object]:
        """Values of a parameter, resources among them."""
        return self.by_name.get(name, [])

    def first(self, *names: str) -> object:
        """First value of the first of the parameters that is there, else None."""
        for name in names:
            if name in self.by_name:
                return self.by_name[name][0]
        return None

    def text(self, *names: str) -> str:
        """First value as text, '' where there is none."""
        value = self.first(*names)
        if isinstance(value, dict | list):
            raise BadQuestion("this parameter is not of this type", where=names[0], expected="a plain value")
        return "" if value is None else str(value)

    def element(self, name: str) -> Resource | None:
        """Value that is a Coding, CodeableConcept or resource."""
        value = self.first(name)
        if value is not None and not isinstance(value, dict):
            raise BadQuestion("this parameter is not of this type", where=name, expected="an element or resource")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """Boolean parameter."""
        value = self.first(name)
        if value is None:
            return default
        if value in (True, "true"):
            return True
        if value in (False, "false"):
            return False
        raise BadQuestion("this parameter is a boolean", where=name, expected="true or false")

    def number(self, name: str) -> int | None:
        """Integer parameter that is not negative."""
        value = self.first(name)
        if value is None:
            return None
        written = str(value)
        if isinstance(value, bool) or not (written.isascii() and written.isdecimal() and len(written) < 10):
            raise BadQuestion("this parameter is a number from 0 on", where=name, expected="an integer")
        return int(written)

    def resources(self) -> list[Resource]:
        """Resources that are brought along."""
        return [item for item in self.all("tx-resource") if isinstance(item, dict)]


@dataclass(frozen=True)
class Options:
    """What changes how value sets and codes are read."""

    rules: tuple[VersionRule, ...]
    display_language: str
    languages: Languages | None
    properties: tuple[str, ...]
    designations: tuple[str, ...]
    supplements: frozenset[str]
    active_only: bool
    exclude_nested: bool
    exclude_not_for_ui: bool
    include_designations: bool
    include_definition: bool
    abstract: bool
    infer_system: bool
    lenient_display: bool
    membership_only: bool
    versions_match: bool
    excluded: tuple[str, ...]
    filter: str
    count: int | None
    offset: int | None

    def of(self, url: str) -> Iterable[VersionRule]:
        """Rules for a canonical."""
        return (rule for rule in self.rules if canonical_system(rule.url) == canonical_system(url))

    def excludes(self, url: str, version: str) -> bool:
        """Whether a code system is to be left out of expansions."""
        for canonical in self.excluded:
            name, _, wanted = canonical.partition("|")
            if canonical_system(name) == canonical_system(url) and (not wanted or matches(wanted, version)):
                return True
        return False

    def within(self, value_set: Resource) -> Options:
        """Options with what a value set says of itself, where the request says nothing."""
        said = {
            str(extension_value(item.get("extension"), "name")): extension_value(item.get("extension"), "value")
            for item in value_set.get("compose", {}).get("extension", [])
            if item.get("url") in EXPANSION_PARAMETER
        }
        asked = self.display_language or str(said.get("displayLanguage") or value_set.get("language") or "")
        return replace(self, display_language=asked, languages=languages_of(asked) if asked else None)


def options_of(given: Given) -> Options:
    """Options of a request.

    Raises
    ------
    BadQuestion
        A parameter of the wrong type.
    """
    if not given.accept_language and OPTIONS.isdisjoint(given.by_name):
        return PLAIN
    return _read(given)


def _read(given: Given) -> Options:
    display_language = given.text("displayLanguage")
    asked = display_language or " ".join(given.accept_language.split())
    return Options(
        rules=tuple(_rules(given)),
        display_language=asked,
        languages=languages_of(asked) if asked else None,
        properties=tuple(map(str, given.all("property"))),
        designations=tuple(map(str, given.all("designation"))),
        supplements=frozenset(map(str, given.all("useSupplement"))),
        active_only=given.flag("activeOnly"),
        exclude_nested=given.flag("excludeNested"),
        exclude_not_for_ui=given.flag("excludeNotForUI"),
        include_designations=given.flag("includeDesignations"),
        include_definition=given.flag("includeDefinition"),
        abstract=given.flag("abstract", default=True),
        infer_system=given.flag("inferSystem"),
        lenient_display=given.flag("lenient-display-validation"),
        membership_only=given.flag("valueset-membership-only"),
        versions_match=given.flag("versionsMatch"),
        excluded=tuple(map(str, given.all("exclude-system"))),
        filter=given.text("filter"),
        count=given.number("count"),
        offset=given.number("offset"),
    )


def _rules(given: Given) -> Iterable[VersionRule]:
    for name, mode in RULES.items():
        for value in given.all(name):
            url, bar, version = str(value).partition("|")
            if not (bar and url and version):
                raise BadQuestion("this parameter names a version", where=name, expected="URL|VERSION")
            yield VersionRule(name, mode, url, version)


OPTIONS = frozenset(
    {
        *RULES,
        "displayLanguage",
        "property",
        "designation",
        "useSupplement",
        "activeOnly",
        "excludeNested",
        "excludeNotForUI",
        "includeDesignations",
        "includeDefinition",
        "abstract",
        "inferSystem",
        "lenient-display-validation",
        "valueset-membership-only",
        "versionsMatch",
        "exclude-system",
        "filter",
        "count",
        "offset",
    }
)
"""Names of the parameters that options are read from."""
PLAIN = _read(Given(()))
"""Options of a request that has none."""

"""What one request can refer to: resources that are brought along, then what this server holds itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from gateway.doors.fhir.definitions import Resource, canonical_system, guide, url_of_prefix
from gateway.doors.fhir.terminology.brought import canonical_of, code_system_of
from gateway.doors.fhir.terminology.issues import Issue, Refused, issue
from gateway.doors.fhir.terminology.model import CodeSystem, Provider
from gateway.doors.fhir.terminology.options import Options
from gateway.doors.fhir.terminology.supplements import supplemented
from gateway.doors.fhir.terminology.versions import latest, listed, matches

DEEPEST_IMPORT = 50
MOST_STEPS = 2000
USABLE = frozenset({"complete", "fragment", "example"})


Index: TypeAlias = Mapping[tuple[str, str], Sequence[Resource]]
"""Resources by type and URL."""


def indexed(resources: Iterable[Resource]) -> Index:
    """Resources by type and URL."""
    found: dict[tuple[str, str], list[Resource]] = {}
    for item in resources:
        found.setdefault((str(item.get("resourceType")), str(item.get("url"))), []).append(item)
    return found


@dataclass
class Library:
    """Code systems, value sets and concept maps of one request.

    Attributes
    ----------
    required
        Canonicals of supplements that must be applied.
    applied_rules
        Version parameters that took effect, as (name, canonical).
    """

    brought: Sequence[Resource]
    held: Index
    own: Provider
    options: Options
    required: set[str] = field(default_factory=set)
    used_supplements: set[str] = field(default_factory=set)
    applied_rules: list[tuple[str, str]] = field(default_factory=list)
    _steps: int = 0
    _index: Index = field(default_factory=dict)
    _made: dict[tuple[int, str, tuple[str, ...]], CodeSystem] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._index = indexed(self.brought)

    def bring(self, resource: Resource) -> None:
        """Add a resource that comes with the request."""
        self.brought = [*self.brought, resource]
        self._index = indexed(self.brought)

    def step(self, path: Sequence[str]) -> None:
        """Count one value set that is opened; refuse a chain or a web of imports that is too large.

        Raises
        ------
        Refused
            With issue too-costly.
        """
        self._steps += 1
        if len(path) > DEEPEST_IMPORT or self._steps > MOST_STEPS:
            raise Refused(issue("error", "too-costly", "too-costly", "VALUESET_TOO_COSTLY", "", path[0], "imports"))

    def ruled(self, url: str, version: str) -> str:
        """Version to look for, after the version parameters of the request."""
        found = version
        for rule in self.options.of(url):
            if rule.mode == "override" or (rule.mode in ("default", "check") and not found):
                found = rule.version
                self._applied(rule.parameter, f"{url}|{rule.version}")
        return found

    def _applied(self, parameter: str, canonical: str) -> None:
        if (parameter, canonical) not in self.applied_rules:
            self.applied_rules.append((parameter, canonical))

    def broken_rule(self, system: CodeSystem) -> Issue | None:
        """Issue if check-system-version does not allow a code system."""
        for rule in self.options.of(system.url):
            wanted = self.own.edition(system.url, rule.version)
            if rule.mode == "check" and not matches(wanted, system.version):
                return issue(
                    "error",
                    "exception",
                    "version-error",
                    "VALUESET_VERSION_CHECK",
                    "",
                    system.url,
                    system.version,
                    rule.version,
                )
        return None

    def code_system(self, url: str, version: str = "") -> CodeSystem | None:
        """Code system of a version, or a pattern of versions, or the newest; None if there is none that has content."""
        found = self._resource("CodeSystem", url, version)
        if found is None or found.get("content") not in USABLE:
            held = self.own.code_system(url, version)
            return held if held is None or not self.brought else self._with_supplements(held)
        supplements = self._supplements(url, str(found.get("version", "")))
        key = (id(found), "", tuple(map(canonical_of, supplements)))
        if key not in self._made:
            self._made[key] = code_system_of(found, supplements)
        return self._made[key]

    def _with_supplements(self, held: CodeSystem) -> CodeSystem:
        """A code system of the provider, with the supplements that are brought along."""
        supplements = self._supplements(held.url, held.version)
        if not supplements:
            return held
        key = (id(held), held.url, tuple(map(canonical_of, supplements)))
        if key not in self._made:
            self._made[key] = supplemented(held, supplements)
        return self._made[key]

    def edition_with(self, url: str, codes: Sequence[str]) -> CodeSystem | None:
        """Newest edition of a code system of ours whose editions share their codes that has all of these codes."""
        if self._resource("CodeSystem", url, "") is not None:
            return None
        found = self.own.edition_with(url, codes)
        return self.code_system(url, found) if found else None

    def versions(self, url: str) -> tuple[str, ...]:
        """Versions of a code system that can be had."""
        key = ("CodeSystem", url)
        found = (*self._index.get(key, ()), *self.held.get(key, ()))
        own = {str(item["version"]) for item in found if item.get("version")}
        return tuple(sorted({*own, *self.own.versions(url)}))

    def is_supplement(self, url: str) -> bool:
        """Whether a URL is that of a supplement."""
        found = self._resource("CodeSystem", url, "")
        return found is not None and found.get("content") == "supplement"

    def missing_supplements(self) -> list[str]:
        """Supplements that were asked for and that no code system took."""
        return sorted(self.required - self.used_supplements)

    def check_supplements(self) -> None:
        """Refuse where a supplement is missing.

        Raises
        ------
        Refused
            With issue not-found.
        """
        missing = self.missing_supplements()
        if missing:
            names = ",".join(missing)
            raise Refused(
                issue("error", "not-found", "not-found", "VALUESET_SUPPLEMENT_MISSING", "", names), status=404
            )

    def value_set(self, canonical: str, within: Resource | None = None) -> Resource | None:
        """Value set of a canonical, or one contained in `within`.

        Raises
        ------
        Refused
            A value set of a version that check-valueset-version does not allow.
        """
        if canonical.startswith("#"):
            contained = (within or {}).get("contained", [])
            return next((item for item in contained if item.get("id") == canonical[1:]), None)
        url, _, version = canonical.partition("|")
        found = (
            self._resource("ValueSet", url, version)
            or implicit_value_set(self, url, version)
            or iccc3_value_set(self, url, version)
        )
        return found and self.allowed(found)

    def allowed(self, value_set: Resource) -> Resource:
        """The value set itself, where check-valueset-version allows its version.

        Raises
        ------
        Refused
            With issue version-error.
        """
        url, version = str(value_set.get("url", "")), str(value_set.get("version", ""))
        for rule in self.options.of(url) if self.options.rules else ():
            if rule.mode == "check" and not matches(rule.version, version):
                text = (
                    f"The version '{version}' is not allowed for value set '{url}': required to be '{rule.version}' "
                    "by a version-check parameter"
                )
                raise Refused(Issue("error", "exception", "version-error", "VALUESET_VERSION_CHECK", text))
        return value_set

    def pinned(self, canonical: str) -> str:
        """Canonical of a value set, with the version that the request gives it."""
        url, _, version = canonical.partition("|")
        version = self.ruled(url, version)
        return f"{url}|{version}" if version else url

    def concept_maps(self) -> list[Resource]:
        """Concept maps that are brought along or held."""
        return [
            item for index in (self._index, self.held) for key in index if key[0] == "ConceptMap" for item in index[key]
        ]

    def _resource(self, kind: str, url: str, version: str) -> Resource | None:
        for index in (self._index, self.held):
            found = {
                str(item.get("version", "")): item
                for item in index.get((kind, url), ())
                if not version or matches(version, str(item.get("version", "")))
            }
            if found:
                return found.get(version) or found[latest(found)]
        return None

    def _supplements(self, url: str, version: str) -> list[Resource]:
        """Supplements of a code system that are asked for or always hold; they count as used."""
        found = []
        for item in self.brought:
            target, _, target_version = str(item.get("supplements", "")).partition("|")
            if item.get("content") != "supplement" or canonical_system(target) != canonical_system(url):
                continue
            wanted = {item.get("url"), canonical_of(item)} & self.required
            fits = not target_version or not version or matches(target_version, version)
            if fits and (wanted or _is_language_pack(item)):
                found.append(item)
        self.used_supplements.update(self._names(found))
        return found

    def _names(self, supplements: Sequence[Resource]) -> set[str]:
        return {name for item in supplements for name in (str(item.get("url")), canonical_of(item))}


def implicit_value_set(library: Library, url: str, version: str) -> Resource | None:
    """Value set SYSTEM?fhir_vs and SYSTEM?fhir_vs=isa/CODE (the form of R4 snomedct.html, for any code system)."""
    system, implicit, members = url.partition("?fhir_vs")
    held = library.code_system(system, version) if implicit else None
    if held is None:
        return None
    include: Resource = {"system": system}
    if version:
        include["version"] = version
    if members.startswith("=isa/") and len(members) > len("=isa/"):
        if held.locate(members.removeprefix("=isa/")) is None:
            return None
        include["filter"] = [{"property": "concept", "op": "is-a", "value": members.removeprefix("=isa/")}]
    elif members:
        return None
    found: Resource = {"resourceType": "ValueSet", "url": url, "status": "active", "compose": {"include": [include]}}
    return {**found, "version": version} if version else found


def iccc3_value_set(library: Library, url: str, version: str) -> Resource | None:
    """Value set of ICCC-3 (`iccc-3`) or of one of its groups (`iccc-3-IVa`)."""
    name = url.removeprefix(f"{guide().canonical}/ValueSet/")
    if name == url or not (name == "iccc-3" or name.startswith("iccc-3-")):
        return None
    members = f"=isa/{name.removeprefix('iccc-3-')}" if name != "iccc-3" else ""
    found = implicit_value_set(library, f"{url_of_prefix()['ICCC3']}?fhir_vs{members}", version)
    return found and {**found, "url": url}


def _is_language_pack(supplement: Resource) -> bool:
    codes = {item.get("valueCode") for item in supplement.get("extension", [])}
    return "lang-pack" in codes


def unknown_system(library: Library, url: str, version: str, expression: str, *, expanding: bool = False) -> Issue:
    """Issue for a code system that cannot be had."""
    end = "_EXP" if expanding else ""
    if not version:
        return issue("error", "not-found", "not-found", f"UNKNOWN_CODESYSTEM{end}", expression, url)
    known = library.versions(url)
    message = f"UNKNOWN_CODESYSTEM_VERSION{end}" + ("" if known else "_NONE")
    return issue("error", "not-found", "not-found", message, expression, url, version, listed(known))

"""$validate-code of ValueSet and CodeSystem (R4 valueset-operation-validate-code.html).

The issues and their order of precedence are those of the FHIR terminology ecosystem guide, so that the Java validator
and other clients can read them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.outcome import outcome
from gateway.doors.fhir.terminology import names
from gateway.doors.fhir.terminology.brought import canonical_of, designation
from gateway.doors.fhir.terminology.expand import Expansion, supplements_of
from gateway.doors.fhir.terminology.filters import selected
from gateway.doors.fhir.terminology.issues import Issue, Refused, issue
from gateway.doors.fhir.terminology.library import Library, unknown_system
from gateway.doors.fhir.terminology.model import CodeSystem, Concept, Designation, extension_value, standards_status
from gateway.doors.fhir.terminology.versions import latest, listed, matches, order

DEPRECATED = "http://hl7.org/fhir/StructureDefinition/valueset-deprecated"
OUTDATED = frozenset({"withdrawn", "deprecated"})


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


def at(path: str, name: str) -> str:
    """Place of an element."""
    return f"{path}.{name}" if path else name


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
        picked = self._pick(system, version, code, str(coding.get("display", "")))
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
            used = part["system"] == coding["system"] and (not picked or own == picked)
            if not used or not self._version_fits(own, coding.get("version", "")):
                return False
            version = self._version(path, part["system"], own, coding.get("version", ""))
            system = self.library.code_system(part["system"], version)
            if system is None:
                if self.options.membership_only:
                    return False
                self._unknown(path, part["system"], version)
                return None
            self._check_rule(system, path)
            self._status(system.url, system.canonical, "CodeSystem", _facts(system))
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

    def _version_fits(self, own: str, given: str) -> bool:
        if not given or own == given:
            return True
        return not any(part.get("version") == given for part in self.includes)

    def _pick(self, system: str, version: str, code: str, display: str) -> str:
        """Of several versions in the value set, the newest that has the code, under the display if one is given."""
        stated = {part["version"] for part in self.includes if part.get("system") == system and part.get("version")}
        if version or len(stated) < 2:
            return ""
        having = {
            each
            for each in stated
            if (found := self.library.code_system(system, self.library.ruled(system, each)))
            and (concept := found.locate(code))
            and (not display or any(name.value == display for name in concept.designations))
        }
        return "" if having == stated else latest(having or stated)

    def _unknown(self, path: str, system: str, version: str) -> None:
        found = unknown_system(self.library, system, version, at(path, "system"))
        known = self.library.versions(system)
        if self.found.see_unknown(f"{system}|{version}" if version and known else system):
            self.found.add(found)
        self.found.say(found.text)

    def _check_rule(self, system: CodeSystem, path: str) -> None:
        broken = self.library.broken_rule(system)
        if broken:
            self.found.add(replace(broken, expression=at(path, "version")))

    def _version(self, path: str, url: str, own: str, given: str) -> str:
        """Version of the code system to look in, with issues where the coding's own version differs."""
        version = self.library.ruled(url, own)
        if not given:
            return version
        if version and given != version and matches(version, given):
            version = given
        if not version and given in self.library.versions(url):
            version = given
        system = self.library.code_system(url, self.library.ruled(url, version))
        if system is None:
            if version != given:
                self._mismatch("error", path, "VALUESET_VALUE_MISMATCH", url, version, given)
            return version
        if system.version == given or matches(given, system.version):
            return version
        if not version:
            severity = "error" if system.version_needed else "warning"
            self._mismatch(severity, path, "VALUESET_VALUE_MISMATCH_DEFAULT", url, system.version, given)
        elif version != own:
            self._mismatch("error", path, "VALUESET_VALUE_MISMATCH_CHANGED", url, version, own, given)
        else:
            self._mismatch("error", path, "VALUESET_VALUE_MISMATCH", url, own, given)
        if self.library.code_system(url, given) is None:
            self.found.see_unknown(f"{url}|{given}")
            known = listed(self.library.versions(url))
            self.found.add(
                issue(
                    "error",
                    "not-found",
                    "not-found",
                    "UNKNOWN_CODESYSTEM_VERSION",
                    at(path, "system"),
                    url,
                    given,
                    known,
                )
            )
        return version

    def _mismatch(self, severity: str, path: str, message: str, *values: str) -> None:
        found = issue(severity, "invalid", "vs-invalid", message, at(path, "version"), *values)
        self.found.add(found, message=severity == "error")

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
            if part["system"] != url:
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
                return self._missing(system, path, code)
            return False
        member = next((item for item in part.get("concept", []) if item.get("code") == concept.code), None)
        if not whole and concept.code not in self._members(system, part):
            return False
        if concept.code != code:
            self._other_form(system, concept, path, code)
        hit.names = [*concept.designations, *_own_names(member, self.value_set)]
        return self._usable(system, concept, path, code, member, whole)

    def _missing(self, system: CodeSystem, path: str, code: str) -> bool:
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

    def _other_form(self, system: CodeSystem, concept: Concept, path: str, code: str) -> None:
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

    def _usable(
        self, system: CodeSystem, concept: Concept, path: str, code: str, member: Resource | None, whole: bool
    ) -> bool:
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

    def _status(self, url: str, canonical: str, kind: str, resource: Resource) -> None:
        found = status_issue(resource, canonical, kind, None if url == self.canonical else self.value_set)
        if found:
            self.found.add(found, message=False)


def _facts(system: CodeSystem) -> Resource:
    extension = [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status",
            "valueCode": system.standards_status,
        }
    ]
    return {"status": system.status, "experimental": system.experimental, "extension": extension}


def status_issue(resource: Resource, canonical: str, kind: str, source: Resource | None) -> Issue | None:
    """Issue for a resource that is deprecated, withdrawn, retired, experimental or a draft, or None."""
    own = standards_status(resource.get("extension"))
    message = ""
    if own in OUTDATED:
        message = f"MSG_{own.upper()}"
    elif resource.get("status") == "retired":
        message = "MSG_RETIRED"
    elif source is None:
        return None
    elif resource.get("experimental"):
        message = "" if source.get("experimental") else "MSG_EXPERIMENTAL"
    elif "draft" in (resource.get("status"), own):
        settled = "draft" not in (source.get("status"), standards_status(source.get("extension")))
        message = "MSG_DRAFT" if settled else ""
    if not message:
        return None
    return issue("information", "business-rule", "status-check", message, "", canonical, kind)


def unknown_code(system: CodeSystem, code: str, place: str) -> Issue:
    """Issue for a code that a code system does not have."""
    message = "Unknown_Code_in_Version" if system.version else "Unknown_Code_in"
    text = issue("error", "code-invalid", "invalid-code", message, place, code, system.url, system.version)
    return Issue(text.severity, text.code, text.kind, "Unknown_Code_in_Version", text.text, place)


def _own_names(member: Resource | None, value_set: Resource) -> list[Designation]:
    if member is None:
        return []
    found = [designation(item) for item in member.get("designation", [])]
    if member.get("display"):
        named = Designation(str(member["display"]).strip(), str(value_set.get("language", "")), display=True)
        return [named, *found]
    return found


def validate(library: Library, value_set: Resource, asked: Asked, *, of_code_system: bool = False) -> Resource:
    """Parameters of $validate-code.

    Parameters
    ----------
    of_code_system
        The value set stands for a code system; it is not named in the issues.

    Raises
    ------
    Refused
        The value set cannot be used at all.
    """
    found = Findings()
    library.options = library.options.within(value_set)
    library.required |= set(library.options.supplements) | supplements_of(value_set)
    checker = Checker(library, value_set, found)
    try:
        checker.prepare()
        _load(library, checker)
        library.check_supplements()
    except Refused as error:
        if error.unanswerable:
            raise
        return _unprepared(library, asked, error)
    own = status_issue(value_set, checker.canonical, "ValueSet", None)
    if own:
        found.add(own, message=False)
    return Verdict(checker, asked, of_code_system).parameters()


def _load(library: Library, checker: Checker) -> None:
    """Open the code systems of the value set, so that their supplements are seen."""
    for part in checker.includes:
        if part.get("system"):
            library.code_system(part["system"], library.ruled(part["system"], part.get("version", "")))
    for other in checker.others.values():
        _load(library, other)


def _unprepared(library: Library, asked: Asked, error: Refused) -> Resource:
    parameters: list[Resource] = [
        {"name": "result", "valueBoolean": False},
        {"name": "message", "valueString": error.issue.text},
        {"name": "issues", "resource": error.resource()},
    ]
    if asked.concept is not None:
        parameters.append({"name": "codeableConcept", "valueCodeableConcept": asked.concept})
    else:
        coding = asked.codings[0]
        version = coding.get("version", "")
        if not version and coding.get("system"):
            url = coding["system"]
            system = library.code_system(url, library.ruled(url, ""))
            version = system.version if system else ""
        for name, kind, value in (
            ("code", "valueCode", coding.get("code")),
            ("system", "valueUri", coding.get("system")),
            ("version", "valueString", version),
        ):
            if value:
                parameters.append({"name": name, kind: value})
    return {"resourceType": "Parameters", "parameter": parameters}


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
            self._check_display(coding, hit.names, path)
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
        version = coding.get("version", "")
        system = self.library.code_system(url, self.library.ruled(url, version))
        if system is None:
            self._explain_system(url, version, path)
            return
        broken = self.library.broken_rule(system)
        if broken:
            self.found.add(replace(broken, expression=at(path, "version")))
        status = status_issue(_facts(system), system.canonical, "CodeSystem", self.checker.value_set)
        if status:
            self.found.add(status, message=False)
        code = str(coding.get("code", ""))
        concept = system.locate(code)
        if concept is None:
            if system.content == "complete":
                self.found.add(unknown_code(system, code, at(path, "code")))
            return
        self._show(concept.designations)
        if coding.get("display") and concept.designations:
            self._check_display(coding, concept.designations, path)
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
            self.found.say(found.text)

    def _check_display(self, coding: Resource, all_names: Sequence[Designation], path: str) -> None:
        given, languages, place = str(coding["display"]), self.options.languages, at(path, "display")
        url, code = coding.get("system", "") or self.found.implied_system, str(coding.get("code", ""))
        if names.is_right(all_names, given, languages):
            if not names.is_right(all_names, given, languages, active=True):
                self.found.add(
                    issue("warning", "invalid", "display-comment", "INACTIVE_DISPLAY_FOUND", place, given, code)
                )
            return
        severity = "warning" if self.options.lenient_display else "error"
        asked = languages.summary if languages else "--"
        number = names.count(all_names, languages, displays=True)
        if not number:
            severity = "warning"
            number = names.count(all_names, languages, displays=False)
        if not number:
            self._no_name(all_names, (given, url, code, asked), place)
            return
        blanks = "_WS" if names.differs_in_blanks(all_names, given, languages) else ""
        message = f"Display_Name{blanks}_for__should_be_one_of__instead_of" + ("_other" if number > 1 else "")
        right = names.presented(all_names, languages)
        values = (url, code, right, given, asked, str(number))
        self.found.add(issue(severity, "invalid", "invalid-display", message, place, *values))

    def _no_name(self, all_names: Sequence[Designation], values: tuple[str, str, str, str], place: str) -> None:
        default = names.preferred(all_names, None)
        if default is None:
            self.found.add(issue("warning", "invalid", "invalid-display", "NO_VALID_DISPLAY_AT_ALL", place, *values))
            return
        right = any(name.value == values[0] and name.language == default.language for name in all_names)
        severity = "information" if right else "warning" if self.options.lenient_display else "error"
        message = "NO_VALID_DISPLAY_FOUND_NONE_FOR_LANG_" + ("OK" if right else "ERR")
        self.found.add(
            issue(
                severity, "invalid", "invalid-display", message, place, *values, values[0] if right else default.value
            )
        )

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

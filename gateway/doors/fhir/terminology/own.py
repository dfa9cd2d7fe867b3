"""The code systems of the package terminology as neutral code systems: ICD-O-3, ICCC-3, ICD-10, NCIt, OMOP.

What only holds the concepts of childhood cancer is a fragment; editions are versions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial

from gateway.doors.fhir.definitions import CodeSystemUrl, Resource, code_system_of_url, code_systems
from gateway.doors.fhir.terminology.model import CodeSystem, Concept, Designation
from gateway.doors.fhir.terminology.versions import matches
from terminology import Concept as Known
from terminology import Terminology, TerminologyError

COMPLETE = frozenset({"ICCC3", "ICDO3"})
SHARED = frozenset({"ICDO3"})
"""Code systems of which a code means the same in every edition that has it."""
DEFAULT_EDITION: Mapping[str, str] = {"ICCC3": "2017", "ICDO3": "3.2"}
BOOLEANS: Mapping[str, str] = {"notSelectable": "boolean"}
MATRIX_RULE: Resource = {"code": "matrix_rule", "valueBoolean": True}
OF_MATRIX_RULE: Resource = {
    "code": "matrix_rule",
    "description": "No list pairs this behaviour with the morphology; the matrix rule of ICD-O allows it",
    "type": "boolean",
}
UNLISTED = (
    "Pairs of a morphology and a topography, and behaviours by the matrix rule, are codes that no expansion lists"
)
LANGUAGE = "en"
LONGEST_CODE = 64
SPELLINGS_KEPT = 4096


class OwnSystems:
    """Provider of the loaded code systems; each is made when it is first asked for and kept."""

    def __init__(self, terminology: Terminology) -> None:
        self.terminology = terminology
        self.loaded_at = terminology.loaded_at.isoformat(timespec="seconds").replace("+00:00", "Z")
        self._sizes = {info.system: info.size for info in terminology.systems()}
        self._served = tuple(system for system in code_systems() if self._sizes.get(system.prefix))
        self._ready: frozenset[str] = frozenset()
        self._made = lru_cache(maxsize=32)(self._make)
        self._renamed = lru_cache(maxsize=32)(self._rename)

    def served(self) -> tuple[CodeSystemUrl, ...]:
        """Code systems that hold something."""
        return self._served

    def prefix(self, url: str) -> str:
        """Prefix of a code system in the question grammar, '' if it is not one of ours."""
        found = code_system_of_url().get(url)
        return found.prefix if found in self.served() and found else ""

    def versions(self, url: str) -> tuple[str, ...]:
        """Editions of a code system."""
        found = code_system_of_url().get(url)
        return found.editions if found and self._sizes.get(found.prefix) else ()

    def code_system(self, url: str, version: str) -> CodeSystem | None:
        """Code system of an edition."""
        found = code_system_of_url().get(url)
        if found is None or not self._sizes.get(found.prefix):
            return None
        if not found.editions:
            return self._under(found, url, "") if not version else None
        wanted = self.edition(url, version) or DEFAULT_EDITION[found.prefix]
        edition = next((each for each in reversed(found.editions) if matches(wanted, each)), None)
        return None if edition is None else self._under(found, url, edition)

    def edition(self, url: str, version: str) -> str:
        """The newest edition where only the number above it is named (`3`), else the version as it is."""
        found = code_system_of_url().get(url)
        if found is None or not version.isdecimal() or version in found.editions:
            return version
        return next((each for each in reversed(found.editions) if each.startswith(f"{version}.")), version)

    def edition_with(self, url: str, codes: Sequence[str]) -> str:
        """Newest edition of ICD-O-3 that has all of these codes; '' for any other code system."""
        found = code_system_of_url().get(url)
        if found is None or found.prefix not in SHARED:
            return ""
        for edition in reversed(self.versions(url)):
            held = self.code_system(url, edition)
            if held is not None and all(held.locate(code) for code in codes):
                return edition
        return ""

    def is_ready(self, url: str) -> bool:
        """Whether a code system, or the one of an implicit value set, is made already in all its editions."""
        found = code_system_of_url().get(url.partition("?fhir_vs")[0].partition("|")[0])
        return found is None or found.prefix in self._ready

    def prepare(self, url: str) -> None:
        """Make a code system, or the one of an implicit value set, in all its editions."""
        found = code_system_of_url().get(url.partition("?fhir_vs")[0].partition("|")[0])
        if found in self._served and found is not None:
            for edition in found.editions or ("",):
                self._made(found.prefix, edition)
        self._ready |= {found.prefix} if found else set()

    def of_prefix(self, prefix: str, edition: str) -> CodeSystem:
        """Code system of an edition that is known to be there."""
        return self._made(prefix, edition)

    def _under(self, system: CodeSystemUrl, url: str, edition: str) -> CodeSystem:
        """Code system under one of its URLs; what is costly is shared."""
        made = self._made(system.prefix, edition)
        return made if url == system.url else self._renamed(system.prefix, url, edition)

    def _rename(self, prefix: str, url: str, edition: str) -> CodeSystem:
        return replace(self._made(prefix, edition), url=url)

    def _make(self, prefix: str, edition: str) -> CodeSystem:
        ask = self.terminology
        system = next(system for system in self._served if system.prefix == prefix)
        codes = set(ask.codes(prefix, edition or None))
        concepts: dict[str, Concept] = {}
        for code in ask.codes(prefix, edition or None):
            stem, slash, _ = code.partition("/")
            if slash and stem not in concepts:
                concepts[stem] = Concept(stem, properties=({"code": "notSelectable", "valueBoolean": True},))
                codes.add(stem)
            if code not in concepts:
                self._add(concepts, codes, prefix, code, edition)

        @lru_cache(maxsize=SPELLINGS_KEPT)
        def spelling(text: str) -> str | None:
            if len(text) > LONGEST_CODE:
                return None
            if prefix == "ICCC3" and text in alternates:
                return alternates[text]
            try:
                return ask.lookup(prefix, text, edition or None).code
            except TerminologyError:
                return None

        alternates = self._seer_numbers(edition) if prefix == "ICCC3" else {}
        return CodeSystem(
            url=system.url,
            version=edition,
            concepts=concepts,
            name=system.id.replace("-", "_").upper(),
            title=system.title,
            content="complete" if prefix in COMPLETE else "fragment",
            language=LANGUAGE,
            properties=(*_definitions(concepts), *((OF_MATRIX_RULE,) if prefix == "ICDO3" else ())),
            unlisted=UNLISTED if prefix == "ICDO3" else "",
            spelling=spelling,
            composed=partial(self._composed, concepts, edition) if prefix == "ICDO3" else _none,
        )

    def _composed(self, concepts: Mapping[str, Concept], edition: str, code: str) -> Concept | None:
        """What no list holds: a morphology by the matrix rule, or a pair with its topography (9500/3-C74.9)."""
        histology, dash, site = code.partition("-")
        one = concepts.get(histology) or self._by_matrix_rule(concepts, edition, histology)
        other = concepts.get(site)
        if one is None or not dash:
            return one
        if other is None:
            return None
        known = self.terminology.lookup("ICDO3", code, edition or None)
        wider = [f"{above}-{site}" for above in one.parents] + [f"{histology}-{above}" for above in other.parents]
        display = known.name or ""
        return Concept(
            code,
            display,
            designations=(Designation(display, LANGUAGE, display=True),) if display else (),
            properties=(*_properties(known), *((MATRIX_RULE,) if one.note else ())),
            parents=(histology, site, *wider),
            note=one.note,
        )

    def _by_matrix_rule(self, concepts: Mapping[str, Concept], edition: str, code: str) -> Concept | None:
        """Four digits of the edition with a behaviour that no edition pairs with them (9500/6), be it in the US list."""
        stem, slash, _ = code.partition("/")
        if not slash or stem not in concepts:
            return None
        known = self.terminology.lookup("ICDO3", code, edition or None)
        if known.editions:
            return None
        notes = self.terminology.meaning("ICDO3", code, edition or None).notes
        return Concept(code, properties=(*_properties(known), MATRIX_RULE), parents=(stem,), note=notes[0])

    def _add(self, concepts: dict[str, Concept], codes: set[str], prefix: str, code: str, edition: str) -> None:
        known = self.terminology.lookup(prefix, code, edition or None)
        parents = tuple(parent for parent in (known.parents or _stem(code)) if parent in codes and parent != code)
        for parent in parents:
            if parent not in concepts:
                self._add(concepts, codes, prefix, parent, edition)
        display = known.name or ""
        concepts[code] = Concept(
            code=code,
            display=display,
            designations=(Designation(display, LANGUAGE, display=True),) if display else (),
            properties=_properties(known),
            parents=parents,
        )

    def _seer_numbers(self, edition: str) -> dict[str, str]:
        """SEER's number of a group to its code; divisions have the number of their group."""
        found: dict[str, str] = {}
        for group in self.terminology.groups(edition):
            if group.seer_recode and group.level != "extended":
                found.setdefault(group.seer_recode, group.code)
        return found


def _none(_: str) -> None:
    return None


def _properties(known: Known) -> tuple[Resource, ...]:
    return tuple({"code": name, "valueString": text} for name, text in known.properties.items())


def _stem(code: str) -> tuple[str, ...]:
    """The code without its behaviour or its subdivision."""
    for mark in ("/", "."):
        stem, found, _ = code.rpartition(mark)
        if found:
            return (stem,)
    return ()


def _definitions(concepts: Mapping[str, Concept]) -> tuple[Resource, ...]:
    names = dict.fromkeys(item["code"] for concept in concepts.values() for item in concept.properties)
    return tuple({"code": name, "type": BOOLEANS.get(name, "string")} for name in names)

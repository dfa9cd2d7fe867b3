"""SCT: SNOMED CT as the user loads it; no id is shipped.

`iccd terminology load --rf2 DIR` reads the SNOMED CT to ICD-O simple map (refset 446608001) of a release;
`--athena DIR` brings the disorders that ICDO3 concepts are mapped to or stand below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType

from terminology.boxes import BoxSet
from terminology.codes import IcdO, parse_icdo
from terminology.errors import UnknownCode, UnknownSystem, Unmatched
from terminology.nouns import Concept, Cover, Meaning, SystemInfo
from terminology.rowtext import rows_text
from terminology.store import Store
from terminology.systems.omop import Omop
from terminology.systems.patterns import PatternIndex, boxes_of


class SnomedCt:
    """SNOMED CT concepts that are mapped to ICD-O-3."""

    name = "SCT"

    def __init__(self, store: Store, omop: Omop) -> None:
        self._store = store
        self._omop = omop

    def info(self) -> SystemInfo:
        """Title, release and size."""
        pack = self._store.pack("snomed")
        return SystemInfo(self.name, "SNOMED CT", pack.version if pack else "not loaded", (), len(self._rows))

    @cached_property
    def _rows(self) -> dict[str, list[tuple[IcdO, str, str, int]]]:
        found: dict[str, list[tuple[IcdO, str, str, int]]] = {}
        rows = self._store.texts("SELECT code, morphology, topography, equivalence, source, number FROM snomed")
        for code, morphology, topography, equivalence, source, number in rows:
            parts = [parse_icdo(text) for text in (morphology, topography) if text]
            icdo = IcdO(parts[-1].topography, parts[0].morphology, parts[0].behaviour)
            found.setdefault(code, []).append((icdo, equivalence, source, int(number)))
        return found

    def _digits(self, code: str, edition: str | None) -> str:
        if self._store.pack("snomed") is None and self._store.pack("athena") is None:
            raise UnknownSystem(
                "SNOMED CT is not loaded", expected="`iccd terminology load --rf2 DIR` with a release you may use"
            )
        if edition is not None:
            raise UnknownSystem(f"SCT is here in one release only, not {edition!r}", expected="no edition")
        digits = code.strip()
        if not (digits.isascii() and digits.isdigit() and 6 <= len(digits) <= 18):
            raise UnknownCode(self.name, code, "a SNOMED CT concept id, 6 to 18 digits")
        return digits

    def _from_omop(self, digits: str) -> str:
        """Concept id of the code in the user's Athena download; raises Unmatched."""
        concept_id = self._omop.id_of("SNOMED", digits)
        if concept_id is None:
            raise Unmatched(self.name, digits, "a concept of the loaded map to ICD-O-3")
        return concept_id

    def meaning(self, code: str, edition: str | None) -> Meaning:
        """Union of the mapped ICD-O-3 codes; exact only if the map pairs one concept with one code."""
        digits = self._digits(code, edition)
        if digits not in self._rows:
            return self._meaning_from_omop(digits)
        rows = self._rows[digits]
        boxes = boxes_of(icdo for icdo, *_ in rows)
        exact = all(equivalence == "equal" for _, equivalence, *_ in rows)
        bounded = all(equivalence in ("equal", "narrower") for _, equivalence, *_ in rows)
        notes = () if exact else (f"the map relates {digits} to these codes; it does not say that they are equal",)
        cited = rows_text(rows[0][2], (number for *_, number in rows))
        return Meaning(
            self.name, digits, "", boxes, boxes if exact else BoxSet.empty(), cited, exact, notes, bounded=bounded
        )

    def beneath(self, code: str, edition: str | None) -> Meaning:
        """What the concept and those below it mean, as far as an Athena download tells; open beyond."""
        digits = self._digits(code, edition)
        concept_id = self._omop.id_of("SNOMED", digits)
        meaning = self.meaning(code, edition)
        if concept_id is None:
            return meaning.opened(f"which concepts stand below {digits} is not loaded")
        try:
            below = self._omop.beneath(concept_id, None)
        except Unmatched:
            return meaning.opened(f"the concepts below {digits} have no ICD-O-3 codes")
        if digits not in self._rows:
            return replace(below, system=self.name, code=digits)
        boxes, certain = meaning.boxes | below.boxes, meaning.certain | below.certain
        notes = (*meaning.notes, *below.notes)
        exact, bounded = meaning.exact and below.exact, meaning.bounded and below.bounded
        return replace(meaning, boxes=boxes, certain=certain, exact=exact, bounded=bounded, notes=notes)

    def _meaning_from_omop(self, digits: str) -> Meaning:
        try:
            return replace(self._omop.meaning(self._from_omop(digits), None), system=self.name, code=digits)
        except Unmatched as error:
            raise Unmatched(self.name, digits, error.expected) from None

    def lookup(self, code: str, edition: str | None) -> Concept:
        """Mapped ICD-O-3 codes."""
        digits = self._digits(code, edition)
        if digits not in self._rows:
            return replace(self._omop.lookup(self._from_omop(digits), None), system=self.name, code=digits)
        rows = self._rows[digits]
        mapped = ", ".join(f"{icdo} ({equivalence})" for icdo, equivalence, *_ in rows)
        cited = rows_text(rows[0][2], (number for *_, number in rows))
        return Concept(self.name, digits, (), None, (), MappingProxyType({"icdo3": mapped}), cited)

    def codes(self, edition: str | None) -> Iterator[str]:
        """All mapped concepts; none if no pack is loaded."""
        del edition
        return iter(self._rows)

    def descendants(self, code: str, edition: str | None) -> frozenset[str]:
        """The concept itself; its hierarchy is known by OMOP ids only."""
        return frozenset({self.lookup(code, edition).code})

    @cached_property
    def _index(self) -> PatternIndex:
        return PatternIndex({code: tuple(icdo for icdo, *_ in rows) for code, rows in self._rows.items()})

    def cover(self, boxes: BoxSet, edition: str | None) -> Cover:
        """Concepts inside a set of tumours by the loaded map, and those that overlap it."""
        del edition
        return self._index.cover(self.name, boxes, "snomed")

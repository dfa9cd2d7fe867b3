"""NCIT: NCI Thesaurus concepts by NCI's own mapping of ICD-O-3.1 (NCI EVS, CC BY 4.0).

Terms that the mapping prefers give the meaning. A synonym or a related term says only that the concept is near:
its meaning is then open (8960/3 prefers C40407 Kidney Wilms Tumor; C3267 Wilms Tumor is a synonym and wider).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from terminology.boxes import BoxSet
from terminology.codes import CATEGORIES, IcdO, parse_icdo
from terminology.errors import UnknownCode, UnknownSystem, Unmatched
from terminology.nouns import Concept, Cover, Meaning, SystemInfo
from terminology.rowtext import rows_text
from terminology.store import Store
from terminology.systems.patterns import PatternIndex, boxes_of

_NOTATION = re.compile(r"(?:NCIT:)?(C\d{2,7})", re.ASCII)
_EXPECTED = "an NCI Thesaurus code as C3270"
_PREFERRED = frozenset({"preferred", "header"})
_AGES = re.compile(r"\b(Childhood|Pediatric|Infantile|Congenital|Adult)\b")


@dataclass(frozen=True, slots=True)
class _Row:
    label: str
    icdos: tuple[IcdO, ...]
    equivalence: str
    term_type: str
    number: int


class Ncit:
    """NCI Thesaurus concepts that ICD-O-3 is mapped to."""

    name = "NCIT"

    def __init__(self, store: Store) -> None:
        self._store = store

    def info(self) -> SystemInfo:
        """Title, version and size."""
        return SystemInfo(self.name, "NCI Thesaurus", "NCI EVS mapping of ICD-O-3.1", (), len(self._rows))

    @cached_property
    def _rows(self) -> dict[str, list[_Row]]:
        found: dict[str, list[_Row]] = {}
        columns = "code, label, morphology, topography, equivalence, term_type, number"
        for code, label, morphology, topography, equivalence, term_type, number in self._store.texts(
            f"SELECT {columns} FROM ncit ORDER BY number"
        ):
            row = _Row(label, _icdos(morphology, topography), equivalence, term_type, int(number))
            found.setdefault(code, []).append(row)
        return found

    def parse(self, code: str) -> str:
        """`C3270` from `NCIT:C3270` or `c3270`; raises UnknownCode."""
        found = _NOTATION.fullmatch(code.strip().upper())
        if found is None:
            raise UnknownCode(self.name, code, _EXPECTED)
        return found[1]

    def _found(self, code: str, edition: str | None) -> tuple[str, list[_Row]]:
        if edition is not None:
            raise UnknownSystem(f"NCIT is here in one edition only, not {edition!r}", expected="no edition")
        parsed = self.parse(code)
        if parsed not in self._rows:
            raise Unmatched(self.name, parsed, "a concept that NCI maps to ICD-O-3")
        return parsed, self._rows[parsed]

    def meaning(self, code: str, edition: str | None) -> Meaning:
        """Union of the ICD-O-3 codes whose preferred term the concept is; else the near ones, and open."""
        parsed, rows = self._found(code, edition)
        used = _decisive(rows)
        preferred = used[0].term_type in _PREFERRED
        aged = any(_AGES.search(row.label) for row in used)
        boxes = boxes_of(icdo for row in used for icdo in row.icdos)
        sure = (
            []
            if aged
            else [row for row in used if row.term_type in _PREFERRED and row.equivalence in ("equal", "wider")]
        )
        certain = boxes_of(icdo for row in sure for icdo in row.icdos)
        notes = []
        if not preferred:
            notes.append(f"ICD-O-3 names {parsed} only as a {used[0].term_type} term: it may mean more or less")
        if aged:
            notes.append(f"{parsed} also restricts the age, which a code of a tumour does not say")
        if preferred and len(sure) < len(used) and not aged:
            notes.append(f"ICD-O-3 has several NCI Thesaurus concepts where {parsed} is one of them")
        exact = preferred and not aged and all(row.equivalence == "equal" for row in used)
        cited = rows_text("icdo3_ncit", (row.number for row in used))
        return Meaning(self.name, parsed, "", boxes, certain, cited, exact, tuple(notes), bounded=preferred)

    def beneath(self, code: str, edition: str | None) -> Meaning:
        """The same, and open: the hierarchy of the thesaurus is not held."""
        meaning = self.meaning(code, edition)
        return meaning.opened(f"which concepts stand below {meaning.code} in the thesaurus is not held here")

    def lookup(self, code: str, edition: str | None) -> Concept:
        """Name and mapped ICD-O-3 codes."""
        parsed, rows = self._found(code, edition)
        label = next((row.label for row in rows if row.label), None)
        mapped = ", ".join(dict.fromkeys(f"{icdo} ({row.term_type})" for row in rows for icdo in row.icdos))
        cited = rows_text("icdo3_ncit", (row.number for row in rows))
        return Concept(self.name, parsed, (), label, (), MappingProxyType({"icdo3": mapped}), cited)

    def codes(self, edition: str | None) -> Iterator[str]:
        """Concepts whose meaning is a preferred term, in order of their numbers."""
        del edition
        return iter(sorted(self._preferred, key=lambda code: int(code[1:])))

    @cached_property
    def _preferred(self) -> dict[str, tuple[IcdO, ...]]:
        return {
            code: tuple(icdo for row in used for icdo in row.icdos)
            for code, used in ((code, _decisive(rows)) for code, rows in self._rows.items())
            if used[0].term_type in _PREFERRED
        }

    def descendants(self, code: str, edition: str | None) -> frozenset[str]:
        """The concept itself: the hierarchy of the thesaurus is not shipped."""
        return frozenset({self._found(code, edition)[0]})

    @cached_property
    def _index(self) -> PatternIndex:
        return PatternIndex(self._preferred)

    def cover(self, boxes: BoxSet, edition: str | None) -> Cover:
        """Concepts of preferred terms inside a set of tumours, and those that overlap it."""
        del edition
        return self._index.cover(self.name, boxes, "icdo3_ncit")


def _decisive(rows: list[_Row]) -> list[_Row]:
    """The rows that give the meaning: preferred terms, else synonyms, else whatever is left."""
    for kinds in (_PREFERRED, {"synonym"}):
        if used := [row for row in rows if row.term_type in kinds]:
            return used
    return rows


def _icdos(morphology: str, topography: str) -> tuple[IcdO, ...]:
    if morphology:
        return (parse_icdo(morphology),)
    low, _, high = topography.partition("-")
    if not high:
        return (parse_icdo(topography),)
    return tuple(IcdO(category) for category in sorted(CATEGORIES) if low <= category <= high)

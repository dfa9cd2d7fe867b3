"""OMOP: concept ids of the OHDSI vocabularies, shipped for ICDO3 as far as public, else from the user's download.

`iccd terminology load --athena DIR` replaces the shipped rows. An ICDO3 concept means its code; another condition
means the ICDO3 concepts that are mapped to it or stand below it. A concept id says nothing by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

from terminology.boxes import BoxSet
from terminology.codes import IcdO, parse_icdo
from terminology.errors import UnknownCode, UnknownSystem, Unmatched
from terminology.nouns import Concept, Cover, Meaning, SystemInfo
from terminology.rowtext import rows_text
from terminology.store import Store
from terminology.systems.icd10 import Icd10
from terminology.systems.patterns import PatternIndex, boxes_of

_EXPECTED = "a concept id of the OMOP vocabularies that are loaded"
_FIRST_LOCAL = 2_000_000_001
_ICD10 = frozenset({"ICD10", "ICD10CM"})


@dataclass(frozen=True, slots=True)
class _Concept:
    concept_id: int
    vocabulary: str
    code: str
    domain: str
    concept_class: str
    standard: str
    validity: str
    code_source: str
    source: str
    number: int

    @property
    def rows(self) -> str:
        return rows_text(self.source, [self.number]) if self.number else f"{self.source} CONCEPT {self.concept_id}"


class Omop:
    """Concept ids as terms."""

    name = "OMOP"

    def __init__(self, store: Store, icd10: dict[str, Icd10]) -> None:
        self._store = store
        self._icd10 = icd10

    def info(self) -> SystemInfo:
        """Title, vocabulary release and size."""
        pack = self._store.pack("athena")
        size = int(self._store.query("SELECT count(*) FROM omop_concept")[0][0])
        return SystemInfo(self.name, "OMOP standardized vocabularies", pack.version if pack else "shipped", (), size)

    def _concept(self, code: str, edition: str | None) -> _Concept:
        if edition is not None:
            raise UnknownSystem(f"OMOP has no editions, not {edition!r}", expected="no edition")
        digits = code.strip()
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
            raise UnknownCode(self.name, code, _EXPECTED)
        if int(digits) == 0:
            raise Unmatched(self.name, digits, "a concept id other than 0, which is 'no matching concept'")
        rows = self._store.query("SELECT * FROM omop_concept WHERE concept_id = ?", (int(digits),))
        if not rows:
            local = "; ids above 2,000,000,000 are local to a database" if int(digits) >= _FIRST_LOCAL else ""
            raise UnknownCode(self.name, digits, _EXPECTED + local, f"OMOP concept {digits} is not loaded")
        return _Concept(*rows[0])

    def meaning(self, code: str, edition: str | None) -> Meaning:
        """What the concept means by its ICD-O-3 code, by its ICD-10 code, or by what is mapped to it."""
        concept = self._concept(code, edition)
        notes = self._notes(concept)
        if concept.vocabulary == "ICDO3":
            boxes = boxes_of([self._icdo(concept)])
            return Meaning(self.name, str(concept.concept_id), "", boxes, boxes, concept.rows, notes=notes)
        if concept.vocabulary in _ICD10:
            found = self._icd10[concept.vocabulary].meaning(concept.code, None)
            rows = f"{concept.rows}; {found.rows}"
            return Meaning(
                self.name,
                str(concept.concept_id),
                "",
                found.boxes,
                found.certain,
                rows,
                found.exact,
                (*notes, *found.notes),
            )
        return self._mapped(concept, notes)

    def beneath(self, code: str, edition: str | None) -> Meaning:
        """What the concept and those below it in the loaded hierarchy mean.

        It is open where one of them has no ICD-O-3 code of its own, and where no hierarchy is loaded.
        """
        concept = self._concept(code, edition)
        meaning = self.meaning(code, edition)
        if self._store.pack("athena") is None:
            return meaning.opened(f"which concepts stand below {concept.concept_id} is not loaded")
        below = self._below(concept.concept_id)
        if not below:
            return meaning
        boxes = boxes_of(icdo for icdo in map(_try_icdo, self._icdo3_below(concept.concept_id)) if icdo is not None)
        told = f"with {len(below)} concepts below it"
        whole = replace(
            meaning, boxes=meaning.boxes | boxes, certain=meaning.certain | boxes, notes=(*meaning.notes, told)
        )
        coded = all(each is not None and each.vocabulary == "ICDO3" and _try_icdo(each) for each in below)
        return whole if coded else whole.opened("not each of them has an ICD-O-3 code of its own")

    def _below(self, concept_id: int) -> list[_Concept | None]:
        """Concepts below one; None for what is in the hierarchy and not among the concepts that are kept."""
        rows = self._store.query(
            """SELECT omop_concept.* FROM omop_descendant LEFT JOIN omop_concept ON concept_id = descendant
               WHERE ancestor = ?1 AND descendant <> ?1 ORDER BY descendant""",
            (concept_id,),
        )
        return [None if row[0] is None else _Concept(*row) for row in rows]

    def _mapped(self, concept: _Concept, notes: tuple[str, ...]) -> Meaning:
        sources = self._icdo3_below(concept.concept_id)
        icdos = [icdo for icdo in map(_try_icdo, sources) if icdo is not None]
        if not icdos:
            what = f"{concept.vocabulary} {concept.concept_class}".strip()
            raise Unmatched(self.name, str(concept.concept_id), f"a concept of a tumour; this is one of {what}")
        boxes = boxes_of(icdos)
        # 'Maps to' is often uphill: the concept holds its sources for certain, and perhaps more than them.
        one = len(set(icdos)) == 1
        told = f"the union of {len(set(icdos))} ICD-O-3 codes that are mapped to it or stand below it"
        return Meaning(
            self.name,
            str(concept.concept_id),
            "",
            boxes,
            boxes,
            concept.rows,
            exact=one,
            notes=(*notes, told),
            bounded=one,
        )

    def _icdo3_below(self, concept_id: int) -> list[_Concept]:
        rows = self._store.query(
            """WITH RECURSIVE below(id) AS (
                   SELECT ?1 UNION SELECT descendant FROM omop_descendant WHERE ancestor = ?1),
               source(id) AS (
                   SELECT id FROM below UNION
                   SELECT concept_id_1 FROM omop_relation
                   WHERE relationship = 'Maps to' AND concept_id_2 IN (SELECT id FROM below))
               SELECT omop_concept.* FROM omop_concept JOIN source ON concept_id = source.id
               WHERE vocabulary = 'ICDO3' ORDER BY concept_id""",
            (concept_id,),
        )
        return [_Concept(*row) for row in rows]

    def id_of(self, vocabulary: str, code: str) -> str | None:
        """Concept id of a code in a loaded vocabulary, None if it is not there."""
        rows = self._store.texts(
            "SELECT concept_id FROM omop_concept WHERE vocabulary = ? AND code = ? ORDER BY validity = 'V' DESC",
            (vocabulary, code),
        )
        return rows[0][0] if rows else None

    def _icdo(self, concept: _Concept) -> IcdO:
        icdo = _try_icdo(concept)
        if icdo is None:
            raise Unmatched(self.name, str(concept.concept_id), f"an ICD-O-3 code; the concept's is {concept.code}")
        return icdo

    def _notes(self, concept: _Concept) -> tuple[str, ...]:
        notes = []
        if concept.validity not in ("", "V"):
            replaced = self._replacement(concept.concept_id)
            notes.append(
                f"concept {concept.concept_id} is deprecated" + (f", replaced by {replaced}" if replaced else "")
            )
        if concept.code_source == "derived-from-name":
            notes.append(f"the code {concept.code} of concept {concept.concept_id} was derived from its name")
        return tuple(notes)

    def _replacement(self, concept_id: int) -> int | None:
        """Last concept of the chain 'Concept replaced by'; a loop ends where it began."""
        seen = [concept_id]
        while rows := self._store.query(
            "SELECT concept_id_2 FROM omop_relation WHERE concept_id_1 = ? AND relationship = 'Concept replaced by'",
            (seen[-1],),
        ):
            follower = int(rows[0][0])
            if follower in seen:
                break
            seen.append(follower)
        return seen[-1] if len(seen) > 1 else None

    def lookup(self, code: str, edition: str | None) -> Concept:
        """Vocabulary, code, domain and flags; names come only from the user's own download and are not kept."""
        concept = self._concept(code, edition)
        facts = {
            "vocabulary": concept.vocabulary,
            "concept_code": concept.code,
            "domain": concept.domain,
            "class": concept.concept_class,
            "standard": concept.standard,
            "validity": concept.validity,
            "code_source": concept.code_source,
            "replaced_by": str(self._replacement(concept.concept_id) or ""),
        }
        properties = MappingProxyType({key: value for key, value in facts.items() if value})
        return Concept(self.name, str(concept.concept_id), (), None, (), properties, concept.rows)

    def codes(self, edition: str | None) -> Iterator[str]:
        """Ids of the ICDO3 concepts whose code names a tumour."""
        del edition
        return iter(self._icdo3)

    @cached_property
    def _icdo3(self) -> dict[str, tuple[IcdO, ...]]:
        rows = self._store.query("SELECT * FROM omop_concept WHERE vocabulary = 'ICDO3' ORDER BY concept_id")
        concepts = [_Concept(*row) for row in rows]
        pairs = ((str(concept.concept_id), _try_icdo(concept)) for concept in concepts)
        return {concept_id: (icdo,) for concept_id, icdo in pairs if icdo is not None}

    def descendants(self, code: str, edition: str | None) -> frozenset[str]:
        """The concept and those below it in the loaded hierarchy."""
        concept = self._concept(code, edition)
        rows = self._store.texts("SELECT descendant FROM omop_descendant WHERE ancestor = ?", (concept.concept_id,))
        return frozenset({str(concept.concept_id), *(row[0] for row in rows)})

    @cached_property
    def _index(self) -> PatternIndex:
        return PatternIndex(self._icdo3)

    def cover(self, boxes: BoxSet, edition: str | None) -> Cover:
        """ICDO3 concepts inside a set of tumours, and those that overlap it."""
        del edition
        return self._index.cover(self.name, boxes, "omop_concepts")


def _try_icdo(concept: _Concept) -> IcdO | None:
    try:
        return parse_icdo(concept.code)
    except UnknownCode:
        return None

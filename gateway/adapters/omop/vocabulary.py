"""What concepts mean by the database's own vocabulary tables (concept, concept_relationship, concept_ancestor).

An ICD-O-3 concept says its code; an ICD-10 concept goes by the gateway's terminology; any other concept of a tumour
means the ICD-O-3 histologies and sites it is defined by, else all ICD-O-3 codes that map to it or below it.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources

import numpy as np

from gateway.adapters.omop.engine import Row, Session
from gateway.adapters.omop.layout import Layout
from gateway.adapters.omop.meanings import (
    Cells,
    cells_of_boxes,
    cells_of_code,
    cells_of_codes,
    cells_of_histologies_and_sites,
)
from gateway.adapters.omop.sql import statement, text
from terminology import IcdO, Terminology, TerminologyError, UnknownCode, parse_icdo

TUMOUR_CHAPTER = re.compile(r"C\d|D[0-4]\d")
"""ICD-10 chapter II and D49 of the clinical modification."""

CONCEPTS = """
SELECT c.concept_id, c.vocabulary_id, c.concept_code FROM concept AS c
WHERE c.concept_id IN (SELECT UNNEST(CAST($ids AS BIGINT[])))
"""
TUMOURS = """
SELECT DISTINCT a.descendant_concept_id FROM concept_ancestor AS a
WHERE a.ancestor_concept_id IN (SELECT UNNEST(CAST($roots AS BIGINT[])))
AND a.descendant_concept_id IN (SELECT UNNEST(CAST($ids AS BIGINT[])))
"""
MAPPED_TUMOURS = """
SELECT DISTINCT r.concept_id_1 FROM concept_relationship AS r
JOIN concept_ancestor AS a ON a.descendant_concept_id = r.concept_id_2
WHERE a.ancestor_concept_id IN (SELECT UNNEST(CAST($roots AS BIGINT[])))
AND r.concept_id_1 IN (SELECT UNNEST(CAST($ids AS BIGINT[])))
AND r.relationship_id IN (SELECT UNNEST(CAST($maps_to AS TEXT[]))) AND COALESCE(r.invalid_reason, '') = ''
"""
BELOW = """
SELECT a.ancestor_concept_id AS id, a.descendant_concept_id AS below FROM concept_ancestor AS a
WHERE a.ancestor_concept_id IN (SELECT UNNEST(CAST($ids AS BIGINT[])))
UNION SELECT UNNEST(CAST($ids AS BIGINT[])) AS id, UNNEST(CAST($ids AS BIGINT[])) AS below
"""
ONLY_SELF = "SELECT UNNEST(CAST($ids AS BIGINT[])) AS id, UNNEST(CAST($ids AS BIGINT[])) AS below"
ICDO_BELOW = """
WITH b AS ({below})
SELECT b.id, i.concept_code FROM b
JOIN concept AS i ON i.concept_id = b.below
WHERE i.vocabulary_id IN (SELECT UNNEST(CAST($icdo AS TEXT[])))
UNION
SELECT b.id, i.concept_code FROM b
JOIN concept_relationship AS r ON r.concept_id_2 = b.below
JOIN concept AS i ON i.concept_id = r.concept_id_1
WHERE r.relationship_id IN (SELECT UNNEST(CAST($maps_to AS TEXT[])))
AND COALESCE(r.invalid_reason, '') = '' AND i.vocabulary_id IN (SELECT UNNEST(CAST($icdo AS TEXT[])))
UNION
SELECT b.id, i.concept_code FROM b
JOIN concept_relationship AS r ON r.concept_id_1 = b.below
JOIN concept AS i ON i.concept_id = r.concept_id_2
WHERE r.relationship_id IN (SELECT UNNEST(CAST($mapped_from AS TEXT[])))
AND COALESCE(r.invalid_reason, '') = '' AND i.vocabulary_id IN (SELECT UNNEST(CAST($icdo AS TEXT[])))
"""
ICDO_AXES = """
SELECT r.concept_id_1, r.relationship_id, i.concept_code FROM concept_relationship AS r
JOIN concept AS i ON i.concept_id = r.concept_id_2
WHERE r.concept_id_1 IN (SELECT UNNEST(CAST($ids AS BIGINT[])))
AND r.relationship_id IN (SELECT UNNEST(CAST($axes AS TEXT[])))
AND COALESCE(r.invalid_reason, '') = '' AND i.vocabulary_id IN (SELECT UNNEST(CAST($icdo AS TEXT[])))
"""
ICDO_CODES = """
SELECT c.concept_code FROM concept AS c WHERE c.vocabulary_id IN (SELECT UNNEST(CAST($icdo AS TEXT[])))
"""
RELATED = """
SELECT a.descendant_concept_id FROM concept_ancestor AS a
WHERE a.ancestor_concept_id IN (SELECT UNNEST(CAST($ids AS BIGINT[])))
"""
ABOVE = """
SELECT a.ancestor_concept_id FROM concept_ancestor AS a
WHERE a.descendant_concept_id IN (SELECT UNNEST(CAST($ids AS BIGINT[])))
"""
MAPPING_TO = """
SELECT r.concept_id_1 FROM concept_relationship AS r
WHERE r.concept_id_2 IN (SELECT UNNEST(CAST($ids AS BIGINT[]))) AND COALESCE(r.invalid_reason, '') = ''
AND r.relationship_id IN (SELECT UNNEST(CAST($maps_to AS TEXT[])))
"""


@dataclass(frozen=True, slots=True)
class Names:
    """Names and ids of the OHDSI vocabularies, see vocabulary.toml."""

    icdo: tuple[str, ...]
    neoplasms: tuple[int, ...]
    maps_to: tuple[str, ...]
    mapped_from: tuple[str, ...]
    histology: tuple[str, ...]
    topography: tuple[str, ...]
    systems: Mapping[str, str]
    sex_concepts: Mapping[int, str]
    sex_codes: Mapping[str, str]


@lru_cache(maxsize=1)
def names() -> Names:
    """The names that come with this kind."""
    table = tomllib.loads((resources.files(__package__) / "vocabulary.toml").read_text(encoding="utf-8"))
    diagnosis, sex = table["diagnosis"], table["sex"]
    lists = ("icdo", "neoplasms", "maps_to", "mapped_from", "histology", "topography")
    return Names(
        **{name: tuple(diagnosis[name]) for name in lists},
        systems=diagnosis["systems"],
        sex_concepts={int(concept): label for concept, label in sex["concepts"].items()},
        sex_codes=sex["codes"],
    )


@dataclass(frozen=True, slots=True)
class Concepts:
    """What the vocabulary tables say of some concepts.

    Attributes
    ----------
    known
        Concept id -> (vocabulary, code).
    tumours
        Ids that are tumours, resolved or not.
    icdo
        Ids of ICD-O-3 concepts with their codes.
    cells
        Meaning by id, for those that have one.
    odd
        ICD-O-3 codes of the vocabulary that do not exist.
    """

    known: Mapping[int, tuple[str, str]]
    tumours: frozenset[int]
    icdo: Mapping[int, IcdO]
    cells: Mapping[int, Cells]
    odd: frozenset[str] = field(default=frozenset())


class Vocabulary:
    """The vocabulary tables of one database."""

    def __init__(self, session: Session, dialect: str, layout: Layout, terminology: Terminology) -> None:
        self._session = session
        self._dialect = dialect
        self._layout = layout
        self._terminology = terminology
        self._names = names()

    def fetch(self, sql: str, **parameters: object) -> list[Row]:
        """Rows of a statement over the vocabulary tables."""
        return self._session.fetch(text(self._layout.bind(statement(sql)), self._dialect), parameters)

    def concepts(self, ids: Iterable[int]) -> Concepts:
        """What is known of concepts; 0 and ids that are in no table have no entry."""
        asked = sorted(set(ids) - {0})
        known = {int(i): (str(v), str(c)) for i, v, c in self.fetch(CONCEPTS, ids=asked)} if asked else {}
        icdo, odd = self._icdo({i: code for i, (vocabulary, code) in known.items() if vocabulary in self._names.icdo})
        tumours = self._tumours(asked) | {i for i, (vocabulary, _) in known.items() if vocabulary in self._names.icdo}
        cells = {i: cells_of_code(code) for i, code in icdo.items()}
        for i, (vocabulary, code) in known.items():
            system = self._names.systems.get(vocabulary)
            if system is not None and TUMOUR_CHAPTER.match(code):
                tumours.add(i)
                if (found := self._by_terminology(system, code)) is not None:
                    cells[i] = found
        coded = self._names.systems.keys() | set(self._names.icdo)
        related = [i for i in sorted(known) if known[i][0] not in coded and (i in tumours or not self._has_tree)]
        by_relation = self.by_relation(related)
        return Concepts(known, frozenset(tumours | by_relation.keys()), icdo, {**cells, **by_relation}, odd)

    def by_relation(self, ids: Collection[int]) -> dict[int, Cells]:
        """Meaning of concepts by the ICD-O-3 concepts they are related to."""
        if not ids:
            return {}
        below = self._codes_below(ids)
        histologies, sites = self._axes(ids)
        found: dict[int, Cells] = {}
        for i in ids:
            if i in histologies or i in sites:
                found[i] = cells_of_histologies_and_sites(histologies.get(i, []), sites.get(i, []))
            elif i in below:
                found[i] = cells_of_codes(below[i])
        return found

    def cells_beneath(self, concept: int) -> Cells | None:
        """All tumours that a concept and those below it mean; None if no ICD-O-3 code is among them."""
        known = self.concepts([concept])
        below = self._codes_below([concept]).get(concept, []) if known.known else []
        histologies, sites = self._axes(sorted(self.under([concept])))
        defined = [
            cells_of_histologies_and_sites(histologies.get(i, []), sites.get(i, []))
            for i in sorted(histologies.keys() | sites.keys())
        ]
        parts = [*known.cells.values(), *defined, *([cells_of_codes(below)] if below else [])]
        return np.unique(np.concatenate(parts)) if parts else None

    def cells_with_a_code(self) -> Cells:
        """Tumours that the vocabulary has a whole ICD-O-3 code for; of others its hierarchy can say nothing."""
        codes: list[IcdO] = []
        for (code,) in self.fetch(ICDO_CODES, icdo=list(self._names.icdo)):
            _parsed(str(code), codes.append)
        whole = [code for code in codes if None not in (code.topography, code.morphology, code.behaviour)]
        return cells_of_codes(whole) if whole else np.empty(0, np.int32)

    def under(self, concepts: Collection[int]) -> frozenset[int]:
        """The concepts, those below them, and those that map to any of these."""
        below = {*concepts, *self._ids(RELATED, concepts)} if self._has_tree else {*concepts}
        if not self._has_relations:
            return frozenset(below)
        mapping = self.fetch(MAPPING_TO, ids=sorted(below), maps_to=list(self._names.maps_to))
        return frozenset(below | {int(row[0]) for row in mapping})

    def over(self, concepts: Collection[int]) -> frozenset[int]:
        """The concepts above these."""
        return frozenset(self._ids(ABOVE, concepts)) if self._has_tree else frozenset()

    @property
    def _has_relations(self) -> bool:
        return "concept_relationship" in self._layout.tables

    @property
    def _has_tree(self) -> bool:
        return "concept_ancestor" in self._layout.tables

    def _ids(self, sql: str, ids: Collection[int]) -> set[int]:
        return {int(row[0]) for row in self.fetch(sql, ids=sorted(ids))}

    def _tumours(self, ids: list[int]) -> set[int]:
        roots = set(self._names.neoplasms)
        if not ids or not self._has_tree:
            return roots.intersection(ids)
        rows = self.fetch(TUMOURS, roots=sorted(roots), ids=ids)
        if self._has_relations:
            rows += self.fetch(MAPPED_TUMOURS, roots=sorted(roots), ids=ids, maps_to=list(self._names.maps_to))
        return {int(row[0]) for row in rows} | roots.intersection(ids)

    def _icdo(self, codes: Mapping[int, str]) -> tuple[dict[int, IcdO], frozenset[str]]:
        found: dict[int, IcdO] = {}
        odd = set()
        for i, code in codes.items():
            try:
                found[i] = parse_icdo(code)
            except UnknownCode:
                odd.add(code)
        return found, frozenset(odd)

    def _by_terminology(self, system: str, code: str) -> Cells | None:
        try:
            meaning = self._terminology.meaning(system, code)
        except TerminologyError:
            return None
        return cells_of_boxes(meaning.boxes) if meaning.bounded and meaning.boxes else None

    def _codes_below(self, ids: Collection[int]) -> dict[int, list[IcdO]]:
        if not self._has_relations:
            return {}
        rows = self.fetch(
            ICDO_BELOW.format(below=BELOW if self._has_tree else ONLY_SELF),
            ids=sorted(ids),
            icdo=list(self._names.icdo),
            maps_to=list(self._names.maps_to),
            mapped_from=list(self._names.mapped_from),
        )
        found: dict[int, list[IcdO]] = defaultdict(list)
        for i, code in rows:
            _parsed(str(code), found[int(i)].append)
        return {i: codes for i, codes in found.items() if codes}

    def _axes(self, ids: Collection[int]) -> tuple[dict[int, list[IcdO]], dict[int, list[IcdO]]]:
        if not self._has_relations:
            return {}, {}
        axes = [*self._names.histology, *self._names.topography]
        rows = self.fetch(ICDO_AXES, ids=sorted(ids), axes=axes, icdo=list(self._names.icdo))
        histologies: dict[int, list[IcdO]] = {}
        sites: dict[int, list[IcdO]] = {}
        for i, relation, code in rows:
            axis = histologies if relation in self._names.histology else sites
            _parsed(str(code), axis.setdefault(int(i), []).append)
        return {i: codes for i, codes in histologies.items() if codes}, {i: c for i, c in sites.items() if c}


def _parsed(code: str, take: Callable[[IcdO], None]) -> None:
    """Hand on a code of the vocabulary; one that ICD-O-3 does not have says nothing of a tumour."""
    try:
        take(parse_icdo(code))
    except UnknownCode:
        return

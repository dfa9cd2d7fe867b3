"""What one source knows of its database between questions: layout, codes in use, raw values of coded fields.

It is read again when rows were added, the file was replaced, or `refresh_seconds` have passed. No row of a patient is
read for it, only distinct codes.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gateway.adapters.omop.codes import Codes, Pair, read_codes, texts_needed
from gateway.adapters.omop.engine import Row, Session
from gateway.adapters.omop.expressions import COMPLETE_BIRTH, VITAL_CODES
from gateway.adapters.omop.layout import Layout, read_layout
from gateway.adapters.omop.settings import OmopSettings
from gateway.adapters.omop.shape import Coded, Constant, Shape
from gateway.adapters.omop.sql import statement, text
from gateway.adapters.omop.statements import newest_statement
from gateway.adapters.omop.vocabulary import Vocabulary, names
from gateway.model.query import Known, OneOf
from gateway.model.values import Absent, Truth
from gateway.sources.evaluate import one_of
from terminology import Terminology

PAIRS = """
SELECT COALESCE(o.condition_concept_id, 0), COALESCE(o.condition_source_concept_id, 0)
FROM condition_occurrence AS o {types} GROUP BY 1, 2
"""
NEW_PAIRS = PAIRS.format(types="WHERE o.condition_occurrence_id > CAST($newest AS BIGINT)")
TEXTS = """
SELECT o.condition_source_value, COALESCE(o.condition_concept_id, 0), COALESCE(o.condition_source_concept_id, 0)
FROM condition_occurrence AS o
WHERE COALESCE(o.condition_concept_id, 0) IN (SELECT UNNEST(CAST($concepts AS BIGINT[])))
AND COALESCE(o.condition_source_concept_id, 0) IN (SELECT UNNEST(CAST($sources AS BIGINT[])))
AND o.condition_source_value LIKE $pattern {types} GROUP BY 1, 2, 3
"""
TEXT_PATTERN = "%____/_%"
PERSONS = f"""
SELECT p.gender_concept_id, MIN(CASE WHEN {COMPLETE_BIRTH} THEN 1 ELSE 0 END) FROM person AS p GROUP BY 1
"""
GENDERS = """
SELECT c.concept_id, c.concept_code FROM concept AS c
WHERE c.vocabulary_id = 'Gender' AND c.concept_id IN (SELECT UNNEST(CAST($ids AS BIGINT[])))
"""
COUNTRIES = """
SELECT l.country_concept_id, l.country_source_value, c.concept_code FROM location AS l
LEFT JOIN concept AS c ON c.concept_id = l.country_concept_id GROUP BY 1, 2, 3
"""
ALPHA_2 = re.compile(r"[A-Z]{2}")

NEVER = ("basis", "laterality", "grade", "stage")
"""Fields that need measurement modifiers, which this kind does not read."""

Raw = object
"""A raw value of the database, or a tuple of them."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything that turns a question into statements.

    Attributes
    ----------
    known
        Coded field -> raw value -> canonical code; a field that the database does not fill is missing.
    constants
        Coded field that the database does not fill -> its value for every case.
    country_columns
        Columns of `location` that tell the country.
    pairs, by_text
        Pairs of concepts in use, and those of them that a source value may tell.
    identity, newest
        File and largest row id when this was read.
    """

    layout: Layout
    codes: Codes
    known: Mapping[str, Mapping[Raw, str]]
    constants: Mapping[str, str | Absent]
    births_complete: bool
    country_columns: tuple[str, ...]
    pairs: frozenset[Pair]
    by_text: frozenset[Pair]
    identity: object
    newest: object
    read_at: float

    @property
    def never(self) -> frozenset[str]:
        """Fields of the question that this database cannot fill."""
        return frozenset(self.constants)

    def shape_of(self, leaf: OneOf | Known) -> Shape:
        """Shape of a coded field by the raw values of this database."""
        if isinstance(leaf, Known):
            return self._known(leaf.field)
        if leaf.field in self.constants:
            return Constant(_truth(leaf, self.constants[leaf.field]))
        truths = {raw: _truth(leaf, code) for raw, code in self.known[leaf.field].items()}
        yes = tuple(raw for raw, truth in truths.items() if truth is Truth.YES)
        no = tuple(raw for raw, truth in truths.items() if truth is Truth.NO)
        return Coded(leaf.field, yes, no, _truth(leaf, Absent.UNKNOWN))

    def _known(self, name: str) -> Shape:
        if name in self.constants:
            return Constant(Truth.NO if isinstance(self.constants[name], Absent) else Truth.YES)
        return Coded(name, tuple(self.known[name]), (), Truth.NO)

    def code_of(self, name: str, raw: Raw) -> str | Absent:
        """Canonical code of a raw value."""
        if name in self.constants:
            return self.constants[name]
        return self.known[name].get(raw, Absent.UNKNOWN)

    def label_of(self, name: str, raw: Raw) -> str:
        """Label of a raw value in a table."""
        code = self.code_of(name, raw)
        return code.value if isinstance(code, Absent) else code


def _truth(leaf: OneOf, code: str | Absent) -> Truth:
    return one_of(leaf.field, code, leaf.values, recorded=leaf.recorded)


def renewed(state: State, session: Session, dialect: str) -> State | None:
    """The state for the data that a session sees: as it is if the rows that were added use codes that are known.

    None if it has to be read again: another file, or codes that have not been seen before.
    """
    if session.identity != state.identity:
        return None
    largest = _newest(session, dialect, state.layout)
    if largest == state.newest:
        return state
    statement_of_new = text(state.layout.bind(statement(NEW_PAIRS)), dialect)
    rows = session.fetch(statement_of_new, {"newest": state.newest or 0})
    added = {(int(concept), int(source)) for concept, source in rows}
    return replace(state, newest=largest) if added <= state.pairs - state.by_text else None


def _newest(session: Session, dialect: str, layout: Layout) -> object:
    """Largest row id of the conditions; it grows when rows are added."""
    return session.fetch(newest_statement(layout, dialect).text, {})[0][0]


def read_state(
    session: Session, dialect: str, settings: OmopSettings, terminology: Terminology, country: str | None
) -> State:
    """Read what is needed to answer.

    Parameters
    ----------
    country
        Declared country of the source, which stands for the database's own where that has none.

    Raises
    ------
    gateway.errors.SourceUnavailable
        The database does not answer or is no OMOP CDM.
    """
    layout = read_layout(session, dialect, settings)
    reader = _Reader(session, dialect, layout, Vocabulary(session, dialect, layout, terminology))
    largest = _newest(session, dialect, layout)
    codes, pairs, by_text = reader.codes()
    known: dict[str, Mapping[Raw, str]] = {}
    constants: dict[str, str | Absent] = dict.fromkeys(NEVER, Absent.NOT_COLLECTED)
    known["sex"], births_complete = reader.persons()
    if "death" in layout.tables:
        known["vital_status"] = {number: code for code, number in VITAL_CODES.items()}
    else:
        constants["vital_status"] = Absent.NOT_COLLECTED
    columns, known["country"] = reader.countries()
    if not columns:
        constants["country"] = country or Absent.NOT_COLLECTED
    return State(
        layout,
        codes,
        known,
        constants,
        births_complete,
        columns,
        pairs,
        by_text,
        session.identity,
        largest,
        time.monotonic(),
    )


class _Reader:
    """Distinct values of one database."""

    def __init__(self, session: Session, dialect: str, layout: Layout, vocabulary: Vocabulary) -> None:
        self._session = session
        self._dialect = dialect
        self._layout = layout
        self._vocabulary = vocabulary

    def codes(self) -> tuple[Codes, frozenset[Pair], frozenset[Pair]]:
        """Codes in use, their pairs of concepts, and the pairs that a source value may tell."""
        rows = self._fetch(PAIRS.format(types=self._types("WHERE")))
        pairs = frozenset((int(concept), int(source)) for concept, source in rows)
        concepts = self._vocabulary.concepts({each for pair in pairs for each in pair})
        by_text = texts_needed(pairs, concepts)
        return read_codes(pairs, concepts, self._texts(by_text)), pairs, by_text

    def persons(self) -> tuple[dict[Raw, str], bool]:
        """Sex by gender_concept_id, and whether all births are complete."""
        rows = self._fetch(PERSONS)
        ids = sorted(int(concept) for concept, _ in rows if concept is not None)
        table = names()
        own = {int(i): table.sex_codes.get(str(code).upper()) for i, code in self._fetch(GENDERS, ids=ids)}
        found = {i: table.sex_concepts.get(i) or own.get(i) for i in ids}
        return {i: label for i, label in found.items() if label is not None}, all(complete for _, complete in rows)

    def countries(self) -> tuple[tuple[str, ...], dict[Raw, str]]:
        """Fewest columns that tell the country, and the country of each of their values."""
        if "location" not in self._layout.tables:
            return (), {}
        rows = self._fetch(COUNTRIES)
        found = {(concept, value): country for concept, value, code in rows if (country := _country(value, code))}
        if not found:
            return (), {}
        if all(_country(value, None) for _, value in found):
            return ("value",), {value: country for (_, value), country in found.items()}
        return ("concept", "value"), dict(found)

    def _texts(self, pairs: frozenset[Pair]) -> dict[str, frozenset[Pair]]:
        if not pairs:
            return {}
        concepts, sources = (sorted(set(side)) for side in zip(*pairs, strict=True))
        sql = TEXTS.format(types=self._types("AND"))
        rows = self._fetch(sql, concepts=concepts, sources=sources, pattern=TEXT_PATTERN)
        found: dict[str, set[Pair]] = defaultdict(set)
        for value, concept, source in rows:
            found[value].add((int(concept), int(source)))
        return {value: frozenset(where & pairs) for value, where in found.items() if where & pairs}

    def _types(self, word: str) -> str:
        types = ", ".join(map(str, self._layout.condition_types))
        return f"{word} o.condition_type_concept_id IN ({types})" if types else ""

    def _fetch(self, sql: str, **parameters: object) -> list[Row]:
        return self._session.fetch(text(self._layout.bind(statement(sql)), self._dialect), parameters)


def _country(value: str | None, code: str | None) -> str | None:
    """ISO 3166-1 alpha-2 code: the source's own text, else the code of the concept, if either is written so."""
    for each in (value, code):
        if each is not None and ALPHA_2.fullmatch(each.strip().upper()):
            return each.strip().upper()
    return None

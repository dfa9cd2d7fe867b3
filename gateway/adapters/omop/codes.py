"""The codes that conditions of a database are recorded with, and what each of them means.

A condition is recorded by up to three values: condition_source_concept_id, condition_concept_id and the text of
condition_source_value. What it means is decided once for each combination in use, in this order: an ICD-O-3 concept
(source or standard, the more exact one), an ICD-10 source, the standard concept's relations, any other source, and
where no concept says anything a text such as `9500/3-C74.9`. A tumour without any of these is a case of which nothing
is known; a condition that is no tumour is no case.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.adapters.omop.meanings import Cells, Meanings, cells_of_code, diagnosis_of_cells
from gateway.adapters.omop.vocabulary import Concepts, names
from gateway.model.case import Diagnosis
from gateway.model.values import Absent
from terminology import IcdO, UnknownCode, parse_icdo

ICDO_TEXT = re.compile(r"(?:M-?)?\d{4}\s*/\s*\d(?:\s*-?\s*(?:C\d\d\.?\d?|NULL))?", re.IGNORECASE | re.ASCII)
"""A source value is read as ICD-O-3 only with morphology and behaviour: `C74.9` alone may be ICD-10."""

NAMED_CODES = 5

Pair = tuple[int, int]
"""(condition_concept_id, condition_source_concept_id); 0 where there is none."""

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Branch:
    """Rows whose tumour is told by one column, or by a few.

    Attributes
    ----------
    column
        `source` or `concept`: that concept id alone. `pair`: both. `text`: the source value. `rest`: both, where the
        source value says nothing.
    ids
        Columns of the key, one or two, of the same length.
    tumours
        Number of the tumour (see Codes) for each key.
    concepts, sources
        Only rows with one of these concepts and sources; None = any.
    """

    column: str
    ids: tuple[tuple[int | str, ...], ...]
    tumours: Ids
    concepts: tuple[int, ...] | None = None
    sources: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """All codes in use and what they mean; one reading is equal to itself only.

    Attributes
    ----------
    diagnoses
        For each kind of tumour, what a record shows.
    recorded
        For each kind of tumour, every way it was recorded.
    meanings
        For each kind of tumour, its meaning.
    branches
        How rows are told apart; a row is in one branch at most.
    pairs
        Kind of tumour -> the pairs of concepts it was recorded with.
    notes
        Sentences for the answer; they hold codes and numbers of codes, never numbers of cases.
    """

    diagnoses: tuple[Diagnosis, ...]
    recorded: tuple[frozenset[Diagnosis], ...]
    meanings: Meanings
    branches: tuple[Branch, ...]
    pairs: tuple[frozenset[Pair], ...]
    texts: tuple[str, ...]
    notes: tuple[str, ...]


class _Tumours:
    """Numbers the kinds of tumour: one for each meaning, and one for each concept whose meaning is not known."""

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}
        self.cells: list[Cells | None] = []
        self.diagnoses: list[Diagnosis] = []
        self.recorded: list[set[Diagnosis]] = []
        self.pairs: list[set[Pair]] = []

    def number(self, pair: Pair, cells: Cells | None, diagnosis: Diagnosis) -> int:
        key = ("concept", pair[0] or pair[1]) if cells is None else cells.tobytes()
        number = self._numbers.setdefault(key, len(self._numbers))
        if number == len(self.cells):
            self.cells.append(cells)
            self.diagnoses.append(diagnosis)
            self.recorded.append(set())
            self.pairs.append(set())
        self.recorded[number].add(diagnosis)
        self.pairs[number].add(pair)
        return number


NO_TUMOUR = -1
BY_TEXT = -2

CONCEPT, SOURCE = 0, 1
COLUMNS = ("concept", "source")
"""Branches by one side of a pair."""


def texts_needed(pairs: Iterable[Pair], concepts: Concepts) -> frozenset[Pair]:
    """Pairs whose meaning only the source value can tell: no concept, or a tumour without a meaning."""
    return frozenset(
        (concept, source)
        for concept, source in pairs
        if concept not in concepts.cells
        and source not in concepts.cells
        and (concept == 0 or concept in concepts.tumours)
    )


def read_codes(pairs: Iterable[Pair], concepts: Concepts, texts: Mapping[str, frozenset[Pair]]) -> Codes:
    """Decide what every combination in use means.

    Parameters
    ----------
    pairs
        Distinct (concept, source) of all conditions.
    concepts
        What the vocabulary says of them.
    texts
        Source values of the pairs of `texts_needed`, with the pairs each occurs with.
    """
    tumours = _Tumours()
    by_text, refused = _by_text(texts, tumours)
    open_pairs = texts_needed(pairs, concepts) if by_text else frozenset()
    numbers: dict[Pair, int] = {}
    rest: dict[Pair, int] = {}
    unresolved: set[int] = set()
    for pair in sorted(set(pairs)):
        number = _number(pair, concepts, tumours, unresolved)
        if pair in open_pairs:
            rest[pair] = number
            numbers[pair] = BY_TEXT
        else:
            numbers[pair] = number
    return Codes(
        tuple(tumours.diagnoses),
        tuple(frozenset(each) for each in tumours.recorded),
        Meanings(tumours.cells),
        tuple(_branches(numbers, rest, by_text)),
        tuple(frozenset(each) for each in tumours.pairs),
        tuple(by_text),
        tuple(_notes(unresolved, concepts.odd, refused)),
    )


def _by_text(texts: Mapping[str, frozenset[Pair]], tumours: _Tumours) -> tuple[dict[str, int], frozenset[str]]:
    """Tumour of each source value that is an ICD-O-3 code, and those that look like one and do not exist."""
    found = {}
    refused = set()
    for value, where in sorted(texts.items()):
        written = value.strip()
        if not ICDO_TEXT.fullmatch(written):
            continue
        try:
            code = parse_icdo(written)
        except UnknownCode:
            refused.add(written)
            continue
        for pair in sorted(where):
            found[value] = tumours.number(pair, cells_of_code(code), _recorded(code))
    return found, frozenset(refused)


def _number(pair: Pair, concepts: Concepts, tumours: _Tumours, unresolved: set[int]) -> int:
    concept, source = pair
    if (coded := _coded(concept, source, concepts)) is not None:
        return tumours.number(pair, cells_of_code(coded), _recorded(coded))
    systems = names().systems
    vocabulary = concepts.known.get(source, ("", ""))[0]
    order = (source, concept) if vocabulary in systems else (concept, source)
    for each in order:
        if (cells := concepts.cells.get(each)) is not None:
            return tumours.number(pair, cells, _recorded_by(each, cells, concepts))
    if concept in concepts.tumours or source in concepts.tumours:
        unresolved.add(concept or source)
        return tumours.number(pair, None, Diagnosis())
    return NO_TUMOUR


def _coded(concept: int, source: int, concepts: Concepts) -> IcdO | None:
    """The more exact ICD-O-3 code of a pair; the source's if both are."""
    found = [concepts.icdo[each] for each in (source, concept) if each in concepts.icdo]
    return min(found, key=lambda code: len(cells_of_code(code)), default=None)


def _recorded(code: IcdO) -> Diagnosis:
    return Diagnosis(
        topography=Absent.UNKNOWN if code.topography is None else code.topography,
        morphology=Absent.UNKNOWN if code.morphology is None else code.morphology,
        behaviour=Absent.UNKNOWN if code.behaviour is None else code.behaviour,
    )


def _recorded_by(concept: int, cells: Cells, concepts: Concepts) -> Diagnosis:
    vocabulary, code = concepts.known[concept]
    return Diagnosis(icd10=code) if vocabulary == "ICD10" else diagnosis_of_cells(cells)


def _branches(numbers: Mapping[Pair, int], rest: Mapping[Pair, int], by_text: Mapping[str, int]) -> list[Branch]:
    """Fewest ways to tell the tumour; of equal ones by the standard concept first, which OHDSI's indexes are for."""
    found = min((list(_by_columns(numbers, first)) for first in (CONCEPT, SOURCE)), key=len)
    if by_text:
        concepts, sources = (tuple(sorted(set(side))) for side in zip(*rest, strict=True))
        found.extend(_branch("text", by_text, concepts=concepts, sources=sources))
        found.extend(_branch("rest", rest))
    return found


def _by_columns(numbers: Mapping[Pair, int], first: int) -> Iterator[Branch]:
    """One column where it suffices, then the other among the rows that are left, then both."""
    second = SOURCE if first == CONCEPT else CONCEPT
    by_first = _told_by(numbers, first)
    yield from _branch(COLUMNS[first], by_first)
    left = {pair: number for pair, number in numbers.items() if pair[first] not in by_first}
    others = tuple(sorted({pair[first] for pair in left})) if by_first else None
    by_second = _told_by(left, second)
    limits = {"concepts": others} if first == CONCEPT else {"sources": others}
    yield from _branch(COLUMNS[second], by_second, **limits)
    yield from _branch("pair", {pair: n for pair, n in left.items() if pair[second] not in by_second})


def _told_by(numbers: Mapping[Pair, int], position: int) -> dict[int, int]:
    """Ids (other than 0) on one side of the pairs that stand for one tumour whatever is on the other side."""
    found: dict[int, set[int]] = defaultdict(set)
    for pair, number in numbers.items():
        found[pair[position]].add(number)
    return {
        each: next(iter(seen)) for each, seen in found.items() if each != 0 and len(seen) == 1 and BY_TEXT not in seen
    }


def _branch(
    column: str,
    found: Mapping[int, int] | Mapping[Pair, int] | Mapping[str, int],
    concepts: tuple[int, ...] | None = None,
    sources: tuple[int, ...] | None = None,
) -> Iterator[Branch]:
    rows = [(key if isinstance(key, tuple) else (key,), number) for key, number in found.items() if number >= 0]
    if rows:
        ids = tuple(zip(*(key for key, _ in rows), strict=True))
        yield Branch(column, ids, np.array([number for _, number in rows], np.int64), concepts, sources)


def _notes(unresolved: set[int], odd: frozenset[str], refused: frozenset[str]) -> Iterator[str]:
    if unresolved:
        yield (
            f"{len(unresolved)} codes of tumours have no ICD-O-3 meaning in this database: "
            "their cases are possible for every diagnosis"
        )
    if odd:
        yield f"concepts with codes that ICD-O-3 does not have, counted as tumours of unknown diagnosis: {_some(odd)}"
    if refused:
        yield f"source values that ICD-O-3 does not have, not counted: {_some(refused)}"


def _some(codes: frozenset[str]) -> str:
    return ", ".join(sorted(codes)[:NAMED_CODES]) + (", ..." if len(codes) > NAMED_CODES else "")

"""Terms of a question become box sets, with the equivalence and the table rows that were used.

A term whose map is inexact has an inner (certain) and an outer (possible) meaning; a term that also means things
outside any box is possible everywhere. Terms that only a source's own vocabulary knows (an OMOP concept id that may
not be shipped) are resolved by such a source; what nobody knows is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import or_

from gateway.errors import UnknownTerm
from gateway.model.answer import Translation
from gateway.model.query import And, DiagnosisIn, Expr, Not, Or, Term, leaves
from terminology import BoxSet, Equivalence, Meaning, Terminology, TerminologyError, Unmatched, parse_behaviour

SHOWN_BOXES = 6
KEPT = 256
"""Meanings that are kept: a box set takes 215 kB."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Meaning of one term.

    Attributes
    ----------
    certain, possible
        Inner and outer box set.
    to
        Readable form for the answer.
    equivalence
        FHIR R4 ConceptMap word.
    rows
        Table rows, or the source whose vocabulary resolved it.
    """

    certain: BoxSet
    possible: BoxSet
    to: str
    equivalence: str
    rows: str

    def note(self, term: Term) -> Translation:
        """How this term was translated, for the answer."""
        return Translation(str(term), self.to, self.equivalence, self.rows)


Meanings = Mapping[tuple[str, Term], Resolved]


def terms_of(where: Expr) -> tuple[tuple[str, Term], ...]:
    """All (field, term) pairs of a condition, in order, each once."""
    found = {(leaf.field, term): None for leaf in leaves(where) if isinstance(leaf, DiagnosisIn) for term in leaf.terms}
    return tuple(found)


@lru_cache(maxsize=KEPT)
def resolve_term(field: str, term: Term, iccc: str, terminology: Terminology) -> Resolved | None:
    """Meaning of a term by the loaded terminology; None if the code exists but has no map.

    Raises
    ------
    UnknownTerm
        The code, system or edition does not exist; the message names it.
    """
    if field == "behaviour":
        return _behaviour(term)
    edition = term.edition or (iccc if term.system in {"ICCC3", "SEER"} else None)
    try:
        ask = terminology.beneath if term.below else terminology.meaning
        meaning = ask(term.system, term.code, edition)
    except Unmatched:
        return None
    except TerminologyError as error:
        raise UnknownTerm(error.message, where=field, expected=error.expected) from error
    return _from_meaning(meaning)


def resolved_elsewhere(certain: BoxSet, possible: BoxSet, source: str) -> Resolved:
    """Meaning that a source found in its own vocabulary tables; tumours it has no code for stay possible."""
    if certain == possible:
        return Resolved(certain, possible, readable(certain), Equivalence.EQUAL.value, f"vocabulary of source {source}")
    text = f"certain: {readable(certain)}; possible: also what that vocabulary has no code for"
    return Resolved(certain, possible, text, Equivalence.INEXACT.value, f"vocabulary of source {source}")


def fill(where: Expr, meanings: Meanings) -> Expr:
    """Condition with the box sets of every diagnosis leaf whose terms are all resolved."""
    match where:
        case And(items):
            return And(tuple([fill(item, meanings) for item in items]))
        case Or(items):
            return Or(tuple(fill(item, meanings) for item in items))
        case Not(item):
            return Not(fill(item, meanings))
        case DiagnosisIn(field, terms):
            found = [meanings.get((field, term)) for term in terms]
            known = [item for item in found if item is not None]
            if len(known) < len(found):
                return where
            certain = union(item.certain for item in known)
            return DiagnosisIn(field, terms, certain, union(item.possible for item in known))
    return where


def union(sets: Iterable[BoxSet]) -> BoxSet:
    """Union of any number of box sets."""
    given = tuple(sets)
    return given[0] if len(given) == 1 else _union(given)


@lru_cache(maxsize=KEPT)
def _union(sets: tuple[BoxSet, ...]) -> BoxSet:
    return reduce(or_, sets) if sets else BoxSet.empty()


@lru_cache(maxsize=KEPT)
def readable(boxes: BoxSet) -> str:
    """First boxes of a set in words, and how many more there are."""
    found = boxes.boxes()
    shown = "; ".join(str(box) for box in found[:SHOWN_BOXES])
    rest = len(found) - SHOWN_BOXES
    return f"{shown}; and {rest} more boxes" if rest > 0 else shown or "nothing"


def _behaviour(term: Term) -> Resolved:
    try:
        digit = parse_behaviour(term.code)
    except TerminologyError as error:
        raise UnknownTerm(error.message, where="behaviour", expected=error.expected) from error
    boxes = BoxSet.where(behaviours=(digit,))
    return Resolved(boxes, boxes, f"behaviour /{digit}", Equivalence.EQUAL.value, "ICD-O-3 behaviour axis")


def _from_meaning(meaning: Meaning) -> Resolved:
    if meaning.exact:
        return Resolved(meaning.boxes, meaning.boxes, readable(meaning.boxes), Equivalence.EQUAL.value, meaning.rows)
    possible = meaning.boxes if meaning.bounded else BoxSet.everything()
    word = Equivalence.WIDER if meaning.bounded and not meaning.certain else Equivalence.INEXACT
    text = f"certain: {readable(meaning.certain)}; possible: {readable(meaning.boxes)}"
    return Resolved(meaning.certain, possible, text, word.value, meaning.rows)

"""Plan: what each source is asked, or why it is not.

For each source: a SourceQuery it can answer, with the translation of every term, or a Refusal, which is an answer.
Fields that a source never fills make its answer bounded; coverage that ends inside the question makes it partial.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeGuard

from gateway.errors import TooCostly
from gateway.model.answer import Status, Translation
from gateway.model.capability import Capabilities, Support
from gateway.model.fields import FIELD_OF_DIMENSION
from gateway.model.query import NOTHING, CaseQuery, DiagnosisIn, Expr, Unit, leaves, size
from gateway.planner.coverage import outside, partly
from gateway.planner.rewrite.constants import fold_constants
from gateway.planner.terms import Meanings, fill, terms_of
from terminology import BoxSet, Terminology

MAX_NODES = 64
MAX_DEPTH = 8
MAX_TERMS = 500


@dataclass(frozen=True, slots=True)
class SourceQuery:
    """What one source is asked.

    Attributes
    ----------
    query
        Question with box sets, without `source` and without `by` of values that are constant here.
    constants
        Labels that the merge puts into the cells: dimension -> label.
    status
        OK, or PARTIAL with reasons known before asking.
    empty
        True if the question cannot match here (`source` or country excluded): exactly 0, no call.
    """

    query: CaseQuery
    constants: Mapping[str, str]
    translation: tuple[Translation, ...]
    status: Status = Status.OK
    reasons: tuple[str, ...] = ()
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a source is not asked."""

    status: Status
    reason: str
    translation: tuple[Translation, ...] = ()


Plan = Mapping[str, SourceQuery | Refusal]


def is_asked(step: SourceQuery | Refusal) -> TypeGuard[SourceQuery]:
    """Whether a source is called for its part of a plan."""
    return isinstance(step, SourceQuery) and not step.empty


def check_size(query: CaseQuery) -> None:
    """Refuse questions beyond the limits.

    Raises
    ------
    TooCostly
        More than 64 nodes, depth 8 or 500 codes.
    """
    nodes, depth = size(query.where)
    terms = sum(len(leaf.terms) for leaf in leaves(query.where) if isinstance(leaf, DiagnosisIn))
    for what, found, most in (("parts", nodes, MAX_NODES), ("levels", depth, MAX_DEPTH), ("codes", terms, MAX_TERMS)):
        if found > most:
            raise TooCostly(f"the question has {found} {what}", where="question", expected=f"at most {most}")


def make_plan(
    query: CaseQuery, capabilities: Mapping[str, Capabilities], meanings: Meanings, terminology: Terminology
) -> Plan:
    """Plan of a question for every source.

    Parameters
    ----------
    query
        Question with terms.
    capabilities
        By source id.
    meanings
        Resolved terms; a term that is missing has no map here (see gateway.planner.terms).
    """
    filled = CaseQuery(fill(query.where, meanings), query.by, query.unit, query.iccc, query.page)
    return {name: _plan_source(name, filled, ability, meanings, terminology) for name, ability in capabilities.items()}


def _plan_source(
    name: str, query: CaseQuery, ability: Capabilities, meanings: Meanings, terminology: Terminology
) -> SourceQuery | Refusal:
    constants = {"source": name}
    if ability.coverage.country and ability.support("country") is Support.NEVER:
        constants["country"] = ability.coverage.country
    where = fold_constants(query.where, constants)
    by = tuple(dimension for dimension in query.by if dimension not in constants)
    asked = query if where is query.where and by == query.by else replace(query, where=where, by=by)
    translation = _translation(where, ability, meanings, terminology)
    if where == NOTHING:
        return SourceQuery(asked, constants, translation, empty=True)
    refusal = _refuse(asked, ability, meanings)
    if refusal:
        return Refusal(Status.UNSUPPORTED, refusal, translation)
    reasons = (*partly(where, ability.coverage), *_never(where, by, ability))
    return SourceQuery(asked, constants, translation, Status.PARTIAL if reasons else Status.OK, reasons)


def _refuse(query: CaseQuery, ability: Capabilities, meanings: Meanings) -> str | None:
    if query.unit not in ability.units:
        other = Unit.TUMOURS if query.unit is Unit.PATIENTS else Unit.PATIENTS
        return f"counts {other.value} only"
    for field, term in terms_of(query.where):
        if (field, term) not in meanings and term.system not in ability.resolves:
            return f"{term} has no map to what this source holds"
    return outside(query.where, ability.coverage)


def _never(where: Expr, by: tuple[str, ...], ability: Capabilities) -> tuple[str, ...]:
    if not ability.never:
        return ()
    used = {leaf.field for leaf in leaves(where)} | {FIELD_OF_DIMENSION.get(dimension, dimension) for dimension in by}
    return tuple(f"{field} is not collected" for field in sorted(used & ability.never))


def _translation(
    where: Expr, ability: Capabilities, meanings: Meanings, terminology: Terminology
) -> tuple[Translation, ...]:
    systems = {system for system, _ in ability.code_systems}
    notes = []
    for field, term in terms_of(where):
        resolved = meanings.get((field, term))
        if resolved is None:
            known = term.system in ability.resolves
            notes.append(
                Translation(str(term), "own vocabulary" if known else "", "equal" if known else "unmatched", "")
            )
        elif "ICDO3" in systems or not systems:
            notes.append(resolved.note(term))
        else:
            notes.extend(_covered(str(term), resolved.possible, sorted(systems), terminology))
    return tuple(notes)


def _covered(term: str, boxes: BoxSet, systems: list[str], terminology: Terminology) -> list[Translation]:
    notes = []
    for system in systems:
        cover = terminology.cover(boxes, system)
        outer = sorted(cover.possible)
        text = f"{system} certain: {', '.join(sorted(cover.certain)) or 'none'}; possible: {', '.join(outer) or 'none'}"
        notes.append(Translation(term, text, "equal" if cover.exact else "inexact", cover.rows))
    return notes

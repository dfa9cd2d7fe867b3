"""Meanings of all terms of a question: the gateway's terminology first, then the vocabularies of the sources.

An OMOP concept id that may not be shipped is looked up in the sources that hold OMOP vocabulary tables; what the
first of them finds is what the other sources are asked too. A code that nobody knows is refused by name.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from gateway.errors import SourceFailure, UnknownTerm
from gateway.model.capability import Capabilities
from gateway.model.query import CaseQuery, Term
from gateway.planner.terms import Resolved, resolve_term, resolved_elsewhere, terms_of
from gateway.sources.base import Deadline, ResolvesTerms, Source
from terminology import BoxSet, Terminology

log = logging.getLogger(__name__)


async def find_meanings(
    query: CaseQuery,
    abilities: Mapping[str, Capabilities],
    sources: Mapping[str, Source],
    terminology: Terminology,
    deadline: Deadline,
) -> Mapping[tuple[str, Term], Resolved]:
    """Meanings by (field, term); a term that exists but has no map anywhere is missing.

    Raises
    ------
    UnknownTerm
        A code that neither the terminology nor any source's vocabulary knows.
    """
    found: dict[tuple[str, Term], Resolved] = {}
    for field, term in terms_of(query.where):
        resolvers = [name for name, ability in abilities.items() if term.system in ability.resolves]
        try:
            meaning = resolve_term(field, term, query.iccc, terminology)
        except UnknownTerm:
            if not resolvers:
                raise
            meaning = None
            elsewhere = await _ask_sources(term, resolvers, sources, deadline)
            if elsewhere is None:
                raise
            found[field, term] = elsewhere
            continue
        if meaning is None or (term.below and meaning.possible == BoxSet.everything()):
            meaning = await _ask_sources(term, resolvers, sources, deadline) or meaning
        if meaning is not None:
            found[field, term] = meaning
    return found


async def _ask_sources(
    term: Term, resolvers: list[str], sources: Mapping[str, Source], deadline: Deadline
) -> Resolved | None:
    for name in resolvers:
        source = sources[name]
        if not isinstance(source, ResolvesTerms):
            continue
        try:
            async with asyncio.timeout(deadline.remaining() / 2):
                found = await source.resolve(term, deadline)
        except (TimeoutError, SourceFailure, UnknownTerm):
            log.warning("source %s could not look up a code of %s", name, term.system)
            continue
        if found is not None:
            return resolved_elsewhere(found.certain, found.possible, name)
    return None

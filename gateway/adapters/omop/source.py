"""OmopSource: one OMOP CDM database behind the port; blocking work runs in a few threads of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from gateway.adapters.omop.asking import Asking, answer, prepare
from gateway.adapters.omop.engine import Engine, Session
from gateway.adapters.omop.layout import read_layout
from gateway.adapters.omop.meanings import boxes_of_cells
from gateway.adapters.omop.pseudonym import Pseudonyms
from gateway.adapters.omop.records import Records
from gateway.adapters.omop.settings import OmopSettings, read_settings
from gateway.adapters.omop.shape import Truths
from gateway.adapters.omop.state import NEVER, State, newest, read_state
from gateway.adapters.omop.vocabulary import Vocabulary
from gateway.errors import SourceUnavailable, UnknownTerm
from gateway.model.answer import SourceAnswer
from gateway.model.capability import Capabilities
from gateway.model.query import CaseQuery, DiagnosisIn, Term
from gateway.model.values import Truth
from gateway.sources.base import Context, Deadline, SourceConfig
from terminology import BoxSet

SYSTEM = "OMOP"
READING_SECONDS = 600.0
"""Time to read the codes in use; it goes on when the asker has gone, so that the next one finds it done."""

T = TypeVar("T")


class OmopSource:
    """One OMOP CDM database.

    Parameters
    ----------
    config
        Block of the settings.
    context
        Terminology and secret of the gateway.
    """

    def __init__(self, config: SourceConfig, context: Context) -> None:
        self.id = config.id
        self._config = config
        self._terminology = context.terminology
        self._settings = read_settings(config)
        self._engine = open_engine(self._settings)
        self._threads = ThreadPoolExecutor(self._settings.connections, thread_name_prefix=f"omop-{config.id}")
        self._pseudonyms = [Pseudonyms.of(context.salt, config.id, sort) for sort in ("case", "patient")]
        self._reading = threading.Lock()
        self._state: State | None = None

    def capabilities(self) -> Capabilities:
        """What can be asked, as far as it is known before the first question."""
        never = frozenset(NEVER) if self._state is None else self._state.never
        return Capabilities(
            kind="omop",
            title=self._config.title,
            coverage=self._config.coverage,
            never=never | ({"country"} if self._settings.version == "5.3" else frozenset()),
            resolves=frozenset({SYSTEM}),
        )

    async def answer(self, query: CaseQuery, deadline: Deadline) -> SourceAnswer:
        """Answer a planned question; counts are made by the database, no row of a patient is fetched for them."""
        return await self._in_session(lambda session: self._answer(session, query), deadline)

    async def resolve(self, term: Term, deadline: Deadline) -> BoxSet | None:
        """Tumours that an OMOP concept and those below it mean by the database's vocabulary."""
        concept = _concept_id(term)
        if term.system != SYSTEM or concept is None:
            return None
        return await self._in_session(lambda session: self._resolve(session, concept), deadline)

    def close(self) -> None:
        """Close connections and threads; questions under way end first."""
        self._threads.shutdown(cancel_futures=True)
        self._engine.close()

    def _answer(self, session: Session, query: CaseQuery) -> SourceAnswer:
        state = self._current(session)
        vocabulary = Vocabulary(session, self._engine.dialect, state.layout, self._terminology)
        prepared = prepare(state, query, lambda leaf: _native(state, vocabulary, leaf))
        asking = Asking(session, self._engine.dialect, state, prepared, self._terminology, query.iccc)
        try:
            return answer(asking, query, Records(self.id, state, *self._pseudonyms), state.codes.notes)
        except SourceUnavailable:
            # What was known of the database may no longer hold (a table renamed, a birth made impossible).
            self._state = None
            raise

    def _resolve(self, session: Session, concept: int) -> BoxSet | None:
        layout = read_layout(session, self._engine.dialect, self._settings)
        cells = Vocabulary(session, self._engine.dialect, layout, self._terminology).cells_beneath(concept)
        return None if cells is None else boxes_of_cells(cells)

    def _current(self, session: Session) -> State:
        """State of the data that this session sees, read anew if need be."""
        state = self._state
        if state is not None and self._fresh(state, session):
            return state
        with self._reading:
            state = self._state
            if state is not None and self._fresh(state, session):
                return state
            with self._engine.session(Deadline.after(READING_SECONDS)) as reading:
                country = self._config.coverage.country
                self._state = read_state(reading, self._engine.dialect, self._settings, self._terminology, country)
            return self._state

    def _fresh(self, state: State, session: Session) -> bool:
        if state.identity != session.identity or time.monotonic() - state.read_at > self._settings.refresh_seconds:
            return False
        return newest(session, self._engine.dialect, state.layout) == state.newest

    async def _in_session(self, work: Callable[[Session], T], deadline: Deadline) -> T:
        """Run blocking work in a thread with a session; cancelling the asker stops the statement."""
        if deadline.remaining() <= 0:
            raise TimeoutError
        running: list[Session] = []
        gone = threading.Event()

        def run() -> T:
            with self._engine.session(deadline) as session:
                running.append(session)
                if gone.is_set():
                    raise TimeoutError
                try:
                    return work(session)
                finally:
                    running.clear()

        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, run)
        except asyncio.CancelledError:
            gone.set()
            for session in tuple(running):
                loop.run_in_executor(None, session.cancel)
            raise


def open_engine(settings: OmopSettings) -> Engine:
    """Engine of the settings; nothing is contacted yet."""
    if settings.file is not None:
        from gateway.adapters.omop.duck import DuckEngine

        return DuckEngine(settings.file, settings.name, {})
    from gateway.adapters.omop.postgres import PostgresEngine

    return PostgresEngine(settings.url or "", settings.password, settings.name)


def _native(state: State, vocabulary: Vocabulary, leaf: DiagnosisIn) -> Truths:
    """Outcome of OMOP concepts for each kind of tumour: by the concepts it is recorded with, else by its meaning."""
    ids = [_concept_id(term) for term in leaf.terms]
    known = vocabulary.concepts([each for each in ids if each is not None]).known
    for term, concept in zip(leaf.terms, ids, strict=True):
        if concept not in known:
            raise UnknownTerm(
                f"{term} is not in the vocabulary of this source",
                where=leaf.field,
                expected="a concept id of its concept table",
            )
    concepts = sorted(known)
    under, over = vocabulary.under(concepts), vocabulary.over(concepts)
    parts = [cells for concept in concepts if (cells := vocabulary.cells_beneath(concept)) is not None]
    boxes = boxes_of_cells(np.unique(np.concatenate(parts))) if parts else BoxSet.empty()
    found = state.codes.meanings.outcomes(boxes, boxes)
    for number, pairs in enumerate(state.codes.pairs):
        inside = [bool(under.intersection(pair)) for pair in pairs]
        if all(inside):
            found[number] = Truth.YES
        elif any(inside) or any(over.intersection(pair) for pair in pairs):
            found[number] = max(found[number], Truth.POSSIBLE)
    return found


def _concept_id(term: Term) -> int | None:
    code = term.code.strip()
    return int(code) if code.isascii() and code.isdigit() else None

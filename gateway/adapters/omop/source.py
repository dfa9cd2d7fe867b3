"""OmopSource: one OMOP CDM database behind the port; blocking work runs in a few threads of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
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
from gateway.adapters.omop.state import NEVER, State, read_state, renewed
from gateway.adapters.omop.vocabulary import Vocabulary
from gateway.errors import SourceUnavailable, UnknownTerm
from gateway.model.answer import SourceAnswer
from gateway.model.capability import Capabilities
from gateway.model.query import CaseQuery, DiagnosisIn, Term
from gateway.model.values import Truth
from gateway.sources.base import Context, Deadline, Resolution, SourceConfig
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
        return await self._in_thread(lambda asker: self._answer(asker, query), deadline)

    async def resolve(self, term: Term, deadline: Deadline) -> Resolution | None:
        """Tumours that an OMOP concept and those below it mean by the database's vocabulary."""
        concept = _concept_id(term)
        if term.system != SYSTEM or concept is None:
            return None
        return await self._in_thread(lambda asker: self._resolve(asker, concept), deadline)

    def close(self) -> None:
        """Close connections and threads; questions under way end first."""
        self._threads.shutdown(cancel_futures=True)
        self._engine.close()

    def _answer(self, asker: Asker, query: CaseQuery) -> SourceAnswer:
        old = self._state is None or time.monotonic() - self._state.read_at > self._settings.refresh_seconds
        if old:
            self._read()
        while True:
            with asker.session(self._engine) as session:
                state = self._renewed(session)
                if state is not None:
                    return self._answer_from(state, session, query)
            self._read()

    def _answer_from(self, state: State, session: Session, query: CaseQuery) -> SourceAnswer:
        vocabulary = Vocabulary(session, self._engine.dialect, state.layout, self._terminology)
        try:
            records = Records(self.id, state, *self._pseudonyms)
            prepared = prepare(state, query, lambda leaf: _native(state, vocabulary, leaf), records.numbers)
            asking = Asking(session, self._engine.dialect, state, prepared, self._terminology, query.iccc)
            return answer(asking, query, records, state.codes.notes)
        except SourceUnavailable:
            # What was known of the database may no longer hold (a table renamed, a birth made impossible).
            self._state = None
            raise

    def _resolve(self, asker: Asker, concept: int) -> Resolution | None:
        with asker.session(self._engine) as session:
            layout = read_layout(session, self._engine.dialect, self._settings)
            vocabulary = Vocabulary(session, self._engine.dialect, layout, self._terminology)
            cells = vocabulary.cells_beneath(concept)
            if cells is None:
                return None
            certain = boxes_of_cells(cells)
            return Resolution(certain, certain | ~boxes_of_cells(vocabulary.cells_with_a_code()))

    def _renewed(self, session: Session) -> State | None:
        """State for the data that a session sees; None if it has to be read."""
        state = self._state
        found = None if state is None else renewed(state, session, self._engine.dialect)
        if found is not None and found is not state:
            self._state = found
        return found

    def _read(self) -> None:
        """Read the state, once for all who wait for it; goes on when the asker has gone."""
        asked_at = time.monotonic()
        with self._reading:
            if self._state is not None and self._state.read_at > asked_at:
                return
            with self._engine.session(Deadline.after(READING_SECONDS)) as session:
                country = self._config.coverage.country
                self._state = read_state(session, self._engine.dialect, self._settings, self._terminology, country)

    async def _in_thread(self, work: Callable[[Asker], T], deadline: Deadline) -> T:
        """Run blocking work in a thread; cancelling the asker stops the statement that runs for it."""
        asker = Asker(deadline)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, work, asker)
        except asyncio.CancelledError:
            loop.run_in_executor(None, asker.go)
            raise


class Asker:
    """Who waits for an answer, until a deadline or until they go."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._gone = False
        self._session: Session | None = None

    @contextmanager
    def session(self, engine: Engine) -> Iterator[Session]:
        """Session for statements of this asker.

        Raises
        ------
        TimeoutError
            The deadline has passed or the asker has gone.
        """
        if self._gone or self._deadline.remaining() <= 0:
            raise TimeoutError
        with engine.session(self._deadline) as session:
            self._session = session
            try:
                yield session
            finally:
                self._session = None

    def go(self) -> None:
        """Stop the statement that runs, and start no other."""
        self._gone = True
        session = self._session
        if session is not None:
            session.cancel()


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
    found = state.codes.meanings.compare(boxes, boxes)
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

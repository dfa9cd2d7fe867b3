"""A source that answers from its snapshot, and takes over a new one without a pause.

Every answer looks at the pointer file (one `stat`). An answer that has begun keeps its snapshot to the end.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import replace
from threading import Lock

from gateway.errors import IccdError, SourceUnavailable
from gateway.model.answer import SourceAnswer
from gateway.model.capability import Capabilities
from gateway.model.query import CaseQuery
from gateway.sources.base import Context, Deadline, Paged, SourceConfig
from gateway.sources.snapshot import engine
from gateway.sources.snapshot.serving import Snapshot, open_current
from gateway.sources.snapshot.store import SnapshotStore

logger = logging.getLogger(__name__)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class SnapshotSource:
    """A source whose files were loaded into snapshots (gateway.sources.base.Source).

    Parameters
    ----------
    config
        Block of the settings; `config.data` holds the snapshots.
    context
        Terminology of the gateway.

    Raises
    ------
    SourceFailure
        There is a snapshot, but it cannot be read or has another format version.
    """

    def __init__(self, config: SourceConfig, context: Context) -> None:
        self.id = config.id
        self._config = config
        self._terminology = context.terminology
        self._store = SnapshotStore(config.data, config.id)
        self._lock = Lock()
        self._stamp = self._store.stamp()
        self._switched = self._stamp
        self._snapshot = open_current(self._store, self._terminology)
        self._abilities: Capabilities | None = None

    def capabilities(self) -> Capabilities:
        """What can be asked of the snapshot that serves now; before the first load only what the settings declare.

        A new snapshot is taken over here too, so that nothing kept under the old one's id is used any longer.
        """
        if self._store.stamp() != self._stamp:
            try:
                self._reopen()
            except IccdError as error:  # a question to this source fails with it, the other sources go on
                logger.warning("source %s: the first snapshot is not served: %s", self.id, error)
        if self._abilities is None:
            self._abilities = self._describe()
        return self._abilities

    def _describe(self) -> Capabilities:
        declared = Capabilities(self._config.kind, self._config.title, self._config.coverage)
        if self._snapshot is None:
            return declared
        facts = self._snapshot.facts
        return replace(
            declared,
            code_systems=facts.code_systems,
            never=facts.never,
            snapshot=facts.snapshot,
            cases=facts.cases,
            loaded_at=_moment(self._switched),
        )

    def ready(self, query: CaseQuery) -> SourceAnswer | None:
        """Answer from the snapshot that serves now if that is in memory (gateway.sources.base.AnswersAtOnce)."""
        if self._snapshot is None or self._store.stamp() != self._stamp:
            return None
        with self._lease() as snapshot:
            return snapshot.ready(query)

    def ready_page(self, query: CaseQuery) -> Paged | None:
        """Page of the snapshot that serves now, likewise."""
        if self._snapshot is None or self._store.stamp() != self._stamp:
            return None
        with self._lease() as snapshot:
            return snapshot.ready_page(query)

    async def answer(self, query: CaseQuery, deadline: Deadline) -> SourceAnswer:
        """Answer a planned question from the snapshot that serves now.

        Raises
        ------
        TimeoutError
            The deadline passed.
        SourceUnavailable
            Nothing is loaded yet, or the file can no longer be read.
        """
        if deadline.remaining() <= 0:
            raise TimeoutError("the deadline has passed")
        if self._store.stamp() != self._stamp:
            await engine.in_pool(self._reopen, deadline)
        with self._lease() as snapshot:
            return await snapshot.answer(query, deadline)

    def _lease(self) -> Snapshot:
        while (snapshot := self._snapshot) is not None:
            if snapshot.lease():
                return snapshot
        raise SourceUnavailable(
            "nothing is loaded yet", where=self._config.where, expected=f"`iccd load {self.id}` first"
        )

    def close(self) -> None:
        """Give back the file as soon as no answer is under way."""
        with self._lock:
            snapshot, self._snapshot = self._snapshot, None
            if snapshot is not None:
                snapshot.retire()

    def _reopen(self) -> None:
        """Take over the new snapshot; one that this program cannot read leaves the old one serving."""
        with self._lock:
            stamp = self._store.stamp()
            if stamp == self._stamp:
                return
            old = self._snapshot
            try:
                self._snapshot = open_current(self._store, self._terminology)
            except IccdError as error:
                if old is None:
                    raise
                logger.warning("source %s: the new snapshot is not served: %s", self.id, error)
                self._stamp = stamp
                return
            self._stamp = self._switched = stamp
            self._abilities = None
            if old is not None:
                old.retire()


def _moment(switched: tuple[int, int] | None) -> str | None:
    """When a snapshot began to serve: its load began before, and until the switch every answer was of the old data."""
    return (EPOCH + dt.timedelta(microseconds=switched[1] // 1000)).isoformat() if switched else None

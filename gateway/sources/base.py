"""The port: what every source, ours or a stranger's, owes the gateway.

A source says what it can do (`capabilities`), answers a planned question (`answer`) and closes. Deadlines, retries,
breakers and merging are not its business. A kind of source is registered under the entry-point group
`iccd.sources` as a `LiveKind` (it answers where its data lives) or a `FileKind` (it only reads files; loading,
snapshot and querying are shared).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol, TypeGuard, runtime_checkable

from gateway.model.answer import SourceAnswer
from gateway.model.capability import Capabilities, Coverage
from gateway.model.case import Case
from gateway.model.query import CaseQuery, Term
from gateway.sources.profile import Profile
from gateway.sources.reading import Reader
from terminology import BoxSet, Terminology

ENTRY_POINT_GROUP = "iccd.sources"


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock by which an answer is worth having."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Deadline that many seconds from now."""
        return cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self.at - time.monotonic())


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """One `[sources.ID]` block of the settings, resolved.

    Attributes
    ----------
    id
        Lower case letters, digits and `-`.
    locations
        Paths (absolute, globs expanded at load), or one URL.
    profile
        Name of a profile in profiles/sources, or an absolute path.
    coverage
        Declared coverage.
    options
        Keys of the block that only this kind understands; checked by the kind.
    data
        Folder of the gateway's own state.
    where
        `file [sources.ID]`, for errors about the block.
    places
        Key of the block -> `file:line sources.ID.key`, for errors about it.
    """

    id: str
    kind: str
    title: str
    locations: tuple[str, ...]
    profile: str | None = None
    coverage: Coverage = field(default=Coverage())
    options: Mapping[str, object] = field(default_factory=dict)
    data: Path = Path("data")
    where: str = "settings"
    places: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def at(self, key: str) -> str:
        """Where a key of the block stands."""
        return self.places.get(key, f"{self.where} {key}")


@dataclass(frozen=True, slots=True)
class Context:
    """What sources share.

    Attributes
    ----------
    terminology
        Code systems, maps and classification.
    salt
        Secret of this gateway; record and patient ids are keyed hashes under it.
    """

    terminology: Terminology
    salt: bytes


@runtime_checkable
class Source(Protocol):
    """One registry's data."""

    id: str

    def capabilities(self) -> Capabilities:
        """What can be asked; cheap, no rows are read."""

    async def answer(self, query: CaseQuery, deadline: Deadline) -> SourceAnswer:
        """Answer a planned question.

        Every DiagnosisIn leaf carries `certain` and `possible` box sets, except leaves whose terms belong to a
        system in `capabilities().resolves`, which may carry None. `source` never appears in `where` or `by`.

        Raises
        ------
        gateway.errors.SourceUnavailable
            The data cannot be reached.
        gateway.errors.Unsupported
            This question cannot be answered here; the message says why.
        """

    def close(self) -> None:
        """Give back files and connections."""


Paged = tuple[tuple[Case, ...], int | None]
"""Cases of a page, and the position of the last record if there are more."""


@runtime_checkable
class AnswersAtOnce(Protocol):
    """A source that may have what a question needs in memory, so that nobody has to wait for it."""

    def ready(self, query: CaseQuery) -> SourceAnswer | None:
        """Answer to a planned question within a few milliseconds and without any I/O, or None: then ask `answer`."""

    def ready_page(self, query: CaseQuery) -> Paged | None:
        """Page of records of a planned question alone, likewise."""


def page_at_once(source: Source, query: CaseQuery) -> Paged | None:
    """Page of a source that has it in memory, else None."""
    return source.ready_page(query) if _answers_at_once(source) else None


def answer_at_once(source: Source, query: CaseQuery) -> SourceAnswer | None:
    """Answer of a source that has it in memory, else None."""
    return source.ready(query) if _answers_at_once(source) else None


def _answers_at_once(source: Source) -> TypeGuard[AnswersAtOnce]:
    return _is_at_once(type(source))


@cache
def _is_at_once(kind: type[Source]) -> bool:
    # Asked of the class and once: a check of a protocol takes as long as a count.
    return issubclass(kind, AnswersAtOnce)


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a source's vocabulary says of a term.

    Attributes
    ----------
    certain
        Tumours that the term means.
    possible
        Those and the tumours that the vocabulary has no code for, so that it cannot say.
    """

    certain: BoxSet
    possible: BoxSet


@runtime_checkable
class ResolvesTerms(Protocol):
    """A source that knows codes of its own vocabulary which the gateway may not ship."""

    async def resolve(self, term: Term, deadline: Deadline) -> Resolution | None:
        """Meaning of a term by the source's vocabulary tables; None if it does not know the code."""


@dataclass(frozen=True, slots=True)
class LiveKind:
    """A kind of source that answers where its data lives (database, node).

    Attributes
    ----------
    check
        Checks the block of a source without reaching for its data; raises BadSettings.
    """

    name: str
    open: Callable[[SourceConfig, Context], Source]
    options: frozenset[str] = frozenset()
    check: Callable[[SourceConfig], object] | None = None


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of source that reads files; everything after reading is shared.

    Attributes
    ----------
    check
        Checks the kind's own section of a profile (`[format]`) without opening a file; raises BadSettings.
    """

    name: str
    read: Reader
    default_profile: str | None = None
    options: frozenset[str] = frozenset()
    check: Callable[[Profile], object] | None = None


Kind = LiveKind | FileKind

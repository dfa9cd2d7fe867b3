"""What every code system offers the facade."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from terminology.boxes import BoxSet
from terminology.nouns import Concept, Cover, Meaning, Overlap, SystemInfo


class CodeSystem(Protocol):
    """A vocabulary whose codes mean sets of tumours. Codes come as people write them."""

    name: str

    def info(self) -> SystemInfo:
        """Title, version, editions and size."""
        ...

    def meaning(self, code: str, edition: str | None) -> Meaning:
        """The tumours a code means; raises UnknownCode, Unmatched, UnknownSystem for an edition."""
        ...

    def lookup(self, code: str, edition: str | None) -> Concept:
        """What is known about a code, mapped or not; raises UnknownCode."""
        ...

    def codes(self, edition: str | None) -> Iterator[str]:
        """All codes in their one form, in order."""
        ...

    def descendants(self, code: str, edition: str | None) -> frozenset[str]:
        """The code and all codes of the same system below it; raises UnknownCode."""
        ...

    def cover(self, boxes: BoxSet, edition: str | None) -> Cover:
        """Which codes lie inside a set of tumours, and which overlap it."""
        ...


@runtime_checkable
class HoldsMoreBelow(Protocol):
    """A system whose codes do not mean what stands below them, or whose hierarchy is not held in full."""

    def beneath(self, code: str, edition: str | None) -> Meaning:
        """The tumours that a code or one below it means; raises as `meaning` does.

        It is open where a concept below may mean tumours that nobody here can name.
        """
        ...


@runtime_checkable
class CountsOverlaps(Protocol):
    """A system with so many large codes that it counts how each meets a set, where others make each code's set."""

    def overlaps(self, source: Meaning) -> Iterator[Overlap]:
        """Every code that shares a tumour with a source, in order, with the sizes that tell how it stands to it."""
        ...

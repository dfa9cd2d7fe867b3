"""A released count as an element, and the sources behind it as extensions.

The element has a value only where the count is exact; else bounds in our extension and the reason why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.disclosure.released import ReleasedAnswer, ReleasedCount, ReleasedSource
from gateway.doors.fhir.definitions import Resource, guide
from gateway.doors.fhir.render.elements import REASONS, absent
from gateway.doors.fhir.wire.outcome import printable
from gateway.model.values import Absent, Precision


class Bounds(Protocol):
    """A count that may be shown."""

    @property
    def low(self) -> int:
        """At least."""

    @property
    def high(self) -> int | None:
        """At most, None where nobody can say."""

    @property
    def precision(self) -> Precision:
        """How much it says."""


def count_element(name: str, count: ReleasedCount) -> Resource:
    """`name` with its value where that is exact.

    A suppressed count carries no bounds: they would say nothing.
    """
    if count.precision is Precision.EXACT:
        return {name: count.low}
    if count.precision is Precision.SUPPRESSED:
        return {f"_{name}": absent(REASONS[Absent.WITHHELD])}
    return {f"_{name}": {"extension": [bounds(count), *absent(REASONS[Absent.UNKNOWN])["extension"]]}}


def bounds(count: ReleasedCount) -> Resource:
    """Our extension of bounds."""
    return {"extension": bound_parts(count), "url": guide().extension("count-bounds")}


def bound_parts(count: Bounds) -> list[Resource]:
    """Parts low, high and precision."""
    parts: list[Resource] = [{"url": "low", "valueUnsignedInt": count.low}]
    if count.high is not None:
        parts.append({"url": "high", "valueUnsignedInt": count.high})
    return [*parts, {"url": "precision", "valueCode": count.precision.value}]


def translation_parts(source: ReleasedSource) -> list[Resource]:
    """Parts translation: how terms were put to a source where that was not exact."""
    return [
        {
            "url": "translation",
            "valueString": f"{item.term} as {item.to or 'nothing'} ({item.equivalence}, {item.rows})",
        }
        for item in source.translation
        if item.equivalence != "equal"
    ]


def statuses(answer: ReleasedAnswer) -> list[Resource]:
    """Extension source-status of every source, without its count."""
    return [source_status(source.id, source.status.value, source.reason, source) for source in answer.sources]


def source_status(name: str, status: str, reason: str | None, source: ReleasedSource | None = None) -> Resource:
    """Extension source-status: what became of a question at a source, or of the source itself."""
    parts: list[Resource] = [{"url": "source", "valueString": name}, {"url": "status", "valueCode": status}]
    if source:
        parts += translation_parts(source)
        parts += [{"url": "snapshot", "valueString": source.snapshot}] if source.snapshot else []
    parts += [{"url": "reason", "valueString": printable(reason)}] if reason else []
    return {"extension": parts, "url": guide().extension("source-status")}


def notes(texts: Sequence[str]) -> list[Resource]:
    """Extension answer-note of each sentence."""
    return [{"url": guide().extension("answer-note"), "valueString": printable(text)} for text in texts]

"""Released counts in the words of Beacon: precision and adjustment of v2.2.0, ranges of EJP-RD, status of each node.

A count that is suppressed has no number anywhere; a registry that did not answer is named and has none either.
"""

from __future__ import annotations

from gateway.disclosure.released import ReleasedAnswer, ReleasedCount, ReleasedSource
from gateway.model.answer import ANSWERED, Status, Translation
from gateway.model.capability import Granularity
from gateway.model.values import Precision

Json = dict[str, object]

PRECISIONS = {
    Precision.EXACT: "exact",
    Precision.ROUNDED: "rounded",
    Precision.BOUNDED: "imprecise",
    Precision.SUPPRESSED: "suppressed",
}


def countable(total: ReleasedCount | None) -> bool:
    """Whether a number may be shown."""
    return total is not None and total.precision is not Precision.SUPPRESSED


def precision(total: ReleasedCount) -> Json:
    """`countPrecision`, and `countAdjustedTo` where the number is the lower end of a range."""
    word = PRECISIONS[total.precision]
    if total.precision is Precision.EXACT:
        return {"countPrecision": word}
    return {"countPrecision": word, "countAdjustedTo": [_range_text(total)]}


def description(total: ReleasedCount) -> Json:
    """`resultCountDescription` of a count that is not exact."""
    if total.precision is Precision.EXACT:
        return {}
    return {"resultCountDescription": {"minRange": total.low, "maxRange": total.high}}


def exists_precision(answer: ReleasedAnswer) -> str:
    """Whether `exists` is certain; Beacon knows only true and false."""
    return "unknown" if answer.exists is None else "exact"


def node(source: ReleasedSource, level: Granularity) -> Json:
    """What became of the question at one registry."""
    found: Json = {
        "sourceId": source.id,
        "title": source.title,
        "status": source.status.value,
        "reason": source.reason,
        "latencyMs": source.elapsed_ms,
        "snapshot": source.snapshot,
        "granularity": source.granularity.name.lower(),
        "translations": [_translation(item) for item in source.translation],
    }
    if source.notes:
        found["notes"] = list(source.notes)
    if level < Granularity.COUNT:
        return found
    return {**found, **_bounds(source.total)}


def failed_node(source: ReleasedSource) -> Json:
    """A registry that gave no number at all."""
    return node(source, Granularity.BOOLEAN)


def warnings(answer: ReleasedAnswer, level: Granularity) -> Json:
    """Sentences that nobody should miss: who did not or not fully answer, what could not be evaluated."""
    sources = [sentence for source in answer.sources if (sentence := _sentence(source, level))]
    terms = sorted({item.term for source in answer.sources for item in source.translation if _unmatched(item)})
    found: Json = {"sources": sources} if sources else {}
    if terms:
        found["unsupportedFilters"] = terms
    if answer.notes:
        found["notes"] = list(answer.notes)
    return found


def nobody_answered(answer: ReleasedAnswer) -> bool:
    """Whether every registry failed, so that there is nothing to report."""
    failed = {Status.TIMEOUT, Status.ERROR}
    return bool(answer.sources) and all(source.status in failed for source in answer.sources)


def _bounds(total: ReleasedCount | None) -> Json:
    if total is None:
        return {"countPrecision": None, "low": None, "high": None}
    if total.precision is Precision.SUPPRESSED:
        return {"countPrecision": PRECISIONS[total.precision], "low": None, "high": None}
    return {"countPrecision": PRECISIONS[total.precision], "low": total.low, "high": total.high}


def _sentence(source: ReleasedSource, level: Granularity) -> str | None:
    reason = f": {source.reason}" if source.reason else ""
    if source.status not in ANSWERED:
        return f"{source.id} is not counted ({source.status.value}{reason})"
    if source.status is Status.PARTIAL:
        return f"{source.id} answered in part{reason}"
    if level < Granularity.COUNT:
        return None
    if source.total is None:
        return f"{source.id} does not release counts"
    if source.total.precision is Precision.SUPPRESSED:
        return f"{source.id} answered, but its count is too small to be shown or would give away one that is"
    if source.total.precision is Precision.BOUNDED:
        return f"{source.id} knows only a range: {_range_text(source.total)}"
    return None


def _range_text(total: ReleasedCount) -> str:
    return f">={total.low}" if total.high is None else f"{total.low}-{total.high}"


def _unmatched(item: Translation) -> bool:
    return item.equivalence == "unmatched"


def _translation(item: Translation) -> Json:
    return {"term": item.term, "to": item.to, "equivalence": item.equivalence, "rows": item.rows}

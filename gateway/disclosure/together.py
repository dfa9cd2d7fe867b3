"""Released tables that leave side by side in one document: a report of several, or groups above their subgroups.

Each table was protected alone, with its total. Together they may say more, so a document holds either tables that
share nothing but their total (ADR 0020), or tables of which the inner is shown only where it is open as a whole.
What is masked here was released alone; nothing is shown here that was not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.disclosure.released import ReleasedAnswer, ReleasedCount
from gateway.errors import BadQuestion, SourceUnavailable
from gateway.model.answer import ANSWERED
from gateway.model.values import Precision

MASKED = ReleasedCount(0, None, Precision.SUPPRESSED)
NONE = ReleasedCount(0, 0, Precision.EXACT)
UNTOLD = ReleasedCount(0, None, Precision.BOUNDED)

FAMILIES = (frozenset({"iccc_main", "iccc_group"}), frozenset({"age", "age_band"}), frozenset({"source", "country"}))
"""Dimensions of which one is made from the other: their tables share more than a total."""


def check_apart(dimensions: Sequence[str]) -> None:
    """Refuse dimensions whose tables share more than their total.

    Raises
    ------
    BadQuestion
        Two dimensions of one family, or one twice.
    """
    for family in (*FAMILIES, *(frozenset({name}) for name in dimensions)):
        found = [name for name in dimensions if name in family]
        if len(found) > 1:
            raise BadQuestion(
                f"{' and '.join(found)} stand in one report", where="by", expected=f"one of {', '.join(sorted(family))}"
            )


def side_by_side(answers: Sequence[ReleasedAnswer]) -> tuple[ReleasedAnswer, ...]:
    """Tables of one question, each over one dimension or a single one over several, for one document.

    Where one of several withholds the total, no cell of any is shown: a table that is open as a whole would give the
    total away. Counts of single sources are left to the table by source, which is protected like the others.

    Parameters
    ----------
    answers
        Released answers to questions that differ in `by` alone.

    Raises
    ------
    BadQuestion
        Tables that share more than their total.
    SourceUnavailable
        The tables do not come from the same sources: what one source holds could be told from their difference.
    """
    if len(answers) > 1:
        check_apart([name for answer in answers for name in answer.query.by])
    if len({_answered(answer) for answer in answers}) > 1:
        raise SourceUnavailable("the registries that answer changed during the report; ask again")
    masked = len(answers) > 1 and any(map(_is_masked, answers))
    return tuple(_without_sources(_masked(answer) if masked else answer) for answer in answers)


def nested(
    outer: ReleasedAnswer, inner: ReleasedAnswer, children: Mapping[str, Sequence[str]]
) -> dict[str, ReleasedCount]:
    """Counts of groups and of their subgroups for one document that shows no total.

    A subgroup is shown only where its group and every subgroup beside it are: so no group is the sum of shown and
    withheld subgroups, and a withheld group is not the sum of shown ones.

    Parameters
    ----------
    outer, inner
        Answers over one dimension each.
    children
        Subgroups of each group; every label of both dimensions that is wanted.
    """
    counts = {}
    for group, subgroups in children.items():
        counts[group] = cell(outer, (group,))
        found = {name: cell(inner, (name,)) for name in subgroups}
        withheld = any(count.precision is Precision.SUPPRESSED for count in (counts[group], *found.values()))
        counts |= dict.fromkeys(found, MASKED) if withheld else found
    return counts


def cell(answer: ReleasedAnswer, labels: tuple[str, ...]) -> ReleasedCount:
    """Released count under these labels; a label that is not in the table has none, if all sources answered."""
    found = dict(answer.cells).get(labels)
    if found is not None:
        return found
    if holds_back(answer):
        return MASKED
    return NONE if answer.total.high is not None else _untold(answer)


def holds_back(answer: ReleasedAnswer) -> bool:
    """Whether a table is withheld as a whole: a source lets only its existence be told."""
    return bool(answer.query.by) and not answer.cells and (answer.total.low > 0 or _is_masked(answer))


def _untold(answer: ReleasedAnswer) -> ReleasedCount:
    complete = all(source.status in ANSWERED for source in answer.sources)
    return NONE if complete else UNTOLD


def _is_masked(answer: ReleasedAnswer) -> bool:
    return answer.total.precision is Precision.SUPPRESSED


def _answered(answer: ReleasedAnswer) -> frozenset[tuple[str, str | None]]:
    return frozenset((source.id, source.snapshot) for source in answer.sources if source.status in ANSWERED)


def _masked(answer: ReleasedAnswer) -> ReleasedAnswer:
    return replace(answer, exists=None, total=MASKED, cells=tuple((labels, MASKED) for labels, _ in answer.cells))


def _without_sources(answer: ReleasedAnswer) -> ReleasedAnswer:
    return replace(answer, sources=tuple(replace(source, total=None) for source in answer.sources))

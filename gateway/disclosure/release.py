"""The one choke point: an Answer, the policies and the requester give a ReleasedAnswer.

Deny by default: a source without a rule for the requester's tier is withheld, a field of a record that its policy
does not name is dropped, and nothing that leaves is computed from a value that may not leave.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from gateway.access.requester import Requester
from gateway.disclosure.policy import Policy, Rule
from gateway.disclosure.records import release_records
from gateway.disclosure.released import (
    ReleasedAnswer,
    ReleasedCount,
    ReleasedSource,
)
from gateway.disclosure.suppress import Protected, is_small, protect, widened
from gateway.model.answer import ANSWERED, Answer, Labels, SourceOutcome
from gateway.model.capability import Coverage, Granularity
from gateway.model.case import Case
from gateway.model.fields import age_band
from gateway.model.values import ZERO, Count, Precision
from terminology import Terminology

WIDER: Mapping[str, Callable[[str], str]] = {
    "iccc_group": lambda label: label.partition("(")[0],
    "age": lambda label: age_band(int(label)) if label.isdecimal() else label,
}
"""Dimensions whose labels belong to those of another dimension."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the release needs to know beside the answer.

    Attributes
    ----------
    gateway
        Id of this gateway.
    titles
        Title of each source.
    asked
        Granularity the requester wants.
    next_cursor
        Token of the next page of records.
    asked_at
        Time of the question, UTC.
    loaded
        When each snapshot of a source was loaded, by source and snapshot.
    lasting
        See gateway.disclosure.released.ReleasedAnswer.
    """

    gateway: str
    titles: Mapping[str, str]
    asked: Granularity
    asked_at: dt.datetime
    next_cursor: str | None = None
    loaded: Mapping[tuple[str, str | None], str | None] = field(default_factory=dict)
    lasting: bool = False


def rule_of(policy: Policy | None, requester: Requester) -> Rule | None:
    """Rule that holds for a requester at a source, None if nothing may be said."""
    return policy.rule(requester) if policy else None


def granted(policies: Mapping[str, Policy], requester: Requester, asked: Granularity) -> Granularity:
    """Granularity of an answer: what was asked for, capped by the most that any source gives."""
    rules = [rule for policy in policies.values() if (rule := policy.rule(requester))]
    return min(asked, max((rule.granularity for rule in rules), default=Granularity.BOOLEAN))


def release(
    answer: Answer,
    policies: Mapping[str, Policy],
    requester: Requester,
    cases: tuple[Case, ...],
    terminology: Terminology,
    shown: Shown,
) -> ReleasedAnswer:
    """What may leave of an answer.

    Parameters
    ----------
    answer
        Merged answer; sources that the requester may not ask stand in it as withheld and add no count.
    policies
        Policy of each source; a source without one is treated as closed.
    cases
        One page of records of sources that allow records.
    """
    rules = {outcome.id: rule_of(policies.get(outcome.id), requester) for outcome in answer.outcomes}
    counted = {
        outcome.id: outcome
        for outcome in answer.outcomes
        if outcome.status in ANSWERED and outcome.answer and not outcome.excluded
    }
    minimum = {
        name: rule.minimum_cell
        for name, outcome in counted.items()
        if (rule := rules[name]) and not _shows_zero(outcome, rule)
    }
    k_total = max(minimum.values(), default=0)
    level = granted(policies, requester, shown.asked)
    bounded_by_policy = any(rule.granularity < Granularity.COUNT for name in counted if (rule := rules[name]))
    told = frozenset(name for name, rule in rules.items() if rule and rule.granularity is Granularity.RECORD)
    of_sources = _protected_sources(answer, rules, told)
    table = _Table(answer, minimum, k_total, told)
    of_cells = table.protected(of_sources)
    cells = table.released(of_cells.withheld)
    sources = tuple(
        _source(outcome, rules[outcome.id], of_sources, of_cells, shown, k_total) for outcome in answer.outcomes
    )
    total_withheld = of_cells.total_withheld or of_sources.total_withheld or is_small(answer.total, k_total)
    parts = {name: outcome.answer.total for name, outcome in counted.items() if outcome.answer}
    total = _suppressed_count() if total_withheld else _count(table.opened(answer.total, parts))
    if bounded_by_policy or level is Granularity.BOOLEAN:
        cells, total = (), _existence(answer.total, k_total)
    return ReleasedAnswer(
        query=answer.query,
        text=answer.text,
        granularity=level,
        exists=_exists(total),
        total=total,
        cells=cells,
        sources=sources,
        cases=release_records(cases, policies, terminology) if level is Granularity.RECORD else (),
        next_cursor=shown.next_cursor if level is Granularity.RECORD else None,
        gateway=shown.gateway,
        asked_at=shown.asked_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        notes=answer.notes,
        lasting=shown.lasting,
    )


def _shows_zero(outcome: SourceOutcome, rule: Rule) -> bool:
    """Whether a source says by itself that it has none, so that a sum of the others can tell nothing of it."""
    return rule.granularity >= Granularity.COUNT and outcome.answer is not None and outcome.answer.total.high == 0


def _protected_sources(answer: Answer, rules: Mapping[str, Rule | None], told: frozenset[str]) -> Protected:
    """Which sources' own totals are withheld, as a table that leaves beside the total.

    A source that gives its records tells its total by them, so it hides no other.
    """
    totals: dict[Labels, Count] = {
        (outcome.id,): outcome.answer.total
        for outcome in answer.outcomes
        if outcome.answer and outcome.status in ANSWERED and rules[outcome.id]
    }
    k_of = {labels: rule.minimum_cell for labels in totals if (rule := rules[labels[0]])}
    visible = {labels: count for labels, count in totals.items() if count.high != 0 and labels[0] not in told}
    small = {labels for labels, count in totals.items() if labels[0] in told and is_small(count, k_of[labels])}
    if not visible:
        return Protected(frozenset(small), False)
    protected = protect(visible, _sum(visible.values()), lambda labels: k_of[labels], 0)
    return Protected(protected.withheld | small, protected.total_withheld)


def _source(
    outcome: SourceOutcome, rule: Rule | None, of_sources: Protected, of_cells: Protected, shown: Shown, k: int
) -> ReleasedSource:
    """A source's part; where the cells withhold the total, the totals of sources would tell it by their sum.

    `k` is what its bounds are put outwards to multiples of.
    """
    total = None
    if outcome.excluded:
        total = _count(ZERO)
    elif rule and outcome.answer and outcome.status in ANSWERED and rule.granularity >= Granularity.COUNT:
        hidden = (outcome.id,) in of_sources.withheld or (of_cells.total_withheld and outcome.answer.total.high != 0)
        opened = outcome.answer.total if rule.granularity is Granularity.RECORD else widened(outcome.answer.total, k)
        total = _suppressed_count() if hidden else _count(opened)
    snapshot = outcome.answer.snapshot if outcome.answer else None
    return ReleasedSource(
        id=outcome.id,
        title=shown.titles.get(outcome.id, outcome.id),
        status=outcome.status,
        reason="; ".join(_reasons(outcome, rule)) or None,
        snapshot=snapshot,
        elapsed_ms=outcome.elapsed_ms,
        translation=outcome.translation,
        total=total,
        granularity=rule.granularity if rule else Granularity.BOOLEAN,
        coverage=outcome.coverage or Coverage(),
        loaded_at=shown.loaded.get((outcome.id, snapshot)) if snapshot else None,
        excluded=outcome.excluded,
    )


def _reasons(outcome: SourceOutcome, rule: Rule | None) -> Iterator[str]:
    """Why an answer is not whole; how many records could not be used is told where such a count may be shown."""
    if outcome.reason:
        yield outcome.reason
    unusable = outcome.answer.unusable if outcome.answer else None
    if unusable is None:
        return
    parts = (Count(unusable.records, unusable.records), Count(rest := unusable.considered - unusable.records, rest))
    told = (
        rule is not None
        and rule.granularity >= Granularity.COUNT
        and not any(is_small(part, rule.minimum_cell) for part in parts)
    )
    counts = f"{unusable.records} of {unusable.considered}" if told else "some"
    yield f"{counts} records could not be used; any of them may match, and no cell of known values holds them"


class _Table:
    """The cells of an answer under release.

    What sources tell by their records is known to everybody. So it is taken off each cell and the total before these
    are judged: what is left is what the others hold.

    Parameters
    ----------
    minimum
        Smallest count that may be shown, of each source that counts.
    k_total
        The largest of them.
    told
        Sources that give their records.
    """

    def __init__(self, answer: Answer, minimum: Mapping[str, int], k_total: int, told: frozenset[str]) -> None:
        self._answer = answer
        self._minimum = minimum
        self._k = k_total
        self._told = told
        self._by = answer.query.by

    def protected(self, of_sources: Protected) -> Protected:
        """Which cells are withheld; where the sources withhold the total, a sum of cells would tell it."""
        table = dict(self._answer.cells)
        if not table or self._k <= 1:
            return Protected(frozenset(), False)
        wider = {axis: WIDER[name] for axis, name in enumerate(self._by) if name in WIDER}
        others = self._others()
        found = Protected(frozenset(), False)
        if others:
            found = protect(others, _sum(others.values()), self._k_of, 0, wider)
        if "source" in self._by:
            hidden = {labels for labels, count in table.items() if is_small(count, self._k_of(labels))}
            position = self._by.index("source")
            hidden |= {labels for labels in table if (labels[position],) in of_sources.withheld}
            return Protected(found.withheld | hidden, found.total_withheld or is_small(self._answer.total, self._k))
        whole = protect(table, self._answer.total, self._k_of, self._k, wider)
        withheld = frozenset(table) if of_sources.total_withheld else found.withheld | whole.withheld
        return Protected(withheld, found.total_withheld or whole.total_withheld)

    def released(self, withheld: frozenset[Labels]) -> tuple[tuple[Labels, ReleasedCount], ...]:
        """Cells as they leave."""
        parts = self._answer.parts
        return tuple(
            (
                labels,
                _suppressed_count() if labels in withheld else _count(self.opened(count, parts.get(labels, {}))),
            )
            for labels, count in self._answer.cells
        )

    def opened(self, count: Count, parts: Mapping[str, Count]) -> Count:
        """A count whose bounds are put outwards to multiples of k, but for what sources tell by their records."""
        if self._k <= 1 or count.low == count.high:
            return count
        known = _sum(part for name, part in parts.items() if name in self._told)
        rest = widened(_less(count, known), self._k)
        low = min(count.low, known.low + rest.low)
        return Count(low, None if rest.high is None or known.high is None else known.high + rest.high)

    def _others(self) -> dict[Labels, Count]:
        """What sources that give no records hold in each cell."""
        if not self._told:
            return {labels: count for labels, count in self._answer.cells if count.high != 0}
        sums = {
            labels: _sum(part for name, part in parts.items() if name not in self._told)
            for labels, parts in self._answer.parts.items()
        }
        return {labels: count for labels, count in sums.items() if count.high != 0}

    def _k_of(self, labels: Labels) -> int:
        if "source" not in self._by:
            return self._k
        return self._minimum.get(labels[self._by.index("source")], self._k)


def _sum(counts: Iterable[Count]) -> Count:
    return sum(counts, ZERO)


def _less(count: Count, known: Count) -> Count:
    """What is left of a count without a part of it; of sources that overlap no less than nothing."""
    high = None if count.high is None or known.high is None else max(count.high - known.high, 0)
    return Count(max(count.low - known.low, 0), high)


def _existence(total: Count, k: int) -> ReleasedCount:
    low = 1 if total.low >= max(k, 1) else 0
    return ReleasedCount(low, None, Precision.BOUNDED if low else Precision.SUPPRESSED)


def _exists(total: ReleasedCount) -> bool | None:
    if total.low >= 1:
        return True
    return False if total.high == 0 else None


def _count(count: Count) -> ReleasedCount:
    return ReleasedCount(count.low, count.high, count.precision)


def _suppressed_count() -> ReleasedCount:
    return ReleasedCount(0, None, Precision.SUPPRESSED)

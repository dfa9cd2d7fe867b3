"""Count algebra: answers of many sources become one, and nothing is lost.

Bounds add up. A source that did not answer makes the upper bound unknown, never lower. Sources that may hold the
same tumours (declared so, or the same country and region in the same years) count at least as the largest of them
and at most as all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from gateway.model.answer import ANSWERED, Answer, Labels, SourceOutcome
from gateway.model.capability import Coverage
from gateway.model.query import CaseQuery
from gateway.model.values import ZERO, Count
from gateway.planner.plan import Plan, SourceQuery

Group = frozenset[str]


def merge(query: CaseQuery, text: str, outcomes: Sequence[SourceOutcome], plan: Plan) -> Answer:
    """One answer of all outcomes; `cells` are over the whole `by` of the question."""
    answered = {outcome.id: outcome for outcome in outcomes if outcome.answer and outcome.status in ANSWERED}
    complete = len(answered) == len(outcomes)
    counting = {name: outcome for name, outcome in answered.items() if not outcome.excluded}
    groups = overlap_groups({name: outcome.coverage or Coverage() for name, outcome in counting.items()})
    totals = {name: outcome.answer.total for name, outcome in answered.items() if outcome.answer}
    total = _open(add(totals, groups), complete=complete)
    parts = _parts(query.by, answered, plan) if query.by else {}
    sure = complete or "source" in query.by
    cells = tuple((labels, _open(add(each, groups), complete=sure)) for labels, each in sorted(parts.items()))
    return Answer(query, text, total, cells, tuple(outcomes), _overlap_notes(groups), parts)


def _parts(
    by: tuple[str, ...], answered: Mapping[str, SourceOutcome], plan: Plan
) -> Mapping[Labels, Mapping[str, Count]]:
    """Table of all sources that answered, with what each of them adds."""
    table: dict[Labels, dict[str, Count]] = defaultdict(dict)
    for name, outcome in answered.items():
        step = plan.get(name)
        constants = step.constants if isinstance(step, SourceQuery) else {"source": name}
        for labels, count in cells_of(outcome, by, constants):
            table[labels][name] = count
    return table


def cells_of(
    outcome: SourceOutcome, by: tuple[str, ...], constants: Mapping[str, str]
) -> Iterable[tuple[Labels, Count]]:
    """Cells of one source with the labels that are constant there put in their place."""
    if outcome.answer is None or not by:
        return
    if all(dimension in constants for dimension in by):
        if outcome.answer.total != ZERO:
            yield tuple(constants[dimension] for dimension in by), outcome.answer.total
        return
    if not any(dimension in constants for dimension in by):
        yield from outcome.answer.cells
        return
    for labels, count in outcome.answer.cells:
        given = iter(labels)
        yield tuple(constants[dimension] if dimension in constants else next(given) for dimension in by), count


def add(parts: Mapping[str, Count], groups: Sequence[Group]) -> Count:
    """Sum over sources, with overlapping sources between their largest and their sum."""
    if len(parts) == 1:
        return next(iter(parts.values()))
    total = ZERO
    for group in groups:
        members = [parts[name] for name in group if name in parts]
        if not members:
            continue
        highs = [count.high for count in members]
        high = None if None in highs else sum(value for value in highs if value is not None)
        total = total + Count(max(count.low for count in members), high)
    return total


def overlap_groups(coverages: Mapping[str, Coverage]) -> tuple[Group, ...]:
    """Sources in groups that may share tumours; a source that shares none stands alone."""
    if len(coverages) < 2:
        return tuple(frozenset({name}) for name in coverages)
    parent = {name: name for name in coverages}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for one, other in combinations(sorted(coverages), 2):
        if may_overlap(one, coverages[one], other, coverages[other]):
            parent[root(other)] = root(one)
    groups: dict[str, set[str]] = defaultdict(set)
    for name in coverages:
        groups[root(name)].add(name)
    return tuple(frozenset(members) for _, members in sorted(groups.items()))


def may_overlap(one: str, first: Coverage, other: str, second: Coverage) -> bool:
    """Whether two sources may hold the same tumours."""
    if other in first.overlaps or one in second.overlaps:
        return True
    if first.country is None or first.country != second.country or _apart(first.region, second.region):
        return False
    if first.years is None or second.years is None:
        return True
    return first.years[0] <= second.years[1] and second.years[0] <= first.years[1]


def _apart(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other


def _open(count: Count, *, complete: bool) -> Count:
    return count if complete else Count(count.low, None)


def _overlap_notes(groups: Sequence[Group]) -> tuple[str, ...]:
    return tuple(
        f"{', '.join(sorted(group))} may hold the same tumours: counted at least as the largest, at most as their sum"
        for group in groups
        if len(group) > 1
    )

"""One page of records over all sources: in order of source id and of each source's own stable order, or merged.

An ordered page asks every source for its next records and merges them by the order's key, then by source id.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import merge
from itertools import islice

from gateway.errors import SourceUnavailable
from gateway.federation.cursor import Cursor, Places
from gateway.model.case import Case
from gateway.model.order import order_key
from gateway.model.query import CaseQuery, Order, Page
from gateway.planner.plan import Plan, SourceQuery
from gateway.sources.base import Deadline, Source, page_at_once


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Records of one page and the token of the next."""

    cases: tuple[Case, ...]
    next_cursor: str | None


async def read_page(
    query: CaseQuery,
    plan: Plan,
    sources: Sequence[tuple[str, Source]],
    start: Cursor | Places | None,
    deadline: Deadline,
    encode: Callable[[Cursor | Places], str],
) -> RecordPage:
    """Fill one page.

    Raises
    ------
    SourceUnavailable
        A source that counted a moment ago, or gave the page before, does not give its records in time; a page with a
        hole is never shown.
    """
    page = query.page or Page()
    if page.order is not None:
        asked = {
            name: (source, replace(step.query, by=(), page=page))
            for name, source in sources
            if isinstance(step := plan[name], SourceQuery) and not step.empty
        }
        return await _read_ordered(asked, page.order, start if isinstance(start, Places) else None, deadline, encode)
    return await _read_in_turn(page, plan, sources, start if isinstance(start, Cursor) else None, deadline, encode)


async def _read_in_turn(
    page: Page,
    plan: Plan,
    sources: Sequence[tuple[str, Source]],
    start: Cursor | None,
    deadline: Deadline,
    encode: Callable[[Cursor | Places], str],
) -> RecordPage:
    names = [name for name, _ in sources]
    if start and start.source not in names:
        raise _silent(start.source)
    first = names.index(start.source) if start else 0
    found: list[Case] = []
    room = page.limit
    for position in range(first, len(sources)):
        name, source = sources[position]
        step = plan[name]
        if not isinstance(step, SourceQuery) or step.empty:
            continue
        after = start.after if start and start.source == name else None
        wanted = replace(page, limit=room, after=after)
        cases, following = await _read(source, replace(step.query, by=(), page=wanted), deadline)
        found.extend(cases)
        room -= _records(cases, page.of)
        if following is not None:
            return RecordPage(tuple(found), encode(Cursor(name, following)))
        if room == 0 and position + 1 < len(sources):
            return RecordPage(tuple(found), encode(Cursor(names[position + 1], None)))
    return RecordPage(tuple(found), None)


async def _read(source: Source, query: CaseQuery, deadline: Deadline) -> tuple[tuple[Case, ...], int | None]:
    found = page_at_once(source, query)
    if found is not None:
        return found
    try:
        async with asyncio.timeout(deadline.remaining()):
            answer = await source.answer(query, deadline)
    except TimeoutError as error:
        raise _silent(source.id) from error
    return answer.cases, answer.next_after


def _silent(source: str) -> SourceUnavailable:
    return SourceUnavailable(f"source {source} did not give its records in time", where=source)


async def _read_ordered(
    asked: Mapping[str, tuple[Source, CaseQuery]],
    order: Order,
    start: Places | None,
    deadline: Deadline,
    encode: Callable[[Cursor | Places], str],
) -> RecordPage:
    """Merge the next records of all sources; each is asked for a whole page, for all of it may come from one."""
    passed = dict.fromkeys(asked, 0) if start is None else {n: at for n, at in start.passed.items() if at is not None}
    missing = sorted(passed.keys() - asked.keys())
    if missing:
        raise _silent(missing[0])
    found = await _read_all({name: asked[name] for name in sorted(passed)}, passed, deadline)
    listed = [[(order_key(case, order), name, case) for case in cases] for name, (cases, _) in found.items()]
    limit = max((query.page.limit for _, query in asked.values() if query.page), default=0)
    shown = list(islice(merge(*listed, key=lambda each: each[:2]), limit))
    taken = Counter(name for _, name, _ in shown)
    more = {name for name, (cases, following) in found.items() if following is not None or taken[name] < len(cases)}
    cases = tuple(case for _, _, case in shown)
    return RecordPage(cases, encode(Places({n: passed[n] + taken[n] for n in sorted(more)})) if more else None)


async def _read_all(
    asked: Mapping[str, tuple[Source, CaseQuery]], passed: Mapping[str, int], deadline: Deadline
) -> dict[str, tuple[tuple[Case, ...], int | None]]:
    """Next records of all sources at once, in order of source id; the first that fails ends them all."""
    tasks = [
        asyncio.ensure_future(_read(source, _from(query, passed[name]), deadline))
        for name, (source, query) in asked.items()
    ]
    try:
        return dict(zip(asked, await asyncio.gather(*tasks), strict=True))
    finally:
        for task in tasks:
            task.cancel()


def _from(query: CaseQuery, passed: int) -> CaseQuery:
    return replace(query, page=replace(query.page or Page(), after=passed or None))


def _records(cases: Sequence[Case], of: str) -> int:
    return len(cases) if of == "case" else len({case.patient_id for case in cases})

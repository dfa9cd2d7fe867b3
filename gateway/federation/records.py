"""One page of records over all sources, in order of source id and of each source's own stable order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gateway.errors import SourceUnavailable
from gateway.federation.cursor import Cursor
from gateway.model.case import Case
from gateway.model.query import CaseQuery, Page
from gateway.planner.plan import Plan, SourceQuery
from gateway.sources.base import Deadline, Source, answer_at_once


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Records of one page and the token of the next."""

    cases: tuple[Case, ...]
    next_cursor: str | None


async def read_page(
    query: CaseQuery,
    plan: Plan,
    sources: Sequence[tuple[str, Source]],
    start: Cursor | None,
    deadline: Deadline,
    encode: Callable[[Cursor], str],
) -> RecordPage:
    """Fill one page source by source.

    Raises
    ------
    SourceUnavailable
        A source that counted a moment ago does not give its records in time; a page with a hole is never shown.
    """
    page = query.page or Page()
    names = [name for name, _ in sources]
    first = names.index(start.source) if start and start.source in names else 0
    found: list[Case] = []
    room = page.limit
    for position in range(first, len(sources)):
        name, source = sources[position]
        step = plan[name]
        if not isinstance(step, SourceQuery) or step.empty:
            continue
        after = start.after if start and start.source == name else None
        wanted = _page_for(name, page, room, after)
        if wanted is None:
            continue
        cases, following = await _read(source, replace(step.query, by=(), page=wanted), deadline)
        found.extend(cases)
        room -= _records(cases, page.of)
        if following is not None:
            return RecordPage(tuple(found), encode(Cursor(name, following)))
        if room == 0 and position + 1 < len(sources):
            return RecordPage(tuple(found), encode(Cursor(names[position + 1], None)))
    return RecordPage(tuple(found), None)


def _page_for(name: str, page: Page, room: int, after: int | None) -> Page | None:
    """The part of the page that one source fills; None if only records of other sources are wanted."""
    if page.ids is None:
        return replace(page, limit=room, after=after)
    prefix = f"{name}."
    own = tuple(record.removeprefix(prefix) for record in page.ids if record.startswith(prefix))
    return replace(page, limit=room, after=after, ids=own) if own else None


async def _read(source: Source, query: CaseQuery, deadline: Deadline) -> tuple[tuple[Case, ...], int | None]:
    found = answer_at_once(source, query)
    if found is not None:
        return found.cases, found.next_after
    try:
        async with asyncio.timeout(deadline.remaining()):
            answer = await source.answer(query, deadline)
    except TimeoutError as error:
        raise SourceUnavailable(f"source {source.id} did not give its records in time", where=source.id) from error
    return answer.cases, answer.next_after


def _records(cases: Sequence[Case], of: str) -> int:
    return len(cases) if of == "case" else len({case.patient_id for case in cases})

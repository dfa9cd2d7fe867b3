"""Sources for tests of the federation: cases in memory, and sources that misbehave."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence

import terminology
from gateway.disclosure.policy import load_policy
from gateway.federation.gateway import Gateway
from gateway.model.answer import SourceAnswer
from gateway.model.capability import Capabilities, Coverage
from gateway.model.case import Case, Diagnosis
from gateway.model.dates import Age, DateInterval
from gateway.model.query import CaseQuery
from gateway.model.values import Truth
from gateway.sources.base import Deadline, Source
from gateway.sources.evaluate import answer_cases, evaluate

TERMINOLOGY = terminology.load()


def case(number: int, source: str = "one", patient: str | None = None, **fields: object) -> Case:
    """A neuroblastoma of a girl of three, unless fields say otherwise."""
    given: dict[str, object] = {
        "diagnosis": Diagnosis("C74.9", 9500, 3),
        "incidence": DateInterval.of(2012, 5, 1),
        "age": Age((3, 3), (1200, 1200)),
        "sex": "female",
        "country": "FR",
    }
    return Case(source, f"c{number}", patient or f"p{number}", **(given | fields))  # type: ignore[arg-type]


@dataclasses.dataclass
class ListSource:
    """A source over a list of cases, by the oracle."""

    id: str
    cases: Sequence[Case]
    coverage: Coverage = dataclasses.field(default_factory=Coverage)
    never: frozenset[str] = frozenset()
    snapshot: str | None = "s1"
    asked: int = 0

    def capabilities(self) -> Capabilities:
        return Capabilities(
            "list",
            f"Registry {self.id}",
            self.coverage,
            never=self.never,
            snapshot=self.snapshot,
            cases=len(self.cases),
        )

    async def answer(self, query: CaseQuery, deadline: Deadline) -> SourceAnswer:
        self.asked += 1
        counted = answer_cases(self.cases, query, TERMINOLOGY)
        if query.page is None:
            return counted
        matching = [c for c in self.cases if evaluate(query.where, c, TERMINOLOGY) is Truth.YES]
        start = query.page.after or 0
        page = matching[start : start + query.page.limit]
        end = start + len(page)
        return dataclasses.replace(counted, cases=tuple(page), next_after=end if end < len(matching) else None)

    def close(self) -> None:
        return None


@dataclasses.dataclass
class Failing(ListSource):
    """A source that raises."""

    error: BaseException = dataclasses.field(default_factory=lambda: RuntimeError("patient 4711"))

    async def answer(self, query: CaseQuery, deadline: Deadline) -> SourceAnswer:
        self.asked += 1
        raise self.error


class Silent(ListSource):
    """A source that never answers."""

    async def answer(self, query: CaseQuery, deadline: Deadline) -> SourceAnswer:
        self.asked += 1
        await asyncio.sleep(60)
        raise AssertionError("cancelled long before")


def gateway_of(*sources: Source, policy: str = "open", deadline_seconds: float = 0.2, **policies: str) -> Gateway:
    """Gateway over sources; `policies` by source id."""
    chosen = {source.id: load_policy(policies.get(source.id, policy)) for source in sources}
    return Gateway(
        id="test.gateway",
        title="Test",
        public_url="http://gateway.test",
        terminology=TERMINOLOGY,
        sources={source.id: source for source in sorted(sources, key=lambda s: s.id)},
        broken={},
        policies=chosen,
        salt=b"s" * 32,
        deadline_seconds=deadline_seconds,
    )

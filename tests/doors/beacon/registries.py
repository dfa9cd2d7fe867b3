"""Registries in memory for the tests of the Beacon door: real planning, merging and release over plain cases."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import terminology
from gateway.disclosure.policy import load_policy
from gateway.errors import SourceUnavailable
from gateway.federation.gateway import Gateway
from gateway.model.answer import SourceAnswer
from gateway.model.capability import Capabilities, Coverage
from gateway.model.case import Case, Diagnosis
from gateway.model.dates import UNKNOWN_DATE, Age, DateInterval
from gateway.model.query import CaseQuery, Unit
from gateway.model.values import Absent, Truth
from gateway.sources.evaluate import answer_cases, evaluate

TUMOURS = (
    ("C74.9", 9500, 3),
    ("C72.0", 9500, 3),
    ("C71.6", 9470, 3),
    ("C71.9", 9380, 3),
    ("C42.1", 9811, 3),
    ("C42.1", 9861, 3),
    ("C64.9", 8960, 3),
    ("C69.2", 9510, 3),
    ("C40.2", 9180, 3),
    ("C71.9", 9421, 1),
    ("C56.9", 9080, 0),
    ("C74.9", Absent.UNKNOWN, 3),
)
STAGES = ("toronto:metastatic", "inrgss:MS", Absent.UNKNOWN)


@dataclass
class ListedRegistry:
    """A source over a list of cases."""

    id: str
    cases: Sequence[Case]
    ability: Capabilities
    delay: float = 0.0
    gone: bool = False

    def capabilities(self) -> Capabilities:
        return self.ability

    async def answer(self, query: CaseQuery, deadline: object) -> SourceAnswer:
        if self.gone:
            raise SourceUnavailable("the database does not answer", where=self.id)
        if self.delay:
            await asyncio.sleep(self.delay)
        found = answer_cases(self.cases, query, terminology.load())
        found = replace(found, snapshot=self.ability.snapshot)
        return found if query.page is None else self._with_page(found, query)

    def _with_page(self, found: SourceAnswer, query: CaseQuery) -> SourceAnswer:
        page = query.page
        assert page is not None
        certain = [case for case in self.cases if evaluate(query.where, case, terminology.load()) is Truth.YES]
        names = list(dict.fromkeys(case.patient_id if page.of == "patient" else case.case_id for case in certain))
        start = 0 if page.after is None else page.after
        chosen = names[start : start + page.limit]
        more = start + page.limit < len(names)
        key = "patient_id" if page.of == "patient" else "case_id"
        cases = [case for name in chosen for case in self.cases if getattr(case, key) == name]
        return replace(found, cases=tuple(cases), next_after=start + page.limit if more else None)

    def close(self) -> None:
        """Nothing to give back."""


def make_cases(source: str, country: str, count: int, seed: int, *, partial: bool = True) -> list[Case]:
    """Cases with second tumours, unknown values and partial dates."""
    chance = random.Random(seed)
    cases: list[Case] = []
    for number in range(count):
        patient = f"p{chance.randrange(count) if chance.random() < 0.2 else number}"
        topography, morphology, behaviour = chance.choice(TUMOURS if partial else TUMOURS[:-1])
        year, years = chance.randrange(2008, 2022), chance.randrange(0, 19)
        vague = partial and chance.random() < 0.1
        cases.append(
            Case(
                source=source,
                case_id=f"c{number}",
                patient_id=patient,
                diagnosis=Diagnosis(topography, morphology, behaviour, icdo_edition="3.2"),
                incidence=UNKNOWN_DATE if vague else DateInterval.of(year, chance.randrange(1, 13)),
                age=Age(None, None) if vague else Age.at_diagnosis(UNKNOWN_DATE, UNKNOWN_DATE, given_years=years),
                sex=chance.choice(("male", "female", "male", "female", Absent.UNKNOWN if partial else "female")),
                vital_status=chance.choice(("alive", "dead")),
                basis=chance.choice(("7", "5", "microscopic")),
                stage=chance.choice(STAGES),
                country=country,
            )
        )
    return sorted(cases, key=lambda case: case.patient_id)


def registry(name: str, country: str, cases: Sequence[Case], **more: object) -> ListedRegistry:
    """A population-based registry of one country."""
    ability = Capabilities(
        kind="listed",
        title=f"Registry {name}",
        coverage=Coverage(country=country, years=(2008, 2021), ages=(0, 19)),
        snapshot=f"{name}-1",
        cases=len(cases),
    )
    return ListedRegistry(name, cases, ability, **more)  # type: ignore[arg-type]


def gateway_of(
    *sources: ListedRegistry,
    policies: Mapping[str, str] | None = None,
    broken: Mapping[str, str] | None = None,
    deadline_seconds: float = 8.0,
) -> Gateway:
    """A gateway over these registries; open data unless a policy is named."""
    chosen = policies or {}
    return Gateway(
        id="org.example.gateway",
        title="Example gateway",
        public_url="http://127.0.0.1:8080",
        terminology=terminology.load(),
        sources={source.id: source for source in sorted(sources, key=lambda source: source.id)},
        broken=broken or {},
        policies={source.id: load_policy(chosen.get(source.id, "open")) for source in sources},
        salt=b"0" * 32,
        deadline_seconds=deadline_seconds,
    )


def patients(cases: Sequence[Case]) -> int:
    """Distinct patients."""
    return len({case.patient_id for case in cases})


__all__ = ["ListedRegistry", "Unit", "gateway_of", "make_cases", "patients", "registry"]

"""Registries in memory for the tests of the FHIR door: real planning, merging and release over plain cases."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import terminology
from gateway.disclosure.policy import load_policy
from gateway.errors import SourceUnavailable, Unsupported
from gateway.federation.gateway import Gateway
from gateway.model.answer import SourceAnswer
from gateway.model.capability import Capabilities, Coverage
from gateway.model.case import Case, Diagnosis
from gateway.model.dates import UNKNOWN_DATE, Age, DateInterval, DatePrecision
from gateway.model.query import CaseQuery
from gateway.model.values import Absent, Truth
from gateway.sources.evaluate import answer_cases, evaluate

LOADED_AT = "2026-11-01T08:00:00+00:00"
PUBLIC_URL = "http://gateway.test"
DIAGNOSES = (
    Diagnosis("C74.9", 9500, 3, icdo_edition="3.2"),
    Diagnosis("C72.0", 9500, 3),
    Diagnosis("C71.6", 9470, 3, icd10="C71.6"),
    Diagnosis("C71.9", 9380, 3),
    Diagnosis("C42.1", 9811, 3),
    Diagnosis("C42.1", 9861, 3, icdo_edition="3.1"),
    Diagnosis("C64.9", 8960, 3),
    Diagnosis("C69.2", 9510, 3),
    Diagnosis("C71.9", 9421, 1),
    Diagnosis("C56.9", 9080, 0),
    Diagnosis("C34.1", 8041, 1),
    Diagnosis("C74.9", Absent.UNKNOWN, 3),
    Diagnosis("C74", 9500, Absent.UNKNOWN),
    Diagnosis(Absent.UNKNOWN, 9500, 3),
    Diagnosis(Absent.NOT_COLLECTED, Absent.NOT_COLLECTED, Absent.NOT_COLLECTED, icd10="C74.9"),
    Diagnosis(Absent.NOT_COLLECTED, Absent.NOT_COLLECTED, Absent.NOT_COLLECTED, iccc="2017:IV(a)"),
)
ODD_INTERVAL = DateInterval(dt.date(2014, 12, 20), dt.date(2015, 1, 10), DatePrecision.ESTIMATED)


@dataclass
class ListedRegistry:
    """A source over a list of cases."""

    id: str
    cases: Sequence[Case]
    ability: Capabilities
    delay_seconds: float = 0.0
    error: Exception | None = None

    def capabilities(self) -> Capabilities:
        return self.ability

    async def answer(self, query: CaseQuery, _: object) -> SourceAnswer:
        if self.error:
            raise self.error
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        found = replace(answer_cases(self.cases, query, terminology.load()), snapshot=self.ability.snapshot)
        return found if query.page is None else self._with_page(found, query)

    def _with_page(self, found: SourceAnswer, query: CaseQuery) -> SourceAnswer:
        page = query.page
        assert page is not None
        key = "patient_id" if page.of == "patient" else "case_id"
        certain = [case for case in self.cases if evaluate(query.where, case, terminology.load()) is Truth.YES]
        names = list(dict.fromkeys(getattr(case, key) for case in certain))
        start = page.after or 0
        end = start + page.limit
        chosen = names[start:end]
        cases = [case for name in chosen for case in self.cases if getattr(case, key) == name]
        return replace(found, cases=tuple(cases), next_after=end if end < len(names) else None)

    def close(self) -> None:
        """Nothing to give back."""


def make_cases(source: str, country: str, count: int, seed: int) -> list[Case]:
    """Cases with second tumours, unknown, withheld and partial values of every kind."""
    chance, more = random.Random(seed), random.Random(seed + 1000)
    cases = []
    for number in range(count):
        patient = f"p{chance.randrange(count) if chance.random() < 0.2 else number}"
        incidence, birth = _incidence(chance), _birth(chance)
        given = chance.choice((None, None, chance.randrange(0, 20)))
        cases.append(
            Case(
                source=source,
                case_id=f"c{number}",
                patient_id=patient,
                diagnosis=chance.choice(DIAGNOSES),
                incidence=incidence,
                birth=birth,
                age=Age.at_diagnosis(birth, incidence, given_years=given),
                sex=chance.choice(("male", "female", "other", Absent.UNKNOWN, Absent.NOT_COLLECTED)),
                vital_status=chance.choice(("alive", "dead", Absent.UNKNOWN)),
                basis=chance.choice(("7", "5", "0", "microscopic", Absent.UNKNOWN)),
                laterality=chance.choice(("left", "unilateral", Absent.NOT_APPLICABLE, Absent.UNKNOWN)),
                country=country,
                grade=more.choice(("1", "3", "x9", Absent.UNKNOWN)),
                stage=more.choice(("toronto:localised", "inrgss:MS", Absent.UNKNOWN, Absent.NOT_APPLICABLE)),
                last_contact=more.choice((DateInterval.of(2023, 5, 6), DateInterval.of(2023), UNKNOWN_DATE)),
            )
        )
    return cases


def _incidence(chance: random.Random) -> DateInterval:
    year, month, day = chance.randrange(2008, 2022), chance.randrange(1, 13), chance.randrange(1, 29)
    exact = DateInterval.of(year, month, day)
    return chance.choice(
        (exact, exact, DateInterval.of(year, month), DateInterval.of(year), UNKNOWN_DATE, ODD_INTERVAL)
    )


def _birth(chance: random.Random) -> DateInterval:
    year, month = chance.randrange(1995, 2008), chance.randrange(1, 13)
    return chance.choice(
        (
            DateInterval.of(year, month, 7),
            DateInterval.of(year, month),
            DateInterval.of(year),
            UNKNOWN_DATE,
            DateInterval(dt.date(year, 3, 5), dt.date(year + 1, 3, 4), DatePrecision.ESTIMATED),
        )
    )


def registry(name: str, country: str, cases: Sequence[Case], **more: object) -> ListedRegistry:
    """A population-based registry of one country."""
    ability = Capabilities(
        kind="listed",
        title=f"Registry {name}",
        coverage=Coverage(country=country, years=(2000, 2025), ages=(0, 30)),
        snapshot=f"{name}-1",
        cases=len(cases),
        loaded_at=LOADED_AT,
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
        public_url=PUBLIC_URL,
        terminology=terminology.load(),
        sources={source.id: source for source in sorted(sources, key=lambda source: source.id)},
        broken=broken or {},
        policies={source.id: load_policy(chosen.get(source.id, "open")) for source in sources},
        salt=b"0" * 32,
        deadline_seconds=deadline_seconds,
    )


GONE = SourceUnavailable("the database does not answer", where="gone")
CANNOT = Unsupported("holds no codes that this question can be put in")

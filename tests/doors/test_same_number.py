"""The same question gives the same number through every door, over many generated questions."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.app import create_app
from gateway.model.case import Case, Diagnosis
from gateway.model.dates import UNKNOWN_DATE, Age, DateInterval
from gateway.model.fields import FIELDS
from gateway.model.values import Absent
from tests.doors.asgi import Client
from tests.federation.doubles import ListSource, gateway_of

DIAGNOSES = (
    Diagnosis("C74.9", 9500, 3),
    Diagnosis("C71.6", 9421, 1),
    Diagnosis("C71.9", 9470, 3),
    Diagnosis("C42.1", 9836, 3),
    Diagnosis("C64.9", 8960, 3),
    Diagnosis("C69.2", 9510, Absent.UNKNOWN),
    Diagnosis("C71", 9380, 3),
    Diagnosis(Absent.UNKNOWN, 9500, 3),
)
CODES = (
    ("ICCC3", "IV(a)", "http://terminology.hl7.org/CodeSystem/iccc-3"),
    ("ICCC3", "III(b)", "http://terminology.hl7.org/CodeSystem/iccc-3"),
    ("ICCC3", "III", "http://terminology.hl7.org/CodeSystem/iccc-3"),
    ("ICDO3", "9500/3", "http://terminology.hl7.org/CodeSystem/icd-o-3"),
    ("ICDO3", "C71.9", "http://terminology.hl7.org/CodeSystem/icd-o-3"),
    ("NCIT", "C3270", "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"),
    ("ICD10", "C64", "http://hl7.org/fhir/sid/icd-10"),
)
SEX_TERMS = {"male": "NCIT:C20197", "female": "NCIT:C16576"}


def registry(name: str, seed: int, size: int) -> ListSource:
    chance = random.Random(seed)
    return ListSource(name, [made(name, number, chance) for number in range(size)])


def made(source: str, number: int, chance: random.Random) -> Case:
    year, years = chance.randint(2005, 2020), chance.randint(0, 19)
    day = chance.choice([(year, 6, 15), (year, 3), (year,)])
    age = chance.choice([Age((years, years), None), Age((years, years + 1), None), Age(None, None)])
    return Case(
        source,
        f"c{number}",
        f"p{number // 2 if number % 10 == 1 else number}",
        chance.choice(DIAGNOSES),
        incidence=chance.choice([DateInterval.of(*day)] * 9 + [UNKNOWN_DATE]),
        age=age,
        sex=chance.choice(["male", "female", "female", Absent.UNKNOWN]),
        country="FR",
    )


@pytest.fixture(scope="module")
def client() -> Client:
    gateway = gateway_of(registry("a", 1, 120), registry("b", 2, 80), deadline_seconds=60)
    return Client(create_app(gateway))


@dataclass(frozen=True)
class Question:
    system: str
    code: str
    uri: str
    oldest: int | None
    years: tuple[int, int] | None
    sex: str | None

    def statistics(self, unit: str) -> str:
        parts = [f"diagnosis={self.system}:{self.code}", f"unit={unit}"]
        parts += [f"age=..{self.oldest}"] if self.oldest is not None else []
        parts += [f"year={self.years[0]}..{self.years[1]}"] if self.years else []
        parts += [f"sex={self.sex}"] if self.sex else []
        return f"/statistics/counts?{'&'.join(parts)}"

    def fhir(self) -> str:
        parts = [f"code={self.uri}%7C{self.code}", "_summary=count"]
        parts += [f"age-at-diagnosis=le{self.oldest}"] if self.oldest is not None else []
        if self.years:
            parts += [f"onset-date=ge{self.years[0]}-01-01", f"onset-date=le{self.years[1]}-12-31"]
        parts += [f"subject:Patient.gender={self.sex}"] if self.sex else []
        return f"/fhir/Condition?{'&'.join(parts)}"

    def beacon(self) -> dict[str, object]:
        filters: list[dict[str, object]] = [{"id": f"{self.system}:{self.code}"}]
        if self.oldest is not None:
            filters.append({"id": "age", "operator": "<", "value": f"P{self.oldest + 1}Y"})
        if self.years:
            filters.append({"id": "year", "operator": ">=", "value": str(self.years[0])})
            filters.append({"id": "year", "operator": "<=", "value": str(self.years[1])})
        filters += [{"id": SEX_TERMS[self.sex]}] if self.sex else []
        return {"meta": {"apiVersion": "v2.1.1"}, "query": {"requestedGranularity": "count", "filters": filters}}


questions = st.builds(
    lambda code, oldest, years, sex: Question(*code, oldest, (min(years), max(years)) if years else None, sex),
    st.sampled_from(CODES),
    st.none() | st.integers(0, 19),
    st.none() | st.tuples(st.integers(2004, 2021), st.integers(2004, 2021)),
    st.sampled_from([None, "male", "female"]),
)


def bounds_of_bundle(bundle: dict) -> tuple[int, int | None]:
    if "total" in bundle:
        return bundle["total"], bundle["total"]
    parts = {part["url"]: part for part in bundle["_total"]["extension"][0]["extension"]}
    return parts["low"]["valueUnsignedInt"], parts["high"]["valueUnsignedInt"] if "high" in parts else None


def bounds_of_beacon(body: dict) -> tuple[int, int | None]:
    summary = body["responseSummary"]
    ranges = body.get("info", {}).get("resultCountDescription")
    if ranges:
        return ranges["minRange"], ranges.get("maxRange")
    return summary["numTotalResults"], summary["numTotalResults"]


@given(questions)
@settings(max_examples=150, deadline=None)
def test_tumours_are_the_same_through_statistics_and_fhir(client: Client, question: Question) -> None:
    total = client.get(question.statistics("tumours")).json()["total"]
    assert bounds_of_bundle(client.get(question.fhir()).json()) == (total["low"], total["high"])


@pytest.mark.parametrize("field", sorted(FIELDS.keys() - {"source", "age_days"}))
def test_what_is_known_and_what_is_not_are_exact_and_add_up(client: Client, field: str) -> None:
    every = client.get("/statistics/counts").json()["total"]["low"]
    totals = [
        client.get(f"/statistics/counts?{field}=known").json()["total"],
        client.get(f"/statistics/counts?{field}!=known").json()["total"],
    ]
    assert [total["high"] for total in totals] == [total["low"] for total in totals]
    assert sum(total["low"] for total in totals) == every
    assert client.post("/statistics/counts", json={field: "known"}).json()["total"] == totals[0]


@given(questions)
@settings(max_examples=150, deadline=None)
def test_patients_are_the_same_through_statistics_and_beacon(client: Client, question: Question) -> None:
    total = client.get(question.statistics("patients")).json()["total"]
    body = client.post("/beacon/individuals", json=question.beacon()).json()
    assert "error" not in body, body
    assert bounds_of_beacon(body) == (total["low"], total["high"])

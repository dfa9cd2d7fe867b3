"""The door in the whole application: the same question gives the same number as /statistics/counts."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.app import create_app
from gateway.federation.gateway import Gateway
from tests.doors.fhir.client import Client, bounds, link_of

ICCC = "http://terminology.hl7.org/CodeSystem/iccc-3"
ICDO = "http://terminology.hl7.org/CodeSystem/icd-o-3"
ICD10 = "http://hl7.org/fhir/sid/icd-10"

TERMS = {
    "ICCC3:IV(a)": f"{ICCC}|IV(a)",
    "ICCC3:III": f"{ICCC}|III",
    "ICDO3:9500/3": f"{ICDO}|9500/3",
    "ICDO3:C74.9": f"{ICDO}|C749",
    "ICD10:C74.9": f"{ICD10}|C74.9",
    "ICDO3:9500/3-C74.9": f"{ICDO}|9500/3-C74.9",
}


@pytest.fixture(scope="session")
def whole(gateway: Gateway) -> Client:
    return Client(create_app(gateway))


QUESTIONS = st.fixed_dictionaries(
    {},
    optional={
        "diagnosis": st.lists(st.sampled_from(sorted(TERMS)), min_size=1, max_size=3, unique=True),
        "age": st.tuples(st.integers(0, 9), st.integers(9, 19)),
        "year": st.tuples(st.integers(2008, 2014), st.integers(2014, 2021)),
        "sex": st.sampled_from(["male", "female"]),
        "source": st.sampled_from(["de-two", "fr-one"]),
        "topography": st.sampled_from(["C74.9", "C71"]),
    },
)


@settings(max_examples=60, deadline=None)
@given(QUESTIONS, st.booleans())
def test_the_same_question_gives_the_same_number(whole: Client, chosen: dict[str, object], patients: bool) -> None:
    words, fhir = spoken(chosen)
    statistics = whole.get("/statistics/counts", params=words).json()
    assert "total" in statistics, statistics
    found = whole.get("/fhir/Condition", params=[*fhir, ("_summary", "count")]).json()
    assert bounds(found) == (statistics["total"]["low"], statistics["total"]["high"])


def spoken(chosen: dict[str, object]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """A question in the words of /statistics/counts and in those of FHIR."""
    words: list[tuple[str, str]] = []
    fhir: list[tuple[str, str]] = []
    for name, value in chosen.items():
        match name, value:
            case "diagnosis", list():
                words.append(("diagnosis", ",".join(value)))
                fhir.append(("code", ",".join(TERMS[term] for term in value)))
            case "age", (low, high):
                words.append(("age", f"{low}..{high}"))
                fhir += [("age-at-diagnosis", f"ge{low}"), ("age-at-diagnosis", f"lt{high + 1}")]
            case "year", (low, high):
                words.append(("date", f"{low}-01-01..{high}-12-31"))
                fhir += [("onset-date", f"ge{low}"), ("onset-date", f"le{high}")]
            case "sex", str():
                words.append(("sex", value))
                fhir.append(("patient.gender", value))
            case "source", str():
                words.append(("source", value))
                fhir.append(("_source", value))
            case "topography", str():
                words.append(("topography", value))
                fhir.append(("body-site", f"{ICDO}|{value}"))
    return words, fhir


def test_patients_are_counted_as_patients(whole: Client) -> None:
    statistics = whole.get("/statistics/counts", params={"sex": "female", "unit": "patients"}).json()
    found = whole.get("/fhir/Patient", params={"gender": "female", "_summary": "count"}).json()
    assert bounds(found) == (statistics["total"]["low"], statistics["total"]["high"])


def test_links_lead_back_through_the_mount(whole: Client) -> None:
    page = whole.get("/fhir/Condition?_count=2").json()
    link = str(link_of(page, "next"))
    assert link.startswith("http://gateway.test/fhir/Condition?_count=2&_cursor=")
    assert whole.get(link.removeprefix("http://gateway.test")).json()["entry"]


def test_many_clients_at_once_get_the_same_bytes(whole: Client) -> None:
    async def ask() -> set[bytes]:
        answers = await asyncio.gather(
            *(whole._request("GET", f"/fhir/Condition/de-two.c{number % 3}") for number in range(12))
        )
        return {answer.content for answer in answers}

    assert len(asyncio.run(ask())) == 3


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("POST", "/metadata", 405)])
def test_errors_under_the_mount_are_the_doors_own(whole: Client, method: str, path: str, status: int) -> None:
    answer = whole.request(method, f"/fhir{path}")
    assert answer.status_code == status
    assert answer.json()["resourceType"] == "OperationOutcome"

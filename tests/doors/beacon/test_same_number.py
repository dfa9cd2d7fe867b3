"""The same question has the same number through /beacon and /statistics (unit=patients), whatever is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.doors import beacon, fhir, statistics
from gateway.federation.gateway import Gateway
from tests.doors.asgi import Client
from tests.doors.beacon.checks import faults
from tests.doors.beacon.registries import gateway_of, make_cases, registry

CHOICES = {
    "diagnosis": [
        ("ICCC3:IV(a)", "diagnosis=ICCC3:IV(a)"),
        ("ICCC3:I", "diagnosis=ICCC3:I"),
        ("ICCC3|2005:III", "diagnosis=ICCC3|2005:III"),
        ("pgx:icdom-95003", "diagnosis=ICDO3:9500/3"),
        ("ICDO3:C74.9", "diagnosis=ICDO3:C74.9"),
        ("pgx:icdot-C74.9", "topography=C74.9"),
        ("NCIT:C3270", "diagnosis=NCIT:C3270"),
        ("ICD10:C74", "diagnosis=ICD10:C74"),
        ("!ICCC3:IV(a)", "diagnosis!=ICCC3:IV(a)"),
    ],
    "age": [
        ("age<=P14Y", "age=0..14"),
        ("age<P1Y", "age=0"),
        ("age>=P15Y", "age=15.."),
        ("age!P3Y", "age!=3"),
        ("age<=P400D", "age_days=0..400"),
    ],
    "year": [
        ("year>=2010,year<=2019", "year=2010..2019"),
        ("year=2015", "year=2015"),
        ("date<2015-06-01", "date=..2015-05-31"),
    ],
    "sex": [("NCIT:C16576", "sex=female"), ("NCIT:C20197", "sex=male"), ("!NCIT:C20197", "sex!=male")],
    "vital": [("vitalStatus=dead", "vital_status=dead")],
    "basis": [("basis=7", "basis=7"), ("basis=microscopic", "basis=microscopic")],
    "stage": [("stage=toronto:metastatic", "stage=toronto:metastatic")],
    "country": [("country=DE", "country=DE")],
    "source": [("source=fr-one", "source=fr-one"), ("source!us-three", "source!=us-three")],
}
QUESTION = st.lists(st.sampled_from(sorted(CHOICES)), unique=True, max_size=4).flatmap(
    lambda fields: st.tuples(*(st.sampled_from(CHOICES[field]) for field in fields))
)


@pytest.fixture(scope="module", params=["open", "count", "mixed"])
def doors(request: pytest.FixtureRequest) -> tuple[Client, Client]:
    """Both doors of registries under three kinds of policy."""
    names = (("fr-one", "FR"), ("de-two", "DE"), ("us-three", "US"), ("de-too", "DE"))
    policy = {"open": {}, "count": {name: "count" for name, _ in names}, "mixed": {"us-three": "existence"}}
    sources = [
        registry(name, country, make_cases(name, country, 80, seed)) for seed, (name, country) in enumerate(names)
    ]
    guarded = gateway_of(*sources, policies=policy[request.param])
    return Client(beacon.create(guarded)), Client(statistics.create(guarded))


@settings(deadline=None, max_examples=60)
@given(question=QUESTION, granularity=st.sampled_from(["count", "record"]))
def test_beacon_and_statistics_agree(
    doors: tuple[Client, Client], question: tuple[tuple[str, str], ...], granularity: str
) -> None:
    filters = ",".join(mine for mine, _ in question)
    text = "&".join([*(theirs for _, theirs in question), "unit=patients"])
    numbers = doors[1].get(f"/counts?{text}")
    assert numbers.status_code == 200, numbers.text
    parameters = {"filters": filters, "requestedGranularity": granularity, "includeResultsetResponses": "ALL"}
    answer = doors[0].get("/individuals", params=parameters)
    assert answer.status_code == 200, answer.text
    assert faults(answer.json()) == []
    agree(answer.json(), numbers.json())


def agree(answer: dict[str, Any], numbers: dict[str, Any]) -> None:
    """Totals, counts of each registry and their bounds are the same; nothing is shown here that is not there."""
    summary, total = answer["responseSummary"], numbers["total"]
    assert summary["exists"] is (numbers["exists"] is True)
    if total["precision"] == "suppressed":
        assert "numTotalResults" not in summary
        return
    assert summary["numTotalResults"] == total["low"]
    ranges = answer["info"].get("resultCountDescription", {"maxRange": total["low"]})
    assert ranges["maxRange"] == total["high"]
    theirs = {
        source["id"]: source["count"]["low"]
        for source in numbers["sources"]
        if source["status"] in {"ok", "partial"} and source["count"] and source["count"]["precision"] != "suppressed"
    }
    assert {item["id"]: item["resultsCount"] for item in answer["response"]["resultSets"]} == theirs
    assert {node["sourceId"]: node["status"] for node in answer["info"]["nodes"]} == {
        source["id"]: source["status"] for source in numbers["sources"]
    }


def test_a_dataset_counts_as_its_source_filter_does(doors: tuple[Client, Client]) -> None:
    client = doors[0]
    parameters = {"filters": "NCIT:C20197", "requestedGranularity": "count"}
    inside = client.get("/datasets/fr-one/individuals", params=parameters).json()
    filtered = client.get("/individuals", params={**parameters, "filters": "source=fr-one,NCIT:C20197"}).json()
    assert inside["responseSummary"] == filtered["responseSummary"]


def test_the_records_of_all_pages_are_as_many_as_the_exact_count() -> None:
    sources = [registry(name, "FR", make_cases(name, "FR", 60, 4, partial=False)) for name in ("aa",)]
    client = Client(beacon.create(gateway_of(*sources)))
    for filters in ("", "ICCC3:IV(a)", "age<=P4Y", "!NCIT:C20197"):
        answer = client.get("/individuals", params={"filters": filters, "limit": 0}).json()
        assert answer["responseSummary"]["countPrecision"] == "exact"
        assert (
            sum(len(item["results"]) for item in answer["response"]["resultSets"])
            == answer["responseSummary"]["numTotalResults"]
        )


def bounds_of(answer: dict[str, Any]) -> tuple[int, int | None]:
    """Low and high of a Beacon count."""
    low = answer["responseSummary"]["numTotalResults"]
    ranges = answer["info"].get("resultCountDescription", {"minRange": low, "maxRange": low})
    return ranges["minRange"], ranges["maxRange"]


def bounds_of_bundle(bundle: dict[str, Any]) -> tuple[int, int | None]:
    """Low and high of a FHIR searchset: total where it is exact, else the extension that bounds it."""
    if "total" in bundle:
        return bundle["total"], bundle["total"]
    found = next(item for item in bundle["_total"]["extension"] if item["url"].endswith("/count-bounds"))
    parts = {part["url"]: part.get("valueUnsignedInt") for part in found["extension"]}
    return parts["low"], parts.get("high")


SYSTEM_URLS = {
    "iccc3": "http://terminology.hl7.org/CodeSystem/iccc-3",
    "icdo3": "http://terminology.hl7.org/CodeSystem/icd-o-3",
    "ncit": "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl",
    "icd10": "http://hl7.org/fhir/sid/icd-10",
}
FHIR_CHOICES = {
    "diagnosis": [
        ("ICCC3:IV(a)", ("code", "{iccc3}|IV(a)")),
        ("pgx:icdom-95003", ("code", "{icdo3}|9500/3")),
        ("NCIT:C3270", ("code", "{ncit}|C3270")),
        ("ICD10:C74", ("code", "{icd10}|C74")),
    ],
    "site": [("pgx:icdot-C74.9", ("body-site", "{icdo3}|C74.9")), ("ICDO3:C71", ("body-site", "{icdo3}|C71"))],
    "age": [("age<=P14Y", ("age-at-diagnosis", "le14")), ("age>=P15Y", ("age-at-diagnosis", "ge15"))],
    "year": [("year=2015", ("onset-date", "2015")), ("date>=2015-06-01", ("onset-date", "ge2015-06-01"))],
    "sex": [("NCIT:C16576", ("subject:Patient.gender", "female")), ("NCIT:C20197", ("patient.gender", "male"))],
    "source": [("source=fr-one", ("_source", "fr-one"))],
}
FHIR_QUESTION = st.lists(st.sampled_from(sorted(FHIR_CHOICES)), unique=True, max_size=4).flatmap(
    lambda fields: st.tuples(*(st.sampled_from(FHIR_CHOICES[field]) for field in fields))
)


@pytest.fixture(scope="module")
def fhir_doors() -> tuple[Client, Client]:
    """Beacon and FHIR over registries whose patients have one tumour each."""
    sources = [
        registry(
            name, country, [replace(case, patient_id=case.case_id) for case in make_cases(name, country, 90, seed)]
        )
        for seed, (name, country) in enumerate((("fr-one", "FR"), ("de-two", "DE")))
    ]
    guarded = gateway_of(*sources)
    return Client(beacon.create(guarded)), Client(fhir.create(guarded))


@settings(deadline=None, max_examples=60)
@given(question=FHIR_QUESTION)
def test_beacon_individuals_and_fhir_conditions_agree_where_each_patient_has_one_tumour(
    fhir_doors: tuple[Client, Client], question: tuple[tuple[str, tuple[str, str]], ...]
) -> None:
    filters = ",".join(mine for mine, _ in question)
    parameters = [(name, value.format(**SYSTEM_URLS)) for _, (name, value) in question]
    mine = fhir_doors[0].get("/individuals", params={"filters": filters, "requestedGranularity": "count"})
    theirs = fhir_doors[1].get("/Condition", params=[*parameters, ("_summary", "count")])
    assert (mine.status_code, theirs.status_code) == (200, 200), theirs.text
    assert bounds_of(mine.json()) == bounds_of_bundle(theirs.json())


@pytest.mark.parametrize(
    ("filters", "parameters"),
    [
        ("", {}),
        ("NCIT:C16576", {"gender": "female"}),
        ("source=fr-one", {"_source": "fr-one"}),
        ("NCIT:C17998", {"gender": "unknown"}),
        ("source=fr-one,NCIT:C20197", {"_source": "fr-one", "gender": "male"}),
    ],
)
def test_beacon_individuals_and_fhir_patients_agree(gateway: Gateway, filters: str, parameters: dict[str, str]) -> None:
    mine = Client(beacon.create(gateway)).get(
        "/individuals", params={"filters": filters, "requestedGranularity": "count"}
    )
    theirs = Client(fhir.create(gateway)).get("/Patient", params={**parameters, "_summary": "count"})
    assert (mine.status_code, theirs.status_code) == (200, 200), theirs.text
    assert bounds_of(mine.json()) == bounds_of_bundle(theirs.json())


def test_fhir_counts_as_not_female_who_may_be_for_beacon(gateway: Gateway) -> None:
    """R4's `:not` is about what a resource says: a patient of unknown sex is not said to be female."""
    mine = Client(beacon.create(gateway)).get(
        "/individuals", params={"filters": "!NCIT:C16576", "requestedGranularity": "count"}
    )
    theirs = Client(fhir.create(gateway)).get("/Patient", params={"gender:not": "female", "_summary": "count"})
    low, high = bounds_of(mine.json())
    assert low < high
    assert bounds_of_bundle(theirs.json()) == (high, high)

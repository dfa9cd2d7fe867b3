"""Measure/$evaluate-measure: the numbers of /statistics/counts, and no masked stratum that can be told."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.app import create_app
from gateway.disclosure.policy import load_policy
from gateway.doors.fhir import create
from gateway.doors.fhir.definitions import conformance_resources, guide
from gateway.doors.fhir.measures.parse import PARAMETERS, REFUSED
from gateway.doors.fhir.measures.resources import MEASURES
from gateway.doors.fhir.measures.stratifiers import DEFAULT_STRATIFIERS, STRATIFIERS
from gateway.doors.fhir.wire.bodies import MOST_BODY_BYTES
from gateway.model.case import Case, Diagnosis
from gateway.model.dates import Age, DateInterval
from tests.doors.fhir.client import Client, Json, matches
from tests.doors.fhir.registries import CANNOT, GONE, PUBLIC_URL, gateway_of, make_cases, registry
from tests.doors.fhir.reports import DAR, MASKED, population, statuses, tables
from tests.doors.fhir.validation import OfficialSchemas, model_faults

ICCC = "http://terminology.hl7.org/CodeSystem/iccc-3"
ICDO = "http://terminology.hl7.org/CodeSystem/icd-o-3"
K = load_policy("count").tiers["public"].minimum_cell
OPEN: dict[str, str] = {}
MIXED = {"de-two": "count"}
COUNTS = dict.fromkeys(("fr-one", "de-two", "us-three"), "count")
PERIOD = "periodStart=2000&periodEnd=2030"


def whole_over(policies: dict[str, str]) -> Client:
    sources = [
        registry(name, country, make_cases(name, country, 90, seed))
        for seed, (name, country) in enumerate((("fr-one", "FR"), ("de-two", "DE"), ("us-three", "US")))
    ]
    return Client(create_app(gateway_of(*sources, policies=policies)))


@pytest.fixture(scope="module")
def wholes() -> dict[str, Client]:
    """The whole application over the same cases under three sets of policies."""
    return {"open": whole_over(OPEN), "mixed": whole_over(MIXED), "counts": whole_over(COUNTS)}


def evaluate(client: Client, query: str, measure: str = "incidence", mount: str = "/fhir") -> Json:
    return client.json(f"{mount}/Measure/{measure}/$evaluate-measure?{query}")


# --- equal to the statistics door -------------------------------------------------------------------------------------

QUESTIONS = st.fixed_dictionaries(
    {
        "years": st.tuples(st.integers(2006, 2014), st.integers(2014, 2022)),
        "unit": st.sampled_from(["tumours", "patients"]),
    },
    optional={
        "code": st.sampled_from(
            [("ICCC3:IV(a)", f"{ICCC}|IV(a)"), ("ICCC3:III", f"{ICCC}|III"), ("ICDO3:C71.9", f"{ICDO}|C71.9")]
        ),
        "ages": st.tuples(st.integers(0, 8), st.integers(9, 19)),
        "source": st.sampled_from(["de-two", "fr-one", "fr-one,us-three"]),
    },
)
CHOICES = st.lists(st.sampled_from(DEFAULT_STRATIFIERS), min_size=1, max_size=3, unique=True)


def spoken(asked: dict[str, Any]) -> tuple[str, str]:
    """A question in the words of /statistics/counts and as parameters of the operation."""
    first, last = asked["years"]
    words = [f"date={first}-01-01..{last}-12-31", f"unit={asked['unit']}"]
    fhir = [f"periodStart={first}&periodEnd={last}"]
    if "code" in asked:
        words.append(f"diagnosis={asked['code'][0]}")
        fhir.append(f"code={asked['code'][1].replace('|', '%7C')}")
    if "ages" in asked:
        low, high = asked["ages"]
        words.append(f"age={low}..{high}")
        fhir.append(f"age-at-diagnosis=ge{low}&age-at-diagnosis=lt{high + 1}")
    if "source" in asked:
        words.append(f"source={asked['source']}")
        fhir.append(f"source={asked['source']}")
    return "&".join(words), "&".join(fhir)


def counted(client: Client, words: str, by: list[str]) -> tuple[Any, dict[tuple[str, ...], Any]]:
    """Total and cells of /statistics/counts."""
    dimensions = [STRATIFIERS[name].dimension for name in by]
    body = client.json(f"/statistics/counts?{words}{'&by=' if by else ''}{','.join(dimensions)}")
    found = {tuple(cell[name] for name in dimensions): tuple(cell["count"].values()) for cell in body["cells"]}
    return tuple(body["total"].values()), found


@settings(max_examples=60, deadline=None)
@given(QUESTIONS, CHOICES, st.sampled_from(["open", "mixed", "counts"]))
def test_every_stratum_of_one_dimension_is_the_cell_of_statistics_or_masked(
    wholes: dict[str, Client], asked: dict[str, Any], chosen: list[str], policies: str
) -> None:
    client = wholes[policies]
    words, fhir = spoken(asked)
    measure = "incidence" if asked["unit"] == "tumours" else "patients"
    report = evaluate(client, f"{fhir}&stratifier={','.join(chosen)}", measure)
    expected = {(name,): counted(client, words, [name]) for name in chosen}
    withheld = len(chosen) > 1 and any(total[2] == "suppressed" for total, _ in expected.values())
    found = tables(report)
    assert list(found) == list(expected)
    for name, (total, cells) in expected.items():
        assert found[name] == (dict.fromkeys(cells, MASKED) if withheld else cells)
        assert population(report) == (MASKED if withheld else total)
    assert policies != "open" or not withheld


@settings(max_examples=40, deadline=None)
@given(QUESTIONS, CHOICES, st.sampled_from(["open", "mixed", "counts"]))
def test_every_stratum_of_several_dimensions_is_the_cell_of_statistics(
    wholes: dict[str, Client], asked: dict[str, Any], chosen: list[str], policies: str
) -> None:
    client = wholes[policies]
    words, fhir = spoken(asked)
    measure = "incidence-crossed" if asked["unit"] == "tumours" else "patients-crossed"
    report = evaluate(client, f"{fhir}&stratifier={','.join(chosen)}", measure)
    total, cells = counted(client, words, chosen)
    assert tables(report) == {tuple(chosen): cells}
    assert population(report) == total


def test_the_generated_questions_meet_every_precision(wholes: dict[str, Client]) -> None:
    seen: Counter[str] = Counter()
    for client in wholes.values():
        for measure in MEASURES:
            for table in tables(evaluate(client, f"{PERIOD}&stratifier=sex,age-band", measure)).values():
                seen.update(precision for _, _, precision in table.values())
    assert min(seen["exact"], seen["bounded"], seen["suppressed"]) >= 20


def test_without_stratifiers_there_is_the_population_alone(wholes: dict[str, Client]) -> None:
    report = evaluate(wholes["open"], f"{PERIOD}&stratifier=none")
    assert tables(report) == {}
    assert population(report) == counted(wholes["open"], "date=2000-01-01..2030-12-31", [])[0]


# --- what can be told from one report ---------------------------------------------------------------------------------

SEXES, BANDS, YEARS = ("male", "female"), ("1-4", "5-9"), (2010, 2011)
CORNERS = tuple(itertools.product(range(2), repeat=3))
MOST_CASES = 12


def cornered(corners: Counter[tuple[int, int, int]]) -> list[Case]:
    """Exact cases of two sexes, two age bands and two years."""
    return [
        Case(
            "one",
            f"c{position}.{number}",
            f"p{position}.{number}",
            Diagnosis("C74.9", 9500, 3),
            incidence=DateInterval.of(YEARS[year], 5, 5),
            age=Age((2 + 5 * band, 2 + 5 * band), None),
            sex=SEXES[sex],
            country="FR",
        )
        for position, ((sex, band, year), count) in enumerate(corners.items())
        for number in range(count)
    ]


@cache
def all_tables(total: int) -> np.ndarray[Any, Any]:
    """Every way to put so many cases into the eight corners, one a row."""
    rows = [np.diff((-1, *bars, total + 7)) - 1 for bars in itertools.combinations(range(total + 7), 7)]
    return np.array(rows, dtype=np.int8)


def attack(report: Json) -> dict[tuple[tuple[str, ...], tuple[str, ...]], int]:
    """How many values each masked stratum can have, given everything else that the report says.

    Knows the corners there are, that a listed stratum has a case and one that is not listed has none.
    """
    names = {"sex": (0, SEXES), "age-band": (1, BANDS), "year": (2, tuple(map(str, YEARS)))}
    total = population(report)
    candidates = [all_tables(size) for size in range(MOST_CASES + 1) if total[2] == "suppressed" or size == total[0]]
    possible = np.concatenate(candidates)
    sums: dict[tuple[tuple[str, ...], tuple[str, ...]], Any] = {}
    for over, strata in tables(report).items():
        for labels in itertools.product(*(names[name][1] for name in over)):
            inside = [
                all(names[name][1][corner[names[name][0]]] == label for name, label in zip(over, labels, strict=True))
                for corner in CORNERS
            ]
            count = possible[:, inside].sum(axis=1)
            shown = strata.get(labels, (0, 0, "exact"))
            keep = count >= 1 if shown == MASKED else count == shown[0]
            possible = possible[keep]
            sums = {key: value[keep] for key, value in sums.items()}
            if shown == MASKED:
                sums[over, labels] = count[keep]
    assert len(possible) > 0
    return {key: len(np.unique(value)) for key, value in sums.items()}


def corners_of(seed: int) -> Counter[tuple[int, int, int]]:
    chance = random.Random(seed)
    weights = [chance.choice((0, 0, 1, 4)) for _ in CORNERS]
    weights[chance.randrange(8)] += 1
    return Counter(chance.choices(CORNERS, weights, k=chance.randrange(1, MOST_CASES + 1)))


def closed_door(corners: Counter[tuple[int, int, int]]) -> Client:
    return Client(create(gateway_of(registry("one", "FR", cornered(corners)), policies={"one": "count"})))


def test_no_arithmetic_over_one_report_tells_a_masked_stratum() -> None:
    masked = shown_beside = 0
    for seed in range(100):
        door = closed_door(corners_of(seed))
        for query, measure in (
            ("sex,age-band,year", "incidence"),
            ("sex,year", "incidence"),
            ("sex,age-band,year", "incidence-crossed"),
            ("age-band,year", "incidence-crossed"),
        ):
            report = evaluate(door, f"{PERIOD}&stratifier={query}", measure, mount="")
            values = attack(report)
            assert all(number >= K for number in values.values()), (seed, query, measure, values)
            masked += len(values)
            strata = [count for table in tables(report).values() for count in table.values()]
            shown_beside += bool(values) and any(count != MASKED for count in strata)
    assert masked > 400
    assert shown_beside > 10


def test_the_attack_finds_what_margins_beside_a_crossed_table_would_tell() -> None:
    """The planted fault: both kinds of table in one report, as each of them is released alone."""
    told = 0
    for seed in range(40):
        door = closed_door(corners_of(seed))
        report = evaluate(door, f"{PERIOD}&stratifier=sex,age-band,year", mount="")
        crossed = evaluate(door, f"{PERIOD}&stratifier=sex,age-band,year", "incidence-crossed", mount="")
        report["group"][0]["stratifier"] += crossed["group"][0]["stratifier"]
        told += any(number < K for number in attack(report).values())
    assert told


def test_a_total_that_one_table_withholds_is_not_the_sum_of_another() -> None:
    corners = Counter({(0, 0, 0): 4, (1, 0, 0): 2})
    door = closed_door(corners)
    alone = evaluate(door, f"{PERIOD}&stratifier=year", mount="")
    assert tables(alone) == {("year",): {("2010",): (6, 6, "exact")}}
    both = evaluate(door, f"{PERIOD}&stratifier=sex,year", mount="")
    assert population(both) == MASKED
    assert tables(both) == {("sex",): {("female",): MASKED, ("male",): MASKED}, ("year",): {("2010",): MASKED}}


def test_no_count_of_a_single_registry_stands_beside_its_strata(wholes: dict[str, Client]) -> None:
    for measure in MEASURES:
        report = evaluate(wholes["mixed"], PERIOD, measure)
        for item in report["extension"]:
            assert {part["url"] for part in item.get("extension", [])} <= {"source", "status", "snapshot", "reason"}


@pytest.mark.parametrize("measure", MEASURES)
def test_two_stratifiers_of_one_family_are_refused(wholes: dict[str, Client], measure: str) -> None:
    path = f"/fhir/Measure/{measure}/$evaluate-measure?{PERIOD}&stratifier=iccc,sex,iccc-group"
    refused = wholes["open"].json(path, 400)
    assert refused["issue"][0]["location"] == ["http.stratifier"]
    assert "iccc-group" in refused["issue"][0]["details"]["text"]


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("stratifier=sex,sex", "stratifier: 'sex' is given twice"),
        ("stratifier=sex&stratifier=iccc,sex", "stratifier: 'sex' is given twice"),
        ("stratifier=none,sex", "stratifier: none and sex exclude each other"),
        ("stratifier=none&stratifier=sex", "stratifier: none and sex exclude each other"),
        ("stratifier=sex&stratifier=none", "stratifier: sex and none exclude each other"),
    ],
)
def test_stratifiers_that_say_nothing_together_are_refused(door: Client, asked: str, text: str) -> None:
    (issue,) = door.json(f"/Measure/incidence/$evaluate-measure?{PERIOD}&{asked}", 400)["issue"]
    assert (issue["details"]["text"], issue["location"]) == (text, ["http.stratifier"])


def test_a_period_is_told_what_it_takes(door: Client) -> None:
    for value in ("0000", "ge2000", "2000-02-30"):
        (issue,) = door.json(f"/Measure/incidence/$evaluate-measure?periodStart={value}&periodEnd=2030", 400)["issue"]
        assert issue["location"] == ["http.periodStart"]
        assert issue["diagnostics"] == "expected a date YYYY, YYYY-MM or YYYY-MM-DD, without a prefix"


def test_a_measure_is_named_by_id_reference_or_url(door: Client) -> None:
    measure = MEASURES["incidence"]
    named = ("incidence", "Measure/incidence", f"{PUBLIC_URL}/fhir/Measure/incidence", measure.url, measure.canonical)
    for name in named:
        report = door.json("/Measure/$evaluate-measure?" + urlencode({"measure": name}) + f"&{PERIOD}&stratifier=none")
        assert report["measure"] == measure.canonical
    for name in ("nope", "http://elsewhere.test/fhir/Measure/incidence", f"{PUBLIC_URL}/fhir/Measure/nope"):
        refused = door.json(f"/Measure/$evaluate-measure?measure={name}&{PERIOD}", 400)
        assert refused["issue"][0]["location"] == ["http.measure"]


# --- registries that do not answer ------------------------------------------------------------------------------------


def troubled(**policies: str) -> Client:
    names = ("a-open", "b-gone", "c-slow", "d-cannot")
    sources = {name: registry(name, f"X{name[0].upper()}", make_cases(name, "FR", 30, 3)) for name in names}
    sources["b-gone"].error = GONE
    sources["c-slow"].delay_seconds = 5
    sources["d-cannot"].error = CANNOT
    gateway = gateway_of(
        *sources.values(), policies=policies, broken={"f-broken": "of another version"}, deadline_seconds=0.3
    )
    return Client(create(gateway))


def test_each_registry_that_did_not_answer_is_named_and_nothing_is_exact() -> None:
    report = evaluate(troubled(), PERIOD, mount="")
    assert statuses(report) == {
        "a-open": "partial",
        "b-gone": "error",
        "c-slow": "timeout",
        "d-cannot": "unsupported",
        "f-broken": "error",
    }
    assert report["status"] == "complete"
    assert population(report)[1:] == (None, "bounded")
    found = tables(report)
    assert {precision for _, _, precision in found[("sex",)].values()} == {"bounded"}
    assert all(high is None for _, high, _ in found[("sex",)].values())
    assert set(found[("source",)]) == {("a-open",)}


def test_a_report_that_nobody_answered_is_an_error_and_shows_no_zero() -> None:
    gone = registry("gone", "FR", [], error=GONE)
    report = evaluate(Client(create(gateway_of(gone))), PERIOD, mount="")
    assert report["status"] == "error"
    assert population(report) == (0, None, "bounded")
    for item in report["group"][0]["stratifier"]:
        assert item["extension"] == [{"url": DAR, "valueCode": "unknown"}]
        assert "stratum" not in item


def test_a_registry_that_tells_only_existence_masks_every_table() -> None:
    shy = registry("shy", "FR", make_cases("shy", "FR", 60, 1))
    report = evaluate(Client(create(gateway_of(shy, policies={"shy": "existence"}))), PERIOD, mount="")
    assert "count" not in report["group"][0]["population"][0]
    for item in report["group"][0]["stratifier"]:
        assert item["extension"] == [{"url": DAR, "valueCode": "masked"}]


def test_nothing_found_is_an_exact_zero_without_strata() -> None:
    report = evaluate(closed_door(Counter({(0, 0, 0): 9})), f"{PERIOD}&code={ICDO}%7CC19.9", mount="")
    assert population(report) == (0, 0, "exact")
    assert set(map(len, tables(report).values())) == {0}


# --- the operation ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def door(wholes: dict[str, Client]) -> Client:
    return Client(wholes["open"]._app, "/fhir")


def without_time(report: Json) -> Json:
    return {key: value for key, value in report.items() if key != "date"}


def test_type_and_instance_by_get_and_post_give_the_same_report(door: Client) -> None:
    at_instance = door.json(f"/Measure/incidence/$evaluate-measure?{PERIOD}&stratifier=sex&code={ICCC}%7CIV")
    for name in ("incidence", "Measure/incidence", f"{guide().canonical}/Measure/incidence"):
        found = door.json(f"/Measure/$evaluate-measure?measure={name}&{PERIOD}&stratifier=sex&code={ICCC}%7CIV")
        assert without_time(found) == without_time(at_instance)
    parameters = [
        {"name": "periodStart", "valueDate": "2000-01-01"},
        {"name": "periodEnd", "valueDate": "2030-12-31"},
        {"name": "stratifier", "valueString": "sex"},
        {"name": "code", "valueCodeableConcept": {"coding": [{"system": ICCC, "code": "IV"}]}},
    ]
    measure = {"name": "measure", "valueString": f"{guide().canonical}/Measure/incidence|{guide().version}"}
    for path, given_parameters in (
        ("/Measure/incidence/$evaluate-measure", parameters),
        ("/Measure/$evaluate-measure", [measure, *parameters]),
    ):
        body = {"resourceType": "Parameters", "parameter": given_parameters}
        posted = door.request("POST", path, json=body)
        assert posted.status_code == 200, posted.text
        assert without_time(posted.json()) == without_time(at_instance)


def test_a_report_says_what_it_is(door: Client) -> None:
    report = door.json("/Measure/incidence/$evaluate-measure?periodStart=2010-02&periodEnd=2012&reportType=population")
    assert report["type"] == "summary"
    assert report["measure"] == f"{guide().canonical}/Measure/incidence|{guide().version}"
    assert report["period"] == {"start": "2010-02-01", "end": "2012-12-31"}
    assert matches(door.json(f"/Organization?_id={report['reporter']['reference'].rpartition('/')[2]}"))
    assert "id" not in report
    assert {note["valueString"] for note in report["extension"] if "valueString" in note} == {
        "question: date=2010-02-01..2012-12-31"
    }


@pytest.mark.parametrize(
    ("query", "status", "name"),
    [
        ("periodEnd=2030", 400, "periodStart"),
        ("periodStart=2000", 400, "periodEnd"),
        ("periodStart=2000&periodEnd=1999", 400, "periodEnd"),
        ("periodStart=soon&periodEnd=1999", 400, "periodStart"),
        ("periodStart=2000-13&periodEnd=2030", 400, "periodStart"),
        ("periodStart=2000-01-01T12:00:00Z&periodEnd=2030", 400, "periodStart"),
        (f"{PERIOD}&periodEnd=2031", 400, "periodEnd"),
        (f"{PERIOD}&reportType=subject", 400, "reportType"),
        (f"{PERIOD}&reportType=subject-list", 400, "reportType"),
        (f"{PERIOD}&stratifier=colour", 400, "stratifier"),
        (f"{PERIOD}&stratifier=", 400, "stratifier"),
        (f"{PERIOD}&code=IV", 400, "code"),
        (f"{PERIOD}&code={ICCC}%7CXXIV", 400, "code"),
        (f"{PERIOD}&code=", 400, "code"),
        (f"{PERIOD}&age-at-diagnosis=young", 400, "age-at-diagnosis"),
        (f"{PERIOD}&source=nowhere", 400, "source"),
        (f"{PERIOD}&measure=incidence", 400, "measure"),
        (f"{PERIOD}&gender=female", 400, "gender"),
        (f"{PERIOD}&_count=5", 400, "_count"),
        *((f"{PERIOD}&{name}=x", 400, name) for name in REFUSED),
    ],
)
def test_a_parameter_that_cannot_be_served_is_refused_by_name(door: Client, query: str, status: int, name: str) -> None:
    for headers in ({}, {"prefer": "handling=lenient"}):
        body = door.json(f"/Measure/incidence/$evaluate-measure?{query}", status, headers=headers)
        assert body["issue"][0]["location"] == [f"http.{name}"]
        assert name in body["issue"][0]["details"]["text"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("{", "application/fhir+json", 400),
        ("[]", "application/fhir+json", 400),
        ('{"resourceType": "Measure"}', "application/fhir+json", 400),
        ('{"resourceType": "Parameters", "parameter": 3}', "application/fhir+json", 400),
        ('{"resourceType": "Parameters", "parameter": [3]}', "application/fhir+json", 400),
        ('{"resourceType": "Parameters", "parameter": [{"name": "code"}]}', "application/fhir+json", 400),
        (
            '{"resourceType": "Parameters", "parameter": [{"name": "code", "valueRange": {"low": 3}}]}',
            "application/fhir+json",
            400,
        ),
        (
            '{"resourceType": "Parameters", "parameter": [{"name": "code", "valueCoding": {"code": 3}}]}',
            "application/fhir+json",
            400,
        ),
        ("periodStart=2000", "application/x-www-form-urlencoded", 415),
        ("x" * (MOST_BODY_BYTES + 1), "application/fhir+json", 413),
    ],
)
def test_a_body_that_is_no_parameters_is_refused(door: Client, body: str, kind: str, status: int) -> None:
    answer = door.request("POST", "/Measure/$evaluate-measure", content=body, headers={"content-type": kind})
    assert answer.status_code == status
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_a_federation_that_brings_library_and_measure_in_cql_is_told_that_none_is_run(door: Client) -> None:
    """The three requests of a Samply site: POST Library, POST Measure, GET $evaluate-measure with its URL."""
    library = {
        "resourceType": "Library",
        "url": "urn:uuid:1",
        "content": [{"contentType": "text/cql", "data": "bGlicmFyeQ=="}],
    }
    measure = {"resourceType": "Measure", "url": "urn:uuid:2", "library": "urn:uuid:1", "group": []}
    for resource in (library, measure):
        refused = door.request("POST", f"/{resource['resourceType']}", json=resource)
        assert refused.status_code == 405
        assert refused.headers["allow"] == "GET, HEAD"
        assert "CQL" in refused.json()["issue"][0]["details"]["text"]
    missing = door.json(f"/Measure/$evaluate-measure?measure=urn:uuid:2&{PERIOD}", 400)
    assert missing["issue"][0]["location"] == ["http.measure"]
    assert "Measure/incidence/$evaluate-measure" in missing["issue"][0]["details"]["text"]
    assert door.json(f"/Measure/$evaluate-measure?{PERIOD}", 400)["issue"][0]["location"] == ["http.measure"]
    assert door.json(f"/Measure/nothing/$evaluate-measure?{PERIOD}", 404)["issue"][0]["code"] == "not-found"


def test_a_report_with_too_many_strata_is_refused(monkeypatch: pytest.MonkeyPatch, door: Client) -> None:
    monkeypatch.setattr("gateway.doors.fhir.measures.evaluate.MOST_STRATA", 10)
    body = door.json(f"/Measure/incidence-crossed/$evaluate-measure?{PERIOD}", 422)
    assert body["issue"][0]["code"] == "too-costly"
    assert body["issue"][0]["location"] == ["http.stratifier"]


def test_the_operation_definition_names_every_parameter() -> None:
    definition = conformance_resources()["OperationDefinition", "evaluate-measure"]
    assert {item["name"] for item in definition["parameter"] if item["use"] == "in"} == set(PARAMETERS)
    text = json.dumps(definition)
    assert [name for name in STRATIFIERS if name not in text] == []
    concepts = conformance_resources()["CodeSystem", "stratifier"]["concept"]
    assert {item["code"]: item["display"] for item in concepts} == {
        item.name: item.text for item in STRATIFIERS.values()
    }


def test_a_measure_declares_the_stratifiers_that_its_report_has(door: Client) -> None:
    for measure in matches(door.json("/Measure")):
        declared = [
            tuple(part["code"]["coding"][0]["code"] for part in item.get("component", [item]))
            for item in measure["group"][0]["stratifier"]
        ]
        assert declared == list(tables(door.json(f"/Measure/{measure['id']}/$evaluate-measure?{PERIOD}")))
        library = measure["library"][0].partition("|")[0]
        assert [item["url"] for item in matches(door.json(f"/Library?url={library}"))] == [library]


def reports(wholes: dict[str, Client]) -> Iterator[tuple[Client, str]]:
    for client in wholes.values():
        for name, measured in MEASURES.items():
            chosen = "&stratifier=iccc,sex" if measured.crossed else ""
            yield Client(client._app, "/fhir"), f"/Measure/{name}"
            yield Client(client._app, "/fhir"), f"/Measure/{name}/$evaluate-measure?{PERIOD}{chosen}"
    yield troubled(), f"/Measure/incidence/$evaluate-measure?{PERIOD}"


def test_measures_and_reports_are_valid_in_both_formats(wholes: dict[str, Client], official: OfficialSchemas) -> None:
    for client, path in reports(wholes):
        body = client.json(path)
        assert official.json_faults(body) == []
        assert model_faults(body) == []
        joint = "&" if "?" in path else "?"
        assert official.xml_faults(client.get(f"{path}{joint}_format=xml").content) == []
    assert official.json_faults(body | {"status": "ready"})
    assert model_faults({key: value for key, value in body.items() if key != "period"})

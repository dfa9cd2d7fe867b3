"""Group: cohorts by ICCC-3 group, with the patients that the registries release."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from gateway.app import create_app
from gateway.doors.fhir import create
from gateway.model.case import Case, Diagnosis
from gateway.model.dates import DateInterval
from tests.doors.fhir.client import Client, Json, bounds, matches
from tests.doors.fhir.registries import GONE, gateway_of, make_cases, registry
from tests.doors.fhir.reports import MASKED, Shown, shown, statuses

ICCC = "http://terminology.hl7.org/CodeSystem/iccc-3"


def whole_of(policy: str, **more: object) -> Client:
    sources = [
        registry(name, country, make_cases(name, country, 90, seed), **more)
        for seed, (name, country) in enumerate((("fr-one", "FR"), ("de-two", "DE")))
    ]
    return Client(create_app(gateway_of(*sources, policies={source.id: policy for source in sources})), "/fhir")


def quantities(client: Client) -> dict[str, Shown]:
    found = matches(client.json("/Group?_count=1000"))
    return {group["code"]["coding"][0]["code"]: shown(group, "quantity") for group in found}


def of_statistics(client: Client, dimension: str) -> dict[str, Shown]:
    body = Client(client._app).json(f"/statistics/counts?unit=patients&by={dimension}")
    return {cell[dimension]: tuple(cell["count"].values()) for cell in body["cells"]}


@pytest.fixture(scope="module")
def door() -> Client:
    return whole_of("open")


def test_there_is_a_cohort_for_every_main_group_and_subgroup(door: Client) -> None:
    mains = [
        group for group in matches(door.json("/Group?_count=1000")) if "(" not in group["code"]["coding"][0]["code"]
    ]
    assert len(mains) == 12
    assert bounds(door.json("/Group?_summary=count")) == (12 + 47, 12 + 47)


def test_open_cohorts_have_the_patients_of_statistics(door: Client) -> None:
    found = quantities(door)
    for dimension in ("iccc_main", "iccc_group"):
        for label, count in of_statistics(door, dimension).items():
            assert label in {"unclassified", "unknown", "not-collected"} or found[label] == count
    assert quantities(closed_door(Counter({"V": 9})))["IV(a)"] == (0, 0, "exact")
    assert any(precision == "bounded" for _, _, precision in found.values())


def test_a_cohort_lists_no_member_and_says_what_it_is(door: Client) -> None:
    group = door.json("/Group/iccc3-2017.IVa")
    assert "member" not in group
    assert (group["type"], group["actual"]) == ("person", True)
    assert group["characteristic"][0]["valueCodeableConcept"] == group["code"]
    assert group["code"]["coding"][0] == {
        "system": ICCC,
        "version": "2017",
        "code": "IV(a)",
        "display": group["name"].removeprefix("IV(a) "),
    }


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (f"code={ICCC}%7CIV(a)", ["iccc3-2017.IVa"]),
        ("code=IV,V", ["iccc3-2017.IV", "iccc3-2017.V"]),
        ("value=X(a)", ["iccc3-2017.Xa"]),
        ("characteristic=http://loinc.org%7C29308-4&code=V", ["iccc3-2017.V"]),
        ("characteristic=other", []),
        ("_id=iccc3-2017.XIIb", ["iccc3-2017.XIIb"]),
        ("type=person&code=I(a)", ["iccc3-2017.Ia"]),
        ("actual=false", []),
        ("actual=true&code=I(b)", ["iccc3-2017.Ib"]),
    ],
)
def test_cohorts_are_found_by_code_characteristic_and_id(door: Client, query: str, names: list[str]) -> None:
    assert [group["id"] for group in matches(door.json(f"/Group?{query}"))] == names


def test_a_registry_that_does_not_answer_is_named_and_no_cohort_is_exact() -> None:
    sources = (registry("fr-one", "FR", make_cases("fr-one", "FR", 50, 1)), registry("gone", "DE", [], error=GONE))
    door = Client(create(gateway_of(*sources)))
    assert statuses(door.json("/Group/iccc3-2017.IV")) == {"fr-one": "ok", "gone": "error"}
    assert {(high, precision) for _, high, precision in quantities(door).values()} == {(None, "bounded")}


def test_a_registry_that_tells_only_existence_masks_every_cohort() -> None:
    assert set(quantities(whole_of("existence")).values()) == {MASKED}


# III(a), III(b), III(c) and IV(a), IV(b): two main groups with subgroups beside each other.
SUBGROUPS = {
    "III(a)": Diagnosis("C71.9", 9391, 3),
    "III(b)": Diagnosis("C71.9", 9400, 3),
    "III(c)": Diagnosis("C71.6", 9470, 3),
    "IV(a)": Diagnosis("C74.9", 9500, 3),
    "IV(b)": Diagnosis("C74.1", 8700, 3),
    "V": Diagnosis("C69.2", 9510, 3),
}


def closed_door(patients: Counter[str]) -> Client:
    cases = [
        Case(
            "one",
            f"{code}.{number}",
            f"{code}.{number}",
            SUBGROUPS[code],
            incidence=DateInterval.of(2015, 1, 1),
            country="FR",
        )
        for code, count in patients.items()
        for number in range(count)
    ]
    return Client(create(gateway_of(registry("one", "FR", cases), policies={"one": "count"})))


def main_of(code: str) -> str:
    return code.partition("(")[0]


def test_no_group_is_the_sum_of_shown_and_masked_subgroups() -> None:
    masked_beside_shown = 0
    for seed in range(60):
        chance = random.Random(seed)
        patients = Counter({code: chance.choice((0, 0, 1, 2, 3, 6, 9, 20)) for code in SUBGROUPS})
        found = quantities(closed_door(patients))
        for main in ("III", "IV"):
            inner = [count for code, count in found.items() if main_of(code) == main and code != main]
            states = {count == MASKED for count in inner}
            assert len(states) == 1, "subgroups are shown together or masked together"
            if found[main] == MASKED:
                assert states == {True}, "a masked group is not the sum of shown subgroups"
            masked_beside_shown += states == {True} and found[main] != MASKED
        for code, count in found.items():
            truth = sum(number for name, number in patients.items() if code in {name, main_of(name)})
            assert count == MASKED or count == (truth, truth, "exact")
            assert count == MASKED or not 0 < truth < 5
    assert masked_beside_shown > 10


def test_a_subgroup_with_one_patient_is_not_the_difference_to_its_group() -> None:
    found = quantities(closed_door(Counter({"III(a)": 20, "III(b)": 1, "IV(a)": 9, "V": 12})))
    assert found["III"] == (21, 21, "exact")
    assert {found[code] for code in ("III(a)", "III(b)", "III(c)", "III(d)")} == {MASKED}


def extension_texts(group: Json) -> list[str]:
    return [item["valueString"] for item in group["extension"] if "valueString" in item]


def test_registries_that_may_hold_the_same_patients_are_noted() -> None:
    sources = [registry(name, "FR", make_cases(name, "FR", 20, 1)) for name in ("one", "two")]
    group = Client(create(gateway_of(*sources))).json("/Group/iccc3-2017.IV")
    assert any("may hold the same tumours" in text for text in extension_texts(group))

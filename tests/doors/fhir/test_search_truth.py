"""What is certain is what the resources say: `:not`, identifiers, names of groups, pairs of codes, reservations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from operator import or_

import pytest

import terminology
from gateway.doors.fhir import create
from gateway.doors.fhir.definitions import guide
from gateway.doors.fhir.search.codes import axis, not_on_axis
from gateway.model.answer import SourceAnswer
from gateway.model.case import Case, Diagnosis
from gateway.model.dates import UNKNOWN_DATE
from gateway.model.query import And, CaseQuery, DiagnosisIn, Expr, Not, Or
from gateway.model.values import Absent, Truth
from gateway.sources.evaluate import evaluate
from gateway.sources.testing import DIAGNOSES, diagnosis_in
from terminology import MORPHOLOGIES, TOPOGRAPHIES
from tests.doors.fhir.client import Client, Json, bounds, issues, link_of, matches
from tests.doors.fhir.registries import PUBLIC_URL, ListedRegistry, gateway_of, make_cases, registry
from tests.doors.fhir.test_token_forms import ICCC, ICDO, extension, ids

ICD10 = "http://hl7.org/fhir/sid/icd-10"
LENIENT = {"prefer": "handling=lenient"}
UNKNOWN = Absent.UNKNOWN
NOTE = "source values that ICD-O-3 does not have, not counted: 9999/3-C34.9"


@pytest.fixture(scope="module")
def everything(client: Client) -> list[Json]:
    return matches(client.get("/Condition?_count=1000").json())


def total(client: Client, query: dict[str, str], kind: str = "Condition") -> tuple[int, int | None]:
    return bounds(client.get(f"/{kind}", params={**query, "_summary": "count"}).json())


def only(*diagnoses: Diagnosis) -> Client:
    """One registry with these tumours, of one person each."""
    cases = [
        Case("one", f"c{number}", f"p{number}", each, UNKNOWN_DATE, UNKNOWN_DATE)
        for number, each in enumerate(diagnoses)
    ]
    return Client(create(gateway_of(registry("one", "FR", cases))))


# Gender.


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ("unknown", {"male", "female", "other"}),
        ("male", {"female", "other", "unknown"}),
        ("male,unknown", {"female", "other"}),
        ("http://hl7.org/fhir/administrative-gender|", set()),
    ],
)
def test_not_of_a_gender_leaves_the_others(asked: str, left: set[str]) -> None:
    cases = [
        replace(case, patient_id=f"p{number}", sex=sex)
        for number, (case, sex) in enumerate(
            zip(
                make_cases("one", "FR", 5, 3),
                ("male", "female", "other", Absent.UNKNOWN, Absent.NOT_COLLECTED),
                strict=True,
            )
        )
    ]
    client = Client(create(gateway_of(registry("one", "FR", cases))))
    page = client.get("/Patient", params={"gender:not": asked, "_count": "100"}).json()
    assert {each["gender"] for each in matches(page)} == left
    for link in ("patient", "subject:Patient"):
        found = client.get("/Condition", params={f"{link}.gender:not": asked}).json()
        assert {each["subject"]["reference"] for each in matches(found)} == {
            f"Patient/{each['id']}" for each in matches(page)
        }


# Identifiers.


def test_an_identifier_of_the_patient_finds_the_tumours(client: Client) -> None:
    condition = client.json("/Condition/de-two.c1")
    person = client.json(f"/{condition['subject']['reference']}")
    [identifier] = person["identifier"]
    asked = f"{identifier['system']}|{identifier['value']}"
    assert identifier["system"].startswith(PUBLIC_URL)
    own = ids(client, {"patient": person["id"]})
    assert condition["id"] in own
    for name in ("patient:identifier", "subject:identifier", "patient.identifier", "subject:Patient.identifier"):
        assert ids(client, {name: asked}) == own
        assert ids(client, {name: asked}, "Observation") == ids(client, {"patient": person["id"]}, "Observation")
    assert ids(client, {"identifier": asked}, "Patient") == {person["id"]}
    assert ids(client, {"identifier": identifier["value"]}, "Patient") == {person["id"]}


@pytest.mark.parametrize(
    "system",
    [
        "http://elsewhere.example/fhir/NamingSystem/de-two-patient",
        f"{PUBLIC_URL}/fhir/other/NamingSystem/de-two-patient",
        f"{PUBLIC_URL}/fhir/NamingSystem/fr-one-patient",
        f"{PUBLIC_URL}/fhir/NamingSystem/de-two-case",
    ],
)
def test_an_identifier_of_another_system_is_nobody_here(client: Client, system: str) -> None:
    assert ids(client, {"identifier": f"{system}|de-two.p1"}, "Patient") == set()
    assert ids(client, {"patient:identifier": f"{system}|de-two.p1"}) == set()


def test_a_system_alone_is_every_patient_of_its_registry(client: Client) -> None:
    system = f"{PUBLIC_URL}/fhir/NamingSystem/de-two-patient"
    assert ids(client, {"identifier": f"{system}|"}, "Patient") == ids(client, {"_source": "de-two"}, "Patient")
    assert ids(client, {"patient:identifier": f"{system}|"}) == ids(client, {"_source": "de-two"})
    assert ids(client, {"identifier": "http://elsewhere.example/NamingSystem/de-two-patient|"}, "Patient") == set()
    refused = client.get("/Patient", params={"identifier": system.replace("de-two", "nowhere") + "|"})
    assert refused.status_code == 400
    assert refused.json()["issue"][0]["location"] == ["http.identifier"]


# What a source says beside its count.


@dataclass
class Reserved(ListedRegistry):
    """A source that does not count all that it holds, and says so."""

    async def answer(self, query: CaseQuery, deadline: object) -> SourceAnswer:
        return replace(await super().answer(query, deadline), notes=(NOTE,))


def test_what_a_source_did_not_count_is_told() -> None:
    plain = [
        registry(name, country, make_cases(name, country, 20, 4)) for name, country in (("one", "FR"), ("two", "DE"))
    ]
    reserved = Reserved(plain[1].id, plain[1].cases, plain[1].ability)
    client = Client(create(gateway_of(plain[0], reserved)))
    page = client.json("/Condition")
    assert page["total"] == 40
    [said] = issues(page)
    assert (said["severity"], said["code"]) == ("warning", "incomplete")
    assert said["diagnostics"] == f"two: {NOTE}"
    refused = client.json("/Condition?require-complete=true", 422)
    assert [each["diagnostics"] for each in refused["issue"][1:]] == [f"two: {NOTE}"]
    without = client.json("/Condition?_source=one&require-complete=true")
    assert without["total"] == 20
    assert issues(without) == []


# Codings that were derived.


@pytest.mark.parametrize(
    ("diagnosis", "expected"),
    [
        (Diagnosis(UNKNOWN, UNKNOWN, UNKNOWN, icd10="C91.0"), False),
        (Diagnosis("C69.2", 9510, 3), False),
        (Diagnosis(UNKNOWN, UNKNOWN, UNKNOWN, iccc="2017:IV(a)"), None),
    ],
)
def test_a_group_says_whether_it_was_derived(diagnosis: Diagnosis, expected: bool | None) -> None:
    [condition] = matches(only(diagnosis).json("/Condition"))
    groups = [each for each in condition["code"]["coding"] if each["system"] == ICCC]
    assert groups
    for each in groups:
        assert each.get("userSelected") is expected
        equivalence = [item["valueCode"] for item in each.get("extension", ())]
        assert equivalence == (["wider"] if expected is False else [])


# Lenient handling.


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("code:above", f"{ICD10}|C74", "Condition"),
        ("code", f"{ICD10}|", "Condition"),
        ("body-site", "http://snomed.info/sct|123", "Condition"),
        ("onset-date", "xx2012", "Condition"),
        ("age-at-diagnosis", "xx5", "Condition"),
        ("_has:Condition:subject:behaviour", "1", "Patient"),
    ],
)
def test_lenient_handling_leaves_out_what_cannot_be_asked(client: Client, name: str, value: str, kind: str) -> None:
    before = {"_has:Condition:subject:behaviour": "3"} if kind == "Patient" else {"behaviour": "3"}
    query = [*before.items(), (name, value)]
    refused = client.get(f"/{kind}", params=query)
    assert refused.status_code == 400
    assert refused.json()["issue"][0]["code"] == "not-supported"
    assert refused.json()["issue"][0]["location"] == [f"http.{name}"]
    page = client.get(f"/{kind}", params=query, headers=LENIENT).json()
    alone = client.get(f"/{kind}", params=before).json()
    assert bounds(page) == bounds(alone)
    assert [each["id"] for each in matches(page)] == [each["id"] for each in matches(alone)]
    assert link_of(page, "self") == link_of(alone, "self")
    assert any(f"{name} was ignored" in each["details"]["text"] for each in issues(page))


@pytest.mark.parametrize("query", ["onset-date=2012-13", "onset-date=gegeyear", "age-at-diagnosis=ge"])
def test_a_value_that_cannot_be_read_is_refused_all_the_same(client: Client, query: str) -> None:
    assert client.json(f"/Condition?{query}", 400, headers=LENIENT)["issue"][0]["code"] == "invalid"


def test_an_unknown_modifier_behind_has_is_named_as_it_was_written(client: Client) -> None:
    refused = client.json("/Patient?_has:Condition:subject:code:foo=x", 400)
    assert refused["issue"][0]["location"] == ["http._has:Condition:subject:code:foo"]


# Axes that are not recorded.


def planned(where: Expr) -> Expr:
    """The condition with the box sets that the planner puts in."""
    known = terminology.load()
    match where:
        case And(items) | Or(items):
            return type(where)(tuple(planned(item) for item in items))
        case Not(item):
            return Not(planned(item))
        case DiagnosisIn(field, terms):
            leaves = [diagnosis_in(field, term, known) for term in terms]
            certain = reduce(or_, (leaf.certain for leaf in leaves if leaf.certain is not None))
            return DiagnosisIn(
                field, terms, certain, reduce(or_, (leaf.possible for leaf in leaves if leaf.possible is not None))
            )
    return where


RECORDED_OTHERWISE = (
    Diagnosis(UNKNOWN, UNKNOWN, UNKNOWN, icd10="C91.5"),
    Diagnosis(UNKNOWN, UNKNOWN, UNKNOWN, iccc="2017:III(a).2"),
    Diagnosis(UNKNOWN, UNKNOWN, UNKNOWN, iccc="2017:V"),
    Diagnosis("C74.9", 9500, UNKNOWN, icd10="C74.9"),
    Diagnosis("C74.9", UNKNOWN, UNKNOWN, icd10="C74.9"),
    Diagnosis("C74.9", UNKNOWN, UNKNOWN),
    Diagnosis(UNKNOWN, UNKNOWN, 3),
)


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        *(("morphology", asked) for asked in ("9390", "9510,9511,9512,9513", "9500/3", "9827/3", f"{ICDO}|")),
        *(("behaviour", asked) for asked in ("3", "1", "0,1,2,3,6,9", "3,0,1,2,9", f"{ICDO}|")),
    ],
)
def test_a_case_is_never_for_certain_on_both_sides_of_not(field: str, asked: str) -> None:
    values = asked.split(",")
    plain, opposite = planned(axis(field)(values, field)), planned(not_on_axis(field)(values, field))
    for diagnosis in (*DIAGNOSES, *RECORDED_OTHERWISE):
        case = Case("one", "c", "p", diagnosis)
        truths = [evaluate(each, case, terminology.load()) for each in (plain, opposite)]
        assert truths != [Truth.YES, Truth.YES], diagnosis
        assert truths != [Truth.NO, Truth.NO], diagnosis


@pytest.mark.parametrize(("name", "code"), [("morphology", "9500/3"), ("behaviour", "3")])
def test_not_gives_what_has_nothing_on_the_axis(name: str, code: str) -> None:
    alone = [
        Diagnosis("C74.9", UNKNOWN, UNKNOWN),
        Diagnosis("C74", UNKNOWN, UNKNOWN),
        Diagnosis(UNKNOWN, UNKNOWN, UNKNOWN),
        *([Diagnosis("C74.9", UNKNOWN, 3)] if name == "morphology" else []),
    ]
    client = only(*alone, Diagnosis("C74.9", 9500, 3), Diagnosis("C71.9", 9421, 1))
    query = {f"{name}:not": code, f"{name}:missing": "true"}
    assert total(client, query) == (len(alone), len(alone))
    assert len(ids(client, query)) == len(alone)
    assert total(client, {f"{name}:not": code}) == (len(alone) + 1, len(alone) + 1)


# Names of groups.


@pytest.mark.parametrize("words", ["neuroblastoma", "tumors", "unspecified", "lymphoid leukemia", "nervous", "and"])
def test_text_finds_the_conditions_that_show_the_words(client: Client, everything: list[Json], words: str) -> None:
    def shows(condition: Json) -> bool:
        names = [each.get("display", "").casefold() for each in condition["code"].get("coding", ())]
        return any(all(word in name for word in words.split()) for name in names)

    shown = {each["id"] for each in everything if shows(each)}
    found = ids(client, {"code:text": words})
    assert found <= shown
    low, high = total(client, {"code:text": words})
    assert low == len(found)
    assert high is not None
    assert high >= len(shown)
    full = {each["id"] for each in everything if "/" in dict(extension_morphology(each)).get(ICDO, "")}
    assert shown & full <= found


def extension_morphology(condition: Json) -> list[tuple[str, str]]:
    site = condition["bodySite"][0].get("coding")
    url = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-histology-morphology-behavior"
    return extension(url)(condition) if site else []


def test_the_name_of_a_main_group_is_possible_where_its_subgroup_is_open() -> None:
    within = Diagnosis(UNKNOWN, UNKNOWN, UNKNOWN, iccc="2017:IV")
    client = only(within, Diagnosis("C74.9", 9500, 3), Diagnosis("C71.9", 9421, 1))
    main = "neuroblastoma and other peripheral nervous cell tumors"
    shown = [
        each["id"]
        for each in matches(client.json("/Condition"))
        if any(item.get("display", "").casefold() == main for item in each["code"]["coding"])
    ]
    assert shown == ["one.c0"]
    assert total(client, {"code:text": main}) == (0, 1)


# Pairs of morphology and topography.


def pairs_of(group: str) -> list[str]:
    """Codes of a group as pairs, `MORPHOLOGY/BEHAVIOUR-TOPOGRAPHY`; a category for all its subsites."""
    found = []
    for box in terminology.load().meaning("ICCC3", group, "2017").boxes.boxes():
        morphologies = [code for code in MORPHOLOGIES if box.morph_lo <= code <= box.morph_hi]
        sites = [code for code in TOPOGRAPHIES if box.topo_lo <= code <= box.topo_hi]
        whole = {code[:3] for code in sites if {each for each in TOPOGRAPHIES if each[:3] == code[:3]} <= {*sites}}
        places = sorted({code[:3] if code[:3] in whole else code for code in sites})
        behaviours = [""] if len(box.behaviours) == 6 else [f"/{each}" for each in sorted(box.behaviours)]
        found += [f"{code}{digit}-{place}" for code in morphologies for digit in behaviours for place in places]
    return sorted(set(found))


@pytest.fixture(scope="module")
def mixed() -> Client:
    """Morphologies whose group depends on the site, at sites of both kinds."""
    morphologies, sites = (9080, 9064, 9100, 9500, 8000, 8963), ("C71.6", "C75.3", "C56.9", "C62.9", "C64.9", "C22.0")
    full = [Diagnosis(site, code, digit) for site in sites for code in morphologies for digit in (1, 3)]
    return only(*full, Diagnosis("C56.9", UNKNOWN, 3), Diagnosis(UNKNOWN, 9080, 3))


@pytest.mark.parametrize("group", ["X(a)", "X(c)"])
def test_a_group_its_value_set_and_its_pairs_are_the_same_conditions(mixed: Client, group: str) -> None:
    own = f"{guide().canonical}/ValueSet/iccc-3-{group.replace('(', '').replace(')', '')}"
    expected = ids(mixed, {"code:in": own})
    assert expected
    assert ids(mixed, {"code:below": f"{ICCC}|{group}"}) == expected
    pairs = pairs_of(group)
    assert len({pair.partition("-")[2] for pair in pairs}) > 1
    whole: dict[str, set[str]] = {"code": set(), "morphology-topography": set()}
    for start in range(0, len(pairs), 500):
        part = pairs[start : start + 500]
        for name, values in (
            ("code", [f"{ICDO}|{pair}" for pair in part]),
            ("morphology-topography", [pair.replace("-", "$") for pair in part]),
        ):
            form = {name: ",".join(values), "_count": "1000"}
            answer = mixed.request("POST", "/Condition/_search", data=form)
            assert answer.status_code == 200, answer.text
            whole[name] |= {each["id"] for each in matches(answer.json())}
    assert whole == {"code": expected, "morphology-topography": expected}


def test_a_pair_is_both_parts_of_one_tumour(client: Client, everything: list[Json]) -> None:
    def says(condition: Json) -> bool:
        site = [each["code"] for each in condition["bodySite"][0].get("coding", ())]
        return site == ["C74.9"] and any(each["code"] == "9500/3" for each in condition["code"].get("coding", ()))

    both = {each["id"] for each in everything if says(each)}
    assert both
    for value in ("9500/3$C74.9", f"{ICDO}|9500/3${ICDO}|C74.9", "9500$C74.9", "9490/3$C74.9,9500/3$C74"):
        assert ids(client, {"morphology-topography": value}) == both
    assert ids(client, {"morphology-topography": "|9500/3$C74.9"}) == set()
    people = ids(client, {"_has:Condition:subject:morphology-topography": "9500/3$C74.9"}, "Patient")
    assert people == {
        each["subject"]["reference"].removeprefix("Patient/") for each in everything if each["id"] in both
    }


@pytest.mark.parametrize("value", ["9500/3", "9500/3$", "$C74.9", "9500/3$C74.9$3", "C74.9$9500/3", f"{ICDO}|$C74.9"])
def test_what_is_no_pair_is_refused(client: Client, value: str) -> None:
    refused = client.get("/Condition", params={"morphology-topography": value})
    assert refused.status_code == 400
    assert refused.json()["issue"][0]["location"] == ["http.morphology-topography"]


# An ICD-10 code beside axes that mean something else.


def test_a_record_that_carries_an_icd10_code_is_never_surely_another() -> None:
    client = only(
        Diagnosis("C74.9", 9490, 6, icd10="C74.9"),
        Diagnosis("C71.9", 9421, 1, icd10="D43.2"),
        Diagnosis("C74.9", 9500, 3),
    )
    carrying = "one.c0"
    for code in ("C74", "C74.9"):
        assert carrying not in ids(client, {"code:not": f"{ICD10}|{code}"})
        low, high = total(client, {"code": f"{ICD10}|{code}"})
        assert high is not None
        assert low < high
    assert "one.c1" in ids(client, {"code:not": f"{ICD10}|C74"})
    assert carrying in ids(client, {"code:not": f"{ICD10}|C71"})

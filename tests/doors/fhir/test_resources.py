"""Every resource that leaves passes three outside judges, and each judge is seen to refuse planted faults."""

from __future__ import annotations

import copy
import datetime as dt
import importlib
from collections.abc import Callable

import orjson
import pytest

from gateway.disclosure.released import ReleasedCase, ReleasedGroup
from gateway.doors.fhir.definitions import conformance_resources, guide
from gateway.doors.fhir.profiles.check import checker_of
from gateway.doors.fhir.render.condition import ConditionRenderer
from gateway.doors.fhir.render.elements import partial_date
from gateway.doors.fhir.render.mapped import icd10_of
from gateway.doors.fhir.render.patient import patient
from gateway.doors.fhir.wire.xml import HEAD, NAMESPACE, to_xml
from gateway.model.dates import UNKNOWN_DATE, WITHHELD_DATE, Age, DateInterval, DatePrecision
from gateway.model.fields import BASIS, FIELDS, LATERALITY
from gateway.model.values import Absent
from terminology import load
from tests.doors.fhir.client import Client, matches
from tests.doors.fhir.validation import Json, OfficialSchemas, model_faults, model_of

XMLNS = f' xmlns="{NAMESPACE}"'.encode()
DAR = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
RENDERER = ConditionRenderer("http://gateway.test/fhir", lambda code, _: f"group {code}", icd10_of(load()))
PATHS = (
    "/metadata",
    "/Condition?_count=1000",
    "/Patient?_count=1000",
    "/Condition?_count=0",
    "/Condition?onset-date=2015&_count=3",
    "/Patient?gender=female&_count=3",
    "/Condition/de-two.c1",
    "/Patient/de-two.p1",
    "/Condition?foo=1",
    "/nothing",
)


def released(**fields: object) -> ReleasedCase:
    """An exact neuroblastoma; fields say what is different."""
    given: dict[str, object] = {
        "source": "one",
        "id": "one.c1",
        "patient_id": "one.p1",
        "topography": "C74.9",
        "morphology": 9500,
        "behaviour": 3,
        "icd10": None,
        "iccc": (ReleasedGroup("2017", "IV", "IV(a)", None, "041"),),
        "icdo_edition": "3.2",
        "incidence": DateInterval.of(2015, 3, 2),
        "birth": DateInterval.of(2012, 1),
        "age": Age((3, 3), (1126, 1156)),
        "sex": "female",
        "vital_status": "alive",
        "last_contact": UNKNOWN_DATE,
        "basis": "7",
        "laterality": "left",
        "grade": Absent.UNKNOWN,
        "stage": Absent.UNKNOWN,
        "country": "FR",
        "sequence": None,
    }
    return ReleasedCase(**(given | fields))  # type: ignore[arg-type]


def condition(**fields: object) -> Json:
    return RENDERER.resource(released(**fields))


@pytest.mark.parametrize("path", PATHS)
def test_everything_that_leaves_is_valid_json_by_schema_and_models(
    client: Client, official: OfficialSchemas, path: str
) -> None:
    body = client.get(path).json()
    assert official.json_faults(body) == []
    assert model_faults(body) == []


@pytest.mark.parametrize("path", PATHS)
def test_xml_is_valid_and_says_the_same_as_json(client: Client, official: OfficialSchemas, path: str) -> None:
    document = client.get(path, headers={"accept": "application/fhir+xml"}).content
    assert official.xml_faults(document) == []
    body = client.get(path).json()
    model = model_of(body["resourceType"])
    from_xml, from_json = model.model_validate_xml(document).model_dump(), model.model_validate(body).model_dump()
    for bundle in (from_xml, from_json):
        bundle.get("meta", {}).pop("lastUpdated", None)
    assert from_xml == from_json


def test_own_definitions_are_valid_and_served(client: Client, official: OfficialSchemas) -> None:
    assert len(conformance_resources()) >= 20
    for (kind, name), resource in conformance_resources().items():
        assert official.json_faults(resource) == []
        assert model_faults(resource) == []
        assert official.xml_faults(to_xml(resource)) == []
        url = resource.get("url", guide().canonical)
        assert url.startswith("http://hl7.org/fhir/") or url in {
            guide().canonical,
            f"{guide().canonical}/{kind}/{name}",
        }
        assert client.json(f"/{kind}/{name}") == resource


def test_own_code_systems_are_the_tables_of_the_model() -> None:
    def codes(name: str) -> dict[str, str]:
        return {item["code"]: item["display"] for item in conformance_resources()["CodeSystem", name]["concept"]}

    assert {code: codes("basis-of-diagnosis")[code] for code in BASIS} == BASIS
    assert set(codes("basis-of-diagnosis")) == {*BASIS, *FIELDS["basis"].composites}
    assert codes("laterality") == LATERALITY


def test_every_extension_that_is_used_is_defined_and_holds_what_its_definition_says(client: Client) -> None:
    urls: dict[str, set[str]] = {}
    for path in ("/Condition?_count=1000&onset-date=2015", "/Condition?_count=1000", "/Patient?_count=1000"):
        for extension in _extensions(client.json(path)):
            urls.setdefault(extension["url"], set()).update(key for key in extension if key.startswith("value"))
    own = {url: values for url, values in urls.items() if url.startswith(guide().canonical)}
    assert len(own) >= 6
    for url, values in own.items():
        definition = conformance_resources()["StructureDefinition", url.rpartition("/")[2]]
        elements = {element["path"]: element for element in definition["snapshot"]["element"]}
        allowed = {
            f"value{kind['code'][0].upper()}{kind['code'][1:]}" for kind in elements["Extension.value[x]"]["type"]
        }
        assert values <= (allowed if elements["Extension.value[x]"]["max"] == "1" else set())


def _extensions(element: object) -> list[Json]:
    if isinstance(element, list):
        return [found for item in element for found in _extensions(item)]
    if not isinstance(element, dict):
        return []
    own = element.get("extension", [])
    return [*own, *(found for value in element.values() for found in _extensions(value))]


def own_extensions() -> list[Json]:
    definitions = [item for (kind, _), item in conformance_resources().items() if kind == "StructureDefinition"]
    return [item for item in definitions if item["type"] == "Extension"]


def test_claims_of_mcode_hold_by_its_profiles(client: Client, mcode_profile: Callable[[str], Json]) -> None:
    for kind, name in (("Condition", "mcode-primary-cancer-condition"), ("Patient", "mcode-cancer-patient")):
        profile = mcode_profile(name)
        found = matches(client.json(f"/{kind}?_count=1000"))
        claiming = [resource for resource in found if profile["url"] in resource["meta"].get("profile", [])]
        assert len(claiming) > 100
        checker = checker_of([profile, *own_extensions()])
        assert [finding for resource in claiming for finding in checker.check(resource, profile["url"])] == []


def test_a_condition_without_any_code_claims_no_profile() -> None:
    bare = condition(morphology=Absent.WITHHELD, behaviour=Absent.WITHHELD, topography=Absent.WITHHELD, iccc=())
    assert "profile" not in bare["meta"]
    assert bare["code"] == {"extension": [{"url": DAR, "valueCode": "masked"}]}
    assert bare["bodySite"][0]["extension"][1] == {"url": DAR, "valueCode": "masked"}


PLANTED: dict[str, Callable[[Json], object]] = {
    "no subject": lambda r: r.pop("subject"),
    "unknown element": lambda r: r.update(colour="red"),
    "two onsets": lambda r: r.update(onsetString="long ago"),
    "impossible date": lambda r: r.update(onsetDateTime="2015-02-30"),
    "text for a list": lambda r: r.update(bodySite="C74.9"),
    "bad id": lambda r: r.update(id="with blank"),
    "extension without url": lambda r: r["extension"][0].pop("url"),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_caught_by_the_models(fault: str) -> None:
    resource = copy.deepcopy(condition())
    assert model_faults(resource) == []
    PLANTED[fault](resource)
    assert model_faults(resource)


@pytest.mark.parametrize("fault", ["no subject", "unknown element", "text for a list", "bad id"])
def test_a_planted_fault_is_caught_by_the_schema(official: OfficialSchemas, fault: str) -> None:
    resource = copy.deepcopy(condition())
    PLANTED[fault](resource)
    assert official.json_faults(resource)


def test_a_wrong_gender_is_caught_by_the_schema_alone(official: OfficialSchemas) -> None:
    resource = patient([released()], "http://gateway.test/fhir") | {"gender": "Female"}
    assert official.json_faults(resource)


def test_planted_faults_are_caught_by_the_xml_schema(official: OfficialSchemas) -> None:
    resource = condition()
    assert official.xml_faults(to_xml(resource)) == []
    moved = {**{key: value for key, value in resource.items() if key != "meta"}, "meta": resource["meta"]}
    for faulty in (moved, resource | {"colour": "red"}, resource | {"onsetDateTime": "2015-13"}):
        assert official.xml_faults(to_xml(faulty))


def test_planted_faults_are_caught_by_the_profile(mcode_profile: Callable[[str], Json]) -> None:
    tumour, person = mcode_profile("mcode-primary-cancer-condition"), mcode_profile("mcode-cancer-patient")
    checker = checker_of([tumour, person])
    for broken in (
        {key: value for key, value in condition().items() if key != "category"},
        condition() | {"extension": [condition()["extension"][0]] * 2},
    ):
        assert checker.check(broken, tumour["url"])
    found = patient([released()], "http://gateway.test/fhir")
    assert checker.check(found, person["url"]) == []
    for name in ("identifier", "name", "gender"):
        assert checker.check({key: value for key, value in found.items() if key != name}, person["url"])


def test_every_cached_fragment_says_what_the_dict_says(client: Client) -> None:
    fast = client.json("/Condition?_count=1000")["entry"]
    plain = client.json("/Condition?_count=1000&_pretty=true")["entry"]
    assert fast == plain
    for fields in ({}, {"iccc": ()}, {"basis": Absent.UNKNOWN, "laterality": Absent.UNKNOWN}, {"age": Age(None, None)}):
        case = released(**fields)
        assert orjson.loads(RENDERER.json(case)) == RENDERER.resource(case)
        assert f"{HEAD}{RENDERER.xml(case)}".encode() == to_xml(RENDERER.resource(case)).replace(XMLNS, b"")


@pytest.mark.parametrize(
    ("interval", "onset"),
    [
        (DateInterval.of(2015, 3, 2), {"onsetDateTime": "2015-03-02"}),
        (DateInterval.of(2016, 2), {"onsetDateTime": "2016-02"}),
        (DateInterval.of(2015), {"onsetDateTime": "2015"}),
        (
            DateInterval(dt.date(2014, 12, 20), dt.date(2015, 1, 10), DatePrecision.MONTH),
            {"onsetPeriod": {"start": "2014-12-20", "end": "2015-01-10"}},
        ),
        (UNKNOWN_DATE, {"_onsetDateTime": {"extension": [{"url": DAR, "valueCode": "unknown"}]}}),
        (
            DateInterval(dt.date(2015, 1, 1), dt.date(2015, 12, 31), DatePrecision.ESTIMATED),
            {
                "onsetDateTime": "2015",
                "_onsetDateTime": {
                    "extension": [
                        {"url": f"{guide().canonical}/StructureDefinition/date-estimated", "valueBoolean": True}
                    ]
                },
            },
        ),
    ],
)
def test_the_incidence_date_keeps_its_true_precision(interval: DateInterval, onset: Json) -> None:
    found = condition(incidence=interval)
    assert {key: value for key, value in found.items() if "nset" in key} == onset


def test_a_year_is_no_month_and_a_month_no_day() -> None:
    assert partial_date(DateInterval(dt.date(2015, 1, 1), dt.date(2015, 1, 31), DatePrecision.DAY)) == "2015-01"
    assert partial_date(DateInterval(dt.date(2015, 1, 1), dt.date(2016, 12, 31), DatePrecision.YEAR)) is None


def test_an_absent_value_has_its_reason_and_is_never_a_default() -> None:
    found = condition(morphology=Absent.NOT_COLLECTED, behaviour=Absent.NOT_COLLECTED, topography=Absent.UNKNOWN)
    histology, basis, _, age = found["extension"]
    assert histology["valueCodeableConcept"]["extension"][0]["valueCode"] == "unsupported"
    assert age["extension"][0]["valueAge"]["value"] == 3
    assert basis["valueCodeableConcept"]["coding"][0]["code"] == "7"
    assert "clinicalStatus" not in found
    assert "recordedDate" not in found
    assert condition(age=Age(None, None))["extension"][-1]["extension"][0]["valueCode"] == "unknown"


def test_what_a_policy_holds_back_is_masked_and_not_unknown() -> None:
    held = condition(age=Age(None, None, withheld=True), incidence=WITHHELD_DATE)
    assert held["extension"][-1]["extension"][0]["valueCode"] == "masked"
    assert held["_onsetDateTime"]["extension"][0]["valueCode"] == "masked"
    assert person({"birth": WITHHELD_DATE})["_birthDate"]["extension"][0]["valueCode"] == "masked"


def test_the_group_of_each_edition_stands_in_its_extension_with_the_number_of_seer() -> None:
    two = (
        ReleasedGroup("2017", "VII", "VII(a)", "VII(a).1", "071"),
        ReleasedGroup("2005", "unclassified", "unclassified", None, None),
    )
    (found,) = [each for each in condition(iccc=two)["extension"] if each["url"] == guide().extension("iccc-group")]
    group, division, number = found["extension"]
    assert (group["valueCoding"]["code"], group["valueCoding"]["version"]) == ("VII(a)", "2017")
    assert division["valueCoding"]["code"] == "VII(a).1"
    assert number == {"url": "seerRecode", "valueCode": "071"}


def test_the_age_of_an_infant_is_a_range_because_an_age_is_positive() -> None:
    years, days = condition(age=Age((0, 0), (0, 12)))["extension"][-1]["extension"]
    assert (years["valueRange"]["low"]["value"], years["valueRange"]["high"]["value"]) == (0, 0)
    assert (days["valueRange"]["low"]["value"], days["valueRange"]["high"]["value"]) == (0, 12)


def test_a_tumour_without_a_group_says_so() -> None:
    found = condition(iccc=(ReleasedGroup("2017", "unclassified", "unclassified", None, None),))
    assert found["code"]["text"] == "in no group of ICCC-3 2017"
    assert [item["code"] for item in found["code"]["coding"]] == ["9500/3", "C74.9"]


def test_a_text_never_speaks_against_the_group_of_another_edition() -> None:
    found = condition(
        iccc=(
            ReleasedGroup("2005", "unclassified", "unclassified", None, None),
            ReleasedGroup("2017", "IV", "IV(a)", None, "041"),
        )
    )
    assert "text" not in found["code"]


@pytest.mark.parametrize(
    ("basis", "status"),
    [("0", "unconfirmed"), ("1", "confirmed"), ("7", "confirmed"), ("microscopic", "confirmed")],
)
def test_the_verification_status_is_what_the_basis_of_diagnosis_says(basis: str, status: str) -> None:
    (coding,) = condition(basis=basis)["verificationStatus"]["coding"]
    assert coding["code"] == status


@pytest.mark.parametrize(
    ("reason", "code"),
    [(Absent.UNKNOWN, "unknown"), (Absent.WITHHELD, "masked"), (Absent.NOT_COLLECTED, "unsupported")],
)
def test_without_a_basis_no_verification_is_told(reason: Absent, code: str) -> None:
    assert condition(basis=reason)["verificationStatus"] == {"extension": [{"url": DAR, "valueCode": code}]}


def test_icd_10_is_mapped_where_none_was_recorded_and_the_tumour_is_coded_in_full() -> None:
    mapped = next(item for item in condition()["code"]["coding"] if item["system"].endswith("icd-10"))
    assert (mapped["code"], mapped["userSelected"]) == ("C74.9", False)
    (equivalence,) = mapped["extension"]
    assert equivalence == {"url": guide().extension("mapping-equivalence"), "valueCode": "wider"}
    recorded = [item for item in condition(icd10="C47.9")["code"]["coding"] if item["system"].endswith("icd-10")]
    assert [(item["code"], item["userSelected"]) for item in recorded] == [("C47.9", True)]
    for lacking in ({"topography": "C74"}, {"behaviour": Absent.UNKNOWN}, {"topography": Absent.WITHHELD}):
        assert not [item for item in condition(**lacking)["code"]["coding"] if item["system"].endswith("icd-10")]


def test_a_behaviour_alone_is_not_lost() -> None:
    found = condition(morphology=Absent.UNKNOWN, iccc=())
    (histology,) = [item for item in found["extension"] if item["url"].endswith("histology-morphology-behavior")]
    assert histology["valueCodeableConcept"]["text"] == "behaviour /3"


@pytest.mark.parametrize("behaviour", [6, 9])
def test_what_is_or_may_be_a_metastasis_claims_no_primary_cancer_condition(behaviour: int) -> None:
    assert "profile" not in condition(behaviour=behaviour)["meta"]
    assert condition(behaviour=3)["meta"]["profile"]


def test_the_day_a_record_was_written_is_absent_with_its_reason() -> None:
    assert condition()["_recordedDate"] == {"extension": [{"url": DAR, "valueCode": "unknown"}]}


def test_no_icd_o_term_leaves_with_a_display(client: Client) -> None:
    text = client.get("/Condition?_count=1000").json()
    for coding in _codings(text):
        assert ("display" in coding) <= coding["system"].endswith("iccc-3")


def _codings(element: object) -> list[Json]:
    if isinstance(element, list):
        return [found for item in element for found in _codings(item)]
    if not isinstance(element, dict):
        return []
    return [*element.get("coding", []), *(found for value in element.values() for found in _codings(value))]


def person(*tumours: dict[str, object]) -> Json:
    return patient([released(**fields) for fields in tumours], "http://gateway.test/fhir")


def test_records_of_a_patient_that_agree_are_joined_and_contradictions_are_told() -> None:
    joined = person({"birth": DateInterval.of(2012), "sex": Absent.UNKNOWN}, {"birth": DateInterval.of(2012, 1)})
    assert (joined["gender"], joined["birthDate"]) == ("female", "2012-01")
    against = person({"sex": "male"}, {"birth": DateInterval.of(1999)})
    for name in ("_gender", "_birthDate"):
        assert against[name]["extension"] == [{"url": DAR, "valueCode": "error"}]
    assert "profile" not in against["meta"]
    assert person({"vital_status": "alive"}, {"vital_status": "dead"})["deceasedBoolean"] is True
    assert person({"vital_status": "alive"})["deceasedBoolean"] is False
    unknown = person({"vital_status": Absent.UNKNOWN, "sex": Absent.WITHHELD, "country": Absent.WITHHELD})
    assert unknown["_deceasedBoolean"]["extension"][0]["valueCode"] == "unknown"
    assert unknown["_gender"]["extension"][0]["valueCode"] == "masked"
    assert "address" not in unknown


@pytest.mark.parametrize("name", ["Patient", "Condition", "Bundle", "OperationOutcome", "CapabilityStatement"])
def test_the_r4b_models_have_the_elements_of_r4(official: OfficialSchemas, name: str) -> None:
    published = {key for key in official.schema["definitions"][name]["properties"] if not key.startswith("_")}
    model = getattr(importlib.import_module(f"fhir.resources.R4B.{name.lower()}"), name)
    fields = {field.alias or key for key, field in model.model_fields.items() if not key.endswith("__ext")}
    assert fields - published <= {"fhir_comments"}
    assert published - fields == {"resourceType"}

"""fhirpathpy: paths over the resources of the server; its model of R4 knows the choice types."""

from functools import partial

import requests
from fhirpathpy import evaluate
from fhirpathpy.models import models
from plan import run

path = partial(evaluate, model=models["r4"])
MATCHES = "Bundle.entry.where(search.mode = 'match').resource"
HISTOLOGY = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-histology-morphology-behavior"
AGE = "https://w3id.org/iccd/fhir/StructureDefinition/age-at-diagnosis"


def session(state):
    with requests.Session() as http:
        for question in state.questions:
            url = f"{state.base}/{question['type']}"
            counted = http.get(url, params={**question["search"], "_summary": "count"}).json()
            bundles = list(pages(http, url, {**question["search"], "_count": state.page}))
            totals = path(counted, "Bundle.total")
            state.answer(question, totals[0] if totals else None, path(bundles, f"{MATCHES}.id"))
        statement = http.get(f"{state.base}/metadata").json()
        bundle = http.get(f"{state.base}/Condition", params={"_count": 200}).json()
        patients = http.get(f"{state.base}/Patient", params={"_count": 200}).json()
        observations = (
            http.get(f"{state.base}/Observation", params={"_count": 50}).json() if state.has("observation") else None
        )
    types = path(
        statement, "CapabilityStatement.rest.resource.where(interaction.where(code = 'search-type').exists()).type"
    )
    state.check("metadata says what is searched", {"Condition", "Patient"} <= set(types))
    check_conditions(state, bundle)
    check_patients(state, patients)
    if observations:
        subjects = path(observations, f"{MATCHES}.subject.reference")
        state.check("every observation has a subject", subjects and len(subjects) == len(path(observations, MATCHES)))


def check_conditions(state, bundle):
    conditions = path(bundle, MATCHES)
    days = path(bundle, f"{MATCHES}.onset.ofType(dateTime)")
    periods = path(bundle, f"{MATCHES}.onset.ofType(Period)")
    known = [item for item in conditions if {"onsetDateTime", "onsetPeriod"} & item.keys()]
    state.check("onset as a choice type", days and len(days) + len(periods) == len(known))
    values = path(bundle, f"{MATCHES}.extension('{HISTOLOGY}').value.coding.code")
    state.check("morphology in the extension of mCODE", values and all(str(code)[:4].isdigit() for code in values))
    ages = path(bundle, f"{MATCHES}.extension('{AGE}').extension('completedYears').value.ofType(Age).value")
    state.check("age at diagnosis in years", ages and all(0 <= age <= 19 for age in ages))
    young = path(bundle, f"{MATCHES}.where(extension('{AGE}').extension('completedYears').value.value < 5).count()")
    state.check("where over an extension", young == [sum(age < 5 for age in ages)])
    sites = path(bundle, f"{MATCHES}.bodySite.coding.where(code.startsWith('C')).exists()")
    state.check("topography in bodySite", sites == [True])


def check_patients(state, patients):
    sexes = path(patients, f"{MATCHES}.gender.distinct()")
    state.check("gender of the patients", {"male", "female"} <= set(sexes))
    dead = path(patients, f"{MATCHES}.where(deceased.ofType(boolean) = true).count()")
    state.check(
        "vital status as a choice type",
        dead == [sum(p.get("deceasedBoolean") is True for p in path(patients, MATCHES))],
    )
    masked = path(patients, f"{MATCHES}.name.extension.where(value = 'masked').count()")
    state.check("names are masked", masked == path(patients, f"{MATCHES}.count()"))


def pages(http, url, params):
    page = http.get(url, params=params).json()
    yield page
    while link := path(page, "Bundle.link.where(relation = 'next').url"):
        page = http.get(link[0]).json()
        yield page


run(session)

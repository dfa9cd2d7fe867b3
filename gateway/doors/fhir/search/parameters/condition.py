"""Search parameters of Condition (R4 condition.html, mCODE 4.0.0, and our own for what a registry asks)."""

from __future__ import annotations

from gateway.doors.fhir.definitions import guide
from gateway.doors.fhir.search.codes import (
    axis,
    code_text,
    diagnosis,
    diagnosis_above,
    diagnosis_below,
    iccc_group,
    morphology_above,
    topography,
)
from gateway.doors.fhir.search.dates import incidence_date
from gateway.doors.fhir.search.numbers import completed_years, days
from gateway.doors.fhir.search.parameters.nouns import HL7, Parameter, any_of, chained, missing, none_of
from gateway.doors.fhir.search.parameters.patient import ID_DEFINITION, PATIENT, SOURCE
from gateway.doors.fhir.search.parameters.values import coded, constant, record, record_id
from gateway.doors.fhir.search.valuesets import in_value_set

ORDERED = "Prefixes eq ne gt lt ge le sa eb ap."
PARTIAL = (
    "Incidence date. A partial date is one unknown day in an interval: matches are those that lie inside for certain, "
    "those that only may are counted in the bounds of the total."
)
CATEGORY = ("http://hl7.org/fhir/us/core/CodeSystem/condition-category", "health-concern")
VERIFICATION = ("http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed")
CHAINED = ("gender", "deceased", "address-country", "identifier", "_id")

RECORDED = (
    Parameter(
        "code",
        "token",
        "diagnosis",
        diagnosis,
        "system|code in any system that metadata names; a code means every tumour it covers. :in and :not-in take an "
        "implicit value set (SYSTEM?fhir_vs=isa/CODE) or one of ours for an ICCC-3 group, with |EDITION; :below needs a "
        "system with a hierarchy; :above takes an ICD-O-3 morphology; :text searches the names of ICCC-3 groups that a Condition shows.",
        "own:condition-code",
        {
            "not": none_of(diagnosis),
            "in": in_value_set,
            "not-in": none_of(in_value_set),
            "below": diagnosis_below,
            "above": diagnosis_above,
            "text": code_text,
            **missing("diagnosis"),
        },
    ),
    Parameter(
        "body-site",
        "token",
        "topography",
        topography,
        "ICD-O-3 topography as system|code, e.g. C74.9 or the category C74.",
        "own:condition-body-site",
        {"not": none_of(topography), "below": topography, **missing("topography")},
    ),
    Parameter(
        "iccc-group",
        "token",
        "diagnosis",
        iccc_group,
        "ICCC-3 group, subgroup or division such as IV(a), or its SEER recode number, with or without the system, in the "
        "edition of 2017; code:in names another edition.",
        "own:condition-iccc-group",
        {"not": none_of(iccc_group)},
    ),
    Parameter(
        "topography",
        "token",
        "topography",
        axis("topography"),
        "ICD-O-3 topography, with or without the system.",
        "own:condition-topography",
        {"not": none_of(axis("topography")), **missing("topography")},
    ),
    Parameter(
        "morphology",
        "token",
        "morphology",
        axis("morphology"),
        "ICD-O-3 morphology with or without behaviour (9500/3, 9500), with or without the system.",
        "own:condition-morphology",
        {"not": none_of(axis("morphology")), "above": morphology_above, **missing("morphology")},
    ),
    Parameter(
        "behaviour",
        "token",
        "behaviour",
        axis("behaviour"),
        "ICD-O-3 behaviour digit.",
        "own:condition-behaviour",
        {"not": none_of(axis("behaviour")), **missing("behaviour")},
    ),
    Parameter(
        "onset-date",
        "date",
        "date",
        any_of(incidence_date),
        f"{PARTIAL} {ORDERED}",
        "own:condition-onset-date",
        missing("date"),
    ),
    Parameter(
        "recorded-date",
        "date",
        "date",
        any_of(incidence_date),
        f"The same as onset-date: the day on which a record was written is not known. {PARTIAL} {ORDERED}",
        "own:condition-recorded-date",
        note="recorded-date was answered by the incidence date; the day a record was written is not known",
    ),
    Parameter(
        "age-at-diagnosis",
        "number",
        "age",
        any_of(completed_years),
        f"Age at the incidence date in completed years, a whole number. {ORDERED}",
        "own:condition-age-at-diagnosis",
        missing("age"),
    ),
    Parameter(
        "age-at-diagnosis-days",
        "number",
        "age_days",
        any_of(days),
        f"Age at the incidence date in days, a whole number. {ORDERED}",
        "own:condition-age-at-diagnosis-days",
    ),
    *(
        Parameter(
            name,
            "token",
            field,
            build,
            words,
            f"own:condition-{name}",
            {"not": none_of(build), **missing(field)},
        )
        for name, field, build, words in (
            (
                "basis-of-diagnosis",
                "basis",
                coded("basis", guide().code_system("basis-of-diagnosis")),
                "Most valid basis of diagnosis (IARC/ENCR), 0 to 8, with or without the system.",
            ),
            (
                "laterality",
                "laterality",
                coded("laterality", guide().code_system("laterality")),
                "Laterality of a paired site, with or without the system.",
            ),
            ("grade", "grade", coded("grade", guide().code_system("grade")), "Grade as recorded."),
            (
                "stage",
                "stage",
                coded("stage", guide().code_system("stage")),
                "Stage as SYSTEM:VALUE, e.g. toronto:metastatic.",
            ),
        )
    ),
    Parameter(
        "category",
        "token",
        "category",
        constant(frozenset({CATEGORY})),
        "Every Condition here is a health-concern.",
        f"{HL7}/Condition-category",
    ),
    Parameter(
        "verification-status",
        "token",
        "verification-status",
        constant(frozenset({VERIFICATION})),
        "Every Condition here is confirmed.",
        f"{HL7}/Condition-verification-status",
    ),
)
REFERENCES = (
    *(
        Parameter(
            name,
            "reference",
            "patient",
            record("patient", "Patient"),
            "Patient by id or reference. One chained hop: "
            f"{', '.join(f'{prefix}.{parameter}' for parameter in CHAINED)}.",
            f"{HL7}/{definition}",
            {"identifier": PATIENT["identifier"].build},
            names_records=True,
        )
        for name, prefix, definition in (
            ("subject", "subject:Patient", "Condition-subject"),
            ("patient", "patient", "clinical-patient"),
        )
    ),
)
CHAINS = tuple(
    chained(prefix, PATIENT[name]) for prefix in ("patient", "subject:Patient") for name in CHAINED if name in PATIENT
)
ID_OF_CONDITION = Parameter(
    "_id", "token", "record", record_id("case"), "Ids of this door.", ID_DEFINITION, names_records=True
)
CONDITION = {parameter.name: parameter for parameter in (ID_OF_CONDITION, *RECORDED, *REFERENCES, *CHAINS, SOURCE)}
ORDERS = {
    "onset-date": "date",
    "recorded-date": "date",
    "age-at-diagnosis": "age_days",
    "age-at-diagnosis-days": "age_days",
}

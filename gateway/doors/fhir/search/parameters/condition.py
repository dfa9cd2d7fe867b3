"""Search parameters of Condition (R4 condition.html, mCODE 4.0.0, and our own for what a registry asks)."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.doors.fhir.definitions import guide
from gateway.doors.fhir.search.codes import (
    axis,
    code_text,
    diagnosis,
    diagnosis_above,
    diagnosis_below,
    iccc_group,
    morphology_above,
    not_on_axis,
    site_and_morphology,
    topography,
)
from gateway.doors.fhir.search.dates import incidence_date
from gateway.doors.fhir.search.grammar import of_system
from gateway.doors.fhir.search.numbers import completed_years, days
from gateway.doors.fhir.search.parameters.nouns import HL7, Parameter, any_of, chained, missing, none_of
from gateway.doors.fhir.search.parameters.patient import ID_DEFINITION, PATIENT, SOURCE
from gateway.doors.fhir.search.parameters.values import coded, constant, record, record_id
from gateway.doors.fhir.search.valuesets import in_value_set
from gateway.doors.fhir.verification import VERIFICATION, VERIFICATION_SYSTEM
from gateway.model.fields import FIELDS
from gateway.model.query import Expr, OneOf

ORDERED = "Prefixes eq ne gt lt ge le sa eb ap."
PARTIAL = (
    "Incidence date. A partial date is one unknown day in an interval: matches are those that lie inside for certain, "
    "those that only may are counted in the bounds of the total."
)
CATEGORY = ("http://hl7.org/fhir/us/core/CodeSystem/condition-category", "health-concern")
CHAINED = ("gender", "deceased", "address-country", "identifier", "_id")


def verification_status(values: Sequence[str], parameter: str) -> Expr:
    """Conditions by the verification status that their basis of diagnosis gives."""
    expected = ", ".join(sorted({*VERIFICATION.values()}))
    codes, whole = of_system(values, (VERIFICATION_SYSTEM,), parameter, expected)
    bases = frozenset(basis for basis, status in VERIFICATION.items() if whole or status in codes)
    return OneOf("basis", bases, recorded=True)


def _system_of(parameter: str) -> str:
    return guide().code_system(parameter)


RECORDED = (
    Parameter(
        "code",
        "token",
        "diagnosis",
        diagnosis,
        "system|code in any system that metadata names; a code means every tumour it covers. :in and :not-in take an "
        "implicit value set (SYSTEM?fhir_vs=isa/CODE) or one of ours for an ICCC-3 group, with |EDITION; :below also takes "
        "the concepts below, as far as the hierarchy is loaded, and bounds the answer where it is not; :above takes an "
        "ICD-O-3 morphology; :text searches the names of ICCC-3 groups that a Condition shows.",
        "own:condition-code",
        {
            "not": none_of(diagnosis, "diagnosis"),
            "in": in_value_set,
            "not-in": none_of(in_value_set, "diagnosis"),
            "below": diagnosis_below,
            "above": diagnosis_above,
            "text": code_text,
            **missing("entity"),
        },
    ),
    Parameter(
        "body-site",
        "token",
        "topography",
        topography,
        "ICD-O-3 topography as system|code, e.g. C74.9 or the category C74.",
        "own:condition-body-site",
        {"not": none_of(topography, "diagnosis"), "below": topography, **missing("topography")},
    ),
    Parameter(
        "iccc-group",
        "token",
        "diagnosis",
        iccc_group,
        "ICCC-3 group, subgroup or division such as IV(a), or its SEER recode number, with or without the system, in the "
        "edition of 2017; code:in names another edition.",
        "own:condition-iccc-group",
        {"not": none_of(iccc_group, "diagnosis")},
    ),
    Parameter(
        "topography",
        "token",
        "topography",
        axis("topography"),
        "ICD-O-3 topography, with or without the system.",
        "own:condition-topography",
        {"not": none_of(axis("topography"), "diagnosis"), **missing("topography")},
    ),
    Parameter(
        "morphology",
        "token",
        "morphology",
        axis("morphology"),
        "ICD-O-3 morphology with or without behaviour (9500/3, 9500), with or without the system.",
        "own:condition-morphology",
        {"not": not_on_axis("morphology"), "above": morphology_above, **missing("morphology")},
    ),
    Parameter(
        "behaviour",
        "token",
        "behaviour",
        axis("behaviour"),
        "ICD-O-3 behaviour digit.",
        "own:condition-behaviour",
        {"not": not_on_axis("behaviour"), **missing("behaviour")},
    ),
    Parameter(
        "morphology-topography",
        "composite",
        "diagnosis",
        site_and_morphology,
        "Morphology and topography of one tumour as 9500/3$C74.9, each with or without the system; 9500$C74 means every "
        "behaviour and subsite.",
        "own:condition-morphology-topography",
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
            coded(field, _system_of(name)),
            words,
            f"own:condition-{name}",
            {
                "not": none_of(coded(field, _system_of(name)), field),
                **({"below": coded(field, _system_of(name), below=True)} if FIELDS[field].composites else {}),
                **missing(field),
            },
        )
        for name, field, words in (
            (
                "basis-of-diagnosis",
                "basis",
                "Most valid basis of diagnosis (IARC/ENCR), 0 to 8, with or without the system; microscopic and "
                "clinical-any are coarse codes of their own, :below means the codes that they stand for too.",
            ),
            (
                "laterality",
                "laterality",
                "Laterality of a paired site, with or without the system; unilateral is one side that is not told, "
                ":below means right and left too.",
            ),
            ("grade", "grade", "Grade as recorded, with or without the system."),
            ("stage", "stage", "Stage as SYSTEM:VALUE, e.g. toronto:metastatic, with or without the system."),
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
        "basis",
        verification_status,
        "confirmed where the basis of diagnosis is an examination, unconfirmed where it is a death certificate alone.",
        f"{HL7}/Condition-verification-status",
        missing("basis"),
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

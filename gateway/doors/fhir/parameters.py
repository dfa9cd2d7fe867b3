"""The search parameters of this door, one row each: what they mean, their modifiers, their published definition.

The CapabilityStatement is made from this table and the parser obeys it, so neither can promise what the other
does not do (R4 search.html).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.doors.fhir.codes import (
    diagnosis,
    diagnosis_below,
    not_diagnosis,
    not_sex,
    not_topography,
    sex,
    topography,
)
from gateway.doors.fhir.dates import incidence_date
from gateway.doors.fhir.definitions import guide
from gateway.doors.fhir.grammar import unescape
from gateway.doors.fhir.numbers import completed_years
from gateway.doors.fhir.valuesets import in_value_set
from gateway.errors import BadQuestion
from gateway.model.query import Expr, Not, OneOf, Or, Unit

Builder = Callable[[Sequence[str], str], Expr]
"""Values of one occurrence (OR), and the parameter as written for errors -> condition."""

HL7 = "http://hl7.org/fhir/SearchParameter"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter of one resource type.

    Attributes
    ----------
    name
        As written in a request, chain included.
    type
        FHIR search parameter type.
    field
        Field of the question it fills, for errors of the planner.
    build
        Condition of its values.
    modifiers
        Modifier -> condition of the values under it.
    definition
        Canonical URL of its SearchParameter; one of ours as `own:ID`; None where none is published.
    documentation
        What a client must know beyond the definition.
    note
        Said in every answer that uses it.
    """

    name: str
    type: str
    field: str
    build: Builder
    documentation: str
    definition: str | None = None
    modifiers: Mapping[str, Builder] = dataclasses.field(default_factory=dict)
    note: str | None = None

    @property
    def canonical(self) -> str | None:
        """Canonical URL of the definition."""
        if self.definition and self.definition.startswith("own:"):
            return f"{guide().canonical}/SearchParameter/{self.definition[4:]}"
        return self.definition


@dataclass(frozen=True, slots=True)
class Searchable:
    """A resource type that is searched over cases.

    Attributes
    ----------
    unit
        What its total counts.
    record
        What a page of it holds, see gateway.model.query.Page.
    """

    name: str
    unit: Unit
    record: str
    parameters: Mapping[str, Parameter]


def any_of(one: Callable[[str, str], Expr]) -> Builder:
    """Builder of an OR over single values."""

    def build(values: Sequence[str], parameter: str) -> Expr:
        parts = tuple(one(unescape(value), parameter) for value in values)
        return parts[0] if len(parts) == 1 else Or(parts)

    return build


def registry(values: Sequence[str], parameter: str) -> Expr:
    """Registry by its id, or by the value of meta.source, which ends with the id."""
    ids = [unescape(value).rpartition("/")[2] for value in values]
    if not all(ids):
        raise BadQuestion("a registry has an id", where=parameter, expected="the id of a source, or meta.source")
    return OneOf("source", frozenset(ids))


def not_registry(values: Sequence[str], parameter: str) -> Expr:
    """Any registry but these."""
    return Not(registry(values, parameter))


ORDERED = "Prefixes eq ne gt lt ge le sa eb ap."
PARTIAL = (
    "Incidence date. A partial date is one unknown day in an interval: matches are those that lie inside for certain, "
    "those that only may are counted in the bounds of the total."
)
SOURCE = Parameter(
    "_source",
    "uri",
    "source",
    registry,
    "Id of a registry in this gateway, or the value of meta.source.",
    "own:resource-source",
    {"not": not_registry},
)


def _gender_of_patient(name: str) -> Parameter:
    return Parameter(
        name,
        "token",
        "sex",
        sex,
        "Sex of the patient: male, female, other or unknown. One chained hop; subject and patient are not "
        "parameters by themselves.",
        "own:condition-patient-gender",
        {"not": not_sex},
    )


CONDITION = (
    Parameter(
        "code",
        "token",
        "diagnosis",
        diagnosis,
        "system|code in any system that metadata names; a code means every tumour it covers. :in takes an implicit "
        "value set (SYSTEM?fhir_vs=isa/CODE) or one of ours for an ICCC-3 group, with |EDITION; :below needs a system "
        "with a hierarchy.",
        "own:condition-code",
        {"not": not_diagnosis, "in": in_value_set, "below": diagnosis_below},
    ),
    Parameter(
        "body-site",
        "token",
        "topography",
        topography,
        "ICD-O-3 topography as system|code, e.g. C74.9 or the category C74.",
        "own:condition-body-site",
        {"not": not_topography, "below": topography},
    ),
    Parameter("onset-date", "date", "date", any_of(incidence_date), f"{PARTIAL} {ORDERED}", "own:condition-onset-date"),
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
    ),
    _gender_of_patient("patient.gender"),
    _gender_of_patient("subject:Patient.gender"),
    SOURCE,
)
PATIENT = (
    Parameter(
        "gender",
        "token",
        "sex",
        sex,
        "male, female, other or unknown, with or without the system administrative-gender.",
        f"{HL7}/individual-gender",
        {"not": not_sex},
    ),
    SOURCE,
)

ID = "_id"
ID_DEFINITION = f"{HL7}/Resource-id"
SEARCHABLE: Mapping[str, Searchable] = {
    item.name: item
    for item in (
        Searchable("Condition", Unit.TUMOURS, "case", {p.name: p for p in CONDITION}),
        Searchable("Patient", Unit.PATIENTS, "patient", {p.name: p for p in PATIENT}),
    )
}

"""The search parameters of the types that are made from cases, one table a type."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.doors.fhir.search.parameters.condition import CONDITION, ORDERS, RECORDED
from gateway.doors.fhir.search.parameters.nouns import Builder, Parameter, Searchable
from gateway.doors.fhir.search.parameters.observation import OBSERVATION
from gateway.doors.fhir.search.parameters.patient import PATIENT
from gateway.model.query import Unit

__all__ = ["SEARCHABLE", "Builder", "Parameter", "Searchable"]

_PROVENANCE = "Provenance:target"

SEARCHABLE: Mapping[str, Searchable] = {
    item.name: item
    for item in (
        Searchable(
            "Condition",
            Unit.TUMOURS,
            "case",
            CONDITION,
            orders=ORDERS,
            includes=("Condition:subject", "Condition:patient"),
            reverse_includes=("Observation:focus", _PROVENANCE),
        ),
        Searchable(
            "Patient",
            Unit.PATIENTS,
            "patient",
            PATIENT,
            reverse={
                f"Condition:{link}:{parameter.name}": parameter
                for link in ("subject", "patient")
                for parameter in RECORDED
            },
            reverse_includes=(
                "Condition:subject",
                "Condition:patient",
                "Observation:subject",
                "Observation:patient",
                _PROVENANCE,
            ),
        ),
        Searchable(
            "Observation",
            Unit.TUMOURS,
            "case",
            OBSERVATION,
            includes=("Observation:subject", "Observation:patient", "Observation:focus"),
            reverse_includes=(_PROVENANCE,),
        ),
    )
}

"""The resource types of this door: one table, from which routes and CapabilityStatement are made.

A new type is one module here and one line in SERVED.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.doors.fhir.capability import statement_of
from gateway.doors.fhir.served import ServedType
from gateway.doors.fhir.types import catalogue, cohorts, definitions, measures, records, terminology
from gateway.doors.fhir.types.conformance import served_conformance


def _all() -> Iterable[ServedType]:
    return SERVED.values()


SERVED: Mapping[str, ServedType] = {
    served.name: served
    for served in (
        *records.SERVED,
        *definitions.SERVED,
        *terminology.SERVED,
        *catalogue.SERVED,
        *cohorts.SERVED,
        *measures.SERVED,
        *served_conformance(_all, lambda door: statement_of(door, _all())),
    )
}

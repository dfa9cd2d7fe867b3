"""The resource types of this door: one table, from which routes and CapabilityStatement are made.

A new type is one module here and one line in SERVED.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.doors.fhir.served import ServedType
from gateway.doors.fhir.types import catalogue, cohorts, definitions, measures, records

SERVED: Mapping[str, ServedType] = {
    served.name: served
    for served in (*records.SERVED, *definitions.SERVED, *catalogue.SERVED, *cohorts.SERVED, *measures.SERVED)
}

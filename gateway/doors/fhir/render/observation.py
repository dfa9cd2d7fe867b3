"""Observation of a released case or patient: stage, grade, laterality, vital status (profiles/fhir, mCODE 4.0.0).

It exists only where a value is recorded and may be shown; the rest is told by its absence from the search set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from gateway.disclosure.released import ReleasedCase
from gateway.doors.fhir.definitions import Resource, conformance_resources, guide
from gateway.doors.fhir.observations import CATEGORIES, KINDS, ObservationKind, value_system
from gateway.doors.fhir.render.condition import MCODE, source_url
from gateway.doors.fhir.render.elements import (
    CONFLICT,
    absent,
    coding,
    concept,
    partial_date,
    period,
    primitive,
    why_no_date,
)
from gateway.doors.fhir.render.patient import common
from gateway.model.dates import DateInterval
from gateway.model.values import Absent

PROFILES = {
    "stage": (guide().extension("cancer-stage"), f"{MCODE}/mcode-cancer-stage"),
    "grade": (guide().extension("histologic-grade"), f"{MCODE}/mcode-histologic-grade"),
    "laterality": (guide().extension("laterality-observation"),),
    "vital-status": (guide().extension("vital-status"),),
}
TORONTO = guide().profile("toronto-stage")
GRADE = re.compile(r"[1-9]", re.ASCII)


def observations_of(cases: Sequence[ReleasedCase], base: str) -> Iterator[Resource]:
    """Every observation of the tumours of one patient, at least one tumour: of each tumour, then of the patient."""
    for kind in KINDS.values():
        for each in cases if kind.record == "case" else [cases[0]]:
            found = observation(kind, [each] if kind.record == "case" else cases, base)
            if found is not None:
                yield found


def observation(kind: ObservationKind, cases: Sequence[ReleasedCase], base: str) -> Resource | None:
    """Observation of one tumour, or of one patient by all their tumours; None where no value may be shown."""
    first = cases[0]
    value = _value(kind, cases)
    if isinstance(value, Absent):
        return None
    record = first.id if kind.record == "case" else first.patient_id
    category = {"category": [concept([coding(CATEGORIES, kind.category)])]} if kind.category else {}
    return {
        "resourceType": "Observation",
        "id": f"{record}-{kind.name}",
        "meta": {"source": source_url(base, first.source), "profile": _profiles(kind, value)},
        "status": "final",
        **category,
        "code": concept([coding(kind.system, kind.code)]),
        "subject": {"reference": f"Patient/{first.patient_id}"},
        **({"focus": [{"reference": f"Condition/{first.id}"}]} if kind.record == "case" else {}),
        **(_effective(common(case.last_contact for case in cases)) if kind.name == "vital-status" else {}),
        "valueCodeableConcept": _concept(kind, value),
        **_method(kind, value),
    }


def _profiles(kind: ObservationKind, value: str) -> list[str]:
    toronto = [TORONTO] if kind.name == "stage" and value in _toronto_stages() else []
    return [*toronto, *PROFILES[kind.name]]


@cache
def _toronto_stages() -> frozenset[str]:
    listed = conformance_resources()["ValueSet", "toronto-stage"]["compose"]["include"][0]["concept"]
    return frozenset(item["code"] for item in listed)


def _value(kind: ObservationKind, cases: Sequence[ReleasedCase]) -> str | Absent:
    """The recorded value; of a patient, dead if any record says so."""
    values: list[str | Absent] = [getattr(case, kind.field) for case in cases]
    known = [value for value in values if not isinstance(value, Absent)]
    if not known:
        return values[0]
    return "dead" if "dead" in known else known[0]


def _concept(kind: ObservationKind, value: str) -> Resource:
    """Value in our code system; a grade of the registry's own is text, for it is no code of ICD-O-3."""
    if kind.name == "grade" and not GRADE.fullmatch(value):
        return {"text": value}
    return concept([coding(value_system(kind), value)])


def _method(kind: ObservationKind, value: str) -> Resource:
    system, colon, _ = value.partition(":")
    if kind.name != "stage" or not colon:
        return {}
    return {"method": concept([coding(guide().code_system("staging-system"), system)])}


def _effective(date: DateInterval | None) -> Resource:
    """Day of last contact with its precision."""
    written = partial_date(date) if date else None
    if written is not None:
        return {"effectiveDateTime": written}
    span = period(date) if date else None
    if span is not None:
        return {"effectivePeriod": span}
    reason = CONFLICT if date is None else why_no_date(date)
    return primitive("effectiveDateTime", None, absent(reason)["extension"])

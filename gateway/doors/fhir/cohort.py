"""Group: the patients of one ICCC-3 group or subgroup as a cohort (R4 group.html). No member is listed."""

from __future__ import annotations

from gateway.disclosure.released import ReleasedAnswer, ReleasedCount
from gateway.doors.fhir.definitions import Resource, url_of_prefix
from gateway.doors.fhir.door import Door
from gateway.doors.fhir.names import operator_id
from gateway.doors.fhir.recordversions import last_changed
from gateway.doors.fhir.render.counts import count_element, notes, statuses
from gateway.doors.fhir.render.elements import coding

EDITION = "2017"
DIAGNOSIS = coding("http://loinc.org", "29308-4")


def cohort_id(code: str) -> str:
    """Id of the cohort of a group: `iccc3-2017.IVa` for IV(a)."""
    return f"iccc3-{EDITION}.{code.replace('(', '').replace(')', '')}"


def cohort(door: Door, code: str, label: str, count: ReleasedCount, answer: ReleasedAnswer) -> Resource:
    """Group resource.

    Parameters
    ----------
    code, label
        ICCC-3 group and its name.
    count
        Its patients, made safe to stand beside the other groups.
    answer
        Answer that the count comes from.
    """
    group = coding(url_of_prefix()["ICCC3"], code, version=EDITION, display=label)
    return {
        "resourceType": "Group",
        "id": cohort_id(code),
        **({"meta": {"lastUpdated": changed}} if (changed := last_changed([answer])) else {}),
        "extension": [*statuses(answer), *notes(answer.notes)],
        "active": True,
        "type": "person",
        "actual": True,
        "code": {"coding": [group]},
        "name": f"{code} {label}",
        **count_element("quantity", count),
        "managingEntity": {"reference": f"Organization/{operator_id(door.gateway)}"},
        "characteristic": [
            {"code": {"coding": [DIAGNOSIS]}, "valueCodeableConcept": {"coding": [group]}, "exclude": False}
        ],
    }

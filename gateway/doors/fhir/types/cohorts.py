"""Group: a cohort for each main group and subgroup of ICCC-3, 2017 edition.

Two questions whatever is asked for, one by main group and one by subgroup: persons with tumours in two subgroups count
once in their main group, so one does not follow from the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.disclosure.released import ReleasedAnswer
from gateway.disclosure.together import nested
from gateway.doors.fhir.cohort import EDITION, cohort
from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.door import Door
from gateway.doors.fhir.export.wanted import OFFERED
from gateway.doors.fhir.held import HL7, codes, held_parameter, path, read_of, search_of, tokens
from gateway.doors.fhir.held import ID as HELD_ID
from gateway.doors.fhir.served import Operation, ServedType
from gateway.doors.fhir.wire.request import Asked
from gateway.model.query import CaseQuery, Unit
from terminology import Terminology

LEVELS = frozenset({"main", "sub"})


@dataclass(frozen=True, slots=True)
class _Groups:
    labels: Mapping[str, str]
    children: Mapping[str, tuple[str, ...]]


async def cohorts(door: Door, asked: Asked) -> Sequence[Resource]:
    """Every cohort, in the order of the classification."""
    groups = _groups(door.gateway.terminology)
    outer, inner = await tables(door, asked)
    counts = nested(outer, inner, groups.children)
    return [
        cohort(door, code, label, counts[code], outer if code in groups.children else inner)
        for code, label in groups.labels.items()
    ]


async def tables(door: Door, asked: Asked) -> Sequence[ReleasedAnswer]:
    """Patients by main group and by subgroup."""
    return await asyncio.gather(
        *(
            door.gateway.ask(CaseQuery(by=(dimension,), unit=Unit.PATIENTS), door.requester(asked))
            for dimension in ("iccc_main", "iccc_group")
        )
    )


def _groups(terminology: Terminology) -> _Groups:
    known = [group for group in terminology.groups(EDITION) if group.level in LEVELS]
    labels = {group.code: group.label for group in known}
    mains = [group.code for group in known if group.level == "main"]
    children = {main: tuple(group.code for group in known if group.parent == main) for main in mains}
    return _Groups(labels, children)


PARAMETERS = (
    held_parameter("code", "token", f"{HL7}/Group-code", tokens("code"), "ICCC-3 group."),
    held_parameter("characteristic", "token", f"{HL7}/Group-characteristic", tokens("characteristic", "code")),
    held_parameter("value", "token", f"{HL7}/Group-value", tokens("characteristic", "valueCodeableConcept")),
    held_parameter("type", "token", f"{HL7}/Group-type", codes("http://hl7.org/fhir/group-type", "type")),
    held_parameter("actual", "token", f"{HL7}/Group-actual", path("actual")),
)
EXPORT_OF_COHORT = Operation(
    "export",
    "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/group-export",
    levels=frozenset({"instance"}),
    documentation=OFFERED,
)
SERVED: tuple[ServedType, ...] = (
    ServedType(
        "Group",
        read=read_of(cohorts),
        search=search_of(cohorts, PARAMETERS, answers=tables),
        documentation=(
            f"The patients of each ICCC-3 main group and subgroup, edition {EDITION}; quantity is what the registries "
            "release, and members are not listed."
        ),
        parameters=tuple(parameter.declared for parameter in (HELD_ID, *PARAMETERS)),
        operations=(EXPORT_OF_COHORT,),
    ),
)

"""Faults that are planted in sound resources, and which judge must see each of them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.doors.fhir.definitions import examples

Json = dict[str, Any]

CONDITION = "Condition-registry.c1.json"
PATIENT = "Patient-registry.p1.json"
STAGE = "Observation-registry.c3-stage.json"
JUDGES = ("JSON schema", "XML schema", "fhir.resources", "our checker", "fhircraft", "medplum", "npm fhir")
"""In the order of the table in docs/doors/fhir-profiles.md."""


@dataclass(frozen=True)
class Fault:
    """A fault in an example, and the judges that see it."""

    example: str
    plant: Callable[[Json], object]
    seen_by: frozenset[str]

    def resource(self) -> Json:
        """The example with the fault."""
        resource = copy.deepcopy(dict(examples()[self.example]))
        self.plant(resource)
        return resource


def seen(*places: int) -> frozenset[str]:
    return frozenset(JUDGES[place] for place in places)


def _moved(resource: Json) -> None:
    resource["meta"] = resource.pop("meta")


FAULTS: Mapping[str, Fault] = {
    "required element missing (subject)": Fault(CONDITION, lambda r: r.pop("subject"), seen(0, 1, 2, 3, 4, 5, 6)),
    "category deleted": Fault(CONDITION, lambda r: r.pop("category"), seen(3, 4, 5)),
    "category of another code": Fault(
        CONDITION, lambda r: r["category"][0]["coding"][0].update(code="problem-list-item"), seen(3, 5)
    ),
    "histology extension twice": Fault(CONDITION, lambda r: r["extension"].append(r["extension"][0]), seen(3, 4, 5)),
    "unknown element": Fault(CONDITION, lambda r: r.update(colour="red"), seen(0, 1, 2, 3, 4, 5, 6)),
    "onsetDateTime and onsetString": Fault(CONDITION, lambda r: r.update(onsetString="long ago"), seen(1, 2, 3, 4)),
    "ICCC-3 code without its edition": Fault(CONDITION, lambda r: r["code"]["coding"][0].pop("version"), seen(3)),
    "basis of diagnosis outside its value set": Fault(
        CONDITION, lambda r: r["extension"][1]["valueCodeableConcept"]["coding"][0].update(code="77"), seen(3)
    ),
    "gender `Female`": Fault(PATIENT, lambda r: r.update(gender="Female"), seen(0, 1, 3, 6)),
    "a name": Fault(PATIENT, lambda r: r["name"][0].update(family="Doe"), seen(3, 4, 5)),
    "stage of another system under Toronto": Fault(
        STAGE, lambda r: r["valueCodeableConcept"]["coding"][0].update(code="inss:1"), seen(3)
    ),
    "wrong pattern (code)": Fault(STAGE, lambda r: r["code"]["coding"][0].update(code="C1"), seen(3, 4, 5)),
    "XML elements out of order": Fault(CONDITION, _moved, seen(1)),
}

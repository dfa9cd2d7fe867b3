"""Provenance of a released record: the registry, its snapshot, and what this gateway made of it (R4 provenance.html).

It is made only on request (`_revinclude=Provenance:target`): a record of a search never carries it unasked.
"""

from __future__ import annotations

from gateway.disclosure.released import ReleasedAnswer, ReleasedSource
from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.recordversions import instant_of
from gateway.doors.fhir.render.elements import coding, concept

ACTIVITY = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
AGENT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
ROLE = "source"


def provenance(target: str, source: ReleasedSource, answer: ReleasedAnswer) -> Resource:
    """Provenance of the record that a reference names."""
    registry = {"reference": f"Organization/{source.id}", "display": source.title}
    snapshot = {"identifier": {"value": source.snapshot}} if source.snapshot else {"display": "live source"}
    return {
        "resourceType": "Provenance",
        "target": [{"reference": target}],
        "recorded": instant_of(source.loaded_at) or answer.asked_at,
        "activity": concept([coding(ACTIVITY, "DERIVE")]),
        "agent": [
            {"type": concept([coding(AGENT, "custodian")]), "who": registry},
            {"type": concept([coding(AGENT, "assembler")]), "who": {"display": answer.gateway}},
        ],
        "entity": [{"role": ROLE, "what": snapshot}],
    }

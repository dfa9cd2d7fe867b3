"""Provenance of a released record: the registry, its snapshot, and what this gateway made of it (R4 provenance.html).

It is made only on request (`_revinclude=Provenance:target`): a record of a search never carries it unasked. It is not
served by itself, so that its fullUrl is a urn:uuid (bundle.html section 2.36.4); that hangs on the record and its
version alone, and is the same in every process.
"""

from __future__ import annotations

import uuid

from gateway.disclosure.released import ReleasedAnswer, ReleasedSource
from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.recordversions import instant_of
from gateway.doors.fhir.render.elements import coding, concept

ACTIVITY = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
AGENT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
ROLE = "source"


def provenance(target: str, source: ReleasedSource, answer: ReleasedAnswer, record: str) -> Resource:
    """Provenance of the record that a reference names.

    Parameters
    ----------
    record
        URL of the record, with its version if it has one; the id is made from it.
    """
    registry = {"reference": f"Organization/{source.id}", "display": source.title}
    snapshot = {"identifier": {"value": source.snapshot}} if source.snapshot else {"display": "live source"}
    return {
        "resourceType": "Provenance",
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{record}#provenance")),
        "target": [{"reference": target}],
        "recorded": instant_of(source.loaded_at) or answer.asked_at,
        "activity": concept([coding(ACTIVITY, "CREATE")]),
        "agent": [
            {"type": concept([coding(AGENT, "custodian")]), "who": registry},
            {"type": concept([coding(AGENT, "assembler")]), "who": {"display": answer.gateway}},
        ],
        "entity": [{"role": ROLE, "what": snapshot}],
    }


def provenance_entry(resource: Resource) -> Resource:
    """Entry of a Provenance that is included."""
    return {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource, "search": {"mode": "include"}}

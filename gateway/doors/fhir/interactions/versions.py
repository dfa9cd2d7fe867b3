"""versions: GET [base]/$versions (R5 capabilitystatement-operation-versions.html): the FHIR versions of this door."""

from __future__ import annotations

from gateway.doors.fhir.door import Door, Reply
from gateway.doors.fhir.interactions.read import OF_FORMAT, check_parameters
from gateway.doors.fhir.wire.request import Asked


async def versions(_door: Door, asked: Asked) -> Reply:
    """Parameters version and default."""
    check_parameters(asked, OF_FORMAT)
    parameters = [{"name": name, "valueString": "4.0"} for name in ("version", "default")]
    return Reply({"resourceType": "Parameters", "parameter": parameters})

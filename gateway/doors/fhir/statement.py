"""capabilities: GET [base]/metadata (R4 http.html section 3.1.0.11): exactly what this door does, from its tables."""

from __future__ import annotations

from gateway.doors.fhir.capability import statement_of
from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.door import Door, Reply
from gateway.doors.fhir.interactions.read import READ_PARAMETERS
from gateway.doors.fhir.terminology.capabilities import terminology_capabilities
from gateway.doors.fhir.types import SERVED
from gateway.doors.fhir.wire.request import Asked
from gateway.errors import Unsupported

MODES = frozenset({"full", "normative", "terminology"})
PARAMETERS = READ_PARAMETERS | {"mode"}


async def capabilities(door: Door, asked: Asked) -> Reply:
    """CapabilityStatement or TerminologyCapabilities of this door.

    Raises
    ------
    Unsupported
        A mode or parameter that is not served.
    """
    for name, value in asked.pairs:
        if name not in PARAMETERS and not asked.lenient:
            raise Unsupported("metadata has no such parameter", where=name, expected=", ".join(sorted(PARAMETERS)))
        if name == "mode" and value not in MODES:
            raise Unsupported(f"no mode {value!r} here", where=name, expected=", ".join(sorted(MODES)))
    if ("mode", "terminology") in asked.pairs:
        return Reply(terminology_capabilities(door))
    return Reply(statement(door))


def statement(door: Door) -> Resource:
    """CapabilityStatement as a dict."""
    return statement_of(door, SERVED.values())

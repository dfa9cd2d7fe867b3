"""Whether a client takes the files of an export (RFC 9110 section 12.5.1; FHIR Bulk Data Access 2.0.0, export.html).

A file has one form, so it negotiates by itself: the formats of resources do not hold for it.
"""

from __future__ import annotations

from gateway.doors.fhir.wire.formats import FHIR_VERSIONS

NDJSON = "application/fhir+ndjson"
CLOSENESS = {
    NDJSON: 3,
    "application/ndjson": 3,
    "application/x-ndjson": 3,
    "application/fhir+json": 2,
    "application/json": 2,
    "application/*": 1,
    "*/*": 0,
}
"""Ranges that take a file; the closest one decides. JSON is among them, for clients send it with every request."""


def takes_ndjson(accept: str) -> bool:
    """Whether an Accept header takes a file of resources a line; an empty one takes anything."""
    known = [found for part in accept.split(",") if (found := _read(part))]
    return not accept.strip() or max(known, default=(0, 0.0))[1] > 0


def _read(media_range: str) -> tuple[int, float] | None:
    """Closeness and quality of a range; None if it is of something else."""
    name, *parameters = (piece.strip().lower() for piece in media_range.split(";"))
    given = dict(piece.partition("=")[::2] for piece in parameters)
    if name not in CLOSENESS or given.get("fhirversion", "4.0") not in FHIR_VERSIONS:
        return None
    try:
        return CLOSENESS[name], float(given.get("q", "1"))
    except ValueError:
        return CLOSENESS[name], 0.0

"""Content negotiation and bytes (R4 http.html section 3.1.0.1.9): `_format` wins over Accept, JSON is the default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson
from starlette.exceptions import HTTPException

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.wire.xml import to_xml

FHIR_VERSIONS = frozenset({"4.0", "4.0.1"})


@dataclass(frozen=True, slots=True)
class Format:
    """A representation of resources."""

    name: str
    media_type: str
    write: Callable[[Resource], bytes]


def _pretty(resource: Resource) -> bytes:
    return orjson.dumps(resource, option=orjson.OPT_INDENT_2)


JSON = Format("json", "application/fhir+json; charset=utf-8", orjson.dumps)
PRETTY_JSON = Format("pretty", JSON.media_type, _pretty)
XML = Format("xml", "application/fhir+xml; charset=utf-8", to_xml)

FORMATS: Mapping[str, Format] = {
    "json": JSON,
    "application/json": JSON,
    "application/fhir+json": JSON,
    "text/json": JSON,
    "xml": XML,
    "application/xml": XML,
    "application/fhir+xml": XML,
    "text/xml": XML,
    "*/*": JSON,
    "application/*": JSON,
}


def negotiate(asked: str | None, accept: str | None) -> Format:
    """Format of the answer.

    Parameters
    ----------
    asked
        Value of `_format`; a blank in it is a plus sign that was not escaped.
    accept
        Value of the Accept header.

    Raises
    ------
    HTTPException
        406: nothing that was asked for can be had.
    """
    if asked is not None:
        media_type, semicolon, parameters = asked.partition(";")
        return _known([f"{media_type.strip().replace(' ', '+')}{semicolon}{parameters}"], "_format")
    ranges = [part for part in (accept or "*/*").split(",") if part.strip()]
    ordered = sorted(ranges, key=_quality, reverse=True)
    return _known([part for part in ordered if _quality(part) > 0], "Accept")


def _known(candidates: list[str], where: str) -> Format:
    for candidate in candidates:
        media_type = candidate.partition(";")[0].strip().lower()
        if media_type in FORMATS and has_version(candidate):
            return FORMATS[media_type]
    raise HTTPException(
        406, f"{where}: no such format; expected application/fhir+json or application/fhir+xml, FHIR 4.0"
    )


def has_version(media_type: str) -> bool:
    """Whether a media type names no other version of FHIR than ours (R4 versioning.html, mt-version)."""
    return parameter_of(media_type, "fhirversion") in (None, *FHIR_VERSIONS)


def parameter_of(media_type: str, name: str) -> str | None:
    """Parameter of a media type in small letters, without quotes; None where it is not there."""
    if ";" not in media_type:
        return None
    pairs = (piece.partition("=") for piece in media_type.lower().split(";")[1:])
    return next((value.strip(' \t"') for key, _, value in pairs if key.strip() == name), None)


def _quality(media_range: str) -> float:
    for piece in media_range.split(";")[1:]:
        name, _, value = piece.strip().partition("=")
        if name == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0

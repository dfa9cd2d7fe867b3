"""Bodies that hold a resource: JSON or XML by their media type, bounded in size and depth (R4 http.html 3.1.0.1.9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.wire.formats import has_version, parameter_of
from gateway.doors.fhir.wire.from_json import from_json
from gateway.doors.fhir.wire.from_xml import UTF_8, from_xml
from gateway.errors import BadQuestion

MOST_BODY_BYTES = 8_388_608
IDENTITY = "identity"
CHARSETS = (None, *UTF_8, "us-ascii")
"""Charsets that a body may name; ASCII is UTF-8."""
LARGE_BODY_BYTES = 65_536
"""A larger body is read beside the other requests."""


async def read_resource(request: Request, kind: str) -> Resource | None:
    """Resource of a type that a request brings, None where the body is empty.

    Raises
    ------
    BadQuestion
        The body cannot be read, or is another resource; `where` is its line, or the path of an element.
    HTTPException
        415: a body of another type, version of FHIR or charset, or a compressed one; 413: a body that is too large.
    """
    body = await read_bytes(request, MOST_BODY_BYTES)
    if not body:
        return None
    reader = READERS.get(media_type_of(request))
    if reader is None:
        raise HTTPException(
            415,
            f"content-type: no such format of a body; expected a {kind} as application/fhir+json or application/fhir+xml",
        )
    check_parameters(request)
    resource = await run_in_threadpool(reader, body) if len(body) > LARGE_BODY_BYTES else reader(body)
    if resource.get("resourceType") != kind:
        raise BadQuestion("the body is another resource", where="body", expected=f"a {kind}")
    return resource


async def read_bytes(request: Request, most: int) -> bytes:
    """Body of a request.

    Raises
    ------
    HTTPException
        413: it is larger than `most` bytes; 415: it is compressed; 400: the client left before it was whole.
    """
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", IDENTITY):
        text = "content-encoding: a body is read as it is; expected a body that is not compressed"
        raise HTTPException(415, text, {"Accept-Encoding": IDENTITY})
    found = bytearray()
    try:
        async for chunk in request.stream():
            found += chunk
            if len(found) > most:
                raise HTTPException(413, f"the body is larger than {most} bytes")
    except ClientDisconnect:
        # Nobody reads this answer; it keeps a connection that broke off from being told as a fault.
        raise HTTPException(400, "the body broke off") from None
    return bytes(found)


def check_parameters(request: Request) -> None:
    """Refuse a body whose media type names another version of FHIR, or a charset that is not read.

    Raises
    ------
    HTTPException
        415.
    """
    written = request.headers.get("content-type", "")
    if not has_version(written):
        raise HTTPException(415, "content-type: this version of FHIR is not read; expected fhirVersion=4.0, or none")
    if parameter_of(written, "charset") not in CHARSETS:
        raise HTTPException(415, "content-type: this charset is not read; expected charset=utf-8, or none")


def media_type_of(request: Request) -> str:
    """Media type of the body, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


READERS: Mapping[str, Callable[[bytes], Resource]] = {
    "application/fhir+json": from_json,
    "application/json": from_json,
    "text/json": from_json,
    "application/json+fhir": from_json,
    "application/fhir+xml": from_xml,
    "application/xml": from_xml,
    "text/xml": from_xml,
    "application/xml+fhir": from_xml,
}

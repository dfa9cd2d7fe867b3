"""The one place where an answer of this door becomes bytes, or 304 where the client has it already."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.wire.conditional import CONDITIONAL, failed_condition, is_unchanged, validators
from gateway.doors.fhir.wire.formats import Format


def respond(
    request: Request, resource: Resource, written: Format, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Response with a resource as its body; HEAD has the headers of GET and no body.

    Raises
    ------
    HTTPException
        412: the client wants what was there before.
    """
    headers = headers or {}
    conditional = status == 200 and request.method in CONDITIONAL
    body = b"" if conditional and "ETag" in headers else written.write(resource)
    if conditional:
        headers = validators(body, headers)
        if short := _short(request, headers):
            return short
    return _sent(request, body or written.write(resource), written.media_type, status, headers)


def respond_bytes(request: Request, body: bytes, media_type: str, status: int) -> Response:
    """Response with a body that is written already; 412 as for a resource."""
    headers: dict[str, str] = {}
    if status == 200 and request.method in CONDITIONAL:
        headers = validators(body, headers)
        if short := _short(request, headers):
            return short
    return _sent(request, body, media_type, status, headers)


def sent_again(request: Request, known: Response) -> Response:
    """Response that was sent before, as this request gets it."""
    if is_unchanged(request.headers, known.headers):
        kept = {name: value for name, value in known.headers.items() if not name.startswith("content-")}
        return Response(None, 304, kept)
    if request.method == "HEAD":
        return _sent(request, bytes(known.body), known.media_type or "", known.status_code, dict(known.headers))
    return known


def _short(request: Request, headers: Mapping[str, str]) -> Response | None:
    """Response without the resource: 304 where the client has it, refused where it wants what was there before."""
    failed = failed_condition(request.headers, headers)
    if failed:
        raise HTTPException(412, f"{failed}: this is not there any more; expected the ETag or time of the last answer")
    return Response(None, 304, headers) if is_unchanged(request.headers, headers) else None


def _sent(request: Request, body: bytes, media_type: str, status: int, headers: dict[str, str]) -> Response:
    response = Response(body, status, headers, media_type=media_type)
    if request.method == "HEAD":
        response.body = b""
    return response

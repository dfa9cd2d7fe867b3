"""Every error in the Beacon error form (Beacon v2.1.1 framework, responses/beaconErrorResponse.json)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.doors.beacon.render import Beacon, error_body
from gateway.errors import IccdError

LOG = logging.getLogger(__name__)

STATUS_OF_CATEGORY = {
    "incorrect": 400,
    "too-costly": 400,
    "unsupported": 400,
    "forbidden": 403,
    "not-found": 404,
    "expired": 410,
    "settings": 500,
    "source": 502,
    "unavailable": 503,
    "fault": 500,
}
EXPECTED = {
    404: "no such endpoint here; see /beacon/map",
    405: "this method is not served here; GET, or POST on /individuals and /datasets",
}

Handler = Callable[[Request, Exception], Awaitable[Response]]


def error_handlers(beacon: Beacon) -> dict[type[Exception], Handler]:
    """Handlers of the door's application, by kind of error."""

    def respond(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
        body = error_body(beacon, status, message)
        return Response(body, status_code=status, media_type="application/json", headers=headers)

    async def on_iccd_error(_: Request, error: Exception) -> Response:
        if not isinstance(error, IccdError):
            raise error
        said = f"{error.place}: {error.reason}" if error.place else error.reason
        return respond(STATUS_OF_CATEGORY[error.category], said)

    async def on_http_error(_: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            return respond(500, "internal error")
        headers = dict(error.headers) if error.headers else None
        return respond(error.status_code, EXPECTED.get(error.status_code, error.detail), headers)

    async def on_fault(_: Request, error: Exception) -> Response:
        LOG.error("fault in the Beacon door: %s", type(error).__name__)
        return respond(500, "internal error; it has been logged")

    return {IccdError: on_iccd_error, HTTPException: on_http_error, Exception: on_fault}

"""Errors of the statistics door as RFC 9457 problem documents: what, where, what was expected."""

from __future__ import annotations

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import IccdError

STATUS = {
    "incorrect": 400,
    "unsupported": 400,
    "too-costly": 422,
    "not-found": 404,
    "expired": 410,
    "forbidden": 403,
    "unavailable": 503,
    "source": 502,
    "settings": 500,
    "fault": 500,
}


def problem(status: int, title: str, *, where: str | None = None, expected: str | None = None) -> Response:
    """One problem document."""
    body = {"status": status, "title": title, "where": where, "expected": expected}
    return Response(orjson.dumps(body), status, media_type="application/problem+json")


def on_iccd_error(_: Request, error: Exception) -> Response:
    """Any error of the tree, by its category."""
    if not isinstance(error, IccdError):
        raise error
    return problem(STATUS[error.category], error.message, where=error.place, expected=error.expected)


def on_http_error(request: Request, error: Exception) -> Response:
    """Unknown path or method."""
    if not isinstance(error, HTTPException):
        raise error
    expected = "GET or POST /statistics/counts" if error.status_code in {404, 405} else None
    response = problem(error.status_code, str(error.detail), where=request.url.path, expected=expected)
    response.headers.update(error.headers or {})
    return response


def on_fault(_: Request, __: Exception) -> Response:
    """A fault of ours: no trace, no values."""
    return problem(500, "internal fault; the log has the request id")

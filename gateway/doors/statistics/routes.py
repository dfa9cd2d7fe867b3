"""GET and POST /statistics/counts."""

from __future__ import annotations

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.access.requester import ANONYMOUS
from gateway.doors.statistics.parse import parse_json, parse_text
from gateway.doors.statistics.problem import on_fault, on_http_error, on_iccd_error
from gateway.doors.statistics.render import render_counts
from gateway.errors import BadQuestion, IccdError
from gateway.federation.gateway import Gateway
from gateway.model.query import CaseQuery

MAX_QUERY_BYTES = 8192
MAX_BODY_BYTES = 1_000_000


def create(gateway: Gateway) -> Starlette:
    """Application of this door."""

    async def counts(request: Request) -> Response:
        question = await _question(request)
        answer = await gateway.ask(question, ANONYMOUS)
        return Response(render_counts(answer), media_type="application/json")

    return Starlette(
        routes=[Route("/counts", counts, methods=["GET", "POST"])],
        exception_handlers={IccdError: on_iccd_error, HTTPException: on_http_error, Exception: on_fault},
    )


async def _question(request: Request) -> CaseQuery:
    if request.method == "POST":
        return parse_json(_json(await _body(request)))
    raw = request.scope["query_string"]
    if len(raw) > MAX_QUERY_BYTES:
        raise BadQuestion("the question is too long", where="query", expected=f"{MAX_QUERY_BYTES} bytes, or POST")
    return parse_text(raw.decode("latin-1"))


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, f"the body is longer than {MAX_BODY_BYTES} bytes")
    return bytes(body)


def _json(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadQuestion(f"the body is not JSON: {error}", where="body", expected="a JSON object") from error

"""Routes of the operations: GET with plain parameters, POST with Parameters; type and instance (R4 operations.html)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.door import Door
from gateway.doors.fhir.formats import Format
from gateway.doors.fhir.parse import Pairs
from gateway.doors.fhir.request import format_of, pairs_of
from gateway.doors.fhir.terminology.issues import Refused
from gateway.doors.fhir.terminology.options import MOST_PARAMETERS, Given
from gateway.doors.fhir.terminology.service import OPERATIONS, call
from gateway.doors.fhir.terminology.shapes import check
from gateway.errors import BadQuestion

MOST_BODY_BYTES = 8_388_608
BODIES = frozenset({"application/fhir+json", "application/json"})
OF_FORMAT = frozenset({"_format", "_pretty"})

Endpoint = Callable[[Request], Awaitable[Response]]


def operation_routes(door: Door) -> list[Route]:
    """Routes of every operation, at the type and at an instance."""
    found = []
    for kind, name in OPERATIONS:
        endpoint = _endpoint(door, kind, name)
        found.append(Route(f"/{kind}/${name}", endpoint, methods=["GET", "POST"]))
        found.append(Route(f"/{kind}/{{id}}/${name}", endpoint, methods=["GET", "POST"]))
    return found


def _endpoint(door: Door, kind: str, name: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        pairs = pairs_of(request.scope["query_string"])
        written = format_of(request, pairs)
        body = await _body(request) if request.method == "POST" else {}

        def answer() -> tuple[int, Resource]:
            given = _given(pairs, body, request.headers.get("accept-language", ""))
            try:
                asked = call(door.gateway.terminology, given, request.path_params.get("id", ""))
                return 200, OPERATIONS[kind, name](asked)
            except Refused as error:
                return error.status, error.resource()

        status, resource = await run_in_threadpool(answer)
        return _respond(request, resource, written, status)

    return endpoint


def _respond(request: Request, resource: Resource, written: Format, status: int) -> Response:
    response = Response(written.write(resource), status, media_type=written.media_type)
    if request.method == "HEAD":
        response.body = b""
    return response


def _given(pairs: Pairs, body: Resource, accept_language: str) -> Given:
    plain = [{"name": name, "valueString": value} for name, value in pairs if name not in OF_FORMAT]
    parameters = (*plain, *body.get("parameter", []))
    if len(parameters) > MOST_PARAMETERS:
        raise BadQuestion("too many parameters", where="Parameters", expected=f"at most {MOST_PARAMETERS}")
    return Given(parameters, accept_language)


async def _body(request: Request) -> Resource:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > MOST_BODY_BYTES:
            raise HTTPException(413, f"the body is larger than {MOST_BODY_BYTES} bytes")
    if not found:
        return {}
    if media_type not in BODIES:
        raise HTTPException(415, "the body of an operation is Parameters as application/fhir+json")
    try:
        resource = orjson.loads(found)
    except orjson.JSONDecodeError as error:
        raise BadQuestion("the body is no JSON", where="Parameters", expected="a Parameters resource") from error
    if not isinstance(resource, dict) or resource.get("resourceType") != "Parameters":
        raise BadQuestion("the body is no Parameters", where="Parameters", expected="a Parameters resource")
    check(resource)
    return resource

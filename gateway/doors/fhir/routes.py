"""Routes of the door, and the one place where an answer or an error becomes bytes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.door import Door, open_door
from gateway.doors.fhir.export.routes import export_routes
from gateway.doors.fhir.formats import JSON, Format
from gateway.doors.fhir.interactions.versions import versions
from gateway.doors.fhir.outcome import of_error, of_status
from gateway.doors.fhir.request import format_of, pairs_of, read_request
from gateway.doors.fhir.served import Interaction, ServedType
from gateway.doors.fhir.statement import capabilities
from gateway.doors.fhir.terminology.routes import operation_routes
from gateway.doors.fhir.types import SERVED
from gateway.errors import BadQuestion, IccdError
from gateway.federation.gateway import Gateway

Endpoint = Callable[[Request], Awaitable[Response]]


def create(gateway: Gateway) -> Starlette:
    """FHIR door of a gateway, to be mounted at /fhir."""
    door = open_door(gateway)
    return Starlette(
        routes=[
            Route("/metadata", _endpoint(door, capabilities), methods=["GET"]),
            *operation_routes(door),
            *export_routes(door),
            Route("/$versions", _endpoint(door, versions), methods=["GET"]),
            *(route for served in SERVED.values() for route in _routes_of(door, served)),
        ],
        exception_handlers={
            IccdError: _on_error,
            HTTPException: _on_http_error,
            Exception: _on_fault,
        },
    )


def _routes_of(door: Door, served: ServedType) -> list[Route]:
    """Routes of one type; operations before reads, so that a `$name` is never taken for an id."""
    name = served.name
    levels = {"system": "", "type": f"/{name}", "instance": f"/{name}/{{id}}"}
    found = [
        Route(
            f"{levels[level]}/${operation.name}",
            _endpoint(door, operation.answer, name, operation=True),
            methods=operation.methods,
        )
        for operation in served.operations
        if operation.answer
        for level in sorted(operation.levels)
    ]
    if served.not_created:
        found.append(Route(f"/{name}", _refusal(served.not_created), methods=["POST"]))
    if served.search:
        found.append(Route(f"/{name}", _endpoint(door, served.search, name), methods=["GET"]))
        found.append(Route(f"/{name}/_search", _endpoint(door, served.search, name), methods=["POST"]))
    if served.read:
        found.append(Route(f"/{name}/{{id}}", _endpoint(door, served.read, name), methods=["GET"]))
    if served.vread:
        path = f"/{name}/{{id}}/_history/{{version}}"
        found.append(Route(path, _endpoint(door, served.vread, name), methods=["GET"]))
    return found


def _refusal(text: str) -> Endpoint:
    async def endpoint(_: Request) -> Response:
        raise HTTPException(405, text, {"Allow": "GET, HEAD"})

    return endpoint


def _endpoint(door: Door, interaction: Interaction, resource: str = "", *, operation: bool = False) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        asked = await read_request(request, resource, operation=operation)
        reply = await interaction(door, asked)
        return _respond(request, reply.resource, asked.format, reply.status, reply.headers)

    return endpoint


def _respond(
    request: Request, resource: Resource, written: Format, status: int, headers: dict[str, str] | None = None
) -> Response:
    body = written.write(resource)
    response = Response(body, status, headers, media_type=written.media_type)
    if request.method == "HEAD":
        response.body = b""
    return response


def _asked_format(request: Request) -> Format:
    """Format of an error: as asked where that can be read, else by Accept, else JSON."""
    try:
        pairs = pairs_of(request.scope["query_string"])
    except BadQuestion:
        pairs = ()
    try:
        return format_of(request, pairs)
    except HTTPException:
        return JSON


async def _on_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, IccdError):
        raise error
    status, resource = of_error(error)
    return _respond(request, resource, _asked_format(request), status)


async def _on_http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    resource = of_status(error.status_code, error.detail)
    return _respond(request, resource, _asked_format(request), error.status_code, dict(error.headers or {}))


async def _on_fault(request: Request, _: Exception) -> Response:
    return _respond(request, of_status(500, "the gateway could not answer this request"), _asked_format(request), 500)

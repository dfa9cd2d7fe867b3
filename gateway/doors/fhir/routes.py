"""Routes of the door, and the form that errors take."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.doors.fhir.batch import batch_endpoint
from gateway.doors.fhir.door import Door, Reply, open_door
from gateway.doors.fhir.export.routes import export_routes
from gateway.doors.fhir.interactions.versions import versions
from gateway.doors.fhir.search.parameters import SEARCHABLE
from gateway.doors.fhir.search.shape import check_shape, shaped
from gateway.doors.fhir.served import Interaction, ServedType
from gateway.doors.fhir.statement import capabilities
from gateway.doors.fhir.terminology.routes import operation_routes
from gateway.doors.fhir.types import SERVED
from gateway.doors.fhir.wire.formats import JSON, Format
from gateway.doors.fhir.wire.outcome import of_error, of_status
from gateway.doors.fhir.wire.repeats import SentAgain, Snapshots
from gateway.doors.fhir.wire.request import Asked, format_of, pairs_of, read_request
from gateway.doors.fhir.wire.respond import respond
from gateway.errors import BadQuestion, IccdError, NotFound, SourceUnavailable
from gateway.federation.gateway import RENEWALS, Gateway

Endpoint = Callable[[Request], Awaitable[Response]]
LARGE_TYPES = frozenset({"CodeSystem", "ValueSet", "ConceptMap", "MeasureReport"})
"""Types whose resources may take long to write, which is done beside the other requests."""


def create(gateway: Gateway) -> Starlette:
    """FHIR door of a gateway, to be mounted at /fhir."""
    door = open_door(gateway)
    application = Starlette(
        middleware=[Middleware(WithoutTrailingSlash), Middleware(SentAgain, door.repeats)],
        routes=[
            # Routes are tried in their order: what is asked most comes first.
            *(
                Route(f"/{name}", _endpoint(door, served.search, name), methods=["GET"])
                for name, served in SERVED.items()
                if served.search and name in SEARCHABLE
            ),
            Route("/metadata", _endpoint(door, capabilities), methods=["GET"]),
            Route("/", batch_endpoint(door), methods=["POST"]),
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
    application.router.redirect_slashes = False
    return application


class WithoutTrailingSlash:
    """Takes `Condition/` for `Condition`, as clients write it; a redirect would be an answer without an outcome."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as without the slash."""
        if scope["type"] == "http" and scope["path"].endswith("/"):
            path = scope["path"].rstrip("/")
            root = scope.get("root_path", "")
            scope = {**scope, "path": f"{root}/" if path == root.rstrip("/") else path}
        await self._app(scope, receive, send)


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
    found += [
        Route(f"/{name}{place}/${{operation}}", _no_operation(served), methods=["GET", "POST"])
        for place in ("", "/{id}")
    ]
    if served.not_created:
        found.append(Route(f"/{name}", _refusal(served.not_created), methods=["POST"]))
    if served.search:
        if name not in SEARCHABLE:
            found.append(Route(f"/{name}", _endpoint(door, served.search, name), methods=["GET"]))
        found.append(Route(f"/{name}/_search", _endpoint(door, served.search, name), methods=["POST"]))
    if served.read:
        found.append(Route(f"/{name}/{{id}}", _endpoint(door, served.read, name), methods=["GET"]))
    if served.vread:
        path = f"/{name}/{{id}}/_history/{{version}}"
        found.append(Route(path, _endpoint(door, served.vread, name), methods=["GET"]))
    return found


def _no_operation(served: ServedType) -> Endpoint:
    """Endpoint of operations that a type does not have at this place."""

    async def endpoint(request: Request) -> Response:
        name = request.path_params["operation"]
        place = f"an instance of {served.name}" if "id" in request.path_params else served.name
        elsewhere = [
            f"{served.name}/[id]/${name}" if level == "instance" else f"{served.name}/${name}"
            for operation in served.operations
            if operation.name == name
            for level in sorted(operation.levels)
        ]
        expected = " or ".join(elsewhere) or "an operation that metadata lists"
        raise NotFound(f"{place} has no such operation", where=f"${name}", expected=expected)

    return endpoint


def _refusal(text: str) -> Endpoint:
    async def endpoint(_: Request) -> Response:
        raise HTTPException(405, text, {"Allow": "GET, HEAD"})

    return endpoint


def _endpoint(door: Door, interaction: Interaction, resource: str = "", *, operation: bool = False) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        asked = await read_request(request, resource, operation=operation)
        if resource and not operation:
            check_shape(asked.shape, resource)
        reply, snapshots = await _of_one_moment(door, interaction, asked)
        shape = shaped(reply.resource, asked.shape)
        if reply.resource["resourceType"] in LARGE_TYPES:
            written = run_in_threadpool(respond, request, shape, asked.format, reply.status, reply.headers)
            response = await written
        else:
            response = respond(request, shape, asked.format, reply.status, reply.headers)
        return door.repeats.put(request, response, snapshots) if reply.lasting else response

    return endpoint


async def _of_one_moment(door: Door, interaction: Interaction, asked: Asked) -> tuple[Reply, Snapshots]:
    """Reply of which every part comes from the same snapshots, and those.

    Raises
    ------
    SourceUnavailable
        Data was renewed each time.
    """
    for _ in range(RENEWALS):
        snapshots = door.repeats.snapshots()
        reply = await interaction(door, asked)
        if snapshots == door.repeats.snapshots():
            return reply, snapshots
    raise SourceUnavailable("the data is being renewed all the time", where="path", expected="the same request later")


def _asked_format(request: Request) -> Format:
    """Format of an error: as asked where that can be read, else by Accept, else JSON."""
    try:
        pairs = pairs_of(request.scope["query_string"])
    except BadQuestion:
        pairs = ()
    for given in (pairs, ()):
        try:
            return format_of(request, given)
        except HTTPException:
            continue
    return JSON


async def _on_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, IccdError):
        raise error
    status, resource = of_error(error)
    return respond(request, resource, _asked_format(request), status)


async def _on_http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    resource = of_status(error.status_code, error.detail)
    return respond(request, resource, _asked_format(request), error.status_code, dict(error.headers or {}))


async def _on_fault(request: Request, _: Exception) -> Response:
    return respond(request, of_status(500, "the gateway could not answer this request"), _asked_format(request), 500)

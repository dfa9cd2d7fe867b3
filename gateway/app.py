"""The web application: one gateway behind its front doors. No logic of its own; a new door is one line here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path

import orjson
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway import __version__
from gateway.disclosure.records import prepare_groups
from gateway.federation.gateway import Gateway
from gateway.federation.opening import open_gateway

DOORS: Mapping[str, str] = {
    "/statistics": "gateway.doors.statistics",
    "/fhir": "gateway.doors.fhir",
    "/beacon": "gateway.doors.beacon",
}

STARTS: Mapping[str, str] = {
    "statistics": "/statistics/counts",
    "fhir": "/fhir/metadata",
    "beacon": "/beacon/info",
}
"""Where to begin at each door."""


SHOWN_HEADERS = ("Content-Location", "ETag", "Last-Modified", "Retry-After", "X-Progress")
"""Headers of answers that a page of another origin may read, beside those that every page may."""


class Cors(CORSMiddleware):
    """Lets pages of the named origins ask from a browser (Fetch standard, CORS protocol), without credentials.

    Others are answered without a header that allows it, so that their browser refuses.
    """

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        super().__init__(
            app,
            origins,
            allow_methods=("GET", "HEAD", "POST", "DELETE"),
            allow_headers=("*",),
            expose_headers=SHOWN_HEADERS,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer to the question of a browser whether it may ask."""
        found = super().preflight_response(request_headers)
        return Response(None, 204, {"Vary": found.headers["Vary"]}) if found.status_code >= 400 else found


class Application(FastAPI):
    """The framework's application, which gives a request for a door to the door at once.

    A door has its own errors and limits, so the layers around it would only do everything twice.
    """

    doors: Mapping[str, ASGIApp]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        found = self._door(scope)
        if found is None:
            await super().__call__(scope, receive, send)
        else:
            prefix, door = found
            await door({**scope, "root_path": prefix, "app_root_path": ""}, receive, send)

    def _door(self, scope: Scope) -> tuple[str, ASGIApp] | None:
        if scope["type"] != "http" or scope.get("root_path"):
            return None
        first, slash, _ = scope["path"][1:].partition("/")
        door = self.doors.get(f"/{first}") if slash else None
        return None if door is None else (f"/{first}", door)


def create_app(gateway: Gateway) -> Application:
    """Application over an open gateway; closes it when the server stops."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        gateway.close()

    app = Application(title=gateway.title, version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)

    @app.get("/health/live", include_in_schema=False)
    async def live() -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    @app.get("/", include_in_schema=False)
    async def doors() -> Response:
        links = {name: f"{gateway.public_url}{path}" for name, path in STARTS.items()}
        body = orjson.dumps({"id": gateway.id, "title": gateway.title, "version": __version__, "doors": links})
        return Response(body, media_type="application/json")

    doors_alone = {prefix: door(module)(gateway) for prefix, module in DOORS.items()}
    app.doors = {
        prefix: Cors(alone, gateway.origins) if gateway.origins else alone for prefix, alone in doors_alone.items()
    }
    for prefix, application in app.doors.items():
        app.router.routes.append(Route(prefix, AtRoot(application, prefix)))
        app.mount(prefix, application)
    return app


class AtRoot:
    """A door at its prefix without the slash that a mount wants: no redirect, which a POST may not survive."""

    def __init__(self, application: ASGIApp, prefix: str) -> None:
        self._application = application
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as at the prefix with a slash."""
        root = scope.get("root_path", "") + self._prefix
        await self._application({**scope, "root_path": root, "path": f"{root}/"}, receive, send)


def door(module: str) -> Callable[[Gateway], ASGIApp]:
    """Factory of a door's application."""
    create: Callable[[Gateway], ASGIApp] = import_module(module).create
    return create


def from_settings(path: Path) -> Application:
    """Application of a settings file, ready for its first question."""
    gateway = open_gateway(path)
    prepare_groups(gateway.terminology)
    return create_app(gateway)

"""A plain client over an application in the same process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
from starlette.types import ASGIApp

from tests.doors.fhir.registries import PUBLIC_URL

Json = dict[str, Any]


class Client:
    """GET and POST without a server; a fault of the application fails the test unless `quiet`."""

    def __init__(self, app: ASGIApp, mount: str = "", *, quiet: bool = False) -> None:
        self._app = app
        self._mount = mount
        self._quiet = quiet

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        return asyncio.run(self._request(method, self._mount + path, **more))

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def json(self, path: str, status: int = 200, **more: Any) -> Json:
        """Body of a GET, whose status must be this one."""
        answer = self.get(path, **more)
        assert answer.status_code == status, answer.text
        body: Json = answer.json()
        return body

    def follow(self, link: str) -> Json:
        """Page behind a link of the door."""
        assert link.startswith(f"{PUBLIC_URL}/fhir/"), link
        parts = urlsplit(link)
        return self.json(f"{parts.path.removeprefix('/fhir')}?{parts.query}")

    def pages(self, path: str) -> Iterator[Json]:
        """All pages of a search."""
        page = self.json(path)
        yield page
        while link := link_of(page, "next"):
            page = self.follow(link)
            yield page

    async def _request(self, method: str, url: str, **more: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=not self._quiet)
        async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
            return await client.request(method, url, **more)


def link_of(bundle: Json, relation: str) -> str | None:
    return next((link["url"] for link in bundle["link"] if link["relation"] == relation), None)


def matches(bundle: Json) -> list[Json]:
    return [entry["resource"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == "match"]


def issues(bundle: Json) -> list[Json]:
    """Issues of a Bundle's outcome entries, or of an OperationOutcome."""
    if bundle["resourceType"] == "OperationOutcome":
        return list(bundle["issue"])
    outcomes = [entry["resource"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == "outcome"]
    return [issue for outcome in outcomes for issue in outcome["issue"]]


def bounds(bundle: Json) -> tuple[int, int | None]:
    """Total of a search set as low and high, exact or from our extension."""
    if "total" in bundle:
        return bundle["total"], bundle["total"]
    parts = {part["url"]: part for part in bundle["_total"]["extension"][0]["extension"]}
    return parts["low"]["valueUnsignedInt"], parts["high"]["valueUnsignedInt"] if "high" in parts else None

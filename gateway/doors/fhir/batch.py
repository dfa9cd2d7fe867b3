"""batch: POST [base] with a Bundle (R4 http.html section 3.1.0.11): each entry is answered as if it were asked alone.

Every entry goes through the same routes, so what may be released is judged for each of them. Nothing is written here:
a transaction is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Scope

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.door import Door
from gateway.doors.fhir.wire.bodies import read_resource
from gateway.doors.fhir.wire.conditional import http_date, instant
from gateway.doors.fhir.wire.formats import JSON, XML, Format
from gateway.doors.fhir.wire.outcome import of_error
from gateway.doors.fhir.wire.request import format_of, pairs_of
from gateway.doors.fhir.wire.respond import respond
from gateway.doors.fhir.wire.xml import HEAD, Markup
from gateway.errors import BadQuestion, IccdError, TooCostly, Unsupported

MOST_ENTRIES = 100
AT_ONCE = 8
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH")
"""Methods of an entry; those that would write are 405 at their path, as they are outside a batch."""
OWN_HEADERS = frozenset(
    {
        b"accept",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"transfer-encoding",
        b"if-none-match",
        b"if-modified-since",
        b"if-match",
        b"if-unmodified-since",
    }
)
"""Headers of the batch that are not those of its entries; an entry says its own."""
HEADERS_OF_ENTRY = {"ifNoneMatch": b"if-none-match", "ifModifiedSince": b"if-modified-since", "ifMatch": b"if-match"}
"""Headers that an entry says, by their elements."""
ASYNCHRONOUS = frozenset({"$export", "$export-status", "$export-file"})
"""Answers that are no resource, or not there yet."""
OF_FORMAT = frozenset({"_format", "_pretty"})

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Call:
    """One entry as a request of its own."""

    method: str
    path: str
    query: bytes
    headers: Mapping[bytes, bytes]
    body: bytes = b""


@dataclass(slots=True)
class Answer:
    """What the routes answered; filled as it is sent."""

    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)


def batch_endpoint(door: Door) -> Endpoint:
    """Endpoint at the root of the door."""

    async def endpoint(request: Request) -> Response:
        written = format_of(request, pairs_of(request.scope["query_string"]))
        entries = entries_of(await read_resource(request, "Bundle"))
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(number: int, entry: Resource) -> Resource:
            async with gate:
                return await _answer(door, request, entry, f"Bundle.entry[{number}].request", written)

        answers = await asyncio.gather(*(one(number, entry) for number, entry in enumerate(entries)))
        bundle: Resource = {"resourceType": "Bundle", "type": "batch-response"}
        return respond(request, {**bundle, "entry": list(answers)} if answers else bundle, written)

    return endpoint


def entries_of(bundle: Resource | None) -> list[Resource]:
    """Entries of a batch.

    Raises
    ------
    BadQuestion
        No Bundle of a batch.
    Unsupported
        A Bundle of another type.
    TooCostly
        More entries than the limit.
    """
    if bundle is None:
        raise BadQuestion("there is no body", where="body", expected="a Bundle of type batch")
    if bundle.get("type") == "transaction":
        raise Unsupported("nothing is written here", where="Bundle.type", expected="a batch of reads and searches")
    if bundle.get("type") != "batch":
        raise BadQuestion("this Bundle asks nothing", where="Bundle.type", expected="batch")
    entries: list[Resource] = bundle.get("entry", [])
    if len(entries) > MOST_ENTRIES:
        raise TooCostly(
            f"the batch has {len(entries)} entries", where="Bundle.entry", expected=f"at most {MOST_ENTRIES}"
        )
    return entries


def call_of(entry: Resource, base: str, place: str) -> Call:
    """One entry, read.

    Parameters
    ----------
    base
        URL of the door; a url that starts otherwise is of another server.
    place
        Path of its request, for errors.

    Raises
    ------
    BadQuestion, Unsupported
        It cannot be asked alone; `where` is the element.
    """
    request = entry.get("request")
    if request is None:
        raise BadQuestion("this entry asks nothing", where=place, expected="method and url")
    method = request.get("method", "")
    if method not in METHODS:
        raise BadQuestion("there is no such method", where=f"{place}.method", expected=" or ".join(METHODS))
    path, query = _address(request.get("url", ""), base, f"{place}.url")
    body = orjson.dumps(entry["resource"]) if method == "POST" and entry.get("resource") else b""
    return Call(method, path, query, _headers(request, place), body)


def _address(url: str, base: str, place: str) -> tuple[str, bytes]:
    relative = url.removeprefix(base) if url == base or url.startswith((f"{base}/", f"{base}?")) else url
    expected = f"[type], [type]/[id] or [type]?..., with or without {base}/ before it"
    try:
        parts = urlsplit(relative)
    except ValueError as error:
        raise BadQuestion("this is no URL", where=place, expected=expected) from error
    path = parts.path.strip("/")
    if parts.scheme or parts.netloc:
        raise BadQuestion("this URL is of another server", where=place, expected=expected)
    if not path:
        raise BadQuestion("a batch within a batch is refused", where=place, expected=expected)
    asynchronous = ASYNCHRONOUS.intersection(unquote(path, errors="replace").split("/"))
    if asynchronous:
        expected = "the same request outside a batch"
        raise Unsupported(f"{min(asynchronous)} is asynchronous", where=place, expected=expected)
    kept = [part for part in parts.query.split("&") if part and part.partition("=")[0] not in OF_FORMAT]
    return path, "&".join(kept).encode("utf-8", "surrogatepass")


def _headers(request: Resource, place: str) -> dict[bytes, bytes]:
    found = {}
    for name, header in HEADERS_OF_ENTRY.items():
        if value := request.get(name):
            text = _http_date(value, f"{place}.{name}") if name == "ifModifiedSince" else value
            if not text.isascii() or not text.isprintable():
                raise BadQuestion("this cannot stand in a header", where=f"{place}.{name}", expected="plain characters")
            found[header] = text.encode()
    return found


def _http_date(moment: str, place: str) -> str:
    try:
        return http_date(moment)
    except (ValueError, OverflowError) as error:
        raise BadQuestion("this is no instant", where=place, expected="YYYY-MM-DDThh:mm:ssZ") from error


async def _answer(door: Door, request: Request, entry: Resource, place: str, written: Format) -> Resource:
    try:
        call = call_of(entry, door.base, place)
    except IccdError as error:
        status, resource = of_error(error)
        return {"response": {"status": _status(status), "outcome": resource}}
    answer = await _dispatch(request.app, request.scope, call, written)
    return _entry(answer, written)


async def _dispatch(app: ASGIApp, scope: Scope, call: Call, written: Format) -> Answer:
    """Answer of the door's own routes."""
    root = scope.get("root_path", "")
    path = f"{root}/{unquote(call.path, errors='replace')}"
    kept = [(name, value) for name, value in scope["headers"] if name not in OWN_HEADERS]
    own = [(b"accept", written.media_type.encode()), (b"content-type", JSON.media_type.encode()), *call.headers.items()]
    inner = {
        "type": "http",
        "asgi": scope["asgi"],
        "http_version": scope["http_version"],
        "scheme": scope["scheme"],
        "server": scope.get("server"),
        "client": scope.get("client"),
        "root_path": root,
        "method": call.method,
        "path": path,
        "raw_path": f"{root}/{call.path}".encode("utf-8", "surrogatepass"),
        "query_string": call.query,
        "headers": [*kept, *own],
    }
    answer = Answer()

    async def receive() -> Message:
        return {"type": "http.request", "body": call.body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    await app(inner, receive, send)
    return answer


def _entry(answer: Answer, written: Format) -> Resource:
    response: Resource = {"status": _status(answer.status)}
    if location := answer.headers.get("location"):
        response["location"] = location
    if tag := answer.headers.get("etag"):
        response["etag"] = tag
    if changed := instant(answer.headers.get("last-modified", "")):
        response["lastModified"] = changed
    if not answer.body:
        return {"response": response}
    resource = _embedded(bytes(answer.body), written)
    if answer.status < 300:
        return {"resource": resource, "response": response}
    return {"response": {**response, "outcome": resource}}


def _embedded(body: bytes, written: Format) -> Any:
    """A resource that is written already, in the place of its dict."""
    return Markup(body.decode().removeprefix(HEAD)) if written is XML else orjson.Fragment(body)


def _status(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"

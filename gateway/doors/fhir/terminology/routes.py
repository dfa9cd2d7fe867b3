"""Routes of the operations: GET with plain parameters, POST with Parameters; type and instance (R4 operations.html)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.door import Door
from gateway.doors.fhir.search.parse import Pairs
from gateway.doors.fhir.search.shape import SHAPES, Shape, shape_of, shaped
from gateway.doors.fhir.terminology.issues import Refused
from gateway.doors.fhir.terminology.known import known
from gateway.doors.fhir.terminology.lexical import read_text
from gateway.doors.fhir.terminology.options import MOST_PARAMETERS, Given
from gateway.doors.fhir.terminology.service import OPERATIONS, call, own_systems
from gateway.doors.fhir.terminology.shapes import check
from gateway.doors.fhir.wire.bodies import read_resource
from gateway.doors.fhir.wire.formats import Format
from gateway.doors.fhir.wire.outcome import PATH
from gateway.doors.fhir.wire.prefer import preferences
from gateway.doors.fhir.wire.request import format_of, pairs_of
from gateway.doors.fhir.wire.respond import respond_bytes
from gateway.errors import BadQuestion

OF_ANSWER = frozenset({"_format", "_pretty", *SHAPES})

QUICK = frozenset(
    {
        ("CodeSystem", "lookup"),
        ("CodeSystem", "validate-code"),
        ("CodeSystem", "subsumes"),
        ("ValueSet", "validate-code"),
    }
)
"""Operations that take well below a millisecond over our own code systems; a thread would cost as much."""
LARGEST_KEPT = 16_384
"""Largest size in bytes of an answer to GET that is kept; it hangs on nothing but the loaded terminology."""

ASKED_ABOUT = ("url", "valueSet", "codeSystem", "conceptMap", "system", "coding", "codeableConcept", "code", "codingA")
"""Parameters that say what an operation is asked about, the first one stated being the place of a refusal."""

Answer: TypeAlias = tuple[int, bytes, str]
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
        if request.method == "POST":
            return _respond(request, await run_in_threadpool(_answer, door, kind, name, await _read(request)))
        read = await _read(request)
        quick = _is_quick(door, kind, name, read.pairs)
        found = _answer(door, kind, name, read) if quick else await run_in_threadpool(_answer, door, kind, name, read)
        response = _respond(request, found)
        return response if len(found[1]) > LARGEST_KEPT else door.repeats.put(request, response)

    return endpoint


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it came."""

    pairs: Pairs
    body: Resource
    language: str
    instance: str
    lenient: bool
    format: Format
    shape: Shape


async def _read(request: Request) -> Call:
    pairs = pairs_of(request.scope["query_string"])
    written = format_of(request, pairs)
    body = await _body(request) if request.method == "POST" else {}
    language = request.headers.get("accept-language", "")
    lenient = (
        "prefer" in request.headers and preferences(request.headers.getlist("prefer")).get("handling") == "lenient"
    )
    return Call(pairs, body, language, request.path_params.get("id", ""), lenient, written, shape_of(pairs))


def _answer(door: Door, kind: str, name: str, read: Call) -> Answer:
    own = own_systems(door.gateway.terminology)
    for url in _named(read.pairs):
        own.prepare(url)
    written = read.format
    given = _given(f"{kind}-{name}", read)
    try:
        resource = OPERATIONS[kind, name](call(door.gateway.terminology, given, read.instance))
        return 200, written.write(_shaped(resource, read.shape)), written.media_type
    except Refused as error:
        return error.status, written.write(error.resource(_place(given))), written.media_type


def _place(given: Given) -> str:
    """Parameter that says what was asked about, else the path, which does."""
    stated = {item.get("name") for item in given.parameters}
    return next((name for name in ASKED_ABOUT if name in stated), PATH)


def _is_quick(door: Door, kind: str, name: str, pairs: Pairs) -> bool:
    """Whether a GET is too short for a thread: its code systems are made, and no whole value set has to be walked."""
    own = own_systems(door.gateway.terminology)
    return (kind, name) in QUICK and ("inferSystem", "true") not in pairs and all(map(own.is_ready, _named(pairs)))


def _named(pairs: Pairs) -> list[str]:
    """URLs of code systems and value sets that a request names."""
    return [value for name, value in pairs if name in ("system", "url")]


def _respond(request: Request, answer: Answer) -> Response:
    status, body, media_type = answer
    return respond_bytes(request, body, media_type, status)


def _shaped(resource: Resource, shape: Shape) -> Resource:
    """Parameters and errors are no resources that have parts."""
    return shaped(resource, shape) if resource["resourceType"] == "ValueSet" else resource


def _given(operation: str, read: Call) -> Given:
    plain: list[Resource] = [
        {"name": name, "valueString": value} for name, value in read.pairs if name not in OF_ANSWER
    ]
    posted = read.body.get("parameter", [])
    if len(plain) + len(posted) > MOST_PARAMETERS:
        raise BadQuestion("too many parameters", where="Parameters", expected=f"at most {MOST_PARAMETERS}")
    if posted:
        check(operation, posted)
    parameters = known(operation, (*plain, *posted), lenient=read.lenient)
    for item in plain:
        item["valueString"] = read_text(item["name"], item["valueString"])
    return Given(parameters, read.language)


async def _body(request: Request) -> Resource:
    resource = await read_resource(request, "Parameters")
    return {} if resource is None else resource

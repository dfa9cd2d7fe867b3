"""Routes of the export: kick-off at system, Patient and Group, status, deletion, files.

FHIR Bulk Data Access 2.0.0, export.html: 202 with Content-Location, X-Progress and Retry-After while it runs, 429 when
the status is asked for too often, a manifest when it is done. Files are answered to whoever may ask for the status.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from email.utils import format_datetime
from urllib.parse import quote

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from gateway.access.requester import Requester
from gateway.doors.fhir.door import Door
from gateway.doors.fhir.export.accept import NDJSON, takes_ndjson
from gateway.doors.fhir.export.jobs import FAILED, MOST_RUNNING, RUNNING, Job, Jobs, Output
from gateway.doors.fhir.export.wanted import read_wanted
from gateway.doors.fhir.export.write import question, write
from gateway.doors.fhir.wire.prefer import preferences
from gateway.doors.fhir.wire.request import Asked, read_request
from gateway.errors import BadQuestion, NotFound, NotPermitted, SourceUnavailable
from gateway.model.capability import Granularity

RETRY_SECONDS = 2
SOONEST_SECONDS = 0.5
"""Asking for the status again sooner than this is too often."""
STATUS, FILE = "/$export-status", "/$export-file"
KICK_OFF = ("GET", "POST")
LEVELS = {"": "", "Patient": "/Patient", "Group": "/Group/{id}"}
OF_QUERY = "%!$&'()*+,;=:@/?"
"""Signs of a query as it came (RFC 3986 section 3.4), beside letters and digits."""

Endpoint = Callable[[Request], Awaitable[Response]]
_tasks: set[asyncio.Task[None]] = set()
"""Running jobs of this process; the event loop alone would not keep them."""


def export_routes(door: Door) -> list[Route]:
    """All routes of the export."""
    return [
        *(route for resource, path in LEVELS.items() for route in _kick_offs(f"{path}/$export", door, resource)),
        Route(f"{STATUS}/{{job}}", _job(door), methods=["GET", "DELETE"]),
        Route(f"{FILE}/{{job}}/{{file}}", _file(door), methods=["GET"]),
    ]


def _kick_offs(path: str, door: Door, resource: str) -> list[Route]:
    """Routes of a kick-off; HEAD is safe (RFC 9110 section 9.2.1), so it starts nothing."""
    starting = Route(path, _kick_off(door, resource), methods=KICK_OFF)
    starting.methods = set(KICK_OFF)
    return [starting, Route(path, _no_head, methods=["HEAD"])]


async def _no_head(_: Request) -> Response:
    raise HTTPException(405, f"an export is started by {' or '.join(KICK_OFF)}", {"Allow": ", ".join(KICK_OFF)})


def _kick_off(door: Door, resource: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        asked = await read_request(request, resource, operation=True)
        _check_async(request)
        wanted = read_wanted(door, asked)
        requester = door.requester(asked)
        answer = await door.gateway.ask(question(wanted, 1), requester, granularity=Granularity.RECORD)
        if answer.granularity < Granularity.RECORD:
            raise NotPermitted("no registry here releases records to this requester", where="$export")
        jobs = _jobs(door)
        if jobs.running() >= MOST_RUNNING:
            raise _too_many("too many exports are running")
        job = jobs.new(_address(door, request, asked), _owner(requester), answer.asked_at)
        task = asyncio.create_task(write(door, requester, wanted, jobs, job))
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)
        return Response(status_code=202, headers={"Content-Location": f"{door.base}{STATUS}/{job.id}"})

    return endpoint


def _address(door: Door, request: Request, asked: Asked) -> str:
    """URL of a kick-off at the public address of the door, whatever host the client named."""
    query = quote(request.scope["query_string"], safe=OF_QUERY)
    return f"{door.base}{LEVELS[asked.resource].format(id=asked.id)}/$export{'?' if query else ''}{query}"


def _job(door: Door) -> Endpoint:
    """One route for all methods, so that the answer to any other method names each of them."""
    status, delete = _status(door), _delete(door)

    async def endpoint(request: Request) -> Response:
        return await (delete if request.method == "DELETE" else status)(request)

    return endpoint


def _status(door: Door) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        jobs, job = _found(door, request, await read_request(request, ""))
        if jobs.polled_too_soon(job.id, SOONEST_SECONDS):
            raise _too_many("the status is asked for too often")
        if job.status == RUNNING:
            headers = {"X-Progress": f"{job.progress} patients written", "Retry-After": str(RETRY_SECONDS)}
            return Response(status_code=202, headers=headers)
        if job.status == FAILED:
            raise SourceUnavailable(job.reason, where="$export", expected="a new export")
        try:
            expires = format_datetime(jobs.expires(job.id), usegmt=True)
        except FileNotFoundError as error:
            raise _gone() from error
        # Expires is when the files go; the manifest itself may be gone at any time.
        headers = {"Expires": expires, "Cache-Control": "private, no-cache"}
        return Response(orjson.dumps(_manifest(door, job)), headers=headers, media_type="application/json")

    return endpoint


def _delete(door: Door) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        jobs, job = _found(door, request, await read_request(request, ""))
        jobs.delete(job.id)
        return Response(status_code=202)

    return endpoint


def _file(door: Door) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        jobs, job = _found(door, request, Asked())
        name = request.path_params["file"]
        if name not in {output.file for output in (*job.output, *job.errors)}:
            raise NotFound("no such file of an export", where="$export")
        if not takes_ndjson(",".join(request.headers.getlist("accept"))):
            raise HTTPException(406, f"Accept: no such format of a file; expected {NDJSON}")
        return FileResponse(jobs.place(job.id) / name, media_type=NDJSON)

    return endpoint


def _found(door: Door, request: Request, asked: Asked) -> tuple[Jobs, Job]:
    jobs = _jobs(door)
    job = jobs.find(request.path_params["job"], _owner(door.requester(asked)))
    if job is None:
        raise _gone()
    return jobs, job


def _manifest(door: Door, job: Job) -> dict[str, object]:
    def listed(outputs: tuple[Output, ...]) -> list[dict[str, object]]:
        return [
            {"type": each.type, "url": f"{door.base}{FILE}/{job.id}/{each.file}", "count": each.count}
            for each in outputs
        ]

    return {
        "transactionTime": job.started,
        "request": job.request,
        "requiresAccessToken": False,
        "output": listed(job.output),
        "error": listed(job.errors),
    }


def _jobs(door: Door) -> Jobs:
    if door.gateway.state is None:
        raise SourceUnavailable("this gateway has no folder for exports", where="$export")
    return Jobs(door.gateway.state / "export")


def _owner(requester: Requester) -> str:
    return f"{requester.tier} {requester.subject}"


def _check_async(request: Request) -> None:
    if "respond-async" not in preferences(request.headers.getlist("prefer")):
        raise BadQuestion("an export is asynchronous", where="Prefer", expected="Prefer: respond-async")


def _gone() -> NotFound:
    return NotFound("no such export", where="$export")


def _too_many(text: str) -> HTTPException:
    return HTTPException(429, text, {"Retry-After": str(RETRY_SECONDS)})

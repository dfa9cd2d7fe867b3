"""Endpoints of the Beacon framework and of the entry types individual and dataset (Beacon v2.1.1 endpoints.json)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.access.requester import ANONYMOUS, Requester
from gateway.disclosure.released import ReleasedAnswer, ReleasedSource
from gateway.doors.beacon import describe
from gateway.doors.beacon.counts import failed_node, nobody_answered
from gateway.doors.beacon.parse import MOST_RECORDS, MOST_SKIPPED, BeaconRequest, parse_get, parse_post, unfiltered
from gateway.doors.beacon.problem import error_handlers
from gateway.doors.beacon.render import Beacon, answer_body, error_body, one_individual_body
from gateway.doors.beacon.sample import test_mode_body
from gateway.doors.beacon.terms import filtering_terms, resources
from gateway.errors import BadQuestion, NotFound, NotPermitted, SourceUnavailable, TooCostly, UnknownTerm
from gateway.federation.gateway import Gateway
from gateway.model.answer import ANSWERED, Status
from gateway.model.capability import Granularity
from gateway.model.query import CaseQuery, Page, RecordIn, Unit

MOST_BODY_BYTES = 1_000_000
MOST_QUERY_BYTES = 16_384
MOST_WALKS = 32

Endpoint = Callable[[Request], Awaitable[Response]]


def requester_of(_: Request) -> Requester:
    """Who asks. Everybody is anonymous until tokens are read."""
    return ANONYMOUS


def create(gateway: Gateway) -> Starlette:
    """Application of this door over an open gateway."""
    beacon = Beacon(gateway.id, gateway.title, gateway.public_url)
    both = ["GET", "POST"]

    async def individuals(request: Request) -> Response:
        return await _search(gateway, beacon, request, await _read(request, _datasets(gateway)))

    async def dataset_individuals(request: Request) -> Response:
        name = _dataset(gateway, request)
        asked = await _read(request, _datasets(gateway))
        return await _search(gateway, beacon, request, asked.within(name))

    async def one_individual(request: Request) -> Response:
        asked = unfiltered(await _read(request, _datasets(gateway)))
        answer = await _individual(gateway, requester_of(request), request.path_params["id"])
        return _json(one_individual_body(beacon, asked, answer, gateway.terminology))

    async def terms(request: Request) -> Response:
        asked = unfiltered(await _read(request, ()))
        found = filtering_terms(gateway.terminology)
        return _json(describe.filtering_terms_body(beacon, found, resources(gateway.terminology), asked))

    async def datasets(request: Request) -> Response:
        asked = unfiltered(await _read(request, ()))
        found = describe.datasets(gateway.capabilities(), gateway.broken)
        return _json(describe.datasets_body(beacon, asked, describe.page_of(found, asked), len(found)))

    async def one_dataset(request: Request) -> Response:
        name = _dataset(gateway, request)
        asked = unfiltered(await _read(request, ()))
        found = describe.datasets(gateway.capabilities(), gateway.broken)
        return _json(describe.datasets_body(beacon, asked, [item for item in found if item["id"] == name], 1))

    application = Starlette(
        routes=[
            Route("/", _constant(describe.info_body(beacon))),
            Route("/info", _constant(describe.info_body(beacon))),
            Route("/service-info", _constant(describe.service_info_body(beacon))),
            Route("/configuration", _constant(describe.configuration_body(beacon))),
            Route("/map", _constant(describe.map_body(beacon))),
            Route("/entry_types", _constant(describe.entry_types_body(beacon))),
            Route("/filtering_terms", terms),
            Route("/individuals/filtering_terms", terms),
            Route("/individuals", individuals, methods=both),
            Route("/individuals/{id}", one_individual, methods=both),
            Route("/datasets", datasets, methods=both),
            Route("/datasets/{id}", one_dataset, methods=both),
            Route("/datasets/{id}/individuals", dataset_individuals, methods=both),
        ],
        exception_handlers=error_handlers(beacon),
    )
    application.router.redirect_slashes = False
    return application


def _constant(body: bytes) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        unfiltered(parse_get(request.query_params.multi_items(), ()))
        return _json(body)

    return endpoint


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status_code=status, media_type="application/json")


def _datasets(gateway: Gateway) -> Collection[str]:
    return sorted({*gateway.sources, *gateway.broken})


def _dataset(gateway: Gateway, request: Request) -> str:
    name = str(request.path_params["id"])
    known = _datasets(gateway)
    if name not in known:
        raise NotFound("no such dataset here", where="/datasets/{id}", expected=f"one of {', '.join(known)}")
    return name


async def _read(request: Request, sources: Collection[str]) -> BeaconRequest:
    if request.method != "POST":
        if len(request.scope["query_string"]) > MOST_QUERY_BYTES:
            raise TooCostly("is too long", where="query string", expected=f"{MOST_QUERY_BYTES} bytes, or POST")
        return parse_get(request.query_params.multi_items(), sources)
    if request.scope["query_string"]:
        raise BadQuestion("POST takes no parameters in the URL", where="query string", expected="all of it in the body")
    return parse_post(await _body(request), sources)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY_BYTES:
            raise HTTPException(413, f"body: is too long (expected at most {MOST_BODY_BYTES} bytes)")
    return bytes(body)


async def _search(gateway: Gateway, beacon: Beacon, request: Request, asked: BeaconRequest) -> Response:
    if asked.test_mode:
        return _json(test_mode_body(beacon, asked))
    try:
        answer, show_records = await _page(gateway, asked, requester_of(request))
    except UnknownTerm as error:
        raise UnknownTerm(error.message, where=_filter_of(error, asked), expected=error.expected) from error
    if nobody_answered(answer):
        status = 504 if any(source.status is Status.TIMEOUT for source in answer.sources) else 503
        nodes = [failed_node(source) for source in answer.sources]
        return _json(error_body(beacon, status, "no registry answered, see info.nodes", nodes), status)
    return _json(answer_body(beacon, asked, answer, gateway.terminology, show_records=show_records))


async def _page(gateway: Gateway, asked: BeaconRequest, requester: Requester) -> tuple[ReleasedAnswer, bool]:
    """Answer with the page that was asked for, and whether its records belong to that page.

    Pages are walked by cursor: skipping n pages reads past n * limit individuals in steps of up to 1000.
    """
    cursor, left = asked.page_token, asked.skip * asked.limit
    if asked.wanted < Granularity.RECORD:
        left = 0
    if left > MOST_SKIPPED:
        raise TooCostly(
            f"skips {left} individuals",
            where="skip",
            expected=f"at most {MOST_SKIPPED}, or nextPage of the page before",
        )
    for _ in range(MOST_WALKS):
        size = min(left, MOST_RECORDS) or asked.limit
        answer = await gateway.ask(asked.question(size), requester, granularity=asked.wanted, cursor=cursor)
        if left == 0 or answer.granularity < Granularity.RECORD:
            return answer, left == 0
        if answer.next_cursor is None:
            return answer, False
        left -= len({case.patient_id for case in answer.cases})
        cursor = answer.next_cursor
    raise TooCostly("skips too many pages", where="skip", expected="nextPage of the page before")


async def _individual(gateway: Gateway, requester: Requester, identifier: str) -> ReleasedAnswer:
    """Answer that holds one individual; whether an id exists is told only to who may see its record."""
    name = identifier.partition(".")[0]
    if name not in _datasets(gateway):
        raise NotFound("no such individual", where="/individuals/{id}", expected="an id of an earlier answer")
    named = RecordIn("patient", frozenset({identifier}))
    query = CaseQuery(where=named, unit=Unit.PATIENTS, page=Page(of="patient", limit=1))
    answer = await gateway.ask(query, requester, granularity=Granularity.RECORD)
    _check_source(next(source for source in answer.sources if source.id == name), answer)
    if not answer.cases:
        raise NotFound("no such individual", where="/individuals/{id}", expected="an id of an earlier answer")
    return answer


def _check_source(source: ReleasedSource, answer: ReleasedAnswer) -> None:
    if source.status is not Status.WITHHELD and source.status not in ANSWERED:
        raise SourceUnavailable(f"{source.id} did not answer: {source.reason or source.status.value}", where=source.id)
    if min(source.granularity, answer.granularity) < Granularity.RECORD or source.status is Status.WITHHELD:
        raise NotPermitted(f"{source.id} does not release records", where=source.id, expected="counts on /individuals")


def _filter_of(error: UnknownTerm, asked: BeaconRequest) -> str:
    """The filter that an unknown code stands in."""
    for at, text in enumerate(asked.filters):
        if any(code and code in error.message for code in (part.partition(":")[2] for part in text.split("|"))):
            return f"filters[{at}] {text[:60]}"
    return "filters"

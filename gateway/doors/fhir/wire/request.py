"""What a request carries: parameters of URL and form body, handling, format (R4 http.html).

Names and values are percent-decoded as strict UTF-8; what cannot be decoded is refused, never replaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from starlette.exceptions import HTTPException
from starlette.requests import Request

from gateway.doors.fhir.search.controls import REQUIRE_COMPLETE
from gateway.doors.fhir.search.parse import Pairs
from gateway.doors.fhir.search.shape import WHOLE, Shape, shape_of
from gateway.doors.fhir.wire.bodies import check_parameters, media_type_of, read_bytes, read_resource
from gateway.doors.fhir.wire.formats import JSON, PRETTY_JSON, Format, negotiate
from gateway.doors.fhir.wire.operation import parameters_of
from gateway.doors.fhir.wire.prefer import preferences
from gateway.errors import BadQuestion

FORM = "application/x-www-form-urlencoded"
MOST_BODY_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, read.

    Attributes
    ----------
    pairs
        Parameters of the URL, then of the form body.
    lenient
        `Prefer: handling=lenient`.
    complete
        `Prefer: require-complete=true`: an answer that is not complete is refused.
    posted
        The parameters came by POST: values that name records stay out of links.
    format
        Representation of the answer.
    shape
        Which part of each resource is wanted.
    """

    resource: str = ""
    id: str = ""
    version: str = ""
    pairs: Pairs = ()
    lenient: bool = False
    complete: bool = False
    posted: bool = False
    format: Format = JSON
    shape: Shape = WHOLE


async def read_request(request: Request, resource: str, *, operation: bool = False) -> Asked:
    """Read a request; the body of an operation is Parameters, any other a form.

    Raises
    ------
    BadQuestion
        Parameters that are no UTF-8, or a part of resources that cannot be read.
    HTTPException
        415: a body of another type; 413: a body that is too large.
    """
    pairs = pairs_of(request.scope["query_string"])
    if request.method == "POST":
        posted = await _parameters(request) if operation else pairs_of(await _form(request))
        pairs = (*pairs, *posted)
    wishes = preferences(request.headers.getlist("prefer"))
    return Asked(
        resource=resource,
        id=request.path_params.get("id", ""),
        version=request.path_params.get("version", ""),
        pairs=pairs,
        lenient=wishes.get("handling") == "lenient",
        complete=wishes.get(REQUIRE_COMPLETE) in ("", "true"),
        posted=request.method == "POST",
        format=format_of(request, pairs),
        shape=shape_of(pairs),
    )


def format_of(request: Request, pairs: Pairs) -> Format:
    """Format that a request asks for; `_pretty` is for JSON alone."""
    given = dict(reversed(pairs))
    found = negotiate(given.get("_format"), request.headers.get("accept"))
    return PRETTY_JSON if found is JSON and given.get("_pretty") == "true" else found


def pairs_of(encoded: bytes) -> tuple[tuple[str, str], ...]:
    """Names and values of a query string or form body."""
    return tuple(_pair(part) for part in encoded.split(b"&") if part)


def _pair(part: bytes) -> tuple[str, str]:
    name, _, value = part.replace(b"+", b" ").partition(b"=")
    try:
        return unquote_to_bytes(name).decode(), unquote_to_bytes(value).decode()
    except UnicodeDecodeError as error:
        raise BadQuestion("a parameter is not UTF-8", where="search", expected="percent-encoded UTF-8") from error


async def _form(request: Request) -> bytes:
    body = await read_bytes(request, MOST_BODY_BYTES)
    if body and media_type_of(request) != FORM:
        raise HTTPException(415, f"content-type: no such format of a search; expected {FORM}")
    if body:
        check_parameters(request)
    return body


async def _parameters(request: Request) -> Pairs:
    return parameters_of(await read_resource(request, "Parameters"))

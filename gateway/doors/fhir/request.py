"""What a request carries: parameters of URL and form body, handling, format (R4 http.html).

Names and values are percent-decoded as strict UTF-8; what cannot be decoded is refused, never replaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from starlette.exceptions import HTTPException
from starlette.requests import Request

from gateway.doors.fhir.formats import JSON, PRETTY_JSON, Format, negotiate
from gateway.doors.fhir.operation import parameters_of
from gateway.doors.fhir.parse import Pairs
from gateway.errors import BadQuestion

FORM = "application/x-www-form-urlencoded"
PARAMETERS = frozenset({"application/fhir+json", "application/json"})
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
    posted
        The parameters came by POST: values that name records stay out of links.
    format
        Representation of the answer.
    """

    resource: str = ""
    id: str = ""
    version: str = ""
    pairs: Pairs = ()
    lenient: bool = False
    posted: bool = False
    format: Format = JSON


async def read_request(request: Request, resource: str, *, operation: bool = False) -> Asked:
    """Read a request; the body of an operation is Parameters, any other a form.

    Raises
    ------
    BadQuestion
        Parameters that are no UTF-8.
    HTTPException
        415: a body of another type; 413: a body that is too large.
    """
    pairs = pairs_of(request.scope["query_string"])
    if request.method == "POST":
        posted = parameters_of(await _parameters(request)) if operation else pairs_of(await _form(request))
        pairs = (*pairs, *posted)
    return Asked(
        resource=resource,
        id=request.path_params.get("id", ""),
        version=request.path_params.get("version", ""),
        pairs=pairs,
        lenient=_is_lenient(request.headers.getlist("prefer")),
        posted=request.method == "POST",
        format=format_of(request, pairs),
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
    body = await _body(request)
    if body and _media_type(request) != FORM:
        raise HTTPException(415, f"the body of a search is {FORM}")
    return body


async def _parameters(request: Request) -> bytes:
    body = await _body(request)
    if body and _media_type(request) not in PARAMETERS:
        raise HTTPException(415, "the body of an operation is Parameters as application/fhir+json")
    return body


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY_BYTES:
            raise HTTPException(413, f"the body is larger than {MOST_BODY_BYTES} bytes")
    return bytes(body)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _is_lenient(headers: list[str]) -> bool:
    wishes = {
        wish.strip().lower().replace('"', "") for header in headers for wish in header.replace(";", ",").split(",")
    }
    return "handling=lenient" in wishes

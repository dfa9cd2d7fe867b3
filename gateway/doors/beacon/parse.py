"""Beacon requests to questions: GET parameters and POST bodies become one form and are read once.

Beacon v2.1.1 framework, requests/beaconRequestBody.json and common/beaconCommonComponents.json. `skip` counts pages,
not records; `limit` 0 asks for the most.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import orjson

from gateway.doors.beacon.filters import filter_text, parse_filters
from gateway.errors import BadQuestion, Unsupported
from gateway.model.capability import Granularity
from gateway.model.query import EVERYTHING, And, CaseQuery, Expr, OneOf, Page, Unit

API_VERSION = "v2.1.1"
DEFAULT_LIMIT = 10
MOST_RECORDS = 1000
MOST_SKIPPED = 10_000
SHOWN = 60

GRANULARITIES = {"boolean": Granularity.BOOLEAN, "count": Granularity.COUNT, "record": Granularity.RECORD}
INCLUDES = ("HIT", "MISS", "ALL", "NONE")

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class BeaconRequest:
    """A request as understood.

    Attributes
    ----------
    where
        Condition of all filters.
    filters
        The filters as text, for the summary of the received request.
    granularity, include
        requestedGranularity and includeResultsetResponses.
    skip, asked_limit
        Pages to skip, and `limit` as received; None if it was not.
    page_token
        `nextPage` of an earlier answer, or None.
    schemas
        requestedSchemas as received.
    """

    where: Expr = EVERYTHING
    filters: tuple[str, ...] = ()
    granularity: Granularity = Granularity.RECORD
    include: str = "HIT"
    skip: int = 0
    asked_limit: int | None = None
    page_token: str | None = None
    test_mode: bool = False
    api_version: str = API_VERSION
    schemas: tuple[Json, ...] = ()

    @property
    def limit(self) -> int:
        """Records a page: 10 if nothing was said, the most that is served for 0."""
        return DEFAULT_LIMIT if self.asked_limit is None else self.asked_limit or MOST_RECORDS

    @property
    def wanted(self) -> Granularity:
        """Granularity to ask for: where no result sets are wanted, records are not needed."""
        return min(self.granularity, Granularity.COUNT) if self.include == "NONE" else self.granularity

    def question(self, limit: int) -> CaseQuery:
        """The question in individuals, with a page of so many if records are wanted."""
        page = Page(of="patient", limit=limit) if self.wanted is Granularity.RECORD else None
        return CaseQuery(where=self.where, unit=Unit.PATIENTS, page=page)

    def within(self, dataset: str) -> BeaconRequest:
        """The same request to one dataset."""
        inside = OneOf("source", frozenset({dataset}))
        return replace(self, where=inside if self.where == EVERYTHING else And((inside, self.where)))


def parse_get(parameters: Iterable[tuple[str, str]], sources: Collection[str]) -> BeaconRequest:
    """Request of a query string.

    Parameters
    ----------
    parameters
        Names and values in order; `filters` may be repeated and holds a comma list.
    sources
        Ids of the registries.

    Raises
    ------
    BadQuestion, Unsupported
        With the parameter or filter, and what was expected.
    """
    single: dict[str, str] = {}
    lists: dict[str, list[str]] = {"filters": [], "requestedSchema": [], "requestedSchemas": []}
    for name, value in parameters:
        if name in lists:
            lists[name].extend(part.strip() for part in value.split(",") if part.strip())
        elif name not in SINGLE:
            expected = f"one of {', '.join(sorted({*lists, *SINGLE}))}"
            raise BadQuestion(f"unknown parameter {name[:SHOWN]!r}", where="query string", expected=expected)
        elif name in single:
            raise BadQuestion("is given twice", where=name, expected="one value")
        else:
            single[name] = value
    return read_request(_tree(single, lists), sources)


def parse_post(body: bytes, sources: Collection[str]) -> BeaconRequest:
    """Request of a JSON body; an absent `meta` means version 2.1.1.

    Raises
    ------
    BadQuestion, Unsupported
        With the place in the body, and what was expected.
    """
    if not body.strip():
        return read_request({}, sources)
    try:
        tree = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadQuestion(
            f"is not JSON (line {error.lineno}, column {error.colno})", where="body", expected="a Beacon request body"
        ) from error
    return read_request(_object(tree, "body"), sources)


def read_request(tree: Json, sources: Collection[str]) -> BeaconRequest:
    """Request of the tree that both methods share."""
    _known(tree, BODY_KEYS, "body")
    meta, query = (_spelled(_object(tree.get(key, {}), key), key) for key in ("meta", "query"))
    _known(meta, META_KEYS, "meta")
    _known(query, QUERY_KEYS, "query")
    _no_parameters(_object(query.get("requestParameters", {}), "requestParameters"))
    filters = _list(query.get("filters", []), "filters")
    skip, limit, token = _pagination(_object(query.get("pagination", {}), "pagination"))
    return BeaconRequest(
        where=parse_filters(filters, sources),
        filters=tuple(map(filter_text, filters)),
        granularity=GRANULARITIES[_choice(query, "requestedGranularity", tuple(GRANULARITIES), "record")],
        include=_choice(query, "includeResultsetResponses", INCLUDES, "HIT"),
        skip=skip,
        asked_limit=limit,
        page_token=token,
        test_mode=_boolean(query.get("testMode", False), "testMode"),
        api_version=_version(meta.get("apiVersion", API_VERSION)),
        schemas=tuple(_schema(item) for item in _list(meta.get("requestedSchemas", []), "requestedSchemas")),
    )


def unfiltered(request: BeaconRequest) -> BeaconRequest:
    """The request, if it has nothing that only a search of individuals can do.

    Raises
    ------
    Unsupported
        Filters or a page token on a list that takes none.
    """
    for name, given in (("filters", request.filters), ("nextPage", request.page_token)):
        if given:
            raise Unsupported(f"{name} does not apply here", where=name, expected=f"{name} on /individuals")
    return request


BODY_KEYS = frozenset({"$schema", "meta", "query"})
META_KEYS = frozenset({"$schema", "apiVersion", "requestedSchemas"})
PAGINATION_KEYS = frozenset({"skip", "limit", "nextPage"})
QUERY_KEYS = frozenset(
    {
        "requestParameters",
        "filters",
        "includeResultsetResponses",
        "pagination",
        "requestedGranularity",
        "testMode",
    }
)
SINGLE = frozenset(
    {"apiVersion", "includeResultsetResponses", "limit", "nextPage", "requestedGranularity", "skip", "testMode"}
)

SPELLINGS = {
    "api_version": "apiVersion",
    "requested_schemas": "requestedSchemas",
    "request_parameters": "requestParameters",
    "include_resultset_responses": "includeResultsetResponses",
    "requested_granularity": "requestedGranularity",
    "test_mode": "testMode",
}
"""Names as the Python client ai4gh 1.0.0 writes them -> names of the standard."""

_VERSION = re.compile(r"v?2(\.\d+){0,2}([-+][\w.-]{1,20})?", re.ASCII)
_BOOLEANS = {"true": True, "false": False}


def _tree(single: Mapping[str, str], lists: Mapping[str, Sequence[str]]) -> Json:
    pagination: dict[str, object] = {key: _digits(single[key], key) for key in ("skip", "limit") if key in single}
    query: dict[str, object] = {"filters": lists["filters"], "pagination": pagination}
    if "nextPage" in single:
        pagination["nextPage"] = single["nextPage"]
    if "testMode" in single:
        query["testMode"] = _BOOLEANS.get(single["testMode"].lower(), single["testMode"])
    for key in ("includeResultsetResponses", "requestedGranularity"):
        if key in single:
            query[key] = single[key]
    names = (*lists["requestedSchema"], *lists["requestedSchemas"])
    meta: dict[str, object] = {"requestedSchemas": [{"schema": name} for name in names]}
    if "apiVersion" in single:
        meta["apiVersion"] = single["apiVersion"]
    return {"meta": meta, "query": query}


def _digits(text: str, where: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise BadQuestion(f"{text[:SHOWN]!r} is no number", where=where, expected="a whole number from 0")
    return int(text)


def _pagination(given: Json) -> tuple[int, int | None, str | None]:
    _known(given, PAGINATION_KEYS, "pagination")
    limit = None if "limit" not in given else _number(given["limit"], "limit", MOST_RECORDS)
    skip = _number(given.get("skip", 0), "skip", MOST_SKIPPED)
    token = given.get("nextPage")
    if token is not None and (not isinstance(token, str) or not token):
        raise BadQuestion("is no page token", where="nextPage", expected="nextPage of an earlier answer")
    if token is not None and skip:
        raise BadQuestion("skip and nextPage exclude each other", where="pagination", expected="one of them")
    return skip, limit, token


def _number(value: object, where: str, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise BadQuestion("is out of range or no number", where=where, expected=f"a whole number from 0 to {most}")
    return value


def _no_parameters(given: Json) -> None:
    unknown = sorted(str(key)[:SHOWN] for key in given if key != "$schema")
    if unknown:
        raise BadQuestion(
            f"unknown parameter {unknown[0]!r}",
            where="requestParameters",
            expected="no request parameters: individuals are selected by filters",
        )


def _spelled(given: Json, where: str) -> Json:
    found: dict[str, object] = {}
    for key, value in given.items():
        name = SPELLINGS.get(key, key)
        if name in found:
            raise BadQuestion(f"{name} is given twice", where=where, expected="one value")
        found[name] = value
    return found


def _known(given: Json, known: Collection[str], where: str) -> None:
    unknown = sorted(str(key)[:SHOWN] for key in given if key not in known)
    if unknown:
        raise BadQuestion(f"unknown key {unknown[0]!r}", where=where, expected=f"one of {', '.join(sorted(known))}")


def _choice(given: Json, key: str, choices: Sequence[str], default: str) -> str:
    value = given.get(key, default)
    if not isinstance(value, str) or value not in choices:
        raise BadQuestion(f"{str(value)[:SHOWN]!r} is not served", where=key, expected=f"one of {', '.join(choices)}")
    return value


def _version(value: object) -> str:
    if not isinstance(value, str) or not _VERSION.fullmatch(value):
        raise BadQuestion(
            f"{str(value)[:SHOWN]!r} is not served", where="apiVersion", expected=f"{API_VERSION} or v2.x"
        )
    return value


def _schema(value: object) -> Json:
    given = _object(value, "requestedSchemas")
    _known(given, frozenset({"entityType", "schema"}), "requestedSchemas")
    if not all(isinstance(item, str) and len(item) <= 300 for item in given.values()):
        raise BadQuestion("is not text", where="requestedSchemas", expected="entityType and schema as texts")
    return given


def _object(value: object, where: str) -> Json:
    if not isinstance(value, dict):
        raise BadQuestion("is not an object", where=where, expected="a JSON object")
    return value


def _list(value: object, where: str) -> Sequence[object]:
    if not isinstance(value, list):
        raise BadQuestion("is not a list", where=where, expected="a JSON array")
    return value


def _boolean(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise BadQuestion(f"{str(value)[:SHOWN]!r} is no boolean", where=where, expected="true or false")
    return value

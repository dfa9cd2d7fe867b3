"""Released answers as Beacon responses (Beacon v2.1.1 framework, responses/*.json, with the count fields of v2.2.0).

A suppressed total lowers the answer to boolean, and a suppressed registry has no result set: neither a number nor a
record of it is shown anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from gateway.disclosure.released import ReleasedAnswer, ReleasedCase, ReleasedSource
from gateway.doors.beacon import counts
from gateway.doors.beacon.individuals import individuals
from gateway.doors.beacon.parse import API_VERSION, BeaconRequest
from gateway.model.answer import ANSWERED
from gateway.model.capability import Granularity
from terminology import Terminology

Json = dict[str, object]

SPECIFICATION = "https://raw.githubusercontent.com/ga4gh-beacon/beacon-v2/v2.1.1"
MODEL = f"{SPECIFICATION}/models/json/beacon-v2-default-model"
SCHEMAS: dict[str, Json] = {
    "individual": {"entityType": "individual", "schema": f"{MODEL}/individuals/defaultSchema.json"},
    "dataset": {"entityType": "dataset", "schema": f"{MODEL}/datasets/defaultSchema.json"},
}
KNOWN_SCHEMAS = frozenset(
    name
    for entity, schema in SCHEMAS.items()
    for name in (schema["schema"], f"ga4gh-beacon-{entity}-v2.0.0", f"beacon-{entity}-v2.0.0")
)
COUNTING_RULE = (
    "individuals are patients of one registry; all filters are asked of one and the same tumour, "
    "and a patient counts if one of their tumours meets them all"
)


@dataclass(frozen=True, slots=True)
class Beacon:
    """Who answers: id, name and base URL of this Beacon."""

    id: str
    name: str
    public_url: str

    @property
    def url(self) -> str:
        """Base of all endpoints."""
        return f"{self.public_url.rstrip('/')}/beacon"


def informational_meta(beacon: Beacon, entities: Sequence[str] = ()) -> Json:
    """Meta of a response that describes the Beacon."""
    return {
        "beaconId": beacon.id,
        "apiVersion": API_VERSION,
        "returnedSchemas": [SCHEMAS[entity] for entity in entities],
    }


def response_meta(
    beacon: Beacon, request: BeaconRequest, level: Granularity, entity: str | None, next_page: str | None = None
) -> Json:
    """Meta of an answer, with what was understood of the request."""
    pagination: Json = {"skip": request.skip, "limit": request.limit}
    if next_page:
        pagination["nextPage"] = next_page
    return {
        **informational_meta(beacon, (entity,) if entity else ()),
        "returnedGranularity": level.name.lower(),
        "testMode": request.test_mode,
        "receivedRequestSummary": {
            "apiVersion": request.api_version,
            "requestedSchemas": list(request.schemas),
            "filters": list(request.filters),
            "includeResultsetResponses": request.include,
            "pagination": pagination,
            "requestedGranularity": request.granularity.name.lower(),
            "testMode": request.test_mode,
        },
    }


def error_body(beacon: Beacon, status: int, message: str, nodes: Sequence[Json] = ()) -> bytes:
    """Beacon error; what was received is not repeated."""
    body: Json = {
        "meta": response_meta(beacon, BeaconRequest(), Granularity.BOOLEAN, None),
        "error": {"errorCode": status, "errorMessage": message},
    }
    if nodes:
        body["info"] = {"nodes": list(nodes)}
    return orjson.dumps(body)


def answer_body(
    beacon: Beacon,
    request: BeaconRequest,
    answer: ReleasedAnswer,
    terminology: Terminology,
    *,
    show_records: bool = True,
) -> bytes:
    """Boolean, count or record response to a search of individuals.

    `show_records` is False for a page beyond the last: counts without records.
    """
    level = shown_level(request, answer)
    with_records = level is Granularity.RECORD and show_records
    next_page = answer.next_cursor if with_records else None
    summary: Json = {"exists": answer.exists is True}
    if level >= Granularity.COUNT:
        summary = {**summary, "numTotalResults": answer.total.low, **counts.precision(answer.total)}
    body: Json = {
        "meta": response_meta(beacon, request, level, "individual", next_page),
        "responseSummary": summary,
    }
    if level >= Granularity.COUNT and request.include != "NONE":
        cases = answer.cases if with_records else ()
        body["response"] = {"resultSets": result_sets(answer, cases, request.include, terminology)}
    body["info"] = _info(request, answer, level, next_page)
    return orjson.dumps(body)


def one_individual_body(
    beacon: Beacon, request: BeaconRequest, answer: ReleasedAnswer, terminology: Terminology
) -> bytes:
    """Response about one individual that may be seen; counts of its registry do not belong to it."""
    level, dataset = request.wanted, answer.cases[0].source
    body: Json = {
        "meta": response_meta(beacon, request, level, "individual"),
        "responseSummary": {"exists": True},
    }
    if level >= Granularity.COUNT:
        body["responseSummary"] = {"exists": True, "numTotalResults": 1, "countPrecision": "exact"}
    if level >= Granularity.COUNT and request.include != "NONE":
        found = individuals(answer.cases, terminology) if level is Granularity.RECORD else []
        body["response"] = {"resultSets": [] if request.include == "MISS" else [_set(dataset, 1, found)]}
    nodes = [counts.node(source, Granularity.BOOLEAN) for source in answer.sources if source.id == dataset]
    body["info"] = {"nodes": nodes}
    return orjson.dumps(body)


def shown_level(request: BeaconRequest, answer: ReleasedAnswer) -> Granularity:
    """Granularity of the response: what was released and wanted; boolean if the total may not be shown."""
    level = min(request.wanted, answer.granularity)
    return level if counts.countable(answer.total) else Granularity.BOOLEAN


def result_sets(
    answer: ReleasedAnswer, cases: Sequence[ReleasedCase], include: str, terminology: Terminology
) -> list[Json]:
    """One result set for each registry that answered and whose count may be shown."""
    by_source: Mapping[str, list[ReleasedCase]] = {source.id: [] for source in answer.sources}
    for case in cases:
        by_source[case.source].append(case)
    return [
        _counted_set(source, individuals(by_source[source.id], terminology))
        for source in answer.sources
        if source.status in ANSWERED and counts.countable(source.total) and _included(source, include)
    ]


def _included(source: ReleasedSource, include: str) -> bool:
    hit = source.total is not None and source.total.low > 0
    return include == "ALL" or (include == "HIT" and hit) or (include == "MISS" and not hit)


def _set(dataset: str, count: int, results: Sequence[Json]) -> Json:
    return {
        "id": dataset,
        "setType": "dataset",
        "exists": count > 0,
        "resultsCount": count,
        "countPrecision": "exact",
        "results": list(results),
    }


def _counted_set(source: ReleasedSource, results: Sequence[Json]) -> Json:
    assert source.total is not None  # noqa: S101 - only countable sources come here
    return {
        **_set(source.id, source.total.low, results),
        **counts.precision(source.total),
        "info": {
            "title": source.title,
            "granularity": source.granularity.name.lower(),
            **counts.description(source.total),
        },
    }


def _info(request: BeaconRequest, answer: ReleasedAnswer, level: Granularity, next_page: str | None) -> Json:
    found: Json = {
        "question": answer.text,
        "countingUnit": "patients",
        "countingRule": COUNTING_RULE,
        "existsPrecision": counts.exists_precision(answer),
        "nodes": [counts.node(source, level) for source in answer.sources],
        "gateway": answer.gateway,
        "askedAt": answer.asked_at,
    }
    warned = counts.warnings(answer, level)
    unknown = [str(item["schema"]) for item in request.schemas if item.get("schema") not in KNOWN_SCHEMAS]
    if unknown:
        warned["requestedSchemas"] = [f"{name} is not served; see meta.returnedSchemas" for name in unknown]
    if level < request.wanted:
        warned["granularity"] = f"{request.granularity.name.lower()} was asked, {level.name.lower()} is released"
    if warned:
        found["warnings"] = warned
    if next_page:
        found["nextPage"] = next_page
    if level >= Granularity.COUNT:
        found.update(counts.description(answer.total))
    return found

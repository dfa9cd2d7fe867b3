"""What the JSON schemas of Beacon do not see: sums, precision, granularity, codes, ages (each with a planted fault)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

LEVELS = {"boolean": 0, "count": 1, "record": 2}
SEXES = {"NCIT:C20197", "NCIT:C16576", "NCIT:C17649", "NCIT:C17998"}
DURATION = re.compile(r"P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?")

Json = dict[str, Any]
Validate = Callable[[str, Any], None]
"""Checks a document against a schema, by its path in the specification."""


def faults(document: Json) -> list[str]:
    """Everything that is wrong with an answer to a search of individuals."""
    return [*_levels(document), *_summary(document), *_sets(document), *_nodes(document), *_records(document)]


def _levels(document: Json) -> Iterator[str]:
    meta = document["meta"]
    returned = meta["returnedGranularity"]
    if LEVELS[returned] > LEVELS[meta["receivedRequestSummary"]["requestedGranularity"]]:
        yield "more is returned than was asked"
    if returned == "boolean" and ("numTotalResults" in document["responseSummary"] or "response" in document):
        yield "a boolean answer holds counts"
    if returned == "count" and any(item["results"] for item in _result_sets(document)):
        yield "a count answer holds records"


def _summary(document: Json) -> Iterator[str]:
    summary = document["responseSummary"]
    if "numTotalResults" not in summary:
        return
    if summary["exists"] != (summary["numTotalResults"] > 0):
        yield "exists and numTotalResults contradict each other"
    if summary.get("countPrecision") not in {"exact", "imprecise", "rounded"}:
        yield "countPrecision of the summary is no word of the standard"
    ranges = document["info"].get("resultCountDescription")
    if (summary.get("countPrecision") == "exact") == (ranges is not None):
        yield "a range stands beside an exact count, or is missing beside another"
    if ranges and ranges["minRange"] != summary["numTotalResults"]:
        yield "numTotalResults is not the lower end of the range"


def _sets(document: Json) -> Iterator[str]:
    sets = _result_sets(document)
    if len({item["id"] for item in sets}) != len(sets):
        yield "two result sets of one registry"
    for item in sets:
        if item["exists"] != (item["resultsCount"] > 0):
            yield "exists and resultsCount of a set contradict each other"
        if item.get("countPrecision") not in {"exact", "imprecise", "rounded"}:
            yield "countPrecision of a set is no word of the standard"
        if len(item["results"]) > item["resultsCount"]:
            yield "more records than resultsCount"
        allowed = {"id", "setType", "exists", "resultsCount", "countPrecision", "countAdjustedTo", "results", "info"}
        if set(item) - allowed:
            yield "a set holds an unknown field"
    include = document["meta"]["receivedRequestSummary"]["includeResultsetResponses"]
    exact = document["responseSummary"].get("countPrecision") == "exact"
    whole = include in {"HIT", "ALL"} and "response" in document
    if whole and exact and _all_told(document):
        total = sum(item["resultsCount"] for item in sets)
        if total != document["responseSummary"]["numTotalResults"]:
            yield "the sets do not add up to the total"


def _all_told(document: Json) -> bool:
    return all(node["countPrecision"] == "exact" for node in document["info"].get("nodes", []))


def _nodes(document: Json) -> Iterator[str]:
    shown = {item["id"]: item for item in _result_sets(document)}
    for node in document["info"].get("nodes", []):
        name = node["sourceId"]
        if node.get("countPrecision") in {"suppressed", None}:
            if node.get("low") is not None or node.get("high") is not None:
                yield "a suppressed count has a number"
            if name in shown:
                yield "a suppressed registry has a result set"
        elif name in shown and shown[name]["resultsCount"] != node["low"]:
            yield "a set and its node contradict each other"
        if node["status"] != "ok" and name not in str(document["info"].get("warnings", "")):
            yield "a registry that did not fully answer is not named in the warnings"


def _records(document: Json) -> Iterator[str]:
    for item in _result_sets(document):
        for record in item["results"]:
            if record["sex"]["id"] not in SEXES:
                yield "sex is no NCI Thesaurus code of the standard"
            if record["info"]["dataset"] != item["id"]:
                yield "a record stands in the set of another registry"
            for disease in record["diseases"]:
                yield from _onset(disease.get("ageOfOnset"))
                if not re.fullmatch(r"\w[^:]+:.+", disease["diseaseCode"]["id"]):
                    yield "a disease code is no CURIE"


def _onset(onset: Json | None) -> Iterator[str]:
    if onset is None:
        return
    for part in (onset["start"], onset["end"]) if "start" in onset else (onset,):
        if not DURATION.fullmatch(part.get("iso8601duration", "")):
            yield "an age is no ISO 8601 duration"


def _result_sets(document: Json) -> list[Json]:
    sets: list[Json] = document.get("response", {}).get("resultSets", [])
    return sets

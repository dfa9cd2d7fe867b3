"""Search set of a released answer (R4 bundle.html, search.html section 3.1.1.3).

The total is there only when it is exact; otherwise its place holds the bounds in our extension. Every source that
did not answer, answered in part, withheld or could only bound its answer is named in an entry of mode `outcome`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.disclosure.released import ReleasedAnswer, ReleasedCount, ReleasedSource
from gateway.doors.fhir.definitions import Resource, guide
from gateway.doors.fhir.recordversions import last_changed
from gateway.doors.fhir.render.counts import bound_parts, translation_parts
from gateway.doors.fhir.render.elements import REASONS, absent
from gateway.doors.fhir.render.links import links
from gateway.doors.fhir.search.parse import Search
from gateway.doors.fhir.wire.outcome import issue, outcome
from gateway.model.capability import Granularity
from gateway.model.values import Absent, Precision


@dataclass(frozen=True, slots=True)
class StatusIssue:
    """How the status of a source is said as an issue."""

    severity: str
    code: str
    words: str


STATUS_ISSUES: Mapping[str, StatusIssue] = {
    "partial": StatusIssue("warning", "incomplete", "answered in part"),
    "unsupported": StatusIssue("warning", "not-supported", "cannot answer this question"),
    "withheld": StatusIssue("warning", "suppressed", "withholds its answer"),
    "timeout": StatusIssue("warning", "timeout", "did not answer in time"),
    "error": StatusIssue("warning", "incomplete", "could not be asked"),
}
COUNT_ISSUES: Mapping[Precision, StatusIssue] = {
    Precision.BOUNDED: StatusIssue("warning", "incomplete", "could only bound its count"),
    Precision.ROUNDED: StatusIssue("information", "suppressed", "rounds its count"),
    Precision.SUPPRESSED: StatusIssue("warning", "suppressed", "withholds its count"),
}
RESERVED = StatusIssue("warning", "incomplete", "answered with a reservation")
"""A source that answered tells something of what it did or did not count."""
ANSWERED = frozenset({"ok", "partial"})
NOT_LINKED = "values that name records were applied and left out of the links, because the search came by POST"

NO_RECORDS = StatusIssue("information", "suppressed", "releases no records here")


WORST_LAST = (Precision.EXACT, Precision.ROUNDED, Precision.BOUNDED, Precision.SUPPRESSED)


@dataclass(frozen=True, slots=True)
class Total:
    """How many resources match in all: a released count, or the sum of several."""

    low: int
    high: int | None
    precision: Precision

    @classmethod
    def of(cls, count: ReleasedCount) -> Total:
        """Total of a released count."""
        return cls(count.low, count.high, count.precision)

    def __add__(self, other: Total) -> Total:
        """Total of two searches that share no resource; what one of them withholds stays unknown."""
        high = None if self.high is None or other.high is None else self.high + other.high
        worst = max(self.precision, other.precision, key=WORST_LAST.index)
        withheld = worst is Precision.SUPPRESSED and Precision.EXACT in (self.precision, other.precision)
        return Total(self.low + other.low, high, Precision.BOUNDED if withheld and self.low + other.low else worst)


def search_set(
    search: Search,
    answers: Sequence[ReleasedAnswer],
    total: Total,
    entries: Sequence[Any],
    next_cursor: str | None,
    base: str,
    *,
    posted: bool,
) -> Resource:
    """Bundle of one page.

    Parameters
    ----------
    answers
        Released answers that the page is made of, at least one.
    total
        Count of all matches.
    entries
        Matches and what is included with them as entries, ready to be written.
    next_cursor
        Token of the next page, None on the last.
    posted
        Whether the parameters came by POST; ids then stay out of the links.
    """
    issues = issues_of(search, answers, posted=posted)
    hidden = search.record_names if posted else frozenset()
    shown = [pair for pair in search.applied if pair[0] not in hidden]
    outcomes = [{"resource": outcome(issues), "search": {"mode": "outcome"}}] if issues else []
    bundle: Resource = {
        "resourceType": "Bundle",
        **({"meta": {"lastUpdated": changed}} if (changed := last_changed(answers)) else {}),
        "type": "searchset",
        **(total_element(total) if search.controls.total else {}),
        "link": links(f"{base}/{search.resource.name}", shown, search.controls.cursor, next_cursor),
    }
    everything = [*entries, *outcomes]
    return {**bundle, "entry": everything} if everything else bundle


def entry(resource: Any, base: str, resource_type: str, resource_id: str, mode: str = "match") -> Resource:
    """Entry of one match, or of what is included with matches."""
    return {"fullUrl": f"{base}/{resource_type}/{resource_id}", "resource": resource, "search": {"mode": mode}}


def total_element(count: Total) -> Resource:
    """Bundle.total if it is exact, else our bounds in its place."""
    if count.precision is Precision.EXACT:
        return {"total": count.low}
    reason = Absent.WITHHELD if count.precision is Precision.SUPPRESSED else Absent.UNKNOWN
    bounds = {"extension": bound_parts(count), "url": guide().extension("count-bounds")}
    return {"_total": {"extension": [bounds, *absent(REASONS[reason])["extension"]]}}


def issues_of(search: Search, answers: Sequence[ReleasedAnswer], *, posted: bool) -> list[Resource]:
    """Everything that a reader of this page must know beside its entries, each once."""
    ignored = [
        issue("warning", "not-supported", f"{item.name} was ignored: {item.reason}", parameter=item.name)
        for item in search.ignored
    ]
    sources = issues_of_sources(search, answers)
    unlinked = (NOT_LINKED,) if posted and search.record_names else ()
    words = dict.fromkeys((*search.notes, *unlinked, *(note for answer in answers for note in answer.notes)))
    notes = [issue("information", "informational", note) for note in words]
    return [*ignored, *sources, *notes]


def issues_of_sources(search: Search, answers: Sequence[ReleasedAnswer]) -> list[Resource]:
    """What the sources did not or could only partly answer, each issue once."""
    said = [found for answer in answers for source in answer.sources for found in source_issues(source, search)]
    return [found for i, found in enumerate(said) if found not in said[:i]]


def source_issues(source: ReleasedSource, search: Search) -> list[Resource]:
    """Issues of one source: its status, its count, what it says beside them, whether it gives records."""
    total = source.total
    answered = source.status in ANSWERED
    said = [STATUS_ISSUES[source.status]] if source.status in STATUS_ISSUES else []
    if total and total.precision in COUNT_ISSUES and not said:
        said.append(COUNT_ISSUES[total.precision])
    if answered and total is None:
        said.append(COUNT_ISSUES[Precision.SUPPRESSED])
    if source.reason and not said and not source.excluded:
        said.append(RESERVED)
    nothing = total is not None and total.high == 0
    if answered and not nothing and not search.controls.count_only and source.granularity < Granularity.RECORD:
        said.append(NO_RECORDS)
    return [_source_issue(source, total, kind) for kind in said]


def _source_issue(source: ReleasedSource, total: ReleasedCount | None, kind: StatusIssue) -> Resource:
    text = f"source {source.id} {kind.words}"
    return issue(
        kind.severity,
        kind.code,
        text,
        diagnostics=f"{source.id}: {source.reason}" if source.reason else f"{source.id}: {source.status.value}",
        extension=[_source_status(source, total)],
        details={"coding": [{"system": guide().code_system("source-status"), "code": source.status.value}]},
    )


def _source_status(source: ReleasedSource, total: ReleasedCount | None) -> Resource:
    parts: list[Resource] = [
        {"url": "source", "valueString": source.id},
        {"url": "status", "valueCode": source.status.value},
        *(bound_parts(total) if total else []),
        *translation_parts(source),
    ]
    return {"extension": parts, "url": guide().extension("source-status")}

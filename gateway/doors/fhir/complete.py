"""`require-complete`: a search that not every registry answered in full is refused and not answered in part.

503 where asking again may help, because a registry did not answer; 422 where it will not (docs/adr/0014).
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.disclosure.released import ReleasedAnswer
from gateway.doors.fhir.door import Reply
from gateway.doors.fhir.render.bundle import Total, issues_of_sources
from gateway.doors.fhir.search.controls import REQUIRE_COMPLETE
from gateway.doors.fhir.search.parse import Search
from gateway.doors.fhir.wire.outcome import issue, outcome
from gateway.doors.fhir.wire.request import Asked
from gateway.model.values import Precision

PASSING = frozenset({"timeout", "error"})
"""Statuses of a source that may be another the next time."""
UNAVAILABLE, UNPROCESSABLE = 503, 422


def is_required(asked: Asked, search: Search) -> bool:
    """Whether an answer in part is to be refused."""
    return asked.complete or search.controls.complete


def refusal_of(search: Search, answers: Sequence[ReleasedAnswer], total: Total) -> Reply | None:
    """Refusal that names each source which did not fully answer; None where the answers are complete."""
    sources = issues_of_sources(search, answers)
    if not sources and total.precision is Precision.EXACT:
        return None
    passing = any(source.status.value in PASSING for answer in answers for source in answer.sources)
    said = issue(
        "error",
        "incomplete",
        "a complete answer was required and cannot be given",
        diagnostics=f"without {REQUIRE_COMPLETE} the answer is given with its bounds",
        parameter=REQUIRE_COMPLETE,
    )
    return Reply(outcome([said, *sources]), UNAVAILABLE if passing else UNPROCESSABLE)

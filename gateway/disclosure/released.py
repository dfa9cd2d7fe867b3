"""ReleasedAnswer: all that a door may render. Only gateway.disclosure.release makes one.

Doors never see a raw case or a raw answer. A value here is exact, bounded or suppressed, and nothing in it lets a
door compute a number of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from gateway.model.answer import Labels, Status, Translation
from gateway.model.capability import Coverage, Granularity
from gateway.model.dates import Age, DateInterval
from gateway.model.query import CaseQuery
from gateway.model.values import Absent, Precision


@dataclass(frozen=True, slots=True)
class ReleasedCount:
    """A count that may be shown. high is None where nobody can say how many it is at most."""

    low: int
    high: int | None
    precision: Precision


class ReleasedGroup(NamedTuple):
    """ICCC-3 group of a case in one edition; None where the diagnosis leaves it open, `unclassified` where none."""

    edition: str
    main: str | None
    group: str | None
    extended: str | None
    seer_recode: str | None


class ReleasedCase(NamedTuple):
    """A case whose fields the policies allow; a field held back is Absent.WITHHELD (dates: precision shows it).

    A tuple, because a page makes a hundred: a frozen dataclass takes ten times as long to make.
    """

    source: str
    id: str
    patient_id: str
    topography: str | Absent
    morphology: int | Absent
    behaviour: int | Absent
    icd10: str | None
    iccc: tuple[ReleasedGroup, ...]
    icdo_edition: str | None
    incidence: DateInterval
    birth: DateInterval
    age: Age
    sex: str | Absent
    vital_status: str | Absent
    last_contact: DateInterval
    basis: str | Absent
    laterality: str | Absent
    grade: str | Absent
    stage: str | Absent
    country: str | Absent
    sequence: int | None


@dataclass(frozen=True, slots=True)
class ReleasedSource:
    """One source's part: what became of the question there, and its own count where that may be shown.

    Attributes
    ----------
    snapshot, loaded_at
        Id of the data that answered and when it was loaded, ISO 8601; None for a live source.
    excluded
        Whether the question itself leaves the source out; it then answered with nothing, unasked.
    """

    id: str
    title: str
    status: Status
    reason: str | None
    snapshot: str | None
    elapsed_ms: int
    translation: tuple[Translation, ...]
    total: ReleasedCount | None
    granularity: Granularity
    coverage: Coverage
    notes: tuple[str, ...] = ()
    loaded_at: str | None = None
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class ReleasedAnswer:
    """What leaves the gateway.

    Attributes
    ----------
    query, text
        The question as planned and as text in the question grammar.
    granularity
        What this requester gets: boolean, count or record; never more than asked for.
    exists
        True only if the released total is certainly above 0; None where it may not be said.
    total
        Released total of all sources.
    cells
        Labels in the order of `query.by`, and released counts.
    cases
        One page of cases (record granularity only).
    next_cursor
        Opaque signed token of the next page, None on the last.
    lasting
        It stays the answer for as long as the snapshots of the sources serve: no live source was asked, and none
        was out of time or out of order.
    """

    query: CaseQuery
    text: str
    granularity: Granularity
    exists: bool | None
    total: ReleasedCount
    cells: tuple[tuple[Labels, ReleasedCount], ...]
    sources: tuple[ReleasedSource, ...]
    cases: tuple[ReleasedCase, ...]
    next_cursor: str | None
    gateway: str
    asked_at: str
    notes: tuple[str, ...] = ()
    lasting: bool = False

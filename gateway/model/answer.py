"""SourceAnswer and Answer: what sources say and what the merge makes of it. Not yet released to anyone.

Labels of a cell stand in the order of `by`. A source that did not answer is an outcome with a reason, never a zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.model.capability import Coverage
from gateway.model.case import Case
from gateway.model.query import CaseQuery
from gateway.model.values import ZERO, Count

Label = str
Labels = tuple[Label, ...]


class Status(StrEnum):
    """What became of the question at one source (design section 9)."""

    OK = "ok"
    PARTIAL = "partial"
    UNSUPPORTED = "unsupported"
    WITHHELD = "withheld"
    TIMEOUT = "timeout"
    ERROR = "error"


ANSWERED = frozenset({Status.OK, Status.PARTIAL})


@dataclass(frozen=True, slots=True)
class Translation:
    """How one term of the question was put to one source (equivalence in FHIR R4 ConceptMap words)."""

    term: str
    to: str
    equivalence: str
    rows: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """Records of a source of which no case could be made, more of them than its profile allows.

    Any of them may be a tumour that matches, so every count of the source is possibly that much higher.

    Attributes
    ----------
    records
        How many.
    considered
        Of how many records that the profile keeps.
    """

    records: int
    considered: int


@dataclass(frozen=True, slots=True)
class SourceAnswer:
    """What one source answered to one question.

    Attributes
    ----------
    total
        Count of the whole question (for patients: distinct patients, so cells need not add up to it).
    cells
        Labels in the order of the query's `by` without `source`, and their counts; only cells with high > 0.
    cases
        One page of certain matches in a stable order, if records were asked for. For Page.of == "patient" all
        tumours of the patients of the page, grouped by patient.
    next_after
        Position token of the last record, None when there is no further page.
    possible_records
        How many records match only possibly; they are not in `cases`.
    unusable
        Records that could not be used; `total`, the cell of unknown labels and `possible_records` hold them already.
    """

    total: Count = ZERO
    cells: tuple[tuple[Labels, Count], ...] = ()
    cases: tuple[Case, ...] = ()
    next_after: int | None = None
    possible_records: int = 0
    snapshot: str | None = None
    notes: tuple[str, ...] = ()
    unusable: Unusable | None = None


@dataclass(frozen=True, slots=True)
class SourceOutcome:
    """One source's part of an answer, answered or not.

    Attributes
    ----------
    excluded
        The question itself leaves this source out: its zero says nothing of its data, and no policy guards it.
    """

    id: str
    status: Status
    reason: str | None = None
    answer: SourceAnswer | None = None
    translation: tuple[Translation, ...] = ()
    elapsed_ms: int = 0
    coverage: Coverage | None = None
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """All sources together, before release.

    `cells` are over the full `by` of the query, `source` included; `total.high` is None as soon as one source that
    was asked did not answer. `parts` are what each source adds to a cell.
    """

    query: CaseQuery
    text: str
    total: Count
    cells: tuple[tuple[Labels, Count], ...]
    outcomes: tuple[SourceOutcome, ...]
    notes: tuple[str, ...] = ()
    parts: Mapping[Labels, Mapping[str, Count]] = field(default_factory=dict)

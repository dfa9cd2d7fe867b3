"""What a source can answer, said before any row is read.

The planner compares a question with these. A field that a source never fills is not an error: it makes the answer
bounded, and the answer says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from gateway.model.query import Unit


class Granularity(IntEnum):
    """How much may be said: yes or no, a count, or records."""

    BOOLEAN = 0
    COUNT = 1
    RECORD = 2


class Support(StrEnum):
    """Whether a source fills a field."""

    YES = "yes"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a registry registers: declared by its settings, not guessed from rows.

    Attributes
    ----------
    country
        ISO 3166-1 alpha-2, or None for several countries.
    region
        Part of the country, None for all of it.
    years, ages
        First and last incidence year, first and last completed year of age; None where not declared.
    behaviours
        ICD-O-3 behaviours that are registered.
    population_based
        True for a registry of a whole population, False for a cohort or trial.
    multiple_primary_rule
        `iarc`, `seer`, or `none` when not declared.
    overlaps
        Ids of sources declared to hold some of the same tumours.
    """

    country: str | None = None
    region: str | None = None
    years: tuple[int, int] | None = None
    ages: tuple[int, int] | None = None
    behaviours: frozenset[int] = frozenset({0, 1, 2, 3})
    population_based: bool = True
    multiple_primary_rule: str = "none"
    overlaps: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one source can do.

    Attributes
    ----------
    kind, title
        Kind of source (entry point name) and a name for people.
    code_systems
        What diagnoses are coded in, with edition where known, e.g. ("ICDO3", "3.2").
    never
        Question fields that the source can never fill.
    units, granularity
        What it can count and the most it can release technically.
    resolves
        Code systems whose terms the source itself resolves (OMOP concept ids in its own vocabulary).
    snapshot
        Id of the data that answers now, None for a live source.
    loaded_at
        Since when that data serves, ISO 8601 with a zone: whoever asked before it got other data. None for a live
        source.
    cases
        Number of cases, None if not known.
    """

    kind: str
    title: str
    coverage: Coverage = field(default=Coverage())
    code_systems: tuple[tuple[str, str | None], ...] = (("ICDO3", None),)
    never: frozenset[str] = frozenset()
    units: frozenset[Unit] = frozenset(Unit)
    granularity: Granularity = Granularity.RECORD
    resolves: frozenset[str] = frozenset()
    snapshot: str | None = None
    cases: int | None = None
    loaded_at: str | None = None

    def support(self, field_name: str) -> Support:
        """Whether the source ever fills a field."""
        return Support.NEVER if field_name in self.never else Support.YES

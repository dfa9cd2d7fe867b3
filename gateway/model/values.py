"""Three-valued truth, the four ways a value can be absent, and counts with bounds.

Kleene's strong logic: what is not known makes a comparison `POSSIBLE`, never silently yes or no. Exact and
possible counts are reported apart (low = certain, high - low = possible).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Truth(IntEnum):
    """Outcome of a comparison. And = min, or = max, not = 2 - x."""

    NO = 0
    POSSIBLE = 1
    YES = 2


class Absent(StrEnum):
    """Why a value is not there. Nothing is ever defaulted."""

    UNKNOWN = "unknown"
    NOT_COLLECTED = "not-collected"
    NOT_APPLICABLE = "not-applicable"
    WITHHELD = "withheld"


class Precision(StrEnum):
    """How much a count says."""

    EXACT = "exact"
    ROUNDED = "rounded"
    BOUNDED = "bounded"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class Count:
    """A number of tumours or patients with its bounds.

    Attributes
    ----------
    low
        What is certain.
    high
        The most it can be; None where nobody can say (a source did not answer).
    """

    low: int
    high: int | None

    @property
    def precision(self) -> Precision:
        """Exact when both bounds are equal, else bounded."""
        return Precision.EXACT if self.low == self.high else Precision.BOUNDED

    def __add__(self, other: Count) -> Count:
        high = None if self.high is None or other.high is None else self.high + other.high
        return Count(self.low + other.low, high)


ZERO = Count(0, 0)

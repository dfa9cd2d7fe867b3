"""What a load says of itself: per file read = accepted + quarantined + rejected, and why; no patient data.

Quarantined: the record is readable, but its diagnosis code does not exist, its incidence date cannot be, it has no
patient id, or it repeats a patient and tumour. Rejected: no record could be made, or the profile does not keep it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from gateway.model.answer import Unusable

QUARANTINE_LISTED = 10_000
"""Most quarantined records that a report names one by one; the counts are always complete."""
LINES_NAMED = 20
"""Most lines that an issue names."""


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far a load has come.

    Attributes
    ----------
    stage
        `reading`, `normalising`, `building` or `installing`.
    file
        File being read, or None.
    done_bytes, total_bytes
        Bytes of files that have been read completely, and of all files.
    records
        Records read so far.
    """

    source: str
    stage: str
    file: str | None
    done_bytes: int
    total_bytes: int
    records: int


@dataclass(frozen=True, slots=True)
class Issue:
    """Something odd, counted: a value that became unknown, a remark, or a reason for rejecting.

    Attributes
    ----------
    field
        Field of the case, or column or item of the file.
    lines
        Lines of the first records concerned, at most `LINES_NAMED`.
    severity
        `rejected`, `unknown` (the value became unknown) or `note` (the value was taken).
    """

    file: str
    field: str
    reason: str
    count: int
    lines: tuple[int, ...]
    severity: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One record that is kept out; `code` is the offending code when the text is one."""

    file: str
    line: int
    field: str
    reason: str
    code: str | None


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file.

    Attributes
    ----------
    filtered
        Those of `rejected` that the profile's `[[only]]` rules do not keep.
    repeated
        Those of `quarantined` that only repeat a patient and tumour: no tumour is missing for them.
    unknown_columns
        Columns that the profile does not name.
    missing_columns
        Columns that the profile names and the file lacks.
    """

    file: str
    sha256: str
    size_bytes: int
    read: int
    accepted: int
    quarantined: int
    rejected: int
    filtered: int
    repeated: int
    unknown_columns: tuple[str, ...] = ()
    missing_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What became of a load.

    Attributes
    ----------
    snapshot
        Id of the snapshot that serves now.
    reasons
        Reason -> records, for all quarantined and rejected records.
    quarantine
        The first `QUARANTINE_LISTED` quarantined records.
    max_reject_share
        Share of bad records that the profile allows.
    seconds
        Stage -> seconds.
    """

    source: str
    kind: str
    profile: str
    snapshot: str
    terminology: str
    loaded_at: str
    files: tuple[FileReport, ...]
    reasons: Mapping[str, int]
    issues: tuple[Issue, ...]
    quarantine: tuple[Quarantined, ...]
    max_reject_share: float
    seconds: Mapping[str, float]
    forced: bool = False

    @property
    def read(self) -> int:
        """Records read."""
        return sum(file.read for file in self.files)

    @property
    def accepted(self) -> int:
        """Cases of the snapshot."""
        return sum(file.accepted for file in self.files)

    @property
    def quarantined(self) -> int:
        """Records kept out because of what they say."""
        return sum(file.quarantined for file in self.files)

    @property
    def rejected(self) -> int:
        """Records that could not be read or that the profile does not keep."""
        return sum(file.rejected for file in self.files)

    @property
    def considered(self) -> int:
        """Records that the profile keeps, good or bad."""
        return self.read - sum(file.filtered for file in self.files)

    @property
    def bad(self) -> int:
        """Records that the profile keeps and that are no case."""
        return self.considered - self.accepted

    @property
    def bad_share(self) -> float:
        """Share of bad records among those considered; 0 of none."""
        return self.bad / self.considered if self.considered else 0.0

    @property
    def unusable(self) -> Unusable | None:
        """Records in each of which a tumour may be missing, if more are bad than the profile allows."""
        missing = self.bad - sum(file.repeated for file in self.files)
        beyond = self.bad_share > self.max_reject_share
        return Unusable(missing, self.considered) if beyond and missing else None

    def as_json(self) -> dict[str, object]:
        """The report as JSON can hold it."""
        totals = {name: getattr(self, name) for name in ("read", "accepted", "quarantined", "rejected", "bad_share")}
        return asdict(self) | totals

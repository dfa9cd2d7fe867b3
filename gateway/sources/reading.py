"""What a file adapter owes the loader: rows of raw texts in the order of the profile's columns, with their place.

An adapter does not interpret values: value maps, missing codes, dates and codes are data of the profile and shared
code of the loader. Rows stream; an adapter holds at most one patient in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gateway.sources.profile import Profile

NOT_IN_FILE = "\x01"
"""Text of a column that this file cannot hold (an optional column, an item of a later version): not collected."""


class Sink(Protocol):
    """Where an adapter puts what it reads. Every record read is added or rejected exactly once."""

    def add(self, line: int, values: Sequence[str | None]) -> None:
        """One tumour: raw texts in the order of `profile.columns`, None or '' where the file has nothing.

        `line` is the line of the file where the record starts.
        """

    def reject(self, line: int, item: str, reason: str) -> None:
        """One record that is not a case: `item` names the column or element, `reason` holds no patient data."""

    def issue(self, line: int, item: str, reason: str) -> None:
        """Something odd in a record that is added all the same (unknown item, item of another version)."""

    def ended(self) -> None:
        """The file was read to the end that its form marks, as the closing tag of an XML root does.

        Such a file without a record holds none. A file whose form has no mark of its end may be cut off: its reader
        does not call this, and without a record it is refused.
        """

    def csv(
        self,
        path: Path,
        *,
        delimiter: str,
        quote: str,
        encoding: str | tuple[str, ...],
        header: tuple[str, ...],
        skip: int,
    ) -> None:
        """A delimited file (plain or gzip) taken in one piece: the fast way in for tabular kinds.

        `encoding` may be several, tried in order on the whole file. `header` are the names of the file's columns in
        order, `skip` the lines before the first record. Lines with another number of columns are rejected by line
        number; columns of the profile that the header lacks are `NOT_IN_FILE`.
        """


@dataclass(slots=True)
class Record:
    """What is odd about the record at hand: told at once in tolerant mode, kept as problems in strict mode.

    Attributes
    ----------
    line
        Line of the file where the record starts.
    problems
        (item, reason) of a strict mode, in the order met; those of the patient come first.
    """

    line: int
    sink: Sink
    strict: bool
    problems: list[tuple[str, str]] = field(default_factory=list)

    def tell(self, item: str, reason: str) -> None:
        """Count something odd about this record."""
        if self.strict:
            self.problems.append((item, reason))
        else:
            self.sink.issue(self.line, item, reason)

    def finish(self, row: Sequence[str | None]) -> None:
        """Add the record, or reject it for its first problem."""
        if self.problems:
            self.sink.reject(self.line, *self.problems[0])
        else:
            self.sink.add(self.line, row)


class Reader(Protocol):
    """Reads one file into a sink; called once per file, in the order of the settings."""

    def __call__(self, path: Path, profile: Profile, sink: Sink) -> None:
        """Read `path` (plain or gzip).

        Raises
        ------
        gateway.errors.BadFile
            The file cannot be read on: broken, empty, unsafe, of an unknown version; names file and line or item.
        """

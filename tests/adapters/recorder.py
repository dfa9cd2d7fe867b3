"""A sink that remembers what an adapter puts into it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gateway.sources.base import FileKind
from gateway.sources.profile import Profile


class Recorder:
    """Rows, rejects and issues of one reading."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self.rows: list[dict[str, str | None]] = []
        self.lines: list[int] = []
        self.rejects: list[tuple[int, str, str]] = []
        self.issues: Counter[tuple[str, str]] = Counter()
        self.issue_lines: list[int] = []
        self.at_end = False

    def add(self, line: int, values: Sequence[str | None]) -> None:
        self.lines.append(line)
        self.rows.append(dict(zip(self.columns, values, strict=True)))

    def reject(self, line: int, item: str, reason: str) -> None:
        self.rejects.append((line, item, reason))

    def issue(self, line: int, item: str, reason: str) -> None:
        self.issues[item, reason] += 1
        self.issue_lines.append(line)

    def ended(self) -> None:
        self.at_end = True

    def csv(self, path: Path, **_: object) -> None:
        raise AssertionError(f"{path} is no delimited file")


def recorded(kind: FileKind, path: Path, profile: Profile) -> Recorder:
    """What a kind reads of a file."""
    sink = Recorder(profile.columns)
    kind.read(path, profile, sink)
    return sink

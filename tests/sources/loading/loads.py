"""Loads a small text as a user loads a file, and hands back the report and the cases that then answer."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.adapters.tabular import KIND
from gateway.model.capability import Coverage
from gateway.model.case import Case
from gateway.model.query import CaseQuery, Page
from gateway.sources.base import Context, Deadline, FileKind, SourceConfig
from gateway.sources.loading import LoadReport, load_source
from gateway.sources.snapshot import SnapshotSource
from terminology import load

SALT = b"salt of the tests"
SOURCE = "registry"

PROFILE = """
title = "Registry of the tests"
kind = "tabular"
max_reject_share = 1.0
[format]
delimiter = ";"
[fields.patient]
column = "id"
[fields.tumour]
column = "tumour"
[fields.sex]
column = "sex"
values = { 1 = "male", 2 = "female" }
unknown = ["9"]
optional = true
[fields.incidence]
column = "date"
formats = ["YYYYMMDD", "YYYYMM", "YYYY"]
unknown_part = ["99", "9999"]
[fields.diagnosis]
topography = "site"
morphology = "histology"
behaviour = "behaviour"
"""
HEADER = "id;tumour;sex;date;site;histology;behaviour"
GOOD = "p1;1;1;20100203;C74.9;9500;3"


@dataclass(frozen=True)
class Loaded:
    """What a load gave."""

    report: LoadReport
    cases: tuple[Case, ...]

    def case(self, patient: str, tumour: str = "1") -> Case:
        """The case of a patient and tumour of the file."""
        wanted = key_of(patient, tumour)
        return next(case for case in self.cases if case.case_id == wanted)

    @property
    def sums(self) -> tuple[int, int, int, int]:
        """Read, accepted, quarantined, rejected."""
        report = self.report
        return report.read, report.accepted, report.quarantined, report.rejected


def key_of(*parts: str) -> str:
    """Pseudonym of a patient, or of a patient and tumour."""
    text = "\x1f".join((SALT.hex(), SOURCE, *parts))
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def context() -> Context:
    return Context(load(), SALT)


def config_of(
    folder: Path, locations: Sequence[Path | str], profile: str, coverage: Coverage | None = None
) -> SourceConfig:
    """Settings of one source over files; `profile` is a name, or the text of a profile."""
    if "\n" in profile:
        path = folder / "profile.toml"
        path.write_text(profile, encoding="utf-8")
        profile = str(path)
    return SourceConfig(
        id=SOURCE,
        kind="tabular",
        title="Registry of the tests",
        locations=tuple(map(str, locations)),
        profile=profile,
        coverage=coverage or Coverage(),
        data=folder / "data",
        where="iccd.toml [sources.registry]",
    )


def load_files(
    folder: Path,
    files: Mapping[str, str | bytes],
    profile: str = PROFILE,
    *,
    kind: FileKind = KIND,
    force: bool = False,
    coverage: Coverage | None = None,
) -> Loaded:
    """Write files, load them in their order, and ask the snapshot for every case."""
    paths = []
    for name, content in files.items():
        path = folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        paths.append(path)
    config = config_of(folder, paths, profile, coverage)
    report = load_source(config, context(), kind, force=force)
    return Loaded(report, served(config))


def load_lines(folder: Path, *lines: str, profile: str = PROFILE, header: str = HEADER) -> Loaded:
    """Load one file of a header and these lines."""
    return load_files(folder, {"file.csv": "\n".join((header, *lines, ""))}, profile)


def served(config: SourceConfig) -> tuple[Case, ...]:
    """Every case of the snapshot that serves."""
    source = SnapshotSource(config, context())
    try:
        cases: tuple[Case, ...] = ()
        after: int | None = None
        while True:
            query = CaseQuery(page=Page(limit=1000, after=after))
            answer = asyncio.run(source.answer(query, Deadline.after(30)))
            cases += answer.cases
            after = answer.next_after
            if after is None:
                return cases
    finally:
        source.close()

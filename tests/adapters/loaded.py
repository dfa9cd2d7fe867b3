"""A file loaded into a snapshot by its profile, and what the snapshot then answers."""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path

from gateway.model.answer import SourceAnswer
from gateway.model.query import CaseQuery
from gateway.model.values import Count
from gateway.sources.base import Context, Deadline, FileKind, SourceConfig
from gateway.sources.loading.load import load_source
from gateway.sources.loading.report import LoadReport
from gateway.sources.snapshot import SnapshotSource
from terminology import load


@cache
def context() -> Context:
    return Context(load(), b"0123456789abcdef" * 2)


def loaded(
    kind: FileKind, data: Path, path: Path, profile: str | None = None, *, force: bool = False
) -> tuple[LoadReport, SourceConfig]:
    """Report of loading one location, and the source it then is."""
    config = SourceConfig("test", kind.name, "test", (str(path),), profile=profile, data=data)
    return load_source(config, context(), kind, force=force), config


def counts(config: SourceConfig, *by: str) -> dict[str, Count]:
    """Cells of a table over all cases of a loaded source."""
    return {", ".join(labels): count for labels, count in _answer(config, CaseQuery(by=by)).cells}


def total(config: SourceConfig) -> Count:
    """Tumours of a loaded source."""
    return _answer(config, CaseQuery()).total


def _answer(config: SourceConfig, query: CaseQuery) -> SourceAnswer:
    source = SnapshotSource(config, context())
    try:
        return asyncio.run(source.answer(query, Deadline.after(30)))
    finally:
        source.close()

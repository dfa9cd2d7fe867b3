"""The reference source passes the suite that it is the reference of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gateway.model.case import Case
from gateway.sources.base import Context, Source
from gateway.sources.testing import MemorySource, SourceContract


class TestMemorySource(SourceContract):
    def open_source(self, cases: Sequence[Case], tmp_path: Path, context: Context) -> Source:
        return MemorySource("memory", tuple(cases), context.terminology)

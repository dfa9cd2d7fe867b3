"""A snapshot gives the answers of the oracle, from the cube and from rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gateway.model.case import Case
from gateway.sources.base import Context, Source
from gateway.sources.testing import SourceContract

from .cases import open_cases


class TestSnapshot(SourceContract):
    def open_source(self, cases: Sequence[Case], tmp_path: Path, context: Context) -> Source:
        return open_cases(cases, tmp_path, context)

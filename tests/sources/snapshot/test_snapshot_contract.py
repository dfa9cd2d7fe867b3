"""A snapshot gives the answers of the oracle: from the cube, from rows kept in memory, and by SQL."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.model.case import Case, Diagnosis
from gateway.sources import tabulate
from gateway.sources.base import Context, Source
from gateway.sources.snapshot import counting, cube, dense, ordered, records, rows
from gateway.sources.testing import DIAGNOSES, SourceContract

from .cases import open_cases


class TestSnapshot(SourceContract):
    # ICD-10 beside axes that mean the same, and something else.
    diagnoses = (
        *DIAGNOSES,
        Diagnosis("C74.9", 9490, 3, icd10="C74.9"),
        Diagnosis("C74.9", 9490, 6, icd10="C74.9"),
        Diagnosis("C74.0", 9500, 3, icd10="C71.7"),
    )

    def open_source(self, cases: Sequence[Case], tmp_path: Path, context: Context) -> Source:
        return open_cases(cases, tmp_path, context)


class TestSnapshotLargerThanItsCaches(TestSnapshot):
    """The same with zones, blocks and runs of a few rows, and with nothing summed in dense arrays."""

    examples = 5

    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for module, name, size in (
            (cube, "ZONE", 2),
            (cube, "DENSE_KEYS", 0),
            (tabulate, "DENSE_CELLS", 0),
            (records, "BLOCK", 4),
            (records, "DENSE", 2),
            (rows, "ZONE", 2),
            (rows, "MOST_ZONES", 3),
            (dense, "SMALL", 0),
            (dense, "SPARSE", 0),
            (ordered, "RUN", 2),
            (ordered, "WHOLE", 1),
        ):
            monkeypatch.setattr(module, name, size)


class TestSnapshotTooLargeForMemory(TestSnapshot):
    """The same where questions over rows are SQL, nothing is kept, and all work goes to the pool."""

    examples = 5

    @pytest.fixture(autouse=True)
    def _none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cube, "ROWS_IN_MEMORY", -1)
        monkeypatch.setattr(rows, "ROWS_IN_MEMORY", -1)
        monkeypatch.setattr(records, "RUN", 2)
        monkeypatch.setattr(cube, "MARGINAL_BYTES", 0)
        monkeypatch.setattr(cube, "FRAME_BYTES", 0)
        monkeypatch.setattr(counting, "FRAME_BYTES", 0)
        monkeypatch.setattr(counting, "INLINE_ROWS", -1)

"""The shipped terminology, built once for this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from terminology import Terminology
from terminology.build import build
from terminology.store import Store


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh build of the shipped tables; treat as read-only."""
    path = tmp_path_factory.mktemp("terminology") / "terminology.sqlite"
    build(path)
    return path


@pytest.fixture(scope="session")
def terms(built: Path) -> Terminology:
    """The shipped terminology."""
    return Terminology(Store(built))

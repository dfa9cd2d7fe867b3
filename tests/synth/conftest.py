"""A truth table without dirt and one with, made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from gateway.synth.truth import make_truth

CASES = 20_000
SEED = 7


@pytest.fixture(scope="session")
def clean_truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_truth(CASES, SEED, tmp_path_factory.mktemp("truth") / "truth.parquet")


@pytest.fixture(scope="session")
def dirty_truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_truth(CASES, SEED, tmp_path_factory.mktemp("truth") / "truth.parquet", dirt=True)


@pytest.fixture
def sql() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def nothing(_done: int) -> None:
    """Progress that nobody watches."""

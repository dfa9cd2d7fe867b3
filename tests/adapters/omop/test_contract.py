"""The contract suite over DuckDB and over PostgreSQL: both agree with the oracle on what OMOP keeps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

import terminology
from gateway.adapters.omop import open_omop
from gateway.model.case import Case
from gateway.sources.base import Context, Source, SourceConfig
from gateway.sources.testing import SOURCE, SourceContract
from tests.adapters.omop.building import database_of, omop_registry


class OmopContract(SourceContract):
    def represent_registry(self, cases: Sequence[Case]) -> tuple[Case, ...]:
        return omop_registry(cases, terminology.load())


class TestDuckDb(OmopContract):
    def open_source(self, cases: Sequence[Case], tmp_path: Path, context: Context) -> Source:
        location = database_of(cases).write_duckdb(tmp_path / "cdm.duckdb")
        return open_omop(SourceConfig(SOURCE, "omop", "contract", (location,)), context)


@pytest.mark.postgres
class TestPostgres(OmopContract):
    @pytest.fixture(autouse=True)
    def _server(self, postgres_url: str) -> None:
        self.url = postgres_url

    def open_source(self, cases: Sequence[Case], tmp_path: Path, context: Context) -> Source:
        database_of(cases).write_postgres(self.url, "contract")
        options = {"schema": "contract"}
        return open_omop(SourceConfig(SOURCE, "omop", "contract", (self.url,), options=options), context)

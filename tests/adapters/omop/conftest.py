"""A PostgreSQL server for the tests of this folder, started once, and sources on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.omop.servers import Opener, on_duckdb, on_postgres
from tests.conftest import IN_CI
from tests.postgres import NoPostgres, running_postgres


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """URL of an empty database of a real server."""
    server = running_postgres()
    try:
        url = server.__enter__()
    except NoPostgres as reason:
        if IN_CI:
            pytest.fail(str(reason))
        pytest.skip(str(reason))
    try:
        yield url
    finally:
        server.__exit__(None, None, None)


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens a source over a database that a test makes up, on each engine in turn."""
    opener = on_duckdb(tmp_path) if request.param == "duckdb" else on_postgres(request.getfixturevalue("postgres_url"))
    yield opener
    opener.close()

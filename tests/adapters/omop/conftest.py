"""A PostgreSQL server for the tests of this folder, started once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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

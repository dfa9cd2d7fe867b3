"""What all tests share: where the real files of other projects are, and a home of their own for user files."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
IN_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")
ABSENT = "../shared (real files of other projects) is not here"

# In CI nothing is skipped for it: a test that finds no ../shared fails there.
needs_shared = pytest.mark.skipif(not SHARED.is_dir() and not IN_CI, reason=ABSENT)

_HOME = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder ../shared; the test is skipped where it is absent, and fails in CI."""
    if not SHARED.is_dir():
        if IN_CI:
            pytest.fail(ABSENT)
        pytest.skip(ABSENT)
    return SHARED


def pytest_configure(config: pytest.Config) -> None:
    """Keep a developer's own terminology, with packs that a test does not expect, out of the tests."""
    home = tempfile.TemporaryDirectory(prefix="iccd-tests-")
    config.stash[_HOME] = home
    os.environ["XDG_DATA_HOME"] = home.name
    os.environ.pop("ICCD_TERMINOLOGY", None)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the home."""
    config.stash[_HOME].cleanup()

"""Where terminology files stand: the one named by ICCD_TERMINOLOGY, the user's own with packs, and the pure build."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path

from terminology.tablefiles import table_digests

VARIABLE = "ICCD_TERMINOLOGY"


def default_path() -> Path:
    """The file to open: ICCD_TERMINOLOGY, else the user's own file with loaded packs, else the built one."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    own = user_path()
    return own if own.is_file() else built_path()


def user_path() -> Path:
    """Where `iccd terminology load` puts its file: ICCD_TERMINOLOGY, or the user's data folder."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "iccd" / "terminology.sqlite"


def built_path() -> Path:
    """Where the pure build of this version's tables stands in the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "iccd" / f"terminology-{_digest()[:16]}.sqlite"


@lru_cache(maxsize=1)
def expected_digests() -> dict[str, str]:
    """Sha256 of every table that this version ships, by name."""
    return table_digests()


def _digest() -> str:
    """Of the tables and of the code that builds from them: another version of either builds a file of its own."""
    total = hashlib.sha256("\n".join(sorted(expected_digests().values())).encode())
    for name in ("axes.py", "build.py", "build_icd10.py"):
        total.update((Path(__file__).parent / name).read_bytes())
    return total.hexdigest()

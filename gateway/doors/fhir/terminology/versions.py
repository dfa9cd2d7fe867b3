"""Versions of code systems and value sets: patterns, order, and the rules of a request.

Parameters system-version, check-system-version and force-system-version of $expand and $validate-code (R5
valueset-operation-expand.html; R4 has them for $expand), and the same for value sets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

WILDCARDS = frozenset({"x", "X", "*"})


@dataclass(frozen=True, slots=True)
class VersionRule:
    """What a request says of the version of one canonical: mode is `default`, `check` or `override`."""

    parameter: str
    mode: str
    url: str
    version: str


def matches(pattern: str, version: str) -> bool:
    """Whether a version is the one asked for, where a part `x` stands for any."""
    if pattern == version:
        return True
    wanted, given = pattern.split("."), version.split(".")
    if not WILDCARDS & set(wanted) or len(given) < len(wanted):
        return False
    if len(given) > len(wanted) and wanted[-1] not in WILDCARDS:
        return False
    return all(part in WILDCARDS or part == own for part, own in zip(wanted, given, strict=False))


def order(version: str) -> tuple[tuple[int, int, str], ...]:
    """Key that sorts versions: numbers by value, words by letters."""
    parts = re.split(r"[.\-+]", version)
    return tuple((1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts)


def latest(versions: Iterable[str]) -> str:
    """The newest of versions, '' if there is none."""
    return max(versions, key=order, default="")


def listed(versions: Iterable[str]) -> str:
    """Versions in a sentence."""
    known = sorted(versions)
    return known[0] if len(known) == 1 else f"{', '.join(known[:-1])} or {known[-1]}" if known else ""

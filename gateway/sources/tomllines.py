"""Line of a key in TOML text, which tomllib does not tell: errors of settings, profiles and policies name it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

KeyLines = Mapping[tuple[str, ...], int]

_HEADER = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_.\"' -]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"\s*([A-Za-z0-9_.\"'-]+)\s*=")


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Line of the first mention of each table and key; keys inside inline tables stand on their parent's line."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), start=1):
        if header := _HEADER.match(line):
            table = _path(header[1])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault((*table, *_path(key[1])), number)
    return lines


def nearest_line(lines: KeyLines, path: Sequence[str]) -> int | None:
    """Line of a key, else of the nearest table around it that is written out."""
    for end in range(len(path), 0, -1):
        if (line := lines.get(tuple(path[:end]))) is not None:
            return line
    return None


def place_of(file: str, lines: KeyLines, path: Sequence[str]) -> str:
    """`file:line a.b.c`, without the line where nothing of the path is written out."""
    line = nearest_line(lines, path)
    return f"{file}:{line} {'.'.join(path)}" if line else f"{file} {'.'.join(path)}"


def _path(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))

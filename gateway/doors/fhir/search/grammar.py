r"""FHIR search grammar: escapes, prefixes, tokens (R4 search.html sections 3.1.1.4 and 3.1.1.5.10).

`\,` `\|` `\$` `\\` stand for the characters themselves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")

_PIECE = re.compile(r"\\.|.", re.DOTALL)
_ESCAPED = re.compile(r"\\([\\,|$])")


@dataclass(frozen=True, slots=True)
class Token:
    """`system|code`; system is None where no bar was written, '' for `|code`."""

    system: str | None
    code: str


def alternatives(value: str) -> tuple[str, ...]:
    """Parts of a comma list, still escaped."""
    return _split(value, ",")


def token(text: str) -> Token:
    """Read one token value."""
    system, *code = _split(text, "|")
    if not code:
        return Token(None, unescape(system))
    return Token(unescape(system), unescape("|".join(code)))


def prefixed(text: str) -> tuple[str, str]:
    """Prefix and rest of an ordered value; `eq` where none is written."""
    return (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)


def unescape(text: str) -> str:
    """Value without its escapes."""
    return _ESCAPED.sub(r"\1", text)


def _split(text: str, separator: str) -> tuple[str, ...]:
    if "\\" not in text:
        return tuple(text.split(separator))
    parts = [""]
    for piece in _PIECE.findall(text):
        if piece == separator:
            parts.append("")
        else:
            parts[-1] += piece
    return tuple(parts)

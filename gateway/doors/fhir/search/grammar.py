r"""FHIR search grammar: escapes, prefixes, tokens (R4 search.html sections 3.1.1.4 and 3.1.1.5.10).

`\,` `\|` `\$` `\\` stand for the characters themselves.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gateway.errors import BadQuestion, Unsupported

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")

_PIECE = re.compile(r"\\.|.", re.DOTALL)
_STRANGE_PREFIX = re.compile(r"[A-Za-z]{2}(?=\d)", re.ASCII)
_ESCAPED = re.compile(r"\\([\\,|$])")


@dataclass(frozen=True, slots=True)
class Token:
    """`system|code`; system is None where no bar was written, '' for `|code`."""

    system: str | None
    code: str


def alternatives(value: str) -> tuple[str, ...]:
    """Parts of a comma list, still escaped."""
    return _split(value, ",")


def components(value: str) -> tuple[str, ...]:
    """Parts of a composite value, still escaped."""
    return _split(value, "$")


def token(text: str) -> Token:
    """Read one token value."""
    system, *code = _split(text, "|")
    if not code:
        return Token(None, unescape(system))
    return Token(unescape(system), unescape("|".join(code)))


def of_system(
    values: Sequence[str], urls: Collection[str], parameter: str, expected: str
) -> tuple[tuple[str, ...], bool]:
    """Codes asked of an element whose codings have one code system, and whether `system|` asks for all of them.

    The system may be left out. `|code` means a code that has no system; no coding here is such a one.

    Parameters
    ----------
    urls
        URLs of the code system.
    expected
        Codes, for the error.

    Raises
    ------
    BadQuestion
        Another code system is named, or nothing.
    """
    codes, whole = [], False
    for found in map(token, values):
        if found.system not in {None, "", *urls} or not (found.code.strip() or found.system):
            where = f"{expected}, with or without {next(iter(urls))}|"
            said = f"unknown code system {found.system!r}" if found.system else "has no code"
            raise BadQuestion(said, where=parameter, expected=where)
        if found.system in urls and not found.code.strip():
            whole = True
        elif found.system != "":
            codes.append(found.code)
    return tuple(codes), whole


def prefixed(text: str) -> tuple[str, str]:
    """Prefix and rest of an ordered value; `eq` where none is written."""
    return (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)


def compared(text: str, parameter: str) -> tuple[str, str]:
    """Prefix and rest of an ordered value.

    Raises
    ------
    Unsupported
        Two other letters stand before a digit: a prefix that there is not.
    """
    if text[:2] not in PREFIXES and _STRANGE_PREFIX.match(text):
        raise Unsupported(f"no prefix {text[:2]!r} here", where=parameter, expected=f"one of {', '.join(PREFIXES)}")
    return prefixed(text)


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

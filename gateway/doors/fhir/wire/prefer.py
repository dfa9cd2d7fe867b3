"""Prefer headers (RFC 7240), of which R4 uses `handling` (http.html section 3.1.0.1.10, search.html section 3.1.1.3.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_ESCAPED = re.compile(r"\\.")
_SEPARATOR = re.compile(r"[,;]")


def preferences(headers: Iterable[str]) -> Mapping[str, str]:
    """Preferences and their parameters in small letters, the value '' where there is none; of two the first counts.

    Parameters
    ----------
    headers
        Values of all Prefer headers in their order.
    """
    found: dict[str, str] = {}
    for header in headers:
        parts = _ESCAPED.sub("", header).split('"')
        plain = "".join(_SEPARATOR.sub(" ", part) if index % 2 else part for index, part in enumerate(parts))
        for wish in _SEPARATOR.split(plain):
            name, _, value = wish.partition("=")
            if name.strip():
                found.setdefault(name.strip().lower(), value.strip().lower())
    return found

"""Links of a search set: self says what was applied, next carries every parameter and the token of the page.

R4 search.html section 3.1.1.5: absolute URLs; a value that names a record stays out of links where it came by POST.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.search.controls import CURSOR

_SAFE = ":/,().*_-~"

Applied = Sequence[tuple[str, str]]


def links(address: str, applied: Applied, cursor: str | None, following: str | None) -> list[Resource]:
    """Link elements.

    Parameters
    ----------
    address
        URL of what was searched, without parameters.
    applied
        Parameters that may stand in a URL, as written.
    cursor, following
        Token of this page and of the next, None where there is none.
    """
    here = [*applied, *([(CURSOR, cursor)] if cursor else [])]
    found = [{"relation": "self", "url": _url(address, here)}]
    if following:
        found.append({"relation": "next", "url": _url(address, [*applied, (CURSOR, following)])})
    return found


def _url(address: str, pairs: Applied) -> str:
    text = "&".join(f"{quote(name, safe=':._-')}={quote(value, safe=_SAFE)}" for name, value in pairs)
    return f"{address}{'?' if text else ''}{text}"

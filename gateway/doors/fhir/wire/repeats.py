"""Answers that are sent again: what left once for a request leaves again for the same one while the snapshots serve.

Only released answers that hold as long as the snapshots do are kept, so neither a live source nor one that was out of
time is remembered; a request that says who asks is never kept.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeAlias

from cachetools import LRUCache
from starlette.requests import Request
from starlette.responses import Response

from gateway.doors.fhir.wire.conditional import CONDITIONAL
from gateway.doors.fhir.wire.respond import sent_again

MOST_BYTES = 64 << 20
LARGEST_BYTES = 4 << 20
HEADER_BYTES = 1024

Key: TypeAlias = tuple[Hashable, ...]


class Repeats:
    """Kept answers of one door, least recently used out first."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._kept: LRUCache[Key, Response] = LRUCache(most_bytes, _size)

    def key(self, request: Request, snapshots: tuple[str | None, ...]) -> Key | None:
        """All that an answer depends on; None where it is not to be kept.

        Parameters
        ----------
        snapshots
            Snapshot that each source answers from now.
        """
        headers = request.headers
        if request.method not in CONDITIONAL or "authorization" in headers:
            return None
        scope = request.scope
        wishes = tuple(headers.getlist("prefer"))
        return scope["path"], scope["query_string"], headers.get("accept"), wishes, snapshots

    def get(self, request: Request, key: Key | None) -> Response | None:
        """The answer to a request that was answered before."""
        known = self._kept.get(key) if key else None
        return None if known is None else sent_again(request, known)

    def put(self, request: Request, key: Key | None, response: Response) -> Response:
        """Keep an answer, if it is a whole one, and give it back."""
        if key and request.method == "GET" and response.status_code == 200 and len(response.body) <= LARGEST_BYTES:
            self._kept[key] = response
        return response


def _size(response: Response) -> int:
    return len(response.body) + HEADER_BYTES

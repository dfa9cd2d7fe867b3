"""Answers that are sent again: what left once for a request leaves again for the same one while it holds.

Only released answers that hold as long as the snapshots do, or for as long as the process does, are kept, so neither a
live source nor one that was out of time is remembered; a request that says who asks is never kept. A kept answer is
found before any route is looked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from cachetools import LRUCache
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.doors.fhir.wire.conditional import CONDITIONAL
from gateway.doors.fhir.wire.respond import sent_again

MOST_BYTES = 64 << 20
LARGEST_BYTES = 8 << 20
HEADER_BYTES = 1024
WISHES = frozenset({b"accept", b"accept-language", b"prefer"})
PRECONDITIONS = frozenset({b"if-match", b"if-unmodified-since"})
"""Wishes that an answer may have to refuse, which the routes do."""
CONDITIONS = frozenset({b"if-none-match", b"if-modified-since", *PRECONDITIONS})

Snapshots: TypeAlias = tuple[str | None, ...]
"""Snapshot that each source answers from."""
Key: TypeAlias = tuple[str, bytes, tuple[tuple[bytes, bytes], ...]]


class Repeat(NamedTuple):
    """A kept answer; snapshots None where it hangs on none."""

    response: Response
    snapshots: Snapshots | None


class Repeats:
    """Kept answers of one door, least recently used out first.

    Parameters
    ----------
    snapshots
        Gives what each source answers from now.
    """

    def __init__(self, snapshots: Callable[[], Snapshots], most_bytes: int = MOST_BYTES) -> None:
        self.snapshots = snapshots
        self._kept: LRUCache[Key, Repeat] = LRUCache(most_bytes, _size)

    def get(self, scope: Scope) -> Response | None:
        """The answer to a request (ASGI scope) that was answered before."""
        key = _key(scope)
        known = self._kept.get(key) if key else None
        if known is None or known.snapshots not in (None, self.snapshots()):
            return None
        return known.response

    def put(self, request: Request, response: Response, snapshots: Snapshots | None = None) -> Response:
        """Keep a whole answer to a GET, and give it back.

        Parameters
        ----------
        snapshots
            What the sources answered from before it was made; if they have switched since, it is not kept. None for
            an answer that hangs on no source.
        """
        key = _key(request.scope)
        whole = request.method == "GET" and response.status_code == 200 and len(response.body) <= LARGEST_BYTES
        if key and whole and snapshots in (None, self.snapshots()):
            self._kept[key] = Repeat(response, snapshots)
        return response


class SentAgain:
    """Layer that answers what is kept before anything else is done."""

    def __init__(self, app: ASGIApp, repeats: Repeats) -> None:
        self._app = app
        self._repeats = repeats

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        known = self._repeats.get(scope) if scope["type"] == "http" else None
        if known is None:
            await self._app(scope, receive, send)
            return
        if scope["method"] != "GET" or any(name in CONDITIONS for name, _ in scope["headers"]):
            if any(name in PRECONDITIONS for name, _ in scope["headers"]):
                await self._app(scope, receive, send)
                return
            known = sent_again(Request(scope), known)
        await known(scope, receive, send)


def _key(scope: Scope) -> Key | None:
    """All that an answer depends on; None where it is not to be kept."""
    if scope["method"] not in CONDITIONAL:
        return None
    wishes = []
    for pair in scope["headers"]:
        if pair[0] in WISHES:
            wishes.append(tuple(pair))
        elif pair[0] == b"authorization":
            return None
    return scope["path"], scope["query_string"], tuple(wishes)


def _size(repeat: Repeat) -> int:
    return len(repeat.response.body) + HEADER_BYTES

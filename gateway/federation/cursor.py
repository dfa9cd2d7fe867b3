"""Paging cursor over all sources: opaque, signed, stateless. It holds no value of a record.

It names the question (by hash), the source and the position in it (for an ordered page, the position in every
source), and the snapshot of every source; when one of those no longer serves, the page is gone (410) rather than
silently different.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from gateway.errors import BadQuestion, Expired

SIGNATURE_BYTES = 16


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next page starts: source id and position token of the last record seen there (None = its start)."""

    source: str
    after: int | None


@dataclass(frozen=True, slots=True)
class Places:
    """Where the next ordered page starts.

    Attributes
    ----------
    passed
        For each source, how many of its records stand on earlier pages; None if it has no more.
    """

    passed: Mapping[str, int | None]


def encode(cursor: Cursor | Places, question: str, snapshots: Mapping[str, str | None], key: bytes) -> str:
    """URL-safe token of a cursor."""
    body = orjson.dumps([*_position(cursor, snapshots), _digest(question), _digest(_snapshots(snapshots))])
    return base64.urlsafe_b64encode(_sign(body, key) + body).rstrip(b"=").decode()


def decode(token: str, question: str, snapshots: Mapping[str, str | None], key: bytes) -> Cursor | Places:
    """Cursor of a token.

    Raises
    ------
    BadQuestion
        The token was not made here, or for another question.
    Expired
        A source answers from another snapshot now.
    """
    raw = _raw(token)
    signature, body = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _sign(body, key)):
        raise BadQuestion("this page token was not made here", where="page", expected="a link of an earlier answer")
    source, after, asked, served = orjson.loads(body)
    if asked != _digest(question):
        raise BadQuestion("this page token belongs to another question", where="page", expected="the link unchanged")
    if served != _digest(_snapshots(snapshots)):
        raise Expired("the data has been renewed since this page was made", where="page", expected="a new search")
    return Places(dict(zip(sorted(snapshots), after, strict=True))) if source is None else Cursor(source, after)


def _position(cursor: Cursor | Places, snapshots: Mapping[str, str | None]) -> tuple[str | None, object]:
    """Source and position; of all sources the positions alone, in order of their ids."""
    if isinstance(cursor, Cursor):
        return cursor.source, cursor.after
    return None, [cursor.passed.get(name) for name in sorted(snapshots)]


def _raw(token: str) -> bytes:
    try:
        return base64.b64decode(token.encode() + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadQuestion("this page token is broken", where="page", expected="a link of an earlier answer") from error


def _sign(body: bytes, key: bytes) -> bytes:
    return hmac.new(key, body, hashlib.sha256).digest()[:SIGNATURE_BYTES]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _snapshots(snapshots: Mapping[str, str | None]) -> str:
    return "\n".join(f"{name}={snapshots[name]}" for name in sorted(snapshots))

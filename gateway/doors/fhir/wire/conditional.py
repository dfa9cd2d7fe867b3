"""Validators and conditional requests (RFC 9110 sections 8.8 and 13, R4 http.html section 3.1.0.5).

The tag of an answer is a digest of its bytes, so that every process that gives the same answer gives the same tag; a
read of one record has its version as a weak tag. If-Match and If-Unmodified-Since go before If-None-Match, and that
before If-Modified-Since.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Mapping
from email.utils import format_datetime, parsedate_to_datetime

CONDITIONAL = frozenset({"GET", "HEAD"})
VARY = "Accept, Accept-Language, Authorization, Prefer"

_TAG = re.compile(r'(?:W/)?("[^"]*")')


def validators(body: bytes, known: Mapping[str, str]) -> dict[str, str]:
    """Headers by which an answer is recognised again.

    Parameters
    ----------
    body
        Not looked at where the tag is known.
    known
        Headers of the answer so far; an ETag among them stays.
    """
    return {**known, "ETag": known.get("ETag") or tag_of(body), "Vary": VARY, "Cache-Control": "private, no-cache"}


def tag_of(*parts: bytes) -> str:
    """Strong tag of an answer that consists of these parts."""
    return f'"{hashlib.sha256(b"".join(parts)).hexdigest()[:32]}"'


def is_unchanged(asked: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    """Whether a client already has what these headers stand for.

    Parameters
    ----------
    asked
        Headers of the request.
    headers
        Headers of the answer.
    """
    wanted = asked.get("if-none-match")
    if wanted is not None:
        return wanted.strip() == "*" or _opaque(headers["ETag"]) in _TAG.findall(wanted)
    since, changed = asked.get("if-modified-since"), headers.get("Last-Modified")
    if since is None or changed is None:
        return False
    moment = _moment(since)
    return moment is not None and parsedate_to_datetime(changed) <= moment


def failed_condition(asked: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """Header by which a client wants the answer as it was, where it is another now; '' where it is not.

    Tags are compared as FHIR writes them: the weak tag of a version matches itself (R4 http.html section 3.1.0.5).

    Parameters
    ----------
    asked
        Headers of the request; If-Unmodified-Since counts where there is no If-Match.
    headers
        Headers of the answer.
    """
    wanted = asked.get("if-match")
    if wanted is not None:
        held = wanted.strip() == "*" or _opaque(headers["ETag"]) in _TAG.findall(wanted)
        return "" if held else "If-Match"
    since, changed = asked.get("if-unmodified-since"), headers.get("Last-Modified")
    moment = _moment(since) if since and changed else None
    return "If-Unmodified-Since" if moment and changed and parsedate_to_datetime(changed) > moment else ""


def http_date(instant: str) -> str:
    """HTTP date of a FHIR instant."""
    return format_datetime(dt.datetime.fromisoformat(instant).astimezone(dt.UTC), usegmt=True)


def changed_header(moment: str | None) -> dict[str, str]:
    """Last-Modified of a FHIR instant, if there is one."""
    return {"Last-Modified": http_date(moment)} if moment else {}


def instant(date: str) -> str | None:
    """FHIR instant of an HTTP date; None if it is none."""
    moment = _moment(date)
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def _opaque(tag: str) -> str:
    return tag.removeprefix("W/")


def _moment(date: str) -> dt.datetime | None:
    try:
        found = parsedate_to_datetime(date)
    except ValueError:
        return None
    return found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found.astimezone(dt.UTC)

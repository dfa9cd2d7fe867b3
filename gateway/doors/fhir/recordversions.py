"""Versions of records: the snapshot that a record comes from, as this gateway releases it (R4 resource.html, Meta).

A registry that is asked live has no versions: its records carry neither versionId nor lastUpdated.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from gateway import __version__
from gateway.disclosure.policy import Policy
from gateway.disclosure.released import ReleasedAnswer
from gateway.doors.fhir.definitions import Resource, guide

LASTING = frozenset({"ok", "partial", "unsupported", "withheld"})
"""What becomes of a question at a source for as long as its snapshot serves."""
ANSWERED = frozenset({"ok", "partial"})

_ID = re.compile(r"[A-Za-z0-9.-]{1,48}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Version:
    """Version of every record of one snapshot.

    Attributes
    ----------
    id
        meta.versionId.
    updated
        meta.lastUpdated, an instant; None where nobody told when the snapshot was loaded.
    """

    id: str
    updated: str | None

    def meta(self) -> Resource:
        """Its elements of Meta."""
        updated = {"lastUpdated": self.updated} if self.updated else {}
        return {"versionId": self.id, **updated}


def release_digest(policy: Policy | None) -> str:
    """Eight digits that differ where another policy or program makes another record of the same snapshot."""
    rules = () if policy is None else (sorted(policy.fields.items()), sorted(policy.tiers))
    return hashlib.sha256(f"{__version__} {guide().version} {rules}".encode()).hexdigest()[:8]


@lru_cache(maxsize=1024)
def version_of(snapshot: str, loaded_at: str | None, digest: str) -> Version:
    """Version of the records of a snapshot under a policy, see `release_digest`."""
    known = snapshot if _ID.fullmatch(snapshot) else hashlib.sha256(snapshot.encode()).hexdigest()[:32]
    return Version(f"{known}-{digest}", instant_of(loaded_at))


def with_version(resource: Resource, version: Version | None) -> Resource:
    """A record whose meta tells its version."""
    return {**resource, "meta": {**version.meta(), **resource["meta"]}} if version else resource


def last_changed(answers: Iterable[ReleasedAnswer]) -> str | None:
    """When the data behind answers last changed, an instant; None where it is not known or may change any time."""
    sources = [source for answer in answers for source in answer.sources if not source.excluded]
    moments = [instant_of(source.loaded_at) for source in sources if source.status.value in ANSWERED]
    if not all(source.status.value in LASTING for source in sources) or not all(moments):
        return None
    return max((moment for moment in moments if moment), default=None)


def instant_of(moment: str | None) -> str | None:
    """FHIR instant of a moment in UTC."""
    return moment.replace("+00:00", "Z") if moment else None

"""Door: what the interactions of one gateway's FHIR door share. Made once, never changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field

from cachetools import LRUCache

from gateway.access.requester import ANONYMOUS, Requester
from gateway.disclosure.released import ReleasedAnswer, ReleasedSource
from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.recordversions import Version, release_digest, version_of, with_version
from gateway.doors.fhir.render.condition import ConditionRenderer, GroupName, source_url
from gateway.doors.fhir.render.mapped import Icd10Of, icd10_of
from gateway.doors.fhir.wire.repeats import Repeats
from gateway.doors.fhir.wire.request import Asked
from gateway.federation.gateway import Gateway
from terminology import TerminologyError

MOUNT = "/fhir"
KEPT_RENDERERS = 8

Snapshots = tuple[tuple[str, str | None, str | None], ...]
"""Id of each source of an answer, of its snapshot, and when that was loaded."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer of an interaction: a resource, or JSON that is ready.

    Attributes
    ----------
    lasting
        The same request gets the same answer for as long as no source switches its snapshot.
    """

    resource: Resource
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Door:
    """One gateway's FHIR door.

    Attributes
    ----------
    base
        Service base URL, absolute.
    group_name
        Names of ICCC-3 groups.
    icd10
        ICD-10 of tumours that were recorded by ICD-O-3 alone.
    digests
        Eight digits for the policy of each source, see gateway.doors.fhir.recordversions.
    repeats
        Answers that are sent again.
    renderers
        Kept, for they keep what they have written.
    """

    gateway: Gateway
    base: str
    group_name: GroupName
    icd10: Icd10Of
    digests: Mapping[str, str]
    repeats: Repeats
    renderers: MutableMapping[Snapshots, ConditionRenderer] = field(default_factory=lambda: LRUCache(KEPT_RENDERERS))

    def conditions(self, answer: ReleasedAnswer) -> ConditionRenderer:
        """Renderer of the Conditions of an answer, which knows the version of each registry's records."""
        key = tuple((source.id, source.snapshot, source.loaded_at) for source in answer.sources)
        found = self.renderers.get(key)
        if found is None:
            metas = {source.id: version.meta() for source in answer.sources if (version := self.version(source))}
            found = self.renderers[key] = ConditionRenderer(self.base, self.group_name, self.icd10, metas)
        return found

    def versioned(self, resources: Iterable[Resource], answer: ReleasedAnswer) -> list[Resource]:
        """Records of an answer with the version of their registry's records; others as they are."""
        versions = {source_url(self.base, source.id): self.version(source) for source in answer.sources}
        return [
            with_version(item, versions.get(source)) if (source := item.get("meta", {}).get("source")) else item
            for item in resources
        ]

    def version(self, source: ReleasedSource) -> Version | None:
        """Version of the records that a source gave for an answer; None for a live source."""
        if source.snapshot is None:
            return None
        return version_of(source.snapshot, source.loaded_at, self.digests.get(source.id, ""))

    def requester(self, _: Asked) -> Requester:
        """Who asks."""
        return ANONYMOUS


def open_door(gateway: Gateway) -> Door:
    """Door of a gateway, at its public URL."""
    base = gateway.public_url.rstrip("/") + MOUNT

    def group_name(code: str, edition: str) -> str | None:
        try:
            return gateway.terminology.lookup("ICCC3", code, edition).name
        except TerminologyError:
            return None

    digests = {name: release_digest(gateway.policies.get(name)) for name in gateway.sources}
    repeats = Repeats(lambda: tuple(gateway.snapshots().values()))
    return Door(gateway, base, group_name, icd10_of(gateway.terminology), digests, repeats)

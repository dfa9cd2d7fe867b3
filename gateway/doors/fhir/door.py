"""Door: what the interactions of one gateway's FHIR door share. Made once, never changed."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.access.requester import ANONYMOUS, Requester
from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.render.condition import ConditionRenderer
from gateway.doors.fhir.request import Asked
from gateway.federation.gateway import Gateway
from terminology import TerminologyError

MOUNT = "/fhir"


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer of an interaction: a resource, or JSON that is ready."""

    resource: Resource
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Door:
    """One gateway's FHIR door.

    Attributes
    ----------
    base
        Service base URL, absolute.
    """

    gateway: Gateway
    base: str
    conditions: ConditionRenderer

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

    return Door(gateway, base, ConditionRenderer(base, group_name))

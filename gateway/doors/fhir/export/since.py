"""`_since`: which registries have changed after an instant (FHIR Bulk Data Access 2.0.0, export.html section 2.4).

A registry that is loaded from files changes as a whole, when a snapshot begins to serve; meta.lastUpdated of all its
records is that moment. Nobody can tell when the records of a registry that is asked live changed, so they are never
left out, as the specification allows.
"""

from __future__ import annotations

import datetime as dt

from gateway.access.requester import Requester
from gateway.disclosure.released import ReleasedAnswer
from gateway.doors.fhir.recordversions import ANSWERED
from gateway.doors.fhir.wire.primitives import has_form
from gateway.errors import BadQuestion
from gateway.federation.gateway import Gateway
from gateway.model.capability import Capabilities, Granularity

SINCE = "_since"
UNTOLD = "does not tell when its records changed: all of them are exported"

LEAP = ":60"


def read_instant(text: str) -> dt.datetime:
    """Moment of a FHIR instant (R4 datatypes.html); a blank in it is a plus sign that was not escaped.

    Raises
    ------
    BadQuestion
        It is none.
    """
    written = text.replace(" ", "+")
    leap = written[16:19] == LEAP
    try:
        if not has_form(written, "instant"):
            raise ValueError
        found = dt.datetime.fromisoformat(f"{written[:16]}:59{written[19:]}" if leap else written)
        return found + dt.timedelta(seconds=leap)
    except (ValueError, OverflowError) as error:
        expected = "an instant with its zone, such as 2026-01-31T08:30:00Z"
        raise BadQuestion("this is no instant", where=SINCE, expected=expected) from error


def unchanged(gateway: Gateway, requester: Requester, since: dt.datetime | None) -> frozenset[str]:
    """Registries whose records were all last changed at that instant or before.

    Only of those that give their records to the requester: what another one holds is no part of the export, and when
    it was loaded is not told.
    """
    if since is None:
        return frozenset()
    return frozenset(
        name
        for name, ability in gateway.capabilities().items()
        if (changed := _changed(ability)) and changed <= since and _gives_records(gateway, name, requester)
    )


def untold(gateway: Gateway, answer: ReleasedAnswer) -> list[str]:
    """Registries that gave records of which nobody knows when they changed."""
    abilities = gateway.capabilities()
    return [
        source.id
        for source in answer.sources
        if source.status in ANSWERED
        and source.granularity is Granularity.RECORD
        and source.id in abilities
        and _changed(abilities[source.id]) is None
    ]


def _changed(ability: Capabilities) -> dt.datetime | None:
    """When the records of a registry last changed, which is their meta.lastUpdated."""
    if ability.snapshot is None or ability.loaded_at is None:
        return None
    found = dt.datetime.fromisoformat(ability.loaded_at)
    return found if found.tzinfo else None


def _gives_records(gateway: Gateway, name: str, requester: Requester) -> bool:
    policy = gateway.policies.get(name)
    rule = policy.rule(requester) if policy else None
    return rule is not None and rule.granularity is Granularity.RECORD

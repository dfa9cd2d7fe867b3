"""Ids of the resources that the door makes of the gateway itself."""

from __future__ import annotations

import re

from gateway.federation.gateway import Gateway

FALLBACK = "this.gateway"

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)


def operator_id(gateway: Gateway) -> str:
    """Id of the organisation that runs the gateway: the gateway's id, where FHIR allows it and no registry has it."""
    taken = gateway.id in gateway.sources or gateway.id in gateway.broken
    return FALLBACK if taken or not _ID.fullmatch(gateway.id) else gateway.id

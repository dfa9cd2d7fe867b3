"""Requester: who asks, as the disclosure policies see it (notes: tiers public, registered, trusted, controlled, owner)."""

from __future__ import annotations

from dataclasses import dataclass

TIERS = ("public", "registered", "trusted", "controlled", "owner")


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks: a tier of TIERS and a pseudonymous subject for the audit."""

    tier: str = "public"
    subject: str = "anonymous"


ANONYMOUS = Requester()

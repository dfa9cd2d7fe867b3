"""Beacon door at /beacon: GA4GH Beacon v2.1.1 over all registries, with the count fields of v2.2.0."""

from gateway.doors.beacon.routes import create

__all__ = ["create"]

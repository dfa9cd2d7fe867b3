"""Statistics door at /statistics: questions of the grammar as typed JSON (design section 9)."""

from gateway.doors.statistics.routes import create

__all__ = ["create"]

"""Snapshots: one immutable file per source and load, its count cube, and the source that answers from it."""

from gateway.sources.snapshot.build import build_snapshot, work_connection
from gateway.sources.snapshot.layout import FORMAT, SnapshotMeta
from gateway.sources.snapshot.serving import Facts, facts_of
from gateway.sources.snapshot.source import SnapshotSource
from gateway.sources.snapshot.store import SnapshotStore

__all__ = [
    "FORMAT",
    "Facts",
    "SnapshotMeta",
    "SnapshotSource",
    "SnapshotStore",
    "build_snapshot",
    "facts_of",
    "work_connection",
]

"""Kinds of source, found by entry points of the group `iccd.sources`: ours in the same way as a stranger's.

A kind that cannot be imported is a named fault of the sources that use it, never a crash of the others.
"""

from __future__ import annotations

import difflib
from importlib.metadata import EntryPoint, entry_points

from gateway.errors import BadSettings, SourceUnavailable
from gateway.sources.base import ENTRY_POINT_GROUP, FileKind, Kind, LiveKind, SourceConfig


def kind_names() -> tuple[str, ...]:
    """Names of all kinds that are installed."""
    return tuple(sorted(point.name for point in entry_points(group=ENTRY_POINT_GROUP)))


def find_kind(config: SourceConfig) -> Kind:
    """Kind of a configured source.

    Raises
    ------
    BadSettings
        No such kind, or a key of the block that the kind does not know.
    SourceUnavailable
        The package that provides the kind cannot be imported.
    """
    kind = _load(_entry_point(config), config)
    unknown = sorted(set(config.options) - kind.options)
    if unknown:
        near = difflib.get_close_matches(unknown[0], sorted(kind.options), n=1)
        expected = f"{near[0]!r}" if near else ", ".join(sorted(kind.options)) or "no further keys"
        raise BadSettings(
            f"unknown key {unknown[0]!r} for kind {kind.name!r}", where=config.at(unknown[0]), expected=expected
        )
    return kind


def _entry_point(config: SourceConfig) -> EntryPoint:
    for point in entry_points(group=ENTRY_POINT_GROUP):
        if point.name == config.kind:
            return point
    raise BadSettings(
        f"kind {config.kind!r} is not installed", where=config.at("kind"), expected=f"one of {', '.join(kind_names())}"
    )


def _load(point: EntryPoint, config: SourceConfig) -> Kind:
    try:
        kind = point.load()
    except (ImportError, AttributeError) as error:
        raise SourceUnavailable(
            f"kind {config.kind!r} cannot be loaded: {type(error).__name__}", where=config.at("kind")
        ) from error
    if not isinstance(kind, FileKind | LiveKind):
        raise SourceUnavailable(
            f"kind {config.kind!r} is not a FileKind or LiveKind",
            where=config.at("kind"),
            expected="see docs/adapters.md",
        )
    return kind

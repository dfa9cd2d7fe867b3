"""Delimited files of any registry, described by a profile alone (docs/sources/tabular.md)."""

from gateway.adapters.tabular.read import KIND

__all__ = ["KIND"]

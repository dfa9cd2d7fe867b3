"""Interoperability gateway for childhood-cancer registries."""

__version__ = "0.1.0"

"""Code systems, box algebra and maps of childhood cancer; stands alone, without the gateway.

Names are imported when they are first used, so that a command line can show its help without numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from terminology.axes import BEHAVIOURS, MORPHOLOGIES, TOPOGRAPHIES
    from terminology.boxes import Box, BoxSet, Equivalence
    from terminology.codes import IcdO, parse_behaviour, parse_icdo, parse_morphology, parse_topography
    from terminology.errors import (
        AmbiguousCode,
        LoadFailed,
        ManifestMismatch,
        TerminologyError,
        UnknownCode,
        UnknownSystem,
        Unmatched,
    )
    from terminology.facade import Terminology, load
    from terminology.nouns import Concept, Cover, Group, Leaf, Meaning, SystemInfo, Translation

__all__ = [
    "BEHAVIOURS",
    "MORPHOLOGIES",
    "TOPOGRAPHIES",
    "AmbiguousCode",
    "Box",
    "BoxSet",
    "Concept",
    "Cover",
    "Equivalence",
    "Group",
    "IcdO",
    "Leaf",
    "LoadFailed",
    "ManifestMismatch",
    "Meaning",
    "SystemInfo",
    "Terminology",
    "TerminologyError",
    "Translation",
    "UnknownCode",
    "UnknownSystem",
    "Unmatched",
    "load",
    "parse_behaviour",
    "parse_icdo",
    "parse_morphology",
    "parse_topography",
]

_HOMES: dict[str, tuple[str, ...]] = {
    "axes": ("BEHAVIOURS", "MORPHOLOGIES", "TOPOGRAPHIES"),
    "boxes": ("Box", "BoxSet", "Equivalence"),
    "codes": ("IcdO", "parse_behaviour", "parse_icdo", "parse_morphology", "parse_topography"),
    "errors": (
        "AmbiguousCode",
        "LoadFailed",
        "ManifestMismatch",
        "TerminologyError",
        "UnknownCode",
        "UnknownSystem",
        "Unmatched",
    ),
    "facade": ("Terminology", "load"),
    "nouns": ("Concept", "Cover", "Group", "Leaf", "Meaning", "SystemInfo", "Translation"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"terminology.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value

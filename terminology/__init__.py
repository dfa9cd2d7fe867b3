"""Code systems, box algebra and maps of childhood cancer; stands alone, without the gateway."""

from __future__ import annotations

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

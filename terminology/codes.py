"""ICD-O-3 codes: every notation met in the field, read once into one form.

Topography C00.0-C80.9, morphology of four digits, behaviour 0, 1, 2, 3, 6 or 9 (ICD-O-3, WHO). Behaviours that
the lists do not pair with a morphology are accepted: the matrix rule of ICD-O allows any (notes of a meaning say so).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from terminology.axes import BEHAVIOURS, MORPHOLOGIES, TOPOGRAPHIES
from terminology.errors import UnknownCode

CATEGORIES: frozenset[str] = frozenset(code[:3] for code in TOPOGRAPHIES)

_MORPHOLOGIES = frozenset(MORPHOLOGIES)
_TOPOGRAPHIES = frozenset(TOPOGRAPHIES)

_MORPHOLOGY = r"(?:PGX:ICDOM-)?(?:M-?)?(?P<morphology>\d{4})(?:[/-]?(?P<behaviour>\d))?"
_TOPOGRAPHY = r"(?:PGX:ICDOT-)?C(?P<category>\d\d)(?:\.?(?P<subsite>\d))?"
_NOTATIONS = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        rf"{_MORPHOLOGY}(?:-NULL)?",
        rf"(?:NULL-)?{_TOPOGRAPHY}",
        rf"{_MORPHOLOGY}-?{_TOPOGRAPHY}",
        r"(?P<category>\d\d)(?P<subsite>\d)",
    )
)
_EXPECTED = "ICD-O-3 as 9500/3, C74.9, C74 or 9500/3-C74.9"
_EXPECTED_TOPOGRAPHY = "a topography of ICD-O-3, C00.0 to C80.9, or its category as C74"
_EXPECTED_MORPHOLOGY = "a morphology of ICD-O-3, four digits from 8000 to 9993"
_EXPECTED_BEHAVIOUR = "behaviour 0, 1, 2, 3, 6 or 9"


@dataclass(frozen=True, slots=True)
class IcdO:
    """An ICD-O-3 code; a part that is None is not said.

    Attributes
    ----------
    topography
        `C74.9`, or a category such as `C74` that stands for all its subsites.
    morphology
        Four digits, e.g. 9500.
    behaviour
        0 benign, 1 uncertain, 2 in situ, 3 malignant, 6 metastatic, 9 unsure whether primary or metastatic.
    """

    topography: str | None = None
    morphology: int | None = None
    behaviour: int | None = None

    def __str__(self) -> str:
        if self.morphology is None:
            return self.topography or ""
        histology = f"{self.morphology}" if self.behaviour is None else f"{self.morphology}/{self.behaviour}"
        return f"{histology}-{self.topography}" if self.topography else histology


def parse_icdo(text: str) -> IcdO:
    """Read one ICD-O-3 code in any notation.

    Parameters
    ----------
    text
        `9500/3`, `95003`, `9500-3`, `M-95003`, `9500`, `C74.9`, `C749`, `749`, `C74`, `pgx:icdom-95003`,
        `pgx:icdot-C74.9`, `9500/3-C74.9`, `9500/3-NULL`, `NULL-C74.9`; case and blanks do not matter.

    Returns
    -------
    IcdO
        The code; parts that are not written are None.

    Raises
    ------
    UnknownCode
        The text is no notation of ICD-O-3, or a part of it does not exist.
    """
    compact = "".join(text.upper().split())
    for notation in _NOTATIONS:
        if found := notation.fullmatch(compact):
            parts = found.groupdict()
            return IcdO(_topography(parts, text), _morphology(parts, text), _behaviour(parts, text))
    raise UnknownCode("ICDO3", text, _EXPECTED, f"{text!r} is no notation of ICD-O-3")


def parse_topography(text: str) -> str:
    """Read a topography in any notation into `C74.9`, or a category into `C74`; raises UnknownCode."""
    code = _parse_alone(text, _EXPECTED_TOPOGRAPHY)
    if code.topography is None or code.morphology is not None:
        raise UnknownCode("ICDO3", text, _EXPECTED_TOPOGRAPHY, f"{text!r} is no topography of ICD-O-3")
    return code.topography


def parse_morphology(text: str) -> tuple[int, int | None]:
    """Read a morphology in any notation into (four digits, behaviour or None); raises UnknownCode."""
    code = _parse_alone(text, _EXPECTED_MORPHOLOGY)
    if code.morphology is None or code.topography is not None:
        raise UnknownCode("ICDO3", text, _EXPECTED_MORPHOLOGY, f"{text!r} is no morphology of ICD-O-3")
    return code.morphology, code.behaviour


def parse_behaviour(text: str) -> int:
    """Read a behaviour, `3` or `/3`; raises UnknownCode."""
    digit = text.strip().removeprefix("/")
    if len(digit) == 1 and digit in "012369":
        return int(digit)
    raise UnknownCode("ICDO3", text, _EXPECTED_BEHAVIOUR, f"{text!r} is no behaviour of ICD-O-3")


def _parse_alone(text: str, expected: str) -> IcdO:
    try:
        return parse_icdo(text)
    except UnknownCode as error:
        raise UnknownCode("ICDO3", text, expected, error.message) from None


def _topography(parts: dict[str, str | None], text: str) -> str | None:
    category, subsite = parts.get("category"), parts.get("subsite")
    if category is None:
        return None
    code = f"C{category}" if subsite is None else f"C{category}.{subsite}"
    if code in _TOPOGRAPHIES or code in CATEGORIES:
        return code
    raise UnknownCode("ICDO3", text, _EXPECTED_TOPOGRAPHY, f"ICD-O-3 has no topography {code}")


def _morphology(parts: dict[str, str | None], text: str) -> int | None:
    digits = parts.get("morphology")
    if digits is None or int(digits) in _MORPHOLOGIES:
        return int(digits) if digits else None
    raise UnknownCode("ICDO3", text, _EXPECTED_MORPHOLOGY, f"ICD-O-3 has no morphology {digits}")


def _behaviour(parts: dict[str, str | None], text: str) -> int | None:
    digit = parts.get("behaviour")
    if digit is None or int(digit) in BEHAVIOURS:
        return int(digit) if digit else None
    raise UnknownCode("ICDO3", text, _EXPECTED_BEHAVIOUR, f"ICD-O-3 has no behaviour /{digit}")

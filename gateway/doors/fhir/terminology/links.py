"""Links of our own concept maps: ICD-O-3 to ICCC-3 by edition, to ICD-10, NCIt and OMOP.

Read off the grid of every tumour (morphology x topography x behaviour). Where the target of a morphology hangs on the
site, there is one link for each topography, or for a category where all its subsites agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.doors.fhir.terminology.model import CodeSystem
from terminology import Terminology, TerminologyError
from terminology.axes import BEHAVIOURS, MORPHOLOGIES, TOPOGRAPHIES
from terminology.codes import IcdO, parse_icdo
from terminology.facade import equivalence

Numbers: TypeAlias = npt.NDArray[np.integer]
Flags: TypeAlias = npt.NDArray[np.bool_]

ANYWHERE = ""
SITE_RULE = "by site and behaviour; a morphology that has an element of its own goes by that"
REVERSED: Mapping[str, str] = {"wider": "narrower", "narrower": "wider"}

_MORPHOLOGY = {code: position for position, code in enumerate(MORPHOLOGIES)}
_TOPOGRAPHY = {code: position for position, code in enumerate(TOPOGRAPHIES)}
_BEHAVIOUR = {code: position for position, code in enumerate(BEHAVIOURS)}


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a map.

    Attributes
    ----------
    source
        Code that is mapped; of ICD-O-3 a morphology with behaviour, or a topography.
    target
        Code of the other system, '' where there is none.
    equivalence
        How the target stands to the source, both with `parts` (R4 ConceptMap words).
    parts
        (property, code): further parts of the ICD-O-3 side, `topography` or `behaviour`.
    """

    source: str
    target: str
    equivalence: str
    parts: tuple[tuple[str, str], ...] = ()
    comment: str = ""


@cache
def categories() -> tuple[tuple[str, slice], ...]:
    """Topographies of three characters with the positions of their subsites."""
    names = [code[:3] for code in TOPOGRAPHIES]
    return tuple(
        (name, slice(names.index(name), names.index(name) + names.count(name))) for name in dict.fromkeys(names)
    )


def iccc3_links(terminology: Terminology, edition: str) -> Iterator[Link]:
    """Every listed morphology to the leaves of an edition of ICCC-3."""
    grid, leaves = terminology.grid(edition), terminology.leaves(edition)
    sizes = np.bincount(grid.reshape(-1), minlength=len(leaves))
    for code, m, b in listed_morphologies(terminology):
        for site, number, cells in by_site(grid[m, :, b]):
            parts = (("topography", site),) if site else ()
            word = "unmatched" if not number else "equal" if sizes[number] == cells else "wider"
            yield Link(code, leaves[number].code, word, parts)


def listed_morphologies(terminology: Terminology, edition: str | None = None) -> Iterator[tuple[str, int, int]]:
    """Morphologies with a behaviour that an edition lists, or any list, with their places on the axes.

    Four digits that no edition has are left out: they make no code here.
    """
    known = edition_digits(terminology)
    for code in terminology.codes("ICDO3", edition):
        icdo = parse_icdo(code)
        if icdo.morphology is not None and icdo.behaviour is not None and icdo.morphology in known:
            yield code, _MORPHOLOGY[icdo.morphology], _BEHAVIOUR[icdo.behaviour]


@lru_cache(maxsize=4)
def edition_digits(terminology: Terminology) -> frozenset[int]:
    """Four digits of the morphologies that some edition lists."""
    editions = next(info.editions for info in terminology.systems() if info.system == "ICDO3")
    codes = (code for edition in editions for code in terminology.codes("ICDO3", edition))
    return frozenset(int(code[:4]) for code in codes if "/" in code)


def by_site(row: Numbers, wanted: Flags | None = None) -> Iterator[tuple[str, int, int]]:
    """Values of one morphology by site, as few as can be: (site, value, how many topographies)."""
    if wanted is None and (row == row[0]).all():
        yield ANYWHERE, int(row[0]), len(row)
        return
    for category, place in categories():
        values = row[place]
        if (values == values[0]).all() and (wanted is None or wanted[place].all()):
            yield category, int(values[0]), len(values)
            continue
        for position in range(place.start, place.stop):
            if wanted is None or wanted[position]:
                yield TOPOGRAPHIES[position], int(row[position]), 1


def icd10_links(terminology: Terminology, system: str) -> Iterator[Link]:
    """Topographies by behaviour, and the morphologies that do not go by site."""
    numbers, sure, codes = terminology.icd10_grid(system)
    sites = _usual(numbers, len(codes))
    for t, topography in enumerate(TOPOGRAPHIES):
        for b, behaviour in enumerate(BEHAVIOURS):
            if sites[t, b]:
                yield Link(
                    topography, codes[sites[t, b]], "inexact", (("behaviour", str(behaviour)),), comment=SITE_RULE
                )
    for code, m, b in listed_morphologies(terminology):
        row = numbers[m, :, b]
        differs = row != sites[:, b]
        if not differs.any():
            continue
        certain = sure[m, :, b]
        for site, number, _ in by_site(row, None if (row == row[0]).all() else differs):
            word = "unmatched" if not number else "wider" if certain[positions(site)].all() else "inexact"
            yield Link(code, codes[number], word, (("topography", site),) if site else ())


def _usual(numbers: Numbers, size: int) -> Numbers:
    """Commonest code of each topography and behaviour."""
    found = np.zeros(numbers.shape[1:], np.int64)
    for t, b in np.ndindex(*found.shape):
        counts = np.bincount(numbers[:, t, b], minlength=size)
        counts[0] = 0
        found[t, b] = counts.argmax() if counts.any() else 0
    return found


def positions(site: str) -> slice:
    """Positions of a topography or category on its axis; all for ''."""
    if site == ANYWHERE:
        return slice(None)
    if site in _TOPOGRAPHY:
        return slice(_TOPOGRAPHY[site], _TOPOGRAPHY[site] + 1)
    return dict(categories())[site]


def ncit_links(terminology: Terminology) -> Iterator[Link]:
    """ICD-O-3 codes to the concepts of the NCI Thesaurus whose preferred term they have."""
    for code in terminology.codes("NCIT"):
        concept = terminology.meaning("NCIT", code)
        mapped = terminology.lookup("NCIT", code).properties["icdo3"].split(", ")
        preferred = [text.partition(" (")[0] for text in mapped if text.endswith(("(preferred)", "(header)"))]
        for source in preferred:
            yield Link(source, code, str(equivalence(concept, terminology.meaning("ICDO3", source)).value))


def omop_links(system: CodeSystem) -> Iterator[Link]:
    """ICD-O-3 codes to the OMOP concepts of the vocabulary ICDO3."""
    for concept in system.concepts.values():
        if system.values(concept, "vocabulary") != ["ICDO3"]:
            continue
        icdo = _read(next(iter(system.values(concept, "concept_code")), ""))
        if icdo is None:
            continue
        histology = str(IcdO(None, icdo.morphology, icdo.behaviour))
        parts = (("topography", icdo.topography),) if histology and icdo.topography else ()
        yield Link(histology or str(icdo), concept.code, "equal", parts)


def _read(text: str) -> IcdO | None:
    try:
        return parse_icdo(text)
    except TerminologyError:
        return None


def reversed_links(links: Iterable[Link]) -> Iterator[Link]:
    """The way back; what has no code has none."""
    for link in links:
        if link.target:
            word = REVERSED.get(link.equivalence, link.equivalence)
            yield Link(link.target, link.source, word, link.parts, link.comment)

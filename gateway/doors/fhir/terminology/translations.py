"""Translations between our own code systems, read off the grid of every tumour where ICD-O-3 is one of the two.

A match on the ICD-O-3 side is a topography, a morphology, or a morphology with a topography beside it; where the
target of a morphology hangs on the site, the match says on which sites.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import numpy.typing as npt

from gateway.doors.fhir.terminology.links import by_site, categories, listed_morphologies, positions
from gateway.errors import TooCostly
from terminology import Terminology
from terminology.axes import BEHAVIOURS, MORPHOLOGIES, TOPOGRAPHIES
from terminology.codes import IcdO, parse_icdo

MOST_MATCHES = 20_000
POSSIBLE, CERTAIN = 1, 2


@dataclass(frozen=True, slots=True)
class Found:
    """A code of the target system.

    Attributes
    ----------
    equivalence
        How it stands, with `product`, to what was asked (R4 ConceptMap words).
    product
        Topography that belongs to it, '' for none.
    depends
        Topographies of what was asked at which it holds.
    edge
        A concept map has it.
    sure
        The equivalence is known to hold for all that was asked.
    """

    code: str
    equivalence: str
    product: str = ""
    depends: tuple[str, ...] = ()
    edge: bool = False
    sure: bool = True


def translated(
    terminology: Terminology, source: str, code: str, target: str, editions: Mapping[str, str], behaviour: str = ""
) -> Iterator[Found]:
    """Codes of the target system that share a tumour with a code.

    Parameters
    ----------
    source, target
        Prefixes of the code systems, e.g. ICDO3, ICCC3.
    editions
        Edition by prefix, for the systems that have editions.
    behaviour
        Behaviour that stands beside a topography, '' for any.

    Raises
    ------
    TerminologyError
        The code has no meaning in tumours.
    """
    if (source, target) == ("ICDO3", "ICCC3"):
        icdo = parse_icdo(code)
        yield from to_iccc3(
            terminology, replace(icdo, behaviour=int(behaviour)) if behaviour else icdo, editions["ICCC3"]
        )
    elif target == "ICDO3":
        yield from to_icdo3(terminology, source, code, editions)
    else:
        edition = editions.get(source) or editions.get(target)
        for each in terminology.translate(source, code, target, edition, int(behaviour) if behaviour else None):
            yield Found(each.code, str(each.equivalence.value))


def to_iccc3(terminology: Terminology, icdo: IcdO, edition: str) -> Iterator[Found]:
    """Groups of ICCC-3 of an ICD-O-3 code, whole or in part."""
    grid = terminology.grid(edition)
    size = len(terminology.leaves(edition))
    cells = grid[_place(icdo)]
    total, met = np.bincount(grid.reshape(-1), minlength=size), np.bincount(cells.reshape(-1), minlength=size)
    present = frozenset(np.flatnonzero(met).tolist())
    for group in terminology.groups(edition):
        numbers = sorted(group.leaves & present)
        if not numbers:
            continue
        whole = bool(met[numbers].sum() == total[sorted(group.leaves)].sum())
        word = ("equal" if whole else "wider") if present <= group.leaves else "narrower" if whole else "inexact"
        hangs = word == "inexact" and icdo.morphology is not None and not icdo.topography
        yield Found(group.code, word, depends=_sites(np.isin(cells, numbers)) if hangs else ())


def _place(icdo: IcdO) -> tuple[slice, slice, slice]:
    m = slice(None) if icdo.morphology is None else _one(MORPHOLOGIES.index(icdo.morphology))
    b = slice(None) if icdo.behaviour is None else _one(BEHAVIOURS.index(icdo.behaviour))
    return m, positions(icdo.topography or ""), b


def _one(position: int) -> slice:
    return slice(position, position + 1)


def _sites(inside: npt.NDArray[np.bool_]) -> tuple[str, ...]:
    """Topographies where all of a morphology is inside."""
    row: npt.NDArray[np.int8] = np.asarray(inside.all(axis=(0, 2)), np.int8)
    return tuple(site for site, value, _ in by_site(row) if value and site)


def to_icdo3(terminology: Terminology, source: str, code: str, editions: Mapping[str, str]) -> Iterator[Found]:
    """Topographies, and listed morphologies with or without a topography, of a code of another system."""
    meaning = terminology.meaning(source, code, editions.get(source))
    values = meaning.boxes.mask().astype(np.int8)
    values[meaning.certain.mask()] = CERTAIN
    whole = int((values == CERTAIN).sum()) if meaning.exact else 0
    sites: npt.NDArray[np.int8] = np.asarray(values.min(axis=(0, 2)))
    size = values.shape[0] * values.shape[2]
    parts = chain(_topographies(sites, size, whole), _morphologies(terminology, values, sites, whole, editions))
    for number, found in enumerate(parts):
        if number >= MOST_MATCHES:
            raise TooCostly(f"more than {MOST_MATCHES} codes", where="code", expected="a narrower code")
        yield found


def _topographies(sites: npt.NDArray[np.int8], size: int, whole: int) -> Iterator[Found]:
    """Topographies, or whole categories, of which every tumour is meant."""
    for category, place in categories():
        values = sites[place]
        if values.all() and (values == values[0]).all():
            yield Found(category, _word(int(values[0]), size * len(values), whole))
            continue
        for position in range(place.start, place.stop):
            if sites[position]:
                yield Found(TOPOGRAPHIES[position], _word(int(sites[position]), size, whole))


def _morphologies(
    terminology: Terminology,
    values: npt.NDArray[np.int8],
    sites: npt.NDArray[np.int8],
    whole: int,
    editions: Mapping[str, str],
) -> Iterator[Found]:
    """Morphologies, at the sites of which only some tumours are meant."""
    wanted = sites == 0
    for code, m, b in listed_morphologies(terminology, editions.get("ICDO3")):
        row = values[m, :, b]
        if not (row.any() and row[wanted].any()):
            continue
        for site, value, cells in by_site(row, None if (row == row[0]).all() else wanted):
            if value:
                yield Found(code, _word(value, cells, whole), product=site)


def _word(value: int, cells: int, whole: int) -> str:
    if value == POSSIBLE:
        return "inexact"
    return "equal" if cells == whole else "narrower"

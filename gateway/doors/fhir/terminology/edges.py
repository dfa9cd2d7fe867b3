"""Edges of our own concept maps by the code at either end: $translate says of them what the maps hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from gateway.doors.fhir.terminology.links import ANYWHERE, Flags, Link, positions
from gateway.doors.fhir.terminology.matches import REVERSED
from gateway.doors.fhir.terminology.own import OwnSystems
from gateway.doors.fhir.terminology.shelf import map_id, shelf_of
from gateway.doors.fhir.terminology.translations import Found
from terminology.axes import TOPOGRAPHIES
from terminology.codes import IcdO

MAPS_KEPT = 8
OF_PART: Mapping[str, str] = {"equal": "wider", "wider": "wider"}
"""How a target stands to a part of what has it."""


class Edges:
    """Links of one map, from either end."""

    def __init__(self, links: Iterable[Link]) -> None:
        self._of_icdo3: dict[str, list[Link]] = {}
        self._of_other: dict[str, list[Link]] = {}
        for link in links:
            self._of_icdo3.setdefault(link.source, []).append(link)
            if link.target:
                self._of_other.setdefault(link.target, []).append(link)

    def to_icdo3(self, code: str) -> list[Found]:
        """Codes of ICD-O-3 that are linked with a code of the other system."""
        return [
            Found(
                link.source,
                REVERSED.get(link.equivalence, link.equivalence),
                product=next((value for _, value in link.parts), ""),
                edge=True,
            )
            for link in self._of_other.get(code, ())
        ]

    def of_icdo3(self, icdo: IcdO, behaviour: str = "") -> list[Found]:
        """Codes of the other system that are linked with a code of ICD-O-3; `behaviour` stands beside a topography."""
        if icdo.morphology is None:
            return self._of_site(icdo.topography or "", behaviour)
        asked = icdo.topography or ANYWHERE
        links = self._of_icdo3.get(str(replace(icdo, topography=None)), ())
        met = [link for link in links if _flags(asked)[positions(_site(link))].any()]
        if met or not asked:
            return _gathered(_at(link, asked) for link in met)
        by_site = [link for link in self._of_icdo3.get(asked, ()) if ("behaviour", str(icdo.behaviour)) in link.parts]
        return [Found(link.target, link.equivalence, edge=True, sure=False) for link in by_site]

    def _of_site(self, site: str, behaviour: str) -> list[Found]:
        """The same for a topography; for a category with a behaviour over its subsites."""
        codes = [site] if site in self._of_icdo3 else []
        if behaviour and not codes:
            codes = [code for code in self._of_icdo3 if code.startswith(f"{site}.")]
        found = []
        for code in codes:
            for link in self._of_icdo3[code]:
                needed = dict(link.parts).get("behaviour", "")
                if behaviour and needed not in ("", behaviour):
                    continue
                unmet = (code,) if code != site else (needed,) if needed and not behaviour else ()
                found.append(_Way(link, unmet, whole=needed == behaviour))
        return _gathered(found)


@dataclass(frozen=True, slots=True)
class _Way:
    """A link that may be followed; `unmet` is what it needs and was not said, `whole` that no part of its end is asked."""

    link: Link
    unmet: tuple[str, ...]
    whole: bool


def _at(link: Link, asked: str) -> _Way:
    """Link of a morphology that is asked at a site, or at any."""
    site, place = _flags(_site(link)), _flags(asked)
    return _Way(link, (_site(link),) if (place & ~site).any() else (), whole=bool((site == place).all()))


def _gathered(ways: Iterable[_Way]) -> list[Found]:
    """One translation for each target of links."""
    found: dict[str, list[_Way]] = {}
    for each in ways:
        if each.link.target:
            found.setdefault(each.link.target, []).append(each)
    return [_one(target, each) for target, each in found.items()]


def _one(target: str, ways: Sequence[_Way]) -> Found:
    way = next((each for each in ways if not each.unmet), ways[0])
    if way.unmet:
        return Found(target, "inexact", depends=tuple(u for each in ways for u in each.unmet), edge=True, sure=False)
    if way.whole:
        return Found(target, way.link.equivalence, edge=True)
    word = OF_PART.get(way.link.equivalence, "inexact")
    return Found(target, word, edge=True, sure=word != "inexact")


def _site(link: Link) -> str:
    return dict(link.parts).get("topography", ANYWHERE)


def _flags(site: str) -> Flags:
    found = np.zeros(len(TOPOGRAPHIES), np.bool_)
    found[positions(site)] = True
    return found


def joined(edges: Sequence[Found], overlaps: Sequence[Found]) -> Iterator[Found]:
    """Edges, then the overlaps that say more; where an edge holds for a part alone, its word is that of the overlap."""
    words = {each.code: each.equivalence for each in overlaps if not each.product}
    covered: dict[str, Flags] = {}
    for each in edges:
        yield each if each.sure else replace(each, equivalence=words.get(each.code, each.equivalence))
        if len(each.product) != 1:
            covered[each.code] = covered.get(each.code, False) | _flags(each.product)
    for each in overlaps:
        if each.code not in covered or not covered[each.code][positions(each.product)].all():
            yield each


@lru_cache(maxsize=MAPS_KEPT)
def edges_of(own: OwnSystems, prefix: str, edition: str) -> Edges:
    """Edges of the map between ICD-O-3 and another code system."""
    return Edges(shelf_of(own).maps[map_id(prefix, edition, back=False)].links())

"""What $translate is asked beside its codes, and one translation that it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.doors.fhir.definitions import Resource, url_of_prefix
from gateway.doors.fhir.terminology.resources import property_url

REVERSED: Mapping[str, str] = {
    "wider": "narrower",
    "narrower": "wider",
    "subsumes": "specializes",
    "specializes": "subsumes",
}


@dataclass(frozen=True, slots=True)
class Match:
    """One translation.

    Attributes
    ----------
    origin
        Canonical of the map, "" where the way leads over tumours and no map holds it.
    product
        Topography or behaviour that belongs to the concept.
    depends
        Topographies of what was asked at which it holds.
    others
        Parts product and dependsOn of a map that is brought along.
    found
        In reverse, over a map that is brought along: what was found, beside the concept that was asked.
    brought
        The map came with the request, or has that form.
    """

    equivalence: str
    concept: Resource
    origin: str
    product: str = ""
    depends: tuple[str, ...] = ()
    others: tuple[Resource, ...] = ()
    found: Resource | None = None
    brought: bool = False

    def parameter(self) -> Resource:
        """Parameter match: `source` is the map (R4), `originMap` the same under the name of R5.

        Over a map that is brought along it has the form of the FHIR terminology ecosystem: `originMap` alone, and
        in reverse `source` is what was found.
        """
        source = [{"name": "source", "valueCoding": self.found}] if self.found else []
        parts: list[Resource] = [
            {"name": "equivalence", "valueCode": self.equivalence},
            {"name": "concept", "valueCoding": self.concept},
            *(source if self.brought else [{"name": "source", "valueUri": self.origin}] if self.origin else []),
            *([{"name": "originMap", "valueCanonical": self.origin}] if self.origin else []),
            *([_site("product", self.product)] if self.product else []),
            *(_site("dependsOn", site) for site in self.depends),
            *self.others,
        ]
        return {"name": "match", "part": parts}


def _site(name: str, code: str) -> Resource:
    """Topography, or behaviour of one digit, as another element of a match."""
    element = property_url("topography" if len(code) > 1 else "behaviour")
    coding = {"system": url_of_prefix()["ICDO3"], "code": code}
    parts = [{"name": "element", "valueUri": element}, {"name": "concept", "valueCoding": coding}]
    return {"name": name, "part": parts}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says beside its codes.

    Attributes
    ----------
    target
        URL of the code system that is wanted, '' for every one.
    named
        The two ends of the map of ours that is named.
    target_set
        Canonical of the value set in which a translation is sought.
    within
        URLs of the code systems of that value set; none where it has any.
    """

    target: str
    target_version: str
    version: str
    reverse: bool
    url: str
    named: tuple[str, str] | None
    target_set: str = ""
    within: frozenset[str] = frozenset()

    def allows(self, source: str, target: str) -> bool:
        """Whether our own map between two code systems may be used."""
        if self.named is None:
            return not self.url
        return (target, source) == self.named if self.reverse else (source, target) == self.named

"""What $translate is asked beside its codes, and one translation that it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.doors.fhir.definitions import Resource, url_of_prefix
from gateway.doors.fhir.terminology.issues import Issue, Refused
from gateway.doors.fhir.terminology.resources import property_url

REVERSED: Mapping[str, str] = {
    "wider": "narrower",
    "narrower": "wider",
    "subsumes": "specializes",
    "specializes": "subsumes",
}


RANK: Mapping[str, int] = {
    **dict.fromkeys(("equal", "equivalent"), 0),
    **dict.fromkeys(("wider", "narrower", "subsumes", "specializes"), 1),
    **dict.fromkeys(("unmatched", "disjoint"), 3),
}
"""Place of an equivalence among the matches; between them come those that say less, as inexact."""


class NotHere(Refused):
    """A map or value set that a parameter names cannot be had."""

    def __init__(self, issue: Issue, where: str) -> None:
        super().__init__(issue, status=404)
        self.where = where

    def resource(self, place: str = "") -> Resource:
        """OperationOutcome, at the parameter."""
        del place
        return super().resource(self.where or "")


def no_map(canonical: str, where: str = "url") -> NotHere:
    """Refusal of a concept map that is named and cannot be had."""
    words = f"A definition for the concept map {canonical!r} could not be found"
    return NotHere(Issue("error", "not-found", "not-found", "Unable_to_resolve_concept_map_", words), where)


@dataclass(frozen=True, slots=True)
class Match:
    """One translation.

    Attributes
    ----------
    origin
        Canonical of the map that has it, "" where the way leads over tumours and no map holds it.
    product
        Topography or behaviour that belongs to the concept.
    depends
        Topographies, or behaviours, of what was asked at which it holds.
    others
        Parts product and dependsOn of a map that is brought along.
    found
        In reverse, over a map that is brought along: what was found, beside the concept that was asked.
    brought
        The map came with the request.
    """

    equivalence: str
    concept: Resource
    origin: str
    product: str = ""
    depends: tuple[str, ...] = ()
    others: tuple[Resource, ...] = ()
    found: Resource | None = None
    brought: bool = False

    @property
    def rank(self) -> int:
        """Place among the matches: the best equivalence comes first."""
        return RANK.get(self.equivalence, 2)

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

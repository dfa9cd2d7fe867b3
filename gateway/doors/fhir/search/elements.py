"""The elements of FHIR R4 types: order, type, cardinality, summary flag (the official definitions, HL7, CC0).

Read from profiles/fhir/elements.tsv, which gateway.doors.fhir.search.build_elements makes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any

from gateway.doors.fhir.definitions import Resource


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a type.

    Attributes
    ----------
    type
        Name of its type, a primitive in small letters, or `Resource` for any resource.
    many
        Whether it is a list.
    summary
        Whether it belongs to the summary.
    mandatory
        Whether a resource must have it.
    choice
        Name before `[x]`, '' where it is no choice of types.
    rank
        Its place among the elements of its type; those of one choice, of which there is one, have the same.
    codes
        Codes of its required binding, empty where any code may stand.
    primitive
        Whether its value is no object.
    """

    name: str
    type: str
    many: bool
    summary: bool
    mandatory: bool
    choice: str
    rank: int = 0
    codes: frozenset[str] = frozenset()
    primitive: bool = True


class Elements(dict[str, Element]):
    """Elements of a type by name, in their order."""

    @cached_property
    def required(self) -> tuple[tuple[str, ...], ...]:
        """Names of the elements that must be there; of a choice, all of which one must be."""
        found: dict[str, tuple[str, ...]] = {}
        for element in self.values():
            if element.mandatory:
                name = element.choice or element.name
                found[name] = (*found.get(name, ()), element.name)
        return tuple(found.values())

    def missing(self, value: Resource) -> list[tuple[str, ...]]:
        """What must be there and is not, each by the names that it may have."""
        return [
            names
            for names in self.required
            if names[0] not in value and not any(name in value or f"_{name}" in value for name in names)
        ]


JUDGED_ALONE = frozenset({"BundleEntryRequest"})
"""Types whose values are texts here: what an entry of a batch asks is judged entry by entry."""


@cache
def types() -> Mapping[str, Elements]:
    """Elements by name, by type of resource or data type, in the order of the specification."""
    found: dict[str, Elements] = {}
    text = (resources.files("profiles") / "fhir" / "elements.tsv").read_text("utf-8")
    for line in text.splitlines()[1:]:
        owner, name, kind, flags, choice, codes = line.split("\t")
        elements = found.setdefault(owner, Elements())
        if owner in JUDGED_ALONE and kind[0].islower():
            kind, codes = "string", ""
        rank = len(elements)
        if choice and (before := elements[next(reversed(elements))]).choice == choice:
            rank = before.rank
        bound = frozenset(codes.split("|")) if codes else frozenset()
        elements[name] = Element(
            name, kind, "*" in flags, "S" in flags, "1" in flags, choice, rank, bound, primitive=kind[0].islower()
        )
    return found


def is_resource(name: str) -> bool:
    """Whether this is a resource type of the table."""
    return "implicitRules" in types().get(name, ())


def in_order(value: Resource, kind: str) -> Resource:
    """Elements of a value in the order of the specification, which XML needs; no unknown one and none that is empty.

    Parameters
    ----------
    value
        A value as a client wrote it, to be repeated.
    kind
        Name of its type.
    """
    found: Resource = {}
    for name, element in types()[kind].items():
        for key, inner in ((name, element.type), (f"_{name}", "Element")):
            item = _in_order(value.get(key), inner)
            if item not in (None, "", [], {}):
                found[key] = item
    return found


def _in_order(value: Any, kind: str) -> Any:
    if isinstance(value, list):
        return [item for item in (_in_order(each, kind) for each in value) if item not in ("", {})]
    return in_order(value, kind) if isinstance(value, dict) and kind in types() else value

"""ICCC3, SEER (three-digit recode) and SEEREXT (extended recode) as terms.

The two series of three-digit numbers look alike and mean other things: 011 is I(a) in one and II(b).2 in the
other. A number under the name ICCC3 is therefore refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from terminology.boxes import BoxSet
from terminology.errors import AmbiguousCode, UnknownCode
from terminology.iccc3 import DEFAULT_EDITION, EDITIONS, EXPECTED, Edition, edition_name, parse_group
from terminology.nouns import Concept, Cover, Group, Meaning, SystemInfo
from terminology.store import Store

_NUMBER = re.compile(r"\d{1,3}", re.ASCII)
NO_GROUP_RECODE = "999"


class Iccc3:
    """Groups by their own codes."""

    name = "ICCC3"

    def __init__(self, store: Store) -> None:
        self._store = store
        self._editions: dict[str, Edition] = {}

    def edition(self, edition: str | None) -> Edition:
        """One edition, read on first use."""
        name = edition_name(edition)
        if name not in self._editions:
            self._editions[name] = Edition(self._store, name)
        return self._editions[name]

    def info(self) -> SystemInfo:
        """Title, version, editions and size."""
        size = len(self.edition(None).groups)
        return SystemInfo(
            self.name, "International Classification of Childhood Cancer", DEFAULT_EDITION, EDITIONS, size
        )

    def group(self, code: str, edition: str | None) -> tuple[Edition, Group]:
        """The heading that a code names in any notation; raises UnknownCode or AmbiguousCode."""
        found = self.edition(edition)
        if _NUMBER.fullmatch(code.strip()) and (readings := self.readings(code.strip(), found)):
            raise AmbiguousCode(
                self.name,
                code,
                " or ".join(f"{term} ({what})" for term, what in readings),
                tuple(term for term, _ in readings),
            )
        group = parse_group(code)
        if group not in found.groups:
            elsewhere = [name for name in EDITIONS if group in self.edition(name).groups]
            expected = f"an edition that has it: {', '.join(elsewhere)}" if elsewhere else EXPECTED
            raise UnknownCode(self.name, code, expected, f"ICCC3 edition {found.name} has no group {group}")
        return found, found.groups[group]

    def readings(self, number: str, edition: Edition) -> tuple[tuple[str, str], ...]:
        """What a number without its system can mean: (`SEER:042`, `IV(b)`), (`SEEREXT:042`, ...)."""
        digits = number.zfill(3)
        recode = [("SEER:" + digits, g.code) for g in edition.groups.values() if g.seer_recode == digits]
        extended = [("SEEREXT:" + digits, leaf.code) for leaf in edition.leaves[1:] if f"{leaf.number:03}" == digits]
        return (*recode[:1], *extended)

    def meaning(self, code: str, edition: str | None) -> Meaning:
        """The tumours of a group, exact."""
        found, group = self.group(code, edition)
        boxes = found.boxes(group.leaves)
        return Meaning(self.name, group.code, found.name, boxes, boxes, group.rows)

    def lookup(self, code: str, edition: str | None) -> Concept:
        """A group with its SEER recode and extended recode numbers."""
        found, group = self.group(code, edition)
        numbers = ", ".join(f"{n:03}" for n in sorted(group.leaves))
        facts = {"level": group.level, "seer_recode": group.seer_recode, f"seer_recode_extended_{found.name}": numbers}
        editions = tuple(name for name in EDITIONS if group.code in self.edition(name).groups)
        parents = (group.parent,) if group.parent else ()
        properties = MappingProxyType({key: value for key, value in facts.items() if value})
        return Concept(self.name, group.code, editions, group.label, parents, properties, group.rows)

    def codes(self, edition: str | None) -> Iterator[str]:
        """All groups of an edition, in the order of the classification."""
        return iter(self.edition(edition).groups)

    def descendants(self, code: str, edition: str | None) -> frozenset[str]:
        """The group and its subgroups and divisions."""
        found, group = self.group(code, edition)
        return frozenset(
            other.code
            for other in found.groups.values()
            if other.leaves <= group.leaves
            and (other.code == group.code or other.code.startswith((f"{group.code}(", f"{group.code}.")))
        )

    def cover(self, boxes: BoxSet, edition: str | None) -> Cover:
        """Which codes lie inside a set of tumours, and which overlap it."""
        found = self.edition(edition)
        return cover_of_leaves(self.name, boxes, found, {code: group.leaves for code, group in found.groups.items()})


class SeerRecode:
    """Groups by SEER's three-digit recode; 999 is 'no group'."""

    name = "SEER"

    def __init__(self, iccc3: Iccc3) -> None:
        self._iccc3 = iccc3

    def info(self) -> SystemInfo:
        """Title, version, editions and size."""
        size = sum(1 for _ in self.codes(None))
        return SystemInfo(self.name, "SEER ICCC-3 site recode", DEFAULT_EDITION, EDITIONS, size)

    def _group(self, code: str, edition: Edition) -> Group | None:
        digits = code.strip()
        if digits == NO_GROUP_RECODE:
            return None
        for group in edition.groups.values():
            if group.seer_recode == digits and group.level != "extended":
                return group
        raise UnknownCode(self.name, code, "three digits as 011 to 122, 050 for V, 999 for no group")

    def meaning(self, code: str, edition: str | None) -> Meaning:
        """The tumours of a recode, exact."""
        found = self._iccc3.edition(edition)
        group = self._group(code, found)
        boxes = found.boxes(group.leaves if group else {0})
        return Meaning(self.name, code.strip(), found.name, boxes, boxes, group.rows if group else "")

    def lookup(self, code: str, edition: str | None) -> Concept:
        """The group behind a recode."""
        group = self._group(code, self._iccc3.edition(edition))
        if group is None:
            return Concept(self.name, NO_GROUP_RECODE, EDITIONS, "Not classified by ICCC-3")
        properties = MappingProxyType({"iccc3": group.code})
        return Concept(self.name, code.strip(), EDITIONS, group.label, (), properties, group.rows)

    def codes(self, edition: str | None) -> Iterator[str]:
        """All recodes."""
        groups = self._iccc3.edition(edition).groups.values()
        yield from dict.fromkeys(group.seer_recode for group in groups if group.seer_recode)
        yield NO_GROUP_RECODE

    def descendants(self, code: str, edition: str | None) -> frozenset[str]:
        """The code itself: recodes have no levels."""
        return frozenset({self.lookup(code, edition).code})

    def cover(self, boxes: BoxSet, edition: str | None) -> Cover:
        """Which codes lie inside a set of tumours, and which overlap it."""
        found = self._iccc3.edition(edition)
        groups = [group for group in found.groups.values() if group.seer_recode and group.level != "extended"]
        leaves = {group.seer_recode: group.leaves for group in groups} | {NO_GROUP_RECODE: frozenset({0})}
        return cover_of_leaves(self.name, boxes, found, leaves)


class SeerExtendedRecode:
    """Leaves by SEER's extended recode, whose numbers mean other things in other editions."""

    name = "SEEREXT"

    def __init__(self, iccc3: Iccc3) -> None:
        self._iccc3 = iccc3

    def info(self) -> SystemInfo:
        """Title, version, editions and size."""
        size = len(self._iccc3.edition(None).leaves) - 1
        return SystemInfo(self.name, "SEER ICCC-3 extended recode", DEFAULT_EDITION, EDITIONS, size)

    def _leaf(self, code: str, edition: str | None) -> tuple[Edition, int]:
        digits = code.strip()
        names = EDITIONS if edition is None else (edition_name(edition),)
        found = {
            name: leaf.code
            for name in names
            for leaf in self._iccc3.edition(name).leaves[1:]
            if f"{leaf.number:03}" == digits
        }
        if not found:
            raise UnknownCode(self.name, code, "three digits as 001 to 115")
        if len(set(found.values())) > 1 or len(found) < len(names):
            readings = tuple(f"{self.name}|{name}:{digits}" for name in found)
            expected = ", ".join(f"edition {name} ({meant})" for name, meant in found.items())
            raise AmbiguousCode(self.name, code, expected, readings)
        return self._iccc3.edition(edition), int(digits)

    def meaning(self, code: str, edition: str | None) -> Meaning:
        """The tumours of a leaf, exact."""
        found, number = self._leaf(code, edition)
        boxes = found.boxes({number})
        return Meaning(self.name, code.strip(), found.name, boxes, boxes, self._heading(found, number).rows)

    def _heading(self, edition: Edition, number: int) -> Group:
        return edition.groups[edition.leaves[number].code]

    def lookup(self, code: str, edition: str | None) -> Concept:
        """The group or division behind a number."""
        found, number = self._leaf(code, edition)
        group = self._heading(found, number)
        properties = MappingProxyType({"iccc3": group.code})
        return Concept(self.name, code.strip(), (found.name,), group.label, (), properties, group.rows)

    def codes(self, edition: str | None) -> Iterator[str]:
        """All numbers of an edition."""
        return (f"{leaf.number:03}" for leaf in self._iccc3.edition(edition).leaves[1:])

    def descendants(self, code: str, edition: str | None) -> frozenset[str]:
        """The code itself."""
        return frozenset({self.lookup(code, edition).code})

    def cover(self, boxes: BoxSet, edition: str | None) -> Cover:
        """Which codes lie inside a set of tumours, and which overlap it."""
        found = self._iccc3.edition(edition)
        return cover_of_leaves(
            self.name, boxes, found, {f"{n.number:03}": frozenset({n.number}) for n in found.leaves[1:]}
        )


def cover_of_leaves(system: str, boxes: BoxSet, edition: Edition, codes: Mapping[str, frozenset[int]]) -> Cover:
    """Cover of a set by codes that are unions of leaves, in one pass over the grid."""
    whole, some = edition.met(boxes)
    possible = frozenset(code for code, leaves in codes.items() if leaves & some)
    certain = frozenset(code for code in possible if codes[code] <= whole)
    unmatched = edition.boxes({0}) & boxes if 0 not in frozenset().union(*codes.values()) else BoxSet.empty()
    return Cover(system, certain, possible, unmatched, f"iccc3 edition {edition.name}")

"""What the terminology answers: meanings, concepts, translations, covers, groups. Frozen, without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from terminology.boxes import BoxSet, Equivalence


@dataclass(frozen=True, slots=True)
class Meaning:
    """The tumours that a code means.

    Attributes
    ----------
    system, code, edition
        The code in the one form this package uses, e.g. ICCC3, `IV(a)`, `2017`; edition is '' where none applies.
    boxes
        Outer meaning: a tumour outside is not meant (but see `bounded`).
    certain
        Inner meaning: a tumour inside is meant for certain. The same as `boxes` if the map is exact.
    rows
        Rows of the tables it was read from, e.g. `iccc3_2017 rows 151-152`, counted from 1 after the header.
    exact
        False if the map is inexact.
    notes
        Sentences for the asker.
    bounded
        False if the code may also mean tumours outside `boxes`, because its map only names something related.
    """

    system: str
    code: str
    edition: str
    boxes: BoxSet
    certain: BoxSet
    rows: str
    exact: bool = True
    notes: tuple[str, ...] = ()
    bounded: bool = True

    def opened(self, note: str) -> Meaning:
        """The same, and perhaps tumours outside `boxes`."""
        return replace(self, exact=False, bounded=False, notes=(*self.notes, note))


@dataclass(frozen=True, slots=True)
class Concept:
    """What is known about a code.

    Attributes
    ----------
    system, code
        The code in its one form.
    editions
        Editions that have it; empty where the system has none.
    name
        Our own or the NCI Thesaurus name, None if there is none that may be shown.
    parents
        Codes of the same system directly above.
    properties
        Further facts by name.
    rows
        Rows of the tables.
    """

    system: str
    code: str
    editions: tuple[str, ...] = ()
    name: str | None = None
    parents: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    rows: str = ""


@dataclass(frozen=True, slots=True)
class Translation:
    """A code of the target system; `equivalence` says how it stands to the source (FHIR R4: wider = holds more)."""

    system: str
    code: str
    equivalence: Equivalence
    rows: str


@dataclass(frozen=True, slots=True)
class Overlap:
    """How a code meets a source, in numbers of tumours.

    Attributes
    ----------
    size, certain
        Outer and inner meaning of the code.
    shared
        Of its outer meaning in the source's outer.
    in_certain
        Of its outer meaning in the source's inner.
    certain_shared
        Of its inner meaning in the source's outer.
    """

    code: str
    rows: str
    size: int
    certain: int
    shared: int
    in_certain: int
    certain_shared: int


@dataclass(frozen=True, slots=True)
class Cover:
    """How the codes of a system stand to a set of tumours.

    Attributes
    ----------
    system
        Code system of the codes.
    certain
        Codes that mean nothing outside the set.
    possible
        Codes that mean something inside the set; every certain code is also possible.
    unmatched
        Tumours of the set that no code of the system is known to mean.
    rows
        Table of the map.
    """

    system: str
    certain: frozenset[str]
    possible: frozenset[str]
    unmatched: BoxSet
    rows: str

    @property
    def exact(self) -> bool:
        """Whether the codes hold exactly the set."""
        return self.certain == self.possible and not self.unmatched


@dataclass(frozen=True, slots=True)
class Leaf:
    """The finest ICCC-3 class of a tumour; number 0 is 'no group'.

    Attributes
    ----------
    number
        SEER extended recode of the edition, 1-115; it means different things in different editions.
    main, group, extended
        `IV`, `IV(a)`, and the extended division as `I(a).1` or '' if the group has none. V has no subgroup: group is V.
    seer_recode
        Three digits, the same in every edition; 999 for no group.
    """

    number: int
    main: str
    group: str
    extended: str
    seer_recode: str

    @property
    def code(self) -> str:
        """The finest code, '' for no group."""
        return self.extended or self.group


@dataclass(frozen=True, slots=True)
class Group:
    """A heading of ICCC-3.

    Attributes
    ----------
    code, level, parent
        `IV(a)`, one of `main`, `sub`, `extended`, and the code above or ''.
    label
        Name published by SEER.
    seer_recode
        Three digits, '' for main groups other than V.
    leaves
        Numbers of the leaves below it.
    rows
        Rows of its edition's table.
    """

    code: str
    level: str
    parent: str
    label: str
    seer_recode: str
    leaves: frozenset[int]
    rows: str


@dataclass(frozen=True, slots=True)
class SystemInfo:
    """A code system that is loaded."""

    system: str
    title: str
    version: str
    editions: tuple[str, ...]
    size: int

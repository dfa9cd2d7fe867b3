"""One door to the terminology: what a code means, in boxes, and everything that follows from it.

`terminology.load()` opens the built file and gives a Terminology; every other part of a program asks it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from terminology.axes import BEHAVIOURS, MORPHOLOGIES, TOPOGRAPHIES
from terminology.boxes import BoxSet, Equivalence
from terminology.codes import IcdO, parse_icdo
from terminology.errors import AmbiguousCode, UnknownSystem, Unmatched
from terminology.iccc3 import DEFAULT_EDITION
from terminology.nouns import Concept, Cover, Group, Leaf, Meaning, Overlap, SystemInfo, Translation
from terminology.places import default_path
from terminology.store import Store, open_store
from terminology.systems.base import CodeSystem, CountsOverlaps, HoldsMoreBelow
from terminology.systems.iccc3 import Iccc3, SeerExtendedRecode, SeerRecode
from terminology.systems.icd10 import Icd10
from terminology.systems.icdo3 import IcdO3
from terminology.systems.ncit import Ncit
from terminology.systems.omop import Omop
from terminology.systems.snomed import SnomedCt

# A meaning holds up to 430 kB.
MEANINGS_KEPT = 128


@lru_cache(maxsize=4)
def _load(path: Path) -> Terminology:
    return Terminology(open_store(path))


def load(path: Path | None = None) -> Terminology:
    """Open the terminology; the same file gives the same object.

    Parameters
    ----------
    path
        A terminology file. None: the file that ICCD_TERMINOLOGY names, else the user's own with loaded packs, else
        the shipped tables, built into the user's cache on first use.

    Raises
    ------
    ManifestMismatch
        The file was made by another version or from other tables.
    """
    return _load(default_path() if path is None else Path(path))


class Terminology:
    """The loaded code systems. Safe to share between threads; nothing is changed after loading."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._iccc3 = Iccc3(store)
        self._icdo3 = IcdO3(store)
        icd10 = {name: Icd10(store, name) for name in ("ICD10", "ICD10CM")}
        self._icd10 = icd10
        omop = Omop(store, icd10)
        systems: tuple[CodeSystem, ...] = (
            self._iccc3,
            SeerRecode(self._iccc3),
            SeerExtendedRecode(self._iccc3),
            self._icdo3,
            *icd10.values(),
            Ncit(store),
            SnomedCt(store, omop),
            omop,
        )
        self._systems = {system.name: system for system in systems}
        self._meaning = lru_cache(maxsize=MEANINGS_KEPT)(self._ask_meaning)

    @property
    def version(self) -> str:
        """What answers say of the terminology: version and loaded packs."""
        packs = [f"{entry.name} {entry.version}" for entry in self._store.sources if entry.kind == "pack"]
        return ", ".join([f"terminology {self._store.manifest['version']}", *packs])

    @property
    def loaded_at(self) -> dt.datetime:
        """When the file was made; every process that opens it gives the same answers."""
        return dt.datetime.fromtimestamp(int(self._store.path.stat().st_mtime), dt.UTC)

    def _system(self, system: str) -> CodeSystem:
        try:
            return self._systems[system.strip().upper()]
        except KeyError:
            raise UnknownSystem(f"no code system {system!r}", expected=", ".join(self._systems)) from None

    def meaning(self, system: str, code: str, edition: str | None = None) -> Meaning:
        """The tumours that a code means.

        Parameters
        ----------
        system
            ICCC3, SEER, SEEREXT, ICDO3, ICD10, ICD10CM, NCIT, SCT or OMOP, in any case.
        code
            The code as people write it.
        edition
            ICCC3: 2017 (default), 2005, who2008. ICDO3: 3.0, 3.1, 3.2. None elsewhere.

        Raises
        ------
        UnknownSystem
            No such system or edition, or it is not loaded.
        UnknownCode
            The code does not exist; as Unmatched: it has no map; as AmbiguousCode: it means several things.
        """
        return self._meaning(system, code, edition)

    def _ask_meaning(self, system: str, code: str, edition: str | None) -> Meaning:
        return self._system(system).meaning(code, edition)

    def beneath(self, system: str, code: str, edition: str | None = None) -> Meaning:
        """The tumours that a code or any code below it means; raises as `meaning` does.

        In ICD-O-3, ICCC-3 and ICD-10 a code holds what stands below it, so this is its meaning. In OMOP and SNOMED CT it
        is as far as the loaded hierarchy tells, and open beyond; of NCIt no hierarchy is held.
        """
        wanted = self._system(system)
        return wanted.beneath(code, edition) if isinstance(wanted, HoldsMoreBelow) else wanted.meaning(code, edition)

    def lookup(self, system: str, code: str, edition: str | None = None) -> Concept:
        """What is known about a code; raises as `meaning` does, but a code without a map is found."""
        return self._system(system).lookup(code, edition)

    def validate(self, system: str, code: str, edition: str | None = None) -> tuple[str, ...]:
        """Notes on a code that exists: other editions, no map, unusual site; raises UnknownCode if it does not."""
        concept = self.lookup(system, code, edition)
        try:
            notes = self.meaning(system, code, edition).notes
        except Unmatched as error:
            notes = (str(error),)
        if concept.system == self._icdo3.name and self._icdo3.usual(parse_icdo(concept.code)) is False:
            notes += (f"{concept.code} is not on the SEER site/type list (2015)",)
        return notes

    def expand(self, system: str, code: str, edition: str | None = None) -> tuple[IcdO, ...]:
        """The single tumours (topography, morphology, behaviour) that a code may mean, in order of the axes."""
        return tuple(cells(self.meaning(system, code, edition).boxes))

    def descendants(self, system: str, code: str, edition: str | None = None) -> frozenset[str]:
        """The code and all codes of its system below it, e.g. ICD10 C74 -> C74, C74.0, C74.1, C74.9."""
        return self._system(system).descendants(code, edition)

    def codes(self, system: str, edition: str | None = None) -> Iterator[str]:
        """All codes of a system that mean tumours, in their one form."""
        return self._system(system).codes(edition)

    def systems(self) -> tuple[SystemInfo, ...]:
        """The code systems with their versions."""
        return tuple(system.info() for system in self._systems.values())

    def translate(
        self, system: str, code: str, target: str, edition: str | None = None, behaviour: int | None = None
    ) -> tuple[Translation, ...]:
        """Codes of the target system that share a tumour with a code, each with how it stands to it.

        `edition` is that of the side which has editions: ICCC-3 (2005, who2008, 2017) or ICD-O-3 (3.x); of the code
        only the tumours with `behaviour` are meant, where it is said. Raises as `meaning` does, and UnknownSystem for
        an edition that neither side can have.
        """
        wanted = self._system(target)
        if edition is not None and not (_takes(system, edition) or _takes(target, edition)):
            raise UnknownSystem(f"neither {system} nor {target} has an edition {edition!r}", expected="no edition")
        source = self.meaning(system, code, edition if _takes(system, edition) else None)
        if behaviour is not None:
            within = BoxSet.where(None, None, [behaviour])
            source = replace(source, boxes=source.boxes & within, certain=source.certain & within)
        if isinstance(wanted, CountsOverlaps):
            size = len(source.boxes)
            return tuple(
                Translation(wanted.name, each.code, standing(each, source, size), each.rows)
                for each in wanted.overlaps(source)
            )
        target_edition = edition if _takes(target, edition) else None
        codes = wanted.cover(source.boxes, target_edition).possible
        found = [wanted.meaning(each, target_edition or _default_edition(target)) for each in sorted(codes)]
        return tuple(Translation(m.system, m.code, equivalence(m, source), m.rows) for m in found)

    def cover(self, boxes: BoxSet, system: str, edition: str | None = None) -> Cover:
        """How the codes of a system stand to a set of tumours; used to ask a source that holds only that system."""
        return self._system(system).cover(boxes, edition)

    def classify(
        self,
        morphology: npt.ArrayLike,
        topography: npt.ArrayLike,
        behaviour: npt.ArrayLike,
        edition: str = DEFAULT_EDITION,
    ) -> npt.NDArray[np.int16]:
        """ICCC-3 leaf numbers of a table of tumours.

        Parameters
        ----------
        morphology
            Four digits, any integer type; a number that is no morphology has no group.
        topography
            Positions in TOPOGRAPHIES, -1 for unknown.
        behaviour
            0, 1, 2, 3, 6, 9; anything else has no group.

        Returns
        -------
        array of int16
            Numbers into `leaves(edition)`; 0 = no group.
        """
        return self._iccc3.edition(edition).classify(morphology, topography, behaviour)

    def grid(self, edition: str | None = None) -> npt.NDArray[np.uint8]:
        """ICCC-3 leaf number of every tumour; axes are MORPHOLOGIES, TOPOGRAPHIES, BEHAVIOURS. Read only."""
        return self._iccc3.edition(edition).grid

    def icd10_grid(self, system: str) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.bool_], tuple[str, ...]]:
        """Code of every tumour in ICD10 or ICD10CM.

        Returns
        -------
        numbers, sure, codes
            Position of each cell's code in `codes` (axes as `grid`); whether it has that code for certain. The code at
            0 is '', no code.
        """
        return self._icd10[system.strip().upper()].grid()

    def leaves(self, edition: str | None = None) -> tuple[Leaf, ...]:
        """Leaves of an edition by number; number 0 is 'no group'."""
        return self._iccc3.edition(edition).leaves

    def groups(self, edition: str | None = None) -> tuple[Group, ...]:
        """Headings of an edition in their order."""
        return tuple(self._iccc3.edition(edition).groups.values())

    def group_of(self, icdo: IcdO, edition: str | None = None) -> Leaf:
        """The leaf of one tumour; raises AmbiguousCode if the parts that are known leave several."""
        leaves = self.possible_groups(icdo, edition)
        if len(leaves) == 1:
            return leaves[0]
        readings = tuple(leaf.code or "no group" for leaf in leaves)
        raise AmbiguousCode("ICDO3", str(icdo), "topography, morphology and behaviour", readings)

    def possible_groups(self, icdo: IcdO, edition: str | None = None) -> tuple[Leaf, ...]:
        """All leaves that a tumour can have of which only some parts are known, by number."""
        return self._iccc3.edition(edition).possible_leaves(icdo)

    def notes(self, icdo: IcdO) -> tuple[str, ...]:
        """What to know of an ICD-O-3 code that no edition lists; empty for most."""
        return self._icdo3.notes(icdo, None)

    def seer_readings(self, number: str, edition: str | None = None) -> tuple[tuple[str, str], ...]:
        """What a three-digit number can mean: (`SEER:042`, `IV(b)`), (`SEEREXT:042`, `VII(a).2`)."""
        return self._iccc3.readings(number.strip(), self._iccc3.edition(edition))

    def close(self) -> None:
        """Close the file."""
        self._store.close()


def cells(boxes: BoxSet) -> Iterator[IcdO]:
    """The single tumours of a set, in order of morphology, topography, behaviour."""
    for m, t, b in np.argwhere(boxes.mask()).tolist():
        yield IcdO(TOPOGRAPHIES[t], MORPHOLOGIES[m], BEHAVIOURS[b])


def equivalence(target: Meaning, source: Meaning) -> Equivalence:
    """How a target stands to a source where either may be inexact: a word is used only if it is certain."""
    if target.exact and source.exact:
        return target.boxes.relation(source.boxes)
    if not target.boxes.overlaps(source.boxes):
        return Equivalence.DISJOINT if target.bounded and source.bounded else Equivalence.INEXACT
    if target.bounded and target.boxes <= source.certain:
        return Equivalence.NARROWER
    if source.bounded and source.boxes <= target.certain:
        return Equivalence.WIDER
    return Equivalence.INEXACT


def standing(target: Overlap, source: Meaning, size: int) -> Equivalence:
    """The same as `equivalence` for a code that shares a tumour with a source of so many, from numbers of tumours."""
    if target.size == target.certain and source.exact:
        if target.size == size == target.shared:
            return Equivalence.EQUAL
        if target.shared == size:
            return Equivalence.WIDER
        return Equivalence.NARROWER if target.shared == target.size else Equivalence.INEXACT
    if target.in_certain == target.size:
        return Equivalence.NARROWER
    return Equivalence.WIDER if source.bounded and target.certain_shared == size else Equivalence.INEXACT


def _takes(system: str, edition: str | None) -> bool:
    """Whether an edition can be meant for this system: 3.x are of ICD-O-3, all others of ICCC-3."""
    if edition is None:
        return False
    name = system.strip().upper()
    return name == "ICDO3" if edition.startswith("3.") else name in ("ICCC3", "SEER", "SEEREXT")


def _default_edition(system: str) -> str | None:
    """Edition to read a system's own codes in: a SEER extended number needs one."""
    return DEFAULT_EDITION if system.strip().upper() == "SEEREXT" else None

"""ICCC-3 groups for tables of tumours as they come: columns of text codes, or CSV of any size.

Each distinct spelling is parsed once. What is not known (a blank, a category such as C71) leaves a set of possible
groups; a set of one is an answer. 'No group' is an ordinary outcome.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TypeVar

import numpy as np
import numpy.typing as npt

from terminology.boxes import TOPOGRAPHY_INDEX
from terminology.codes import IcdO, parse_behaviour, parse_morphology, parse_topography
from terminology.errors import LoadFailed, UnknownCode
from terminology.facade import Terminology

COLUMNS = ("topography", "morphology", "behaviour")
ADDED = ("iccc3_2005", "iccc3_2017", "seer_recode", "note")
ADDED_EXTENDED = ("iccc3_2005_extended", "iccc3_2017_extended")

_EDITIONS = ("2005", "2017")
_ALIASES = {"behavior": "behaviour"}
_DELIMITERS = ",;\t|"
_GROUPS_NAMED = 6

# Distinct spellings kept; a file of garbage must not fill the memory.
_KEPT = 500_000

_Value = TypeVar("_Value")


def parse_columns(
    topography: Sequence[str], morphology: Sequence[str], behaviour: Sequence[str]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int16], npt.NDArray[np.int8]]:
    """Read columns of text codes into the arrays that Terminology.classify takes.

    Parameters
    ----------
    topography, morphology, behaviour
        Codes in any notation, columns of one length. A blank behaviour is the one written in the morphology.

    Returns
    -------
    morphology, topography, behaviour
        Four digits, position in TOPOGRAPHIES, digit; -1 for what is blank, no code, a category or contradictory.
    """
    sites = _distinct(topography, _site, np.int16)
    histologies = _distinct(morphology, _histology, np.int32)
    given = _distinct(behaviour, _behaviour, np.int8)
    kinds, written = histologies // 16, (histologies % 16).astype(np.int8)
    written = np.where(written == _UNSAID, given, written)
    agreed = (given == written) | (given < 0)
    return kinds, sites, np.where(agreed, written, -1).astype(np.int8)


_UNSAID = 15


def _distinct(
    texts: Sequence[str], parse: Callable[[str], int], dtype: type[np.signedinteger]
) -> npt.NDArray[np.signedinteger]:
    numbers = _Parsed(parse)
    return np.fromiter(map(numbers.__getitem__, texts), dtype, len(texts))


class _Parsed(dict[str, int]):
    """Results of a parser by spelling; -1 for what it refuses."""

    def __init__(self, parse: Callable[[str], int]) -> None:
        super().__init__()
        self._parse = parse

    def __missing__(self, text: str) -> int:
        try:
            value = self._parse(text)
        except UnknownCode:
            value = -1
        if len(self) > _KEPT:
            self.clear()
        self[text] = value
        return value


def _site(text: str) -> int:
    return TOPOGRAPHY_INDEX.get(parse_topography(text), -1)


def _histology(text: str) -> int:
    morphology, behaviour = parse_morphology(text)
    return morphology * 16 + (_UNSAID if behaviour is None else behaviour)


def _behaviour(text: str) -> int:
    return parse_behaviour(text) if text.strip() else -1


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the rows of a table; they add up to `rows`."""

    classified: int = 0
    no_group: int = 0
    possible: int = 0
    refused: int = 0

    @property
    def rows(self) -> int:
        """All rows."""
        return self.classified + self.no_group + self.possible + self.refused


@dataclass(frozen=True, slots=True)
class _Outcome:
    kind: str
    cells: tuple[str, ...]


class TableClassifier:
    """Adds ICCC-3 columns to rows of text; keeps the outcome of each distinct triple of codes."""

    def __init__(self, terminology: Terminology, *, extended: bool = False) -> None:
        self._terminology = terminology
        self._extended = extended
        self._known: dict[tuple[str, str, str], _Outcome] = {}
        self._counts = dict.fromkeys(("classified", "no_group", "possible", "refused"), 0)

    @property
    def tally(self) -> Tally:
        """What became of the rows so far."""
        return Tally(**self._counts)

    @property
    def added(self) -> tuple[str, ...]:
        """Names of the columns that are added."""
        return (*ADDED[:-1], *(ADDED_EXTENDED if self._extended else ()), ADDED[-1])

    def classify(self, topography: str, morphology: str, behaviour: str) -> tuple[str, ...]:
        """Cells of the added columns for one row."""
        triple = (topography, morphology, behaviour)
        outcome = self._known.get(triple)
        if outcome is None:
            if len(self._known) > _KEPT:
                self._known.clear()
            outcome = self._known[triple] = self._outcome(*triple)
        self._counts[outcome.kind] += 1
        return outcome.cells

    def _outcome(self, topography: str, morphology: str, behaviour: str) -> _Outcome:
        try:
            icdo = read_tumour(topography, morphology, behaviour)
        except UnknownCode as error:
            return _Outcome("refused", (*("" for _ in self.added[:-1]), str(error)))
        found = {edition: self._terminology.possible_groups(icdo, edition) for edition in _EDITIONS}
        notes = list(self._terminology.notes(icdo))
        for edition, leaves in found.items():
            groups = list(dict.fromkeys(leaf.group or "no group" for leaf in leaves))
            if len(groups) > 1:
                named = ", ".join(groups) if len(groups) <= _GROUPS_NAMED else f"{len(groups)} groups"
                notes.append(f"iccc3_{edition} is one of {named}")
            elif groups == ["no group"]:
                notes.append(f"no group in iccc3_{edition}")
        groups = [_only(leaf.group for leaf in found[edition]) for edition in _EDITIONS]
        extended = [_only(leaf.code for leaf in found[edition]) for edition in _EDITIONS] if self._extended else []
        seer = _only(leaf.seer_recode for leaf in found["2017"])
        kind = "possible" if seer == "" else "no_group" if seer == "999" else "classified"
        return _Outcome(kind, (*groups, seer, *extended, "; ".join(notes)))


def _only(values: Iterator[str]) -> str:
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else ""


def read_tumour(topography: str, morphology: str, behaviour: str) -> IcdO:
    """Read one tumour from three texts, blank = not known; raises UnknownCode, also where two behaviours disagree."""
    site = parse_topography(topography) if topography.strip() else None
    kind, written = parse_morphology(morphology) if morphology.strip() else (None, None)
    given = parse_behaviour(behaviour) if behaviour.strip() else None
    if written is not None and given is not None and written != given:
        message = f"behaviour {given} contradicts {kind}/{written}"
        raise UnknownCode("ICDO3", behaviour, f"behaviour {written} or none", message)
    return IcdO(site, kind, given if written is None else written)


def classify_csv(classifier: TableClassifier, source: IO[str], target: IO[str], name: str) -> Tally:
    """Copy a CSV table with the ICCC-3 columns added, a row at a time.

    Parameters
    ----------
    source
        Text with a header line that names topography, morphology and (unless the morphology has it) behaviour;
        other columns pass through. The delimiter is the header's: comma, semicolon, tab or bar.
    target
        Where the rows go, in the same form.
    name
        What errors call the source.

    Raises
    ------
    LoadFailed
        There is no header, a column is missing, or a row has another number of columns; the line is named.
    """
    header = source.readline()
    if not header.strip():
        raise LoadFailed("is empty", where=name, expected="a header with topography, morphology, behaviour")
    delimiter = max(_DELIMITERS, key=header.count)
    columns = next(csv.reader([header], delimiter=delimiter))
    at = _positions(columns, name)
    writer = csv.writer(target, delimiter=delimiter, lineterminator="\n")
    writer.writerow([*columns, *classifier.added])
    reader = csv.reader(source, delimiter=delimiter)
    try:
        for row in reader:
            if len(row) != len(columns):
                if not row:
                    continue
                raise LoadFailed(
                    f"has {len(row)} columns", where=f"{name}, line {reader.line_num + 1}", expected=f"{len(columns)}"
                )
            topography, morphology, behaviour = (row[i] if i >= 0 else "" for i in at)
            row.extend(classifier.classify(topography, morphology, behaviour))
            writer.writerow(row)
    except csv.Error as error:
        raise LoadFailed(
            f"cannot be read: {error}", where=f"{name}, line {reader.line_num + 1}", expected="a CSV table"
        ) from error
    return classifier.tally


def _positions(columns: list[str], name: str) -> tuple[int, ...]:
    names = [_ALIASES.get(column.strip().lower(), column.strip().lower()) for column in columns]
    if missing := [column for column in COLUMNS[:2] if column not in names]:
        raise LoadFailed(f"has no column {' and '.join(missing)}", where=f"{name}, line 1", expected=", ".join(COLUMNS))
    return tuple(names.index(column) if column in names else -1 for column in COLUMNS)

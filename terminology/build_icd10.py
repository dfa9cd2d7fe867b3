"""From the SEER conversion ICD-O-3 -> ICD-10 to the codes of every cell (rules: terminology/SOURCES.md).

Morphology rules come first, then the site table by behaviour. Three kinds of cell are only possibly in a code:
those without a morphology rule (read through the site table by their own behaviour), those that the workbook
splits by sex, and unknown primaries (C80.9) that it sends to a usual site: 9500/3 there may be coded C71.9, C74.9
or C80.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from terminology.axes import BEHAVIOURS, TOPOGRAPHIES
from terminology.boxes import BEHAVIOUR_INDEX, MORPHOLOGY_INDEX, SHAPE, TOPOGRAPHY_INDEX, subsites
from terminology.tablefiles import Row

UNKNOWN_PRIMARY = TOPOGRAPHY_INDEX["C80.9"]

# From here on ICD-10 codes by histology whatever the site, so the site table says nothing (ICD-10, C81-C96).
_FIRST_BLOOD_OR_LYMPH = MORPHOLOGY_INDEX[9590]

# D49 of ICD-10-CM, 'unspecified behavior', differs from 'uncertain' for the tumour nobody has named.
_UNNAMED_TUMOUR = MORPHOLOGY_INDEX[8000]

_Cell = tuple[int, int, int]


@dataclass
class Icd10Map:
    """Codes of all cells.

    Attributes
    ----------
    codes
        Codes in order; number 1 is the first.
    code
        Number of the code of each cell, 0 for none, shape SHAPE.
    sure
        Whether the cell is in that code for certain.
    extra_cell, extra_code
        Further codes in which a cell possibly is: flat position of the cell, number of the code.
    rows
        Table rows that name each code.
    """

    codes: tuple[str, ...]
    code: npt.NDArray[np.int16]
    sure: npt.NDArray[np.bool_]
    extra_cell: npt.NDArray[np.int32]
    extra_code: npt.NDArray[np.int16]
    rows: dict[str, list[int]] = field(default_factory=dict)


def read_icd10(rows: list[Row], usual: npt.NDArray[np.bool_]) -> Icd10Map:
    """Apply the rules of one system (ICD-10 or ICD-10-CM) to every cell."""
    cited: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        if row["icd10"]:
            cited[row["icd10"]].append(row.number)
    codes = tuple(sorted(cited))
    numbers = {code: i for i, code in enumerate(codes, 1)} | {"": 0}
    by_site = _site_table(rows, numbers)
    code, sure, extras = _by_own_behaviour(by_site)
    named: dict[tuple[int, int], list[Row]] = defaultdict(list)
    for row in rows:
        if row["rule"] == "morphology":
            named[MORPHOLOGY_INDEX[int(row["morphology"])], BEHAVIOUR_INDEX[int(row["behaviour"])]].append(row)
    for (m, b), rules in named.items():
        code[m, :, b] = 0
        for row, sites in _sites(rules):
            given = _given(row, sites, numbers, by_site)
            split = (code[m, sites, b] != 0) & (given != 0)
            extras |= {((m, t, b), int(n)) for t, n in zip(sites[split], given[split], strict=True)}
            code[m, sites, b] = np.where(split, code[m, sites, b], given)
            sure[m, sites, b] = ~split
    extras |= _unspecified_behaviour(rows, numbers)
    extras |= _guessed_sites(code, by_site, usual)
    others = [(cell, n) for cell, n in extras if n != code[cell]]
    for cell, _ in others:
        sure[cell] = False
    pairs = sorted((_flat(cell), n) for cell, n in others)
    return Icd10Map(
        codes,
        code,
        sure & (code != 0),
        np.array([cell for cell, _ in pairs], np.int32),
        np.array([n for _, n in pairs], np.int16),
        dict(cited),
    )


def _flat(cell: _Cell) -> int:
    return int(np.ravel_multi_index(cell, SHAPE))


def _site_table(rows: list[Row], numbers: dict[str, int]) -> npt.NDArray[np.int16]:
    """Number of the code by (topography, behaviour)."""
    table = np.zeros(SHAPE[1:], np.int16)
    for row in rows:
        if row["rule"] == "topography" and not row["via_behaviour_column"]:
            table[TOPOGRAPHY_INDEX[row["topography"]], BEHAVIOUR_INDEX[int(row["behaviour"])]] = numbers[row["icd10"]]
    return table


def _by_own_behaviour(
    by_site: npt.NDArray[np.int16],
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.bool_], set[tuple[_Cell, int]]]:
    code = np.broadcast_to(by_site, SHAPE).copy()
    code[_FIRST_BLOOD_OR_LYMPH:] = 0
    return code, np.zeros(SHAPE, np.bool_), set()


def _sites(rules: list[Row]) -> list[tuple[Row, npt.NDArray[np.intp]]]:
    """Sites of each rule of one morphology and behaviour; REST is what no other rule of it names."""
    everywhere = frozenset(range(len(TOPOGRAPHIES)))
    listed = {
        row.number: frozenset(TOPOGRAPHY_INDEX[t] for code in row["topography"].split(",") for t in subsites(code))
        for row in rules
        if row["topography"] not in ("ALL", "REST")
    }
    rest = everywhere.difference(*listed.values())
    words = {"ALL": everywhere, "REST": rest}
    return [
        (row, np.array(sorted(listed[row.number] if row.number in listed else words[row["topography"]]), np.intp))
        for row in rules
    ]


def _given(
    row: Row, sites: npt.NDArray[np.intp], numbers: dict[str, int], by_site: npt.NDArray[np.int16]
) -> npt.NDArray[np.int16]:
    if row["icd10"]:
        return np.full(len(sites), numbers[row["icd10"]], np.int16)
    column: npt.NDArray[np.int16] = by_site[:, BEHAVIOUR_INDEX[int(row["via_behaviour_column"])]]
    return column[sites]


def _unspecified_behaviour(rows: list[Row], numbers: dict[str, int]) -> set[tuple[_Cell, int]]:
    return {
        ((_UNNAMED_TUMOUR, TOPOGRAPHY_INDEX[row["topography"]], BEHAVIOUR_INDEX[1]), numbers[row["icd10"]])
        for row in rows
        if row["rule"] == "topography" and row["via_behaviour_column"] and row["icd10"]
    }


def usual_cells(site_type: list[Row], listed: frozenset[str]) -> npt.NDArray[np.bool_]:
    """The cells that the SEER site/type list has (2015; no list of what cannot be).

    Its ranges are of listed morphologies, so a code of no list is not in them.
    """
    usual = np.zeros(SHAPE, np.bool_)
    morphologies = {str(code): i for code, i in MORPHOLOGY_INDEX.items() if str(code) in listed}
    for row in site_type:
        sites = [TOPOGRAPHY_INDEX[t] for t in _in_ranges(row["topo_ranges"], TOPOGRAPHY_INDEX)]
        kinds = [morphologies[m] for m in _in_ranges(row["morph_ranges"], morphologies)]
        usual[np.ix_(kinds, sites, [BEHAVIOUR_INDEX[int(row["behaviour"])]])] = True
    return usual


def _in_ranges(text: str, index: Mapping[str, int]) -> list[str]:
    ranges = [(low, high or low) for low, _, high in (part.partition("-") for part in text.split(","))]
    return [code for code in index if any(low <= code <= high for low, high in ranges)]


def _guessed_sites(
    code: npt.NDArray[np.int16], by_site: npt.NDArray[np.int16], usual: npt.NDArray[np.bool_]
) -> set[tuple[_Cell, int]]:
    """Unknown primaries that the workbook sends to a site: also in C80 and at the unspecified part of usual sites."""
    of_a_site = set(np.delete(by_site, UNKNOWN_PRIMARY, axis=0).flat) - {0}
    unspecified = [i for i, t in enumerate(TOPOGRAPHIES) if t == subsites(t[:3])[-1]]
    found: set[tuple[_Cell, int]] = set()
    for m, b in np.argwhere(np.isin(code[:, UNKNOWN_PRIMARY, :], list(of_a_site))).tolist():
        if BEHAVIOURS[b] != 9:
            cell = (m, UNKNOWN_PRIMARY, b)
            sites = [t for t in unspecified if usual[m, t, b]]
            given = {int(by_site[UNKNOWN_PRIMARY, b]), *(int(code[m, t, b]) for t in sites)} - {0}
            found |= {(cell, n) for n in given}
    return found

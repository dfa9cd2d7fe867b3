"""Labels of a table: what the raw columns of a dimension mean, and the positions of label sets that tumours have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.adapters.omop.codes import Codes
from gateway.adapters.omop.engine import Row
from gateway.adapters.omop.state import State
from gateway.adapters.omop.statements import BY_AGE, SPANNING_TUMOUR
from gateway.model.answer import Labels
from gateway.model.fields import AGE_BANDS, UNKNOWN_LABEL
from gateway.model.values import Absent
from gateway.sources.tabulate import integer_labels
from terminology import Terminology

TABLES_KEPT = 32

Reading: TypeAlias = tuple[int, Callable[[Row], Labels]]
"""How many columns a dimension has in a row, and the labels that they mean."""


@dataclass(frozen=True, slots=True, eq=False)
class TumourLabels:
    """Labels of a dimension that the kind of tumour tells.

    Attributes
    ----------
    sets
        Distinct label sets.
    positions
        Position in `sets` for each kind of tumour.
    names
        Distinct labels.
    spread
        Every label of every set: columns position of the set, position in `names`, 1 if it is the only one.
    """

    sets: tuple[Labels, ...]
    positions: npt.NDArray[np.int64]
    names: Labels
    spread: tuple[list[int], list[int], list[int]]


@lru_cache(maxsize=TABLES_KEPT)
def tumour_labels(codes: Codes, dimension: str, iccc: str, terminology: Terminology) -> TumourLabels:
    """Labels of the kinds of tumour of a database in one dimension."""
    labels = _behaviours(codes) if dimension == "behaviour" else codes.meanings.groups(dimension, iccc, terminology)
    sets = {each: i for i, each in enumerate(dict.fromkeys(labels))}
    names = {name: i for i, name in enumerate(dict.fromkeys(name for each in sets for name in each))}
    rows = [(i, names[name], int(len(each) == 1)) for each, i in sets.items() for name in each]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], []]
    positions = np.array([sets[each] for each in labels], np.int64)
    return TumourLabels(tuple(sets), positions, tuple(names), (columns[0], columns[1], columns[2]))


def reading_of(state: State, dimension: str, tumours: TumourLabels | None, *, patients: bool) -> Reading:
    """How to read the columns of a dimension in rows of statements.CountShape."""
    if tumours is not None:
        if patients and dimension in SPANNING_TUMOUR:
            return 1, lambda raw: (tumours.names[raw[0]],)
        return 1, lambda raw: tumours.sets[raw[0]]
    if dimension == "year":
        return 1, lambda raw: integer_labels(raw[0], raw[0])
    if dimension in BY_AGE:
        label = integer_labels if dimension == "age" else _band_labels
        return 1 if patients or state.births_complete else 2, lambda raw: label(raw[0], raw[-1])
    if dimension == "country" and len(state.country_columns) > 1:
        return len(state.country_columns), lambda raw: (state.label_of(dimension, tuple(raw)),)
    return 1, lambda raw: (state.label_of(dimension, raw[0]),)


def _behaviours(codes: Codes) -> list[Labels]:
    recorded = [diagnosis.behaviour for diagnosis in codes.diagnoses]
    return [(each.value if isinstance(each, Absent) else str(each),) for each in recorded]


def _band_labels(low: int | None, high: int | None) -> Labels:
    if low is None or high is None:
        return (UNKNOWN_LABEL,)
    return tuple(name for name, _, _ in AGE_BANDS[low : high + 1])

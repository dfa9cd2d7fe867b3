"""Records that a question names by id: the rows of `cases` that are theirs.

For every other row such a condition is `no`. So all rows are counted as if no record were named, and the rows that are
named are counted apart; where nothing but these can match, no other row is touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gateway.model.query import RecordIn

Rows = Mapping[str, npt.NDArray[Any]]
"""Columns by name; Any because keys are objects and numbers are not."""

KEYS = {"case": "case_key", "patient": "patient_key"}
"""For each kind of record, the column of its id."""


@dataclass(frozen=True, slots=True)
class Named:
    """Rows of the records that a question names.

    Attributes
    ----------
    rows
        All of them, each once, in the order of `case_no`.
    numbers
        Row numbers for each condition.
    """

    rows: Rows
    numbers: Mapping[RecordIn, npt.NDArray[np.integer]]

    @property
    def patients(self) -> npt.NDArray[np.int64]:
        """A number for the patient of each row."""
        return np.unique(self.rows["patient_key"].astype(str), return_inverse=True)[1].astype(np.int64)


def named(asked: Iterable[RecordIn], candidates: Rows) -> Named:
    """Rows of candidates whose ids are asked for; candidates share at least the hash of an id.

    Parameters
    ----------
    candidates
        Rows, each once, in the order of `case_no`: all that may be asked for, and perhaps others.
    """
    among = {leaf: _among(candidates[KEYS[leaf.of]], leaf.ids) for leaf in asked}
    kept = np.logical_or.reduce(list(among.values()))
    rows = {name: column[kept] for name, column in candidates.items()}
    return Named(rows, {leaf: candidates["case_no"][mask] for leaf, mask in among.items()})


def _among(keys: npt.NDArray[Any], ids: frozenset[str]) -> npt.NDArray[np.bool_]:
    return np.fromiter((key in ids for key in keys.tolist()), np.bool_, len(keys))

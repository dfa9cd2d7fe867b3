"""How answers cite rows of a table: `iccc3_2017 rows 151-152, 160`."""

from __future__ import annotations

from collections.abc import Iterable

# Beyond so many runs a citation stops being readable; it says how many rows follow.
_RUNS = 12


def rows_text(table: str, numbers: Iterable[int]) -> str:
    """Cite rows of a table by their numbers, counted from 1 after the header; '' for none."""
    runs: list[list[int]] = []
    ordered = sorted(set(numbers))
    for number in ordered:
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    if not runs:
        return ""
    shown = ", ".join("-".join(map(str, run)) for run in runs[:_RUNS])
    if len(runs) > _RUNS:
        shown += f" and {len(ordered) - sum(run[-1] - run[0] + 1 for run in runs[:_RUNS])} more"
    return f"{table} {'row' if len(ordered) == 1 else 'rows'} {shown}"

"""The answer as a table for people: cells, total, and what became of the question at every source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

Json = dict[str, Any]


def print_answer(document: Json) -> None:
    """Print an answer of /statistics/counts."""
    click.echo(f"{document['question']['text'] or 'everything'} ({document['question']['unit']})\n")
    by = list(document["question"]["by"])
    if by:
        rows = [[str(cell[dimension]) for dimension in by] + [count_text(cell["count"])] for cell in document["cells"]]
        print_table([*by, "count"], rows, right=1)
        click.echo()
    rows = [
        [source["id"], source["status"], count_text(source["count"]), source["reason"] or ""]
        for source in document["sources"]
    ]
    rows.append(["total", "", count_text(document["total"]), document["total"]["precision"]])
    print_table(["registry", "status", "count", "remark"], rows, right=0)
    click.echo()
    for term, to, equivalence, rows_used, sources in _translations(document):
        click.echo(f"{term} -> {to}\n  {equivalence}, from {rows_used}; {sources}")
    for note in document["notes"]:
        click.echo(f"note: {note}")


def count_text(count: Json | None) -> str:
    """`12`, `12-14`, `12 or more`, `withheld`."""
    if count is None:
        return "-"
    if count["precision"] == "suppressed":
        return "withheld"
    low, high = count["low"], count["high"]
    if low == high:
        return str(low)
    return f"{low} or more" if high is None else f"{low}-{high}"


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, right: int) -> None:
    """Columns padded to their widest entry; the last `right` columns flush right."""
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    for row in (heads, ["-" * width for width in widths], *rows):
        parts = [
            text.rjust(width) if i >= len(heads) - right else text.ljust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(parts).rstrip())


def _translations(document: Json) -> list[tuple[str, str, str, str, str]]:
    """Each translation once, with the sources it was used for."""
    used: dict[tuple[str, str, str, str], list[str]] = {}
    for source in document["sources"]:
        for note in source["translation"]:
            key = (note["term"], note["to"], note["equivalence"], note["from"])
            used.setdefault(key, []).append(source["id"])
    everywhere = len(document["sources"])
    return [(*key, "all sources" if len(names) == everywhere else ", ".join(names)) for key, names in used.items()]

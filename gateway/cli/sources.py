"""`iccd sources`: each source with kind, status, snapshot, cases and coverage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import json_option, settings_option

if TYPE_CHECKING:
    from gateway.disclosure.released import ReleasedCount, ReleasedSource
    from gateway.model.capability import Capabilities

FAILED = frozenset({"error", "timeout"})
UNKNOWN = ("title", "kind", "snapshot", "cases", "country", "region", "years", "ages", "behaviours")


@click.command()
@json_option
@settings_option
def sources(as_json: bool, settings: Path) -> int:
    """Ask each source of the settings for its cases. Exit code 1 if one cannot answer."""
    import asyncio

    import orjson

    from gateway.access.requester import Requester
    from gateway.cli.table import print_table
    from gateway.federation.opening import open_gateway
    from gateway.model.query import CaseQuery

    gateway = open_gateway(settings)
    answer = asyncio.run(gateway.ask(CaseQuery(), Requester("owner", "local operator")))
    abilities = gateway.capabilities()
    rows = [_row(source, abilities.get(source.id)) for source in answer.sources]
    gateway.close()
    if as_json:
        click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
    else:
        heads = ["id", "kind", "status", "snapshot", "cases", "country", "years", "reason"]
        print_table(heads, [[_text(row[head]) for head in heads] for row in rows], right=0)
    return 1 if any(row["status"] in FAILED for row in rows) else 0


def _row(source: ReleasedSource, ability: Capabilities | None) -> dict[str, Any]:
    known = dict.fromkeys(UNKNOWN) if ability is None else _described(ability, source.total)
    return known | {"id": source.id, "status": source.status.value, "reason": source.reason}


def _described(ability: Capabilities, count: ReleasedCount | None) -> dict[str, Any]:
    coverage = ability.coverage
    counted = count.low if count is not None and count.low == count.high else None
    return {
        "title": ability.title,
        "kind": ability.kind,
        "snapshot": ability.snapshot,
        "cases": counted if ability.cases is None else ability.cases,
        "country": coverage.country,
        "region": coverage.region,
        "years": coverage.years,
        "ages": coverage.ages,
        "behaviours": sorted(coverage.behaviours),
        "population_based": coverage.population_based,
        "multiple_primary_rule": coverage.multiple_primary_rule,
        "never": sorted(ability.never),
        "code_systems": [system for system, _ in ability.code_systems],
    }


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, tuple | list):
        return "-".join(map(str, value))
    return str(value)

"""`iccd sources`: each source with kind, status, snapshot, cases and coverage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gateway.cli.options import json_option, settings_option
from gateway.model.capability import Capabilities


@click.command()
@json_option
@settings_option
def sources(as_json: bool, settings: Path) -> int:
    """List the sources of the settings. Exit code 1 if one cannot be opened."""
    import orjson

    from gateway.cli.table import print_table
    from gateway.federation.opening import open_gateway

    gateway = open_gateway(settings)
    rows = [_row(name, ability) for name, ability in gateway.capabilities().items()]
    rows += [_broken(name, reason) for name, reason in gateway.broken.items()]
    gateway.close()
    rows.sort(key=lambda row: str(row["id"]))
    if as_json:
        click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
    else:
        heads = ["id", "kind", "status", "snapshot", "cases", "country", "years", "reason"]
        print_table(heads, [[_text(row[head]) for head in heads] for row in rows], right=0)
    return 1 if gateway.broken else 0


def _row(name: str, ability: Capabilities) -> dict[str, Any]:
    coverage = ability.coverage
    return {
        "id": name,
        "title": ability.title,
        "kind": ability.kind,
        "status": "ok",
        "snapshot": ability.snapshot,
        "cases": ability.cases,
        "country": coverage.country,
        "region": coverage.region,
        "years": coverage.years,
        "ages": coverage.ages,
        "behaviours": sorted(coverage.behaviours),
        "population_based": coverage.population_based,
        "multiple_primary_rule": coverage.multiple_primary_rule,
        "never": sorted(ability.never),
        "code_systems": [system for system, _ in ability.code_systems],
        "reason": None,
    }


def _broken(name: str, reason: str) -> dict[str, Any]:
    keys = ("title", "kind", "snapshot", "cases", "country", "region", "years", "ages", "behaviours")
    return dict.fromkeys(keys) | {"id": name, "status": "error", "reason": reason}


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, tuple | list):
        return "-".join(map(str, value))
    return str(value)

"""`iccd load [SOURCE ...]`: files -> snapshots; read = accepted + quarantined + rejected for each source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import json_option, settings_option

if TYPE_CHECKING:
    from gateway.sources.loading import LoadReport


@click.command()
@click.argument("names", metavar="[SOURCE]...", nargs=-1)
@click.option(
    "--force", is_flag=True, help="Let a file with more bad records than its profile allows replace a better one."
)
@json_option
@settings_option
def load(names: tuple[str, ...], force: bool, as_json: bool, settings: Path) -> int:
    """Load the files of all sources, or of the named ones. Exit code 1 if a source failed."""
    import orjson

    from gateway.cli.loading import load_all

    reports, failures = load_all(settings, names, force=force)
    if as_json:
        body = {"loaded": {name: report.as_json() for name, report in reports.items()}, "failed": failures}
        click.echo(orjson.dumps(body, option=orjson.OPT_INDENT_2).decode())
        return 1 if failures else 0
    for name, report in reports.items():
        click.echo(
            f"{name}: {report.read} read = {report.accepted} accepted + {report.quarantined} quarantined"
            f" + {report.rejected} rejected"
        )
        for remark in remarks(report):
            click.echo(f"  {remark}", err=True)
    for name, reason in failures.items():
        click.echo(f"{name}: failed: {reason}", err=True)
    return 1 if failures else 0


def remarks(report: LoadReport) -> Iterator[str]:
    """Why records were kept aside, and what became unknown; counts only."""
    if report.unusable is not None:
        yield (
            f"warning: {report.unusable.records} of {report.unusable.considered} records could not be used, and the"
            f" profile allows {report.max_reject_share:.1%}: every count of this source is partial, and possibly so much"
            " higher"
        )
    for reason, count in sorted(report.reasons.items()):
        yield f"{count} x {reason}"
    for issue in report.issues:
        yield f"{issue.severity}: {issue.count} x {issue.field}: {issue.reason}"

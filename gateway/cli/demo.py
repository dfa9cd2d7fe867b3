"""`iccd demo`: six synthetic registries in their own formats, loaded, asked, and served."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gateway.settings import GatewaySettings

QUESTION = "diagnosis=ICCC3:IV(a)&age=0..14&year=2010..2019&by=source,sex"
URLS = (
    ("the question, as JSON", "/statistics/counts?diagnosis=ICCC3:IV(a)&age=0..14&year=2010..2019&by=source,sex"),
    ("FHIR: what this server can do", "/fhir/metadata"),
    (
        "FHIR: neuroblastomas, counted",
        "/fhir/Condition?code=http://terminology.hl7.org/CodeSystem/iccc-3|IV(a)&age-at-diagnosis=le14"
        "&onset-date=ge2010-01-01&onset-date=le2019-12-31&_summary=count",
    ),
    ("Beacon: individuals", "/beacon/individuals?filters=ICCC3:IV(a)&requestedGranularity=count"),
    ("Beacon: registries", "/beacon/datasets"),
)


def _gateway_of(settings: Path) -> GatewaySettings:
    """`[gateway]` of a settings file, its terminology file by an absolute path."""
    from gateway.settings import load_settings

    found = load_settings(settings).gateway
    if found.terminology is None:
        return found
    return found.model_copy(update={"terminology": (settings.resolve().parent / found.terminology).resolve()})


@click.command()
@click.option("--once", is_flag=True, help="Stop after the answer.")
@click.option("--dir", "folder", type=click.Path(path_type=Path, file_okay=False), default=Path("demo-data"))
@click.option("--seed", default=2023, show_default=True)
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--settings",
    "own",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings file whose gateway id, title, deadline and terminology the demo takes; its sources and data do not.",
)
@click.pass_context
def demo(context: click.Context, once: bool, folder: Path, seed: int, port: int, own: Path | None) -> int:
    """Make registries in their own formats, load them, ask for neuroblastoma, print the answer, go on serving."""
    from gateway.access.requester import ANONYMOUS
    from gateway.cli.load import load
    from gateway.cli.serve import serve
    from gateway.cli.table import print_answer
    from gateway.doors.statistics.parse import parse_text
    from gateway.doors.statistics.render import counts_document
    from gateway.federation.opening import open_gateway
    from gateway.synth.demo import PLAIN, make_demo

    gateway_settings = PLAIN if own is None else _gateway_of(own)
    click.echo(f"Making six registries in {folder} ...", err=True)
    make_demo(folder, seed, port, gateway_settings)
    settings = folder / "iccd.toml"
    click.echo("Loading them ...", err=True)
    failed = context.invoke(load, names=(), force=False, as_json=False, settings=settings)
    if failed:
        return int(failed)
    gateway = open_gateway(settings)
    click.echo()
    print_answer(counts_document(asyncio.run(gateway.ask(parse_text(QUESTION), ANONYMOUS))))
    gateway.close()
    if once:
        return 0
    click.echo(f"\nServing at http://127.0.0.1:{port} (stop with Ctrl-C). Try:")
    for title, path in URLS:
        click.echo(f"  {title}:\n    curl -g 'http://127.0.0.1:{port}{path}'")
    context.invoke(serve, host="127.0.0.1", port=port, workers=1, settings=settings)
    return 0

"""`iccd synth`: a truth table and its renderings, one file or folder a format."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

Advance = Callable[[int], None]
Track = Callable[[str, int], Advance]

DEFAULT_CASES = 10_000
DEFAULT_YEARS = (2000, 2020)


@click.command()
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder to write to.")
@click.option("--seed", default=2023, show_default=True, type=click.IntRange(0), help="The same seed, the same cases.")
@click.option("--cases", default=DEFAULT_CASES, show_default=True, type=click.IntRange(1, 99_999_999))
@click.option("--format", "formats", multiple=True, metavar="F", help="A format; again for more. All if not given.")
@click.option("--country", "countries", multiple=True, metavar="CC", help="ISO 3166-1 alpha-2; again for more.")
@click.option("--years", nargs=2, type=int, default=DEFAULT_YEARS, show_default=True, help="First and last year.")
@click.option("--dirt", is_flag=True, help="Break some records on purpose; the truth table says which.")
@click.option("--settings", type=click.Path(path_type=Path), hidden=True, help="Taken by every command; not needed.")
def command(
    out: Path,
    seed: int,
    cases: int,
    formats: tuple[str, ...],
    countries: tuple[str, ...],
    years: tuple[int, int],
    dirt: bool,
    settings: Path | None,  # noqa: ARG001 - every command takes it
) -> None:
    """Make synthetic registries in their own formats, with truth.parquet beside them."""
    import duckdb

    from gateway.errors import SourceFailure, Unsupported
    from gateway.synth.formats import FORMATS, format_named
    from gateway.synth.truth import make_truth
    from gateway.synth.weights import COUNTRIES

    try:
        chosen = [format_named(name) for name in formats or FORMATS]
        out.mkdir(parents=True, exist_ok=True)
        with _progress() as track:
            truth = make_truth(
                cases,
                seed,
                out / "truth.parquet",
                countries=countries or COUNTRIES,
                years=years,
                dirt=dirt,
                progress=track("truth", cases),
            )
            click.echo(truth)
            for form in chosen:
                written = form.render(truth, out / form.name, track(form.name, cases))
                click.echo(written[0])
    except Unsupported as error:
        raise click.UsageError(str(error)) from error
    except (OSError, duckdb.IOException) as error:
        raise SourceFailure(
            f"cannot be written: {_told(error)}", where=str(out), expected="a folder with enough space"
        ) from error


def _told(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


@contextmanager
def _progress() -> Iterator[Track]:
    """Bars on standard error if it is a terminal, else nothing."""
    if not sys.stderr.isatty():
        yield lambda _name, _total: lambda _done: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(stderr=True)) as bars:

        def track(name: str, total: int) -> Advance:
            task = bars.add_task(name, total=total)
            return lambda done: bars.advance(task, done)

        yield track

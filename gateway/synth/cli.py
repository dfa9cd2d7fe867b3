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
DEFAULT_SETTINGS = Path("iccd.toml")
DEFAULT_YEARS = (2000, 2020)


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to; else `synth` in the gateway.data of the settings.",
)
@click.option("--seed", default=2023, show_default=True, type=click.IntRange(0), help="The same seed, the same cases.")
@click.option("--cases", default=DEFAULT_CASES, show_default=True, type=click.IntRange(1, 99_999_999))
@click.option("--format", "formats", multiple=True, metavar="F", help="A format; again for more. All if not given.")
@click.option("--country", "countries", multiple=True, metavar="CC", help="ISO 3166-1 alpha-2; again for more.")
@click.option("--years", nargs=2, type=int, default=DEFAULT_YEARS, show_default=True, help="First and last year.")
@click.option("--dirt", is_flag=True, help="Break some records on purpose; the truth table says which.")
@click.option(
    "--settings",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings file whose gateway.data is the place without --out.  [default: iccd.toml]",
)
def command(
    out: Path | None,
    seed: int,
    cases: int,
    formats: tuple[str, ...],
    countries: tuple[str, ...],
    years: tuple[int, int],
    dirt: bool,
    settings: Path | None,
) -> None:
    """Make synthetic registries in their own formats, with truth.parquet beside them."""
    import duckdb

    from gateway.errors import SourceFailure, Unsupported
    from gateway.synth.formats import FORMATS, format_named
    from gateway.synth.truth import make_truth
    from gateway.synth.weights import COUNTRIES

    out = _place(out, settings)
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


def _place(out: Path | None, settings: Path | None) -> Path:
    """Folder to write to; a settings file that is named is checked even where `--out` needs none."""
    if settings is None and out is not None:
        return out
    if settings is None and not DEFAULT_SETTINGS.exists():
        raise click.UsageError(
            "Missing option '--out', and there is no iccd.toml whose gateway.data would be the place."
        )
    from gateway.settings import load_settings

    path = settings or DEFAULT_SETTINGS
    data = load_settings(path).gateway.data
    return out or path.resolve().parent / data / "synth"


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

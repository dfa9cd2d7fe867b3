"""`iccd check`: settings, profiles and policies; every fault with file, key and what was expected, in one run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import settings_option

if TYPE_CHECKING:
    from gateway.settings import Settings


@click.command()
@settings_option
def check(settings: Path) -> int:
    """Check all files of the settings without opening a source. Exit code 2 if there is a fault."""
    from gateway.errors import IccdError
    from gateway.settings import load_settings

    try:
        faults = list(_faults(settings, load_settings(settings)))
    except IccdError as error:
        faults = [str(error)]
    for fault in faults:
        click.echo(fault, err=True)
    if faults:
        return 2
    click.echo(f"{settings}: fine")
    return 0


def _faults(path: Path, settings: Settings) -> Iterator[str]:
    from gateway.disclosure.policy import load_policy
    from gateway.errors import IccdError
    from gateway.settings import resolve_name_or_path, source_configs
    from gateway.sources.base import FileKind
    from gateway.sources.discover import find_kind
    from gateway.sources.loading import profile_of

    base = path.resolve().parent
    configs = source_configs(settings, path)
    for name, config in configs.items():
        try:
            kind = find_kind(config)
            if isinstance(kind, FileKind):
                profile_of(config, kind)
            elif kind.check is not None:
                kind.check(config)
        except IccdError as error:
            yield str(error)
        try:
            load_policy(resolve_name_or_path(settings.sources[name].policy, base), config.at("policy"))
        except IccdError as error:
            yield str(error)
        for other in sorted(config.coverage.overlaps - set(configs)):
            yield f"{config.at('overlaps')}: no source {other!r} (expected one of {', '.join(configs)})"

"""`iccd terminology`: the commands of the terminology package, with the terminology file that the settings name."""

from __future__ import annotations

import os
from pathlib import Path

import click

from terminology.cli import terminology as standing_alone
from terminology.places import VARIABLE


def _use_file_of(_: click.Context, __: click.Parameter, settings: Path | None) -> None:
    if settings is None:
        return
    from gateway.settings import load_settings

    chosen = load_settings(settings).gateway.terminology
    if chosen is not None:
        os.environ[VARIABLE] = str((settings.resolve().parent / chosen).resolve())


def _with_settings(group: click.Group) -> click.Group:
    """The group, each of whose commands takes `--settings FILE`."""
    for command in group.commands.values():
        command.params.append(
            click.Option(
                ["--settings"],
                type=click.Path(path_type=Path, dir_okay=False),
                expose_value=False,
                is_eager=True,
                callback=_use_file_of,
                help="Settings file; its gateway.terminology is the file to use.",
            )
        )
    return group


terminology = _with_settings(standing_alone)

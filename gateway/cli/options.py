"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def settings_option(function: F) -> F:
    """`--settings FILE`, default ./iccd.toml."""
    return click.option(
        "--settings",
        type=click.Path(path_type=Path, dir_okay=False),
        default=Path("iccd.toml"),
        show_default=True,
        help="Settings file; paths in it are relative to it.",
    )(function)


def json_option(function: F) -> F:
    """`--json`: the same facts for machines."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)

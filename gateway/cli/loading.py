"""Load the file sources of a settings file one after another, with progress on stderr."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import BadSettings, IccdError
from gateway.federation.opening import open_context
from gateway.settings import load_settings, source_configs
from gateway.sources.base import FileKind, SourceConfig
from gateway.sources.discover import find_kind
from gateway.sources.loading import LoadProgress, LoadReport, load_source

if TYPE_CHECKING:
    from rich.progress import Progress

Report = Callable[[LoadProgress], None]


def load_all(
    settings_path: Path, names: Sequence[str], *, force: bool = False
) -> tuple[dict[str, LoadReport], dict[str, str]]:
    """Load sources; one that fails does not stop the others and keeps what it served before.

    Returns
    -------
    tuple
        Report of each loaded source, reason of each that failed.
    """
    settings = load_settings(settings_path)
    configs = source_configs(settings, settings_path)
    chosen = {name: _named(name, configs) for name in names} if names else configs
    kinds = {name: find_kind(config) for name, config in chosen.items()}
    context = open_context(settings, settings_path)
    reports: dict[str, LoadReport] = {}
    failures: dict[str, str] = {}
    with _progress() as bars:
        for name, config in chosen.items():
            kind = kinds[name]
            if not isinstance(kind, FileKind):
                if names:
                    failures[name] = (
                        f"a source of kind {config.kind!r} is asked where it lives, there is nothing to load"
                    )
                continue
            try:
                reports[name] = load_source(config, context, kind, force=force, progress=_bar(bars, name))
            except IccdError as error:
                failures[name] = str(error)
    return reports, failures


def _named(name: str, configs: dict[str, SourceConfig]) -> SourceConfig:
    if name in configs:
        return configs[name]
    near = difflib.get_close_matches(name, configs, n=1)
    expected = repr(near[0]) if near else ", ".join(configs)
    raise BadSettings(f"no source {name!r} in the settings", expected=expected)


def _progress() -> AbstractContextManager[Progress | None]:
    if not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description:20}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} bytes, {task.fields[step]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


def _bar(bars: Progress | None, name: str) -> Report | None:
    if bars is None:
        return None
    task = bars.add_task(name, total=1, step="starting")

    def report(progress: LoadProgress) -> None:
        bars.update(task, completed=progress.done_bytes, total=max(progress.total_bytes, 1), step=progress.stage)

    return report

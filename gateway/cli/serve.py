"""`iccd serve`: the front doors on one address; several worker processes share the snapshots."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import settings_option

if TYPE_CHECKING:
    from fastapi import FastAPI

SETTINGS_VARIABLE = "ICCD_SETTINGS_FILE"


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64))
@settings_option
def serve(host: str, port: int, workers: int, settings: Path) -> None:
    """Serve until stopped."""
    import uvicorn

    from gateway.federation.opening import open_gateway

    _check_address(host, port)
    open_gateway(settings).close()
    os.environ[SETTINGS_VARIABLE] = str(settings.resolve())
    uvicorn.run(
        "gateway.cli.serve:application",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        http="gateway.cli.protocol:Protocol",
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
    )


def _check_address(host: str, port: int) -> None:
    """Refuse an address that cannot be had before anything is opened."""
    from gateway.errors import SourceUnavailable

    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        raise SourceUnavailable(
            f"cannot listen: {error.strerror}", where=f"{host}:{port}", expected="a free address, see --host and --port"
        ) from error


def application() -> FastAPI:
    """Application of one worker process."""
    from gateway.app import from_settings

    return from_settings(Path(os.environ[SETTINGS_VARIABLE]))

"""A real PostgreSQL server for the tests: Debian's package, else the wheel `pgserver`; gone when the tests end.

The server refuses to run as root, so it is then started as the user `postgres`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "iccd"
FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
SECONDS = 60


class NoPostgres(Exception):  # noqa: N818 - a reason to skip
    """No server can be had here; the text says why."""


@contextmanager
def running_postgres() -> Iterator[str]:
    """URL of a database of a server that listens on 127.0.0.1 only.

    Raises
    ------
    NoPostgres
        Neither Debian's package nor the wheel gives a server.
    """
    binaries = _debian_binaries()
    if binaries is None:
        yield from _from_wheel()
        return
    folder = Path(tempfile.mkdtemp(prefix="iccd-postgres-", dir="/tmp"))
    port = _free_port()
    try:
        _give_to_server(folder)
        data = folder / "data"
        _run(f"{binaries}/initdb -D {data} -A trust -U {USER} --no-sync -E UTF8 --locale=C")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} {FAST}"
        _run(f"{binaries}/pg_ctl -w -D {data} -l {folder}/log -o '{options}' start")
        try:
            yield f"postgresql://{USER}@127.0.0.1:{port}/postgres"
        finally:
            _run(f"{binaries}/pg_ctl -w -D {data} -m immediate stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _debian_binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


def _from_wheel() -> Iterator[str]:
    try:
        import pgserver
    except ImportError:
        raise NoPostgres("neither Debian's postgresql nor the wheel pgserver is installed") from None
    with tempfile.TemporaryDirectory(prefix="iccd-postgres-") as folder:
        try:
            server = pgserver.get_server(folder)
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            raise NoPostgres(f"pgserver does not start here: {type(error).__name__}") from None
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def _give_to_server(folder: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")


def _run(command: str) -> None:
    whole = ["su", "postgres", "-s", "/bin/sh", "-c", command] if os.geteuid() == 0 else ["/bin/sh", "-c", command]
    try:
        # Not captured by pipes: the server would keep them open for as long as it lives.
        subprocess.run(whole, check=True, timeout=SECONDS, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError) as error:
        raise NoPostgres(f"PostgreSQL does not start here: {type(error).__name__}") from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""What benchmarks share: one line a ratio, and load on a server of this machine with bounded counts."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

READY_SECONDS = 60
_LARGEST_ANSWER = 16 * 1024 * 1024


def line(what: str, found: float, goal: str, *, met: bool) -> None:
    """One result: what was compared, the ratio, the goal, and whether it is met."""
    print(f"{what:70} {found:8.2f}   goal {goal:12} {'met' if met else 'MISSED'}", flush=True)


def at_least(what: str, found: float, goal: float) -> None:
    """A ratio that should be at least so much."""
    line(what, found, f">= {goal:g}", met=found >= goal)


def at_most(what: str, found: float, goal: float) -> None:
    """A ratio that should be at most so much."""
    line(what, found, f"<= {goal:g}", met=found <= goal)


@contextmanager
def server(arguments: Sequence[str], port: int, ready_path: str, cwd: Path | None = None) -> Iterator[None]:
    """A server process on the loopback interface until the block ends."""
    process = subprocess.Popen(
        arguments, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        _wait(port, ready_path, process)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=20)


def requests_per_second(port: int, paths: Sequence[str], *, seconds: float = 3.0, clients: int = 4) -> float:
    """Requests per second of a few keep-alive clients in a process of their own; every answer must be 200."""
    code = "from benchmarks.shared import _load; import sys, json; print(_load(*json.load(sys.stdin)))"
    asked = json.dumps([port, list(paths), seconds, clients])
    found = subprocess.run([sys.executable, "-c", code], input=asked, capture_output=True, text=True, check=True)
    return float(found.stdout)


def compared(port: int, asked: Mapping[str, Sequence[str]], *, seconds: float, rounds: int = 3) -> dict[str, float]:
    """Requests per second of several lists of paths, taken in turns; the best of the rounds counts.

    Each round asks a part of a list of its own, so that what is new stays new.
    """
    best = dict.fromkeys(asked, 0.0)
    for number in range(rounds):
        for name, paths in asked.items():
            part = list(paths[number::rounds]) or list(paths)
            best[name] = max(best[name], requests_per_second(port, part, seconds=seconds / rounds))
    return best


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _load(port: int, paths: list[str], seconds: float, clients: int) -> float:
    done = [0] * clients
    end = time.perf_counter() + seconds

    def run(which: int) -> None:
        buffer = memoryview(bytearray(_LARGEST_ANSWER))
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            requests = [f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths]
            number = which
            while time.perf_counter() < end:
                connection.sendall(requests[number % len(requests)])
                _read_answer(connection, paths[number % len(paths)], buffer)
                number += clients
                done[which] += 1

    threads = [threading.Thread(target=run, args=(which,)) for which in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - started)


def _read_answer(connection: socket.socket, path: str, buffer: memoryview) -> None:
    """Read one answer into a buffer that is there already: a client that allocates is slower than what it measures."""
    got = 0
    while (end := bytes(buffer[: min(got, 4096)]).find(b"\r\n\r\n")) < 0:
        got += _received(connection, buffer[got:])
    head = bytes(buffer[:end]).lower()
    if not head.startswith(b"http/1.1 200"):
        raise RuntimeError(f"{path}: {head[:60]!r}")
    if b"transfer-encoding: chunked" in head:
        while bytes(buffer[max(got - 5, 0) : got]) != b"0\r\n\r\n":
            got += _received(connection, buffer[got:])
        return
    length = end + 4 + int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    while got < length:
        got += _received(connection, buffer[got:])


def _received(connection: socket.socket, buffer: memoryview) -> int:
    number = connection.recv_into(buffer)
    if not number:
        raise RuntimeError("the server ended the connection, or an answer is larger than the buffer")
    return number


def _wait(port: int, path: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError((process.stderr.read() if process.stderr else b"").decode()[-2000:])
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server did not come up")

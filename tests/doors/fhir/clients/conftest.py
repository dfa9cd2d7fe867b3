"""The demo with a hundredth of its cases, made, loaded and served by its own commands, and the clients that ask it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.synth.demo import REGISTRIES, make_demo

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
INSTALLED = ROOT / ".clients"
PAGE = 100
SEARCHED = ("Condition", "Patient")

Json = dict[str, Any]


@dataclass(frozen=True)
class Demo:
    """The served demo.

    Attributes
    ----------
    base
        Address of its FHIR door.
    features
        What this version of the door has beyond reading and searching, see FEATURES.
    """

    http: httpx.Client
    base: str
    features: frozenset[str]

    def bounds(self, question: str) -> tuple[int, int | None]:
        """Low and high of a question in the grammar of /statistics/counts."""
        answer = self.http.get("/statistics/counts", params=question)
        assert answer.status_code == 200, answer.text
        total = answer.json()["total"]
        return total["low"], total["high"]


def _lists(list_name: str, kind: str, value: str) -> Callable[[Json, httpx.Client], bool]:
    def declared(rest: Json, _: httpx.Client) -> bool:
        return any(value in item.get(list_name, ()) for item in rest["resource"] if item["type"] == kind)

    return declared


def _answers(search: str) -> Callable[[Json, httpx.Client], bool]:
    def served(_: Json, http: httpx.Client) -> bool:
        return http.get(f"/fhir/{search}").status_code == 200

    return served


FEATURES: Mapping[str, Callable[[Json, httpx.Client], bool]] = {
    "batch": lambda rest, _: any(item["code"] == "batch" for item in rest.get("interaction", ())),
    "include": _lists("searchInclude", "Condition", "Condition:subject"),
    "revinclude": _lists("searchRevInclude", "Patient", "Condition:subject"),
    "observation": lambda rest, _: any(item["type"] == "Observation" for item in rest["resource"]),
    "versions": lambda rest, _: all(
        item["versioning"] != "no-version" for item in rest["resource"] if item["type"] in SEARCHED
    ),
    # A CapabilityStatement has no element for these.
    "elements": _answers("Condition?_elements=bodySite&_count=1"),
    "has": _answers("Patient?_has:Condition:subject:code=http://terminology.hl7.org/CodeSystem/iccc-3|I&_count=1"),
    "sort": _answers("Condition?_sort=-onset-date&_count=1"),
    "sort-id": _answers("Condition?_sort=_id&_count=1"),
    "summary": _answers("Condition?_summary=true&_count=1"),
}


@pytest.fixture(scope="session")
def installed() -> Path:
    """Folder of the clients; without it these tests are left out, but never in CI."""
    if not (INSTALLED / "INSTALLED").is_file():
        reason = f"the FHIR clients are not installed: run {(HERE / 'install.sh').relative_to(ROOT)}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return INSTALLED


@pytest.fixture(scope="session")
def demo(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo on a free port."""
    folder = tmp_path_factory.mktemp("demo")
    port = free_port()
    make_demo(folder, 2023, port, registries=[replace(each, cases=each.cases // 100) for each in REGISTRIES])
    command = [sys.executable, "-m", "gateway"]
    settings = ["--settings", str(folder / "iccd.toml")]
    subprocess.run([*command, "load", *settings], cwd=ROOT, check=True, capture_output=True)
    address = f"http://127.0.0.1:{port}"
    with (
        served([*command, "serve", "--port", str(port), *settings], folder / "log.txt"),
        httpx.Client(base_url=address, timeout=30) as http,
    ):
        wait_for(http, folder / "log.txt")
        (rest,) = http.get("/fhir/metadata").json()["rest"]
        features = frozenset(name for name, detect in FEATURES.items() if detect(rest, http))
        yield Demo(http, f"{address}/fhir", features)


@pytest.fixture(scope="session")
def sessions(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The session scripts beside the packages of Node, which looks for packages beside a script."""
    folder = tmp_path_factory.mktemp("sessions")
    (folder / "node_modules").symlink_to(installed / "node" / "node_modules")
    for script in (HERE / "sessions").iterdir():
        if script.is_file():
            (folder / script.name).write_bytes(script.read_bytes())
    return folder


@pytest.fixture(scope="session")
def run_script(installed: Path) -> Callable[..., str]:
    """Runs a script of Python or JavaScript with the clients at hand; gives what it prints."""
    interpreters = {".py": str(installed / "python" / "bin" / "python"), ".mjs": "node"}

    def run(script: Path, *arguments: str) -> str:
        command = [interpreters[script.suffix], str(script), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=own_environment())
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    return run


@pytest.fixture(scope="session")
def questions() -> list[Json]:
    """What every client asks."""
    listed: list[Json] = json.loads((HERE / "questions.json").read_text("utf-8"))
    return listed


def own_environment() -> dict[str, str]:
    """Environment of a client: nothing of this project on its path."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def served(command: list[str], log: Path) -> Iterator[None]:
    """A process that is ended when it is not needed any more."""
    with log.open("wb") as output, subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output) as process:
        try:
            yield
        finally:
            process.terminate()


def wait_for(http: httpx.Client, log: Path) -> None:
    """Wait until the server answers."""
    for _ in range(300):
        try:
            if http.get("/health/live").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(f"the demo does not answer: {log.read_text('utf-8')[-2000:]}")

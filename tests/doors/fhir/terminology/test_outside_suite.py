"""The outside suite of the FHIR terminology ecosystem, run by its own runner against a server on loopback.

`failing.json` names every case that does not pass, with the reason. A case that fails and is not there, or is there
and passes, fails this test.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from gateway.doors.fhir import create
from gateway.federation.gateway import Gateway

FAILING: dict[str, str] = json.loads((Path(__file__).parent / "failing.json").read_text("utf-8"))
PASSING = 412
PAGE = Path(__file__).parents[4] / "docs" / "doors" / "fhir-terminology.md"
DEFAULT_PROFILE = "parameters-default.json"


@pytest.fixture(scope="module")
def base(gateway: Gateway) -> Iterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    app = Starlette(routes=[Mount("/fhir", app=create(gateway))])
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}/fhir"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def suite(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite, with the empty default profile that the runner wants and the folder may lack."""
    root = tmp_path_factory.mktemp("suite")
    (root / "tests").mkdir()
    for item in (shared_dir / "suites" / "fhir-tx" / "tests").iterdir():
        (root / "tests" / item.name).symlink_to(item)
    default = root / "tests" / DEFAULT_PROFILE
    if not default.exists():
        default.write_text('{"resourceType": "Parameters"}', "utf-8")
    return root


@pytest.mark.samples
def test_every_case_passes_but_those_that_are_listed(shared_dir: Path, suite: Path, base: str, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    runner = shared_dir / "suites" / "fhir_tx_run.py"
    command = [sys.executable, str(runner), "--repo-dir", str(suite), "--base", base, "--json", str(report), "-q"]
    subprocess.run(command, check=False, capture_output=True, timeout=300)
    results = json.loads(report.read_text("utf-8"))
    failed = {name: result["strict"] for name, result in results.items() if result["strict"]}
    assert {name: why for name, why in failed.items() if name not in FAILING} == {}
    assert sorted(set(FAILING) - set(failed)) == []
    assert len(results) - len(failed) >= PASSING


def test_the_reference_page_lists_the_cases_that_fail() -> None:
    rows = [
        line.split("`")[1] for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `") and "/" in line
    ]
    assert [row for row in rows if row in FAILING] == list(FAILING)

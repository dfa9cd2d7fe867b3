"""The judges of other projects, each run once for all of its tasks, and the packages that snapshots are made from."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.doors.fhir.definitions import conformance_resources

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
INSTALLED = ROOT / ".judges"
PATIENCE_SECONDS = 900

Json = dict[str, Any]
Judge = Callable[[Sequence[Json]], list[Any]]


@pytest.fixture(scope="session")
def installed() -> Path:
    """Folder of the judges; without it these tests are left out, but never in CI."""
    if not (INSTALLED / "INSTALLED").is_file():
        reason = f"the judges are not installed: run {(HERE / 'install.sh').relative_to(ROOT)}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return INSTALLED


@pytest.fixture(scope="session")
def packages(installed: Path) -> Path:
    """Folder with the unpacked packages of R4 and mCODE."""
    return installed / "packages"


@pytest.fixture(scope="session")
def own_profiles() -> list[Json]:
    """Our StructureDefinitions."""
    return [item for (kind, _), item in conformance_resources().items() if kind == "StructureDefinition"]


@pytest.fixture(scope="session")
def node_judge(installed: Path, own_profiles: list[Json], tmp_path_factory: pytest.TempPathFactory) -> Judge:
    """medplum, npm fhir, and its conversion of XML: the tool is named in each task."""
    folder = tmp_path_factory.mktemp("node")
    (folder / "node_modules").symlink_to(installed / "node" / "node_modules")
    script = folder / "judge.mjs"
    script.write_bytes((HERE / "judge.mjs").read_bytes())
    return _judge(["node", str(script)], folder / "asked.json", own_profiles)


@pytest.fixture(scope="session")
def fhircraft(installed: Path, own_profiles: list[Json], tmp_path_factory: pytest.TempPathFactory) -> Judge:
    """fhircraft, in its own environment."""
    absent = installed / "packages/hl7.fhir.r4.examples/package/StructureDefinition-data-absent-reason.json"
    histology = (
        installed / "packages/hl7.fhir.us.mcode/package/StructureDefinition-mcode-histology-morphology-behavior.json"
    )
    definitions = [*own_profiles, *(json.loads(file.read_text("utf-8")) for file in (absent, histology))]
    command = [str(installed / "python" / "bin" / "python"), str(HERE / "judge_fhircraft.py")]
    return _judge(command, tmp_path_factory.mktemp("fhircraft") / "asked.json", definitions)


def _judge(command: list[str], file: Path, definitions: Sequence[Json]) -> Judge:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    def judge(tasks: Sequence[Json]) -> list[Any]:
        file.write_text(json.dumps({"definitions": definitions, "tasks": tasks}), "utf-8")
        done = subprocess.run(
            [*command, str(file)], capture_output=True, text=True, timeout=PATIENCE_SECONDS, env=environment
        )
        assert done.returncode == 0, done.stderr[-4000:]
        found: list[Any] = json.loads(done.stdout)
        return found

    return judge

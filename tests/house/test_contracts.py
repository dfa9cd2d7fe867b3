"""The import contracts of the house: each holds, and each catches a planted violation."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("gateway", "terminology", "profiles", "conformance")

# contract id -> (file to plant in, line that breaks exactly this contract)
PLANTED = {
    "layers": ("gateway/model/values.py", "import gateway.settings"),
    "adapters-apart": ("gateway/adapters/omop/__init__.py", "import gateway.adapters.tabular"),
    "doors-apart": ("gateway/doors/beacon/__init__.py", "import gateway.doors.fhir"),
    "no-adapter-by-name": ("gateway/federation/merge.py", "import gateway.adapters.omop"),
    "doors-no-source": ("gateway/doors/beacon/__init__.py", "import gateway.sources.base"),
    "doors-no-raw-case": ("gateway/doors/statistics/render.py", "import gateway.model.case"),
    "terminology-alone": ("terminology/codes.py", "import gateway.errors"),
    "conformance-black-box": ("conformance/__init__.py", "import terminology"),
    "core-no-protocol": ("gateway/planner/plan.py", "import starlette"),
    "no-cycles": ("terminology/errors.py", "import terminology.facade"),
}


def lint(folder: Path, contract: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"]
    if contract:
        command += ["--contract", contract]
    environment = {"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "PYTHONSAFEPATH": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("house")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_every_contract_has_a_planted_violation() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert {contract["id"] for contract in settings["tool"]["importlinter"]["contracts"]} == set(PLANTED)


def test_all_contracts_hold(copy: Path) -> None:
    result = lint(copy)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("contract", sorted(PLANTED))
def test_a_planted_violation_is_caught(copy: Path, contract: str) -> None:
    file, line = PLANTED[contract]
    path = copy / file
    before = path.read_text("utf-8")
    path.write_text(
        before.replace("from __future__ import annotations\n", f"from __future__ import annotations\n{line}\n", 1)
        if "from __future__" in before
        else f"{before}\n{line}\n",
        "utf-8",
    )
    try:
        result = lint(copy, contract)
    finally:
        path.write_text(before, "utf-8")
    assert result.returncode != 0
    assert "broken" in (result.stdout + result.stderr).lower(), result.stderr

"""The page "Plug in your registry in ten minutes" does what it says, step by step."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "how-to" / "plug-in-a-registry.md").read_text(encoding="utf-8")
FILES = re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```', PAGE, re.MULTILINE | re.DOTALL)
STEPS = [
    (command, output)
    for block in re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for command, output in re.findall(r"^\$ iccd (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a reader who has written the files of the page."""
    made = tmp_path_factory.mktemp("registry")
    for name, text in FILES:
        (made / name).write_text(text, encoding="utf-8")
    return made


def run(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "gateway", *shlex.split(command)]
    return subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False)


def test_the_page_has_files_and_steps() -> None:
    assert [name for name, _ in FILES] == ["northshire.csv", "northshire.toml", "iccd.toml"]
    assert [command.split()[0] for command, _ in STEPS] == ["check", "load", "ask"]


def test_every_step_prints_what_the_page_prints(folder: Path) -> None:
    for command, output in STEPS:
        done = run(folder, command)
        assert done.returncode == 0, done.stderr
        seen = [line.rstrip() for line in (done.stdout + done.stderr).splitlines()]
        assert seen == [line.rstrip() for line in output.splitlines()], command


def test_a_misspelt_key_is_named_as_the_page_says(folder: Path) -> None:
    profile = folder / "northshire.toml"
    good = profile.read_text(encoding="utf-8")
    said = re.search(
        r"^northshire\.toml(:\d+ fields\.sex\.vlaues: unknown key \(did you mean 'values'\?\))", PAGE, re.MULTILINE
    )
    assert said is not None
    try:
        profile.write_text(good.replace("values = { M", "vlaues = { M"), encoding="utf-8")
        done = run(folder, "check")
    finally:
        profile.write_text(good, encoding="utf-8")
    assert done.returncode == 2
    assert f"northshire.toml{said[1]}" in done.stderr

"""A snapshot takes over in one step; a load that dies at any moment leaves the old one serving."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.errors import LoadRefused, SourceFailure, SourceUnavailable
from gateway.model.case import Case
from gateway.sources.base import Context
from gateway.sources.snapshot import SnapshotStore, facts_of
from gateway.sources.snapshot.store import hold

from .cases import install_cases

LOADER = """
import sys
from pathlib import Path
import terminology
from gateway.model.case import Case, Diagnosis
from gateway.sources.snapshot import SnapshotStore
from tests.sources.snapshot.cases import install_cases

store = SnapshotStore(Path(sys.argv[1]), "killed")
cases = [Case("killed", f"c{i}", f"p{i}", Diagnosis("C74.9", 9500, 3)) for i in range(int(sys.argv[3]))]
known = terminology.load()
print("ready", flush=True)
sys.stdin.readline()
install_cases(store, cases, known, sys.argv[2])
"""


def test_before_the_first_load_nothing_serves(tmp_path: Path) -> None:
    assert SnapshotStore(tmp_path, "new").current() is None


def test_an_installed_snapshot_serves_and_says_what_it_is(
    tmp_path: Path, context: Context, registry: tuple[Case, ...]
) -> None:
    store = SnapshotStore(tmp_path, "registry")
    path = install_cases(store, registry, context.terminology, "2026-11-23")
    assert store.current() == path
    facts = facts_of(path)
    assert (facts.snapshot, facts.source, facts.cases, facts.patients) == ("2026-11-23", "registry", 300, 270)
    assert facts.report == {"read": 300}
    assert facts.code_systems == (("ICDO3", None),)


def test_the_old_file_is_kept_until_its_reader_lets_go(tmp_path: Path, context: Context) -> None:
    store = SnapshotStore(tmp_path, "registry")
    old = install_cases(store, (), context.terminology)
    handle = hold(old)
    assert handle is not None
    new = install_cases(store, (), context.terminology)
    assert store.current() == new
    assert old.exists()
    os.close(handle)
    store.sweep()
    assert not old.exists()
    assert new.exists()


def test_two_loads_of_one_source_do_not_run_together(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path, "registry")
    with (
        store.loading("one"),
        pytest.raises(LoadRefused, match="another load"),
        SnapshotStore(tmp_path, "registry").loading("two"),
    ):
        pass
    with store.loading("three"):
        pass


def test_what_a_dead_load_left_is_swept_by_the_next(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path, "registry")
    with store.loading("one") as path:
        left = path.with_name("dead.building")
        left.write_bytes(b"half")
    with store.loading("two"):
        assert not left.exists()


def test_a_snapshot_id_cannot_leave_its_folder(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path, "registry")
    with pytest.raises(SourceFailure, match="no snapshot id"), store.loading("../other"):
        pass


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "snapshots").write_text("a file where the folder should be")
    with pytest.raises(SourceUnavailable) as failure, SnapshotStore(tmp_path, "registry").loading("one"):
        pass
    assert str(tmp_path) in str(failure.value)


@pytest.mark.parametrize("seed", [1])
def test_a_load_killed_at_any_moment_leaves_a_whole_snapshot_serving(
    tmp_path: Path, context: Context, seed: int
) -> None:
    store = SnapshotStore(tmp_path, "killed")
    install_cases(store, (), context.terminology, "round-0")
    chance = random.Random(seed)
    expected = {"round-0": 0}
    for number in range(1, 7):
        cases = 10 * number
        expected[f"round-{number}"] = cases
        loader = subprocess.Popen(
            [sys.executable, "-c", LOADER, str(tmp_path), f"round-{number}", str(cases)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).resolve().parents[3],
        )
        assert loader.stdin is not None
        assert loader.stdout is not None
        loader.stdout.readline()
        loader.stdin.write(b"go\n")
        loader.stdin.flush()
        time.sleep(chance.uniform(0.0, 0.4))
        loader.send_signal(signal.SIGKILL)
        loader.communicate()
        serving = store.current()
        assert serving is not None
        facts = facts_of(serving)
        assert facts.cases == expected[facts.snapshot]
    install_cases(store, (), context.terminology, "last")
    assert [path.name for path in sorted(store.folder.glob("*.*"))] == ["last.duckdb"]

"""A load that is killed before any of its steps in the source's folder leaves the old or the new snapshot, whole.

The loads run in forks of one warm process, with an audit hook of Python's own: every opening, renaming and removing of a
file there is counted, and the load kills itself (SIGKILL) right before the step that it is told. So each step is
a moment of death once, the rename that switches included, and nothing depends on time. Each load works on what the dead
one before it has left.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.sources.snapshot import SnapshotStore, facts_of
from tests.sources.loading.loads import GOOD, HEADER, PROFILE, SOURCE, config_of, served

LOADER = """
import os, signal, sys
from pathlib import Path
from gateway.adapters.tabular import KIND
from gateway.sources.loading import load_source
from tests.sources.loading.loads import PROFILE, config_of, context

folder = Path(sys.argv[1])
config = config_of(folder, [folder / "file.csv"], PROFILE)
within = str(config.data)
shared = context()
shared.terminology.meaning("ICCC3", "IV(a)")


def load(last_step, told):
    steps = []

    def watch(event, given):
        here = event == "fcntl.flock" or any(isinstance(each, (str, os.PathLike)) and str(each).startswith(within) for each in given)
        if not here:
            return
        steps.append(event)
        os.write(told, f"{event} ".encode())
        if len(steps) == last_step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    load_source(config, shared, KIND)


for line in sys.stdin:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        load(int(line), writing)
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as told:
        steps = told.read().decode()
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), steps, flush=True)
"""


@dataclass(frozen=True)
class Loader:
    """Loads in forks of one process."""

    folder: Path
    process: subprocess.Popen[str]

    def load(self, cases: int, last_step: int = 0) -> tuple[int, list[str]]:
        """Load a file of so many cases and die before a step (0: never); exit code and steps, the fatal one included."""
        lines = (GOOD.replace("p1", f"p{number}") for number in range(cases))
        (self.folder / "file.csv").write_text("\n".join((HEADER, *lines, "")), encoding="utf-8")
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{last_step}\n")
        self.process.stdin.flush()
        code, *steps = self.process.stdout.readline().split()
        return int(code), steps

    def cases(self) -> int:
        """Number of cases of the snapshot that serves, as it says and as it is read."""
        serving = SnapshotStore(self.folder / "data", SOURCE).current()
        assert serving is not None
        read = len(served(config_of(self.folder, [], PROFILE)))
        assert facts_of(serving).cases == read
        return read


@contextmanager
def loader_of(folder: Path) -> Iterator[Loader]:
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-c", LOADER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        try:
            yield Loader(folder, process)
        finally:
            process.kill()


def test_a_load_that_dies_before_any_of_its_steps_leaves_a_whole_snapshot_and_the_next_load_works(
    tmp_path: Path,
) -> None:
    with loader_of(tmp_path) as loader:
        assert loader.load(1)[0] == 0
        serving, step, switched = 1, 1, set()
        while True:
            offered = 1 + step
            code, steps = loader.load(offered, step)
            if code == 0:
                break
            assert (code, len(steps)) == (-signal.SIGKILL, step)
            renamed = steps[:-1].count("os.rename")
            switched.add(renamed)
            serving = offered if renamed == 2 else serving
            assert loader.cases() == serving, steps
            step += 1
            if not step % 8:
                assert loader.load(1)[0] == 0
                serving = loader.cases()
                assert serving == 1
        assert switched == {0, 1, 2}, "before the snapshot took its name, before the pointer was replaced, and after"
        assert loader.cases() == offered
    left = {path.name for path in (tmp_path / "data" / "snapshots" / SOURCE).iterdir()}
    assert [name for name in left if "building" in name or name in ("scratch", "CURRENT.new")] == []
    assert len([name for name in left if name.endswith(".duckdb")]) == 1

"""Seconds and peak memory of the truth table and of every rendering of a synthetic registry, each in its own process.

Goal: 1,000,000 cases in under two minutes a format. What is written is removed at once.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.shared import at_most

CASES = 1_000_000
QUICK_CASES = 50_000
GOAL_SECONDS = 120

_STEP = """
import resource, sys, time
from pathlib import Path
from gateway.synth.formats import FORMATS
from gateway.synth.truth import make_truth
name, cases, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
truth = folder / "truth.parquet"
started = time.perf_counter()
written = [make_truth(cases, 1, truth)] if name == "truth" else FORMATS[name].render(truth, folder / name, lambda _: None)
print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
      sum(path.stat().st_size for path in written if path.is_file()) / cases)
"""


def main(*, quick: bool = False) -> None:
    """Measure and print."""
    from gateway.synth.formats import FORMATS

    cases = QUICK_CASES if quick else CASES
    goal = GOAL_SECONDS * cases / CASES
    with tempfile.TemporaryDirectory(prefix="iccd-bench-") as folder:
        for name in ("truth", *FORMATS):
            step = [sys.executable, "-c", _STEP, name, str(cases), folder]
            told = subprocess.run(step, check=True, capture_output=True, text=True).stdout
            seconds, peak_mib, bytes_a_case = map(float, told.split())
            what = f"synth {name}, {cases:,} cases, peak {peak_mib:.0f} MiB, {bytes_a_case:.0f} B a case: s"
            at_most(what, seconds, goal)
            for path in Path(folder).glob(f"{name}*"):
                if path.is_dir():
                    shutil.rmtree(path)
                elif name != "truth":
                    path.unlink()

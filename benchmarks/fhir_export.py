"""$export of 100,000 and 1,000,000 Conditions with their Patients and Observations: memory must stay bounded.

Each size runs in a process of its own, so that its peak memory is its own. The peak of the same process before the
export (groups made ready as `iccd serve` does, snapshot open, first count answered) is printed beside it.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.shared import at_most

TYPES = ("Patient", "Condition", "Observation")


def main(*, quick: bool = False) -> None:
    """Print the ratios."""
    sizes = (5_000, 50_000) if quick else (100_000, 1_000_000)
    small, large = (_in_own_process(cases) for cases in sizes)
    for cases, found in zip(sizes, (small, large), strict=True):
        print(
            f"  {cases:,} Conditions: {found['seconds']:.1f} s, {found['Condition'] / found['seconds']:,.0f} Conditions/s "
            f"beside {found['Patient']:,.0f} Patients and {found['Observation']:,.0f} Observations; peak {found['peak']:.0f} MiB, before it {found['before']:.0f} MiB"
        )
    at_most(f"peak memory, {sizes[1]:,} against {sizes[0]:,} cases", large["peak"] / small["peak"], 1.5)


def _in_own_process(cases: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.fhir_export", str(cases)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(cases: int) -> dict[str, float]:
    """Seconds, counts and MiB of one export."""
    import terminology
    from gateway.access.requester import ANONYMOUS
    from gateway.disclosure.policy import load_policy
    from gateway.disclosure.records import prepare_groups
    from gateway.doors.fhir.door import open_door
    from gateway.doors.fhir.export.jobs import DONE, Jobs
    from gateway.doors.fhir.export.wanted import Wanted
    from gateway.doors.fhir.export.write import write
    from gateway.federation.gateway import Gateway
    from gateway.model.query import CaseQuery
    from gateway.sources.base import Context, SourceConfig
    from gateway.sources.snapshot import SnapshotSource

    known = terminology.load()
    prepare_groups(known)
    with tempfile.TemporaryDirectory() as folder:
        config = SourceConfig(id="bench", kind="tabular", title="bench", locations=(), data=Path(folder))
        subprocess.run(
            [sys.executable, "-m", "benchmarks.fhir_export", str(cases), folder], check=True, capture_output=True
        )
        gateway = Gateway(
            id="bench",
            title="bench",
            public_url="http://127.0.0.1:8080",
            terminology=known,
            sources={"bench": SnapshotSource(config, Context(known, b"bench"))},
            broken={},
            policies={"bench": load_policy("open")},
            salt=b"0" * 32,
            deadline_seconds=60.0,
        )
        door, jobs = open_door(gateway), Jobs(Path(folder) / "export")
        job = jobs.new("bench", "public anonymous", "2026-01-01T00:00:00Z")

        async def run() -> tuple[float, float]:
            await gateway.ask(CaseQuery(), ANONYMOUS)
            before, started = _peak(), time.perf_counter()
            await write(door, ANONYMOUS, Wanted(TYPES), jobs, job)
            return before, time.perf_counter() - started

        before, seconds = asyncio.run(run())
        done = jobs.find(job.id, "public anonymous")
        if done is None or done.status != DONE:
            raise RuntimeError(done.reason if done else "no job")
        counts = {output.type: output.count for output in done.output}
        if counts["Condition"] != cases:
            raise RuntimeError(f"{counts['Condition']} Conditions of {cases}")
        gateway.close()
    return {"seconds": seconds, "before": before, "peak": _peak(), **counts}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def build(cases: int, folder: str) -> None:
    """Make the snapshot, apart, so that its memory is not that of the export."""
    import terminology
    from benchmarks.counts import make_snapshot
    from gateway.sources.base import SourceConfig

    config = SourceConfig(id="bench", kind="tabular", title="bench", locations=(), data=Path(folder))
    make_snapshot(config, cases, terminology.load())


if __name__ == "__main__":
    if len(sys.argv) > 2:
        build(int(sys.argv[1]), sys.argv[2])
    else:
        print(json.dumps(measure(int(sys.argv[1]))))

"""ENCR CSV: a whole load, to the snapshot that serves, against DuckDB's typed read_csv of the same file; memory at ten times it.

`table` reads the file, types sniffed, into a table of a new database file; `memory` into a table in memory. Each run
is a process of its own; wall time is from the first byte read (not from the imports), the least of three.
"""

from __future__ import annotations

import gzip
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import duckdb

from benchmarks.shared import at_least, at_most

# (topography, morphology, behaviour) of common childhood tumours.
TUMOURS = "C421 9811 3,C421 9861 3,C716 9470 3,C718 9421 1,C749 9500 3,C649 8960 3,C402 9180 3,C692 9510 3,C779 9650 3"
FILE = """
COPY (
  SELECT printf('%08d', n * 97 // 100) AS "PAT", 1 + n % 11 AS "MoB", year - age AS "YoB", age AS "Age",
    1 + (h % 9 > 4)::INT AS "Sex", 'FI1B' AS "Geo_Code", 'Helsinki-Uusimaa' AS "Geo_Label", n AS "TUM",
    12 AS "MoI", year AS "YoI", [7, 7, 7, 7, 2, 4, 5, 9][1 + h % 8] AS "BoD", t[1] AS "Topo", t[2] AS "Morpho",
    t[3] AS "Beh", 1 + h % 4 AS "Grade", 0 AS "Autopsy", 1 + (h % 5 = 0)::INT AS "Vit_stat", 1 + h % 12 AS "MoF",
    year + h % 6 AS "YoF", h % 7000 AS "Surv_time", '10' AS "ICD", NULL AS "CoD", 8 AS "TNM_ed", NULL AS "cT",
    NULL AS "cN", NULL AS "cM", NULL AS "pT", NULL AS "pN", NULL AS "pM", 'cpS' AS "ToS", 1 + h % 4 AS "Stage",
    0 AS "Surgery", 0 AS "Rt", 1 AS "Cht", 0 AS "Tt", 0 AS "It", 0 AS "Ht", 0 AS "Ot", 0 AS "SCT"
  FROM (SELECT n, h, 2000 + h % 21 AS year, (h // 21) % 20 AS age, string_split(tumours[1 + h % 9], ' ') AS t
        FROM (SELECT n, (hash(n) // 1024)::BIGINT AS h, string_split('{tumours}', ',') AS tumours FROM range({cases}) r(n)))
) TO '{path}' (HEADER, DELIMITER ';', FORCE_QUOTE ("PAT", "Topo", "Morpho", "Geo_Code", "Geo_Label", "ToS", "ICD"))
"""


def main(*, quick: bool = False) -> None:
    """Print the ratios."""
    cases = 100_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, large = folder / "small.csv", folder / "large.csv"
        write(small, cases)
        print(f"{cases:,} tumours, {small.stat().st_size / 1e6:.0f} MB")
        runs = [{what: _run(what, small, folder) for what in WHAT} for _ in range(3)]
        best = {what: min(run[what][0] for run in runs) for what in WHAT}
        print(", ".join(f"{what} {seconds:.2f} s" for what, seconds in best.items()))
        at_least("whole load / typed read_csv into a table", best["table"] / best["load"], 0.3)
        at_least("whole load / typed read_csv into memory", best["memory"] / best["load"], 0.3)
        packed = folder / "small.csv.gz"
        with small.open("rb") as plain, gzip.open(packed, "wb", compresslevel=1) as target:
            shutil.copyfileobj(plain, target)
        at_most(f"peak MiB at {cases:,} tumours, gzip", _run("load", packed, folder)[1], 500)
        write(large, cases * 10)
        seconds, peak = _run("load", large, folder)
        at_most(f"peak MiB at {cases:,} tumours", max(run["load"][1] for run in runs), 500)
        at_most(f"peak MiB at {cases * 10:,} tumours ({seconds:.0f} s)", peak, 500)
        if not quick:  # below a million the work tables do not fill the memory they may use
            at_most("peak at ten times the file", peak / max(run["load"][1] for run in runs), 1.3)


def write(path: Path, cases: int) -> None:
    """An ENCR file of so many tumours; about three in a hundred share their patient with another."""
    with duckdb.connect() as connection:
        connection.execute(FILE.format(cases=cases, tumours=TUMOURS, path=str(path).replace("'", "''")))


# --- what is measured ---------------------------------------------------------------------------------------------------


def table(path: Path, folder: Path) -> None:
    """DuckDB's typed read into a database file."""
    with tempfile.TemporaryDirectory(dir=folder) as name, duckdb.connect(f"{name}/typed.duckdb") as connection:
        connection.execute("SET threads = 2")
        connection.execute(f"CREATE TABLE t AS SELECT * FROM read_csv('{path}')")


def memory(path: Path, _folder: Path) -> None:
    """DuckDB's typed read into memory."""
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2")
        connection.execute(f"CREATE TABLE t AS SELECT * FROM read_csv('{path}')")


def load(path: Path, folder: Path) -> None:
    """A whole load: read, normalised, written as a snapshot with its cube, checked and switched."""
    from gateway.adapters.tabular import KIND
    from gateway.sources.base import Context, SourceConfig
    from gateway.sources.loading import load_source
    from terminology import load as load_terminology

    with tempfile.TemporaryDirectory(dir=folder) as data:
        config = SourceConfig("bench", "tabular", "bench", (str(path),), profile="encr", data=Path(data))
        report = load_source(config, Context(load_terminology(), b"salt" * 8), KIND)
        assert report.read == report.accepted


WHAT: dict[str, Callable[[Path, Path], None]] = {"table": table, "memory": memory, "load": load}


def _run(what: str, path: Path, folder: Path) -> tuple[float, float]:
    """Seconds and most resident MiB of a process of its own."""
    command = [sys.executable, "-m", "benchmarks.loading_tabular", what, str(path), str(folder)]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(found[0]), float(found[1])


def _measured(what: str, path: str, folder: str) -> tuple[float, float]:
    for module in ("gateway.adapters.tabular", "gateway.sources.loading", "terminology"):
        import_module(module)
    started = time.perf_counter()
    WHAT[what](Path(path), Path(folder))
    seconds = time.perf_counter() - started
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    print(*_measured(*sys.argv[1:]))

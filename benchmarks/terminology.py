"""Terminology: classifying a million tumours, start-up, box algebra, and loading a large Athena download.

Times are of one core; a tumour comes as integers, as columns of text, or as CSV. The download is synthetic: the size
of a full one in relations, with lone quotes in its names, and more concepts of other vocabularies than of ours.
"""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.shared import at_most
from terminology import BEHAVIOURS, MORPHOLOGIES, TOPOGRAPHIES, BoxSet, Terminology, load
from terminology.classification import TableClassifier, classify_csv, parse_columns

START = """
import json, time
import numpy
begun = time.perf_counter()
import terminology
found = terminology.load()
found.classify([9500], [3], [3])
found.lookup("ICDO3", "9500/3-C74.9")
print(json.dumps((time.perf_counter() - begun) * 1000))
"""

LOAD = """
import json, resource, sys, time
from pathlib import Path
from terminology.athena import load_athena
begun = time.perf_counter()
report = load_athena(Path(sys.argv[1]), Path(sys.argv[2]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([time.perf_counter() - begun, peak, report.rows]))
"""

DOWNLOAD = """
COPY (SELECT * FROM (
    SELECT i AS concept_id, 'Tumour ' || i AS concept_name, 'Condition' AS domain_id, 'ICDO3' AS vocabulary_id,
        'ICDO Condition' AS concept_class_id, NULL AS standard_concept,
        (8000 + i % 1994) || '/3-C' || lpad((i // 1994 % 81)::VARCHAR, 2, '0') || '.' || i % 10 AS concept_code,
        '19700101' AS valid_start_date, '20991231' AS valid_end_date, NULL AS invalid_reason
    FROM range(1, 70001) AS t(i)
    UNION ALL SELECT 1000000 + i, 'Disorder ' || i, 'Condition', 'SNOMED', 'Disorder', 'S', (10000000 + i)::VARCHAR,
        '19700101', '20991231', NULL FROM range(120000) AS t(i)
    UNION ALL SELECT 438112, 'Neoplastic disease', 'Condition', 'SNOMED', 'Disorder', 'S', '55342001',
        '19700101', '20991231', NULL
    UNION ALL SELECT 3000000 + i, 'Thing "' || i || ' with a lone quote', 'Drug', 'RxNorm', 'Drug', 'S', i::VARCHAR,
        '19700101', '20991231', NULL FROM range({others}) AS t(i)
)) TO '{folder}/CONCEPT.csv' (DELIMITER '\t', HEADER, QUOTE '', ESCAPE '');
COPY (SELECT * FROM (
    SELECT i AS concept_id_1, 1000000 + i % 20000 AS concept_id_2, 'Maps to' AS relationship_id,
        '19700101' AS valid_start_date, '20991231' AS valid_end_date, NULL AS invalid_reason
    FROM range(1, 70001) AS t(i)
    UNION ALL SELECT 3000000 + i % {others}, 3000000 + (i * 7) % {others},
        ['Is a', 'Maps to', 'Subsumes', 'Mapped from'][1 + i % 4], '19700101', '20991231', NULL
    FROM range({relations}) AS t(i)
)) TO '{folder}/CONCEPT_RELATIONSHIP.csv' (DELIMITER '\t', HEADER, QUOTE '', ESCAPE '');
COPY (SELECT * FROM (
    SELECT 438112 AS ancestor_concept_id, 1000000 + i AS descendant_concept_id, 1 AS min_levels_of_separation,
        1 AS max_levels_of_separation FROM range(20000) AS t(i)
    UNION ALL SELECT 1000000 + i % 997, 1000000 + i % 20000, 1, 3 FROM range(400000) AS t(i)
    UNION ALL SELECT 3000000 + i % 5000, 3000000 + i % {others}, 1, 5 FROM range({relations}) AS t(i)
)) TO '{folder}/CONCEPT_ANCESTOR.csv' (DELIMITER '\t', HEADER, QUOTE '', ESCAPE '');
COPY (SELECT 'None' AS vocabulary_id, 'v5.0 synthetic' AS vocabulary_version)
TO '{folder}/VOCABULARY.csv' (DELIMITER '\t', HEADER, QUOTE '', ESCAPE '');
"""


def best(run: Callable[[], object], times: int = 3) -> float:
    """Shortest time of a few runs, in seconds."""
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        run()
        found.append(time.perf_counter() - begun)
    return min(found)


def main(*, quick: bool = False) -> None:
    """Run and print."""
    terms = load()
    tumours = 100_000 if quick else 1_000_000
    _classify(terms, tumours)
    _start()
    _algebra(terms)
    seconds = best(lambda: terms.translate("ICCC3", "III(a)", "ICD10"))
    at_most("translate ICCC3:III(a) to ICD10, seconds", seconds, 0.2)
    _athena(300_000 if quick else 6_000_000)


def _classify(terms: Terminology, tumours: int) -> None:
    random = np.random.default_rng(20261123)
    m = np.array(MORPHOLOGIES)[random.integers(0, len(MORPHOLOGIES), tumours)]
    t = random.integers(0, len(TOPOGRAPHIES), tumours).astype(np.int16)
    b = np.array(BEHAVIOURS)[random.choice(len(BEHAVIOURS), tumours, p=[0.05, 0.05, 0.05, 0.8, 0.03, 0.02])]
    terms.classify(m[:10], t[:10], b[:10])
    at_most(f"classify {tumours:,} tumours from arrays, seconds", best(lambda: terms.classify(m, t, b)), 1)
    sites = [TOPOGRAPHIES[i] for i in t]
    kinds, behaviours = [f"{code}" for code in m], [f"{code}" for code in b]
    seconds = best(lambda: terms.classify(*parse_columns(sites, kinds, behaviours)))
    at_most(f"classify {tumours:,} tumours from columns of text, seconds", seconds, 1)
    rows = "".join(f"{i},{s},{k},{v}\n" for i, (s, k, v) in enumerate(zip(sites, kinds, behaviours, strict=True)))
    table = "id,topography,morphology,behaviour\n" + rows
    classifier = TableClassifier(terms)
    begun = time.perf_counter()
    classify_csv(classifier, io.StringIO(table, newline=""), io.StringIO(), "benchmark")
    first = time.perf_counter() - begun
    print(f"{len(classifier._known):,} distinct tumours in {tumours:,} CSV rows, all of them new: {first:.1f} s")
    again = best(lambda: classify_csv(classifier, io.StringIO(table, newline=""), io.StringIO(), "benchmark"), 2)
    print(f"the same rows once their tumours are known: {again:.2f} s, {tumours / again:,.0f} rows a second")


def _start() -> None:
    found = [
        float(subprocess.run([sys.executable, "-c", START], capture_output=True, check=True).stdout) for _ in range(5)
    ]
    at_most("start-up beyond the import of numpy, to the first answers, milliseconds", min(found), 150)


def _algebra(terms: Terminology) -> None:
    a, b = terms.meaning("ICCC3", "XI(f)").boxes, terms.meaning("ICD10", "C71").boxes
    for name, run in {
        "union": lambda: a | b,
        "subset": lambda: a <= b,
        "relation": lambda: a.relation(b),
        "one code": lambda: BoxSet.where([9500], ["C74.9"], [3]),
        "mask, cached": a.mask,
        "canonical boxes": a.boxes,
        "cover by ICD-10": lambda: terms.cover(a, "ICD10"),
    }.items():
        run()
        print(f"{name:20} {best(run, 20) * 1e6:9.0f} microseconds")


def _athena(relations: int) -> None:
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        download = Path(folder) / "download"
        download.mkdir()
        duckdb.execute("SET enable_progress_bar = false")
        duckdb.execute(DOWNLOAD.format(folder=download, relations=relations, others=max(1000, relations // 6)))
        size = sum(file.stat().st_size for file in download.iterdir()) / 2**20
        done = subprocess.run(
            [sys.executable, "-c", LOAD, str(download), f"{folder}/user.sqlite"], capture_output=True, check=True
        )
        seconds, peak, rows = json.loads(done.stdout)
        print(f"Athena download of {size:,.0f} MiB, {relations:,} relations: kept {rows}")
        at_most(f"loading {relations:,} relations, seconds", seconds, 120)
        at_most("its peak memory, MiB", peak, 1024)
        print(f"this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()

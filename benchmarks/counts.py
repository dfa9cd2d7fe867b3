"""Counts, tables, row filters and pages of a snapshot at 100,000 and 10,000,000 cases, in one process.

Cases are drawn by SQL from the tumour and rate tables of gateway.synth: partial dates, unknown values, 3 % partial
diagnoses, 2 % of patients with several tumours. `fresh` questions differ in ages, years and sex; `first` ones ask a
diagnosis set for the first time.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import duckdb

import terminology
from benchmarks.shared import at_most
from gateway.model.dates import DatePrecision
from gateway.model.fields import BASIS, LATERALITY
from gateway.model.query import (
    And,
    Between,
    CaseQuery,
    DateBetween,
    DiagnosisIn,
    Expr,
    OneOf,
    Page,
    RecordIn,
    Term,
    Unit,
)
from gateway.sources.base import Context, Deadline, SourceConfig
from gateway.sources.snapshot import SnapshotMeta, SnapshotSource, SnapshotStore, build_snapshot, work_connection
from gateway.sources.snapshot.engine import connect
from terminology import Terminology

SLOTS = 1 << 16
STAGES = ("toronto:localised", "toronto:regional", "toronto:metastatic", "unknown", "not-applicable")
GROUPS = ("I(a)", "II(a)", "III(a)", "III(b)", "IV(a)", "V", "VI(a)", "VII(a)", "VIII(a)", "IX(a)", "X(c)", "XI(d)")
MANY_SECONDS = 600.0
T = TypeVar("T")


def main(*, quick: bool = False) -> None:
    """Print the ratios."""
    small, large = (20_000, 200_000) if quick else (100_000, 10_000_000)
    known = terminology.load()
    with tempfile.TemporaryDirectory() as folder:
        measured = [measure(Path(folder) / str(cases), cases, known) for cases in (small, large)]
    print_figures(measured)
    first, last = measured
    print(f"\n{large:,} cases against {small:,}:")
    at_most("count, fresh ages, years and sex", last["count"] / first["count"], 1.5)
    at_most("table by sex and age band", last["table"] / first["table"], 1.5)
    print(f"  count, first asking of a diagnosis set: {last['first'] / first['first']:.2f}")
    print(f"  count, repeated: {last['repeated'] / first['repeated']:.2f}")
    for figures, cases in zip(measured, (small, large), strict=True):
        at_most(f"filter on rows vs the same SQL, {cases:,} cases", figures["rows"] / figures["rows_sql"], 2)


def print_figures(measured: Sequence[dict[str, float]]) -> None:
    """All figures, one line each."""
    for name in measured[0]:
        print(f"  {name:24}" + "".join(f"{figures[name]:14.3f}" for figures in measured))


def measure(folder: Path, cases: int, known: Terminology) -> dict[str, float]:
    """Milliseconds (and seconds and MiB where named) for one size."""
    config = SourceConfig(id="bench", kind="tabular", title="bench", locations=(), data=folder)
    context = Context(known, b"bench")
    seconds, size = make_snapshot(config, cases, known)
    source, opened = timed(lambda: SnapshotSource(config, context))
    with asyncio.Runner() as runner:

        def ask(query: CaseQuery) -> object:
            return runner.run(source.answer(query, Deadline.after(MANY_SECONDS)))

        _, cold = timed(lambda: ask(CaseQuery(fresh(known, "IV(a)", 0, 2005))))
        first = [
            timed(lambda g=group: ask(CaseQuery(fresh(known, g, 0, 2005))))[1] for group in GROUPS if group != "IV(a)"
        ]
        counts = [CaseQuery(where) for where in many(known)]
        tables = [CaseQuery(where, ("sex", "age_band")) for where in many(known)]
        ask(tables[0])
        for group in GROUPS:
            ask(CaseQuery(fresh(known, group, 0, 2005), ("sex", "age_band")))
            ask(CaseQuery(fresh(known, group, 0, 2005), unit=Unit.PATIENTS))
        figures = {
            "build, s": seconds,
            "file, MiB": size,
            "open, ms": opened,
            "cold first count, ms": cold,
            "first": statistics.median(first),
            "count": each(runner, source, counts),
            "repeated": each(runner, source, [counts[0]] * 200),
            "table": each(runner, source, tables),
            "patients": each(runner, source, [CaseQuery(where, unit=Unit.PATIENTS) for where in many(known)]),
            **rows_against_sql(runner, source, config, known),
            **pages(runner, source, known),
        }
    source.close()
    figures["peak RSS, MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures


def each(runner: asyncio.Runner, source: SnapshotSource, asked: Sequence[CaseQuery]) -> float:
    """Median milliseconds of an answer, inside one running loop."""

    async def run() -> list[float]:
        found = []
        for query in asked:
            started = time.perf_counter()
            await source.answer(query, Deadline.after(MANY_SECONDS))
            found.append((time.perf_counter() - started) * 1e3)
        return found

    return statistics.median(runner.run(run()))


def rows_against_sql(
    runner: asyncio.Runner, source: SnapshotSource, config: SourceConfig, known: Terminology
) -> dict[str, float]:
    """A filter that no cube holds, and the same question as plain SQL on the same file."""
    path = SnapshotStore(config.data, config.id).current()
    if path is None:
        raise RuntimeError("no snapshot")
    connection = connect(path)
    ours, plain = [], []
    for days in range(30):
        low, high = dt.date(2011, 3, 1 + days % 28), dt.date(2014, 8, 20)
        where = And((term(known, "IV(a)"), Between("age_days", 0, 1800 + days), DateBetween(low, high)))
        numbers = neuroblastomas(connection)
        sql = (
            f"SELECT count(*) FROM cases WHERE dx IN ({numbers}) AND age_days_lo >= 0 AND age_days_hi <= {1800 + days} "
            f"AND date_lo >= {low.toordinal()} AND date_hi <= {high.toordinal()}"
        )
        started = time.perf_counter()
        answer = runner.run(source.answer(CaseQuery(where), Deadline.after(MANY_SECONDS)))
        ours.append((time.perf_counter() - started) * 1e3)
        started = time.perf_counter()
        found = connection.execute(sql).fetchall()[0][0]
        plain.append((time.perf_counter() - started) * 1e3)
        if answer.total.low != found:
            raise RuntimeError(f"{answer.total.low} cases, SQL says {found}")
    connection.close()
    return {"rows": statistics.median(ours), "rows_sql": statistics.median(plain)}


@lru_cache(maxsize=4)
def neuroblastomas(connection: duckdb.DuckDBPyConnection) -> str:
    """Numbers of the diagnoses that are certainly neuroblastoma, ICCC-3 IV(a), as SQL."""
    known = terminology.load()
    boxes = known.meaning("ICCC3", "IV(a)", "2017").boxes
    rows = connection.execute(
        "SELECT dx, topography, morphology, behaviour FROM diagnoses WHERE morphology IS NOT NULL AND behaviour IS NOT "
        "NULL AND contains(topography, '.')"
    ).fetchall()
    return ", ".join(str(dx) for dx, t, m, b in rows if terminology.BoxSet.point(m, t, b) <= boxes)


def pages(runner: asyncio.Runner, source: SnapshotSource, known: Terminology) -> dict[str, float]:
    """Pages of 100: fresh positions of one filter, walks through all filters, and one page again and again."""
    deadline = Deadline.after(MANY_SECONDS)

    async def walk(where: Expr, most: int) -> list[float]:
        found, after = [], None
        for _ in range(most):
            started = time.perf_counter()
            answer = await source.answer(CaseQuery(where, page=Page("case", 100, after)), deadline)
            found.append((time.perf_counter() - started) * 1e3)
            after = answer.next_after
            if after is None:
                break
        return found

    walked = [took for where in list(many(known))[:24] for took in runner.run(walk(where, 12))]
    again = [CaseQuery(fresh(known, "IV(a)", 0, 2005), page=Page("case", 100))] * 100
    everything = runner.run(walk(And(()), 40))
    ids = [case.case_id for case in runner.run(source.answer(CaseQuery(page=Page("case", 40, 1000)), deadline)).cases]
    single = [CaseQuery(RecordIn("case", frozenset({each_id})), page=Page("case", 1)) for each_id in ids]
    patients = [CaseQuery(where, page=Page("patient", 100)) for where in list(many(known))[:24]]
    return {
        "page, next": statistics.median(walked),
        "page, everything": statistics.median(everything),
        "page, repeated": each(runner, source, again),
        "page of patients": each(runner, source, patients),
        "one id": each(runner, source, single),
    }


def many(known: Terminology) -> Iterator[Expr]:
    """Questions that differ in ages, years and sex."""
    for year in range(2001, 2009):
        for low in range(4):
            for group in GROUPS:
                yield fresh(known, group, low, year)


def fresh(known: Terminology, group: str, low: int, year: int) -> Expr:
    """One ICCC-3 group, ages from `low` to 14, years from `year` to 2019, girls."""
    ages, years = Between("age", low, 14), Between("year", year, 2019)
    return And((term(known, group), ages, years, OneOf("sex", frozenset({"female"}))))


@lru_cache(maxsize=64)
def term(known: Terminology, group: str) -> DiagnosisIn:
    """A planned diagnosis leaf."""
    meaning = known.meaning("ICCC3", group, "2017")
    return DiagnosisIn("diagnosis", (Term("ICCC3", group, "2017"),), meaning.certain, meaning.boxes)


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Result and milliseconds."""
    started = time.perf_counter()
    found = work()
    return found, (time.perf_counter() - started) * 1e3


def make_snapshot(config: SourceConfig, cases: int, known: Terminology) -> tuple[float, float]:
    """Draw cases and build their snapshot; seconds of the build and MiB of the file."""
    store = SnapshotStore(config.data, config.id)
    with store.loading("bench") as path:
        work = path.with_name("work.building")
        connection = work_connection(work, path.with_name("spill"))
        try:
            draw_cases(connection, cases)
            meta = SnapshotMeta(config.id, "bench", "2026-01-01T00:00:00+00:00")
            _, took = timed(lambda: build_snapshot(connection, path, meta, known))
        finally:
            connection.close()
        installed = store.install(path, "bench")
    return took / 1e3, installed.stat().st_size / (1 << 20)


@dataclass(frozen=True)
class Drawn:
    """One diagnosis to draw from: its row of `diagnoses_in` and its weight."""

    row: tuple[object, ...]
    weight: float


def diagnoses() -> list[Drawn]:
    """Diagnoses of the synthetic registries with their weights; every 30th case is partial."""
    tables = files("gateway.synth") / "tables"
    rates = [line.split("\t") for line in (tables / "rates.tsv").read_text().splitlines()[1:]]
    main_rate = {main: float(r) for main, sex, r, *_ in rates if sex == "male"}
    found, partial = [], []
    for line in (tables / "tumours.tsv").read_text().splitlines()[1:]:
        group, morphology, behaviour, sites, *rest = line.split("\t")
        weight = sum(map(float, rest[:4])) * main_rate.get(group.partition("(")[0], 1.0)
        parts = [site.split(":") for site in sites.split(",")]
        for site, share in parts:
            found.append(Drawn((site, int(morphology), int(behaviour), None, None, None), weight * float(share)))
        partial.append(Drawn((parts[0][0][:3], int(morphology), None, None, None, "unknown"), weight * 2))
        partial.append(Drawn((parts[0][0], None, int(behaviour), None, "unknown", None), weight))
    return [*found, *partial]


def draw_cases(connection: duckdb.DuckDBPyConnection, cases: int) -> None:
    """Work tables of a registry of so many cases, drawn by hashes: the same every time."""
    drawn = diagnoses()
    total = sum(each_one.weight for each_one in drawn)
    rows = [(dx, *each_one.row, None, None, "3.2") for dx, each_one in enumerate(drawn)]
    connection.execute(
        "CREATE TABLE diagnoses_in (dx INTEGER, topography VARCHAR, morphology SMALLINT, behaviour TINYINT, "
        "topography_absent VARCHAR, morphology_absent VARCHAR, behaviour_absent VARCHAR, icd10 VARCHAR, iccc VARCHAR, "
        "icdo_edition VARCHAR)"
    )
    connection.executemany(f"INSERT INTO diagnoses_in VALUES ({', '.join('?' * 10)})", rows)
    connection.execute("CREATE TABLE slots (slot INTEGER, dx INTEGER)")
    slots, reached = [], 0.0
    for dx, each_one in enumerate(drawn):
        before, reached = round(reached * SLOTS), reached + each_one.weight / total
        slots.append((before, round(reached * SLOTS), dx))
    connection.execute(
        "INSERT INTO slots SELECT unnest(range(low, high)), dx FROM (VALUES "
        + ", ".join(f"({low}, {high}, {dx})" for low, high, dx in slots)
        + ") t(low, high, dx)"
    )
    _draw_codes(connection)
    connection.execute(_draw_sql(cases))


CODED = {
    "sex": ("male", "female", "unknown"),
    "vital_status": ("alive", "dead", "unknown"),
    "basis": (*BASIS, "unknown"),
    "laterality": (*LATERALITY, "not-applicable", "unknown"),
    "grade": ("1", "2", "3", "4", "unknown"),
    "stage": STAGES,
    "country": ("FR",),
}


def _draw_codes(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("CREATE TABLE codes_in (field VARCHAR, idx INTEGER, code VARCHAR)")
    rows = [(field, i, code) for field, codes in CODED.items() for i, code in enumerate(codes)]
    connection.executemany("INSERT INTO codes_in VALUES (?, ?, ?)", rows)


def _uniform(salt: int) -> str:
    """SQL of a number in [0, 1) drawn for a row."""
    return f"((hash(i * 64 + {salt}) % 1000003) / 1000003.0)"


def _draw_sql(cases: int) -> str:
    day, month, year, unknown = (
        list(DatePrecision).index(DatePrecision(p)) for p in ("day", "month", "year", "unknown")
    )
    precision = f"CASE WHEN {_uniform(1)} < 0.86 THEN {day} WHEN {_uniform(1)} < 0.96 THEN {month} WHEN {_uniform(1)} < 0.995 THEN {year} ELSE {unknown} END"

    def ends(name: str) -> str:
        return (
            f"CASE p WHEN {day} THEN {name} WHEN {month} THEN date_trunc('month', {name}) WHEN {year} THEN date_trunc('year', {name}) END::DATE AS {name}_lo, "
            f"CASE p WHEN {day} THEN {name} WHEN {month} THEN last_day({name}) WHEN {year} THEN make_date(year({name}), 12, 31) END::DATE AS {name}_hi"
        )

    return f"""
    CREATE TABLE cases_in AS
    SELECT patient_key, case_key, dx, incidence_lo, incidence_hi, p::UTINYINT AS incidence_precision,
        birth AS birth_lo, birth AS birth_hi, {day}::UTINYINT AS birth_precision,
        contact AS last_contact_lo, contact AS last_contact_hi, {day}::UTINYINT AS last_contact_precision,
        greatest(date_sub('year', birth, incidence_lo), 0)::SMALLINT AS age_years_lo,
        greatest(date_sub('year', birth, incidence_hi), 0)::SMALLINT AS age_years_hi,
        greatest(incidence_lo - birth, 0)::INTEGER AS age_days_lo,
        greatest(incidence_hi - birth, 0)::INTEGER AS age_days_hi,
        sex, vital_status, basis, laterality, grade, stage, 0::USMALLINT AS country, 1::SMALLINT AS sequence
    FROM (SELECT *, {ends("incidence")} FROM (
        SELECT md5(CASE WHEN {_uniform(2)} < 0.02 THEN 'p' || (i - 1) ELSE 'p' || i END)[:26] AS patient_key,
            md5('c' || i)[:26] AS case_key, dx, {precision} AS p, incidence,
            (incidence - (365.25 * 20 * pow({_uniform(4)}, 1.4))::INTEGER)::DATE AS birth,
            (incidence + (3000 * {_uniform(5)})::INTEGER)::DATE AS contact,
            CASE WHEN {_uniform(6)} < 0.53 THEN 0 WHEN {_uniform(6)} < 0.999 THEN 1 ELSE 2 END::UTINYINT AS sex,
            CASE WHEN {_uniform(7)} < 0.82 THEN 0 WHEN {_uniform(7)} < 0.995 THEN 1 ELSE 2 END::UTINYINT AS vital_status,
            CASE WHEN {_uniform(8)} < 0.9 THEN 6 ELSE (hash(i * 64 + 9) % 9) END::UTINYINT AS basis,
            CASE WHEN dx % 3 > 0 THEN 5 ELSE (hash(i * 64 + 10) % 7) END::UTINYINT AS laterality,
            CASE WHEN {_uniform(11)} < 0.8 THEN 4 ELSE (hash(i * 64 + 12) % 5) END::USMALLINT AS grade,
            CASE WHEN dx % 2 = 0 THEN 4 ELSE (hash(i * 64 + 13) % 4) END::USMALLINT AS stage
        FROM (SELECT i, DATE '2000-01-01' + (7305 * {_uniform(3)})::INTEGER AS incidence FROM range({cases}) r(i)) d
        JOIN slots ON slot = hash(i * 64) % {SLOTS}) e) f"""

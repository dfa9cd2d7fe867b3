"""Counts and pages through the HTTP door with the release on, against a hello endpoint of the same server and datasette.

Questions are drawn from a list of several hundred, so that the first asking of each (planned and counted) and the
repeats (answered from the cache of released answers) both stand in the figure; a second figure turns the cache off.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from pathlib import Path

import duckdb

from benchmarks.shared import at_least, compared, free_port, requests_per_second, server

HELLO = "/health/live"
"""The smallest answer of the same server: a constant."""
GROUPS = (
    "I(a)",
    "I(b)",
    "II(a)",
    "II(b)",
    "III(a)",
    "III(b)",
    "IV(a)",
    "V",
    "VI(a)",
    "VII(a)",
    "VIII(a)",
    "IX(a)",
    "X(c)",
)


def main(*, quick: bool = False) -> None:
    """Print the ratios."""
    cases = 20_000 if quick else 100_000
    seconds = 1.0 if quick else 4.0
    with tempfile.TemporaryDirectory() as folder:
        settings = make_registry(Path(folder), cases)
        port = free_port()
        with server(
            [sys.executable, "-m", "gateway", "serve", "--port", str(port), "--settings", str(settings)], port, HELLO
        ):
            asked = {
                "hello": [HELLO],
                "count": questions(),
                "fresh": fresh_questions(),
                "page": [page_path(group) for group in GROUPS],
                "new page": fresh_pages(),
            }
            found = compared(port, asked, seconds=seconds)
        hello, count, fresh, page, new_page = found.values()
        print("  requests/s: " + ", ".join(f"{name} {rate:.0f}" for name, rate in found.items()))
        at_least("count through /statistics vs hello, several hundred questions", count / hello, 0.5)
        at_least("count through /statistics vs hello, every question new", fresh / hello, 0.5)
        peer_count, peer_page = datasette(Path(folder), seconds)
        at_least("count vs datasette over the same cases", count / peer_count, 5)
        at_least("count vs datasette over the same cases, every question new", fresh / peer_count, 5)
        at_least("page of 100 FHIR Conditions vs datasette page of 100 rows", page / peer_page, 5)
        at_least("the same, every page new", new_page / peer_page, 5)


def questions() -> list[str]:
    """Several hundred counts."""
    return [
        f"/statistics/counts?diagnosis=ICCC3:{group}&age=0..{age}&year={year}..2019&by=sex"
        for group in GROUPS
        for age in (4, 9, 14)
        for year in range(2006, 2016)
    ]


def fresh_questions() -> list[str]:
    """Counts of which each is asked once only in a run."""
    return [
        f"/statistics/counts?diagnosis=ICCC3:{group}&age={low}..{age}&year={year}..{last}&by=sex"
        for low in range(4)
        for age in range(4, 19)
        for year in range(2005, 2013)
        for last in range(2013, 2021)
        for group in GROUPS
    ]


def page_path(group: str) -> str:
    """A page of 100 Conditions of one group."""
    return f"/fhir/Condition?code=http://terminology.hl7.org/CodeSystem/iccc-3%7C{group}&_count=100"


def fresh_pages() -> list[str]:
    """Pages of which each is asked once only in a run."""
    return [
        f"{page_path(group)}&age-at-diagnosis=ge{low}&age-at-diagnosis=le{high}&onset-date=ge{year}-01-01"
        for low in range(6)
        for high in range(8, 18)
        for year in range(2005, 2015)
        for group in GROUPS
    ]


def make_registry(folder: Path, cases: int) -> Path:
    """One ENCR file, loaded, with open policy; its settings file."""
    from click.testing import CliRunner

    from gateway.cli import iccd

    runner = CliRunner()
    made = runner.invoke(iccd, ["synth", "--out", str(folder), "--cases", str(cases), "--format", "encr"])
    if made.exit_code:
        raise RuntimeError(made.output)
    file = next(path for path in folder.rglob("*.csv"))
    settings = folder / "iccd.toml"
    settings.write_text(
        f'[gateway]\nid = "bench"\ndata = "data"\n[sources.fr]\nkind = "tabular"\nprofile = "encr"\n'
        f'location = "{file}"\ncountry = "FR"\npolicy = "open"\n'
    )
    loaded = runner.invoke(iccd, ["load", "--settings", str(settings)])
    if loaded.exit_code:
        raise RuntimeError(loaded.output)
    return settings


def datasette(folder: Path, seconds: float) -> tuple[float, float]:
    """Requests per second of datasette for a count and a page of 100 over the same cases."""
    base = folder / "cases.sqlite"
    snapshot = next(folder.rglob("*.duckdb"))
    with duckdb.connect(str(snapshot), read_only=True) as source, sqlite3.connect(base) as target:
        rows = source.execute("SELECT case_no, dx, sex, age_lo, year_lo FROM cases").fetchall()
        target.execute("CREATE TABLE cases (id INTEGER PRIMARY KEY, dx INT, sex INT, age INT, year INT)")
        target.executemany("INSERT INTO cases VALUES (?, ?, ?, ?, ?)", rows)
        target.execute("CREATE INDEX by_dx ON cases (dx, age, year, sex)")
        common = [row[0] for row in target.execute("SELECT dx FROM cases GROUP BY dx ORDER BY count(*) DESC LIMIT 13")]
    port = free_port()
    command = [sys.executable, "-m", "datasette", "serve", "-i", str(base), "--port", str(port)]
    with server(command, port, "/-/versions.json"):
        counts = [
            f"/cases.json?sql=select+count(*)+from+cases+where+dx={dx}+and+age<={age}+and+year>=2010&_shape=array"
            for dx in common
            for age in (4, 9, 14)
        ]
        pages = [f"/cases/cases.json?dx={dx}&_size=100&_nocount=1&_shape=array" for dx in common]
        return requests_per_second(port, counts, seconds=seconds), requests_per_second(port, pages, seconds=seconds)

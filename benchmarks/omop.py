"""Counts of an OMOP CDM database: ours against hand-written SQL on the same server, and what compiling costs.

1,000,000 conditions of 300,000 persons with 3,000 ICD-O-3 codes; 500 of them are asked for, with age in days, years,
and a table by country and sex. The hand-written SQL gives the same numbers (checked): first date of each person and
code, joined with person and location. DuckDB, and PostgreSQL where a server can be had.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import psycopg

import terminology
from benchmarks.shared import at_most
from gateway.adapters.omop import KIND
from gateway.adapters.omop.asking import Asking, prepare
from gateway.adapters.omop.engine import Parameters, Row
from gateway.adapters.omop.source import OmopSource
from gateway.model.query import And, Between, CaseQuery, DiagnosisIn, Expr, OneOf, Unit
from gateway.sources.base import Context, Deadline, SourceConfig
from terminology import BEHAVIOURS, BoxSet
from tests.adapters.omop.building import FEMALE, MALE, NEOPLASM, OWN, TABLES
from tests.postgres import NoPostgres, running_postgres

LOCKED = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "max_temp_directory_size": "0KB",
    "lock_configuration": "true",
}
"""As the source opens the file: in one process a file has one set of settings."""
PG_OPTIONS = "-c jit=off -c work_mem=64MB"
"""As the source's sessions: both sides get the same server."""

CODES, ASKED, REPEATS = 3_000, 500, 15
ORDER = ("concept", "concept_relationship", "concept_ancestor", "location", "person", "condition_occurrence")
KEYS = {"person": "person_id", "condition_occurrence": "condition_occurrence_id", "location": "location_id"}
INDEXES = (
    "CREATE INDEX ON condition_occurrence (person_id)",
    "CREATE INDEX ON condition_occurrence (condition_concept_id)",
    "CREATE INDEX ON concept (concept_id)",
    "CREATE INDEX ON concept_ancestor (ancestor_concept_id)",
    "CREATE INDEX ON concept_relationship (concept_id_1)",
)
"""Those of the OHDSI DDL on the tables that are asked."""


@dataclass(frozen=True)
class Server:
    """One database, and hand-written SQL on a connection of its own."""

    name: str
    source: OmopSource
    run: Callable[[str], list[Row]]


@dataclass(frozen=True)
class Question:
    """A question and the hand-written SQL that gives the same."""

    name: str
    query: CaseQuery
    sql: str


def main(*, quick: bool = False) -> None:
    """Print the ratios."""
    conditions, persons = (100_000, 30_000) if quick else (1_000_000, 300_000)
    codes = codes_of()
    with tempfile.TemporaryDirectory() as folder:
        file = make_database(Path(folder), conditions, persons, codes)
        with servers(file) as found:
            for server in found:
                compare(server, codes)


def codes_of() -> list[str]:
    """Codes `9500/3-C74.9` spread over all of ICD-O-3, the same in every run."""
    known = terminology.load()
    everything = known.expand("ICCC3", "IV") + known.expand("ICCC3", "VIII") + known.expand("ICCC3", "VI")
    malignant = [code for code in everything if code.behaviour == BEHAVIOURS[3]]
    step = max(1, len(malignant) // CODES)
    return [str(code) for code in malignant[::step][:CODES]]


def columns_of(table: str) -> str:
    """Columns with the constraint of the OHDSI DDL that statements make use of."""
    required = {"condition_start_date"}
    return ", ".join(
        f"{column} {kind}{' NOT NULL' if column in required else ''}" for column, kind in TABLES[table].items()
    )


def make_database(folder: Path, conditions: int, persons: int, codes: Sequence[str]) -> Path:
    """DuckDB file with the tables of a CDM 5.4."""
    file = folder / "cdm.duckdb"
    with duckdb.connect(str(file)) as connection:
        for name in TABLES:
            connection.execute(f"CREATE TABLE {name} ({columns_of(name)})")
        rows = [
            (OWN + 1 + i, "", "Condition", "ICDO3", "ICDO Condition", "S", code, None) for i, code in enumerate(codes)
        ]
        connection.executemany("INSERT INTO concept VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        connection.execute(
            f"INSERT INTO concept VALUES ({NEOPLASM}, '', 'Condition', 'SNOMED', '', 'S', '55342001', NULL)"
        )
        connection.execute(
            f"INSERT INTO concept_ancestor SELECT {NEOPLASM}, concept_id, 1, 1 FROM concept WHERE vocabulary_id = 'ICDO3'"
        )
        connection.execute(
            f"""
            INSERT INTO location SELECT i, NULL, ['DE', 'FR', 'US', 'NL', 'SE'][1 + i % 5] FROM range(50) t(i);
            INSERT INTO person SELECT i, if(hash(i) % 2 = 0, {MALE}, {FEMALE}), 1985 + hash(i * 3) % 35,
                1 + hash(i * 5) % 12, 1 + hash(i * 7) % 28, hash(i * 11) % 50 FROM range({persons}) t(i);
            INSERT INTO condition_occurrence SELECT i, hash(i * 13) % {persons}, code,
                DATE '2000-01-01' + (hash(i * 19) % 7500)::INTEGER, 32879, '', code
            FROM (SELECT i, {OWN} + 1 + (hash(i * 17) % {len(codes)})::INTEGER AS code FROM range({conditions}) t(i));
            """
        )
    return file


@contextmanager
def servers(file: Path) -> Iterator[list[Server]]:
    """PostgreSQL if there is a server, and DuckDB, with the same rows."""
    with ExitStack() as stack:
        found = []
        try:
            url = stack.enter_context(running_postgres())
            fill_postgres(file, url)
            connection = stack.enter_context(psycopg.connect(url, autocommit=True, options=PG_OPTIONS))
            found.append(Server("PostgreSQL", open_source(url), lambda sql: connection.execute(sql).fetchall()))
        except NoPostgres as reason:
            print(f"  PostgreSQL not measured: {reason}")
        mine = stack.enter_context(duckdb.connect(str(file), read_only=True, config=LOCKED))
        found.append(Server("DuckDB", open_source(f"duckdb://{file}"), lambda sql: mine.execute(sql).fetchall()))
        for server in found:
            stack.callback(server.source.close)
        yield found


def open_source(location: str) -> OmopSource:
    """The source over a database."""
    config = SourceConfig("bench", "omop", "bench", (location,))
    opened = KIND.open(config, Context(terminology.load(), bytes(32)))
    assert isinstance(opened, OmopSource)
    return opened


def fill_postgres(file: Path, url: str) -> None:
    """Copy all tables, with OHDSI's keys and indexes."""
    with duckdb.connect(str(file), read_only=True) as rows, psycopg.connect(url, autocommit=True) as connection:
        for name in ORDER:
            connection.execute(f"CREATE TABLE {name} ({columns_of(name)})")
            with tempfile.TemporaryDirectory() as folder:
                rows.execute(f"COPY {name} TO '{folder}/rows.csv' (HEADER false)")
                text = Path(folder, "rows.csv").read_bytes()
            with connection.cursor().copy(f"COPY {name} FROM STDIN (FORMAT csv)") as copy:
                copy.write(text)
        for name, key in KEYS.items():
            connection.execute(f"ALTER TABLE {name} ADD PRIMARY KEY ({key})")
        for index in INDEXES:
            connection.execute(index)
        connection.execute("VACUUM ANALYZE")


def questions(codes: Sequence[str]) -> list[Question]:
    """Questions with their hand-written SQL."""
    asked = codes[:: len(codes) // ASKED][:ASKED]
    ids = ", ".join(str(OWN + 1 + i) for i, code in enumerate(codes) if code in set(asked))
    known = terminology.load()
    boxes = BoxSet.empty()
    for code in asked:
        boxes = boxes | known.meaning("ICDO3", code).boxes
    diagnosis = DiagnosisIn("diagnosis", (), boxes, boxes)
    first = f"""SELECT person_id, condition_concept_id, MIN(condition_start_date) AS incidence
        FROM condition_occurrence WHERE condition_concept_id IN ({ids}) GROUP BY 1, 2"""
    years = "incidence BETWEEN DATE '2005-01-01' AND DATE '2014-12-31'"
    days = "incidence - MAKE_DATE(year_of_birth, month_of_birth, day_of_birth) BETWEEN 0 AND 5478"
    part = "EXTRACT({} FROM incidence)::INTEGER"
    day = f"({part.format('YEAR')} * 10000 + {part.format('MONTH')} * 100 + {part.format('DAY')})"
    age = f"{day} - (year_of_birth * 10000 + month_of_birth * 100 + day_of_birth)"

    def between(name: str, low: int, high: int) -> Expr:
        return Between(name, low, high)

    return [
        Question(
            "500 codes, total",
            CaseQuery(diagnosis),
            f"SELECT COUNT(*) FROM ({first}) c",
        ),
        Question(
            "500 codes, age in days, years, by country and sex",
            CaseQuery(
                And((diagnosis, between("age_days", None, 5478), between("year", 2005, 2014))), ("country", "sex")
            ),
            f"""SELECT country_source_value, gender_concept_id, COUNT(*) FROM ({first}) c
            JOIN person USING (person_id) JOIN location USING (location_id)
            WHERE {years} AND {days.replace("BETWEEN 0 AND 5478", "<= 5478")} GROUP BY 1, 2""",
        ),
        Question(
            "500 codes, age in years, years, girls, by year",
            CaseQuery(
                And(
                    (diagnosis, between("age", 0, 14), between("year", 2005, 2014), OneOf("sex", frozenset({"female"})))
                ),
                ("year",),
            ),
            f"""SELECT EXTRACT(YEAR FROM incidence)::INTEGER, COUNT(*) FROM ({first}) c JOIN person USING (person_id)
            WHERE {years} AND {age} < 150000 AND gender_concept_id = {FEMALE} GROUP BY 1""",
        ),
        Question(
            "500 codes, patients",
            CaseQuery(And((diagnosis, between("year", 2005, 2014))), unit=Unit.PATIENTS),
            f"SELECT COUNT(DISTINCT person_id) FROM ({first}) c WHERE {years}",
        ),
    ]


class _Timed:
    """A session that notes how long the database takes."""

    def __init__(self, inner: object) -> None:
        self._inner = inner
        self.seconds = 0.0
        self.own_seconds = 0.0
        self.identity: object = getattr(inner, "identity", None)

    def fetch(self, sql: str, parameters: Parameters) -> list[Row]:
        started, own = time.perf_counter(), time.thread_time()
        rows: list[Row] = self._inner.fetch(sql, parameters)  # type: ignore[attr-defined]  # a Session
        self.seconds += time.perf_counter() - started
        self.own_seconds += time.thread_time() - own
        return rows

    def cancel(self) -> None:
        """Nothing runs long here."""


def compare(server: Server, codes: Sequence[str]) -> None:
    """Ours against by hand, in turn, and the share of our time that is not the database's."""
    started = time.perf_counter()
    ask(server.source, CaseQuery(OneOf("sex", frozenset({"male"}))))
    print(f"  {server.name}: first question, with the codes in use read: {time.perf_counter() - started:.2f} s")
    for question in questions(codes):
        check(server, question)
        ours, theirs, shares = [], [], []
        for _ in range(REPEATS):
            ours.append(timed(lambda question=question: ask(server.source, question.query)))
            theirs.append(timed(lambda question=question: server.run(question.sql)))
            shares.append(compile_share(server.source, question.query))
        milliseconds = f"{statistics.median(ours) * 1000:.1f} ms against {statistics.median(theirs) * 1000:.1f}"
        at_most(f"{server.name}: {question.name}", statistics.median(ours) / statistics.median(theirs), 1.2)
        print(f"    {milliseconds}; least {min(ours) * 1000:.1f} against {min(theirs) * 1000:.1f}")
        at_most("    compiling, share of the time of the database", statistics.median(shares), 0.05)


def compile_share(source: OmopSource, query: CaseQuery) -> float:
    """Processor time of one answer in this thread outside the database, over the time in it."""
    state = source._state
    assert state is not None
    engine = source._engine
    with engine.session(Deadline.after(60)) as inner:
        session = _Timed(inner)
        started = time.thread_time()
        prepared = prepare(state, query, lambda _: 1 / 0, lambda _: [])
        asking = Asking(session, engine.dialect, state, prepared, source._terminology, query.iccc)
        asking.count(query.by, query.unit)
        own = time.thread_time() - started - session.own_seconds
    return own / session.seconds


def check(server: Server, question: Question) -> None:
    """The hand-written SQL must count the same."""
    answer = asyncio.run(server.source.answer(question.query, Deadline.after(60)))
    by_hand = sum(row[-1] for row in server.run(question.sql))
    if answer.total.low != by_hand or answer.total.high != by_hand:
        raise SystemExit(f"{question.name}: {answer.total} is not {by_hand}")


def ask(source: OmopSource, query: CaseQuery) -> None:
    """One answer."""
    asyncio.run(source.answer(query, Deadline.after(60)))


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started

"""The source as a neighbour: what crosses the wire, deadlines, a database that is gone, secrets, real DDL."""

from __future__ import annotations

import asyncio
import csv
import re
import time
from pathlib import Path

import duckdb
import psycopg
import pytest

import terminology
from gateway.adapters.omop import KIND, open_omop
from gateway.adapters.omop.duck import DuckEngine
from gateway.adapters.omop.engine import Parameters, Row
from gateway.adapters.omop.postgres import PostgresEngine
from gateway.adapters.omop.settings import read_settings
from gateway.adapters.omop.source import OmopSource
from gateway.errors import BadSettings, SourceUnavailable
from gateway.model.query import And, Between, CaseQuery, OneOf, Page, RecordIn, Term, Unit
from gateway.model.values import Count
from gateway.sources.base import Context, Deadline, LiveKind, SourceConfig
from gateway.sources.discover import find_kind
from tests.adapters.omop.building import TABLES, Concepts, Database
from tests.adapters.omop.servers import Opener, ask, bounds, diagnosis, open_source
from tests.conftest import needs_shared

WRONG_URL = "postgresql://someone:TOPSECRET@127.0.0.1:1/nowhere"


def config(location: str = "duckdb:///tmp/x.duckdb", **options: object) -> SourceConfig:
    return SourceConfig(
        "omop-test", "omop", "test", (location,), options=options, where="iccd.toml [sources.omop-test]"
    )


def registry(persons: int) -> Database:
    made = Database()
    ids = Concepts(made)
    codes = [ids.of("ICDO3", code, "S") for code in ("9500/3-C74.9", "9861/3-C42.1")]
    for number in range(1, persons + 1):
        made.person(number, location=1)
        made.condition(number, number, codes[number % 2])
    made.add("location", 1, None, "DE")
    return made


def test_the_kind_is_found_like_any_strangers() -> None:
    assert isinstance(find_kind(config()), LiveKind)
    assert KIND.name == "omop"


def test_no_row_of_a_patient_crosses_the_wire_for_a_count(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    widths: list[int] = []
    source = opened(registry(400))
    for kind in ("duck.DuckSession", "postgres.PostgresSession"):
        module, name = kind.split(".")
        session = getattr(__import__(f"gateway.adapters.omop.{module}", fromlist=[name]), name)
        plain = session.fetch

        def spy(self: object, sql: str, parameters: Parameters, plain: object = plain) -> list[Row]:
            rows: list[Row] = plain(self, sql, parameters)  # type: ignore[operator]
            widths.append(len(rows))
            return rows

        monkeypatch.setattr(session, "fetch", spy)
    where = And((diagnosis("ICCC3", "IV"), Between("age", 0, 14), OneOf("sex", frozenset({"female"}))))
    for unit in Unit:
        answer = ask(source, where, by=("iccc_group", "age_band", "country"), unit=unit)
        assert answer.total.low == 200
    tables = sum(len(columns) for columns in TABLES.values())
    assert sum(widths) < tables + 40


def test_an_answer_after_the_deadline_is_stopped_by_the_server(postgres_url: str) -> None:
    engine = PostgresEngine(postgres_url, None, "server")
    started = time.monotonic()
    with pytest.raises(TimeoutError), engine.session(Deadline.after(0.3)) as session:
        session.fetch("SELECT PG_SLEEP(30)", {})
    assert time.monotonic() - started < 5
    with engine.session(Deadline.after(5)) as session:
        assert session.fetch("SELECT 1", {}) == [(1,)]
    engine.close()


LONG = "SELECT COUNT(*) FROM range(10000000) AS a, range(10000000) AS b WHERE a.range + b.range = 7"


def test_a_duckdb_statement_is_stopped_at_the_deadline(tmp_path: Path) -> None:
    Database().write_duckdb(tmp_path / "cdm.duckdb")
    engine = DuckEngine(tmp_path / "cdm.duckdb", "cdm", {})
    started = time.monotonic()
    with pytest.raises(TimeoutError), engine.session(Deadline.after(0.3)) as session:
        session.fetch(LONG, {})
    assert time.monotonic() - started < 10
    engine.close()


def test_cancelling_the_asker_stops_the_statement(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    source = opened(registry(2))
    bounds(source)
    long = LONG if source._engine.dialect == "duckdb" else "SELECT PG_SLEEP(60)"
    monkeypatch.setattr(source, "_answer_from", lambda state, session, query: session.fetch(long, {}))

    async def give_up() -> float:
        asking = asyncio.create_task(source.answer(CaseQuery(), Deadline.after(50)))
        await asyncio.sleep(0.5)
        asking.cancel()
        started = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.to_thread(source._threads.shutdown)
        return time.monotonic() - started

    assert asyncio.run(give_up()) < 10


@pytest.mark.parametrize(
    "hostile",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "COPY (SELECT 1) TO '/tmp/iccd-should-not-exist.csv'",
        "ATTACH '/tmp/iccd-other.duckdb'",
        "SET enable_external_access = true",
        "CREATE TABLE t (i INTEGER)",
        "INSTALL httpfs",
    ],
)
def test_a_duckdb_file_is_locked_down(hostile: str, tmp_path: Path) -> None:
    Database().write_duckdb(tmp_path / "cdm.duckdb")
    engine = DuckEngine(tmp_path / "cdm.duckdb", "cdm", {})
    with pytest.raises(SourceUnavailable), engine.session(Deadline.after(5)) as session:
        session.fetch(hostile, {})
    engine.close()


def test_a_session_of_postgres_cannot_write(postgres_url: str) -> None:
    engine = PostgresEngine(postgres_url, None, "server")
    with pytest.raises(SourceUnavailable, match="ReadOnlySqlTransaction"), engine.session(Deadline.after(5)) as session:
        session.fetch("CREATE TABLE public.t (i INTEGER)", {})
    engine.close()


def test_a_server_that_is_gone_is_named_without_its_secrets() -> None:
    source = open_source(WRONG_URL)
    with pytest.raises(SourceUnavailable) as raised:
        ask(source)
    text = f"{raised.value} {raised.value.message} {raised.value.__cause__}"
    assert "127.0.0.1:1/nowhere" in text
    assert "TOPSECRET" not in text
    assert "TOPSECRET" not in repr(source._settings)
    source.close()


def test_a_connection_that_the_server_closed_is_replaced(postgres_url: str) -> None:
    made = registry(3)
    made.write_postgres(postgres_url, "closing")
    source = open_source(postgres_url, schema="closing")
    assert bounds(source) == (3, 3)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("SELECT PG_TERMINATE_BACKEND(pid) FROM pg_stat_activity WHERE application_name = 'iccd'")
    assert bounds(source) == (3, 3)
    source.close()


def test_many_askers_at_once_get_the_same_answer(opened: Opener) -> None:
    source = opened(registry(50))

    async def ask_all() -> set[object]:
        query = CaseQuery(diagnosis("ICCC3", "IV"), by=("sex",))
        answers = [source.answer(query, Deadline.after(30)) for _ in range(40)]
        return {answer.total for answer in await asyncio.gather(*answers)}

    assert asyncio.run(ask_all()) == {Count(25, 25)}


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    source = open_source(str(tmp_path / "cdm.duckdb"))
    with pytest.raises(SourceUnavailable, match=r"cdm\.duckdb"):
        ask(source)
    (tmp_path / "cdm.duckdb").write_bytes(b"this is no database" * 1000)
    with pytest.raises(SourceUnavailable, match=r"cdm\.duckdb"):
        ask(source)
    source.close()


def test_a_file_that_takes_the_place_of_another_is_read(tmp_path: Path) -> None:
    registry(3).write_duckdb(tmp_path / "cdm.duckdb")
    source = open_source(str(tmp_path / "cdm.duckdb"))
    assert bounds(source) == (3, 3)
    registry(5).write_duckdb(tmp_path / "new.duckdb")
    (tmp_path / "new.duckdb").replace(tmp_path / "cdm.duckdb")
    assert bounds(source) == (5, 5)
    source.close()


def test_a_database_that_is_no_cdm_is_named_with_what_is_missing(opened: Opener) -> None:
    made = Database()
    made.tables = {name: columns for name, columns in TABLES.items() if name != "person"}
    with pytest.raises(SourceUnavailable, match=r"person\.birth|person\.\w+ is missing"):
        ask(opened(made))


def test_a_database_of_another_version_than_declared_is_refused(opened: Opener) -> None:
    made = Database()
    made.tables = {**TABLES, "location": {"location_id": "integer"}}
    with pytest.raises(SourceUnavailable, match=r"no OMOP CDM 5\.4"):
        ask(opened(made, version="5.4"))


@pytest.mark.parametrize(
    ("location", "options", "told"),
    [
        ("mysql://x/y", {}, "unknown kind of database 'mysql'"),
        ("postgresql://", {}, "names no server"),
        ("postgresql://h:port/db", {}, "cannot be read"),
        ("/data/cdm.csv", {}, "no place of a database"),
        ("/data/cdm.duckdb", {"version": "6"}, "version"),
        ("/data/cdm.duckdb", {"case_rule": "all"}, "case_rule"),
        ("/data/cdm.duckdb", {"condition_types": ["x"]}, "condition_types"),
        ("/data/cdm.duckdb", {"schema": ""}, "schema"),
        ("/data/cdm.duckdb", {"connections": 0}, "connections"),
        ("/data/cdm.duckdb", {"password_env": "ICCD_NO_SUCH_VARIABLE"}, "ICCD_NO_SUCH_VARIABLE"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_expected(location: str, options: dict[str, object], told: str) -> None:
    with pytest.raises(BadSettings) as raised:
        open_omop(config(location, **options), Context(terminology.load(), bytes(32)))
    assert told in str(raised.value)
    assert "iccd.toml [sources.omop-test]" in str(raised.value)
    assert raised.value.expected


def test_the_password_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDM_PASSWORD", "TOPSECRET")
    settings = read_settings(config("postgresql://u@host:5433/cdm", password_env="CDM_PASSWORD"))
    assert settings.password == "TOPSECRET"
    assert settings.name == "host:5433/cdm"
    assert "TOPSECRET" not in repr(settings)


def test_ids_of_records_are_found_again_and_others_are_not(opened: Opener) -> None:
    source = opened(registry(6))
    page = ask(source, page=Page("patient", 10))
    first = page.cases[0]
    named = RecordIn("patient", frozenset({first.patient_id, "0" * 20, "f" * 20, "no-id", "é" * 20}))
    found = ask(source, named, page=Page("patient", 10))
    assert [case.patient_id for case in found.cases] == [first.patient_id]
    assert found.total.low == 1


DDL = "samples/omop/ddl/OMOPCDM_{}_5.4_ddl.sql"


def ddl(shared: Path, dialect: str, schema: str) -> str:
    text = (shared / DDL.format(dialect)).read_text(encoding="utf-8")
    return re.sub(r"--.*", "", text).replace("@cdmDatabaseSchema", schema)


@needs_shared
def test_a_database_made_by_the_official_duckdb_ddl_is_read(shared_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "cdm.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE SCHEMA cdm")
        connection.execute(ddl(shared_dir, "duckdb", "cdm.cdm"))
        fill_official(
            lambda sql, row: connection.execute(sql.replace("%s", "?").replace("INTO cdm.", "INTO cdm.cdm."), row)
        )
    source = open_source(f"duckdb://{file}", schema="cdm")
    check_official(source)
    source.close()


@pytest.mark.postgres
@needs_shared
def test_a_database_made_by_the_official_postgresql_ddl_is_read(shared_dir: Path, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA official")
        connection.execute(ddl(shared_dir, "postgresql", "official"))
        fill_official(lambda sql, row: connection.execute(sql.replace("INTO cdm.", "INTO official."), row))
    source = open_source(postgres_url, schema="official")
    check_official(source)
    source.close()


def fill_official(run: object) -> None:
    made = registry(7)
    dates = {"concept": {"valid_start_date": "1970-01-01", "valid_end_date": "2099-12-31"}}
    required = {
        "person": {"race_concept_id": 0, "ethnicity_concept_id": 0},
        "observation_period": {"period_type_concept_id": 0},
        "concept_relationship": dates["concept"],
        **dates,
    }
    for name, rows in made.rows.items():
        more = required.get(name, {})
        columns = ", ".join([*TABLES[name], *more])
        marks = ", ".join(["%s"] * (len(TABLES[name]) + len(more)))
        for row in rows:
            run(f"INSERT INTO cdm.{name} ({columns}) VALUES ({marks})", [*row, *more.values()])  # type: ignore[operator]


def check_official(source: OmopSource) -> None:
    assert bounds(source) == (7, 7)
    assert bounds(source, And((diagnosis("ICCC3", "IV(a)"), Between("year", 2010, 2010)))) == (3, 3)
    assert bounds(source, OneOf("country", frozenset({"DE"})), unit=Unit.PATIENTS) == (7, 7)
    assert source.capabilities().support("country").value == "yes"


@needs_shared
def test_concepts_of_a_real_vocabulary_are_resolved(shared_dir: Path, opened: Opener) -> None:
    made = Database()
    columns = {name: list(TABLES[name]) for name in ("concept", "concept_relationship", "concept_ancestor")}
    for name, wanted in columns.items():
        with (shared_dir / "samples/athena" / f"{name.upper()}.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                made.add(name, *((row[column] or None) for column in wanted))
    made.rows["concept"] = [(*row[:1], (str(row[1]) or "")[:255], *row[2:]) for row in made.rows["concept"]]
    source = opened(made)
    prostate = asyncio.run(source.resolve(Term("OMOP", "200962"), Deadline.after(20)))
    assert prostate is not None
    assert prostate.certain <= terminology.load().meaning("ICDO3", "C61.9").boxes
    assert terminology.load().meaning("ICDO3", "8140/3-C61.9").boxes <= prostate.certain
    neuroblastoma = terminology.load().meaning("ICDO3", "9500/3-C74.9").boxes
    assert neuroblastoma <= prostate.possible, "a tumour that this vocabulary has no code for cannot be told"

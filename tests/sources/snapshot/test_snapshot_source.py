"""A source over snapshots: switches, deadlines, refusals, and what an open file may not do."""

from __future__ import annotations

import asyncio
import datetime as dt
import resource
import time
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from gateway.errors import SourceFailure, SourceUnavailable
from gateway.model.case import Case, Diagnosis
from gateway.model.query import Between, CaseQuery, Page, RecordIn, Unit
from gateway.model.values import Count
from gateway.sources.base import Context, Deadline
from gateway.sources.snapshot import (
    SnapshotMeta,
    SnapshotSource,
    SnapshotStore,
    build_snapshot,
    engine,
    work_connection,
)

from .cases import config, fill_work_tables, install_cases, open_cases


def soon() -> Deadline:
    return Deadline.after(20)


def total(source: SnapshotSource, query: CaseQuery | None = None) -> Count:
    return asyncio.run(source.answer(query or CaseQuery(), soon())).total


def test_a_source_without_a_snapshot_says_so_and_answers_after_the_first_load(
    tmp_path: Path, context: Context, registry: tuple[Case, ...]
) -> None:
    source = SnapshotSource(config(tmp_path), context)
    assert source.capabilities().cases is None
    with pytest.raises(SourceUnavailable, match="nothing is loaded yet"):
        total(source)
    install_cases(SnapshotStore(tmp_path, source.id), registry, context.terminology)
    assert total(source) == Count(300, 300)
    assert source.capabilities().cases == 300
    source.close()


def test_a_new_snapshot_is_taken_over_and_the_old_file_goes(
    tmp_path: Path, context: Context, registry: tuple[Case, ...]
) -> None:
    store = SnapshotStore(tmp_path, "contract")
    old = install_cases(store, registry, context.terminology)
    source = SnapshotSource(config(tmp_path), context)
    assert total(source) == Count(300, 300)
    install_cases(store, registry[:10], context.terminology)
    assert old.exists()
    assert total(source) == Count(10, 10)
    store.sweep()
    assert not old.exists()
    source.close()


def test_data_is_loaded_when_it_begins_to_serve_not_when_its_load_began(
    tmp_path: Path, context: Context, registry: tuple[Case, ...]
) -> None:
    store = SnapshotStore(tmp_path, "contract")
    source = SnapshotSource(config(tmp_path), context)
    assert source.capabilities().loaded_at is None
    told = []
    for count in (300, 10):
        before = dt.datetime.now(dt.UTC)
        install_cases(store, registry[:count], context.terminology)
        after = dt.datetime.now(dt.UTC)
        moment = str(source.capabilities().loaded_at)
        assert before <= dt.datetime.fromisoformat(moment) <= after
        assert moment == source.capabilities().loaded_at
        told.append(moment)
    again = SnapshotSource(config(tmp_path), context)
    assert again.capabilities().loaded_at == told[-1] != told[0]
    source.close()
    again.close()


def test_each_answer_comes_from_one_snapshot_while_others_take_over(
    tmp_path: Path, context: Context, registry: tuple[Case, ...]
) -> None:
    store = SnapshotStore(tmp_path, "contract")
    sizes = {"start": 300}
    install_cases(store, registry, context.terminology, "start")
    source = SnapshotSource(config(tmp_path), context)

    async def switching() -> None:
        for number in range(1, 8):
            name = f"next-{number}"
            sizes[name] = 300 - number
            await asyncio.to_thread(install_cases, store, registry[number:], context.terminology, name)

    async def asking(seen: set[str]) -> None:
        while True:
            answer = await source.answer(CaseQuery(page=Page("case", 1000)), soon())
            assert answer.snapshot is not None
            assert answer.total == Count(sizes[answer.snapshot], sizes[answer.snapshot])
            assert len(answer.cases) == sizes[answer.snapshot]
            seen.add(answer.snapshot)
            await asyncio.sleep(0)

    async def both() -> set[str]:
        seen: set[str] = set()
        tasks = [asyncio.create_task(asking(seen)) for _ in range(3)]
        await switching()
        await asyncio.sleep(0.2)
        for task in tasks:
            assert not task.done() or task.exception() is None
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return seen

    seen = asyncio.run(both())
    assert "next-7" in seen
    source.close()


def test_a_snapshot_of_another_format_is_refused_by_name(
    tmp_path: Path, context: Context, registry: tuple[Case, ...]
) -> None:
    path = install_cases(SnapshotStore(tmp_path, "contract"), registry, context.terminology)
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE meta SET value = '0' WHERE key = 'format'")
    with pytest.raises(SourceFailure, match="format version '0'") as refusal:
        SnapshotSource(config(tmp_path), context)
    assert "iccd load" in str(refusal.value)
    assert path.name in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"not a database", b"PK\x03\x04" * 5000])
def test_a_file_that_is_no_snapshot_is_refused_by_name(tmp_path: Path, context: Context, content: bytes) -> None:
    path = install_cases(SnapshotStore(tmp_path, "contract"), (), context.terminology)
    path.write_bytes(content)
    with pytest.raises(SourceFailure) as refusal:
        SnapshotSource(config(tmp_path), context)
    assert path.name in str(refusal.value)


def test_a_new_file_that_cannot_be_read_leaves_the_old_one_serving(
    tmp_path: Path, context: Context, registry: tuple[Case, ...]
) -> None:
    store = SnapshotStore(tmp_path, "contract")
    install_cases(store, registry, context.terminology)
    source = SnapshotSource(config(tmp_path), context)
    with store.loading("broken") as path:
        path.write_bytes(b"not a database")
        store.install(path, "broken")
    assert total(source) == Count(300, 300)
    assert total(source) == Count(300, 300)
    source.close()


def test_a_query_is_interrupted_at_its_deadline(tmp_path: Path, context: Context, registry: tuple[Case, ...]) -> None:
    path = install_cases(SnapshotStore(tmp_path, "contract"), registry, context.terminology)
    snapshot = engine.Engine(path)
    endless = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE hash(a.range, b.range) % 7 = 3"

    async def run() -> float:
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            await snapshot.query(lambda cursor: cursor.execute(endless).fetchall(), Deadline.after(0.2))
        # The thread is free again: another query gets through at once.
        rows = await snapshot.query(lambda cursor: cursor.execute("SELECT 1").fetchall(), soon())
        assert rows == [(1,)]
        return time.monotonic() - started

    assert asyncio.run(run()) < 5
    snapshot.close()


HOSTILE = (
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM glob('/*')",
    "COPY cases TO '/tmp/out.csv'",
    "ATTACH '/tmp/other.duckdb'",
    "EXPORT DATABASE '/tmp/out'",
    "INSTALL httpfs",
    "SET enable_external_access = true",
    "SET memory_limit = '100GB'",
    "DELETE FROM cases",
    "DROP TABLE cases",
)


@pytest.mark.parametrize("statement", HOSTILE)
def test_an_open_snapshot_can_do_nothing_but_read_itself(tmp_path: Path, context: Context, statement: str) -> None:
    path = install_cases(SnapshotStore(tmp_path, "contract"), (), context.terminology)
    connection = engine.connect(path)
    with pytest.raises(duckdb.Error):
        connection.execute(statement)
    connection.close()


def test_questions_that_differ_only_in_box_sets_are_not_confused(
    tmp_path: Path, context: Context, registry: tuple[Case, ...]
) -> None:
    from gateway.model.query import DiagnosisIn
    from terminology import BoxSet

    source = open_cases(registry, tmp_path, context)
    some, none = BoxSet.where(morphologies=(9500,)), BoxSet.empty()
    assert total(source, CaseQuery(DiagnosisIn("diagnosis", (), some, some))) == Count(200, 200)
    assert total(source, CaseQuery(DiagnosisIn("diagnosis", (), none, none))) == Count(0, 0)
    assert total(source, CaseQuery(DiagnosisIn("diagnosis", (), none, some))) == Count(0, 200)
    source.close()


def test_patients_with_several_tumours_count_once_in_the_total_and_in_each_cell(
    tmp_path: Path, context: Context, registry: tuple[Case, ...]
) -> None:
    source = open_cases(registry, tmp_path, context)
    answer = asyncio.run(source.answer(CaseQuery(by=("iccc_group",), unit=Unit.PATIENTS), soon()))
    assert answer.total == Count(270, 270)
    assert sum(count.low for _, count in answer.cells) > 270
    source.close()


def test_an_unknown_age_matches_any_range_possibly_and_no_range_certainly(
    tmp_path: Path, context: Context, registry: tuple[Case, ...]
) -> None:
    source = open_cases(registry, tmp_path, context)
    for field in ("age", "age_days", "year"):
        assert total(source, CaseQuery(Between(field, None, None))) == Count(299, 300)
        assert total(source, CaseQuery(Between(field, 90_000, 100_000))) == Count(0, 1)
        assert total(source, CaseQuery(Between(field, -100_000, -50_000))) == Count(0, 1)
    source.close()


def test_a_field_that_no_case_has_is_declared_never_filled(
    tmp_path: Path, context: Context, registry: tuple[Case, ...]
) -> None:
    from gateway.model.dates import UNKNOWN_DATE, Age
    from gateway.model.values import Absent

    bare = [replace(c, stage=Absent.NOT_COLLECTED, incidence=UNKNOWN_DATE, age=Age(None, None)) for c in registry]
    source = open_cases(bare, tmp_path, context)
    assert source.capabilities().never == {"stage", "age", "age_days", "year", "date"}
    source.close()


def build(tmp_path: Path, context: Context, cases: tuple[Case, ...], *, spoil: str = "SELECT 1") -> Path:
    connection = work_connection(":memory:", tmp_path / "spill")
    out = tmp_path / "out.duckdb"
    try:
        fill_work_tables(connection, cases)
        connection.execute(spoil)
        build_snapshot(connection, out, SnapshotMeta("registry", "one", "2026-11-23"), context.terminology)
    finally:
        connection.close()
    return out


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ("UPDATE cases_in SET dx = 99 WHERE case_key = 'tumour-7'", "1 cases name a diagnosis"),
        ("UPDATE cases_in SET case_key = 'tumour-8' WHERE case_key = 'tumour-7'", "1 record ids stand for several"),
        ("UPDATE cases_in SET sex = 77 WHERE case_key = 'tumour-7'", "column sex has codes"),
        ("UPDATE cases_in SET basis = NULL WHERE case_key = 'tumour-7'", "column basis has codes"),
        ("UPDATE cases_in SET age_years_lo = 9, age_years_hi = 3 WHERE case_key = 'tumour-7'", "ends before it starts"),
        ("UPDATE cases_in SET age_days_lo = -4 WHERE case_key = 'tumour-7'", "negative value"),
        ("UPDATE diagnoses_in SET morphology = 7777", "no code 7777"),
    ],
)
def test_work_tables_that_would_make_a_wrong_number_are_refused(
    tmp_path: Path, context: Context, registry: tuple[Case, ...], spoil: str, message: str
) -> None:
    with pytest.raises(SourceFailure, match=message) as refusal:
        build(tmp_path, context, registry, spoil=spoil)
    assert "tumour-" not in str(refusal.value)


def test_a_disk_that_is_full_at_the_end_of_a_build_is_told_as_such(
    tmp_path: Path, context: Context, registry: tuple[Case, ...]
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(SourceFailure) as refusal:
            build(tmp_path, context, registry)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "File too large" in str(refusal.value.__cause__)


def test_the_work_database_is_as_it_was_after_a_build(
    tmp_path: Path, context: Context, registry: tuple[Case, ...]
) -> None:
    connection = work_connection(":memory:", tmp_path / "spill")
    fill_work_tables(connection, registry)
    before = connection.execute("SHOW TABLES").fetchall()
    for name in ("one", "two"):
        meta = SnapshotMeta("registry", name, "2026-11-23")
        build_snapshot(connection, tmp_path / f"{name}.duckdb", meta, context.terminology)
    assert connection.execute("SHOW TABLES").fetchall() == before
    connection.close()


def test_work_tables_may_be_views_of_a_database_file(
    tmp_path: Path, context: Context, registry: tuple[Case, ...]
) -> None:
    connection = work_connection(tmp_path / "it's work.db", tmp_path / "spill")
    fill_work_tables(connection, registry)
    connection.execute("ALTER TABLE cases_in RENAME TO joined")
    connection.execute("CREATE VIEW cases_in AS SELECT * FROM joined WHERE case_key <> 'tumour-3'")
    out = tmp_path / "it's.duckdb"
    build_snapshot(connection, out, SnapshotMeta("registry", "one", "2026-11-23"), context.terminology)
    connection.close()
    with duckdb.connect(str(out), read_only=True) as snapshot:
        assert snapshot.execute("SELECT count(*) FROM cases").fetchall() == [(299,)]


def test_rows_lie_in_the_order_of_iccc_group_and_year(
    tmp_path: Path, context: Context, registry: tuple[Case, ...]
) -> None:
    source = open_cases(registry, tmp_path, context)
    answer = asyncio.run(source.answer(CaseQuery(page=Page("case", 300)), soon()))
    order = [
        (case.diagnosis != Diagnosis("C42.1", 9811, 3), case.incidence.years or (9999, 9999)) for case in answer.cases
    ]
    assert order == sorted(order)
    source.close()


def test_pages_that_span_blocks_hold_each_record_once(tmp_path: Path, context: Context) -> None:
    from gateway.sources.snapshot.records import BLOCK

    cases = [Case("r", f"c{i}", f"p{i - i % 5 // 4}", Diagnosis("C74.9", 9500, 3)) for i in range(2 * BLOCK + 50)]
    source = open_cases(cases, tmp_path, context)

    async def walk(of: str) -> list[str]:
        seen: list[str] = []
        after = None
        while True:
            answer = await source.answer(CaseQuery(page=Page(of, 700, after)), soon())
            seen += [case.case_id for case in answer.cases]
            after = answer.next_after
            if after is None:
                return seen

    for of in ("case", "patient"):
        seen = asyncio.run(walk(of))
        assert len(seen) == len(set(seen)) == len(cases)
    wanted = frozenset(f"c{i}" for i in range(0, len(cases), 97))
    found = asyncio.run(source.answer(CaseQuery(RecordIn("case", wanted), page=Page("case", 100)), soon()))
    assert {case.case_id for case in found.cases} == set(wanted)
    source.close()


def test_what_is_in_memory_is_answered_at_once_and_is_the_same_answer(
    tmp_path: Path, context: Context, registry: tuple[Case, ...]
) -> None:
    source = open_cases(registry, tmp_path, context)
    query = CaseQuery(Between("age", 2, 9), ("sex", "age_band"), page=Page("case", 20))
    assert source.ready(query) is None
    assert source.ready_page(query) is None
    asked = asyncio.run(source.answer(query, soon()))
    again = asyncio.run(source.answer(query, soon()))
    assert source.ready(query) == again == asked
    assert source.ready_page(query) == (asked.cases, asked.next_after)
    later = replace(query, page=Page("case", 20, asked.next_after))
    assert source.ready_page(later) == (asyncio.run(source.answer(later, soon())).cases, source.ready(later).next_after)
    install_cases(SnapshotStore(tmp_path, source.id), registry[:10], context.terminology)
    assert source.ready(query) is None
    source.close()

"""Loading a rendering gives back the truth, or what gateway/synth/losses.py says the format loses.

Expected cases and counts come from truth.parquet by DuckDB, never through the product's own query code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from gateway.model.dates import Age, DateInterval
from gateway.model.query import CaseQuery, Unit
from gateway.sources.base import Source
from gateway.sources.loading import LoadReport
from gateway.synth.formats import FORMATS
from gateway.synth.losses import LOSSES, SAME_DIAGNOSIS
from gateway.synth.rendering import quoted
from gateway.synth.truth import make_truth
from tests.synth.conftest import nothing
from tests.synth.loaded import COLUMNS, Row, ask, open_rendering, rows_of

CASES = 4_000
SEED = 21
COUNTRIES = {"naaccr": ("US", "CA", "DE", "JP"), "obds": ("DE",), "omop": ("FR", "IT", "JP")}
WORDS = (
    "topography",
    "morphology",
    "behaviour",
    "sex",
    "vital_status",
    "basis",
    "laterality",
    "grade",
    "stage",
    "country",
)
DATES = ("incidence", "birth", "last_contact")

ICCC = "SELECT DISTINCT morphology::VARCHAR AS morphology, topography, behaviour::VARCHAR AS behaviour, iccc_2017 FROM read_parquet(?)"

# Days that a date of some precision may mean; NULL when nothing is known.
MACROS = """
CREATE MACRO earliest(day, precision) AS CASE precision
    WHEN 'day' THEN day WHEN 'month' THEN date_trunc('month', day)::DATE WHEN 'year' THEN date_trunc('year', day)::DATE END;
CREATE MACRO latest(day, precision) AS CASE precision
    WHEN 'day' THEN day WHEN 'month' THEN last_day(day) WHEN 'year' THEN make_date(year(day), 12, 31) END;
"""


@dataclass(frozen=True)
class Loaded:
    """One rendering that answers, and the rows that it should give back."""

    name: str
    source: Source
    report: LoadReport | None
    truth: Path
    expected: list[Row]


def expected_rows(truth: Path, name: str) -> list[Row]:
    """Rows of COLUMNS by the truth and the losses of a format, without the records that are broken."""
    losses = {loss.column: loss.sql for loss in LOSSES[name]}
    replaced = ", ".join(f"{sql} AS {column}" for column, sql in losses.items() if column != "age")
    dates = ", ".join(f"{end}({date}, {date}_precision)" for date in DATES for end in ("earliest", "latest"))
    words = ", ".join(f"coalesce({word}::VARCHAR, 'unknown')" for word in WORDS)
    same = "PARTITION BY patient, topography, morphology, behaviour ORDER BY incidence"
    first = f"QUALIFY row_number() OVER ({same}) = 1" if name in SAME_DIAGNOSIS else ""
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        found = connection.execute(
            f"""SELECT {words}, sequence, {dates}, if(age_known, age_years, NULL)
            FROM (SELECT * REPLACE ({replaced}) FROM read_parquet(?) WHERE dirt <> 'invalid-code') {first}""",
            [str(truth)],
        ).fetchall()
    derived = "age" in losses
    return [(*row[:-1], *_age(row, given=None if derived else row[-1])) for row in found]


def _age(row: Row, given: int | None) -> tuple[int | None, int | None]:
    """Age in completed years as the model says: what is given, else what the two dates allow."""
    ends = dict(zip(COLUMNS, row, strict=False))
    birth, incidence = (
        DateInterval(ends[f"{date}_lo"], ends[f"{date}_hi"], None)  # type: ignore[arg-type]
        for date in ("birth", "incidence")
    )
    return Age.at_diagnosis(birth, incidence, given_years=given).years or (None, None)


def prepare(name: str, folder: Path, *, dirt: bool = False, cases: int = CASES) -> Loaded:
    form = FORMATS[name]
    countries = COUNTRIES.get(name.split("_")[0], ("FR", "GB", "IT"))
    truth = make_truth(cases, SEED, folder / "truth.parquet", countries=countries, dirt=dirt)
    location, *_ = form.render(truth, folder / name, nothing)
    source, report = open_rendering(form, location, folder / "data", None)
    return Loaded(name, source, report, truth, expected_rows(truth, name))


@pytest.fixture(scope="module", params=sorted(LOSSES))
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    found = prepare(request.param, tmp_path_factory.mktemp(request.param))
    yield found
    found.source.close()


@pytest.fixture(scope="module")
def table(loaded: Loaded) -> Iterator[duckdb.DuckDBPyConnection]:
    """Tables `came` and `expected`, a row a case."""
    kinds = {column: "DATE" for column in COLUMNS if column[:-3] in DATES}
    kinds |= dict.fromkeys(("sequence", "age_lo", "age_hi"), "INTEGER")
    with duckdb.connect() as connection:
        for name, rows in (("came", list(rows_of(loaded.source))), ("expected", loaded.expected)):
            columns = dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
            select = ", ".join(f"unnest(${column}::{kinds.get(column, 'VARCHAR')}[]) AS {column}" for column in COLUMNS)
            connection.execute(f"CREATE TABLE {name} AS SELECT {select}", columns)
        connection.execute(
            f"""CREATE VIEW grouped AS SELECT expected.*, if(iccc_2017 = '', 'unclassified', iccc_2017) AS iccc
            FROM expected LEFT JOIN ({ICCC.replace("?", quoted(str(loaded.truth)))}) USING (morphology, topography, behaviour)"""
        )
        yield connection


def test_every_format_has_its_losses_written_down() -> None:
    assert LOSSES.keys() == FORMATS.keys()


def test_every_record_is_read_and_accepted(loaded: Loaded) -> None:
    if loaded.report is not None:
        counts = (loaded.report.accepted, loaded.report.quarantined)
        assert counts == (CASES, 0)


@pytest.mark.parametrize("column", COLUMNS)
def test_each_column_comes_back_with_the_same_values_as_often(column: str, table: duckdb.DuckDBPyConnection) -> None:
    by_value = f"SELECT {column}, count(*) FROM {{}} GROUP BY 1"
    missing = table.execute(f"{by_value.format('expected')} EXCEPT {by_value.format('came')}").fetchall()
    extra = table.execute(f"{by_value.format('came')} EXCEPT {by_value.format('expected')}").fetchall()
    assert (sorted(missing, key=str), sorted(extra, key=str)) == ([], [])


def test_the_cases_come_back_whole(table: duckdb.DuckDBPyConnection) -> None:
    difference = "SELECT count(*) FROM (FROM expected EXCEPT ALL FROM came)"
    assert table.execute(difference).fetchone() == (0,)
    assert table.execute("SELECT count(*) FROM came").fetchone() == (len(table.execute("FROM expected").fetchall()),)


@pytest.mark.parametrize(
    "dimension", ["sex", "iccc_main", "iccc_group", "year", "behaviour", "vital_status", "age_band"]
)
def test_counts_are_those_of_the_cases_that_came(
    dimension: str, loaded: Loaded, table: duckdb.DuckDBPyConnection
) -> None:
    """Certain and possible tumours by one dimension, against the expected rows counted by DuckDB."""
    cells = {
        labels[0]: (count.low, count.high) for labels, count in ask(loaded.source, CaseQuery(by=(dimension,))).cells
    }
    certain, possible = _counted(table, dimension)
    if not dimension.startswith("iccc"):
        assert cells == {label: (certain.get(label, 0), high) for label, high in possible.items()}
        return
    unknown = table.execute("SELECT count(*) FROM expected WHERE 'unknown' IN (morphology, behaviour)").fetchone()
    found = Counter({label: low for label, (low, _) in cells.items() if low})
    assert not Counter(certain) - found
    assert ((found - Counter(certain)).total(),) <= unknown, "more than what ICD-10 can tell of an unknown histology"


def test_patients_are_counted_once(loaded: Loaded) -> None:
    with duckdb.connect() as connection:
        patients = connection.execute("SELECT count(DISTINCT patient) FROM read_parquet(?)", [str(loaded.truth)])
        (expected,) = patients.fetchall()[0]
    total = ask(loaded.source, CaseQuery(unit=Unit.PATIENTS)).total
    assert (total.low, total.high) == (expected, expected)


@pytest.mark.parametrize(
    "name", ["naaccr_xml", "obds_rki_xml", "obds_rki_csv", "encr", "iicc3_listing", "canreg_export"]
)
def test_what_is_broken_on_purpose_is_quarantined_and_the_rest_comes_back(name: str, tmp_path: Path) -> None:
    found = prepare(name, tmp_path, dirt=True)
    try:
        with duckdb.connect() as connection:
            dirt = dict(
                connection.execute(
                    "SELECT dirt, count(*) FROM read_parquet(?) GROUP BY 1", [str(found.truth)]
                ).fetchall()
            )
        assert found.report is not None
        assert found.report.quarantined == dirt["invalid-code"] + dirt["duplicate"]
        assert found.report.accepted == CASES - dirt["invalid-code"]
        assert Counter(rows_of(found.source)) == Counter(found.expected)
        assert sum(row[2] == "6" for row in found.expected) == dirt["metastatic"]
    finally:
        found.source.close()


def _counted(table: duckdb.DuckDBPyConnection, dimension: str) -> tuple[dict[str, int], dict[str, int]]:
    """Certain and possible tumours by label, from the rows of `expected`."""
    bands = "[(0, 0, '0'), (1, 4, '1-4'), (5, 9, '5-9'), (10, 14, '10-14'), (15, 19, '15-19'), (20, 150, '20+')]"
    sql = {
        "year": "range(year(incidence_lo), year(incidence_hi) + 1)",
        "age_band": f"""if(age_lo IS NULL, ['unknown'], list_transform(
            list_filter({bands}, lambda b: b[1] <= age_hi AND b[2] >= age_lo), lambda b: b[3]))""",
        "iccc_main": "[split_part(iccc, '(', 1)]",
        "iccc_group": "[iccc]",
    }.get(dimension, f"[{dimension}]")
    known = "WHERE morphology <> 'unknown' AND behaviour <> 'unknown'" if dimension.startswith("iccc") else ""
    rows = table.execute(
        f"""SELECT label::VARCHAR, count(*) FILTER (n = 1), count(*)
        FROM (SELECT unnest(labels) AS label, len(labels) AS n FROM (SELECT {sql} AS labels FROM grouped {known}))
        GROUP BY 1"""
    ).fetchall()
    return {label: low for label, low, _ in rows if low}, {label: high for label, _, high in rows}

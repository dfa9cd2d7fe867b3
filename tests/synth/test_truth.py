"""The truth table: the same for a seed, at any size, and as a registry of children would be."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import Unsupported
from gateway.model.dates import completed_years
from gateway.model.fields import BASIS, LATERALITY, SEX, VITAL_STATUS
from gateway.synth.draws import SLOTS, uniforms
from gateway.synth.truth import make_truth
from gateway.synth.weights import MAINS, load_cells, load_tumours, table
from terminology import TOPOGRAPHIES, load
from tests.synth.conftest import CASES, SEED


def rows(sql: duckdb.DuckDBPyConnection, query: str, truth: Path) -> list[tuple[object, ...]]:
    sql.execute("SET VARIABLE truth = ?", [str(truth)])
    return sql.execute(query.replace("TRUTH", "read_parquet(getvariable('truth'))")).fetchall()


def one(sql: duckdb.DuckDBPyConnection, query: str, truth: Path) -> float:
    (row,) = rows(sql, query, truth)
    return float(row[0])  # type: ignore[arg-type]


@given(
    seed=st.integers(0, 2**63),
    first=st.integers(0, 10**9).map(lambda n: n * 4),
    skipped=st.integers(0, 25).map(lambda n: n * 4),
)
def test_the_numbers_of_a_case_do_not_depend_on_where_the_drawing_starts(seed: int, first: int, skipped: int) -> None:
    whole = uniforms(seed, first, 128)
    assert whole.shape == (SLOTS, 128)
    assert np.array_equal(whole[:, skipped : skipped + 8], uniforms(seed, first + skipped, 8))


def test_case_n_is_the_same_at_any_number_of_cases(
    clean_truth: Path, tmp_path: Path, sql: duckdb.DuckDBPyConnection
) -> None:
    few = make_truth(1_001, SEED, tmp_path / "few.parquet")
    again = rows(sql, 'SELECT * FROM TRUTH ORDER BY "case"', few)
    assert again == rows(sql, 'SELECT * FROM TRUTH WHERE "case" < 1001 ORDER BY "case"', clean_truth)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_registry(tmp_path: Path) -> None:
    first, second, other = (make_truth(500, seed, tmp_path / name) for seed, name in ((1, "a"), (1, "b"), (2, "c")))
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes() != other.read_bytes()


def test_chunks_do_not_show(
    monkeypatch: pytest.MonkeyPatch, clean_truth: Path, tmp_path: Path, sql: duckdb.DuckDBPyConnection
) -> None:
    monkeypatch.setattr("gateway.synth.truth.CHUNK_CASES", 4_096)
    chunked = make_truth(CASES, SEED, tmp_path / "chunked.parquet")
    assert rows(sql, 'SELECT * FROM TRUTH ORDER BY "case"', chunked) == rows(
        sql, 'SELECT * FROM TRUTH ORDER BY "case"', clean_truth
    )


def test_every_tumour_of_the_table_is_in_the_group_that_the_table_says() -> None:
    terminology, tumours = load(), load_tumours()
    leaves = terminology.leaves("2017")
    numbers = terminology.classify(
        tumours.morphology, [TOPOGRAPHIES.index(site) for site in tumours.topography], tumours.behaviour, "2017"
    )
    for code, group, number in zip(tumours.morphology, tumours.group, numbers.tolist(), strict=True):
        assert leaves[number].group == (group if "(" in group or group == "V" else ""), code


def test_there_are_tumours_of_every_subgroup_of_iccc() -> None:
    wanted = {group.code for group in load().groups("2017") if group.level == "sub"}
    assert wanted <= set(load_tumours().group)


def test_groups_of_the_truth_are_those_of_the_classification(clean_truth: Path, sql: duckdb.DuckDBPyConnection) -> None:
    terminology = load()
    found = rows(
        sql,
        "SELECT DISTINCT morphology, topography, behaviour, iccc_2005, iccc_2017 FROM TRUTH WHERE behaviour IS NOT NULL",
        clean_truth,
    )
    assert len(found) > 300
    morphology, topography, behaviour, groups_2005, groups_2017 = zip(*found, strict=True)
    positions = [TOPOGRAPHIES.index(str(site)) for site in topography]
    for edition, groups in (("2005", groups_2005), ("2017", groups_2017)):
        leaves = terminology.leaves(edition)
        numbers = terminology.classify(morphology, positions, behaviour, edition).tolist()
        assert [leaves[number].group for number in numbers] == list(groups)


def test_codes_are_words_of_the_model_or_say_why_there_is_none(
    clean_truth: Path, sql: duckdb.DuckDBPyConnection
) -> None:
    allowed = {
        "sex": {*SEX, "unknown"},
        "vital_status": {*VITAL_STATUS, "unknown"},
        "basis": {*BASIS, "unknown"},
        "laterality": {*LATERALITY, "unknown", "not-applicable"},
        "grade": {"1", "2", "3", "4", "5", "6", "unknown"},
    }
    for column, values in allowed.items():
        found = {row[0] for row in rows(sql, f"SELECT DISTINCT {column} FROM TRUTH", clean_truth)}
        assert found <= values
        assert len(found) > 2


def test_ages_follow_from_the_dates(clean_truth: Path, sql: duckdb.DuckDBPyConnection) -> None:
    found = rows(sql, "SELECT birth, incidence, age_years, age_days, last_contact FROM TRUTH", clean_truth)
    for birth, incidence, age_years, age_days, last_contact in found:
        assert completed_years(birth, incidence) == age_years <= 19  # type: ignore[arg-type]
        assert (incidence - birth).days == age_days >= 0  # type: ignore[operator]
        assert last_contact >= incidence  # type: ignore[operator]


def test_tumours_of_a_patient_share_what_is_the_patients(clean_truth: Path, sql: duckdb.DuckDBPyConnection) -> None:
    shared = ("sex", "birth", "birth_precision", "country", "vital_status", "last_contact", "last_contact_precision")
    for column in shared:
        assert not rows(
            sql, f"SELECT patient FROM TRUTH GROUP BY patient HAVING count(DISTINCT {column}) > 1", clean_truth
        )
    late = "SELECT patient FROM TRUTH GROUP BY patient HAVING max(incidence) > min(last_contact)"
    assert not rows(sql, late, clean_truth)
    numbers = 'SELECT DISTINCT list(tumour_number ORDER BY "case"), list(sequence ORDER BY "case") FROM TRUTH GROUP BY patient'
    assert sorted(rows(sql, numbers, clean_truth)) == [([1], [0]), ([1, 2], [1, 2]), ([1, 2, 3], [1, 2, 3])]


@pytest.mark.parametrize(
    ("what", "low", "high"),
    [
        ("tumour_number > 1", 0.02, 0.03),
        ("birth_precision <> 'day'", 0.02, 0.04),
        ("incidence_precision <> 'day'", 0.02, 0.04),
        ("topography = 'C80.9'", 0.004, 0.01),
        ("sex = 'unknown'", 0.0001, 0.001),
        ("basis = '7'", 0.87, 0.95),
        ("behaviour IS NULL", 0.0003, 0.002),
        ("behaviour < 3 AND iccc_2017 LIKE 'III(%'", 0.05, 0.12),
        ("stage <> 'unknown'", 0.6, 0.75),
        ("spelling > 0", 0.02, 0.04),
        ("iccc_2017 = ''", 0.001, 0.01),
        ("country = 'US'", 0.4, 0.55),
        ("sex = 'male'", 0.52, 0.6),
    ],
)
def test_shares_are_those_of_a_registry(
    what: str, low: float, high: float, clean_truth: Path, sql: duckdb.DuckDBPyConnection
) -> None:
    assert low < one(sql, f"SELECT avg(({what})::INT) FROM TRUTH", clean_truth) < high


def test_cases_by_main_group_and_age_band_follow_rates_times_person_years(
    clean_truth: Path, sql: duckdb.DuckDBPyConnection
) -> None:
    """First primaries with a known site, against the weights of the cells."""
    from gateway.synth.weights import COUNTRIES

    cells = load_cells(COUNTRIES, (2000, 2020))
    shares = np.diff(cells.pick.edges, prepend=0.0)
    found = {
        (main, band): count
        for main, band, count in rows(
            sql,
            """SELECT split_part(iccc_2017, '(', 1), age_years // 5, count(*) FROM TRUTH
            WHERE tumour_number = 1 AND topography <> 'C80.9' GROUP BY 1, 2""",
            clean_truth,
        )
    }
    total = sum(found.values())  # type: ignore[arg-type]
    for main in ("I", "II", "IV", "V", "VI", "VIII"):
        for band in range(4):
            inside = (cells.main[cells.pick.items] == MAINS.index(main)) & (cells.age[cells.pick.items] // 5 == band)
            expected = float(shares[inside].sum()) * total
            assert found.get((main, band), 0) == pytest.approx(expected, abs=5 * expected**0.5 + 5 + 0.01 * expected)


def test_a_clean_truth_has_no_dirt_and_a_dirty_one_tells_all_of_it(
    clean_truth: Path, dirty_truth: Path, sql: duckdb.DuckDBPyConnection
) -> None:
    assert rows(sql, "SELECT DISTINCT dirt FROM TRUTH", clean_truth) == [("",)]
    counts = dict(rows(sql, "SELECT dirt, count(*) FROM TRUTH WHERE dirt <> '' GROUP BY 1", dirty_truth))
    assert counts.keys() == {"invalid-code", "metastatic", "duplicate"}
    assert rows(sql, "SELECT DISTINCT behaviour FROM TRUTH WHERE dirt = 'metastatic'", dirty_truth) == [(6,)]
    sql.execute("SET VARIABLE clean = ?", [str(clean_truth)])
    kept = "SELECT * EXCLUDE (dirt, behaviour, iccc_2005, iccc_2017) FROM"
    assert not rows(sql, f"{kept} TRUTH EXCEPT ALL {kept} read_parquet(getvariable('clean'))", dirty_truth)


def test_countries_and_years_can_be_chosen_and_wrong_ones_are_refused(
    tmp_path: Path, sql: duckdb.DuckDBPyConnection
) -> None:
    truth = make_truth(400, 1, tmp_path / "t.parquet", registry="x", countries=("IT", "JP"), years=(2011, 2012))
    assert rows(sql, "SELECT DISTINCT registry, country FROM TRUTH ORDER BY 2", truth) == [("x", "IT"), ("x", "JP")]
    assert rows(sql, "SELECT min(year), max(year) FROM TRUTH", truth) == [(2011, 2012)]
    with pytest.raises(Unsupported, match="no person-years for XX"):
        make_truth(4, 1, tmp_path / "t", countries=("XX",))
    with pytest.raises(Unsupported, match="2030"):
        make_truth(4, 1, tmp_path / "t", years=(2030, 2031))


@settings(max_examples=30)
@given(st.sampled_from(table("icd10")))
def test_icd10_beside_icdo3_is_a_code_the_terminology_knows(row: dict[str, str]) -> None:
    terminology = load()
    code = f"{row['morphology']}/{row['behaviour']}-{row['topography']}"
    meaning = terminology.meaning("ICDO3", code).boxes
    icd10 = terminology.meaning("ICD10", row["icd10"])
    assert icd10.boxes.overlaps(meaning) or row["icd10"] == row["topography"] or not icd10.bounded

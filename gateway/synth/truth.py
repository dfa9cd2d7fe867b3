"""The truth table: what every rendering of a made-up registry must give back, as one Parquet file.

Written first; renderers read it and nothing else. Columns are the canonical words of gateway/model (docs/synthetic.md
lists them); dates are the true days, with what the registry knows of them in `*_precision`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import numpy as np

from gateway.synth import population
from gateway.synth.codes import iccc_labels, icd10_codes
from gateway.synth.database import open_quiet
from gateway.synth.population import BLOCK, Chunk, Plan, draw_cases
from gateway.synth.weights import COUNTRIES, Tumours, load_cells, load_tumours

CHUNK_CASES = 1 << 17
ROW_GROUP = 1 << 16
MAX_CASES = 99_999_999
"""Patient numbers have eight digits (NAACCR item 20)."""

Progress = Callable[[int], None]
"""Called with the number of cases done since the last call."""


def make_truth(
    cases: int,
    seed: int,
    path: Path,
    *,
    registry: str = "synthetic",
    countries: Sequence[str] = COUNTRIES,
    years: tuple[int, int] = (2000, 2020),
    dirt: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Draw a registry and write its truth table.

    Parameters
    ----------
    cases
        Number of tumours, at most MAX_CASES. Case n is the same at any number of cases.
    seed
        Any number from 0; with the other arguments it decides everything.
    path
        Parquet file to write.
    registry
        Name of the registry, in every row.
    countries, years
        ISO 3166-1 alpha-2 codes, first and last incidence year; see gateway.synth.weights.
    dirt
        Break some records on purpose; column `dirt` says which and how.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    gateway.errors.Unsupported
        No person-years for a country or year.
    """
    plan = Plan(seed, load_cells(countries, years), load_tumours(), years, dirt)
    with (
        tempfile.TemporaryDirectory(dir=path.parent, prefix=".truth-") as parts,
        open_quiet() as connection,
    ):
        _set_words(connection, plan.tumours, registry)
        for first in range(0, cases, CHUNK_CASES):
            count = min(CHUNK_CASES, cases - first)
            chunk = draw_cases(plan, first, -(-count // BLOCK) * BLOCK)
            _write_part(connection, {name: column[:count] for name, column in chunk.items()}, Path(parts))
            if progress is not None:
                progress(count)
        connection.execute("SET preserve_insertion_order = true")
        connection.execute(
            f"COPY (FROM read_parquet({_text(f'{parts}/*.parquet')})) TO {_text(str(path))} "
            f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})"
        )
    return path


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _set_words(connection: duckdb.DuckDBPyConnection, tumours: Tumours, registry: str) -> None:
    words: dict[str, Sequence[object]] = {
        "registry": [registry],
        "country": COUNTRIES,
        "topography": tumours.topography,
        "morphology": tumours.morphology.tolist(),
        "behaviour": tumours.behaviour.tolist(),
        "stage": tumours.stages,
        "sex": population.SEX,
        "basis": population.BASIS,
        "laterality": population.SIDE,
        "vital": population.VITAL,
        "precision": population.PRECISION,
        "dirt": population.DIRT,
    }
    variants = list(zip(tumours.morphology.tolist(), tumours.topography, tumours.behaviour.tolist(), strict=True))
    unknown_site = [(morphology, "C80.9", behaviour) for morphology, _, behaviour in variants]
    words["icd10"] = icd10_codes(variants + unknown_site)
    for edition in ("2005", "2017"):
        words[f"iccc_{edition}"] = iccc_labels(variants + unknown_site, edition)
    for name, values in words.items():
        connection.execute(f"SET VARIABLE {name} = ?", [list(values)])


def _write_part(connection: duckdb.DuckDBPyConnection, chunk: Chunk, folder: Path) -> None:
    connection.register("chunk", {name: np.ascontiguousarray(column, np.int32) for name, column in chunk.items()})
    part = folder / f"{int(chunk['number'][0]):09d}.parquet"
    connection.execute(f"COPY ({_TRUTH_SQL}) TO {_text(str(part))} (FORMAT parquet, ROW_GROUP_SIZE {ROW_GROUP})")
    connection.unregister("chunk")


def _word(name: str, position: str) -> str:
    return f"getvariable('{name}')[{position} + 1]"


_TUMOUR_VARIANT = "tumour + if(site_unknown = 1, len(getvariable('topography')), 0)"
_PRIMARY = "dirt <> 2 AND histology_known = 2"
_TRUTH_SQL = f"""
SELECT
    number AS "case",
    {_word("registry", "0")} AS registry,
    lpad((patient + 1)::VARCHAR, 8, '0') AS patient,
    lpad((patient + 1)::VARCHAR, 8, '0') || lpad(tumour_number::VARCHAR, 2, '0') AS tumour,
    tumour_number::UTINYINT AS tumour_number,
    sequence::UTINYINT AS sequence,
    {_word("country", "country")} AS country,
    {_word("sex", "sex")} AS sex,
    DATE '1970-01-01' + birth AS birth,
    {_word("precision", "birth_precision")} AS birth_precision,
    DATE '1970-01-01' + incidence AS incidence,
    {_word("precision", "incidence_precision")} AS incidence_precision,
    year(DATE '1970-01-01' + incidence)::USMALLINT AS year,
    age::UTINYINT AS age_years,
    incidence - birth AS age_days,
    age_known = 1 AS age_known,
    if(site_unknown = 1, 'C80.9', {_word("topography", "tumour")}) AS topography,
    if(histology_known = 0, NULL, {_word("morphology", "tumour")})::USMALLINT AS morphology,
    if(dirt = 2, 6, if(histology_known < 2, NULL, {_word("behaviour", "tumour")}))::UTINYINT AS behaviour,
    if({_PRIMARY}, {_word("iccc_2005", f"({_TUMOUR_VARIANT})")}, '') AS iccc_2005,
    if({_PRIMARY}, {_word("iccc_2017", f"({_TUMOUR_VARIANT})")}, '') AS iccc_2017,
    {_word("icd10", f"({_TUMOUR_VARIANT})")} AS icd10,
    {_word("basis", "basis")} AS basis,
    {_word("vital", "vital_status")} AS vital_status,
    DATE '1970-01-01' + last_contact AS last_contact,
    {_word("precision", "last_contact_precision")} AS last_contact_precision,
    {_word("laterality", "laterality")} AS laterality,
    if(grade = 9, 'unknown', grade::VARCHAR) AS grade,
    if(stage < 0, 'unknown', {_word("stage", "stage")}) AS stage,
    {_word("dirt", "dirt")} AS dirt,
    spelling::UTINYINT AS spelling
FROM chunk
"""

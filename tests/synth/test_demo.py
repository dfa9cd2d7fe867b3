"""The registries of the demo: six formats, disjoint countries, known dirt, settings that can be read."""

from __future__ import annotations

import asyncio
from pathlib import Path

import duckdb
import pytest

from gateway.access.requester import ANONYMOUS
from gateway.doors.statistics.parse import parse_text
from gateway.federation.opening import open_context, open_gateway
from gateway.settings import GatewaySettings, load_settings, source_configs
from gateway.sources.base import FileKind
from gateway.sources.discover import find_kind
from gateway.sources.loading import load_source
from gateway.synth import demo
from gateway.synth.formats import FORMATS


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, demo.Made]]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, demo.make_demo(folder, 5)


def test_six_registries_of_six_countries_keep_their_data_in_the_forms_of_the_demo(
    made: tuple[Path, dict[str, demo.Made]],
) -> None:
    assert len(made[1]) == len({registry.country for registry in demo.REGISTRIES}) == 6
    kinds = sorted(FORMATS[registry.format].kind for registry in demo.REGISTRIES)
    assert kinds == ["naaccr_xml", "naaccr_xml", "obds_rki", "omop", "tabular", "tabular"]


def test_the_demo_takes_id_title_and_terminology_of_a_settings_file_and_leaves_its_data_alone(
    made: tuple[Path, dict[str, demo.Made]],
) -> None:
    folder, registries = made
    title = 'A "quoted" title: Größe \\ n'
    own = GatewaySettings(id="org.own", title=title, data=Path("precious"), terminology=Path("/elsewhere/own.sqlite"))
    path = folder / "own.toml"
    path.write_text(demo.settings_text(folder, registries, 8099, own), encoding="utf-8")
    found = load_settings(path)
    assert found.gateway == own.model_copy(update={"data": Path("data"), "public_url": "http://127.0.0.1:8099"})
    assert found.sources == load_settings(folder / "iccd.toml").sources


def test_settings_name_files_that_are_there(made: tuple[Path, dict[str, demo.Made]]) -> None:
    folder, registries = made
    configs = source_configs(load_settings(folder / "iccd.toml"), folder / "iccd.toml")
    assert configs.keys() == registries.keys()
    for name, config in configs.items():
        assert [Path(place) for place in config.locations] == [registries[name].location]
        assert registries[name].location.exists()
        assert config.coverage.years == (2005, 2020)


def test_what_is_told_of_a_registry_is_in_its_truth(made: tuple[Path, dict[str, demo.Made]]) -> None:
    with duckdb.connect() as connection:
        for name, registry in made[1].items():
            counted = connection.execute(
                """SELECT count(*), any_value(registry), min(year) >= 2005 AND max(year) <= 2020,
                count(DISTINCT country), count(*) FILTER (dirt = 'invalid-code'), count(*) FILTER (dirt = 'duplicate')
                FROM read_parquet(?)""",
                [str(registry.truth)],
            ).fetchone()
            dirt = registry.dirt
            assert counted == (registry.cases, name, True, 1, dirt["invalid-code"], dirt["duplicate"])
            assert 0 < dirt["invalid-code"] < dirt["duplicate"]


QUESTIONS = {
    "diagnosis=ICCC3:IV(a)&age=0..14&year=2010..2019": "iccc_2017 = 'IV(a)' AND age_years < 15 AND year BETWEEN 2010 AND 2019",
    "diagnosis=ICDO3:9470/3-C71.6&sex=female": "morphology = 9470 AND behaviour = 3 AND topography = 'C71.6' AND sex = 'female'",
    "diagnosis=ICCC3:I&vital_status=dead&year=2005..2009": "iccc_2017 LIKE 'I(%' AND vital_status = 'dead' AND year < 2010",
}


def test_the_registries_load_and_answer_with_the_numbers_of_their_truth(
    made: tuple[Path, dict[str, demo.Made]],
) -> None:
    folder, registries = made
    path = folder / "iccd.toml"
    settings = load_settings(path)
    for config in source_configs(settings, path).values():
        kind = find_kind(config)
        if isinstance(kind, FileKind):
            report = load_source(config, open_context(settings, path), kind)
            dirt = registries[config.id].dirt
            assert report.quarantined == dirt["invalid-code"] + dirt["duplicate"]
            assert report.accepted == registries[config.id].cases - dirt["invalid-code"]
    gateway = open_gateway(path)
    try:
        for question, condition in QUESTIONS.items():
            answer = asyncio.run(gateway.ask(parse_text(question + "&by=source"), ANONYMOUS))
            found = {labels[0]: count for labels, count in answer.cells}
            assert found.keys() == registries.keys()
            for name, registry in registries.items():
                expected = _counted(registry.truth, condition)
                low, high = found[name].low, found[name].high
                assert high is not None
                assert low <= expected <= high <= low + 0.06 * expected + 6
    finally:
        gateway.close()


def _counted(truth: Path, condition: str) -> int:
    with duckdb.connect() as connection:
        sql = f"SELECT count(*) FROM read_parquet(?) WHERE dirt <> 'invalid-code' AND {condition}"
        (row,) = connection.execute(sql, [str(truth)]).fetchall()
    return int(row[0])

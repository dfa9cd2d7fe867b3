"""The registries of the demo: six formats, disjoint countries, known dirt, settings that can be read."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from gateway.settings import load_settings, source_configs
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

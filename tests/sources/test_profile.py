"""Profiles: shipped ones are right by the checker and by the JSON Schema, and every fault is named with its line."""

from __future__ import annotations

import json
import tomllib
from importlib import resources
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from gateway.errors import BadSettings
from gateway.sources.profile import column_key, load_profile, parse_profile, shipped_profiles

SCHEMA = json.loads((resources.files("profiles") / "schema" / "source-profile.schema.json").read_text(encoding="utf-8"))
GOOD = """\
title = "A registry"
kind = "tabular"
[constants]
country = "FR"
[fields.patient]
column = "id"
[fields.incidence]
column = "date"
formats = ["YYYYMMDD", "YYYY"]
[fields.sex]
column = ["Sex", "Gender"]
values = { 1 = "male", 2 = "female" }
[fields.diagnosis]
topography = "site"
"""

# What is changed in the good profile, the line of the fault, and what the message says.
FAULTS = [
    ('title = "A registry"', "", 1, "title: is missing"),
    ('kind = "tabular"', "kind = 3", 2, "kind: wrong value"),
    ('kind = "tabular"', 'kind = "tabular"\nmode = "lax"', 3, "'tolerant' or 'strict'"),
    ('kind = "tabular"', 'kind = "tabular"\nmax_reject_share = 5', 3, "from 0 to 1"),
    ('country = "FR"', 'country = "France"', 4, "alpha-2"),
    ('country = "FR"', 'county = "FR"', 4, "did you mean 'country'?"),
    ('country = "FR"', 'sex = "male"', 4, "the field has a block too"),
    ("[fields.patient]", "[fields.pateint]", 5, "did you mean 'patient'?"),
    ('column = "id"', 'column = "id"\nparts = ["a", "id"]', 5, "either `column` or `parts`"),
    ('"YYYYMMDD"', '"YYYMMDD"', 9, "formats of YYYYMMDD"),
    ('["YYYYMMDD", "YYYY"]', '["YYYYMMDD", "YYYYDDMM"]', 7, "different shapes"),
    ('formats = ["YYYYMMDD", "YYYY"]', "", 7, "`formats` beside `column`"),
    ('"female"', '"woman"', 12, "one of male, female, other"),
    ("values = {", "value = {", 12, "did you mean 'values'?"),
    ('1 = "male"', "1 = 1", 12, "codes in quotes"),
    ('["Sex", "Gender"]', "[]", 11, "a column name or a list of names"),
    ('topography = "site"', 'topografy = "site"', 14, "did you mean 'topography'?"),
    ('topography = "site"', 'iccc = "group"', 13, "`iccc` with `iccc_edition`"),
    ('topography = "site"', 'topography = "site"\npattern = { topography = "C[0-9]" }', 15, "with one group"),
    (
        'topography = "site"',
        'topography = "site"\nvalues = { behaviour = { Malignant = "M" } }',
        15,
        "one of 0, 1, 2, 3, 6, 9",
    ),
]
# These say more than a schema can: the closed list holds them together.
NOT_IN_SCHEMA = frozenset({"different shapes", "the field has a block too"})


def test_a_good_profile_knows_its_columns_in_order_of_mention() -> None:
    profile = parse_profile(GOOD.encode(), name="good", where="good.toml")
    assert profile.columns == ("id", "date", "Sex", "Gender", "site")
    assert profile.constants == {"country": "FR"}
    assert profile.max_reject_share == 0.05


@pytest.mark.parametrize(("old", "new", "line", "message"), FAULTS)
def test_a_fault_is_named_with_file_line_and_key(old: str, new: str, line: int, message: str) -> None:
    assert old in GOOD
    with pytest.raises(BadSettings) as caught:
        parse_profile(GOOD.replace(old, new, 1).encode(), name="bad", where="bad.toml")
    assert message in str(caught.value)
    assert f"bad.toml:{line} " in str(caught.value)


def test_every_fault_is_listed() -> None:
    text = GOOD.replace('"female"', '"woman"').replace('country = "FR"', 'county = "FR"').replace("kind =", "kin =")
    with pytest.raises(BadSettings) as caught:
        parse_profile(text.encode(), name="bad", where="bad.toml")
    assert str(caught.value).count("bad.toml:") == 4


@pytest.mark.parametrize("data", [b"title = ", b"\xff\xfe", b"a = " + b"[" * 5_000])
def test_what_is_no_toml_is_refused(data: bytes) -> None:
    with pytest.raises(BadSettings, match="not valid TOML"):
        parse_profile(data, name="bad", where="bad.toml")


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(BadSettings, match="did you mean 'encr'"):
        load_profile("enrc")


def test_a_profile_is_found_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert load_profile(str(path)).name == "mine"
    with pytest.raises(BadSettings, match="no such profile file"):
        load_profile(str(tmp_path / "other.toml"))


@pytest.mark.parametrize("name", shipped_profiles())
def test_a_shipped_profile_is_right_by_checker_and_schema(name: str) -> None:
    profile = load_profile(name)
    assert profile.columns
    text = (resources.files("profiles") / "sources" / f"{name}.toml").read_text(encoding="utf-8")
    Draft202012Validator(SCHEMA).validate(tomllib.loads(text))


def test_the_schema_is_a_schema_and_takes_the_good_profile() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(SCHEMA).validate(tomllib.loads(GOOD))


@pytest.mark.parametrize(("old", "new", "line", "message"), FAULTS)
def test_the_schema_refuses_what_the_checker_refuses(old: str, new: str, line: int, message: str) -> None:
    document = tomllib.loads(GOOD.replace(old, new, 1))
    assert Draft202012Validator(SCHEMA).is_valid(document) == (message in NOT_IN_SCHEMA)


@pytest.mark.parametrize("name", ["Vit_stat", "VIT STAT", "vit-stat", "vitstat"])
def test_names_of_columns_compare_without_case_blanks_and_dashes(name: str) -> None:
    assert column_key(name) == column_key("VitStat")

"""`iccd terminology`: answers on standard output, faults in one line, exit codes 0, 1, 2."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import terminology
from terminology.cli import split_code
from terminology.cli import terminology as group


@pytest.fixture(autouse=True)
def own_file(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ICCD_TERMINOLOGY", str(built))


def run(*arguments: str, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(group, list(arguments), input=given)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("ICCC3:IV(a)", ("ICCC3", "IV(a)", None)),
        ("ICCC3|2005:IV(a)", ("ICCC3", "IV(a)", "2005")),
        ("9500/3-C74.9", ("ICDO3", "9500/3-C74.9", None)),
        ("pgx:icdom-95003", ("ICDO3", "pgx:icdom-95003", None)),
        (" icd10 : C74.9 ", ("icd10", "C74.9", None)),
    ],
)
def test_a_code_is_written_with_or_without_its_system(text: str, parts: tuple[str, str, str | None]) -> None:
    assert split_code(text) == parts


def test_lookup_shows_what_is_known() -> None:
    result = run("lookup", "ICCC3:IV(a)")
    assert result.exit_code == 0
    assert "Neuroblastoma and ganglioneuroblastoma" in result.stdout
    assert "seer_recode: 041" in result.stdout
    assert "no name that may be shown" in run("lookup", "ICD10:C74.9").stdout
    answer = json.loads(run("lookup", "9500/3-C74.9", "--json").stdout)
    assert (answer["system"], answer["code"], answer["parents"]) == ("ICDO3", "9500/3-C74.9", ["9500/3", "C74.9"])


def test_expand_shows_boxes_or_single_tumours() -> None:
    result = run("expand", "ICCC3:IV(a)", "--edition", "2005")
    assert result.stdout == "9490/3 at any site\n9500/3 at any site\n"
    assert "edition 2005: 660 cells, iccc3_2005 rows 100-101" in result.stderr
    assert run("expand", "9500/3-C74", "--cells").stdout.split() == ["9500/3-C74.0", "9500/3-C74.1", "9500/3-C74.9"]
    assert "note: " in run("expand", "ICD10:C74").stderr
    answer = json.loads(run("expand", "ICCC3|2005:IV(a)", "--json").stdout)
    assert (answer["edition"], answer["cells"], answer["exact"]) == ("2005", 660, True)
    assert answer["boxes"][0] == {"morphology": [9490, 9490], "topography": ["C00.0", "C80.9"], "behaviour": [3]}
    assert json.loads(run("expand", "9500/3-C74.9", "--cells", "--json").stdout)["tumours"] == ["9500/3-C74.9"]


def test_translate_says_how_the_target_stands() -> None:
    result = run("translate", "ICCC3:IV(a)", "--to", "SEER")
    assert result.stdout == "SEER:041\tequal\ticcc3_2017 rows 151-152\n"
    answer = json.loads(run("translate", "ICCC3:IV(a)", "--to", "seer", "--json").stdout)
    assert answer["translations"][0]["equivalence"] == "equal"


def test_a_code_without_a_counterpart_is_unmatched_and_not_nothing() -> None:
    assert run("translate", "9421/1-C71.6", "--to", "omop").stdout == "9421/1-C71.6\tunmatched in OMOP\n"
    answer = json.loads(run("translate", "9421/1-C71.6", "--to", "OMOP", "--json").stdout)
    assert answer["translations"] == [{"code": None, "equivalence": "unmatched"}]


def test_validate_takes_many_codes_and_fails_if_one_does_not_exist() -> None:
    result = run("validate", "9500/3", "9500/3-C61.9", "9999/3")
    assert result.exit_code == 1
    assert "9500/3: valid" in result.stdout
    assert "note: 9500/3-C61.9 is not on the SEER site/type list" in result.stdout
    assert "9999/3: ICD-O-3 has no morphology 9999" in result.stdout
    fine = run("validate", "9500/3", "--json")
    assert fine.exit_code == 0
    assert json.loads(fine.stdout) == [{"code": "9500/3", "valid": True, "notes": [], "error": None}]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "fault"),
    [
        (["lookup", "9999/3"], 1, "no morphology 9999"),
        (["lookup", "ICCC3:042"], 1, "SEER:042"),
        (["expand", "OMOP:0"], 1, "no map"),
        (["lookup", "ICD9:194"], 2, "no code system"),
        (["expand", "ICCC3:I", "--edition", "1996"], 2, "no edition"),
        (["translate", "ICCC3:I"], 2, "--to"),
        (["load"], 2, "--athena"),
        (["load", "--athena", "/nowhere/at/all"], 1, "does not exist"),
        (["classify", "/nowhere/at/all.csv"], 1, "cannot be read"),
    ],
)
def test_faults_are_one_line_with_their_exit_code(arguments: list[str], exit_code: int, fault: str) -> None:
    result = run(*arguments)
    assert result.exit_code == exit_code
    assert fault in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_classify_reads_standard_input() -> None:
    result = run("classify", "-", given="topography,morphology,behaviour\nC74.9,9500,3\n")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1] == "C74.9,9500,3,IV(a),IV(a),041,"
    assert "1 rows: 1 classified" in result.stderr


def test_classify_reads_and_writes_files_and_other_bytes_pass_through(tmp_path: Path) -> None:
    source, target = tmp_path / "cases.csv", tmp_path / "out.csv"
    source.write_bytes(b"\xef\xbb\xbfname,topography,morphology\nJos\xe9,C74.9,9500/3\n")
    assert run("classify", str(source), "-o", str(target), "--extended").exit_code == 0
    assert target.read_bytes().splitlines()[1] == b"Jos\xe9,C74.9,9500/3,IV(a),IV(a),041,IV(a),IV(a),"
    refused = run("classify", str(source), "-o", str(tmp_path / "no" / "such" / "folder.csv"))
    assert (refused.exit_code, "cannot be written" in refused.stderr) == (1, True)


def test_classify_fails_if_a_row_has_a_code_that_does_not_exist() -> None:
    result = run("classify", "-", given="topography,morphology\nC74.9,9999/3\n")
    assert result.exit_code == 1
    assert "1 with a code that does not exist" in result.stderr
    assert "no morphology 9999" in result.stdout


def test_classify_names_the_line_it_cannot_read() -> None:
    result = run("classify", "-", given="topography,morphology\nC74.9\n")
    assert result.exit_code == 1
    assert "standard input, line 2" in result.stderr


def test_load_tells_what_it_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "user.sqlite"
    monkeypatch.setenv("ICCD_TERMINOLOGY", str(path))
    table = tmp_path / "pack.tsv"
    table.write_text("snomed\tmorphology\ttopography\tequivalence\n7777771\t9500/3\t\trelated\n7777772\tx\t\trelated\n")
    result = run("load", "--snomed-pack", str(table))
    assert result.stdout == f"snomed pack: 1 concepts, 1 rows -> {path}\n"
    assert "warning: 1 rows name no code" in result.stderr
    answer = json.loads(run("load", "--snomed-pack", str(table), "--json").stdout)
    assert answer["file"] == str(path)
    assert answer["loaded"][0]["rows"] == {"concepts": 1, "rows": 1}
    assert "7777771" in run("lookup", "SCT:7777771").stdout


def test_help_needs_neither_numpy_nor_duckdb() -> None:
    program = "import sys, terminology.cli; sys.exit(bool({'duckdb', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
    assert "classify" in run("--help").stdout
    assert terminology.cli.terminology.name == "terminology"

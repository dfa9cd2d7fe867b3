"""The command `iccd` as a user meets it: answers on stdout, errors as one sentence, exit codes 0, 1 and 2."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.adapters.naaccr_xml.documents import document, patient, tumor

HEADER = "PAT;MoB;YoB;Age;Sex;TUM;MoI;YoI;BoD;Topo;Morpho;Beh;Grade;Vit_stat;MoF;YoF\n"
ROWS = (
    "p1;05;2008;3;2;1;06;2011;7;C749;9500;3;9;1;01;2020\n"
    "p2;99;2009;2;1;1;07;2012;7;C749;9500;3;9;1;01;2020\n"
    "p3;01;2001;14;9;1;99;2015;7;C719;9470;3;4;2;01;2018\n"
)
CANARY = "p4711-canary"
QUESTION = "diagnosis=ICCC3:IV(a)&age=0..14"


def iccd(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


def write_settings(folder: Path, more: str = "") -> None:
    (folder / "iccd.toml").write_text(
        '[gateway]\nid = "test"\n[sources.fr]\nkind = "tabular"\nprofile = "encr"\nlocation = "fr.csv"\n'
        f'country = "FR"\nyears = [2005, 2020]\npolicy = "open"\n{more}'
    )


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    (tmp_path / "fr.csv").write_text(HEADER + ROWS)
    write_settings(tmp_path)
    return tmp_path


@pytest.fixture
def loaded(registry: Path) -> Path:
    result = iccd("load", cwd=registry)
    assert result.returncode == 0, result.stderr
    assert "fr: 3 read = 3 accepted + 0 quarantined + 0 rejected" in result.stdout
    return registry


def total(folder: Path, question: str = QUESTION) -> dict[str, object]:
    result = iccd("ask", question, "--json", cwd=folder)
    assert result.returncode == 0, result.stderr
    found: dict[str, object] = json.loads(result.stdout)["total"]
    return found


def test_a_registry_is_loaded_asked_and_listed(loaded: Path) -> None:
    assert total(loaded) == {"low": 2, "high": 2, "precision": "exact"}
    table = iccd("ask", QUESTION, "--by", "source,sex", cwd=loaded)
    assert "fr      female  " in table.stdout
    assert "iccc3_2017 rows 151-152" in table.stdout
    listed = json.loads(iccd("sources", "--json", cwd=loaded).stdout)
    assert [(row["id"], row["status"], row["cases"]) for row in listed] == [("fr", "ok", 3)]


def test_before_the_first_load_the_source_is_named_and_is_no_zero(registry: Path) -> None:
    result = iccd("ask", QUESTION, "--json", cwd=registry)
    answer = json.loads(result.stdout)
    assert result.returncode == 1
    assert answer["total"]["high"] is None
    assert answer["sources"][0]["status"] == "error"
    assert "nothing is loaded" in answer["sources"][0]["reason"]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("", "empty"),
        (HEADER, "record"),
        ("a;b;c\n1;2;3\n", "PAT"),
        (HEADER + f"{CANARY};05;2008;3;2;1;06;2011;7;C999;1234;3;9;1;01;2020\n" * 3, ""),
    ],
)
def test_a_worse_file_does_not_replace_a_good_snapshot(loaded: Path, content: str, named: str) -> None:
    (loaded / "fr.csv").write_text(content)
    result = iccd("load", cwd=loaded)
    assert result.returncode == 1
    assert "fr: failed" in result.stderr
    assert named in result.stderr
    assert "Traceback" not in result.stderr
    assert CANARY not in result.stderr + result.stdout
    assert total(loaded)["low"] == 2


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (
            f'<?xml version="1.0"?>\n<!DOCTYPE x [<!ENTITY e "{CANARY}">]>\n<NaaccrData>&e;</NaaccrData>',
            "us.xml:2: document",
        ),
        (document(patient(tumor()))[:-30], "us.xml:4: not well-formed XML"),
        (document(patient(f"<Note>{CANARY}</Note>")), "us.xml:3: <Note> has no place here"),
        (gzip.compress(document(patient(tumor())).encode())[:-9], "us.xml: the gzip data are broken or cut off"),
        ("", "us.xml: the file is empty"),
    ],
)
def test_xml_that_is_broken_or_unsafe_is_named_and_what_served_goes_on(
    tmp_path: Path, content: str | bytes, named: str
) -> None:
    (tmp_path / "us.xml").write_text(document(patient(tumor())))
    (tmp_path / "iccd.toml").write_text(
        '[sources.us]\nkind = "naaccr_xml"\nlocation = "us.xml"\ncountry = "US"\npolicy = "open"\n'
    )
    assert iccd("load", cwd=tmp_path).returncode == 0
    (tmp_path / "us.xml").write_bytes(content if isinstance(content, bytes) else content.encode())
    result = iccd("load", cwd=tmp_path)
    assert result.returncode == 1
    assert named in result.stderr
    assert "(expected " in result.stderr
    assert "Traceback" not in result.stderr
    assert CANARY not in result.stderr + result.stdout
    assert total(tmp_path, "diagnosis=ICCC3:IV(a)")["low"] == 1


def test_a_first_load_with_records_that_cannot_be_used_says_so_and_is_fine(registry: Path) -> None:
    (registry / "fr.csv").write_text(HEADER + ROWS + ROWS.replace(";9500;", ";1234;").replace("p", "q"))
    result = iccd("load", cwd=registry)
    assert result.returncode == 0
    assert "fr: 6 read = 4 accepted + 2 quarantined + 0 rejected" in result.stdout
    assert "warning: 2 of 6 records could not be used, and the profile allows 5.0%" in result.stderr
    assert "2 x diagnosis: morphology does not exist" in result.stderr
    assert total(registry) == {"low": 2, "high": 4, "precision": "bounded"}
    (listed,) = json.loads(iccd("sources", "--json", cwd=registry).stdout)
    assert (listed["status"], listed["cases"]) == ("partial", 4)
    assert "2 of 6 records could not be used" in listed["reason"]


def test_a_missing_file_is_named(loaded: Path) -> None:
    (loaded / "fr.csv").unlink()
    result = iccd("load", cwd=loaded)
    assert result.returncode == 1
    assert "fr.csv" in result.stderr
    assert total(loaded)["low"] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (("ask", "age=14..0"), 2, "upside down"),
        (("ask", "diagnosis=ICDO3:1234/3"), 2, "1234"),
        (("ask", "diagnosis=ICCC3:IV(a)", "--settings", "nowhere.toml"), 2, "nowhere.toml"),
        (("load", "us"), 2, "expected fr"),
        (("laod",), 2, "'load'"),
        (("ask",), 2, "QUESTION"),
        (("ask", "age=3", "--url", "http://127.0.0.1:9"), 1, "127.0.0.1:9"),
        (("ask", "age=3", "--url", "nowhere"), 2, "is no address"),
        (("ask", "age=3", "--url", "http://[::1"), 2, "is no address"),
    ],
)
def test_mistakes_are_named_in_one_sentence(loaded: Path, arguments: tuple[str, ...], code: int, named: str) -> None:
    result = iccd(*arguments, cwd=loaded)
    assert result.returncode == code
    assert named in result.stderr
    assert "Traceback" not in result.stderr


def test_check_names_every_fault_with_line_key_and_hint(registry: Path) -> None:
    write_settings(
        registry,
        '[sources.US]\nkind = "tabular"\nlocation = "x"\n'
        '[sources.de]\nkind = "obds"\nlocation = "x"\nyears = [2020, 2000]\ncuntry = "DE"\n',
    )
    first = iccd("check", cwd=registry)
    assert first.returncode == 2
    assert "iccd.toml:16 sources.de.years: range is upside down" in first.stderr
    assert "iccd.toml:10 sources.US: a source id is lower case" in first.stderr
    write_settings(
        registry,
        '[sources.de]\nkind = "obds"\nlocation = "x"\npolicy = "opne"\n'
        '[sources.it]\nkind = "tabular"\nprofile = "encrr"\nlocation = "x"\ncuntry = "IT"\noverlaps = ["zz"]\n',
    )
    second = iccd("check", cwd=registry)
    assert second.returncode == 2
    for named in (
        "iccd.toml:11 sources.de.kind: kind 'obds' is not installed (expected one of ",
        "iccd.toml:13 sources.de.policy: no policy 'opne' (expected one of ",
        "iccd.toml:18 sources.it.cuntry: unknown key 'cuntry' for kind 'tabular' (expected no further keys)",
        "iccd.toml:19 sources.it.overlaps: no source 'zz' (expected one of de, fr, it)",
    ):
        assert named in second.stderr, second.stderr


def test_check_names_the_line_of_a_wrong_profile_and_of_a_wrong_option_of_a_database(registry: Path) -> None:
    (registry / "own.toml").write_text(
        'title = "x"\nreason = "long enough a reason"\nlegal = "x"\n[tiers.public]\n'
        'granularity = "count"\nminimum_cell = -1\n[fields]\n'
    )
    write_settings(
        registry,
        '[sources.it]\nkind = "omop"\nlocation = "it.duckdb"\ncase_rule = "first"\npolicy = "own.toml"\n'
        '[sources.de]\nkind = "tabular"\nprofile = "encrr"\nlocation = "x"\n'
        '[sources.ca]\nkind = "tabular"\nprofile = "naaccr-xml"\nlocation = "x"\n'
        '[sources.gb]\nkind = "tabular"\nprofile = "gone.toml"\nlocation = "x"\n',
    )
    result = iccd("check", cwd=registry)
    assert result.returncode == 2
    for named in (
        "iccd.toml:13 sources.it.case_rule: wrong value (expected one of diagnosis, occurrence)",
        "own.toml:6 tiers.public.minimum_cell: ",
        "iccd.toml:17 sources.de.profile: no profile named 'encrr' (did you mean 'encr'?)",
        "iccd.toml:21 sources.ca.profile: profile 'naaccr-xml' is for kind 'naaccr_xml' (expected kind 'tabular')",
        "iccd.toml:25 sources.gb.profile: no such profile file ",
    ):
        assert named in result.stderr, result.stderr


def test_a_snapshot_that_cannot_be_opened_is_named_with_what_to_do(loaded: Path) -> None:
    (snapshot,) = (loaded / "data" / "snapshots" / "fr").glob("*.duckdb")
    snapshot.write_bytes(b"no database")
    result = iccd("ask", QUESTION, "--json", cwd=loaded)
    reason = json.loads(result.stdout)["sources"][0]["reason"]
    assert "cannot be opened" in reason
    assert "(expected a file made by `iccd load`)" in reason
    assert str(loaded) not in reason


def test_a_variable_that_overrides_a_whole_table_with_no_table_is_named(
    registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ICCD_GATEWAY", "abc")
    result = iccd("check", cwd=registry)
    assert result.returncode == 2
    assert "ICCD_GATEWAY" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_port_that_is_taken_is_named(loaded: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = iccd("serve", "--port", str(port), cwd=loaded)
    assert result.returncode == 1
    assert f"127.0.0.1:{port}" in result.stderr
    assert "--port" in result.stderr


def test_a_database_that_is_gone_is_no_source_that_is_fine(loaded: Path) -> None:
    write_settings(loaded, '[sources.it]\nkind = "omop"\nlocation = "gone.duckdb"\npolicy = "closed"\n')
    result = iccd("sources", "--json", cwd=loaded)
    assert result.returncode == 1
    found = {row["id"]: row for row in json.loads(result.stdout)}
    assert (found["fr"]["status"], found["fr"]["cases"]) == ("ok", 3)
    assert (found["it"]["status"], found["it"]["kind"]) == ("error", "omop")
    assert "the database cannot be read: No such file" in found["it"]["reason"]
    assert "gone.duckdb" in result.stderr


def test_check_is_silent_about_good_settings(registry: Path) -> None:
    result = iccd("check", cwd=registry)
    assert (result.returncode, result.stderr) == (0, "")


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; sys.argv=['iccd','--help']\ntry:\n import gateway.cli as c; c.main()\nexcept SystemExit: pass\nprint([m for m in ('numpy','duckdb','fastapi','pydantic','lxml','httpx') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_the_demo_tells_a_wrong_settings_file_before_it_makes_anything(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('[gateway]\nid = "org.own"\ndeadline_seconds = -1\n', encoding="utf-8")
    result = iccd("demo", "--once", "--settings", "own.toml", cwd=tmp_path)
    assert result.returncode == 2
    assert "own.toml:3 gateway.deadline_seconds" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["own.toml"]


def test_terminology_commands_use_the_file_that_the_settings_name(registry: Path) -> None:
    settings = registry / "iccd.toml"
    settings.write_text(settings.read_text().replace('id = "test"', 'id = "test"\nterminology = "own.sqlite"'))
    result = iccd("terminology", "lookup", "ICCC3:IV(a)", "--settings", settings, cwd=registry)
    assert result.returncode == 0, result.stderr
    assert "IV(a)" in result.stdout
    assert (registry / "own.sqlite").is_file()
    missing = iccd("terminology", "lookup", "ICCC3:IV(a)", "--settings", "nowhere.toml", cwd=registry)
    assert (missing.returncode, "nowhere.toml" in missing.stderr) == (2, True)

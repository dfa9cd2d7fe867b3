"""What goes wrong is named with file and line, leaves the old snapshot serving, and says nothing of a patient."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.adapters.tabular import KIND
from gateway.errors import BadFile, BadSettings, IccdError, LoadRefused, SourceUnavailable
from gateway.sources.base import FileKind
from gateway.sources.loading import LoadProgress, load_source
from gateway.sources.profile import Profile
from gateway.sources.reading import Sink
from gateway.sources.snapshot import SnapshotStore
from tests.sources.loading.loads import (
    GOOD,
    HEADER,
    PROFILE,
    SOURCE,
    config_of,
    context,
    load_files,
    load_lines,
    served,
)

TEXT = f"{HEADER}\n{GOOD}\n"


def lines_of(count: int) -> str:
    return "\n".join((HEADER, *(GOOD.replace("p1", f"p{number}") for number in range(count)), ""))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (HEADER.encode(), "no record in the file"),
        (f"{HEADER}\n".encode(), "no record in the file"),
        (gzip.compress(b"", mtime=0), "ends before its first record"),
        (gzip.compress(TEXT.encode() * 50, mtime=0)[:-20], "gzip data are broken or cut off"),
        (b"\x1f\x8b" + b"x" * 50, "gzip data are broken or cut off"),
        (TEXT.encode("utf-16"), "the file is in UTF-16 .*utf-8-sig, cp1252.*save it as UTF-8"),
        (TEXT.encode("utf-16-le"), "holds NUL bytes, as UTF-16 does"),
        (gzip.compress(TEXT.encode("utf-16-be"), mtime=0), "holds NUL bytes, as UTF-16 does"),
        (TEXT.replace("histology", "history").encode(), "lacks 'histology' for diagnosis"),
        (TEXT.replace("id;", "pat;", 1).encode(), "lacks 'id' for patient"),
        (TEXT.replace("sex", "id", 1).encode(), "has id more than once"),
        (TEXT.encode() + b"x" * (3 << 20), "is longer than"),
    ],
)
def test_a_bad_file_is_named_and_said_what_was_expected(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(BadFile, match=message) as caught:
        load_files(tmp_path, {"file.csv": content})
    assert "file.csv" in str(caught.value)
    assert caught.value.expected


def test_a_file_in_none_of_its_encodings_is_refused(tmp_path: Path) -> None:
    profile = PROFILE.replace("[format]", '[format]\nencodings = ["utf-8", "ascii"]')
    with pytest.raises(BadFile, match="none of the encodings"):
        load_files(tmp_path, {"file.csv": f"{TEXT}p2;1;1;2010;C74.9;9500;ä\n".encode("latin-1")}, profile)


def test_a_missing_file_and_a_glob_without_files_are_named(tmp_path: Path) -> None:
    for name in ("missing.csv", "*.csv"):
        with pytest.raises(BadFile, match="no such file"):
            load_source(config_of(tmp_path, [tmp_path / name], PROFILE), context(), KIND)


def test_a_glob_loads_its_files_in_order(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv"):
        (tmp_path / name).write_text(TEXT.replace("p1", name), encoding="utf-8")
    report = load_source(config_of(tmp_path, [tmp_path / "*.csv"], PROFILE), context(), KIND)
    assert [file.file for file in report.files] == ["a.csv", "b.csv"]


def test_a_profile_of_another_kind_and_a_missing_profile_are_settings_faults(tmp_path: Path) -> None:
    (tmp_path / "file.csv").write_text(TEXT, encoding="utf-8")
    other = config_of(tmp_path, [tmp_path / "file.csv"], PROFILE.replace('"tabular"', '"other"'))
    with pytest.raises(BadSettings, match="is for kind 'other'"):
        load_source(other, context(), KIND)
    with pytest.raises(BadSettings, match=r"profile\.toml:5 .*did you mean 'fields'"):
        load_lines(tmp_path, GOOD, profile=PROFILE.replace("[format]", "[field]\n[format]"))


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_text(f"{TEXT}p2;1;1;2010;C74.9;9500;3\n", encoding="utf-8"),
        lambda path: os.utime(path, (1, 1)),
        lambda path: (path.with_suffix(".new").write_bytes(path.read_bytes()), path.with_suffix(".new").replace(path)),
    ],
)
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, change: Callable[[Path], object]) -> None:
    def read(path: Path, profile: Profile, sink: Sink) -> None:
        KIND.read(path, profile, sink)
        change(path)

    with pytest.raises(BadFile, match="changed while it was read"):
        load_files(tmp_path, {"file.csv": TEXT}, kind=FileKind("tabular", read))


def test_a_worse_file_does_not_replace_a_good_one_unless_forced(tmp_path: Path) -> None:
    profile = PROFILE.replace("max_reject_share = 1.0", "max_reject_share = 0.1")
    load_files(tmp_path, {"file.csv": lines_of(10)}, profile)
    config = config_of(tmp_path, [tmp_path / "file.csv"], profile)
    worse = lines_of(8) + "p8;1;1;2010;C99.9;9500;3\ntoo;few\n"
    with pytest.raises(LoadRefused, match=r"2 of 10 records .* at most 10\.0%"):
        load_files(tmp_path, {"file.csv": worse}, profile)
    assert len(served(config)) == 10
    refused = json.loads((tmp_path / "data" / "snapshots" / SOURCE / "refused.report.json").read_text(encoding="utf-8"))
    assert (refused["accepted"], refused["quarantined"], refused["rejected"]) == (8, 1, 1)
    assert load_files(tmp_path, {"file.csv": worse}, profile, force=True).report.forced
    assert len(served(config)) == 8


def test_a_file_without_one_good_record_never_replaces_a_good_one(tmp_path: Path) -> None:
    load_files(tmp_path, {"file.csv": TEXT})
    with pytest.raises(LoadRefused, match="1 of 1 records"):
        load_lines(tmp_path, GOOD.replace("9500", "9999"))
    assert len(served(config_of(tmp_path, [tmp_path / "file.csv"], PROFILE))) == 1


def test_the_report_is_kept_beside_the_snapshot_and_old_ones_go(tmp_path: Path) -> None:
    load_files(tmp_path, {"file.csv": TEXT})
    report = load_files(tmp_path, {"file.csv": lines_of(3)}).report
    (kept,) = (tmp_path / "data" / "snapshots" / SOURCE).glob("*.report.json")
    assert json.loads(kept.read_text(encoding="utf-8")) == json.loads(json.dumps(report.as_json()))
    assert kept.name == f"{report.snapshot}.report.json"
    assert set(report.seconds) == {"reading", "normalising", "building", "installing"}


def test_no_text_of_a_patient_is_in_an_error_or_a_report(tmp_path: Path) -> None:
    secrets = ("Mustermann", "19991231")
    load_files(tmp_path, {"file.csv": TEXT})
    bad = "Mustermann;1;1;19991231x;Mustermann;9500;3\nMustermann;1;Mustermann;19991231;C74.9;19991231;3\n"
    with pytest.raises(LoadRefused) as caught:
        load_files(tmp_path, {"file.csv": f"{HEADER}\n{bad}"})
    report = (tmp_path / "data" / "snapshots" / SOURCE / "refused.report.json").read_text(encoding="utf-8")
    assert not [secret for secret in secrets if secret in str(caught.value) + report]


def test_a_full_disk_is_named_and_the_old_snapshot_serves(tmp_path: Path) -> None:
    load_files(tmp_path, {"file.csv": TEXT})
    config = config_of(tmp_path, [tmp_path / "file.csv"], PROFILE)

    def read(path: Path, profile: Profile, sink: Sink) -> None:
        scratch = tmp_path / "data" / "snapshots" / SOURCE / "scratch"
        (scratch / "spool.csv").symlink_to("/dev/full")
        for line in range(20_000):
            sink.add(line + 2, [f"p{line}", "1", "1", "2010", "C74.9", "9500", "3"])

    with pytest.raises(SourceUnavailable, match="the disk is full"):
        load_files(tmp_path, {"file.csv": TEXT}, kind=FileKind("tabular", read))
    assert len(served(config)) == 1


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from gateway.errors import SourceUnavailable
from gateway.adapters.tabular import KIND
from gateway.sources.loading import load_source
from tests.sources.loading.loads import PROFILE, config_of, context
folder = Path(sys.argv[1])
config = config_of(folder, [folder / "file.csv"], PROFILE)
shared = context()
shared.terminology.meaning("ICCC3", "IV(a)")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    load_source(config, shared, KIND)
except SourceUnavailable as error:
    sys.exit(0 if "disk is full" in str(error) else str(error))
sys.exit("no error")
"""


def test_a_disk_that_fills_while_the_snapshot_is_built_is_named(tmp_path: Path) -> None:
    (tmp_path / "file.csv").write_text(lines_of(20_000), encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert SnapshotStore(tmp_path / "data", SOURCE).current() is None


def test_two_loads_of_a_source_do_not_meet(tmp_path: Path) -> None:
    load_files(tmp_path, {"file.csv": TEXT})
    with (tmp_path / "data" / "snapshots" / SOURCE / "LOADING").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(LoadRefused, match="another load"):
            load_files(tmp_path, {"file.csv": TEXT})


KILLED = """
import sys
from pathlib import Path
from gateway.adapters.tabular import KIND
from gateway.sources.loading import load_source
from tests.sources.loading.loads import PROFILE, config_of, context
folder = Path(sys.argv[1])
load_source(config_of(folder, [folder / "file.csv"], PROFILE), context(), KIND,
            progress=lambda p: print(p.stage, flush=True))
"""


@pytest.mark.parametrize("stage", ["reading", "normalising", "building"])
def test_a_load_that_is_killed_leaves_the_old_snapshot_and_no_scratch_for_the_next(tmp_path: Path, stage: str) -> None:
    load_files(tmp_path, {"file.csv": TEXT})
    config = config_of(tmp_path, [tmp_path / "file.csv"], PROFILE)
    (tmp_path / "file.csv").write_text(lines_of(50_000), encoding="utf-8")
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        while child.stdout.readline().strip() != stage:
            time.sleep(0)
        child.send_signal(signal.SIGKILL)
    assert len(served(config)) == 1
    assert load_source(config, context(), KIND).accepted == 50_000
    assert not [path for path in (tmp_path / "data").rglob("*") if path.name == "scratch" or ".building" in path.name]


def test_progress_goes_through_the_stages_with_bytes_and_records(tmp_path: Path) -> None:
    (tmp_path / "file.csv").write_text(lines_of(100), encoding="utf-8")
    seen: list[LoadProgress] = []
    load_source(config_of(tmp_path, [tmp_path / "file.csv"], PROFILE), context(), KIND, progress=seen.append)
    assert list(dict.fromkeys(step.stage for step in seen)) == ["reading", "normalising", "building", "installing"]
    assert (seen[-1].done_bytes, seen[-1].records) == (seen[-1].total_bytes, 100)


def test_every_error_of_a_load_is_one_of_ours(tmp_path: Path) -> None:
    def read(path: Path, profile: Profile, sink: Sink) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with pytest.raises(IccdError, match="Permission denied"):
        load_files(tmp_path, {"file.csv": TEXT}, kind=FileKind("tabular", read))

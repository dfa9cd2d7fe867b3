"""The table of docs/sources/samples.md is what loading the files gives."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.adapters import naaccr_xml, obds_rki
from gateway.errors import BadFile
from gateway.model.values import Count
from gateway.sources.base import FileKind
from tests.adapters.loaded import loaded, total
from tests.conftest import needs_shared

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sources" / "samples.md"
KINDS: dict[str, FileKind] = {"naaccr-xml": naaccr_xml.KIND, "obds-rki": obds_rki.KIND}
ROWS = [
    [cell.strip() for cell in line.strip("|\n").split("|")]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| `") and "/" in line.split("|")[1]
]
FILES = [row[0].strip("`") for row in ROWS]
FOLDERS = ("naaccr-xml/valid", "naaccr-xml/edge", "naaccr-xml/full", "naaccr-xml/invalid", "obds-rki")

pytestmark = [needs_shared, pytest.mark.samples]


def test_the_page_lists_every_file_that_holds_records(shared_dir: Path) -> None:
    samples = shared_dir / "samples"
    paths = [path for folder in FOLDERS for path in (samples / folder).glob("*.xml*")]
    assert sorted(FILES) == sorted(str(path.relative_to(samples)) for path in paths)


@pytest.mark.parametrize("row", ROWS, ids=FILES)
def test_a_row_says_what_loading_gives(shared_dir: Path, tmp_path: Path, row: list[str]) -> None:
    name, *figures, why = (cell.strip("`") for cell in row)
    path = shared_dir / "samples" / name
    kind = KINDS[name.split("/")[0]]
    if figures == ["-"] * 4:
        with pytest.raises(BadFile) as caught:
            loaded(kind, tmp_path, path)
        said = re.findall(r"`(.+?)`", row[-1])
        assert said
        assert all(text in str(caught.value) for text in said)
        return
    report, config = loaded(kind, tmp_path, path)
    assert [str(n) for n in (report.read, report.accepted, report.quarantined, report.rejected)] == figures
    for count, reason in re.findall(r"(\d+) x ([^;(]+)", why):
        assert report.reasons.get(f"diagnosis: {reason.strip()}") == int(count)
    assert all(f"{issue.field}: {issue.reason}" in why for issue in report.issues if issue.field in ("Tumor", "file"))
    missing = report.quarantined if report.quarantined > report.read * report.max_reject_share else 0
    assert total(config) == Count(report.accepted, report.accepted + missing)

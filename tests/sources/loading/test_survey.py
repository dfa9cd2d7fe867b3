"""Lines are counted apart from any parser, whatever the pieces a file comes in; orders of dates are decided by evidence."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import BadFile
from gateway.sources.loading import survey as module
from gateway.sources.loading.datetexts import decide_order
from gateway.sources.loading.survey import survey

PIECES = st.lists(st.sampled_from([b"a;b", b"\n", b"\r\n", b"\n\n", b"\xc3\xa4", b"x" * 7, b"\r"]), max_size=30)


@settings(max_examples=60, deadline=None)
@given(PIECES, st.integers(1, 9))
def test_lines_and_blank_lines_are_those_of_the_bytes(pieces: list[bytes], chunk: int) -> None:
    data = b"".join(pieces)
    lines = io.BytesIO(data).readlines()
    expected = [number for number, line in enumerate(lines, start=1) if line in (b"\n", b"\r\n")]
    trailing = bool(lines) and lines[-1] == b"\r"
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as name:
        patch.setattr(module, "CHUNK", chunk)
        path = Path(name) / "file"
        path.write_bytes(data)
        found = survey(path, ("utf-8",), Path(name))
    assert found.lines == len(lines) - trailing
    assert list(found.blanks) == expected
    assert found.blank_lines == len(expected)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_the_plain_copy_is_utf8(tmp_path: Path, encoding: str) -> None:
    text = "größe;1\nweiß;2\n"
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(text.encode(encoding)))
    found = survey(
        path, ("utf-8-sig", "utf-16", "cp1252") if encoding == "utf-16" else ("utf-8-sig", "cp1252"), tmp_path
    )
    assert found.plain.read_text(encoding="utf-8") == text
    assert found.lines == 2


def test_many_blank_lines_are_counted_but_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLANKS_NAMED", 3)
    path = tmp_path / "file"
    path.write_bytes(b"a\n\n" * 10)
    found = survey(path, ("utf-8",), tmp_path)
    assert (found.blanks, found.blank_lines, found.lines) == ((2, 4, 6), 10, 20)


def test_gzip_that_unpacks_beyond_reason_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BOMB_BYTES", 1 << 20)
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(b"0" * (4 << 20)))
    with pytest.raises(BadFile, match="unpack to more than 200 times"):
        survey(path, ("utf-8",), tmp_path)


ORDERS = ("YYYYDDMM", "YYYYMMDD")
UNKNOWN = frozenset({"99", "9999"})


@pytest.mark.parametrize(
    ("texts", "order"),
    [
        (["20101301"], "YYYYDDMM"),
        (["20100113"], "YYYYMMDD"),
        (["20100699"], "YYYYMMDD"),
        (["20109906"], "YYYYDDMM"),
        (["20100505", "99999999", ""], "YYYYMMDD"),
        ([f"2010{n:02}13" for n in range(1, 13)] * 10 + ["20101302"], "YYYYMMDD"),
    ],
)
def test_evidence_decides_the_order_of_day_and_month(texts: list[str], order: str) -> None:
    assert decide_order(ORDERS, texts, UNKNOWN, "file") == order


@pytest.mark.parametrize("texts", [["20100203"], ["20101301", "20100113"]])
def test_no_evidence_or_contradicting_evidence_is_refused(texts: list[str]) -> None:
    with pytest.raises(BadFile, match=r"file: .*YYYYDDMM"):
        decide_order(ORDERS, texts, UNKNOWN, "file")

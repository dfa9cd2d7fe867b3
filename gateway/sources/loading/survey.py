"""A delimited file before it is read: unpacked, in UTF-8, with its lines counted apart from any parser.

The count of lines is what the loader holds a parser's answer against, so that no record vanishes in silence.
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from gateway.errors import BadFile

CHUNK = 1 << 20
LONGEST_LINE = 2 << 20
BLANKS_NAMED = 100_000
"""More empty lines than these are counted but not remembered one by one."""
BOMB_BYTES, BOMB_RATIO = 1 << 30, 200
"""Gzip that unpacks to more than both is refused: tables of text pack ten to fifty times."""
GZIP_MAGIC = b"\x1f\x8b"
_LINE_FEED, _RETURN = 10, 13
_UTF8 = frozenset({"utf-8", "ascii"})


@dataclass(frozen=True, slots=True)
class Survey:
    """A file as text.

    Attributes
    ----------
    plain
        The file itself, or its unpacked and recoded copy: UTF-8, perhaps with a byte order mark.
    encoding
        Encoding of the original.
    lines
        Physical lines, counted from line feeds; a last line without one counts.
    blanks
        Numbers of the first empty lines, from 1.
    blank_lines
        How many lines are empty.
    """

    plain: Path
    encoding: str
    lines: int
    blanks: tuple[int, ...]
    blank_lines: int


def is_gzip(path: Path) -> bool:
    """Whether a file is gzip by its first bytes, whatever its name."""
    with path.open("rb") as file:
        return file.read(2) == GZIP_MAGIC


@contextmanager
def open_plain(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked if it is gzip; broken gzip is a BadFile."""
    try:
        with gzip.open(path, "rb") if is_gzip(path) else path.open("rb") as file:
            yield file  # type: ignore[misc]  # a GzipFile reads like a BinaryIO
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadFile(
            "the gzip data are broken or cut off", where=str(path), expected="a complete gzip file"
        ) from error


def survey(path: Path, encodings: tuple[str, ...], scratch: Path) -> Survey:
    """Unpack and recode a file where that is needed, and count its lines; memory does not depend on its size.

    Parameters
    ----------
    path
        Plain or gzip.
    encodings
        Python names, tried in order on the whole file.
    scratch
        Folder for a copy.

    Raises
    ------
    BadFile
        Broken gzip, none of the encodings, or a line longer than `LONGEST_LINE`.
    """
    source = path
    if is_gzip(path):
        source = scratch / "unpacked"
        _copy(_unpacked(path), source)
    for name in encodings:
        encoding = codecs.lookup(name).name.removesuffix("-sig")
        try:
            if encoding not in _UTF8:
                recoded = scratch / "recoded"
                _copy(_recode(source, encoding), recoded)
                return _counted(recoded, encoding, path)
            return _counted(source, encoding, path)
        except UnicodeError:
            continue
    raise BadFile("the file is in none of the encodings of its profile", where=str(path), expected=", ".join(encodings))


def chunks_of(path: Path) -> Iterator[bytes]:
    """Bytes of a plain or gzip file in pieces."""
    with open_plain(path) as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _unpacked(path: Path) -> Iterator[bytes]:
    size, packed = 0, path.stat().st_size
    for chunk in chunks_of(path):
        size += len(chunk)
        if size > max(BOMB_BYTES, BOMB_RATIO * packed):
            raise BadFile(
                f"the gzip data unpack to more than {BOMB_RATIO} times their size",
                where=str(path),
                expected="a table; unpack it yourself if it is one",
            )
        yield chunk


def _copy(chunks: Iterator[bytes], target: Path) -> None:
    with target.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)


def _recode(plain: Path, encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    for chunk in chunks_of(plain):
        yield decoder.decode(chunk).encode()
    yield decoder.decode(b"", final=True).encode()


def _counted(plain: Path, encoding: str, path: Path) -> Survey:
    """Lines and blank lines of a file in UTF-8; raises UnicodeError where it is not."""
    count = _LineCount(path)
    decoder = codecs.getincrementaldecoder("utf-8" if encoding not in _UTF8 else encoding)()
    pending = False
    for chunk in chunks_of(plain):
        if pending or not chunk.isascii():
            decoder.decode(chunk)
            pending = bool(decoder.getstate()[0])
        count.add(chunk)
    decoder.decode(b"", final=True)
    return Survey(plain, encoding, count.end(), tuple(count.blanks), count.blank_lines)


class _LineCount:
    """Counts line feeds and remembers the lines that hold nothing but their end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0
        self.blanks: list[int] = []
        self.blank_lines = 0
        self._open_line = 0
        self._ends_with_return = False

    def add(self, chunk: bytes) -> None:
        """Count one piece of the file."""
        data = np.frombuffer(chunk, np.uint8)
        ends = np.flatnonzero(data == _LINE_FEED)
        if not len(ends):
            self._grow(len(data), data)
            return
        lengths = np.diff(ends, prepend=-1) - 1
        lengths[0] += self._open_line
        before = np.where(ends > 0, data[ends - 1], _RETURN if self._ends_with_return else 0)
        blank = (lengths == 0) | ((lengths == 1) & (before == _RETURN))
        if blank.any():
            self.blank_lines += int(blank.sum())
            room = BLANKS_NAMED - len(self.blanks)
            self.blanks += (np.flatnonzero(blank)[:room] + self.lines + 1).tolist()
        self.lines += len(ends)
        self._open_line = 0
        self._grow(len(data) - int(ends[-1]) - 1, data)

    def _grow(self, length: int, data: npt.NDArray[np.uint8]) -> None:
        self._open_line += length
        self._ends_with_return = bool(length) and data[-1] == _RETURN
        if self._open_line > LONGEST_LINE:
            raise BadFile(
                f"line {self.lines + 1} is longer than {LONGEST_LINE} bytes",
                where=str(self.path),
                expected="lines that end with a line feed",
            )

    def end(self) -> int:
        """Lines of the whole file."""
        rest_is_blank = self._open_line == 0 or (self._open_line == 1 and self._ends_with_return)
        return self.lines if rest_is_blank else self.lines + 1

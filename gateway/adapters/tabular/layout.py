r"""The `[format]` section of a tabular profile, and the header of a file.

[format]
delimiter = ";"                        # one character, "\t", or "auto": the likeliest in the header
quote = '"'                            # "" for files without quotes
encodings = ["utf-8-sig", "cp1252"]    # tried in order on the whole file
skip = 0                               # lines before the header
header = true                          # false: the file has none, and `names` says its columns in order
names = ["id", "sex", "..."]
"""

from __future__ import annotations

import codecs
import csv
import difflib
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import BadFile, BadSettings
from gateway.sources.loading.survey import LONGEST_LINE, open_plain
from gateway.sources.profile import Profile, block_columns, column_key, names_of

DELIMITERS = (";", ",", "\t", "|")
DEFAULT_ENCODINGS = ("utf-8-sig", "cp1252", "latin-1")


@dataclass(frozen=True, slots=True)
class Layout:
    """A checked `[format]` section; delimiter None means: look at the header."""

    delimiter: str | None = None
    quote: str = '"'
    encodings: tuple[str, ...] = DEFAULT_ENCODINGS
    skip: int = 0
    header: bool = True
    names: tuple[str, ...] = ()


def _is_encoding(name: object) -> bool:
    try:
        return isinstance(name, str) and codecs.lookup(name) is not None
    except LookupError:
        return False


def _is_names(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) and item for item in value)


_CHECKS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "delimiter": (lambda v: isinstance(v, str) and (len(v) == 1 or v == "auto"), "one character or 'auto'"),
    "quote": (lambda v: isinstance(v, str) and len(v) <= 1, "one character, or '' for none"),
    "encodings": (
        lambda v: isinstance(v, list) and bool(v) and all(_is_encoding(item) for item in v),
        "a list of encodings, e.g. ['utf-8-sig', 'cp1252']",
    ),
    "skip": (lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= 0, "a number of lines from 0"),
    "header": (lambda v: isinstance(v, bool), "true or false"),
    "names": (_is_names, "a list of column names"),
}


def layout_of(profile: Profile) -> Layout:
    """The `[format]` section of a profile.

    Raises
    ------
    BadSettings
        Unknown keys or wrong values; all are listed.
    """
    faults = []
    for key, value in profile.format.items():
        where = profile.at("format", key)
        if key not in _CHECKS:
            near = difflib.get_close_matches(key, list(_CHECKS), n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            faults.append(f"{where}: unknown key{hint} (expected one of {', '.join(_CHECKS)})")
        elif not _CHECKS[key][0](value):
            faults.append(f"{where}: wrong value (expected {_CHECKS[key][1]})")
    if not faults and (profile.format.get("header", True) is True) == ("names" in profile.format):
        faults.append(f"{profile.at('format')}: `names` belongs to header = false (expected one of the two)")
    if faults:
        raise BadSettings("\n".join(faults))
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in profile.format.items()}
    if given.get("delimiter") == "auto":
        del given["delimiter"]
    return Layout(**given)  # type: ignore[arg-type]  # checked above, key by key


@dataclass(frozen=True, slots=True)
class Header:
    """How one file starts: its delimiter, its columns in order, and the lines before its first record."""

    delimiter: str
    names: tuple[str, ...]
    skip: int


def header_of(path: Path, profile: Profile, layout: Layout) -> Header:
    """Read the header of a file and hold it against the profile.

    Raises
    ------
    BadFile
        No header, columns that the profile needs are missing, or two of the same name.
    """
    lines = _first_lines(path, layout)
    if len(lines) <= layout.skip:
        raise BadFile("the file ends before its first record", where=str(path), expected="a header and records")
    first = lines[layout.skip]
    delimiter = layout.delimiter or _likeliest(first, path)
    if layout.header:
        names, skip = tuple(name.strip() for name in _split(first, delimiter, layout.quote)), layout.skip + 1
    else:
        names, skip = layout.names, layout.skip
    _refuse_header(path, profile, names)
    return Header(delimiter, names, skip)


def _first_lines(path: Path, layout: Layout) -> list[str]:
    """The lines up to the header, in the first encoding that can read them."""
    with open_plain(path) as file:
        raw = [file.readline(LONGEST_LINE) for _ in range(layout.skip + 1)]
    _refuse_wide(b"".join(raw), path, layout)
    for encoding in layout.encodings:
        try:
            text = b"".join(raw).decode(encoding)
        except UnicodeError:
            continue
        return [line for line in io.StringIO(text.removeprefix("\ufeff"), newline=None) if line]
    raise BadFile(
        "the header is in none of the encodings of the profile", where=f"{path}:1", expected=", ".join(layout.encodings)
    )


def _refuse_wide(start: bytes, path: Path, layout: Layout) -> None:
    """Encodings of one byte read UTF-16 as NUL bytes between the letters, and then find no column."""
    marked = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if (marked or b"\0" in start) and not any(_is_wide(name) for name in layout.encodings):
        what = "the file is in UTF-16" if marked else "the file holds NUL bytes, as UTF-16 does"
        raise BadFile(
            what,
            where=f"{path}:1",
            expected=f"one of the encodings of the profile ({', '.join(layout.encodings)}); save it as UTF-8",
        )


def _is_wide(encoding: str) -> bool:
    return codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))


def _likeliest(line: str, path: Path) -> str:
    counts = {delimiter: len(_split(line, delimiter, '"')) for delimiter in DELIMITERS}
    best = max(counts, key=lambda delimiter: counts[delimiter])
    if counts[best] < 2:
        raise BadFile("the header has only one column", where=f"{path}:1", expected="columns parted by ; , | or tabs")
    return best


def _split(line: str, delimiter: str, quote: str) -> list[str]:
    options: dict[str, object] = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    return next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter, **options), [])  # type: ignore[arg-type]


def _refuse_header(path: Path, profile: Profile, names: tuple[str, ...]) -> None:
    keys = [column_key(name) for name in names]
    twice = sorted({name for name in profile.columns if keys.count(column_key(name)) > 1})
    if twice:
        raise BadFile(f"the header has {', '.join(twice)} more than once", where=f"{path}:1", expected="each name once")
    missing = list(_missing(profile, frozenset(keys)))
    if missing:
        raise BadFile(
            f"the header lacks {'; '.join(missing)}",
            where=f"{path}:1",
            expected=f"the columns of profile {profile.name!r}, or `optional = true` in the block of the field",
        )


def _missing(profile: Profile, keys: frozenset[str]) -> Iterable[str]:
    """What the profile needs and the header lacks, with the field that needs it."""
    for name, block in profile.fields.items():
        if block.get("optional"):
            continue
        for group in _needed(name, block):
            if group and not any(column_key(column) in keys for column in group):
                yield f"{' or '.join(repr(column) for column in group)} for {name}"
    for rule in profile.only:
        columns = names_of(rule["column"])
        if not rule.get("optional") and not any(column_key(column) in keys for column in columns):
            yield f"{' or '.join(repr(column) for column in columns)} for [[only]]"


def _needed(name: str, block: Mapping[str, object]) -> list[tuple[str, ...]]:
    """Groups of columns; of each group a file must have one."""
    if "parts" in block:
        return [(column,) for column in names_of(block["parts"])]
    if name == "diagnosis":
        axes = [names_of(block[part]) for part in ("topography", "morphology") if part in block]
        return axes or [names_of(block[part]) for part in ("icd10", "iccc") if part in block]
    if "year" in block:
        return [names_of(block["year"])]
    if "column" in block:
        return [names_of(block["column"])]
    return [tuple(block_columns(name, block))]

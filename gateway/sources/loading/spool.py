"""Where adapters put what they read: raw texts in one work table, each record with its file and line.

Records that come one by one are spooled to a delimited file and read in one piece; a delimited file goes into the
table directly. DuckDB's parser is believed only where its records and rejects are exactly the file's lines; any other
file (line feeds inside quotes, a quote that is never closed) is read again with Python's csv.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import duckdb

from gateway.errors import BadFile, SourceFailure
from gateway.sources.loading.groups import field_group, groups_of
from gateway.sources.loading.report import LINES_NAMED
from gateway.sources.loading.survey import Survey, survey
from gateway.sources.profile import ID_FIELDS, Profile, column_key
from gateway.sources.reading import NOT_IN_FILE

NO_TEXT = "\x02no text\x02"
"""A text that stands for SQL NULL in read_csv: none, so that blanks come in as blanks."""
OTHER_WIDTH = "the line has another number of columns than the header"
NOT_DELIMITED = "the line is not delimited text: quotes that do not match"
MOST_REJECTS = 100_000
"""A file with more is read record by record, so that memory does not depend on it."""
_EVERY = 5_000


@dataclass(slots=True)
class Odd:
    """A reason with its number of records and the first lines."""

    count: int = 0
    lines: list[int] = field(default_factory=list)

    def at(self, line: int) -> None:
        """Count one more record."""
        self.count += 1
        if len(self.lines) < LINES_NAMED:
            self.lines.append(line)


@dataclass(slots=True)
class FileState:
    """What is known of one file while it is read.

    Attributes
    ----------
    first_line
        Line of the first record, for a file that was taken in one piece.
    gaps
        Lines in such a file that are no record: blank or rejected.
    ended
        Whether the reader met the end that the file's form marks.
    """

    path: Path
    sha256: str = ""
    size: int = 0
    first_line: int = 1
    gaps: list[int] = field(default_factory=list)
    rejects: dict[tuple[str, str], Odd] = field(default_factory=dict)
    issues: dict[tuple[str, str], Odd] = field(default_factory=dict)
    odd_lines: set[int] = field(default_factory=set)
    unknown_columns: tuple[str, ...] = ()
    missing_columns: tuple[str, ...] = ()
    ended: bool = False

    @property
    def rejected(self) -> int:
        """Records of which no case could be made."""
        return sum(odd.count for odd in self.rejects.values())


class Spool:
    """The sink of a load; one for all its files, in order."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        profile: Profile,
        scratch: Path,
        progress: Callable[[Path, int], None],
    ) -> None:
        self._connection = connection
        self._profile = profile
        self._scratch = scratch
        self._progress = progress
        self._groups = groups_of(profile)
        self._width = len(profile.columns)
        self._strict = profile.mode == "strict"
        self._text: TextIO | None = None
        self._spooled = 0
        self.files: list[FileState] = []
        self.records = 0
        # Ids differ in every record: looking for a way to pack them costs more than it saves.
        ids = {(column,) for name in profile.fields if name in ID_FIELDS for column in field_group(name, profile)}
        packing = [" USING COMPRESSION uncompressed" if group in ids else "" for group in self._groups]
        columns = ", ".join(f"c{number} VARCHAR{how}" for number, how in enumerate(packing))
        connection.execute(f"CREATE TABLE raw (file USMALLINT, line INTEGER, {columns})")

    # --- the port ---------------------------------------------------------------------------------------------------

    def add(self, line: int, values: Sequence[str | None]) -> None:
        """One tumour: raw texts in the order of `profile.columns`."""
        if len(values) != self._width:
            raise ValueError(f"{len(values)} values for {self._width} columns")
        if self._text is None:
            self._start_spool()
        self._write((line, *values))
        self._spooled += 1
        if not self._spooled % _EVERY:
            self._flush()
        self._count()

    def reject(self, line: int, item: str, reason: str) -> None:
        """One record that is not a case."""
        self._file.rejects.setdefault((item, reason), Odd()).at(line)
        self._count()

    def issue(self, line: int, item: str, reason: str) -> None:
        """Something odd in a record that is added all the same."""
        self._file.issues.setdefault((item, reason), Odd()).at(line)
        if self._strict:
            self._file.odd_lines.add(line)

    def ended(self) -> None:
        """The file was read to the end that its form marks; see gateway.sources.reading.Sink."""
        self._file.ended = True

    def csv(
        self,
        path: Path,
        *,
        delimiter: str,
        quote: str,
        encoding: str | tuple[str, ...],
        header: tuple[str, ...],
        skip: int,
    ) -> None:
        """A delimited file taken in one piece; see gateway.sources.reading.Sink."""
        encodings = (encoding,) if isinstance(encoding, str) else encoding
        surveyed = survey(path, encodings, self._scratch)
        picks = _picks(self._profile, header)
        named = {column_key(name) for name in self._profile.columns}
        self._file.unknown_columns = tuple(name for name in header if column_key(name) not in named)
        self._file.missing_columns = tuple(
            name for name, pick in zip(self._profile.columns, picks, strict=True) if pick is None
        )
        if not self._take_whole(surveyed, delimiter, quote, picks, len(header), skip):
            self._take_by_line(surveyed, delimiter, quote, picks, len(header), skip)
        if surveyed.plain != path:
            surveyed.plain.unlink()

    # --- files --------------------------------------------------------------------------------------------------------

    @property
    def _file(self) -> FileState:
        return self.files[-1]

    def start(self, state: FileState) -> None:
        """Begin with a file."""
        self.files.append(state)

    def finish(self) -> None:
        """End a file: what was spooled goes into the table."""
        if self._text is None:
            return
        self._flush()
        self._text.close()
        self._text = None
        columns = ", ".join(f"'f{number}': 'VARCHAR'" for number in range(self._width))
        chosen = self._grouped([f"f{number}" for number in range(self._width)])
        taken = self._connection.execute(
            f"""INSERT INTO raw SELECT {len(self.files) - 1}, line, {chosen} FROM read_csv({_literal(str(self._spool_path))},
            auto_detect = false, header = false, delim = ',', quote = '"', escape = '"', nullstr = '{NO_TEXT}',
            columns = {{'line': 'INTEGER', {columns}}}, max_line_size = 16777216)"""
        ).fetchall()[0][0]
        if taken != self._spooled:
            raise SourceFailure(f"{self._spooled} records were read but {taken} kept", where=str(self._file.path))
        self._spool_path.unlink()

    def close(self) -> None:
        """Let go of the file of a load that ends early."""
        if self._text is not None:
            self._text.close()

    @property
    def _spool_path(self) -> Path:
        return self._scratch / "spool.csv"

    def _grouped(self, texts: Sequence[str]) -> str:
        """SQL of the columns of the work table from the SQL of each column of the profile."""
        text_of = dict(zip(self._profile.columns, texts, strict=True))
        return ", ".join(" || chr(31) || ".join(text_of[column] for column in group) for group in self._groups)

    def _start_spool(self) -> None:
        self._text = self._spool_path.open("w", encoding="utf-8", errors="replace", newline="")
        self._buffer = io.StringIO(newline="")
        self._write = csv.writer(self._buffer, lineterminator="\n").writerow
        self._spooled = 0

    def _flush(self) -> None:
        """Write what has been added; a carriage return inside a text is a blank, for DuckDB takes it for a line's end."""
        if self._text is not None:
            self._text.write(self._buffer.getvalue().replace("\r", " "))
            self._buffer.seek(0)
            self._buffer.truncate()

    def _count(self, number: int = 1) -> None:
        before = self.records
        self.records += number
        if before // _EVERY != self.records // _EVERY:
            self._progress(self._file.path, self.records)

    # --- delimited files ----------------------------------------------------------------------------------------------

    def _take_whole(
        self, file: Survey, delimiter: str, quote: str, picks: Sequence[int | None], width: int, skip: int
    ) -> bool:
        """Let DuckDB read the file; False (and nothing taken) unless its records are exactly the lines.

        Lines of another width are its only rejects that are believed; quotes that do not match are for Python's csv.
        """
        if file.blank_lines > len(file.blanks) or any(line <= skip for line in file.blanks):
            return False
        number = len(self.files) - 1
        columns = ", ".join(f"'f{i}': 'VARCHAR'" for i in range(width))
        chosen = self._grouped([f"'{NOT_IN_FILE}'" if pick is None else f"f{pick}" for pick in picks])
        run = self._connection.execute
        run("BEGIN")
        try:
            taken = run(
                f"""INSERT INTO raw SELECT {number}, NULL, {chosen} FROM read_csv({_literal(str(file.plain))},
                auto_detect = false, header = false, skip = {skip}, delim = {_literal(delimiter)},
                quote = {_literal(quote)}, escape = {_literal(quote)}, nullstr = '{NO_TEXT}', columns = {{{columns}}},
                ignore_errors = true, store_rejects = true, rejects_limit = 0,
                rejects_table = 'rejects_{number}', rejects_scan = 'reject_scans_{number}')"""
            ).fetchall()[0][0]
            rejects = run(
                "SELECT line, bool_and(error_type IN ('MISSING COLUMNS', 'TOO MANY COLUMNS')), "
                f"bool_or(ends_with(rtrim(csv_line, chr(13) || chr(10)), {_literal(delimiter)})) "
                f"FROM rejects_{number} GROUP BY line ORDER BY line LIMIT {MOST_REJECTS + 1}"
            ).fetchall()
        except (duckdb.InvalidInputException, duckdb.ConversionException):
            run("ROLLBACK")
            return False
        records = file.lines - skip - file.blank_lines
        believed = len(rejects) <= MOST_REJECTS and taken + len(rejects) == records
        if not believed or any(empty_column or not width for _, width, empty_column in rejects):
            run("ROLLBACK")
            return False
        run("COMMIT")
        state = self._file
        state.first_line = skip + 1
        state.gaps = sorted([*file.blanks, *(line for line, *_ in rejects)])
        for line, *_ in rejects:
            self.reject(line, "line", OTHER_WIDTH)
        self._count(taken)
        return True

    def _take_by_line(
        self, file: Survey, delimiter: str, quote: str, picks: Sequence[int | None], width: int, skip: int
    ) -> None:
        """Read the file record by record."""
        options: dict[str, object] = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
        with _long_fields(), file.plain.open(encoding="utf-8-sig", newline="") as text:
            for _ in range(skip):
                text.readline()
            rows = csv.reader(text, delimiter=delimiter, strict=True, **options)  # type: ignore[arg-type]
            while True:
                line = skip + rows.line_num + 1
                try:
                    row = next(rows, None)
                except csv.Error as error:
                    if "end of data" in str(error):
                        raise BadFile(
                            "a quote is opened and never closed",
                            where=f"{self._file.path}:{line}",
                            expected="quotes in pairs",
                        ) from None
                    self._reject_all(line, skip + rows.line_num, NOT_DELIMITED)
                    continue
                if row is None:
                    return
                if _holds_lines(row, delimiter, width):
                    self._reject_all(line, skip + rows.line_num, NOT_DELIMITED)
                elif len(row) == width or (len(row) == width + 1 and not row[-1]):
                    self.add(line, [NOT_IN_FILE if pick is None else row[pick] for pick in picks])
                elif row:
                    self.reject(line, "line", OTHER_WIDTH)

    def _reject_all(self, first: int, last: int, reason: str) -> None:
        """Reject every line that a stray quote made into one record."""
        for line in range(first, last + 1):
            self.reject(line, "line", reason)


@contextmanager
def _long_fields() -> Iterator[None]:
    """Fields of any length; the limit is the whole process's, so it is given back."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _holds_lines(row: Sequence[str], delimiter: str, width: int) -> bool:
    """Whether a cell holds whole lines of the file, swallowed by a quote that closes lines too late."""
    return any(line.count(delimiter) >= width - 1 for cell in row for line in cell.split("\n")[1:])


def _picks(profile: Profile, header: Sequence[str]) -> list[int | None]:
    """Position in the file of each column of the profile, None where the file has no such column."""
    positions = {column_key(name): position for position, name in reversed(list(enumerate(header)))}
    return [positions.get(column_key(name)) for name in profile.columns]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

"""Files of one source into the snapshot that serves: read, normalise, build aside, check, switch.

Nothing is served unless every record read is accounted for (read = accepted + quarantined + rejected) and the new file's
cube and rows agree. Nothing replaces a better snapshot with a share of bad records above the profile's; where such a one
is served, as the first or by force, every answer says how much may be missing. Memory does not depend on the
size of the files: work tables spill to the data folder.
"""

from __future__ import annotations

import datetime as dt
import errno
import glob
import hashlib
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from gateway.errors import BadFile, BadSettings, LoadRefused, SourceFailure, SourceUnavailable
from gateway.sources.base import Context, FileKind, SourceConfig
from gateway.sources.loading.codebook import Codebook
from gateway.sources.loading.datetexts import decide_order
from gateway.sources.loading.normalise import Normaliser, auto_formats, normalisers
from gateway.sources.loading.report import (
    LINES_NAMED,
    QUARANTINE_LISTED,
    FileReport,
    Issue,
    LoadProgress,
    LoadReport,
    Quarantined,
)
from gateway.sources.loading.spool import FileState, Odd, Spool
from gateway.sources.loading.tables import Tables
from gateway.sources.profile import DATE_FIELDS, FIELD_NAMES, Profile, load_profile, names_of
from gateway.sources.snapshot import Facts, SnapshotMeta, SnapshotStore, build_snapshot, facts_of, work_connection

MEMORY_MIB = 256
THREADS = 2
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FULL_WORDS = ("No space left", "File too large", "max_temp_directory_size", "Disk quota")
_HASH_PIECE = 1 << 20
NO_RECORD = "holds no record: nothing to count"

Progress = Callable[[LoadProgress], None]


def load_source(
    config: SourceConfig,
    context: Context,
    kind: FileKind,
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> LoadReport:
    """Load the files of a source into a new snapshot and let it serve.

    Parameters
    ----------
    config
        Block of the settings; its locations are files, folders or globs.
    context
        Terminology and the salt of record ids.
    kind
        Reader of the files.
    force
        Let a snapshot replace a better one although more of its records are bad than the profile allows.
    progress
        Called while the load runs.

    Returns
    -------
    LoadReport
        Also kept as JSON beside the snapshot and inside it.

    Raises
    ------
    BadSettings
        The profile is wrong, not for this kind, or not named.
    BadFile
        A file is missing, empty, broken, not what the profile says, or changed while it was read.
    LoadRefused
        A better snapshot serves, or another load of this source is running.
    SourceUnavailable
        The disk is full.
    """
    profile = profile_of(config, kind)
    created = dt.datetime.now(dt.UTC)
    store = SnapshotStore(config.data, config.id)
    load = _Load(config, context, kind, profile, f"{created:%Y%m%dT%H%M%S}.{created.microsecond:06}", progress)
    with store.loading(load.snapshot) as target, _scratch(store.folder) as scratch, _disk_faults(store.folder):
        report = load.run(scratch, target, created.isoformat(timespec="seconds"), force, _serving(store))
        load.tell("installing", None)
        store.install(target, load.snapshot)
        load.lap("installing")
        report = replace(report, seconds=dict(load.seconds))
        _keep_report(store.folder, report)
    return report


def profile_of(config: SourceConfig, kind: FileKind) -> Profile:
    """The profile by which the files of a source are read, checked by its kind too; opens no file.

    Raises
    ------
    BadSettings
        No profile is named, or it is wrong or for another kind.
    """
    name = config.profile or kind.default_profile
    if name is None:
        raise BadSettings(
            "no profile named", where=config.at("profile"), expected='profile = "NAME" or the path of a TOML file'
        )
    profile = load_profile(name, config.at("profile"))
    if profile.kind != kind.name:
        raise BadSettings(
            f"profile {profile.name!r} is for kind {profile.kind!r}",
            where=config.at("profile"),
            expected=f"kind {kind.name!r}",
        )
    if kind.check is not None:
        kind.check(profile)
    country = config.coverage.country
    if country is None or "country" in profile.fields.keys() | profile.constants.keys():
        return profile
    return replace(profile, constants={**profile.constants, "country": country})


@dataclass(slots=True)
class _Load:
    """One run of `load_source`."""

    config: SourceConfig
    context: Context
    kind: FileKind
    profile: Profile
    snapshot: str
    progress: Progress | None
    seconds: dict[str, float] = field(default_factory=dict)
    clock: float = field(default_factory=time.perf_counter)
    done_bytes: int = 0
    total_bytes: int = 0
    records: int = 0

    def tell(self, stage: str, file: Path | None) -> None:
        if self.progress is not None:
            name = None if file is None else file.name
            self.progress(LoadProgress(self.config.id, stage, name, self.done_bytes, self.total_bytes, self.records))

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = round(now - self.clock, 3)
        self.clock = now

    def run(self, scratch: Path, target: Path, loaded_at: str, force: bool, serving: Facts | None) -> LoadReport:
        connection = work_connection(scratch / "work.duckdb", scratch / "spill", memory_mib=MEMORY_MIB, threads=THREADS)
        try:
            connection.execute("SET enable_progress_bar = false")
            spool = Spool(connection, self.profile, scratch, self._count)
            with closing(spool):
                self._read_files(spool)
            self.lap("reading")
            self.tell("normalising", None)
            tables, fields = self._normalise(connection, spool)
            self.lap("normalising")
            report = self._report(tables, fields, spool, loaded_at, force)
            if serving is not None and not force:
                _refuse_worse(report, serving, target.parent)
            self.tell("building", None)
            never = _never_filled(self.profile)
            meta = SnapshotMeta(self.config.id, self.snapshot, loaded_at, report.as_json(), never, report.unusable)
            build_snapshot(connection, target, meta, self.context.terminology)
            _check_snapshot(target, report.accepted)
            self.lap("building")
        finally:
            connection.close()
        return report

    def _count(self, file: Path, records: int) -> None:
        self.records = records
        self.tell("reading", file)

    def _read_files(self, spool: Spool) -> None:
        paths = _files(self.config)
        self.total_bytes = sum(_size(path) for path in paths)
        with ThreadPoolExecutor(max_workers=1) as pool:
            for path in paths:
                before = _fingerprint(path)
                digest: Future[str] = pool.submit(_sha256, path)
                state = FileState(path, size=_size(path))
                spool.start(state)
                self.tell("reading", path)
                self.kind.read(path, self.profile, spool)
                spool.finish()
                state.sha256 = digest.result()
                if _fingerprint(path) != before:
                    raise BadFile(
                        "the file changed while it was read", where=str(path), expected="a file that is complete"
                    )
                self.done_bytes += state.size
                self.records = spool.records
                self.tell("reading", path)
        if not spool.records and not all(state.ended for state in spool.files):
            raise BadFile("no record in the file", where=", ".join(map(str, paths)), expected="at least one record")

    def _normalise(self, connection: duckdb.DuckDBPyConnection, spool: Spool) -> tuple[Tables, tuple[Normaliser, ...]]:
        book = Codebook()
        tables = Tables(connection, self.profile, book)
        tables.filter()
        orders = _date_orders(self.profile, tables, spool.files)
        fields = normalisers(self.profile, book, self.context.terminology, orders)
        for normaliser in fields:
            tables.normalise(normaliser)
        tables.keep_out(fields, {number: sorted(state.odd_lines) for number, state in enumerate(spool.files)})
        tables.offer(fields, self.config.id, self.context.salt)
        tables.locate(spool.files)
        return tables, fields

    def _report(
        self, tables: Tables, fields: Sequence[Normaliser], spool: Spool, loaded_at: str, force: bool
    ) -> LoadReport:
        names = [state.path.name for state in spool.files]
        files = tuple(_file_report(tables, number, state) for number, state in enumerate(spool.files))
        report = LoadReport(
            source=self.config.id,
            kind=self.kind.name,
            profile=self.profile.name,
            snapshot=self.snapshot,
            terminology=self.context.terminology.version,
            loaded_at=loaded_at,
            files=files,
            reasons=_reasons(tables, spool),
            issues=tuple(_issues(tables, fields, spool, names)),
            quarantine=tuple(
                Quarantined(names[file], line, finding.field, finding.reason, finding.code)
                for file, line, finding in tables.quarantined(QUARANTINE_LISTED)
            ),
            max_reject_share=self.profile.max_reject_share,
            seconds=dict(self.seconds),
            forced=force,
        )
        out = sum(report.reasons.values())
        if report.read != spool.records or out != report.quarantined + report.rejected:
            raise SourceFailure("the counts of the load do not add up", where=self.config.where)
        return report


# --- files ------------------------------------------------------------------------------------------------------------


def _files(config: SourceConfig) -> list[Path]:
    """Files of a source in order of the settings; globs are expanded in order of their names."""
    paths = []
    for location in config.locations:
        found = [location] if Path(location).exists() else sorted(glob.glob(location, recursive=True))
        if not found:
            raise BadFile("no such file", where=location, expected=f"a file that {config.where} can name")
        paths += [Path(name) for name in found]
    for path in paths:
        if path.is_file() and not path.stat().st_size:
            raise BadFile("the file is empty", where=str(path), expected="at least a header and a record")
    return paths


def _parts(path: Path) -> list[Path]:
    """The file, or all files of a folder in order."""
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def _size(path: Path) -> int:
    return sum(part.stat().st_size for part in _parts(path))


def _fingerprint(path: Path) -> tuple[tuple[str, int, int, int], ...]:
    stats = [(part.name, part.stat()) for part in _parts(path)]
    return tuple((name, stat.st_ino, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    for part in _parts(path):
        with part.open("rb") as file:
            while piece := file.read(_HASH_PIECE):
                digest.update(piece)
    return digest.hexdigest()


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Folder for copies and spilled tables; what a load that died left there goes first."""
    scratch = folder / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _disk_faults(folder: Path) -> Iterator[None]:
    """Name a full disk; no other text of an engine leaves this room, for it may quote a record."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise _disk_full(folder) from error
        raise BadFile(f"cannot be read: {error.strerror}", where=str(error.filename or folder)) from error
    except duckdb.Error as error:
        if any(word in str(error) for word in _FULL_WORDS):
            raise _disk_full(folder) from error
        raise SourceFailure(f"work database failed: {type(error).__name__}", where=str(folder)) from error
    except SourceFailure as error:
        if any(word in str(error.__cause__) for word in _FULL_WORDS):
            raise _disk_full(folder) from error
        raise


def _disk_full(folder: Path) -> SourceUnavailable:
    return SourceUnavailable(
        "the disk is full; the old snapshot goes on serving", where=str(folder), expected="room for the work tables"
    )


# --- dates ------------------------------------------------------------------------------------------------------------


def _date_orders(profile: Profile, tables: Tables, files: Sequence[FileState]) -> dict[tuple[str, str], str]:
    """Decide each `auto:` format for each file, from all the date columns that use it."""
    users: dict[str, list[str]] = {}
    for name, block in profile.fields.items():
        for text in auto_formats(block) if name in DATE_FIELDS else ():
            users.setdefault(text, []).append(name)
    orders = {}
    for text, names in users.items():
        unknown = frozenset(part for name in names for part in names_of(profile.fields[name].get("unknown_part", ())))
        for number, state in enumerate(files):
            texts = (part for name in names for parts in tables.distinct_texts(number, name) for part in parts)
            candidates = text.removeprefix("auto:").split("|")
            orders[str(number), text] = decide_order(candidates, texts, unknown, str(state.path))
    return orders


# --- report -----------------------------------------------------------------------------------------------------------


def _file_report(tables: Tables, number: int, state: FileState) -> FileReport:
    counts = tables.counts(number)
    return FileReport(
        file=state.path.name,
        sha256=state.sha256,
        size_bytes=state.size,
        read=counts.raw + state.rejected,
        accepted=counts.accepted,
        quarantined=counts.quarantined,
        rejected=counts.filtered + counts.refused + state.rejected,
        filtered=counts.filtered,
        repeated=counts.repeated,
        unknown_columns=state.unknown_columns,
        missing_columns=state.missing_columns,
    )


def _reasons(tables: Tables, spool: Spool) -> dict[str, int]:
    reasons: Counter[str] = Counter()
    for state in spool.files:
        for (item, reason), odd in state.rejects.items():
            reasons[f"{item}: {reason}"] += odd.count
    for _, reason, count in tables.filtered():
        reasons[reason] += count
    for finding, count in tables.reasons():
        reasons[f"{finding.field}: {finding.reason}"] += count
    return dict(reasons.most_common())


def _issues(tables: Tables, fields: Sequence[Normaliser], spool: Spool, names: Sequence[str]) -> Iterator[Issue]:
    for number, state in enumerate(spool.files):
        yield from _odd_issues(names[number], state.rejects, "rejected")
        yield from _odd_issues(names[number], state.issues, "note")
        if not tables.counts(number).raw + state.rejected:
            yield Issue(names[number], "file", NO_RECORD, 1, (), "note")
    for file, finding, count, lines in tables.issues(fields, LINES_NAMED):
        severity = "note" if finding.note else "unknown"
        reason = f"{finding.reason} ({finding.code})" if finding.code else finding.reason
        yield Issue(names[file], finding.field, reason, count, tuple(lines), severity)


def _odd_issues(file: str, found: Mapping[tuple[str, str], Odd], severity: str) -> Iterator[Issue]:
    for (item, reason), odd in found.items():
        yield Issue(file, item, reason, odd.count, tuple(odd.lines), severity)


def _serving(store: SnapshotStore) -> Facts | None:
    """Facts of the snapshot that serves; None if there is none that can be read, which protects nothing."""
    path = store.current()
    try:
        return None if path is None else facts_of(path)
    except SourceFailure:
        return None


def _refuse_worse(report: LoadReport, serving: Facts, folder: Path) -> None:
    """A snapshot gives way to one within its profile, or to one that is no worse than itself."""
    served = serving.report.get("bad_share")
    share = max(report.max_reject_share, served if isinstance(served, float) else 0.0)
    emptied = serving.cases > 0 and not report.accepted
    if not emptied and report.bad_share <= share:
        return
    kept = folder / "refused.report.json"
    kept.write_text(json.dumps(report.as_json(), indent=1), encoding="utf-8")
    most = "; ".join(f"{count} {reason}" for reason, count in list(report.reasons.items())[:5]) or NO_RECORD
    raise LoadRefused(
        f"{report.bad} of {report.considered} records are rejected or quarantined ({most}); see {kept}",
        where=", ".join(file.file for file in report.files),
        expected=f"at most {share:.1%}{' and one accepted case' if serving.cases else ''}, or a load with force",
    )


def _never_filled(profile: Profile) -> frozenset[str]:
    """Question fields for which the profile has neither a block nor a constant."""
    given = set(profile.fields) | set(profile.constants)
    never = {name for name in FIELD_NAMES if name not in given}
    never -= {"patient", "tumour", "sequence", "birth", "last_contact", "age", "age_days"}
    if not given & {"age", "age_days", "birth"}:
        never |= {"age", "age_days"}
    return frozenset(never)


def _check_snapshot(path: Path, accepted: int) -> None:
    with duckdb.connect(str(path), read_only=True) as connection:
        rows, cells = connection.execute("SELECT (SELECT count(*) FROM cases), (SELECT sum(n) FROM cube)").fetchall()[0]
    if not rows == (cells or 0) == accepted:
        raise SourceFailure(
            f"the snapshot holds {rows} rows and a cube of {cells}",
            where=str(path),
            expected=f"{accepted} accepted cases",
        )


def _keep_report(folder: Path, report: LoadReport) -> None:
    text = json.dumps(report.as_json(), indent=1)
    (folder / f"{report.snapshot}.report.json").write_text(text, encoding="utf-8")
    for old in folder.glob("*.report.json"):
        if not (folder / f"{old.name.removesuffix('.report.json')}.duckdb").exists():
            old.unlink()

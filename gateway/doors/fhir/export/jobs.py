"""Jobs of the export as files, so that every worker process knows them: one folder a job, one state file in it.

A state is written aside and renamed, so that it is whole whenever it is read. A job whose worker died is told by the
age of its state. Names of jobs cannot be guessed; a job answers only to the kind of requester that started it.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import orjson

STATE = "job.json"
POLLED = "polled"
RUNNING, DONE, FAILED = "running", "done", "failed"
KEPT_SECONDS = 3600
"""How long the files of a finished job are kept."""
STALE_SECONDS = 120
"""A running job writes its state more often than this; one that does not has lost its worker."""
MOST_RUNNING = 4

_JOB_ID = re.compile(r"[A-Za-z0-9_-]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Output:
    """One file of a finished job."""

    type: str
    file: str
    count: int


@dataclass(frozen=True, slots=True)
class Job:
    """State of one job.

    Attributes
    ----------
    request
        URL of the kick-off.
    owner
        Tier and subject of who started it.
    started
        Time of the data, an instant.
    progress
        Patients written.
    reason
        Why it failed, for people.
    """

    id: str
    request: str
    owner: str
    started: str
    status: str = RUNNING
    progress: int = 0
    output: tuple[Output, ...] = ()
    errors: tuple[Output, ...] = ()
    reason: str = ""

    def at(self, patients: int) -> Job:
        """The job when so many patients are written."""
        return replace(self, progress=patients)

    def done(self, started: str, patients: int, output: tuple[Output, ...], errors: tuple[Output, ...]) -> Job:
        """The job at its end, with its files and the time of the data in them."""
        return replace(self, status=DONE, started=started, progress=patients, output=output, errors=errors)

    def failed(self, reason: str) -> Job:
        """The job that ended without its files."""
        return replace(self, status=FAILED, reason=reason)


@dataclass(frozen=True, slots=True)
class Jobs:
    """Folder of all jobs of a gateway."""

    folder: Path

    def new(self, request: str, owner: str, started: str) -> Job:
        """A job with an empty folder of its own; what has expired goes first."""
        self._expire()
        job = Job(secrets.token_urlsafe(24), request, owner, started)
        self.place(job.id).mkdir(parents=True, mode=0o700)
        self.keep(job)
        return job

    def place(self, job_id: str) -> Path:
        """Folder of a job."""
        return self.folder / job_id

    def find(self, job_id: str, owner: str) -> Job | None:
        """State of a job; None if there is none, or none of this owner, or its files are no longer kept."""
        job = self._read(job_id) if _JOB_ID.fullmatch(job_id) else None
        if job is None or job.owner != owner or self._age(job_id) > KEPT_SECONDS:
            return None
        if job.status == RUNNING and self._age(job_id) > STALE_SECONDS:
            return job.failed("the export was interrupted")
        return job

    def expires(self, job_id: str) -> dt.datetime:
        """When the files of a finished job go."""
        written = (self.place(job_id) / STATE).stat().st_mtime
        return dt.datetime.fromtimestamp(int(written) + KEPT_SECONDS, dt.UTC)

    def keep(self, job: Job) -> None:
        """Write the state of a job, unless it was deleted meanwhile; raises OSError if the disk is full."""
        folder = self.place(job.id)
        if not folder.is_dir():
            return
        aside = folder / f"{STATE}.new"
        aside.write_bytes(orjson.dumps(asdict(job)))
        os.replace(aside, folder / STATE)

    def deleted(self, job_id: str) -> bool:
        """Whether a job is there no longer."""
        return not (self.place(job_id) / STATE).exists()

    def delete(self, job_id: str) -> None:
        """Take a job and its files away."""
        shutil.rmtree(self.place(job_id), ignore_errors=True)

    def running(self) -> int:
        """How many jobs are being written."""
        return sum(1 for job in self._all() if job.status == RUNNING and self._age(job.id) <= STALE_SECONDS)

    def polled_too_soon(self, job_id: str, seconds: float) -> bool:
        """Whether the status of a job was told less than so many seconds ago, in any worker; if not, it is told now.

        What is refused is not told, so a client that asks all the time is answered now and then.
        """
        mark = self.place(job_id) / POLLED
        before = mark.stat().st_mtime if mark.exists() else 0.0
        if 0 <= time.time() - before < seconds:
            return True
        mark.touch()
        return False

    def _age(self, job_id: str) -> float:
        try:
            return time.time() - (self.place(job_id) / STATE).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def _expire(self) -> None:
        for job in list(self._all()):
            if self._age(job.id) > KEPT_SECONDS:
                self.delete(job.id)

    def _all(self) -> Iterator[Job]:
        names = [item.name for item in self.folder.iterdir()] if self.folder.is_dir() else []
        for name in names:
            job = self._read(name) if _JOB_ID.fullmatch(name) else None
            if job:
                yield job

    def _read(self, job_id: str) -> Job | None:
        try:
            content = orjson.loads((self.place(job_id) / STATE).read_bytes())
        except FileNotFoundError:
            return None
        content["output"] = tuple(Output(**item) for item in content["output"])
        content["errors"] = tuple(Output(**item) for item in content["errors"])
        return Job(**content)

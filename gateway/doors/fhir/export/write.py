"""Writes a job: patient by patient through the release, all tumours of each, in bounded memory.

A page of patients carries all their tumours, so one walk gives every resource type. Resources of one snapshot only:
when a registry is loaded anew meanwhile, the walk starts again.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import orjson
from starlette.concurrency import run_in_threadpool

from gateway.access.requester import Requester
from gateway.disclosure.released import ReleasedAnswer, ReleasedCase
from gateway.doors.fhir.door import Door
from gateway.doors.fhir.export.jobs import Job, Jobs, Output
from gateway.doors.fhir.export.since import SINCE, UNTOLD, unchanged, untold
from gateway.doors.fhir.export.wanted import Wanted
from gateway.doors.fhir.render.bundle import issues_of
from gateway.doors.fhir.render.observation import observations_of
from gateway.doors.fhir.render.patient import by_patient, patient
from gateway.doors.fhir.search.parameters import SEARCHABLE
from gateway.doors.fhir.search.parse import Search
from gateway.doors.fhir.wire.outcome import issue, outcome
from gateway.errors import Expired, IccdError
from gateway.model.capability import Granularity
from gateway.model.query import CaseQuery, Not, OneOf, Page, Unit
from gateway.planner.rewrite.constants import conjunction

PATIENTS = 500
"""Patients that are read and written together."""
TRIES = 3

log = logging.getLogger(__name__)


@dataclass
class _Files:
    """Open files of a walk, by resource type, and what stands in them."""

    folder: Path
    types: Sequence[str]
    open: dict[str, IO[bytes]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def __enter__(self) -> _Files:
        self.open = {name: (self.folder / f"{name}.ndjson").open("wb") for name in self.types}
        self.counts = dict.fromkeys(self.types, 0)
        return self

    def __exit__(self, *_: object) -> None:
        for file in self.open.values():
            file.close()

    def write(self, lines: Iterator[tuple[str, bytes]]) -> None:
        for name, line in lines:
            self.open[name].write(line + b"\n")
            self.counts[name] += 1


def question(wanted: Wanted, patients: int = PATIENTS, without: frozenset[str] = frozenset()) -> CaseQuery:
    """Question for a page of the walk, to all registries but those."""
    where = conjunction((wanted.where, Not(OneOf("source", without)))) if without else wanted.where
    return CaseQuery(where, unit=Unit.PATIENTS, page=Page("patient", patients))


async def write(door: Door, requester: Requester, wanted: Wanted, jobs: Jobs, job: Job) -> None:
    """Run a job to its end, whatever it is; its state says how it went."""
    try:
        for attempt in range(TRIES):
            try:
                await _walk(door, requester, wanted, jobs, job)
                return
            except Expired:
                if attempt == TRIES - 1:
                    raise
                log.info("export starts again: a registry was loaded anew")
    except IccdError as error:
        _fail(jobs, job, error.message)
    except OSError as error:
        log.warning("export failed: %s", type(error).__name__)
        _fail(jobs, job, "the files of the export could not be written")


async def _walk(door: Door, requester: Requester, wanted: Wanted, jobs: Jobs, job: Job) -> None:
    """Write everything once.

    Raises
    ------
    Expired
        A registry was loaded anew meanwhile, be it one that was left out because it had not changed.
    """
    folder, cursor, patients = jobs.place(job.id), None, 0
    left_out = unchanged(door.gateway, requester, wanted.since)
    asked = question(wanted, without=left_out)
    with _Files(folder, wanted.types) as files:
        while True:
            answer = await door.gateway.ask(asked, requester, granularity=Granularity.RECORD, cursor=cursor)
            if unchanged(door.gateway, requester, wanted.since) != left_out:
                raise Expired("a registry was loaded anew", where="$export", expected="a new export")
            if jobs.deleted(job.id):
                return
            patients += await run_in_threadpool(_page, door, answer, files)
            jobs.keep(job.at(patients))
            cursor = answer.next_cursor
            if cursor is None:
                break
    output = tuple(Output(name, f"{name}.ndjson", count) for name, count in files.counts.items() if count)
    errors = _errors(folder, wanted, answer, untold(door.gateway, answer) if wanted.since else [])
    jobs.keep(job.done(answer.asked_at, patients, output, errors))


def _page(door: Door, answer: ReleasedAnswer, files: _Files) -> int:
    people = by_patient(answer.cases)
    for tumours in people:
        files.write(_lines(door, tumours, answer, files.open))
    return len(people)


def _lines(
    door: Door, tumours: Sequence[ReleasedCase], answer: ReleasedAnswer, types: Mapping[str, object]
) -> Iterator[tuple[str, bytes]]:
    if "Patient" in types:
        yield "Patient", orjson.dumps(door.versioned([patient(tumours, door.base)], answer)[0])
    if "Condition" in types:
        conditions = door.conditions(answer)
        for case in tumours:
            yield "Condition", conditions.json(case).encode()
    if "Observation" in types:
        for found in door.versioned(observations_of(tumours, door.base), answer):
            yield "Observation", orjson.dumps(found)


def _errors(folder: Path, wanted: Wanted, answer: ReleasedAnswer, always: Sequence[str]) -> tuple[Output, ...]:
    """What the files do not hold: what was asked for and left out, and registries that did not give all they hold.

    Such a registry did not answer, withholds records or could only bound its answer. Those that are exported always,
    whatever `_since` says, are told too.
    """
    issues = [
        *issues_of(Search(SEARCHABLE["Patient"], ignored=wanted.ignored), [answer], posted=False),
        *(issue("information", "informational", f"source {name} {UNTOLD}", parameter=SINCE) for name in always),
    ]
    if not issues:
        return ()
    (folder / "OperationOutcome.ndjson").write_bytes(b"".join(orjson.dumps(outcome([each])) + b"\n" for each in issues))
    return (Output("OperationOutcome", "OperationOutcome.ndjson", len(issues)),)


def _fail(jobs: Jobs, job: Job, reason: str) -> None:
    with contextlib.suppress(OSError):
        for file in jobs.place(job.id).glob("*.ndjson"):
            file.unlink()
        jobs.keep(job.failed(reason))

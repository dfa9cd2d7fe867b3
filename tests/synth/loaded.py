"""Loads a rendering as a user would and hands back every case of it as a row of canonical words."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from gateway.model.answer import SourceAnswer
from gateway.model.capability import Coverage
from gateway.model.case import Case
from gateway.model.dates import DateInterval
from gateway.model.query import CaseQuery, Page
from gateway.model.values import Absent
from gateway.sources.base import Context, Deadline, FileKind, Source, SourceConfig
from gateway.sources.discover import find_kind
from gateway.sources.loading import LoadReport, load_source
from gateway.sources.snapshot import SnapshotSource
from gateway.synth.formats import Format
from terminology import load

COLUMNS = (
    *(
        "topography",
        "morphology",
        "behaviour",
        "sex",
        "vital_status",
        "basis",
        "laterality",
        "grade",
        "stage",
        "country",
    ),
    *("sequence", "incidence_lo", "incidence_hi", "birth_lo", "birth_hi", "last_contact_lo", "last_contact_hi"),
    *("age_lo", "age_hi"),
)
Row = tuple[object, ...]


def open_rendering(form: Format, location: Path, folder: Path, country: str | None) -> tuple[Source, LoadReport | None]:
    """A source that answers from a rendering, loaded first if it is a file."""
    context = Context(load(), b"salt of the tests")
    config = SourceConfig(
        id="synthetic",
        kind=form.kind,
        title=form.title,
        locations=(str(location),),
        profile=form.profile,
        coverage=Coverage(country=country),
        data=folder,
    )
    kind = find_kind(config)
    if isinstance(kind, FileKind):
        report = load_source(config, context, kind)
        return SnapshotSource(config, context), report
    return kind.open(config, context), None


def ask(source: Source, query: CaseQuery) -> SourceAnswer:
    return asyncio.run(source.answer(query, Deadline.after(60)))


def rows_of(source: Source, limit: int = 5_000) -> Iterator[Row]:
    """Every case as a row of COLUMNS; page by page."""
    after: int | None = None
    while True:
        answer = ask(source, CaseQuery(page=Page(limit=limit, after=after)))
        yield from map(_row, answer.cases)
        after = answer.next_after
        if after is None:
            return


def _row(case: Case) -> Row:
    dx = case.diagnosis
    words = (case.sex, case.vital_status, case.basis, case.laterality, case.grade, case.stage, case.country)
    ages = case.age.years or (None, None)
    return (
        *map(_word, (dx.topography, dx.morphology, dx.behaviour)),
        *map(_word, words),
        case.sequence,
        *_ends(case.incidence),
        *_ends(case.birth),
        *_ends(case.last_contact),
        *ages,
    )


def _word(value: object) -> str:
    return value.value if isinstance(value, Absent) else str(value)


def _ends(date: DateInterval) -> tuple[object, object]:
    return date.earliest, date.latest

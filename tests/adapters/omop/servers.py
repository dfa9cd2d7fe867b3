"""A source over a made-up database, on either engine, for tests that say the same of both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import terminology
from gateway.adapters.omop.source import OmopSource
from gateway.model.answer import SourceAnswer
from gateway.model.capability import Coverage
from gateway.model.query import EVERYTHING, CaseQuery, Expr, Term
from gateway.sources.base import Context, Deadline, SourceConfig
from gateway.sources.testing import diagnosis_in
from tests.adapters.omop.building import Database

SECONDS = 20.0


def open_source(location: str, coverage: Coverage = Coverage(), **options: object) -> OmopSource:  # noqa: B008 - frozen
    """A source with these options."""
    config = SourceConfig("omop-test", "omop", "test", (location,), coverage=coverage, options=options)
    return OmopSource(config, Context(terminology.load(), b"a secret of thirty-two characters"))


@dataclass
class Opener:
    """Writes databases and opens sources over them; closes them all at the end."""

    write: Callable[[Database], tuple[str, dict[str, object]]]
    opened: list[OmopSource] = field(default_factory=list)

    def __call__(self, database: Database, coverage: Coverage = Coverage(), **options: Any) -> OmopSource:  # noqa: B008
        location, own = self.write(database)
        self.opened.append(open_source(location, coverage, **own, **options))
        return self.opened[-1]

    def close(self) -> None:
        """Close all sources."""
        for source in self.opened:
            source.close()


def on_duckdb(folder: Path) -> Opener:
    """Opener of DuckDB files in a folder."""
    number = iter(range(1000))
    return Opener(lambda database: (database.write_duckdb(folder / f"cdm{next(number)}.duckdb"), {}))


def on_postgres(url: str) -> Opener:
    """Opener of schemas of a PostgreSQL database."""
    number = iter(range(1000))

    def write(database: Database) -> tuple[str, dict[str, object]]:
        schema = f"made_up_{next(number)}"
        database.write_postgres(url, schema)
        return url, {"schema": schema}

    return Opener(write)


def ask(source: OmopSource, where: Expr = EVERYTHING, **rest: Any) -> SourceAnswer:
    """Answer to a question."""
    return asyncio.run(source.answer(CaseQuery(where, **rest), Deadline.after(SECONDS)))


def bounds(source: OmopSource, where: Expr = EVERYTHING, **rest: Any) -> tuple[int, int | None]:
    """Total as (low, high)."""
    total = ask(source, where, **rest).total
    return total.low, total.high


def diagnosis(system: str, code: str) -> Expr:
    """A diagnosis leaf as the planner fills it."""
    return diagnosis_in("diagnosis", Term(system, code), terminology.load())

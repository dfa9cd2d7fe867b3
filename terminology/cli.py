"""`iccd terminology`: look codes up, expand, translate and validate them, classify tables, load vocabularies.

A code is written `SYSTEM:CODE` or `SYSTEM|EDITION:CODE`; without a system it is ICD-O-3. Answers go to standard
output, everything else to standard error. Exit codes: 0 fine, 1 a code or file is wrong, 2 usage.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from io import TextIOWrapper
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypedDict

import click

from terminology.errors import TerminologyError, UnknownSystem

if TYPE_CHECKING:
    from terminology.boxes import Box
    from terminology.facade import Terminology
    from terminology.packs import LoadReport

_as_json = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
_edition = click.option("--edition", help="Edition of the code's system, e.g. 2005 for ICCC3 or 3.1 for ICDO3.")
_code = click.argument("code")


class _Misused(click.ClickException):
    """A system or edition that does not exist: a fault of usage."""

    exit_code = 2


class _Group(click.Group):
    """Shows every error of the terminology as one line."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except UnknownSystem as error:
            raise _Misused(str(error)) from error
        except TerminologyError as error:
            raise click.ClickException(str(error)) from error


@click.group(name="terminology", cls=_Group)
def terminology() -> None:
    """Code systems, groups and maps: CODE is SYSTEM:CODE, e.g. 'ICCC3:IV(a)', ICD10:C74.9, or 9500/3-C74.9."""


def split_code(text: str) -> tuple[str, str, str | None]:
    """Read `SYSTEM:CODE` or `SYSTEM|EDITION:CODE` into (system, code, edition); a bare code is ICDO3."""
    prefix, colon, code = text.strip().partition(":")
    if not colon or prefix.strip().lower() == "pgx":
        return "ICDO3", text.strip(), None
    system, bar, edition = prefix.partition("|")
    return system.strip(), code.strip(), edition.strip() if bar else None


def _asked(text: str, edition: str | None) -> tuple[Terminology, str, str, str | None]:
    from terminology.facade import load

    system, code, written = split_code(text)
    return load(), system, code, edition or written


def _print_json(answer: object) -> None:
    click.echo(json.dumps(answer, ensure_ascii=False, indent=2))


@terminology.command()
@_code
@_edition
@_as_json
def lookup(code: str, edition: str | None, as_json: bool) -> None:
    """Show what is known about a code."""
    known, system, written, edition = _asked(code, edition)
    concept = known.lookup(system, written, edition)
    facts = {
        "system": concept.system,
        "code": concept.code,
        "editions": list(concept.editions),
        "name": concept.name,
        "parents": list(concept.parents),
        "properties": dict(concept.properties),
        "rows": concept.rows,
    }
    if as_json:
        _print_json(facts)
        return
    click.echo(f"{concept.system}:{concept.code}  {concept.name or '(no name that may be shown)'}")
    listed = {"editions": ", ".join(concept.editions), "parents": ", ".join(concept.parents)}
    for key, value in {**listed, **concept.properties, "from": concept.rows}.items():
        if value:
            click.echo(f"  {key}: {value}")


@terminology.command()
@_code
@_edition
@click.option("--cells", is_flag=True, help="Single tumours as morphology/behaviour-topography, not boxes.")
@_as_json
def expand(code: str, edition: str | None, cells: bool, as_json: bool) -> None:
    """Show the tumours a code means, as boxes of ICD-O-3 codes."""
    known, system, written, edition = _asked(code, edition)
    meaning = known.meaning(system, written, edition)
    tumours = [str(icdo) for icdo in known.expand(system, written, edition)] if cells else []
    if as_json:
        _print_json(
            {
                "system": meaning.system,
                "code": meaning.code,
                "edition": meaning.edition,
                "exact": meaning.exact,
                "bounded": meaning.bounded,
                "cells": len(meaning.boxes),
                "certain_cells": len(meaning.certain),
                "rows": meaning.rows,
                "notes": list(meaning.notes),
                **({"tumours": tumours} if cells else {"boxes": [_box_json(box) for box in meaning.boxes.boxes()]}),
            }
        )
        return
    for line in tumours if cells else map(str, meaning.boxes.boxes()):
        click.echo(line)
    edition_text = f" edition {meaning.edition}" if meaning.edition else ""
    click.echo(f"{meaning.system}:{meaning.code}{edition_text}: {len(meaning.boxes)} cells, {meaning.rows}", err=True)
    for note in meaning.notes:
        click.echo(f"note: {note}", err=True)


def _box_json(box: Box) -> dict[str, object]:
    return {
        "morphology": [box.morph_lo, box.morph_hi],
        "topography": [box.topo_lo, box.topo_hi],
        "behaviour": sorted(box.behaviours),
    }


@terminology.command()
@_code
@click.option("--to", "target", required=True, help="Target system, e.g. ICD10, ICCC3, NCIT.")
@_edition
@_as_json
def translate(code: str, target: str, edition: str | None, as_json: bool) -> None:
    """Show the codes of another system that share a tumour with a code; the word says how they stand to it."""
    known, system, written, edition = _asked(code, edition)
    found = known.translate(system, written, target, edition)
    rows = [{"system": t.system, "code": t.code, "equivalence": str(t.equivalence), "rows": t.rows} for t in found]
    if as_json:
        _print_json({"source": code, "translations": rows or [{"code": None, "equivalence": "unmatched"}]})
        return
    for row in rows:
        click.echo(f"{row['system']}:{row['code']}\t{row['equivalence']}\t{row['rows']}")
    if not rows:
        click.echo(f"{code}\tunmatched in {target.upper()}")


@terminology.command()
@click.argument("codes", metavar="CODE...", nargs=-1, required=True)
@_edition
@_as_json
def validate(codes: tuple[str, ...], edition: str | None, as_json: bool) -> None:
    """Say whether codes exist; exit 1 if one does not."""
    answers = [_validation(code, edition) for code in codes]
    if as_json:
        _print_json(answers)
    else:
        for answer in answers:
            click.echo(f"{answer['code']}: {'valid' if answer['valid'] else answer['error']}")
            for note in answer["notes"]:
                click.echo(f"  note: {note}")
    if not all(answer["valid"] for answer in answers):
        sys.exit(1)


class _Validation(TypedDict):
    code: str
    valid: bool
    notes: list[str]
    error: str | None


def _validation(code: str, edition: str | None) -> _Validation:
    from terminology.errors import UnknownCode

    known, system, written, edition = _asked(code, edition)
    try:
        notes = known.validate(system, written, edition)
    except UnknownCode as error:
        return {"code": code, "valid": False, "notes": [], "error": str(error)}
    return {"code": code, "valid": True, "notes": list(notes), "error": None}


@terminology.command()
@click.argument("file", metavar="FILE.csv")
@click.option("--extended", is_flag=True, help="Add the extended divisions, e.g. I(a).1.")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Write here, not to standard output."
)
def classify(file: str, extended: bool, output: Path | None) -> None:
    """Add ICCC-3 groups to a CSV table with columns topography, morphology, behaviour; - reads standard input.

    The same rows come out with iccc3_2005, iccc3_2017, seer_recode and note. Exit 1 if a row has no readable code.
    """
    from terminology.classification import TableClassifier, classify_csv
    from terminology.facade import load

    classifier = TableClassifier(load(), extended=extended)
    with _reading(file) as source, _writing(output) as target:
        tally = classify_csv(classifier, source, target, "standard input" if file == "-" else file)
    click.echo(
        f"{tally.rows} rows: {tally.classified} classified, {tally.no_group} in no group, "
        f"{tally.possible} possibly in several, {tally.refused} with a code that does not exist",
        err=True,
    )
    if tally.refused:
        sys.exit(1)


@contextmanager
def _reading(file: str) -> Iterator[IO[str]]:
    try:
        raw = click.open_file(file, "rb")
    except OSError as error:
        raise TerminologyError(f"cannot be read: {error.strerror}", where=file, expected="a CSV file") from error
    # Bytes that are not UTF-8 stand in columns that only pass through; they leave as they came.
    with raw, TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        yield text


@contextmanager
def _writing(output: Path | None) -> Iterator[IO[str]]:
    if output is None:
        text = TextIOWrapper(click.open_file("-", "wb"), encoding="utf-8", errors="surrogateescape", newline="")
        yield text
        text.flush()
        text.detach()
        return
    try:
        target = output.open("w", encoding="utf-8", errors="surrogateescape", newline="")
    except OSError as error:
        raise TerminologyError(f"cannot be written: {error.strerror}", where=str(output)) from error
    with target:
        yield target


@terminology.command()
@click.option("--athena", type=click.Path(path_type=Path), metavar="DIR", help="Folder or zip of an Athena download.")
@click.option("--rf2", type=click.Path(path_type=Path), metavar="DIR", help="Folder of a SNOMED CT RF2 release.")
@click.option("--snomed-pack", type=click.Path(path_type=Path), metavar="FILE", help="Table of SNOMED CT and ICD-O-3.")
@_as_json
def load(athena: Path | None, rf2: Path | None, snomed_pack: Path | None, as_json: bool) -> None:
    """Load vocabularies whose licence is yours into your own terminology file, in place of the shipped ones."""
    from terminology.athena import load_athena
    from terminology.places import user_path
    from terminology.snomed_packs import load_rf2, load_table

    loaders: tuple[tuple[Callable[[Path, Path], LoadReport], Path | None], ...] = (
        (load_athena, athena),
        (load_rf2, rf2),
        (load_table, snomed_pack),
    )
    asked = [(loader, location) for loader, location in loaders if location is not None]
    if not asked:
        raise click.UsageError("name what to load: --athena DIR, --rf2 DIR or --snomed-pack FILE")
    path = user_path()
    reports = [loader(location, path) for loader, location in asked]
    if as_json:
        _print_json({"file": str(path), "loaded": [asdict(report) for report in reports]})
    for report in reports:
        _tell(report, path, as_json=as_json)


def _tell(report: LoadReport, path: Path, *, as_json: bool) -> None:
    for warning in report.warnings:
        click.echo(f"warning: {warning}", err=True)
    if not as_json:
        kept = ", ".join(f"{count} {kind}" for kind, count in report.rows.items())
        click.echo(f"{report.pack} {report.version}: {kept} -> {path}")

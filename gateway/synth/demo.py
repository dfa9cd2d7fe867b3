"""The six registries of `iccd demo`, each in its own format, with settings that plug them in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from gateway.settings import GatewaySettings
from gateway.synth.formats import FORMATS
from gateway.synth.population import DIRT
from gateway.synth.rendering import cases_of, truth_connection
from gateway.synth.truth import make_truth

YEARS = (2005, 2020)
PLAIN = GatewaySettings(id="org.example.demo", title="Six synthetic registries")


@dataclass(frozen=True, slots=True)
class Registry:
    """One registry of the demo.

    Attributes
    ----------
    format
        Name in gateway.synth.formats.
    rule
        Multiple-primary rule that it declares.
    """

    id: str
    title: str
    country: str
    format: str
    cases: int
    rule: str


REGISTRIES = (
    Registry("us-naaccr", "Synthetic registry of the United States", "US", "naaccr_xml", 20_000, "seer"),
    Registry("ca-naaccr", "Synthetic registry of Canada", "CA", "naaccr_xml_18", 6_000, "seer"),
    Registry("de-obds", "Synthetic registry of Germany", "DE", "obds_rki_xml", 12_000, "iarc"),
    Registry("fr-encr", "Synthetic registry of France", "FR", "encr", 12_000, "iarc"),
    Registry("gb-iicc", "Synthetic registry of the United Kingdom", "GB", "iicc3_listing", 12_000, "iarc"),
    Registry("it-omop", "Synthetic registry of Italy", "IT", "omop", 9_000, "iarc"),
)


@dataclass(frozen=True, slots=True)
class Made:
    """What was made for one registry.

    Attributes
    ----------
    cases, dirt
        Cases of the truth, and how many of them were broken on purpose, by kind.
    """

    truth: Path
    location: Path
    cases: int
    dirt: dict[str, int]


def make_demo(
    folder: Path,
    seed: int,
    port: int = 8080,
    gateway: GatewaySettings = PLAIN,
    registries: Sequence[Registry] = REGISTRIES,
) -> dict[str, Made]:
    """Make the registries under `folder/files`, their truth tables under `folder/truth`, and `folder/iccd.toml`.

    Parameters
    ----------
    port
        Where the settings say that the demo serves.
    gateway
        Its id, title, deadline and terminology (a path that holds in `folder`) are those of the demo.
    registries
        Which registries, and how many cases each has.

    Returns
    -------
    dict
        What was made, by source id.
    """
    files, truths = folder / "files", folder / "truth"
    files.mkdir(parents=True, exist_ok=True)
    truths.mkdir(parents=True, exist_ok=True)
    made = {registry.id: _make(registry, files, truths, seed + number) for number, registry in enumerate(registries)}
    (folder / "iccd.toml").write_text(settings_text(folder, made, port, gateway, registries), encoding="utf-8")
    return made


def settings_text(
    folder: Path,
    made: dict[str, Made],
    port: int = 8080,
    gateway: GatewaySettings = PLAIN,
    registries: Sequence[Registry] = REGISTRIES,
) -> str:
    """Settings that plug in the registries that were made; data stay in the demo's folder, whatever `gateway` says."""
    values = {
        "id": gateway.id,
        "title": gateway.title,
        "data": "./data",
        "public_url": f"http://127.0.0.1:{port}",
        "deadline_seconds": gateway.deadline_seconds,
    }
    if gateway.terminology is not None:
        values["terminology"] = str(gateway.terminology)
    # Strings of JSON are basic strings of TOML.
    head = "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())
    blocks = [_block(registry, made[registry.id].location.relative_to(folder)) for registry in registries]
    return f"[gateway]\n{head}" + "".join(blocks)


def _block(registry: Registry, location: Path) -> str:
    form = FORMATS[registry.format]
    profile = f'profile = "{form.profile}"\n' if form.profile else ""
    return f"""
[sources.{registry.id}]
kind = "{form.kind}"
{profile}title = "{registry.title}"
location = "{location.as_posix()}"
country = "{registry.country}"
years = [{YEARS[0]}, {YEARS[1]}]
ages = [0, 19]
multiple_primary_rule = "{registry.rule}"
policy = "open"
"""


def _make(registry: Registry, files: Path, truths: Path, seed: int) -> Made:
    truth = make_truth(
        registry.cases,
        seed,
        truths / f"{registry.id}.parquet",
        registry=registry.id,
        countries=(registry.country,),
        years=YEARS,
        dirt=True,
    )
    location, *_ = FORMATS[registry.format].render(truth, files / registry.id, lambda _done: None)
    with truth_connection(truth) as connection:
        return Made(truth, location, cases_of(connection), _dirt(connection))


def _dirt(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    rows = connection.execute("SELECT dirt, count(*) FROM truth WHERE dirt <> '' GROUP BY dirt").fetchall()
    return {kind: 0 for kind in DIRT if kind} | dict(rows)

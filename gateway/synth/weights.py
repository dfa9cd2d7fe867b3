"""The weights that made-up registries are drawn with: tables/*.tsv as arrays (sources: tables/SOURCES.md).

A case is drawn in two steps: a cell (country, year, sex, age, ICCC-3 main group) by rate times person-years, then a
tumour (morphology, behaviour, site) among those of the main group in that age band and sex.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from gateway.errors import Unsupported

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MAINS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
SEXES = ("male", "female")
BANDS = ("0_4", "5_9", "10_14", "15_19")
AGES = 20
YEARS = (1990, 2022)
COUNTRIES = ("CA", "DE", "FR", "GB", "IT", "JP", "US")


@dataclass(frozen=True, slots=True)
class Pick:
    """Weighted choice among the items of a key, vectorised.

    Attributes
    ----------
    edges
        Ascending; key + cumulative share of each item.
    items
        What the edges stand for.
    """

    edges: Floats
    items: Ints

    @classmethod
    def of(cls, choices: Iterable[tuple[int, Sequence[int], Sequence[float]]]) -> Pick:
        """Choices as (key, items, weights), keys ascending; a key without any weight can never be drawn."""
        edges, items = [], []
        for key, values, weights in choices:
            kept = np.asarray(weights, np.float64)
            positive = kept > 0
            if positive.any():
                shares = np.cumsum(kept[positive]) / kept.sum()
                shares[-1] = 1.0
                edges.append(key + shares)
                items.append(np.asarray(values, np.int64)[positive])
        return cls(np.concatenate(edges), np.concatenate(items))

    def draw(self, keys: Ints | int, uniform: Floats) -> Ints:
        """Item for each key by a uniform number in [0, 1) of at most 32 bits."""
        return self.items[np.searchsorted(self.edges, keys + uniform, side="right")]


@dataclass(frozen=True, slots=True)
class Cells:
    """Every (country, year, sex, age, main group) with a case now and then, and the choice among them."""

    country: Ints
    year: Ints
    sex: Ints
    age: Ints
    main: Ints
    pick: Pick


@dataclass(frozen=True, slots=True)
class Tumours:
    """Every tumour that can be drawn; arrays over (row of tumours.tsv, site).

    Attributes
    ----------
    pick
        Tumour by key `tumour_key(main, age, sex)`.
    stage, stage_survival
        Stage by scheme key, and five-year survival of each stage.
    main_again
        Main group of a further primary by key `age // 5 * 2 + sex`.
    """

    morphology: Ints
    behaviour: Ints
    topography: tuple[str, ...]
    group: tuple[str, ...]
    scheme: Ints
    survival: Floats
    grade: Ints
    pick: Pick
    stages: tuple[str, ...]
    stage_survival: Floats
    stage: Pick
    main_again: Pick


def tumour_key(main: Ints, age: Ints, sex: Ints) -> Ints:
    """Key of the tumours of a main group in the age band and sex of a case."""
    return (main * len(BANDS) + age // 5) * len(SEXES) + sex


def load_cells(countries: Sequence[str], years: tuple[int, int]) -> Cells:
    """Cells of some countries (ISO 3166-1 alpha-2) and years, first and last included.

    Raises
    ------
    gateway.errors.Unsupported
        A country or year for which there are no person-years.
    """
    _check(countries, years)
    rates = {(row["main"], row["sex"]): [float(row[f"r{band}"]) for band in BANDS] for row in table("rates")}
    within_band = {row["main"]: _band_shares([float(row[f"a{age}"]) for age in range(AGES)]) for row in table("ages")}
    columns: list[tuple[int, int, int, int, int]] = []
    weights: list[float] = []
    for row in table("person_years"):
        if row["country"] not in countries or not years[0] <= int(row["year"]) <= years[1]:
            continue
        person_years = np.array([float(row[f"a{age}"]) for age in range(AGES)])
        for number, main in enumerate(MAINS):
            expected = np.repeat(rates[main, row["sex"]], 5) * within_band[main] * person_years * 100 / 1_000_000
            place = COUNTRIES.index(row["country"]), int(row["year"]), SEXES.index(row["sex"])
            columns.extend((*place, age, number) for age in range(AGES))
            weights.extend(_trend(int(row["year"])) * expected)
    country, year, sex, age, main_group = np.array(columns).T
    return Cells(country, year, sex, age, main_group, Pick.of([(0, range(len(weights)), weights)]))


def expected_cases(countries: Sequence[str], years: tuple[int, int]) -> float:
    """Cases that the rates give for the person-years of some countries and years."""
    _check(countries, years)
    rates = {(row["main"], row["sex"]): [float(row[f"r{band}"]) for band in BANDS] for row in table("rates")}
    by_sex = {sex: np.repeat(np.sum([rates[main, sex] for main in MAINS], axis=0), 5) for sex in SEXES}
    total = 0.0
    for row in table("person_years"):
        if row["country"] in countries and years[0] <= int(row["year"]) <= years[1]:
            total += float(by_sex[row["sex"]] @ np.array([float(row[f"a{age}"]) for age in range(AGES)])) / 10_000
    return total


@lru_cache(maxsize=1)
def load_tumours() -> Tumours:
    """All tumours with the choices among them."""
    rows = [(row, *site) for row in table("tumours") for site in _sites(row)]
    schemes = sorted({row["scheme"] for row in table("stages")})
    stages = table("stages")
    return Tumours(
        morphology=np.array([int(row["morphology"]) for row, _, _ in rows]),
        behaviour=np.array([int(row["behaviour"]) for row, _, _ in rows]),
        topography=tuple(site for _, site, _ in rows),
        group=tuple(row["group"] for row, _, _ in rows),
        scheme=np.array([schemes.index(row["stage"]) if row["stage"] else -1 for row, _, _ in rows]),
        survival=np.array([float(row["survival5"]) / 100 for row, _, _ in rows]),
        grade=np.array([int(row["grade"]) for row, _, _ in rows]),
        pick=Pick.of(_tumour_choices(rows)),
        stages=tuple(row["stage"] for row in stages),
        stage_survival=np.array([float(row["survival5"]) / 100 for row in stages]),
        stage=Pick.of(_stage_choices(schemes, stages)),
        main_again=Pick.of(_main_choices()),
    )


def table(name: str) -> list[dict[str, str]]:
    """Rows of one of our tables."""
    text = files("gateway.synth").joinpath(f"tables/{name}.tsv").read_text(encoding="utf-8")
    header, *lines = (line for line in text.splitlines() if not line.startswith("#"))
    columns = header.split("\t")
    return [dict(zip(columns, line.split("\t"), strict=True)) for line in lines]


def _check(countries: Sequence[str], years: tuple[int, int]) -> None:
    if not countries or not set(countries) <= set(COUNTRIES):
        raise Unsupported(f"no person-years for {', '.join(countries)}", expected=", ".join(COUNTRIES))
    if not YEARS[0] <= years[0] <= years[1] <= YEARS[1]:
        raise Unsupported(f"no person-years for {years[0]} to {years[1]}", expected=f"{YEARS[0]} to {YEARS[1]}")


def _trend(year: int) -> float:
    """+0.65 % a year (SEER: 0.6 to 0.7 %), 1 in 2005."""
    return float(1.0065 ** (year - 2005))


def _band_shares(weights: list[float]) -> Floats:
    bands = np.array(weights).reshape(len(BANDS), 5)
    shares: Floats = (bands / bands.mean(axis=1, keepdims=True)).reshape(AGES)
    return shares


def _sites(row: dict[str, str]) -> list[tuple[str, float]]:
    pairs = [site.partition(":") for site in row["sites"].split(",")]
    return [(site, float(share or 100)) for site, _, share in pairs]


def _tumour_choices(
    rows: list[tuple[dict[str, str], str, float]],
) -> Iterable[tuple[int, Sequence[int], Sequence[float]]]:
    site_totals = [sum(share for _, share in _sites(row)) for row, _, _ in rows]
    for main_number, main in enumerate(MAINS):
        for band_number, band in enumerate(BANDS):
            for sex_number, sex in enumerate(SEXES):
                key = (main_number * len(BANDS) + band_number) * len(SEXES) + sex_number
                weights = [
                    float(row[f"w{band}"]) * share / total
                    if row["group"].split("(")[0] == main and row["sex"] in (sex, "both")
                    else 0.0
                    for (row, _, share), total in zip(rows, site_totals, strict=True)
                ]
                yield key, range(len(rows)), weights


def _stage_choices(
    schemes: list[str], stages: list[dict[str, str]]
) -> Iterable[tuple[int, Sequence[int], Sequence[float]]]:
    for key, scheme in enumerate(schemes):
        yield key, range(len(stages)), [float(row["share"]) * (row["scheme"] == scheme) for row in stages]


def _main_choices() -> Iterable[tuple[int, Sequence[int], Sequence[float]]]:
    rates = {(row["main"], row["sex"]): row for row in table("rates")}
    for band_number, band in enumerate(BANDS):
        for sex_number, sex in enumerate(SEXES):
            weights = [float(rates[main, sex][f"r{band}"]) for main in MAINS]
            yield band_number * len(SEXES) + sex_number, range(len(MAINS)), weights

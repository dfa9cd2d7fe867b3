"""Draws the persons and tumours of a made-up registry as arrays of whole numbers, chunk by chunk.

Chunks are of whole blocks of four cases: within a block the second and fourth case may be a further primary of the
case before it, the third also a third primary. So no case depends on one outside its block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.synth.draws import Slot, uniforms
from gateway.synth.weights import MAINS, Cells, Floats, Ints, Tumours, tumour_key

BLOCK = 4
AGAIN = (0.0, 0.05, 0.04, 0.05)
"""Chance of a further primary by place in the block: 2.5 % of all cases."""

BASIS = ("7", "2", "5", "4", "6", "8", "1", "0", "unknown")
BASIS_SHARES = (0.926, 0.038, 0.012, 0.006, 0.004, 0.003, 0.003, 0.003, 0.005)
BASIS_SHARES_IMAGED = (0.52, 0.44, 0.008, 0.008, 0.002, 0.002, 0.008, 0.004, 0.008)
SIDE = ("not-applicable", "right", "left", "bilateral", "unilateral", "midline", "unknown")
SIDE_SHARES = {
    "one": (0.0, 0.48, 0.475, 0.005, 0.01, 0.0, 0.03),
    "eye": (0.0, 0.37, 0.365, 0.24, 0.005, 0.0, 0.02),
    "kidney": (0.0, 0.465, 0.46, 0.05, 0.005, 0.0, 0.02),
    "brain": (0.0, 0.42, 0.42, 0.02, 0.01, 0.08, 0.05),
}
PAIRED = {
    "C69": "eye",
    "C64": "kidney",
    **dict.fromkeys(
        ("C07", "C34", "C40", "C44.5", "C44.6", "C44.7", "C49.1", "C49.2", "C50", "C56", "C62", "C74"), "one"
    ),
    **dict.fromkeys(("C47.1", "C47.2", "C09", "C30.0", "C63.1", "C31.0", "C38.4"), "one"),
    **dict.fromkeys(
        ("C70.0", "C71.0", "C71.1", "C71.2", "C71.3", "C71.4", "C72.2", "C72.3", "C72.4", "C72.5"), "brain"
    ),
}
VITAL = ("alive", "dead", "unknown")
PRECISION = ("day", "month", "year", "unknown")
DIRT = ("", "invalid-code", "metastatic", "duplicate")
DIRT_SHARES = (0.991, 0.001, 0.003, 0.005)
SEX = ("male", "female", "unknown", "other")

SITE_UNKNOWN = 0.008
"""Of the groups where it can happen; with the unknown primaries of XII about 0.7 % of all cases have C80.9."""

_IMAGED_MORPHOLOGIES = (8000, 9380, 9385)
_IMAGED_SITES = ("C69.2", "C72.3")
_SITE_CAN_BE_UNKNOWN = tuple(main not in ("I", "III", "V") for main in MAINS)
_MEAN_YEARS_TO_DEATH = 1.8
_TEN_YEARS = 1 - np.exp(-10 / _MEAN_YEARS_TO_DEATH)

Chunk = dict[str, npt.NDArray[np.integer]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a made-up registry is drawn from.

    Attributes
    ----------
    years
        First and last incidence year; follow-up ends with the year after.
    dirt
        Whether some records are broken on purpose.
    """

    seed: int
    cells: Cells
    tumours: Tumours
    years: tuple[int, int]
    dirt: bool


def draw_cases(plan: Plan, first: int, count: int) -> Chunk:
    """Cases `first` to `first + count - 1`; both multiples of BLOCK.

    Returns
    -------
    Chunk
        One array for each column: days since 1970-01-01 for dates, positions in the tuples of this module for codes,
        `tumour` a position in plan.tumours.
    """
    u = uniforms(plan.seed, first, count)
    number = np.arange(first, first + count)
    again = u[Slot.AGAIN] < np.tile(AGAIN, count // BLOCK)
    again[2::BLOCK] &= again[1::BLOCK]
    again[3::BLOCK] &= ~again[2::BLOCK]
    tumour_number = np.ones(count, np.int64)
    tumour_number[again] = 2
    tumour_number[2::BLOCK][again[2::BLOCK]] = 3

    cell = plan.cells.pick.draw(0, u[Slot.CELL])
    sex, country, year, age, main = (
        column[cell].copy()
        for column in (plan.cells.sex, plan.cells.country, plan.cells.year, plan.cells.age, plan.cells.main)
    )
    incidence = _day_in_year(year, u[Slot.DAY])
    birth = _birth(incidence, age, u[Slot.BIRTHDAY])
    for place in (2, 3):
        rows = np.flatnonzero(tumour_number == place)
        for column in (sex, country, birth):
            column[rows] = column[rows - 1]
        incidence[rows] = _later(plan, birth[rows], incidence[rows - 1], u[Slot.GAP][rows])
        age[rows] = completed_years(birth[rows], incidence[rows])
        main[rows] = plan.tumours.main_again.draw(age[rows] // 5 * 2 + sex[rows], u[Slot.CELL][rows])
    tumour = plan.tumours.pick.draw(tumour_key(main, age, sex), u[Slot.TUMOUR])

    chunk: Chunk = {
        "number": number,
        "patient": number - tumour_number + 1,
        "tumour_number": tumour_number,
        "sequence": _sequence(tumour_number),
        "country": country,
        "birth": birth,
        "incidence": incidence,
        "age": age,
        "tumour": tumour,
        "site_unknown": (u[Slot.SITE_KNOWN] < SITE_UNKNOWN) & np.array(_SITE_CAN_BE_UNKNOWN)[main],
        "histology_known": np.digitize(u[Slot.HISTOLOGY_KNOWN], (0.0005, 0.001)),
    }
    chunk |= _findings(plan, chunk, u)
    chunk |= _follow_up(plan, chunk, u)
    chunk |= _imprecision(plan, chunk, sex, u)
    return chunk


def completed_years(birth: Ints, at: Ints) -> Ints:
    """Completed years between two days since 1970-01-01, as gateway.model.dates.completed_years."""
    born_year, born_month, born_day = _parts(birth)
    year, month, day = _parts(at)
    return year - born_year - (month * 32 + day < born_month * 32 + born_day)


def _sequence(tumour_number: Ints) -> Ints:
    """0 for a single primary, else the number of the primary."""
    more = np.append(tumour_number[1:] > 1, False)
    return np.where((tumour_number == 1) & ~more, 0, tumour_number)


def _findings(plan: Plan, chunk: Chunk, u: Floats) -> Chunk:
    tumour = chunk["tumour"]
    imaged, side_key = _tumour_traits(plan.tumours)
    bases = Picks(BASIS_SHARES, BASIS_SHARES_IMAGED)
    sides = Picks(_only(SIDE, "not-applicable"), *SIDE_SHARES.values())
    usual = plan.tumours.grade[tumour]
    grade_known = u[Slot.GRADE] < np.where(usual == 9, 0.06, 0.8)
    scheme = plan.tumours.scheme[tumour]
    staged = (scheme >= 0) & (u[Slot.STAGE_KNOWN] < 0.93)
    stage = np.full(len(tumour), -1)
    stage[staged] = plan.tumours.stage.draw(scheme[staged], u[Slot.STAGE][staged])
    return {
        "basis": bases.draw(imaged[tumour], u[Slot.BASIS]),
        "laterality": sides.draw(np.where(chunk["site_unknown"], 0, side_key[tumour]), u[Slot.SIDE]),
        "grade": np.where(grade_known, np.where(usual == 9, 1 + (u[Slot.GRADE] * 1e4).astype(int) % 4, usual), 9),
        "stage": stage,
    }


def _follow_up(plan: Plan, chunk: Chunk, u: Floats) -> Chunk:
    """Vital status and last contact of a patient, decided by the last tumour and the same on all of them."""
    end = _days(plan.years[1] + 1, 12, 31)
    staged = chunk["stage"] >= 0
    survival = np.where(staged, plan.tumours.stage_survival[chunk["stage"]], plan.tumours.survival[chunk["tumour"]])
    only_certified = np.array(BASIS)[chunk["basis"]] == "0"
    years_left = -np.log(1 - u[Slot.SURVIVAL] * _TEN_YEARS) * _MEAN_YEARS_TO_DEATH
    death = chunk["incidence"] + np.where(only_certified, 0, 1 + (years_left * 365.25).astype(np.int64))
    seen = end - (u[Slot.CONTACT] / 0.9 * 540).astype(np.int64)
    lost = u[Slot.CONTACT] >= 0.9
    span = end - chunk["incidence"]
    seen = np.where(lost, chunk["incidence"] + ((u[Slot.CONTACT] - 0.9) * 10 * span).astype(np.int64), seen)
    seen = np.maximum(seen, chunk["incidence"])
    dead = (only_certified | (u[Slot.CURE] < (1 - survival) * 1.03)) & (death <= np.where(lost, seen, end))
    vital = np.where(dead, 1, np.where(u[Slot.VITAL_KNOWN] < 0.004, 2, 0))
    contact = np.where(dead, death, seen)
    for place in (3, 2):
        rows = np.flatnonzero(chunk["tumour_number"] == place)
        vital[rows - 1], contact[rows - 1] = vital[rows], contact[rows]
    return {"vital_status": vital, "last_contact": contact}


def _imprecision(plan: Plan, chunk: Chunk, sex: Ints, u: Floats) -> Chunk:
    """What of the truth the registry does not know; a patient's part is the same on all tumours."""
    birth = np.digitize(1 - u[Slot.BIRTH_PRECISION], (0.97, 0.99, 0.999))
    contact = np.where(chunk["vital_status"] == 2, 3, np.digitize(1 - u[Slot.CONTACT_PRECISION], (0.98, 0.995, 1.1)))
    sex_known = np.where(u[Slot.SEX_KNOWN] < 0.0005, 2, np.where(u[Slot.SEX_KNOWN] < 0.0007, 3, sex))
    for place in (2, 3):
        rows = np.flatnonzero(chunk["tumour_number"] == place)
        for column in (birth, contact, sex_known):
            column[rows] = column[rows - 1]
    dirt = np.digitize(u[Slot.DIRT], np.cumsum(DIRT_SHARES)[:-1]) if plan.dirt else np.zeros(len(sex), np.int64)
    return {
        "sex": sex_known,
        "birth_precision": birth,
        "incidence_precision": np.digitize(1 - u[Slot.INCIDENCE_PRECISION], (0.972, 0.994, 1.1)),
        "last_contact_precision": contact,
        "age_known": ~((birth == 3) & (u[Slot.AGE_KNOWN] < 0.5)),
        "dirt": dirt,
        "spelling": np.digitize(1 - u[Slot.SPELLING], (0.97, 0.98, 0.99)),
    }


class Picks:
    """Weighted choice of a position, one distribution for each key."""

    def __init__(self, *shares: tuple[float, ...]) -> None:
        self._edges = np.array([np.cumsum(row) / np.sum(row) for row in shares])

    def draw(self, keys: npt.NDArray[np.integer], uniform: Floats) -> Ints:
        """Position for each key."""
        position: Ints = (uniform[:, None] >= self._edges[keys]).sum(axis=1)
        return position


def _tumour_traits(tumours: Tumours) -> tuple[Ints, Ints]:
    imaged = np.isin(tumours.morphology, _IMAGED_MORPHOLOGIES) | np.isin(tumours.topography, _IMAGED_SITES)
    kinds = ("none", *SIDE_SHARES)
    sides = [PAIRED.get(site, PAIRED.get(site[:3], "none")) for site in tumours.topography]
    return imaged.astype(np.int64), np.array([kinds.index(side) for side in sides])


def _only(names: tuple[str, ...], name: str) -> tuple[float, ...]:
    return tuple(float(other == name) for other in names)


def _days(year: int, month: int, day: int) -> int:
    return int(np.datetime64(f"{year:04d}-{month:02d}-{day:02d}", "D").astype(np.int64))


def _first_day(year: Ints, month: Ints | int) -> Ints:
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days: Ints = months.astype("datetime64[D]").astype(np.int64)
    return days


def _parts(days: Ints) -> tuple[Ints, Ints, Ints]:
    months = days.astype("datetime64[D]").astype("datetime64[M]")
    serial = months.astype(np.int64)
    return serial // 12 + 1970, serial % 12 + 1, days - months.astype("datetime64[D]").astype(np.int64) + 1


def _day_in_year(year: Ints, uniform: Floats) -> Ints:
    start = _first_day(year, 1)
    return start + (uniform * (_first_day(year + 1, 1) - start)).astype(np.int64)


def _years_before(days: Ints, years: Ints) -> Ints:
    """The same day some years before; 28 February where there is no 29th."""
    year, month, day = _parts(days)
    length = _first_day(year - years, month + 1) - _first_day(year - years, month)
    earlier: Ints = _first_day(year - years, month) + np.minimum(day, length) - 1
    return earlier


def _birth(incidence: Ints, age: Ints, uniform: Floats) -> Ints:
    latest, before = _years_before(incidence, age), _years_before(incidence, age + 1)
    return latest - (uniform * (latest - before)).astype(np.int64)


def _later(plan: Plan, birth: Ints, earlier: Ints, uniform: Floats) -> Ints:
    """Incidence of a further primary: before the twentieth birthday and within the years of the registry."""
    end = np.minimum(_years_before(birth, np.full(len(birth), -20)) - 1, _days(plan.years[1], 12, 31))
    later: Ints = earlier + (uniform * (end - earlier + 1)).astype(np.int64)
    return later

"""What a snapshot file holds: its version, its tables and how they say `unknown` (design section 6).

One DuckDB file per source and load. An unknown interval is stored wider than any value (`LOW` to `HIGH`), so that one
pair of comparisons tells possible from impossible and zone maps still work. Dates are proleptic ordinals, 1 = 0001-01-01.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.model.answer import Unusable

FORMAT = "3"
"""Version of the tables below; a file of another version is refused by name."""

LOW = -1
"""Lower end of an unknown interval."""
HIGH = {
    **dict.fromkeys(("age", "year"), 32_000),
    **dict.fromkeys(("age_days", "date", "birth", "contact"), 9_999_999),
}
"""Upper end of an unknown interval of each kind, above any value."""
NO_SEQUENCE = -1

CODED = ("sex", "vital_status", "basis", "laterality", "grade", "stage", "country")
"""Columns that hold positions in the `codes` dictionary."""
INTERVALS = ("age", "year")
"""Intervals of the cube, stored as NAME_lo and NAME_hi."""
ROW_INTERVALS = ("age_days", "date")
"""Intervals that only rows have: too many values for a cube."""
CUBE = ("dx", *CODED, *(f"{name}_{end}" for name in INTERVALS for end in ("lo", "hi")))
"""Columns of the cube."""
QUERIED = (*CUBE, *(f"{name}_{end}" for name in ROW_INTERVALS for end in ("lo", "hi")))
"""Columns that a condition can use."""
RECORD = (
    *("case_no", *QUERIED, "birth_lo", "birth_hi", "contact_lo", "contact_hi"),
    *("date_precision", "birth_precision", "contact_precision", "sequence", "case_key", "patient_key"),
)
"""Columns of `cases`, from which a record is made."""

INTERVAL_FIELDS = frozenset({*INTERVALS, *ROW_INTERVALS})
DIAGNOSIS_FIELDS = frozenset({"diagnosis", "entity", "topography", "morphology", "behaviour"})
"""Question fields that the diagnosis dictionary answers."""


def columns_of(field_name: str) -> tuple[str, ...]:
    """Columns of `cases` that a question field or dimension of an interval or code reads."""
    return (f"{field_name}_lo", f"{field_name}_hi") if field_name in INTERVAL_FIELDS else (field_name,)


@dataclass(frozen=True, slots=True)
class SnapshotMeta:
    """What a load says of the snapshot it makes.

    Attributes
    ----------
    source
        Id of the source.
    snapshot
        Id of this snapshot: letters, digits, `.`, `-` and `_`.
    created
        Moment of the load, ISO 8601 with zone.
    report
        Load report, as JSON can hold it: counts, rejects by reason, files.
    never
        Question fields that the profile never fills; fields without any value in the rows are added.
    unusable
        Records that could not be used, if they are more than the profile allows.
    """

    source: str
    snapshot: str
    created: str
    report: Mapping[str, object] = field(default_factory=dict)
    never: frozenset[str] = frozenset()
    unusable: Unusable | None = None


# Ids are noise, so compressing them gains little, and reading one would unpack a thousand.
SCHEMA = """
CREATE TABLE meta (key VARCHAR, value VARCHAR);
CREATE TABLE diagnoses (
    dx INTEGER, topography VARCHAR, morphology SMALLINT, behaviour TINYINT,
    topography_absent VARCHAR, morphology_absent VARCHAR, behaviour_absent VARCHAR,
    icd10 VARCHAR, iccc VARCHAR, icdo_edition VARCHAR);
CREATE TABLE codes (field VARCHAR, idx INTEGER, code VARCHAR);
CREATE TABLE cases (
    case_no INTEGER, dx INTEGER,
    sex UTINYINT, vital_status UTINYINT, basis UTINYINT, laterality UTINYINT,
    grade USMALLINT, stage USMALLINT, country USMALLINT,
    age_lo SMALLINT, age_hi SMALLINT, year_lo SMALLINT, year_hi SMALLINT,
    age_days_lo INTEGER, age_days_hi INTEGER, date_lo INTEGER, date_hi INTEGER,
    birth_lo INTEGER, birth_hi INTEGER, contact_lo INTEGER, contact_hi INTEGER,
    date_precision UTINYINT, birth_precision UTINYINT, contact_precision UTINYINT,
    sequence SMALLINT, case_key VARCHAR USING COMPRESSION uncompressed,
    patient_key VARCHAR USING COMPRESSION uncompressed);
"""


def select_list(columns: tuple[str, ...]) -> str:
    """Column names for a SELECT."""
    return ", ".join(columns)

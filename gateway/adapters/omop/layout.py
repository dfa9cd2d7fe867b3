"""Which tables and columns a database has: OMOP CDM 5.3 or 5.4, with or without what is optional.

Clinical tables and columns are those of the OHDSI CDM specification; 5.4 gave `location` a country.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from gateway.adapters.omop.engine import Session
from gateway.adapters.omop.settings import OmopSettings
from gateway.adapters.omop.sql import BIG, SMALL, statement, text
from gateway.errors import SourceUnavailable

REQUIRED: Mapping[str, frozenset[str]] = {
    "condition_occurrence": frozenset(
        {
            "condition_occurrence_id",
            "person_id",
            "condition_concept_id",
            "condition_start_date",
            "condition_source_value",
            "condition_source_concept_id",
        }
    ),
    "person": frozenset(
        {"person_id", "gender_concept_id", "year_of_birth", "month_of_birth", "day_of_birth", "location_id"}
    ),
    "concept": frozenset({"concept_id", "vocabulary_id", "concept_code"}),
}
OPTIONAL: Mapping[str, frozenset[str]] = {
    "death": frozenset({"person_id", "death_date"}),
    "observation_period": frozenset({"person_id", "observation_period_end_date"}),
    "location": frozenset({"location_id", "country_concept_id", "country_source_value"}),
    "concept_relationship": frozenset({"concept_id_1", "concept_id_2", "relationship_id", "invalid_reason"}),
    "concept_ancestor": frozenset({"ancestor_concept_id", "descendant_concept_id"}),
}
BIG_TYPES = frozenset({"bigint", "hugeint", "numeric"})
VOCABULARY = frozenset({"concept", "concept_relationship", "concept_ancestor"})


@dataclass(frozen=True, slots=True)
class Layout:
    """What the statements need to know of a database.

    Attributes
    ----------
    tables
        Tables that are there with all columns that are used; `location` only with the country of 5.4.
    condition_types
        Only conditions of these types; empty = all.
    by_date
        Whether each start date of a diagnosis is a case of its own.
    big_ids
        Whether ids of persons, conditions or concepts have 64 bits.
    dated
        Whether the database itself sees to it that every condition has a date.
    catalog
        Catalog that the schemas are in; DuckDB needs it where file and schema have the same name.
    """

    schema: str | None
    vocabulary_schema: str | None
    tables: frozenset[str]
    condition_types: tuple[int, ...] = ()
    by_date: bool = False
    big_ids: bool = False
    dated: bool = False
    catalog: str | None = None

    @property
    def version(self) -> str:
        """CDM version as far as it makes a difference here."""
        return "5.4" if "location" in self.tables else "5.3"

    @property
    def id_type(self) -> str:
        """SQL type of ids: a parameter of another type may keep an engine from its index."""
        return BIG if self.big_ids else SMALL

    @property
    def largest_id(self) -> int:
        """Largest id that a column can hold."""
        return (1 << 63) - 1 if self.big_ids else (1 << 31) - 1

    def table(self, name: str, alias: str) -> exp.Table:
        """A table in its schema under an alias."""
        schema = self.vocabulary_schema if name in VOCABULARY else self.schema
        place = {} if schema is None else {"db": exp.to_identifier(schema, quoted=True)}
        if place and self.catalog is not None:
            place["catalog"] = exp.to_identifier(self.catalog, quoted=True)
        return exp.Table(this=exp.to_identifier(name), alias=exp.TableAlias(this=exp.to_identifier(alias)), **place)

    def bind(self, tree: exp.Expression) -> exp.Expression:
        """The same statement with its tables in their schemas."""
        return tree.transform(
            lambda node: (
                self.table(node.name, node.alias_or_name)
                if isinstance(node, exp.Table) and node.name in self.tables
                else node
            )
        )


def read_layout(session: Session, dialect: str, settings: OmopSettings) -> Layout:
    """Layout of a database.

    Raises
    ------
    SourceUnavailable
        A table or column without which no case can be read is missing; it is named.
    """
    clinical = _columns(session, dialect, settings.schema)
    same = settings.vocabulary_schema == settings.schema
    vocabulary = clinical if same else _columns(session, dialect, settings.vocabulary_schema)
    for name, needed in REQUIRED.items():
        missing = sorted(needed - (vocabulary if name in VOCABULARY else clinical).get(name, {}).keys())
        if missing:
            raise SourceUnavailable(
                f"the database is no OMOP CDM: {name}.{missing[0]} is missing",
                where=settings.name,
                expected="the tables of OMOP CDM 5.3 or 5.4 in `schema` and `vocabulary_schema`",
            )
    optional = {
        name
        for name, needed in OPTIONAL.items()
        if needed <= (vocabulary if name in VOCABULARY else clinical).get(name, {}).keys()
    }
    if settings.version == "5.3":
        optional.discard("location")
    elif settings.version == "5.4" and "location" not in optional:
        raise SourceUnavailable(
            "the database is no OMOP CDM 5.4: location.country_concept_id is missing",
            where=settings.name,
            expected="version = '5.3' or no version",
        )
    return Layout(
        settings.schema,
        settings.vocabulary_schema,
        frozenset(REQUIRED) | optional,
        settings.condition_types,
        settings.case_rule == "occurrence",
        any(column.kind in BIG_TYPES for column in clinical["condition_occurrence"].values()),
        not clinical["condition_occurrence"]["condition_start_date"].nullable,
        str(session.fetch("SELECT CURRENT_DATABASE()", {})[0][0]) if dialect == "duckdb" else None,
    )


@dataclass(frozen=True, slots=True)
class _Column:
    kind: str
    nullable: bool


def _columns(session: Session, dialect: str, schema: str | None) -> dict[str, dict[str, _Column]]:
    """Columns of each table that is used."""
    found: dict[str, dict[str, _Column]] = {}
    names = [*REQUIRED, *OPTIONAL]
    place = "CURRENT_SCHEMA()" if schema is None else "$schema"
    query = statement(
        f"""
        SELECT LOWER(table_name), LOWER(column_name), LOWER(data_type), is_nullable
        FROM information_schema.columns
        WHERE table_schema = {place} AND LOWER(table_name) IN (SELECT UNNEST(CAST($names AS TEXT[])))
        """
    )
    parameters: dict[str, object] = {"names": names} if schema is None else {"names": names, "schema": schema}
    for table, column, kind, nullable in session.fetch(text(query, dialect), parameters):
        found.setdefault(table, {})[column] = _Column(kind, nullable != "NO")
    return found

"""Settings of one OMOP source, checked: where the database is and how its rows become cases.

A password comes from the URL of the settings or from the environment variable that `password_env` names (libpq's own
PGPASSWORD and password file work too); it is never part of a name, an error or a log.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gateway.errors import BadSettings
from gateway.sources.base import SourceConfig

OPTIONS = frozenset(
    {
        "schema",
        "vocabulary_schema",
        "version",
        "case_rule",
        "condition_types",
        "password_env",
        "connections",
        "refresh_seconds",
    }
)
CASE_RULES = ("diagnosis", "occurrence")
VERSIONS = ("5.3", "5.4")
FILE_SUFFIXES = (".duckdb", ".db")
EXPECTED_LOCATION = "duckdb:///path/file.duckdb, a path ending .duckdb or .db, or postgresql://user@host:port/database"


@dataclass(frozen=True, slots=True)
class OmopSettings:
    """What one block of the settings says.

    Attributes
    ----------
    name
        The database for people and errors, without user and password.
    file
        DuckDB file, None for PostgreSQL.
    url
        PostgreSQL URL, None for DuckDB; may hold a password.
    schema, vocabulary_schema
        Schema of the clinical and of the vocabulary tables; None = the connection's own.
    version
        5.3 or 5.4, None = told by the columns.
    case_rule
        `diagnosis`: one case for each person and diagnosis, at its first date. `occurrence`: one for each person,
        diagnosis and start date.
    condition_types
        Only rows of these condition_type_concept_id; empty = all.
    connections
        Most connections, and questions under way, at a time.
    refresh_seconds
        After this time the codes in use are read again even if no row seems to have been added.
    """

    name: str
    file: Path | None = None
    url: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    schema: str | None = None
    vocabulary_schema: str | None = None
    version: str | None = None
    case_rule: str = "diagnosis"
    condition_types: tuple[int, ...] = ()
    connections: int = 4
    refresh_seconds: float = 300.0


def read_settings(config: SourceConfig) -> OmopSettings:
    """Settings of a source.

    Raises
    ------
    BadSettings
        Naming the key and what was expected.
    """
    if len(config.locations) != 1:
        raise BadSettings("needs one location", where=config.at("location"), expected=EXPECTED_LOCATION)
    file, url, name = _place(config.locations[0], config.at("location"))
    schema = _text(config, "schema")
    return OmopSettings(
        name=name,
        file=file,
        url=url,
        password=_password(config),
        schema=schema,
        vocabulary_schema=_text(config, "vocabulary_schema") or schema,
        version=_one_of(config, "version", VERSIONS),
        case_rule=_one_of(config, "case_rule", CASE_RULES) or "diagnosis",
        condition_types=_integers(config, "condition_types"),
        connections=round(_number(config, "connections", 4, 1, 64)),
        refresh_seconds=_number(config, "refresh_seconds", 300, 0, 86_400),
    )


def _place(location: str, where: str) -> tuple[Path | None, str | None, str]:
    scheme = location.partition("://")[0] if "://" in location else ""
    if scheme == "duckdb":
        location = unquote(location.removeprefix("duckdb://"))
    elif scheme in ("postgresql", "postgres"):
        return None, location, _server_name(location, where)
    elif scheme:
        raise BadSettings(f"unknown kind of database {scheme!r}", where=where, expected=EXPECTED_LOCATION)
    path = Path(location)
    if not path.is_absolute() or path.suffix not in FILE_SUFFIXES:
        raise BadSettings("is no place of a database", where=where, expected=EXPECTED_LOCATION)
    return path, None, path.name


def _server_name(url: str, where: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port or 5432
    except ValueError:
        raise BadSettings("the URL cannot be read", where=where, expected=EXPECTED_LOCATION) from None
    database = parts.path.strip("/")
    if not parts.hostname or not database:
        raise BadSettings("the URL names no server or no database", where=where, expected=EXPECTED_LOCATION)
    return f"{parts.hostname}:{port}/{database}"


def _password(config: SourceConfig) -> str | None:
    variable = _text(config, "password_env")
    if variable is None:
        return None
    if variable not in os.environ:
        raise BadSettings(
            f"environment variable {variable} is not set",
            where=config.at("password_env"),
            expected="the name of a variable that holds the password",
        )
    return os.environ[variable]


def _text(config: SourceConfig, key: str) -> str | None:
    value = config.options.get(key)
    if value is None or (isinstance(value, str) and value.strip()):
        return value
    raise BadSettings("wrong value", where=config.at(key), expected="a text that is not blank")


def _one_of(config: SourceConfig, key: str, allowed: tuple[str, ...]) -> str | None:
    value = config.options.get(key)
    if value is None or value in allowed:
        return str(value) if value is not None else None
    raise BadSettings("wrong value", where=config.at(key), expected=f"one of {', '.join(allowed)}")


def _integers(config: SourceConfig, key: str) -> tuple[int, ...]:
    value = config.options.get(key, [])
    if isinstance(value, list | tuple) and all(type(item) is int for item in value):
        return tuple(value)
    raise BadSettings("wrong value", where=config.at(key), expected="a list of concept ids")


def _number(config: SourceConfig, key: str, default: float, low: float, high: float) -> float:
    value = config.options.get(key, default)
    if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
        return float(value)
    raise BadSettings("wrong value", where=config.at(key), expected=f"a number from {low:g} to {high:g}")

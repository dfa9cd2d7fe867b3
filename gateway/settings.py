"""Settings: one TOML file, environment variables with the prefix ICCD_ override it (design section 9).

Every fault is told at once, with file, line, key and what was expected; an unknown key is a fault with the nearest
known name. Paths are relative to the settings file.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from gateway.errors import BadSettings
from gateway.model.capability import Coverage
from gateway.sources.base import SourceConfig
from gateway.sources.tomllines import KeyLines, key_lines, nearest_line, place_of

SourceId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")]
ORIGIN = re.compile(r"\*|https?://[A-Za-z0-9.-]+(:\d{1,5})?|https?://\[[0-9A-Fa-f:.]+\](:\d{1,5})?", re.ASCII)
REMOTE = re.compile(r"[a-z][a-z0-9+.-]+://")


class GatewaySettings(BaseModel):
    """The `[gateway]` block."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(default="org.example.gateway", description="Reverse domain name of this gateway.")
    title: str = Field(default="Childhood cancer gateway", description="Name shown to people.")
    data: Path = Field(default=Path("data"), description="Folder of snapshots and state.")
    public_url: str = Field(default="http://127.0.0.1:8080", description="Base of every link that is made.")
    deadline_seconds: float = Field(default=8.0, gt=0, le=600, description="Time for one question to all sources.")
    terminology: Path | None = Field(default=None, description="Terminology file; the shipped tables if absent.")
    cors_origins: list[str] = Field(
        default=[], description="Web origins whose pages may ask; * for any, none if empty."
    )

    @field_validator("cors_origins")
    @classmethod
    def _is_origin(cls, value: list[str]) -> list[str]:
        for origin in value:
            if not ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin: https://HOST or https://HOST:PORT, without a path, or *")
        return value


class SourceSettings(BaseModel):
    """One `[sources.ID]` block; keys that only its kind knows are kept as options and checked by the kind."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: str = Field(description="Entry-point name of the kind of source.")
    title: str | None = Field(default=None, description="Name of the registry.")
    profile: str | None = Field(default=None, description="Name of a source profile, or a path.")
    location: str | list[str] = Field(description="Path, list, glob, or URL of a database or node.")
    country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2.")
    region: str | None = Field(default=None, description="Part of the country that is covered, if not all.")
    years: tuple[int, int] | None = Field(default=None, description="First and last incidence year.")
    ages: tuple[int, int] | None = Field(default=None, description="First and last completed year of age.")
    behaviours: list[Literal[0, 1, 2, 3, 6, 9]] = Field(default=[0, 1, 2, 3], description="Behaviours registered.")
    population_based: bool = Field(default=True, description="False for a cohort or trial.")
    multiple_primary_rule: Literal["iarc", "seer", "none"] = Field(default="none", description="As declared.")
    population: str | None = Field(default=None, description="Population file with person-years.")
    policy: str = Field(default="count", description="Name of a disclosure policy, or a path.")
    overlaps: list[str] = Field(default=[], description="Ids of sources that hold some of the same tumours.")

    @field_validator("years", "ages")
    @classmethod
    def _upright(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and value[0] > value[1]:
            raise ValueError(f"range is upside down: {value[0]} is above {value[1]}")
        return value


class Settings(BaseSettings):
    """All settings of one gateway."""

    model_config = SettingsConfigDict(env_prefix="ICCD_", env_nested_delimiter="__", extra="forbid", frozen=True)

    gateway: GatewaySettings = GatewaySettings()
    sources: dict[SourceId, SourceSettings] = Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment above file."""
        return env_settings, init_settings


def load_settings(path: Path) -> Settings:
    """Read and check a settings file.

    Raises
    ------
    BadSettings
        All faults together, one a line: `file:line key: what (expected ...)`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadSettings(
            f"cannot be read: {error.strerror}", where=str(path), expected="a settings file, see docs/settings.md"
        ) from error
    except UnicodeDecodeError as error:
        raise BadSettings("is not UTF-8 text", where=str(path), expected="a TOML file in UTF-8") from error
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"is not TOML: {error}", where=str(path), expected="a TOML file") from error
    try:
        return Settings(**tree)
    except ValidationError as error:
        faults = [_fault(path, text, item) for item in error.errors(include_url=False, include_input=False)]
        raise BadSettings("\n".join(faults)) from error
    except SettingsError as error:
        tables = [
            name for name in os.environ if name.upper() in {f"ICCD_{key.upper()}" for key in Settings.model_fields}
        ]
        raise BadSettings(
            "is not a JSON object", where=f"variable {' or '.join(tables)}", expected="ICCD_GATEWAY__KEY for one key"
        ) from error


def source_configs(settings: Settings, path: Path) -> dict[str, SourceConfig]:
    """Sources of the settings with paths made absolute, by id in order of id; `path` gives the lines for errors."""
    base = path.resolve().parent
    data = (base / settings.gateway.data).resolve()
    lines = key_lines(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {
        name: _source_config(name, block, base, data, path, lines) for name, block in sorted(settings.sources.items())
    }


def resolve_name_or_path(value: str, base: Path) -> str:
    """A bare name stays a name; anything that looks like a path is made absolute."""
    return str((base / value).resolve()) if "/" in value or value.endswith(".toml") else value


def _source_config(
    name: str, block: SourceSettings, base: Path, data: Path, path: Path, lines: KeyLines
) -> SourceConfig:
    given = [block.location] if isinstance(block.location, str) else block.location
    return SourceConfig(
        id=name,
        kind=block.kind,
        title=block.title or name,
        locations=tuple(item if REMOTE.match(item) else str(base / item) for item in given),
        profile=resolve_name_or_path(block.profile, base) if block.profile else None,
        coverage=Coverage(
            country=block.country,
            region=block.region,
            years=block.years,
            ages=block.ages,
            behaviours=frozenset(block.behaviours),
            population_based=block.population_based,
            multiple_primary_rule=block.multiple_primary_rule,
            overlaps=frozenset(block.overlaps),
        ),
        options=dict(block.model_extra or {}),
        data=data,
        where=f"{path} [sources.{name}]",
        places={
            key: place_of(str(path), lines, ("sources", name, key))
            for key in (*SourceSettings.model_fields, *(block.model_extra or {}))
        },
    )


def _fault(path: Path, text: str, error: Mapping[str, Any]) -> str:
    keys = tuple(key for key in error["loc"] if key != "[key]")
    line = nearest_line(key_lines(text), [str(key) for key in keys if not isinstance(key, int)])
    place = f"{path}:{line}" if line else str(path)
    name = ".".join(str(key) for key in keys)
    if keys != error["loc"]:
        return f"{place} {name}: a source id is lower case letters, digits and '-', at most 31"
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        known = list(_known_keys(keys))
        near = difflib.get_close_matches(str(keys[-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"
        return f"{place} {name}: unknown key ({hint})"
    return f"{place} {name}: {message}"


def _known_keys(keys: tuple[str | int, ...]) -> Iterator[str]:
    match keys:
        case ("gateway", *_):
            yield from GatewaySettings.model_fields
        case _:
            yield from Settings.model_fields

"""Disclosure policies: TOML that a data-protection officer can read; deny by default.

A tier without a block gets nothing; a field of a record that is not named is dropped; an unknown key refuses to
start. The reason of the policy is shown to whoever is refused.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.access.requester import TIERS, Requester
from gateway.errors import BadSettings
from gateway.model.capability import Granularity
from gateway.sources.tomllines import key_lines, place_of


class Verb(StrEnum):
    """What happens to a field of a record."""

    KEEP = "keep"
    YEAR = "year"
    DROP = "drop"


RECORD_FIELDS = (
    "topography",
    "morphology",
    "behaviour",
    "icd10",
    "iccc",
    "icdo_edition",
    "incidence",
    "birth",
    "age",
    "sex",
    "vital_status",
    "last_contact",
    "basis",
    "laterality",
    "grade",
    "stage",
    "country",
    "sequence",
)
DATE_FIELDS = frozenset({"incidence", "birth", "last_contact"})
GRANULARITIES = {level.name.lower(): level for level in Granularity}


@dataclass(frozen=True, slots=True)
class Rule:
    """What one tier gets from one source.

    Attributes
    ----------
    granularity
        The most it gets.
    minimum_cell
        Counts of 1 to one below this are not shown; 0 shows all.
    """

    granularity: Granularity
    minimum_cell: int


@dataclass(frozen=True, slots=True)
class Policy:
    """A checked policy file."""

    name: str
    title: str
    reason: str
    tiers: Mapping[str, Rule]
    fields: Mapping[str, Verb]

    def rule(self, requester: Requester) -> Rule | None:
        """Rule of the requester's tier, None if it gets nothing."""
        return self.tiers.get(requester.tier)

    def verb(self, field: str) -> Verb:
        """What happens to a field of a record."""
        return self.fields.get(field, Verb.DROP)


class _Tier(BaseModel):
    model_config = ConfigDict(extra="forbid")
    granularity: str = Field(pattern="^(boolean|count|record)$")
    minimum_cell: int = Field(ge=0, le=1000)


class _PolicyFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: str
    reason: str = Field(min_length=10)
    legal: str
    tiers: dict[str, _Tier]
    fields: dict[str, Verb]


def load_policy(name_or_path: str, where: str = "policy") -> Policy:
    """Read and check a policy.

    Parameters
    ----------
    name_or_path
        Name of a file in profiles/disclosure, or a path to a TOML file.

    Raises
    ------
    BadSettings
        No such policy, or a fault in it, with file, key and what was expected.
    """
    text, file = _read(name_or_path, where)
    lines = key_lines(text)
    try:
        content = _PolicyFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"is not TOML: {error}", where=file, expected="a policy, see docs/disclosure.md") from error
    except ValidationError as error:
        faults = [
            f"{place_of(file, lines, [str(key) for key in item['loc']])}: {item['msg']}"
            for item in error.errors(include_url=False, include_input=False)
        ]
        raise BadSettings("\n".join(faults)) from error
    _check_words(content, lambda *keys: place_of(file, lines, keys))
    tiers = {name: Rule(GRANULARITIES[tier.granularity], tier.minimum_cell) for name, tier in content.tiers.items()}
    return Policy(name_or_path, content.title, content.reason, tiers, content.fields)


def policy_names() -> tuple[str, ...]:
    """Names of the policies that ship."""
    folder = resources.files("profiles") / "disclosure"
    return tuple(sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")))


def _check_words(content: _PolicyFile, at: Callable[[str, str], str]) -> None:
    for kind, found, known in (("tier", content.tiers, TIERS), ("field", content.fields, RECORD_FIELDS)):
        for name in found:
            if name not in known:
                raise BadSettings(
                    f"unknown {kind} {name!r}", where=at(f"{kind}s", name), expected=f"one of {', '.join(known)}"
                )
    for name, verb in content.fields.items():
        if verb is Verb.YEAR and name not in DATE_FIELDS:
            raise BadSettings(f"field {name!r} has no year", where=at("fields", name), expected="keep or drop")


def _read(name_or_path: str, where: str) -> tuple[str, str]:
    if name_or_path in policy_names():
        return (resources.files("profiles") / "disclosure" / f"{name_or_path}.toml").read_text("utf-8"), name_or_path
    path = Path(name_or_path)
    if path.suffix != ".toml" or not path.is_file():
        expected = f"one of {', '.join(policy_names())}, or a path to a .toml file"
        raise BadSettings(f"no policy {name_or_path!r}", where=where, expected=expected)
    try:
        return path.read_text("utf-8"), str(path)
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"policy {path} cannot be read", where=where, expected="a TOML file in UTF-8") from error

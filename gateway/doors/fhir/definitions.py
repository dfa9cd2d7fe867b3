"""Our own definitions and the code systems of this door, read from profiles/fhir: data, no code.

FHIR R4 conformance resources (StructureDefinition, SearchParameter, CodeSystem, ValueSet), the canonical base they
stand under (guide.json) and the URL of every code system with its synonyms (code-systems.json).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import orjson

CHECKER_BASE = "checker-base.json"
EXAMPLES = "examples"

Resource = dict[str, Any]  # JSON of a FHIR resource; Any because elements nest without limit


@dataclass(frozen=True, slots=True)
class Guide:
    """What our own canonical URLs start with, and the version they are published under."""

    canonical: str
    version: str
    date: str
    title: str
    mcode: str

    def extension(self, name: str) -> str:
        """Canonical URL of one of our extensions."""
        return f"{self.canonical}/StructureDefinition/{name}"

    def profile(self, name: str) -> str:
        """Canonical URL of one of our profiles."""
        return self.extension(name)

    def code_system(self, name: str) -> str:
        """Canonical URL of one of our code systems."""
        return f"{self.canonical}/CodeSystem/{name}"


@dataclass(frozen=True, slots=True)
class CodeSystemUrl:
    """A code system by its FHIR URL.

    Attributes
    ----------
    prefix
        Its prefix in the question grammar, e.g. ICDO3.
    url, synonyms
        The URL we write, and others that we also read.
    editions
        Versions that a value set canonical may name.
    hierarchy
        Whether a code means everything below it in any case.
    id
        Id of its CodeSystem resource.
    copyright
        Whose it is, and the credits that must stay.
    """

    prefix: str
    url: str
    synonyms: tuple[str, ...]
    editions: tuple[str, ...]
    hierarchy: bool
    title: str
    id: str
    copyright: str


@cache
def guide() -> Guide:
    """The guide that our definitions belong to."""
    return Guide(**_json("guide.json"))


@cache
def code_systems() -> tuple[CodeSystemUrl, ...]:
    """Every code system of this door, in the order of the file."""
    return tuple(
        CodeSystemUrl(
            row["prefix"],
            row["url"],
            tuple(row["synonyms"]),
            tuple(row["editions"]),
            row["hierarchy"],
            row["title"],
            row["id"],
            row["copyright"],
        )
        for row in _json("code-systems.json")
    )


@cache
def code_system_of_url() -> Mapping[str, CodeSystemUrl]:
    """Code system by each of its URLs."""
    return {url: system for system in code_systems() for url in (system.url, *system.synonyms)}


def edition_id(system: CodeSystemUrl, edition: str) -> str:
    """Resource id of a code system in an edition; the newest has the id of the code system."""
    return system.id if edition in ("", *system.editions[-1:]) else f"{system.id}-{edition}"


def canonical_system(url: str) -> str:
    """The URL that we use for a code system; the several names of one of ours are one."""
    known = code_system_of_url().get(url)
    return known.url if known else url


@cache
def url_of_prefix() -> Mapping[str, str]:
    """URL that we write, by prefix of the question grammar."""
    return {system.prefix: system.url for system in code_systems()}


@cache
def conformance_resources() -> Mapping[tuple[str, str], Resource]:
    """Our conformance resources by (resource type, id)."""
    folder = resources.files("profiles") / "fhir"
    names = sorted(item.name for item in folder.iterdir() if "-" in item.name and item.name[0].isupper())
    found = [_json(name) for name in names]
    return {(resource["resourceType"], resource["id"]): resource for resource in found}


@cache
def examples() -> Mapping[str, Resource]:
    """Our examples, synthetic resources, by file name."""
    folder = resources.files("profiles") / "fhir" / EXAMPLES
    return {
        item.name: _json(f"{EXAMPLES}/{item.name}") for item in sorted(folder.iterdir(), key=lambda file: file.name)
    }


@cache
def checker_base() -> Mapping[str, Any]:
    """Datatypes of R4 and the codes of required value sets, for gateway.doors.fhir.profiles.check."""
    return {**_json(CHECKER_BASE)}


def _json(name: str) -> Any:
    return orjson.loads((resources.files("profiles") / "fhir" / name).read_bytes())

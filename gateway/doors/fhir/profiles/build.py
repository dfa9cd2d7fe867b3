"""Snapshots of our profiles, what the checker knows of R4, and the list of the guide: `--check` compares, else writes.

Bases come from two npm packages under CC0, hl7.fhir.r4.examples 4.0.1 and hl7.fhir.us.mcode 4.0.0, unpacked beside each
other in the folder that is given. A profile is edited in its differential; everything here follows from it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import click

from gateway.doors.fhir.definitions import CHECKER_BASE, EXAMPLES, Guide, Resource
from gateway.doors.fhir.profiles.snapshot import ordered, snapshot

R4 = "hl7.fhir.r4.examples"
PACKAGES = ("hl7.fhir.us.mcode", R4)
WIDTH = 120
GENERATOR = "python -m gateway.doors.fhir.profiles.build"
KEPT = ("id", "slicing", "min", "max", "base", "contentReference", "type", "binding", "fixedUri")
"""What the checker reads of an element of a datatype."""

Json = Any  # any JSON value


class Packages:
    """Definitions of R4 and mCODE, and ours, by URL.

    Parameters
    ----------
    folder
        Folder with the unpacked packages.
    own
        Our resources by file name; their snapshots are made as they are needed.
    """

    def __init__(self, folder: Path, own: Mapping[str, Resource]) -> None:
        self._folder = folder
        self._own = {item["url"]: item for item in own.values() if "url" in item}
        self._read = cache(self._from_package)
        self.elements = cache(self._elements)

    def definition(self, kind: str, url: str) -> Resource | None:
        """A definition by its URL; one of R4 may be named with a version."""
        bare = url.partition("|")[0]
        return self._own.get(bare) or self._read(kind, bare)

    def _from_package(self, kind: str, url: str) -> Resource | None:
        for package in PACKAGES:
            file = self._folder / package / "package" / f"{kind}-{url.rpartition('/')[2]}.json"
            if file.is_file():
                found: Resource = json.loads(file.read_text("utf-8"))
                if found.get("url") == url:
                    return found
        return None

    def code_system(self, url: str) -> Resource | None:
        """A code system with its concepts."""
        found = self.definition("CodeSystem", url) or self._read("CodeSystem", url.replace("CodeSystem/", ""))
        return found if found and found.get("content") == "complete" else None

    def _elements(self, url: str) -> list[Resource]:
        """Snapshot elements of a definition; ours from their differential."""
        found = self.definition("StructureDefinition", url)
        if found is None:
            raise click.ClickException(f"{url} is in no package of {self._folder}")
        if url not in self._own:
            listed: list[Resource] = found["snapshot"]["element"]
            return listed
        return snapshot(found["differential"]["element"], self.elements(found["baseDefinition"]), _Types(self))


class _Types(dict[str, list[Resource]]):
    """Snapshot elements by datatype, read when first needed."""

    def __init__(self, packages: Packages) -> None:
        super().__init__()
        self._packages = packages

    def __missing__(self, name: str) -> list[Resource]:
        self[name] = self._packages.elements(f"http://hl7.org/fhir/StructureDefinition/{name}")
        return self[name]


def built(folder: Path, own: Mapping[str, Resource], examples: Mapping[str, Resource], guide: Guide) -> dict[str, str]:
    """Text of every generated file by its name.

    Parameters
    ----------
    folder
        Folder with the unpacked packages.
    own
        Our resources by file name.
    examples
        Our examples by file name.
    guide
        The guide they belong to.
    """
    packages = Packages(folder, own)
    profiles = {name: item for name, item in own.items() if item["resourceType"] == "StructureDefinition"}
    texts = {}
    for name, profile in profiles.items():
        snapshots = {"element": packages.elements(profile["url"])}
        head = {key: value for key, value in profile.items() if key not in {"snapshot", "differential"}}
        changes = {"element": [ordered(element) for element in profile["differential"]["element"]]}
        texts[name] = written({**head, "snapshot": snapshots, "differential": changes})
    texts[CHECKER_BASE] = written(checker_base(packages, list(profiles.values())))
    texts["ImplementationGuide-iccd.json"] = written(implementation_guide(own, examples, guide))
    return texts


def checker_base(packages: Packages, profiles: Iterable[Resource]) -> Resource:
    """What the checker needs beside our profiles: datatypes, and codes of the value sets that are required."""
    elements = [element for profile in profiles for element in packages.elements(profile["url"])]
    types: dict[str, list[Resource]] = {}
    waiting = ["Element", *_types_of(elements)]
    while waiting:
        name = waiting.pop()
        if name in types or not name[:1].isupper() or name in {"Resource", "BackboneElement"} or "." in name:
            continue
        types[name] = [
            {key: value for key, value in element.items() if key in KEPT}
            for element in packages.elements(f"http://hl7.org/fhir/StructureDefinition/{name}")
        ]
        waiting.extend(_types_of(types[name]))
    elements += [element for listed in types.values() for element in listed]
    bound = {
        element["binding"]["valueSet"].partition("|")[0]
        for element in elements
        if element.get("binding", {}).get("strength") == "required" and "valueSet" in element["binding"]
    }
    value_sets = {url: codes for url in sorted(bound) if (codes := codes_of(packages, url))}
    return {"generator": GENERATOR, "datatypes": dict(sorted(types.items())), "valueSets": value_sets}


def codes_of(packages: Packages, url: str) -> dict[str, list[str]] | None:
    """Codes of a value set by system; None where they cannot all be told."""
    found = packages.definition("ValueSet", url)
    if found is None:
        return None
    codes: dict[str, list[str]] = {}
    for include in found["compose"]["include"]:
        system = include.get("system", "")
        source = include if "concept" in include else packages.code_system(system)
        if source is None or "filter" in include or "valueSet" in include:
            return None
        codes.setdefault(system, []).extend(_codes(source["concept"]))
    return codes


def _codes(concepts: Iterable[Resource]) -> Iterator[str]:
    for concept in concepts:
        yield concept["code"]
        yield from _codes(concept.get("concept", []))


def _types_of(elements: Iterable[Resource]) -> list[str]:
    return [kind["code"] for element in elements for kind in element.get("type", [])]


def implementation_guide(own: Mapping[str, Resource], examples: Mapping[str, Resource], guide: Guide) -> Resource:
    """ImplementationGuide that lists our definitions and examples."""
    listed = [
        {"reference": {"reference": f"{item['resourceType']}/{item['id']}"}, "name": item.get("title") or item["name"]}
        for name, item in sorted(own.items())
        if item["resourceType"] != "ImplementationGuide"
    ]
    shown = [
        {
            "reference": {"reference": f"{item['resourceType']}/{item['id']}"},
            "name": f"Example {item['id']}",
            **(
                {"exampleCanonical": item["meta"]["profile"][0]}
                if item.get("meta", {}).get("profile")
                else {"exampleBoolean": True}
            ),
        }
        for _, item in sorted(examples.items())
    ]
    return {
        "resourceType": "ImplementationGuide",
        "id": "iccd",
        "url": f"{guide.canonical}/ImplementationGuide/iccd",
        "version": guide.version,
        "name": "Iccd",
        "title": guide.title,
        "status": "active",
        "experimental": False,
        "date": guide.date,
        "publisher": "iccd",
        "description": f"Definitions of this door. Generated by {GENERATOR}.",
        "packageId": "iccd.fhir",
        "license": "Apache-2.0",
        "fhirVersion": ["4.0.1"],
        "dependsOn": [
            {
                "uri": "http://hl7.org/fhir/us/mcode/ImplementationGuide/hl7.fhir.us.mcode",
                "packageId": "hl7.fhir.us.mcode",
                "version": guide.mcode,
            }
        ],
        "definition": {"resource": [*listed, *shown]},
    }


def written(resource: Json) -> str:
    """JSON text with short elements on one line."""
    return f"{_written(resource, 0)}\n"


def _written(value: Json, depth: int) -> str:
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(flat) + 2 * depth <= WIDTH or not value:
        return flat
    inner = "  " * (depth + 1)
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {_written(item, depth + 1)}" for key, item in value.items()]
    else:
        parts = [_written(item, depth + 1) for item in value]
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return f"{opening}\n" + ",\n".join(f"{inner}{part}" for part in parts) + f"\n{'  ' * depth}{closing}"


def _folder(folder: Path) -> dict[str, Resource]:
    names = sorted(file for file in folder.glob("[A-Z]*-*.json"))
    return {file.name: json.loads(file.read_text("utf-8")) for file in names}


@click.command()
@click.option("--packages", type=click.Path(path_type=Path, exists=True), required=True, help="Unpacked npm packages.")
@click.option("--check", is_flag=True, help="Compare with what is there and write nothing.")
def main(packages: Path, check: bool) -> None:
    """Write the generated files of profiles/fhir, or compare them."""
    folder = Path(str(resources.files("profiles") / "fhir"))
    guide = Guide(**json.loads((folder / "guide.json").read_text("utf-8")))
    texts = built(packages, _folder(folder), _folder(folder / EXAMPLES), guide)
    stale = [
        name
        for name, text in texts.items()
        if not (folder / name).is_file() or (folder / name).read_text("utf-8") != text
    ]
    if not check:
        for name in stale:
            (folder / name).write_text(texts[name], "utf-8")
    for name in stale:
        click.echo(f"{'differs' if check else 'written'}: {name}")
    sys.exit(1 if check and stale else 0)


if __name__ == "__main__":
    main()

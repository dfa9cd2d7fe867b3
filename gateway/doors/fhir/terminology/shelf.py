"""What the terminology service holds as resources that are read and searched: code systems, value sets, concept maps.

A search shows a large resource without its concepts or elements, tagged SUBSETTED (R4 resource.html); a read shows
the whole. Each is built when first asked for; the bytes of the last large ones are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any

import orjson

from gateway.doors.fhir.definitions import (
    CodeSystemUrl,
    Resource,
    code_systems,
    conformance_resources,
    edition_id,
    guide,
)
from gateway.doors.fhir.terminology.brought import code_system_of
from gateway.doors.fhir.terminology.links import (
    Link,
    iccc3_links,
    icd10_links,
    ncit_links,
    omop_links,
    reversed_links,
)
from gateway.doors.fhir.terminology.model import CodeSystem
from gateway.doors.fhir.terminology.own import OwnSystems
from gateway.doors.fhir.terminology.resources import canonical, code_system_head, concepts_of, elements_of, subset_of

LARGE = 200
"""Concepts from which on a search leaves them out."""
WHOLE_KEPT = 24
IMPLICIT = "?fhir_vs"


class Entry(dict[str, Any]):
    """A resource as a search shows it, with values it is found by and does not show."""

    def __init__(self, resource: Resource, found_by: Mapping[str, Sequence[str]]) -> None:
        super().__init__(resource)
        self.found_by = found_by


@dataclass(frozen=True, slots=True)
class Item:
    """A resource on the shelf: what a search shows, and the whole if that is more."""

    entry: Entry
    whole: Callable[[], Resource] | None = None


@dataclass(frozen=True, slots=True)
class MapOf:
    """A concept map of ours; links go from ICD-O-3 unless `back`."""

    prefix: str
    edition: str
    links: Callable[[], Iterable[Link]]
    back: bool


class Shelf:
    """Resources over one terminology."""

    def __init__(self, own: OwnSystems) -> None:
        self.own = own
        self._whole = lru_cache(maxsize=WHOLE_KEPT)(self._written)

    def entries(self, kind: str) -> list[Resource]:
        """Resources of a type as a search shows them."""
        return [item.entry for item in self._items(kind).values()]

    def whole(self, kind: str, resource_id: str) -> Resource | None:
        """One resource, whole; None if there is none with this id."""
        item = self._items(kind).get(resource_id)
        if item is None:
            return None
        if item.whole is None:
            return item.entry
        resource: Resource = orjson.loads(self._whole(kind, resource_id))
        return resource

    def value_set(self, url: str, version: str) -> Resource | None:
        """Value set of a URL and an exact version; None if none is held."""
        found = self._sets_by_url.get((url, version))
        return found.entry if found else None

    def _written(self, kind: str, resource_id: str) -> bytes:
        build = self._items(kind)[resource_id].whole
        return orjson.dumps(build() if build else {})

    def _items(self, kind: str) -> Mapping[str, Item]:
        of_kind = {"CodeSystem": self._code_systems, "ValueSet": self._value_sets, "ConceptMap": self._concept_maps}
        own = {
            resource_id: Item(Entry(resource, _found_by(resource)))
            for (each, resource_id), resource in conformance_resources().items()
            if each == kind
        }
        return {**own, **of_kind[kind]}

    # --- code systems ------------------------------------------------------------------------------------------------

    @cached_property
    def _code_systems(self) -> Mapping[str, Item]:
        return {resource_id: self._code_system(*found) for resource_id, found in self.systems.items()}

    @cached_property
    def systems(self) -> Mapping[str, tuple[CodeSystemUrl, str]]:
        """Code system and edition by resource id; the default edition has the id of the code system."""
        return {
            edition_id(system, edition): (system, edition)
            for system in self.own.served()
            for edition in system.editions or ("",)
        }

    def _code_system(self, known: CodeSystemUrl, edition: str) -> Item:
        system = self._held(known, edition)
        head = code_system_head(known, system, edition_id(known, edition))
        found_by = {"code": tuple(f"{known.url}|{code}" for code in system.concepts)}
        if len(system.concepts) <= LARGE:
            return Item(Entry({**head, "concept": concepts_of(system)}, found_by))
        return Item(Entry(subset_of(head), found_by), lambda: {**head, "concept": concepts_of(system)})

    def _held(self, known: CodeSystemUrl, edition: str) -> CodeSystem:
        found = self.own.code_system(known.url, edition)
        if found is None:
            raise LookupError(known.url)
        return found

    # --- value sets --------------------------------------------------------------------------------------------------

    @cached_property
    def _value_sets(self) -> Mapping[str, Item]:
        items = [*self._iccc3_sets(), *self._whole_sets()]
        return {item.entry["id"]: item for item in items}

    @cached_property
    def _sets_by_url(self) -> Mapping[tuple[str, str], Item]:
        return {(item.entry["url"], item.entry.get("version", "")): item for item in self._value_sets.values()}

    def _iccc3_sets(self) -> Iterator[Item]:
        """ICCC-3 and each of its groups, by edition."""
        for known, edition in self.systems.values():
            if known.prefix != "ICCC3":
                continue
            system = self._held(known, edition)
            base = edition_id(known, edition)
            yield _value_set(known, system, base, known.id, f"{known.title}, {edition}")
            for concept in system.concepts.values():
                name = concept.code.replace("(", "").replace(")", "")
                title = f"ICCC-3 {edition} {concept.code} {concept.display}".strip()
                yield _value_set(known, system, f"{base}-{name}", f"{known.id}-{name}", title, concept.code)

    def _whole_sets(self) -> Iterator[Item]:
        """The implicit value set of each code system."""
        for resource_id, (known, edition) in self.systems.items():
            yield _value_set(known, self._held(known, edition), f"{resource_id}-all", "", f"All of {known.title}")

    # --- concept maps ------------------------------------------------------------------------------------------------

    @cached_property
    def _concept_maps(self) -> Mapping[str, Item]:
        return {resource_id: self._concept_map(made, resource_id) for resource_id, made in self.maps.items()}

    @cached_property
    def maps(self) -> Mapping[str, MapOf]:
        """Our concept maps by resource id."""
        return {map_id(made.prefix, made.edition, back=made.back): made for made in self._maps()}

    def _maps(self) -> Iterator[MapOf]:
        ask = self.own.terminology
        served = {system.prefix: system for system in self.own.served()}
        found: list[tuple[str, str, Callable[[], Iterable[Link]]]] = []
        if "ICCC3" in served:
            found += [("ICCC3", each, partial(iccc3_links, ask, each)) for each in served["ICCC3"].editions]
        found += [(each, "", partial(icd10_links, ask, each)) for each in ("ICD10", "ICD10CM") if each in served]
        if "NCIT" in served:
            found.append(("NCIT", "", partial(ncit_links, ask)))
        if "OMOP" in served:
            found.append(("OMOP", "", lambda: omop_links(self._held(served["OMOP"], ""))))
        for prefix, edition, links in found:
            yield from (MapOf(prefix, edition, links, back) for back in (False, True))

    def _concept_map(self, made: MapOf, resource_id: str) -> Item:
        known = {system.prefix: system for system in self.own.served()}
        ends = [(known["ICDO3"], ""), (known[made.prefix], made.edition)]
        (source, source_version), (target, target_version) = ends[::-1] if made.back else ends
        ways = {"sourceCanonical": _set_of(source, source_version), "targetCanonical": _set_of(target, target_version)}
        title = f"{_titled(source, source_version)} to {_titled(target, target_version)}"
        copyrights = f"{source.copyright} {target.copyright}"
        head = {**canonical("ConceptMap", resource_id, title), "copyright": copyrights, **ways}
        group: Resource = {
            "source": source.url,
            **({"sourceVersion": source_version} if source_version else {}),
            "target": target.url,
            **({"targetVersion": target_version} if target_version else {}),
        }

        def whole() -> Resource:
            links = reversed_links(made.links()) if made.back else made.links()
            return {
                **head,
                "group": [{**group, "element": elements_of(links, "product" if made.back else "dependsOn")}],
            }

        found_by = {"source-system": (source.url,), "target-system": (target.url,)}
        return Item(Entry(subset_of(head), found_by), whole)


@lru_cache(maxsize=4)
def shelf_of(own: OwnSystems) -> Shelf:
    """Shelf over the loaded code systems, once for a terminology."""
    return Shelf(own)


def map_id(prefix: str, edition: str, *, back: bool) -> str:
    """Id of the concept map between ICD-O-3 and another code system."""
    ids = {system.prefix: system.id for system in code_systems()}
    other = f"{ids[prefix]}-{edition}" if edition else ids[prefix]
    return f"{other}-to-{ids['ICDO3']}" if back else f"{ids['ICDO3']}-to-{other}"


def map_address(resource_id: str) -> str:
    """URL of one of our concept maps."""
    return f"{guide().canonical}/ConceptMap/{resource_id}"


def map_url(source: str, target: str, iccc3: str) -> str:
    """Canonical of our map between two code systems by prefix; one general name where ICD-O-3 is neither."""
    if "ICDO3" not in (source, target):
        return map_address("terminology")
    other = source if target == "ICDO3" else target
    return map_address(map_id(other, iccc3 if other == "ICCC3" else "", back=target == "ICDO3"))


def _value_set(
    known: CodeSystemUrl, system: CodeSystem, resource_id: str, url_name: str, title: str, root: str = ""
) -> Item:
    """Value set of a code and what is below it, or of a whole code system; without `url_name` under the implicit URL."""
    include: Resource = {"system": known.url}
    if system.version:
        include["version"] = system.version
    codes = [root, *system.descendants(root)] if root else list(system.concepts)
    if root:
        include["filter"] = [{"property": "concept", "op": "is-a", "value": root}]
    url = f"{guide().canonical}/ValueSet/{url_name}" if url_name else f"{known.url}{IMPLICIT}"
    head = canonical("ValueSet", resource_id, title, url, system.version)
    found_by = {"code": tuple(f"{known.url}|{code}" for code in codes)}
    return Item(Entry({**head, "copyright": known.copyright, "compose": {"include": [include]}}, found_by))


def _set_of(system: CodeSystemUrl, version: str) -> str:
    return f"{system.url}{IMPLICIT}" + (f"|{version}" if version else "")


def _titled(system: CodeSystemUrl, version: str) -> str:
    return f"{system.title}, {version}" if version else system.title


def _found_by(resource: Resource) -> Mapping[str, Sequence[str]]:
    """Codes of one of our small code systems or value sets."""
    if resource["resourceType"] == "CodeSystem":
        return {"code": tuple(f"{resource['url']}|{code}" for code in code_system_of(resource).concepts)}
    includes = resource.get("compose", {}).get("include", [])
    listed = [(part.get("system", ""), item["code"]) for part in includes for item in part.get("concept", [])]
    whole = [part["system"] for part in includes if "concept" not in part and "filter" not in part and "system" in part]
    own = {item["url"]: item for (kind, _), item in conformance_resources().items() if kind == "CodeSystem"}
    listed += [(url, code) for url in whole if url in own for code in code_system_of(own[url]).concepts]
    return {"code": tuple(f"{system}|{code}" for system, code in listed)}

"""Code systems and concept maps as FHIR writes them (R4 codesystem.html, conceptmap.html)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gateway.doors.fhir.definitions import CodeSystemUrl, Resource, guide, url_of_prefix
from gateway.doors.fhir.terminology.links import Link
from gateway.doors.fhir.terminology.model import CONCEPT_PROPERTIES, CodeSystem, Concept

PUBLISHER = "iccd"
COMPOSITIONAL = frozenset({"ICDO3"})
STANDARD_PROPERTIES = frozenset({"notSelectable", "status", "inactive", "parent", "child"})
SEER_NUMBER = "seer_recode"
ALTERNATE = "http://hl7.org/fhir/StructureDefinition/codesystem-alternate"
SUBSETTED: Resource = {
    "tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}]
}


def canonical(kind: str, resource_id: str, title: str, url: str = "", version: str | None = None) -> Resource:
    """First elements of a canonical resource of ours; without `url` and `version`, those of the guide."""
    found: Resource = {
        "resourceType": kind,
        "id": resource_id,
        "url": url or f"{guide().canonical}/{kind}/{resource_id}",
        "version": guide().version if version is None else version,
        "name": re.sub(r"[^A-Za-z0-9]", "_", resource_id).upper(),
        "title": title,
        "status": "active",
        "experimental": False,
        "date": guide().date,
        "publisher": PUBLISHER,
    }
    return {name: value for name, value in found.items() if value != ""}


def subset_of(resource: Resource) -> Resource:
    """The same, tagged as not the whole."""
    tagged = {"resourceType": resource["resourceType"], "id": resource["id"], "meta": SUBSETTED}
    return tagged | resource


def property_url(name: str) -> str:
    """URI of a property of one of our code systems, or of the standard property of this name."""
    return f"{CONCEPT_PROPERTIES}{name}" if name in STANDARD_PROPERTIES else f"{guide().canonical}/property/{name}"


def code_system_head(known: CodeSystemUrl, system: CodeSystem, resource_id: str) -> Resource:
    """CodeSystem without its concepts."""
    edition = f", {system.version}" if system.version else ""
    hierarchy = {"hierarchyMeaning": "is-a"} if system.hierarchical else {}
    return {
        **canonical("CodeSystem", resource_id, f"{known.title}{edition}", known.url, system.version),
        "copyright": known.copyright,
        "caseSensitive": True,
        "valueSet": f"{known.url}?fhir_vs",
        **hierarchy,
        "compositional": known.prefix in COMPOSITIONAL,
        "versionNeeded": False,
        "content": system.content,
        "count": len(system.concepts),
        "property": [{"code": item["code"], "uri": property_url(item["code"]), **item} for item in system.properties],
    }


def concepts_of(system: CodeSystem) -> list[Resource]:
    """CodeSystem.concept: the tree of concepts."""

    def element(concept: Concept) -> Resource:
        alternates = [_alternate(code) for code in alternate_codes(system, concept)]
        found: Resource = {"extension": alternates} if alternates else {}
        found["code"] = concept.code
        if concept.display:
            found["display"] = concept.display
        if concept.properties:
            found["property"] = list(concept.properties)
        below = system.children.get(concept.code, ())
        if below:
            found["concept"] = [element(system.concepts[code]) for code in below]
        return found

    return [element(system.concepts[code]) for code in system.children.get("", ())]


def alternate_codes(system: CodeSystem, concept: Concept) -> list[str]:
    """SEER's number of a group of ICCC-3; divisions have the number of their group, which stands for the group alone."""
    numbers = system.values(concept, SEER_NUMBER)
    return [number for number in numbers if system.spelling(number) == concept.code]


def _alternate(code: str) -> Resource:
    """Extension for another code of a concept (R4 extension-codesystem-alternate.html)."""
    use = {"system": f"{guide().canonical}/property", "code": SEER_NUMBER, "display": "SEER's number of the group"}
    return {"url": ALTERNATE, "extension": [{"url": "code", "valueCode": code}, {"url": "use", "valueCoding": use}]}


def elements_of(links: Iterable[Link], parts: str) -> list[Resource]:
    """ConceptMap.group.element; `parts` is dependsOn on the way from ICD-O-3, product on the way to it."""
    found: dict[str, list[Resource]] = {}
    for link in links:
        entry: Resource = {"code": link.target} if link.target else {}
        entry["equivalence"] = link.equivalence
        if link.comment:
            entry["comment"] = link.comment
        if link.parts:
            entry[parts] = [part(name, value) for name, value in link.parts]
        found.setdefault(link.source, []).append(entry)
    return [{"code": code, "target": targets} for code, targets in found.items()]


def part(name: str, value: str) -> Resource:
    """ConceptMap dependsOn or product: a further part of a tumour's ICD-O-3 code."""
    system = {"system": url_of_prefix()["ICDO3"]} if name == "topography" else {}
    return {"property": property_url(name), **system, "value": value}

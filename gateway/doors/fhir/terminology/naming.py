"""NamingSystem: who gives out the codes and identifiers of this door, under which URIs (R4 namingsystem.html)."""

from __future__ import annotations

from gateway.doors.fhir.definitions import CodeSystemUrl, Resource, guide
from gateway.doors.fhir.door import Door
from gateway.doors.fhir.terminology.resources import PUBLISHER
from gateway.doors.fhir.terminology.service import own_systems

OID = "urn:oid:"


def naming_systems(door: Door) -> list[Resource]:
    """Naming systems of the code systems that are served, then of the patients of each registry."""
    found = [_of_code_system(system) for system in own_systems(door.gateway.terminology).served()]
    titles = {name: ability.title for name, ability in door.gateway.capabilities().items()}
    return [*found, *(_of_patients(door, name, titles[name]) for name in sorted(titles))]


def patient_system(base: str, source: str) -> str:
    """URI of the patient identifiers of a registry."""
    return f"{base}/NamingSystem/{source}-patient"


def _of_code_system(system: CodeSystemUrl) -> Resource:
    unique = [{**_unique(url), "preferred": url == system.url} for url in (system.url, *system.synonyms)]
    return {**_head(system.id, system.title, "codesystem"), "description": system.copyright, "uniqueId": unique}


def _of_patients(door: Door, source: str, title: str) -> Resource:
    head = _head(f"{source}-patient", f"{title}: patients", "identifier")
    description = "Pseudonymous identifiers of patients; they mean nothing outside this gateway."
    unique = {"type": "uri", "value": patient_system(door.base, source), "preferred": True}
    return {**head, "responsible": title, "description": description, "uniqueId": [unique]}


def _head(resource_id: str, name: str, kind: str) -> Resource:
    return {
        "resourceType": "NamingSystem",
        "id": resource_id,
        "name": name,
        "status": "active",
        "kind": kind,
        "date": guide().date,
        "publisher": PUBLISHER,
    }


def _unique(url: str) -> Resource:
    if url.startswith(OID):
        return {"type": "oid", "value": url.removeprefix(OID)}
    return {"type": "uri", "value": url}

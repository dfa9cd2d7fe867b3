"""Catalogue: who runs the gateway, its registries and their data sets, its doors (R4 organization, library, endpoint).

Coverage is what a registry declares in the settings, not what its rows hold; the number of cases is a released count.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.disclosure.released import ReleasedSource
from gateway.disclosure.together import MASKED
from gateway.doors.fhir.definitions import Resource, guide, url_of_prefix
from gateway.doors.fhir.door import MOUNT, Door
from gateway.doors.fhir.measures.resources import LIBRARY_TYPE
from gateway.doors.fhir.names import operator_id
from gateway.doors.fhir.render.counts import bounds, source_status
from gateway.doors.fhir.render.elements import absent, coding
from gateway.model.answer import ANSWERED
from gateway.model.capability import Capabilities, Coverage

DATA_SET = "dataset."
"""What the id of a data set starts with; a source id has no dot, so it is no id of another library."""
ORGANIZATION_TYPE = "http://terminology.hl7.org/CodeSystem/organization-type"
COUNTRY = "urn:iso:std:iso:3166"
CONNECTION = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
PAYLOAD = "http://terminology.hl7.org/CodeSystem/endpoint-payload-type"
JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class DoorEndpoint:
    """A door of the gateway.

    Attributes
    ----------
    path
        Where it stands under the public URL.
    own
        Whether the code of its connection type is ours or HL7's.
    """

    id: str
    path: str
    name: str
    connection: str
    own: bool
    payload: str
    media_types: tuple[str, ...]


DOORS: tuple[DoorEndpoint, ...] = (
    DoorEndpoint(
        "fhir",
        MOUNT,
        "FHIR R4",
        "hl7-fhir-rest",
        own=False,
        payload="FHIR R4 resources",
        media_types=("application/fhir+json", "application/fhir+xml"),
    ),
    DoorEndpoint(
        "beacon",
        "/beacon",
        "GA4GH Beacon v2",
        "ga4gh-beacon",
        own=True,
        payload="Beacon v2 responses",
        media_types=(JSON_TYPE,),
    ),
    DoorEndpoint(
        "statistics",
        "/statistics",
        "Statistics",
        "iccd-statistics",
        own=True,
        payload="counts with bounds",
        media_types=(JSON_TYPE,),
    ),
)


def operator(door: Door) -> Resource:
    """Organization that runs the gateway."""
    gateway = door.gateway
    return {
        "resourceType": "Organization",
        "id": operator_id(gateway),
        "identifier": [{"system": f"{door.base}/Organization", "value": gateway.id}],
        "active": True,
        "type": [{"text": "gateway to registries"}],
        "name": gateway.title,
        "endpoint": [{"reference": f"Endpoint/{item.id}"} for item in DOORS],
    }


def registry(door: Door, name: str, ability: Capabilities) -> Resource:
    """Organization of an open source; its id is what `meta.source` of records ends with."""
    country = ability.coverage.country
    place = {"address": [_address(ability.coverage)]} if country else {}
    return {
        "resourceType": "Organization",
        "id": name,
        "identifier": [{"system": f"{door.base}/Organization", "value": name}],
        "active": True,
        "type": [{"text": "cancer registry" if ability.coverage.population_based else "cohort"}],
        "name": ability.title,
        **place,
    }


def broken_registry(door: Door, name: str, reason: str) -> Resource:
    """Organization of a source that could not be opened: whether it is active cannot be told."""
    return {
        "resourceType": "Organization",
        "id": name,
        "extension": [source_status(name, "error", reason)],
        "identifier": [{"system": f"{door.base}/Organization", "value": name}],
        "_active": absent("unknown"),
        "name": name,
    }


def endpoint(door: Door, item: DoorEndpoint) -> Resource:
    """Endpoint of a door."""
    system = guide().code_system("connection-type") if item.own else CONNECTION
    return {
        "resourceType": "Endpoint",
        "id": item.id,
        "status": "active",
        "connectionType": coding(system, item.connection),
        "name": item.name,
        "managingOrganization": {"reference": f"Organization/{operator_id(door.gateway)}"},
        "payloadType": [{"coding": [coding(PAYLOAD, "any")], "text": item.payload}],
        "payloadMimeType": list(item.media_types),
        "address": f"{door.gateway.public_url.rstrip('/')}{item.path}",
    }


def data_set(door: Door, name: str, ability: Capabilities, released: ReleasedSource | None) -> Resource:
    """Library of a registry's data set.

    Parameters
    ----------
    released
        The registry's part of the answer to how many cases there are.
    """
    coverage = ability.coverage
    extensions = [_coverage(coverage)]
    if released and released.status in ANSWERED:
        extensions.append(bounds(released.total or MASKED))
    elif released:
        extensions.append(source_status(name, released.status.value, released.reason))
    versioned = {"version": ability.snapshot} if ability.snapshot else {}
    jurisdiction = {"jurisdiction": [{"coding": [coding(COUNTRY, coverage.country)]}]} if coverage.country else {}
    systems = [(url_of_prefix().get(prefix), edition) for prefix, edition in ability.code_systems]
    depends = [
        {"type": "depends-on", "resource": f"{url}|{edition}" if edition else url} for url, edition in systems if url
    ]
    return {
        "resourceType": "Library",
        "id": f"{DATA_SET}{name}",
        "extension": extensions,
        "url": f"{door.base}/Library/{DATA_SET}{name}",
        "identifier": [{"system": f"{door.base}/Library", "value": name}],
        **versioned,
        "name": "DataSet" + "".join(part.capitalize() for part in name.split("-")),
        "title": ability.title,
        "status": "active",
        "experimental": False,
        "type": {"coding": [coding(LIBRARY_TYPE, "asset-collection")]},
        "subjectReference": {"reference": f"Organization/{name}"},
        "publisher": ability.title,
        "description": (
            f"Primary tumours that the registry holds, behind this gateway ({ability.kind}). Coverage is declared by "
            "the registry."
        ),
        **jurisdiction,
        "topic": [{"coding": [coding(guide().code_system("topic"), "childhood-cancer")], "text": "childhood cancer"}],
        **({"relatedArtifact": depends} if depends else {}),
    }


def _address(coverage: Coverage) -> Resource:
    region = {"state": coverage.region} if coverage.region else {}
    return {**region, "country": coverage.country}


def _coverage(coverage: Coverage) -> Resource:
    parts: list[Resource] = []
    if coverage.country:
        parts.append({"url": "country", "valueCode": coverage.country})
    if coverage.region:
        parts.append({"url": "region", "valueString": coverage.region})
    if coverage.years:
        first, last = coverage.years
        parts.append({"url": "years", "valuePeriod": {"start": f"{first:04}", "end": f"{last:04}"}})
    if coverage.ages:
        low, high = ({"value": years, "unit": "a"} for years in coverage.ages)
        parts.append({"url": "ages", "valueRange": {"low": low, "high": high}})
    parts += [{"url": "behaviour", "valueCode": str(digit)} for digit in sorted(coverage.behaviours)]
    parts.append({"url": "populationBased", "valueBoolean": coverage.population_based})
    parts.append({"url": "multiplePrimaryRule", "valueCode": coverage.multiple_primary_rule})
    parts += [{"url": "overlaps", "valueString": other} for other in sorted(coverage.overlaps)]
    return {"extension": parts, "url": guide().extension("registry-coverage")}

"""What this Beacon is: info, service-info, configuration, map, entry types and datasets.

Beacon v2.1.1 framework, configuration/*.json; GA4GH service-info 1.0.0. Only entry types that registries can fill are
declared: individuals and datasets; no biosamples, variants, runs or analyses are made up. A dataset is a registry:
declared coverage, never a number of cases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from gateway import __version__
from gateway.doors.beacon.parse import API_VERSION, BeaconRequest
from gateway.doors.beacon.render import MODEL, SPECIFICATION, Beacon, informational_meta, response_meta
from gateway.model.capability import Capabilities, Coverage, Granularity

Json = dict[str, object]

ENTRY_TYPES: dict[str, Json] = {
    "individual": {
        "id": "individual",
        "name": "Individual",
        "description": "A patient of one registry, with all tumours that its policy releases.",
        "ontologyTermForThisType": {"id": "NCIT:C25190", "label": "Person"},
        "partOfSpecification": "Beacon v2.1.1",
        "defaultSchema": {
            "id": "ga4gh-beacon-individual-v2.0.0",
            "name": "Default schema for an individual",
            "referenceToSchemaDefinition": f"{MODEL}/individuals/defaultSchema.json",
            "schemaVersion": "v2.0.0",
        },
        "additionallySupportedSchemas": [],
        "nonFilteredQueriesAllowed": True,
    },
    "dataset": {
        "id": "dataset",
        "name": "Dataset",
        "description": "One childhood-cancer registry.",
        "ontologyTermForThisType": {"id": "NCIT:C47824", "label": "Data set"},
        "partOfSpecification": "Beacon v2.1.1",
        "defaultSchema": {
            "id": "ga4gh-beacon-dataset-v2.0.0",
            "name": "Default schema for datasets",
            "referenceToSchemaDefinition": f"{MODEL}/datasets/defaultSchema.json",
            "schemaVersion": "v2.0.0",
        },
        "aCollectionOf": [{"id": "individual", "name": "Individuals"}],
        "additionallySupportedSchemas": [],
        "nonFilteredQueriesAllowed": True,
    },
}


def info_body(beacon: Beacon) -> bytes:
    """`/` and `/info`."""
    response: Json = {
        "id": beacon.id,
        "name": beacon.name,
        "apiVersion": API_VERSION,
        "version": __version__,
        "environment": "prod",
        "description": "Beacon of a gateway to childhood-cancer registries; each dataset is one registry.",
        "welcomeUrl": beacon.public_url,
        "alternativeUrl": beacon.url,
        "organization": {
            "id": beacon.id,
            "name": beacon.name,
            "welcomeUrl": beacon.public_url,
            "logoUrl": "",
        },
    }
    return orjson.dumps({"meta": informational_meta(beacon), "response": response})


def service_info_body(beacon: Beacon) -> bytes:
    """`/service-info`: a bare object without meta."""
    return orjson.dumps(
        {
            "id": beacon.id,
            "name": beacon.name,
            "type": {"group": "org.ga4gh", "artifact": "beacon", "version": API_VERSION},
            "description": "Beacon of a gateway to childhood-cancer registries; each dataset is one registry.",
            "organization": {"name": beacon.name, "url": beacon.public_url},
            "environment": "prod",
            "version": __version__,
        }
    )


def configuration_body(beacon: Beacon) -> bytes:
    """`/configuration`."""
    response: Json = {
        "$schema": f"{SPECIFICATION}/framework/json/configuration/beaconConfigurationSchema.json",
        "maturityAttributes": {"productionStatus": "PROD"},
        "securityAttributes": {"defaultGranularity": "record", "securityLevels": ["PUBLIC"]},
        "entryTypes": ENTRY_TYPES,
    }
    return orjson.dumps({"meta": informational_meta(beacon), "response": response})


def entry_types_body(beacon: Beacon) -> bytes:
    """`/entry_types`."""
    return orjson.dumps({"meta": informational_meta(beacon), "response": {"entryTypes": ENTRY_TYPES}})


def map_body(beacon: Beacon) -> bytes:
    """`/map`."""
    base = beacon.url
    response: Json = {
        "$schema": f"{SPECIFICATION}/framework/json/configuration/beaconMapSchema.json",
        "endpointSets": {
            "individual": {
                "entryType": "individual",
                "rootUrl": f"{base}/individuals",
                "singleEntryUrl": f"{base}/individuals/{{id}}",
                "filteringTermsUrl": f"{base}/individuals/filtering_terms",
                "openAPIEndpointsDefinition": f"{MODEL}/individuals/endpoints.json",
            },
            "dataset": {
                "entryType": "dataset",
                "rootUrl": f"{base}/datasets",
                "singleEntryUrl": f"{base}/datasets/{{id}}",
                "openAPIEndpointsDefinition": f"{MODEL}/datasets/endpoints.json",
                "endpoints": {
                    "individual": {"returnedEntryType": "individual", "url": f"{base}/datasets/{{id}}/individuals"}
                },
            },
        },
    }
    return orjson.dumps({"meta": informational_meta(beacon), "response": response})


def filtering_terms_body(
    beacon: Beacon, terms: Sequence[Json], resources: Sequence[Json], request: BeaconRequest
) -> bytes:
    """`/filtering_terms`: all of them, or the page that was asked for."""
    response = {"resources": list(resources), "filteringTerms": page_of(terms, request)}
    return orjson.dumps({"meta": informational_meta(beacon), "response": response})


def page_of(items: Sequence[Json], request: BeaconRequest) -> list[Json]:
    """Page of a short list; without a limit, or with 0, everything is one page."""
    size = request.asked_limit or max(len(items), 1)
    return list(items[request.skip * size : (request.skip + 1) * size])


def datasets(abilities: Mapping[str, Capabilities], broken: Mapping[str, str]) -> list[Json]:
    """Every registry as a dataset, in order of id; those that cannot be opened are named, too."""
    found = {name: _dataset(name, ability) for name, ability in abilities.items()}
    found.update({name: _broken_dataset(name) for name in broken})
    return [found[name] for name in sorted(found)]


def datasets_body(beacon: Beacon, request: BeaconRequest, collections: Sequence[Json], total: int) -> bytes:
    """`/datasets` and `/datasets/{id}`."""
    level = request.granularity
    body: Json = {
        "meta": response_meta(beacon, request, level, "dataset"),
        "responseSummary": {"exists": total > 0},
    }
    if level >= Granularity.COUNT:
        body["responseSummary"] = {"exists": total > 0, "numTotalResults": total}
    if level is Granularity.RECORD:
        body["response"] = {"collections": list(collections)}
    return orjson.dumps(body)


def _dataset(name: str, ability: Capabilities) -> Json:
    found: Json = {
        "id": name,
        "name": ability.title,
        "description": f"{ability.title}: {_coverage_text(ability.coverage)}.",
    }
    if ability.snapshot:
        found["version"] = ability.snapshot
    found["info"] = {
        "status": "ok",
        "kind": ability.kind,
        "coverage": _coverage(ability.coverage),
        "codeSystems": [{"system": system, "edition": edition} for system, edition in ability.code_systems],
        "neverCollected": sorted(ability.never),
        "countingUnits": sorted(unit.value for unit in ability.units),
    }
    return found


def _broken_dataset(name: str) -> Json:
    return {
        "id": name,
        "name": name,
        "description": "This registry cannot be asked now.",
        "info": {"status": "error", "reason": "the source could not be opened"},
    }


def _coverage(coverage: Coverage) -> Json:
    return {
        "country": coverage.country,
        "region": coverage.region,
        "years": list(coverage.years) if coverage.years else None,
        "ages": list(coverage.ages) if coverage.ages else None,
        "behaviours": sorted(coverage.behaviours),
        "populationBased": coverage.population_based,
        "multiplePrimaryRule": coverage.multiple_primary_rule,
        "overlaps": sorted(coverage.overlaps),
    }


def _coverage_text(coverage: Coverage) -> str:
    place = " ".join(part for part in (coverage.region, coverage.country) if part) or "several countries"
    years = f"{coverage.years[0]}-{coverage.years[1]}" if coverage.years else "years not declared"
    ages = f"ages {coverage.ages[0]}-{coverage.ages[1]}" if coverage.ages else "ages not declared"
    kind = "population-based registry" if coverage.population_based else "cohort or trial"
    return f"{kind}, {place}, {years}, {ages}"

"""What individuals can be filtered by, generated from the terminology and the table of alphanumeric filters.

The same terms for everyone, whatever the registries hold: a list of the codes that occur would itself tell of small
cells (Beacon v2.1.1 framework, responses/sections/beaconFilteringTermsResults.json).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from gateway.doors.beacon.filters import ALPHANUMERIC, SEXES
from terminology import Terminology

Entry = dict[str, object]

SCOPES = ["individual"]
LISTED = ("ICCC3", "ICDO3", "ICD10", "ICD10CM", "NCIT")
"""Systems whose codes are listed; OMOP concepts and SNOMED CT are accepted but carry no names that may be shown."""

RESOURCES: dict[str, Entry] = {
    "ICCC3": {"id": "iccc3", "nameSpacePrefix": "ICCC3", "url": "https://seer.cancer.gov/iccc/"},
    "ICDO3": {"id": "icdo3", "nameSpacePrefix": "ICDO3", "url": "https://www.iacr.com.fr/icd-o-3"},
    "ICD10": {"id": "icd10", "nameSpacePrefix": "ICD10", "url": "https://icd.who.int/browse10"},
    "ICD10CM": {"id": "icd10cm", "nameSpacePrefix": "ICD10CM", "url": "https://www.cdc.gov/nchs/icd/icd-10-cm"},
    "NCIT": {
        "id": "ncit",
        "nameSpacePrefix": "NCIT",
        "url": "http://purl.obolibrary.org/obo/ncit.owl",
        "iriPrefix": "http://purl.obolibrary.org/obo/NCIT_",
    },
    "SCT": {
        "id": "snomedct",
        "nameSpacePrefix": "SCT",
        "url": "http://snomed.info/sct",
        "iriPrefix": "http://snomed.info/id/",
    },
    "OMOP": {"id": "omop", "nameSpacePrefix": "OMOP", "url": "https://athena.ohdsi.org"},
}

SEX_LABELS = {"C20197": "Male", "C16576": "Female", "C17649": "Other", "C17998": "Unknown"}
"""NCI Thesaurus preferred names (CC BY 4.0)."""


@lru_cache(maxsize=4)
def filtering_terms(terminology: Terminology) -> tuple[Entry, ...]:
    """All filtering terms: sex, alphanumeric fields, then the codes of each listed system."""
    return (*_sexes(), *_alphanumeric(), *(term for system in LISTED for term in _codes(system, terminology)))


def resources(terminology: Terminology) -> list[Entry]:
    """The ontologies that filters may name, with title and version."""
    known = {info.system: info for info in terminology.systems()}
    return [
        {**entry, "name": known[system].title, "version": known[system].version}
        for system, entry in RESOURCES.items()
        if system in known
    ]


def _sexes() -> Iterator[Entry]:
    for code in SEXES:
        yield {"type": "NCI Thesaurus", "id": f"NCIT:{code}", "label": SEX_LABELS[code], "scopes": SCOPES}


def _alphanumeric() -> Iterator[Entry]:
    for entry in ALPHANUMERIC.values():
        values = {"values": list(entry.values)} if entry.values else {}
        yield {"type": "alphanumeric", "id": entry.id, "label": entry.label, "scopes": SCOPES, **values}


def _codes(system: str, terminology: Terminology) -> Iterator[Entry]:
    title = next(info.title for info in terminology.systems() if info.system == system)
    names = {group.code: group.label for group in terminology.groups()} if system == "ICCC3" else None
    for code in terminology.codes(system):
        name = names.get(code) if names else terminology.lookup(system, code).name
        label = {"label": name} if name else {}
        yield {"type": title, "id": f"{system}:{code}", **label, "scopes": SCOPES}

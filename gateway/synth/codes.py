"""Codes of a tumour other than ICD-O-3: ICCC-3 groups read from the terminology, ICD-10 from tables/icd10.tsv."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.synth.weights import table
from terminology import TOPOGRAPHIES, load

Tumour = tuple[int, str, int]
"""Morphology, topography, behaviour."""


def iccc_labels(tumours: Sequence[Tumour], edition: str) -> list[str]:
    """ICCC-3 subgroup of each tumour (V has none and stands for itself); '' for no group."""
    terminology = load()
    leaves = terminology.leaves(edition)
    morphology, topography, behaviour = zip(*tumours, strict=True)
    positions = [TOPOGRAPHIES.index(site) for site in topography]
    return [leaves[number].group for number in terminology.classify(morphology, positions, behaviour, edition).tolist()]


def icd10_codes(tumours: Sequence[Tumour]) -> list[str]:
    """ICD-10 code that a registry would keep beside ICD-O-3."""
    codes = {(int(row["morphology"]), row["topography"], int(row["behaviour"])): row["icd10"] for row in table("icd10")}
    return [codes[tumour] for tumour in tumours]

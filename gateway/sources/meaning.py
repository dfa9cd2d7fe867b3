"""What a recorded diagnosis means as a box set, and which ICCC-3 groups it leaves open.

A full ICD-O-3 triple means one cell. An axis that is absent leaves all its codes open; an ICD-10 or ICCC-3 code
beside incomplete axes narrows what is open. Every source evaluates diagnoses by these meanings, so that a partial
record is possible, never silently yes or no.
"""

from __future__ import annotations

from functools import lru_cache

from gateway.model.case import Diagnosis
from gateway.model.fields import UNCLASSIFIED, UNKNOWN_LABEL
from gateway.model.query import DiagnosisIn
from gateway.model.values import Absent, Truth
from terminology import TOPOGRAPHIES, BoxSet, Terminology, Unmatched

ICCC_LEVELS = {"iccc_main": "main", "iccc_group": "sub", "iccc_extended": "extended"}


@lru_cache(maxsize=512)
def meaning_of(diagnosis: Diagnosis, terminology: Terminology) -> BoxSet:
    """All (topography, morphology, behaviour) cells that a recorded diagnosis may be.

    Codes that contradict the ICD-O-3 axes are ignored: the axes are what the registry coded.
    """
    axes = BoxSet.where(
        morphologies=None if isinstance(diagnosis.morphology, Absent) else (diagnosis.morphology,),
        topographies=_subsites(diagnosis.topography),
        behaviours=None if isinstance(diagnosis.behaviour, Absent) else (diagnosis.behaviour,),
    )
    if is_complete(diagnosis):
        return axes
    for narrowing in _other_codes(diagnosis, terminology):
        axes = (axes & narrowing) or axes
    return axes


def matches(meaning: BoxSet, certain: BoxSet, possible: BoxSet) -> Truth:
    """Three-valued membership of a diagnosis in what a question asks for."""
    if meaning <= certain:
        return Truth.YES
    return Truth.POSSIBLE if meaning.overlaps(possible) else Truth.NO


def recorded_code_truth(diagnosis: Diagnosis, leaf: DiagnosisIn) -> Truth | None:
    """Comparison of codes where a registry recorded ICD-10 alone and ICD-10 is asked for; else None.

    The map of ICD-10 to ICD-O-3 is inexact, so its box sets would leave open what the codes themselves decide: the
    same code or one below it is meant, a code above it may be.
    """
    if diagnosis.icd10 is None or not _without_axes(diagnosis) or leaf.field != "diagnosis":
        return None
    if any(term.system != "ICD10" for term in leaf.terms):
        return None
    recorded = _bare(diagnosis.icd10)
    return max((_code_truth(recorded, _bare(term.code)) for term in leaf.terms), default=Truth.NO)


def with_recorded_code(diagnosis: Diagnosis, leaf: DiagnosisIn, by_axes: Truth) -> Truth:
    """Truth of a leaf by what the axes of a diagnosis mean and by its ICD-10 code.

    The axes are what the registry coded, but a record that carries the code asked for, or one below it, is never surely
    something else, whatever they say.
    """
    if diagnosis.icd10 is None:
        return by_axes
    alone = recorded_code_truth(diagnosis, leaf)
    if alone is not None:
        return alone
    if by_axes is Truth.NO and leaf.field == "diagnosis":
        recorded = _bare(diagnosis.icd10)
        asked = (_bare(term.code) for term in leaf.terms if term.system == "ICD10")
        return Truth.POSSIBLE if any(_code_truth(recorded, code) is Truth.YES for code in asked) else by_axes
    return by_axes


@lru_cache(maxsize=65536)
def iccc_labels(diagnosis: Diagnosis, dimension: str, edition: str, terminology: Terminology) -> tuple[str, ...]:
    """ICCC-3 labels a diagnosis may have: one when it is certain, several when it is open.

    `unclassified` where no group covers it; `unknown` where nothing at all is known of the tumour.
    """
    meaning = meaning_of(diagnosis, terminology)
    if meaning == BoxSet.everything():
        return (UNKNOWN_LABEL,)
    labels = []
    for code, boxes in group_boxes(dimension, edition, terminology):
        if meaning.overlaps(boxes):
            labels.append(code)
            meaning = meaning - boxes
            if not meaning:
                return tuple(labels)
    return (*labels, UNCLASSIFIED)


@lru_cache(maxsize=16)
def group_boxes(dimension: str, edition: str, terminology: Terminology) -> tuple[tuple[str, BoxSet], ...]:
    """Groups of a `by` dimension (iccc_main, iccc_group) with their box sets, in the order of the classification."""
    level = ICCC_LEVELS[dimension]
    groups = terminology.groups(edition)
    with_children = {group.parent for group in groups if group.level == "sub"}
    chosen = [
        group.code
        for group in groups
        if group.level == level or (level == "sub" and group.level == "main" and group.code not in with_children)
    ]
    return tuple((code, terminology.meaning("ICCC3", code, edition).boxes) for code in chosen)


def diagnosis_is_known(diagnosis: Diagnosis, field: str) -> bool:
    """Whether an axis of a tumour is recorded, for `diagnosis` a code of any kind, for `entity` one of its kind."""
    if field not in {"diagnosis", "entity"}:
        return not isinstance(getattr(diagnosis, field), Absent)
    if diagnosis.icd10 is not None or diagnosis.iccc is not None:
        return True
    return not (isinstance(diagnosis.morphology, Absent) if field == "entity" else _without_axes(diagnosis))


def _without_axes(diagnosis: Diagnosis) -> bool:
    return all(isinstance(axis, Absent) for axis in (diagnosis.topography, diagnosis.morphology, diagnosis.behaviour))


def _bare(code: str) -> str:
    """ICD-10 code without dot, dash and case: `c64.-` and `C64` are the same."""
    return code.upper().replace(".", "").rstrip("-")


def _code_truth(recorded: str, asked: str) -> Truth:
    if recorded.startswith(asked):
        return Truth.YES
    return Truth.POSSIBLE if asked.startswith(recorded) else Truth.NO


def is_complete(diagnosis: Diagnosis) -> bool:
    """Whether topography (four characters), morphology and behaviour are all recorded."""
    whole_site = isinstance(diagnosis.topography, str) and not isinstance(diagnosis.topography, Absent)
    return (
        whole_site
        and "." in diagnosis.topography
        and not isinstance(diagnosis.morphology, Absent)
        and not isinstance(diagnosis.behaviour, Absent)
    )


def _subsites(topography: str | Absent) -> tuple[str, ...] | None:
    if isinstance(topography, Absent):
        return None
    return tuple(site for site in TOPOGRAPHIES if site.startswith(topography))


def _other_codes(diagnosis: Diagnosis, terminology: Terminology) -> list[BoxSet]:
    asked: list[tuple[str, str, str | None]] = []
    if diagnosis.icd10 is not None:
        asked.append(("ICD10", diagnosis.icd10, None))
    if diagnosis.iccc is not None:
        edition, _, code = diagnosis.iccc.partition(":")
        asked.append(("ICCC3", code, edition))
    return [boxes for each in asked if (boxes := _bounds(terminology, *each)) is not None]


def _bounds(terminology: Terminology, system: str, code: str, edition: str | None) -> BoxSet | None:
    """Outer meaning of a recorded code; None if no map bounds it, so that it narrows nothing."""
    try:
        meaning = terminology.meaning(system, code, edition)
    except Unmatched:
        return None
    return meaning.boxes if meaning.bounded else None

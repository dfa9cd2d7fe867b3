"""Released cases as Beacon individuals (Beacon v2.1.1 default model, individuals/defaultSchema.json).

One individual is one patient of one registry with all tumours that were released. The disease code is the NCI
Thesaurus concept that is equal to the morphology, else the ICD-O-3 code; site, ICCC-3 groups and the rest of a
tumour stand in `info` of the disease, which the standard leaves free. Dates of birth and of last contact are not
rendered at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from gateway.disclosure.released import ReleasedCase, ReleasedGroup
from gateway.doors.beacon.filters import SEXES
from gateway.doors.beacon.terms import SEX_LABELS
from gateway.model.dates import Age, DateInterval
from gateway.model.fields import UNCLASSIFIED
from gateway.model.values import Absent
from terminology import Terminology, TerminologyError

Json = dict[str, object]

NOT_AVAILABLE: Json = {"id": "NCIT:C126101", "label": "Not Available"}
SEX_UNKNOWN = "C17998"
SEX_CODES = {sex: code for code, sex in SEXES.items()}


def individuals(cases: Sequence[ReleasedCase], terminology: Terminology) -> list[Json]:
    """Individuals of one page, in the order in which their first tumours stand."""
    tumours: dict[str, list[ReleasedCase]] = {}
    for case in cases:
        tumours.setdefault(case.patient_id, []).append(case)
    return [individual(patient, found, terminology) for patient, found in tumours.items()]


def individual(patient_id: str, tumours: Sequence[ReleasedCase], terminology: Terminology) -> Json:
    """One individual with all released tumours of a patient."""
    return {
        "id": patient_id,
        "sex": _sex(tumours),
        "diseases": [disease(case, terminology) for case in tumours],
        "info": {
            "dataset": tumours[0].source,
            "vitalStatus": _agreed(tumours, "vital_status"),
            "countryOfResidence": _agreed(tumours, "country"),
            "sexRecorded": _agreed(tumours, "sex"),
        },
    }


def disease(case: ReleasedCase, terminology: Terminology) -> Json:
    """One tumour."""
    found: Json = {"diseaseCode": _disease_code(case, terminology)}
    onset = age_of_onset(case.age)
    if onset:
        found["ageOfOnset"] = onset
    if not isinstance(case.stage, Absent):
        found["stage"] = {"id": case.stage, "label": case.stage.replace(":", " ", 1)}
    found["info"] = _tumour_info(case)
    return found


def age_of_onset(age: Age) -> Json | None:
    """Completed years as duration, or a range where they are not certain; None if nothing is known."""
    if age.years is None:
        return None
    first, last = age.years
    start, end = {"iso8601duration": f"P{first}Y"}, {"iso8601duration": f"P{last}Y"}
    return {"start": start, "end": end} if first != last else {**start}


def icdo3(case: ReleasedCase) -> str | None:
    """ICD-O-3 code of what is known: `9500/3-C74.9`, `9500/3`, `C74.9`, or None."""
    histology = None
    if not isinstance(case.morphology, Absent):
        histology = f"{case.morphology:04d}"
        if not isinstance(case.behaviour, Absent):
            histology = f"{histology}/{case.behaviour}"
    site = None if isinstance(case.topography, Absent) else case.topography
    return "-".join(part for part in (histology, site) if part) or None


def _disease_code(case: ReleasedCase, terminology: Terminology) -> Json:
    if isinstance(case.morphology, Absent):
        return _coarse_code(case)
    if not isinstance(case.behaviour, Absent):
        concept = _equal_concept(f"{case.morphology:04d}/{case.behaviour}", terminology)
        if concept:
            return dict(concept)
    return {"id": f"ICDO3:{icdo3(case)}"}


def _coarse_code(case: ReleasedCase) -> Json:
    """Disease code of a tumour without morphology: ICD-10, else the ICCC-3 group, else the site."""
    if case.icd10:
        return {"id": f"ICD10:{case.icd10}"}
    groups = [group for group in case.iccc if group.main not in {None, UNCLASSIFIED}]
    if groups:
        return {"id": f"ICCC3:{groups[0].group or groups[0].main}"}
    return dict(NOT_AVAILABLE) if isinstance(case.topography, Absent) else {"id": f"ICDO3:{case.topography}"}


@lru_cache(maxsize=4096)
def _equal_concept(histology: str, terminology: Terminology) -> tuple[tuple[str, str], ...]:
    """The one NCI Thesaurus concept that means exactly a morphology, as items of an ontology term; else empty."""
    try:
        tumours = terminology.meaning("ICDO3", histology).boxes
    except TerminologyError:
        return ()
    named = [terminology.meaning("NCIT", code) for code in _concepts_of(terminology).get(histology, ())]
    equal = [meaning.code for meaning in named if meaning.exact and meaning.boxes == tumours]
    if len(equal) != 1:
        return ()
    name = terminology.lookup("NCIT", equal[0]).name
    return (("id", f"NCIT:{equal[0]}"), *((("label", name),) if name else ()))


@lru_cache(maxsize=4)
def _concepts_of(terminology: Terminology) -> Mapping[str, tuple[str, ...]]:
    """NCI Thesaurus concepts whose preferred code is a morphology, by that morphology."""
    found: dict[str, tuple[str, ...]] = {}
    for concept in terminology.codes("NCIT"):
        for mapped in terminology.lookup("NCIT", concept).properties["icdo3"].split(", "):
            code, _, kind = mapped.partition(" ")
            if kind == "(preferred)":
                found[code] = (*found.get(code, ()), concept)
    return found


def _tumour_info(case: ReleasedCase) -> Json:
    return {
        "caseId": case.id,
        "icdo3": icdo3(case),
        "icdo3Edition": case.icdo_edition,
        "icd10": case.icd10,
        "iccc3": [_group(group) for group in case.iccc],
        "topography": _value(case.topography),
        "morphology": _value(case.morphology),
        "behaviour": _value(case.behaviour),
        "ageDays": _exact(case.age.days),
        "incidenceDate": _date(case.incidence),
        "basis": _value(case.basis),
        "laterality": _value(case.laterality),
        "grade": _value(case.grade),
        "stage": _value(case.stage),
        "countryOfResidence": _value(case.country),
        "sequence": case.sequence,
    }


def _group(group: ReleasedGroup) -> Json:
    return {
        "edition": group.edition,
        "main": group.main,
        "group": group.group,
        "extended": group.extended,
        "seerRecode": group.seer_recode,
    }


def _sex(tumours: Sequence[ReleasedCase]) -> Json:
    code = SEX_CODES.get(str(_agreed(tumours, "sex")), SEX_UNKNOWN)
    return {"id": f"NCIT:{code}", "label": SEX_LABELS[code]}


def _agreed(tumours: Sequence[ReleasedCase], field: str) -> str | int:
    """Value of a field if all tumours of the patient say the same, else `contradictory`."""
    found = {_value(getattr(case, field)) for case in tumours}
    return found.pop() if len(found) == 1 else "contradictory"


def _value(value: str | int | Absent) -> str | int:
    return value.value if isinstance(value, Absent) else value


def _exact(interval: tuple[int, int] | None) -> int | None:
    return interval[0] if interval and interval[0] == interval[1] else None


def _date(date: DateInterval) -> Json | None:
    if date.earliest is None or date.latest is None:
        return None
    return {"earliest": date.earliest.isoformat(), "latest": date.latest.isoformat(), "precision": date.precision.value}

"""Records of released answers: the fields that the policy of their source keeps, and what stands for the others.

Nothing of a record that leaves is made from a value that may not leave.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from itertools import chain, groupby, repeat
from operator import attrgetter
from typing import Any, NamedTuple

from gateway.disclosure.policy import DATE_FIELDS, RECORD_FIELDS, Policy, Verb
from gateway.disclosure.released import ReleasedCase, ReleasedGroup
from gateway.model.case import Case, Diagnosis
from gateway.model.dates import UNKNOWN_DATE, WITHHELD_DATE, Age, DateInterval, DatePrecision
from gateway.model.fields import UNCLASSIFIED, UNKNOWN_LABEL
from gateway.model.values import Absent
from gateway.sources.meaning import ICCC_LEVELS, group_boxes, iccc_labels, is_complete
from terminology import IcdO, Terminology

ICCC_EDITIONS = ("2017", "2005")
RECORDED = tuple(field.name for field in fields(Case))
AXES = ("topography", "morphology", "behaviour", "icd10", "icdo_edition")
VALUES = ("age", "sex", "vital_status", "basis", "laterality", "grade", "stage", "country", "sequence")
RECORDS_KEPT = 32_768
HELD_BACK: Mapping[str, object] = {
    **dict.fromkeys(RECORD_FIELDS, Absent.WITHHELD),
    **dict.fromkeys(("icd10", "icdo_edition", "sequence"), None),
    "iccc": (),
    "age": Age(None, None, withheld=True),
}
"""What stands in the place of a field that is held back."""

# Any because attrgetter has no types.
_recorded: Callable[[Case], tuple[Any, ...]] = attrgetter(*RECORDED)
_axes: Callable[[Diagnosis], tuple[Any, ...]] = attrgetter(*AXES)


class Made(NamedTuple):
    """A record that was made, and all that it was made from."""

    case: Case
    policy: Policy
    terminology: Terminology
    record: ReleasedCase


_MADE: dict[int, Made] = {}
"""By the identity of the case, which the entry keeps alive."""


def release_records(
    cases: Sequence[Case], policies: Mapping[str, Policy], terminology: Terminology
) -> tuple[ReleasedCase, ...]:
    """Records with the fields that the policy of their source keeps, in the order given.

    What a policy makes of a record is the same in every answer. A source that keeps a record gives it as one object,
    so what was made of that object under that very policy is given again, as one object too.
    """
    new = [case for case in cases if not _is_made(case, policies[case.source], terminology)]
    if new:
        if len(_MADE) + len(new) > RECORDS_KEPT:
            _MADE.clear()
            new = list(cases)
        runs = groupby(new, key=attrgetter("source"))
        records = chain.from_iterable(_records(list(run), policies[name], terminology) for name, run in runs)
        for case, record in zip(new, records, strict=True):
            _MADE[id(case)] = Made(case, policies[case.source], terminology, record)
    return tuple([_MADE[id(case)].record for case in cases])


def _is_made(case: Case, policy: Policy, terminology: Terminology) -> bool:
    kept = _MADE.get(id(case))
    return kept is not None and kept.case is case and kept.policy is policy and kept.terminology is terminology


def release_case(case: Case, policy: Policy, terminology: Terminology) -> ReleasedCase:
    """One record with the fields its policy keeps."""
    return next(_records((case,), policy, terminology))


def _records(cases: Sequence[Case], policy: Policy, terminology: Terminology) -> Iterator[ReleasedCase]:
    """Records of one source, column by column; ids carry the source before the first dot."""
    recorded = dict(zip(RECORDED, zip(*map(_recorded, cases), strict=True), strict=True))
    source = cases[0].source
    kept: dict[str, Iterable[object]] = {
        "source": recorded["source"],
        "id": [f"{source}.{name}" for name in recorded["case_id"]],
        "patient_id": [f"{source}.{name}" for name in recorded["patient_id"]],
        **_diagnoses(recorded["diagnosis"], policy, terminology),
        **{field: _values(field, recorded[field], policy) for field in VALUES},
        **{field: _dates(recorded[field], policy.verb(field)) for field in sorted(DATE_FIELDS)},
    }
    columns = [kept[name] for name in ReleasedCase._fields]
    return map(ReleasedCase._make, zip(*columns))  # noqa: B905 - what is held back repeats without end


def _diagnoses(diagnoses: Sequence[Diagnosis], policy: Policy, terminology: Terminology) -> dict[str, Iterable[object]]:
    """Columns made from the diagnosis; a snapshot has few diagnoses, each one object."""
    grouped = policy.verb("iccc") is Verb.KEEP
    parts = {
        key: (*_axes(diagnosis), _groups(diagnosis, terminology) if grouped else ())
        for key, diagnosis in {id(each): each for each in diagnoses}.items()
    }
    columns = zip(*[parts[id(diagnosis)] for diagnosis in diagnoses], strict=True)
    return {field: _values(field, column, policy) for field, column in zip((*AXES, "iccc"), columns, strict=True)}


def _values(field: str, found: Iterable[object], policy: Policy) -> Iterable[object]:
    return found if policy.verb(field) is Verb.KEEP else repeat(HELD_BACK[field])


def _dates(found: Iterable[DateInterval], verb: Verb) -> Iterable[DateInterval]:
    match verb:
        case Verb.KEEP:
            return found
        case Verb.YEAR:
            return map(_year, found)
        case Verb.DROP:
            return repeat(WITHHELD_DATE)


def _year(found: DateInterval) -> DateInterval:
    """Whole years of a date."""
    if found.earliest is None or found.latest is None:
        return UNKNOWN_DATE
    return DateInterval(dt.date(found.earliest.year, 1, 1), dt.date(found.latest.year, 12, 31), DatePrecision.YEAR)


def prepare_groups(terminology: Terminology) -> None:
    """Make what the groups of a record are read from, half a second's work that the first page would wait for."""
    for edition in ICCC_EDITIONS:
        for dimension in ICCC_LEVELS:
            group_boxes(dimension, edition, terminology)


@lru_cache(maxsize=65536)
def _groups(diagnosis: Diagnosis, terminology: Terminology) -> tuple[ReleasedGroup, ...]:
    return tuple(_group(diagnosis, edition, terminology) for edition in ICCC_EDITIONS)


def _group(diagnosis: Diagnosis, edition: str, terminology: Terminology) -> ReleasedGroup:
    if is_complete(diagnosis):
        icdo = IcdO(str(diagnosis.topography), int(diagnosis.morphology), int(diagnosis.behaviour))
        leaf = terminology.group_of(icdo, edition)
        if not leaf.group:
            return ReleasedGroup(edition, UNCLASSIFIED, UNCLASSIFIED, None, None)
        return ReleasedGroup(edition, leaf.main, leaf.group, leaf.extended or None, leaf.seer_recode)
    main = _single(iccc_labels(diagnosis, "iccc_main", edition, terminology))
    group = _single(iccc_labels(diagnosis, "iccc_group", edition, terminology))
    extended = _single(iccc_labels(diagnosis, "iccc_extended", edition, terminology))
    division = None if extended == UNCLASSIFIED else extended
    return ReleasedGroup(edition, main, group, division, _recodes(edition, terminology).get(group or ""))


def _single(labels: tuple[str, ...]) -> str | None:
    """The label, None where several are open or nothing at all is known."""
    return labels[0] if len(labels) == 1 and labels[0] != UNKNOWN_LABEL else None


@lru_cache(maxsize=8)
def _recodes(edition: str, terminology: Terminology) -> Mapping[str, str]:
    return {group.code: group.seer_recode for group in terminology.groups(edition) if group.seer_recode}

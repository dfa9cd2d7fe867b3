"""Condition of a released case: one primary tumour (mCODE 4.0.0 primary cancer condition where it fits).

ICD-O-3 topography stands in bodySite, morphology in mCODE's extension; code carries the ICCC-3 groups, the
morphology and ICD-10. What the source wrote is userSelected true, what is derived from it is false; where a group
stands alone it is not told which. The incidence date is onset[x] with its true precision; when a record was written is
not known. The clinical status of a tumour is not a registry's knowledge and stays absent, which the category
health-concern allows (constraint con-3). ICD-O terms are WHO's: codes go out without display.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar

import orjson

from gateway.disclosure.released import ReleasedCase, ReleasedGroup
from gateway.doors.fhir.definitions import Resource, guide, url_of_prefix
from gateway.doors.fhir.render.elements import (
    REASONS,
    absent,
    age_at_diagnosis,
    coding,
    concept,
    estimated,
    partial_date,
    period,
    primitive,
    why_no_date,
)
from gateway.doors.fhir.render.mapped import Icd10Of
from gateway.doors.fhir.verification import VERIFICATION, VERIFICATION_SYSTEM
from gateway.doors.fhir.wire.xml import Markup, children_xml
from gateway.model.dates import Age, DateInterval
from gateway.model.fields import UNCLASSIFIED
from gateway.model.values import Absent

MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition"
PROFILE = f"{MCODE}/mcode-primary-cancer-condition"
HISTOLOGY = f"{MCODE}/mcode-histology-morphology-behavior"
SHOWN_IN_FULL = "2017"
"""Edition whose extended division is shown beside the group."""

CATEGORY: Resource = {
    "category": [
        concept([coding("http://hl7.org/fhir/us/core/CodeSystem/condition-category", "health-concern")]),
    ],
}
NOT_PRIMARY = frozenset({6, 9})
"""Behaviour of a metastasis, or of a tumour that may be one: no primary cancer condition is claimed."""

GroupName = Callable[[str, str], str | None]
"""Code and edition of an ICCC-3 group -> its published name."""

CACHED = 16384


class Tumour(NamedTuple):
    """What many cases share: the parts of a Condition that are written once and kept."""

    source: str
    iccc: tuple[ReleasedGroup, ...]
    icd10: str | None
    topography: str | Absent
    morphology: int | Absent
    behaviour: int | Absent
    icdo_edition: str | None
    laterality: str | Absent
    basis: str | Absent


TumourParts = tuple[Any, ...]
"""Fields of a Tumour; Any because attrgetter, which is why a page is fast, has no types."""

_tumour: Callable[[ReleasedCase], TumourParts] = attrgetter(*Tumour._fields)


V = TypeVar("V")
W = TypeVar("W")


class Written(Generic[V, W]):
    """What is written of values, each once.

    A source gives equal values as one object, and finding an object is much faster than hashing its fields.
    """

    def __init__(self, write: Callable[[V], W]) -> None:
        self._write = write
        self._kept: dict[int, tuple[V, W]] = {}

    def __call__(self, value: V) -> W:
        """What is written of a value."""
        kept = self._kept.get(id(value))
        if kept is None or kept[0] is not value:
            if len(self._kept) >= CACHED:
                self._kept.clear()
            kept = self._kept[id(value)] = (value, self._write(value))
        return kept[1]


class ConditionRenderer:
    """Conditions of one door.

    Parameters
    ----------
    base
        URL of the door.
    group_name
        Names of ICCC-3 groups.
    icd10
        ICD-10 of tumours that were recorded by ICD-O-3 alone.
    versions
        Elements of meta that tell the version of a registry's records, by registry.
    """

    def __init__(
        self, base: str, group_name: GroupName, icd10: Icd10Of, versions: Mapping[str, Resource] | None = None
    ) -> None:
        self._base = base
        self._group_name = group_name
        self._icd10 = icd10
        self._versions = versions or {}
        self._entry = Written[ReleasedCase, tuple[str, bytes]](self._digested)
        self._entry_xml = Written[ReleasedCase, str](self.entry_xml)
        self._json = lru_cache(maxsize=CACHED)(self._json_fragments)
        self._xml = lru_cache(maxsize=CACHED)(self._xml_fragments)

    def resource(self, case: ReleasedCase) -> Resource:
        """Condition as a dict."""
        head, rest = self._parts(Tumour(*_tumour(case)))
        return {
            "resourceType": "Condition",
            "id": case.id,
            **head,
            "extension": [*head["extension"], age_at_diagnosis(case.age)],
            **rest,
            "subject": {"reference": f"Patient/{case.patient_id}"},
            **onset(case.incidence),
            **NOT_RECORDED,
            **stage(case),
        }

    def json(self, case: ReleasedCase) -> str:
        """Condition as JSON: the text of `resource`, put together from cached fragments."""
        head, rest = self._json(_tumour(case))
        return (
            f'{{"resourceType":"Condition","id":"{case.id}",{head},{_age_json(case.age)}],{rest},'
            f'"subject":{{"reference":"Patient/{case.patient_id}"}},{_onset_json(case.incidence)},{_NOT_RECORDED_JSON}{_stage_json(case)}}}'
        )

    def entry_json(self, case: ReleasedCase) -> str:
        """Entry of a page as JSON, see gateway.doors.fhir.render.bundle.entry."""
        return (
            f'{{"fullUrl":"{self._base}/Condition/{case.id}","resource":{self.json(case)},"search":{{"mode":"match"}}}}'
        )

    def page_json(self, cases: Sequence[ReleasedCase]) -> tuple[list[orjson.Fragment], bytes]:
        """Entries of a page and their digest; a record that is released again as the same object is not written again."""
        if not cases:
            return [], b""
        texts, digests = zip(*map(self._entry, cases), strict=True)
        # One fragment holds them all: what stands between two of them in a list is a comma.
        return [orjson.Fragment(",".join(texts).encode())], hashlib.sha256(b"".join(digests)).digest()

    def _digested(self, case: ReleasedCase) -> tuple[str, bytes]:
        text = self.entry_json(case)
        return text, hashlib.sha256(text.encode()).digest()

    def entry_xml(self, case: ReleasedCase) -> str:
        """Content of an entry of a page as XML."""
        return (
            f'<fullUrl value="{self._base}/Condition/{case.id}"/><resource>{self.xml(case)}</resource>'
            '<search><mode value="match"/></search>'
        )

    def page_xml(self, cases: Sequence[ReleasedCase]) -> list[Markup]:
        """Entries of a page as XML, likewise."""
        return [Markup("</entry><entry>".join(map(self._entry_xml, cases)))] if cases else []

    def xml(self, case: ReleasedCase) -> Markup:
        """Condition as XML, likewise."""
        head, rest = self._xml(_tumour(case))
        return Markup(
            f'<Condition><id value="{case.id}"/>{head}{_age_xml(case.age)}{rest}'
            f'<subject><reference value="Patient/{case.patient_id}"/></subject>{_onset_xml(case.incidence)}'
            f"{_NOT_RECORDED_XML}{children_xml(stage(case))}</Condition>"
        )

    def _parts(self, tumour: Tumour) -> tuple[Resource, Resource]:
        """Elements before the age, and elements between it and the subject."""
        edition = tumour.icdo_edition
        code = condition_code(tumour, self._group_name, self._icd10)
        meta: Resource = {**self._versions.get(tumour.source, {}), "source": source_url(self._base, tumour.source)}
        if "coding" in code and tumour.behaviour not in NOT_PRIMARY:
            meta["profile"] = profiles()
        extensions = [
            histology(tumour.morphology, tumour.behaviour, edition),
            basis_of_diagnosis(tumour.basis),
            *iccc_groups(tumour.iccc),
        ]
        site = body_site(tumour.topography, tumour.laterality, edition)
        return {"meta": meta, "extension": extensions}, {
            **status(tumour.basis),
            **CATEGORY,
            "code": code,
            "bodySite": [site],
        }

    def _json_fragments(self, tumour: TumourParts) -> tuple[str, str]:
        head, rest = self._parts(Tumour(*tumour))
        return _members(head).removesuffix("]"), _members(rest)

    def _xml_fragments(self, tumour: TumourParts) -> tuple[str, str]:
        head, rest = self._parts(Tumour(*tumour))
        return children_xml(head), children_xml(rest)


def status(basis: str | Absent) -> Resource:
    """Verification status by the basis of diagnosis."""
    if isinstance(basis, Absent):
        return {"verificationStatus": absent(REASONS[basis])}
    return {"verificationStatus": concept([coding(VERIFICATION_SYSTEM, VERIFICATION[basis])])}


def profiles() -> list[str]:
    """Profiles of a Condition of a primary tumour that has a code: ours, and the one of mCODE that it derives from."""
    return [guide().profile("primary-cancer-condition"), PROFILE]


def source_url(base: str, source: str) -> str:
    """URI of a registry, as meta.source."""
    return f"{base}/Organization/{source}"


def condition_code(tumour: Tumour, group_name: GroupName, icd10_of: Icd10Of) -> Resource:
    """Condition.code: ICCC-3 groups by edition, ICD-O-3 morphology, ICD-10, as far as they are known."""
    urls = url_of_prefix()
    morphology, iccc, icd10 = tumour.morphology, tumour.iccc, tumour.icd10
    # Beside neither a morphology nor ICD-10 a group is what was recorded, or follows from a site: it is not told which.
    derived = None if isinstance(morphology, Absent) and not icd10 else False
    # A group holds the recorded tumour and others: it means more than the code it is derived from.
    wider = "wider" if derived is False else None
    codings = [
        coding(
            urls["ICCC3"],
            code,
            version=group.edition,
            display=group_name(code, group.edition),
            recorded=derived,
            equivalence=wider,
        )
        for group in iccc
        for code in _codes(group)
    ]
    if not isinstance(morphology, Absent):
        code = _morphology_code(morphology, tumour.behaviour)
        codings.append(coding(urls["ICDO3"], code, version=tumour.icdo_edition, recorded=True))
    if icd10:
        codings.append(coding(urls["ICD10"], icd10, recorded=True))
    elif mapped := icd10_of(tumour.topography, morphology, tumour.behaviour):
        codings.append(coding(urls["ICD10"], mapped.code, recorded=False, equivalence=mapped.equivalence))
    # Where another edition has a group, a text would speak of the whole concept and say the contrary.
    grouped = any(_codes(group) for group in iccc)
    without = ", ".join(f"ICCC-3 {group.edition}" for group in iccc if group.group == UNCLASSIFIED)
    text = {"text": f"in no group of {without}"} if without and not grouped else {}
    if codings:
        return {**concept(codings), **text}
    return {**absent(REASONS[morphology if isinstance(morphology, Absent) else Absent.UNKNOWN]), **text}


def histology(morphology: int | Absent, behaviour: int | Absent, icdo_edition: str | None) -> Resource:
    """Extension mcode-histology-morphology-behavior; ICD-O-3 has no code for a behaviour alone, which stands as text."""
    if isinstance(morphology, Absent):
        text = {} if isinstance(behaviour, Absent) else {"text": f"behaviour /{behaviour}"}
        return {"url": HISTOLOGY, "valueCodeableConcept": {**absent(REASONS[morphology]), **text}}
    code = _morphology_code(morphology, behaviour)
    return {
        "url": HISTOLOGY,
        "valueCodeableConcept": concept([coding(url_of_prefix()["ICDO3"], code, version=icdo_edition)]),
    }


def body_site(topography: str | Absent, laterality: str | Absent, icdo_edition: str | None) -> Resource:
    """Primary site, with its laterality where that is known."""
    known: Resource = (
        absent(REASONS[topography])
        if isinstance(topography, Absent)
        else concept([coding(url_of_prefix()["ICDO3"], topography, version=icdo_edition)])
    )
    if isinstance(laterality, Absent):
        return known
    side = {
        "url": guide().extension("laterality"),
        "valueCodeableConcept": concept([coding(guide().code_system("laterality"), laterality)]),
    }
    return {"extension": [side, *known.get("extension", [])], **{k: v for k, v in known.items() if k != "extension"}}


def basis_of_diagnosis(basis: str | Absent) -> Resource:
    """Our extension of the most valid basis of diagnosis."""
    value = (
        absent(REASONS[basis])
        if isinstance(basis, Absent)
        else concept([coding(guide().code_system("basis-of-diagnosis"), basis)])
    )
    return {"url": guide().extension("basis-of-diagnosis"), "valueCodeableConcept": value}


def iccc_groups(groups: Sequence[ReleasedGroup]) -> list[Resource]:
    """Our extension of the ICCC-3 group in each edition that has one: with its division and SEER's number."""
    found = []
    for group in groups:
        code = group.group or group.main
        if not code or code == UNCLASSIFIED:
            continue
        system = url_of_prefix()["ICCC3"]
        parts: list[Resource] = [{"url": "group", "valueCoding": coding(system, code, version=group.edition)}]
        if group.extended:
            division = coding(system, group.extended, version=group.edition)
            parts.append({"url": "division", "valueCoding": division})
        if group.seer_recode:
            parts.append({"url": "seerRecode", "valueCode": group.seer_recode})
        found.append({"extension": parts, "url": guide().extension("iccc-group")})
    return found


def onset(incidence: DateInterval) -> Resource:
    """Incidence date: dateTime of its precision, a Period where it is no calendar unit, or why it is absent."""
    date = partial_date(incidence)
    if date is not None:
        return primitive("onsetDateTime", date, estimated(incidence))
    span = period(incidence)
    if span is not None:
        return {"onsetPeriod": {**_with_extension(estimated(incidence)), **span}}
    return primitive("onsetDateTime", None, absent(why_no_date(incidence))["extension"])


NOT_RECORDED = primitive("recordedDate", None, absent(REASONS[Absent.UNKNOWN])["extension"])
"""Nobody told when a record was written."""


def stage(case: ReleasedCase) -> Resource:
    """Stage as recorded, and the Observation that tells its system; nothing where there is none to show."""
    if isinstance(case.stage, Absent):
        return {}
    summary = concept([coding(guide().code_system("stage"), case.stage)])
    return {"stage": [{"summary": summary, "assessment": [{"reference": f"Observation/{case.id}-stage"}]}]}


def _stage_json(case: ReleasedCase) -> str:
    return "" if isinstance(case.stage, Absent) else f",{_members(stage(case))}"


def _with_extension(extensions: list[Resource]) -> Resource:
    return {"extension": extensions} if extensions else {}


def _codes(group: ReleasedGroup) -> list[str]:
    finest = group.extended if group.edition == SHOWN_IN_FULL else None
    found = [group.group or group.main, finest]
    return [code for code in found if code and code != UNCLASSIFIED]


def _morphology_code(morphology: int, behaviour: int | Absent) -> str:
    return f"{morphology}" if isinstance(behaviour, Absent) else f"{morphology}/{behaviour}"


def _members(element: Resource) -> str:
    return orjson.dumps(element)[1:-1].decode()


def _age_members(age: Age) -> str:
    return orjson.dumps(age_at_diagnosis(age)).decode()


_NOT_RECORDED_JSON = _members(NOT_RECORDED)
_NOT_RECORDED_XML = children_xml(NOT_RECORDED)
_age_json = Written[Age, str](_age_members)
_age_xml = Written[Age, str](lambda age: children_xml({"extension": [age_at_diagnosis(age)]}))
_onset_json = Written[DateInterval, str](lambda incidence: _members(onset(incidence)))
_onset_xml = Written[DateInterval, str](lambda incidence: children_xml(onset(incidence)))

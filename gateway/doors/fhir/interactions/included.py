"""`_include` and `_revinclude`: resources that go with the matches of a page (R4 search.html section 3.1.1.5.3).

What hangs on the tumours of the page is made from the same released cases; patients are asked for by id, since a
Patient is made from all tumours of a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.disclosure.released import ReleasedAnswer, ReleasedCase, ReleasedSource
from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.door import Door
from gateway.doors.fhir.observations import KINDS
from gateway.doors.fhir.render.bundle import entry
from gateway.doors.fhir.render.observation import observation, observations_of
from gateway.doors.fhir.render.patient import by_patient, patient
from gateway.doors.fhir.render.provenance import provenance, provenance_entry
from gateway.doors.fhir.search.parse import Search
from gateway.doors.fhir.wire.request import Asked
from gateway.model.capability import Granularity
from gateway.model.query import CaseQuery, Page, RecordIn, Unit

PROVENANCE = "Provenance:target"


async def included(
    door: Door,
    asked: Asked,
    search: Search,
    cases: Sequence[ReleasedCase],
    answer: ReleasedAnswer,
    matched: Sequence[str],
) -> list[Resource]:
    """Entries of mode include for a page.

    Parameters
    ----------
    cases
        Released cases that the matches of the page were made from.
    answer
        Answer they came with.
    matched
        References of the matches, which are not included again.
    """
    if not cases or not (search.includes or search.reverse_includes):
        return []
    found: list[Resource] = []
    wanted = {*search.includes, *search.reverse_includes}
    if wanted & _TO_PATIENT[search.resource.name]:
        found += await _patients(door, asked, {case.patient_id for case in cases})
    if wanted & _TO_CONDITION[search.resource.name]:
        found += [door.conditions(answer).resource(case) for case in cases]
    if (
        wanted & {"Observation:focus", "Observation:subject", "Observation:patient"}
        and search.resource.name != "Observation"
    ):
        made = _observations(cases, door.base, of_tumours=search.resource.name == "Condition")
        found += door.versioned(made, answer)
    if PROVENANCE in wanted:
        sources = {source.id: source for source in answer.sources}
        targets = [(reference, case.source) for reference, case in zip(matched, _one_each(search, cases), strict=True)]
        found += [_provenance(door, reference, sources[source], answer) for reference, source in targets]
    return [_entry(item, door.base) for item in _once(found, set(matched))]


_PATIENT_LINKS = frozenset({"Condition:subject", "Condition:patient", "Observation:subject", "Observation:patient"})
_TO_PATIENT = {"Condition": _PATIENT_LINKS, "Observation": _PATIENT_LINKS, "Patient": frozenset[str]()}
_TO_CONDITION = {
    "Condition": frozenset[str](),
    "Observation": frozenset({"Observation:focus"}),
    "Patient": frozenset({"Condition:subject", "Condition:patient"}),
}


async def _patients(door: Door, asked: Asked, ids: set[str]) -> list[Resource]:
    page = Page("patient", len(ids))
    query = CaseQuery(RecordIn("patient", frozenset(ids)), unit=Unit.PATIENTS, page=page)
    answer = await door.gateway.ask(query, door.requester(asked), granularity=Granularity.RECORD)
    return door.versioned([patient(cases, door.base) for cases in by_patient(answer.cases)], answer)


def _observations(cases: Sequence[ReleasedCase], base: str, *, of_tumours: bool) -> Iterable[Resource]:
    if not of_tumours:
        return [found for tumours in by_patient(cases) for found in observations_of(tumours, base)]
    kinds = [kind for kind in KINDS.values() if kind.record == "case"]
    made = [observation(kind, [case], base) for case in cases for kind in kinds]
    return [found for found in made if found is not None]


def _one_each(search: Search, cases: Sequence[ReleasedCase]) -> list[ReleasedCase]:
    """One case for each match: they tell the registry."""
    if search.resource.record == "patient":
        return [tumours[0] for tumours in by_patient(cases)]
    return list(cases)


def _provenance(door: Door, reference: str, source: ReleasedSource, answer: ReleasedAnswer) -> Resource:
    version = door.version(source)
    record = f"{door.base}/{reference}{f'/_history/{version.id}' if version else ''}"
    return provenance(reference, source, answer, record)


def _once(found: Iterable[Resource], seen: set[str]) -> Iterable[Resource]:
    for item in found:
        reference = f"{item['resourceType']}/{item['id']}"
        if reference not in seen:
            seen.add(reference)
            yield item


def _entry(resource: Resource, base: str) -> Resource:
    if resource["resourceType"] == "Provenance":
        return provenance_entry(resource)
    return entry(resource, base, resource["resourceType"], resource["id"], "include")

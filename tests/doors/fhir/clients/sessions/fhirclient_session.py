"""fhirclient (Python): every resource through its strict models."""

from fhirclient.client import FHIRClient
from fhirclient.models.bundle import Bundle
from fhirclient.models.condition import Condition
from fhirclient.models.fhirelementfactory import FHIRElementFactory
from fhirclient.models.observation import Observation
from fhirclient.models.patient import Patient
from fhirclient.models.valueset import ValueSet
from fhirclient.server import FHIRNotFoundException
from plan import run
from requests import HTTPError

TYPES = {"Condition": Condition, "Patient": Patient, "Observation": Observation}


def session(state):
    client = FHIRClient(settings={"app_id": "example", "api_base": state.base})
    state.check("the client is ready", client.prepare())
    server = client.server
    statement = server.capabilityStatement
    state.check("metadata is a CapabilityStatement of FHIR 4.0.1", statement.fhirVersion == "4.0.1")
    state.check("metadata searches tumours", "Condition" in {item.type for item in statement.rest[0].resource})

    for question in state.questions:
        kind = TYPES[question["type"]]
        struct = {name: {"$and": values} for name, values in question["search"].items()}
        counted = Bundle.read_from(kind.where(struct={**struct, "_summary": "count"}).construct(), server)
        paged = kind.where(struct={**struct, "_count": str(state.page)}).perform_resources_iter(server)
        state.answer(question, counted.total, [item.id for item in paged if isinstance(item, kind) and item.as_json()])

    condition = next(iter(Condition.where(struct={"_count": "1"}).perform_resources_iter(server)))
    patient = Patient.read(condition.subject.reference.removeprefix("Patient/"), server)
    state.check("a patient is read", patient.as_json()["id"] == patient.id)
    state.check("a reference is resolved", condition.subject.resolved(Patient).id == patient.id)
    state.check("a tumour is read", Condition.read(condition.id, server).as_json() == condition.as_json())
    state.check("a value set is read", ValueSet.read("basis-of-diagnosis", server).status)
    state.check("an unknown id is FHIRNotFoundException", not_found(server))
    state.check("a parameter that is not served is status 400", refused(server) == 400)
    listed = [item.type for item in statement.rest[0].resource]
    state.check("metadata lists types", len(set(listed)) == len(listed) > len(TYPES))
    for name in listed:
        state.check(f"every {name} of a page fits its model", fits(server, name))
    more(state, server)


def fits(server, name):
    """Whether a page has resources of a type, and the strict model reads and writes each of them as it came.

    The models have no place for what stands beside a primitive (`_name`).
    """
    found = server.request_json(f"{name}?_count=20")
    Bundle(found)
    kept = [entry["resource"] for entry in found.get("entry", ()) if entry["search"]["mode"] == "match"]
    same = [FHIRElementFactory.instantiate(name, item).as_json() == plain(item) for item in kept]
    return bool(same) and all(same) and {item["resourceType"] for item in kept} == {name}


def plain(value):
    """A value without what stands beside a primitive."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items() if not name.startswith("_")}
    return [plain(item) for item in value] if isinstance(value, list) else value


def more(state, server):
    """What later versions of the server have."""
    if state.has("include"):
        found = next(iter(Condition.where(struct={"_count": "20"}).include("subject").perform_iter(server)))
        patients = {item.resource.id for item in found.entry if isinstance(item.resource, Patient)}
        subjects = {item.resource.subject.reference for item in found.entry if isinstance(item.resource, Condition)}
        state.check("_include brings every patient once", {f"Patient/{name}" for name in patients} == subjects)
    if state.has("revinclude"):
        found = next(
            iter(
                Patient.where(struct={"_count": "20"}).include("subject", Condition, reverse=True).perform_iter(server)
            )
        )
        patients = {f"Patient/{item.resource.id}" for item in found.entry if isinstance(item.resource, Patient)}
        subjects = {item.resource.subject.reference for item in found.entry if isinstance(item.resource, Condition)}
        state.check("_revinclude brings a tumour of every patient", patients == subjects)
    if state.has("observation"):
        found = Observation.where(struct={"_count": "200"}).perform_iter(server)
        kept = [item.resource for item in next(iter(found)).entry if isinstance(item.resource, Observation)]
        state.check("observations fit the model", kept and all(item.as_json() for item in kept))
    if state.has("summary"):
        found = next(iter(Condition.where(struct={"_summary": "true", "_count": "20"}).perform_iter(server)))
        state.check("summaries fit the model and say so", all(subsetted(item.resource) for item in found.entry))


def subsetted(resource):
    return resource.resource_type == "OperationOutcome" or "SUBSETTED" in {tag.code for tag in resource.meta.tag}


def not_found(server):
    try:
        Patient.read("nobody.here", server)
    except FHIRNotFoundException:
        return True
    return False


def refused(server):
    try:
        list(Condition.where(struct={"favourite": "blue"}).perform_resources_iter(server))
    except HTTPError as error:
        return error.response.status_code
    return None


run(session)

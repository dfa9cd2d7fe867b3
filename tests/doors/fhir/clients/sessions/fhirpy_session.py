"""fhirpy: counts, pages, references, its own errors."""

from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome, ResourceNotFound
from fhirpy.base.searchset import Raw
from plan import run

ICCC = "http://terminology.hl7.org/CodeSystem/iccc-3"
ICDO = "http://terminology.hl7.org/CodeSystem/icd-o-3"


def session(state):
    client = SyncFHIRClient(state.base)
    conditions, patients = client.resources("Condition"), client.resources("Patient")
    for question in state.questions:
        found = client.resources(question["type"]).search(Raw(**question["search"]))
        state.answer(question, total(found), [item.id for item in found.limit(state.page).fetch_all()])

    statement = client.execute("metadata", method="get")
    state.check("metadata names FHIR 4.0.1", statement.fhirVersion == "4.0.1")

    sought = conditions.search(code=f"{ICCC}|IV(a)", body_site=f"{ICDO}|C74.9")
    condition = sought.search(onset_date__ge="2008", subject__Patient__gender="male").first()
    patient = condition.subject.to_resource()
    state.check("a reference is followed to its patient", patient.reference == condition.subject.reference)
    state.check("that patient is a boy", patient.gender == "male")
    topography = condition.get_by_path(["bodySite", 0, "coding", {"system": ICDO}, "code"])
    state.check("the body site has its code", topography == "C74.9")
    state.check("get by _id gives the same", conditions.search(_id=condition.id).get() == condition)
    state.check("values with a comma between are an OR", either(conditions))

    expanded = client.execute("ValueSet/$expand", method="get", params={"url": f"{ICCC}?fhir_vs=isa/IV"})
    state.check("a group is expanded", "IV(a)" in {member.code for member in members(expanded.expansion.contains)})

    state.check("an unknown id is ResourceNotFound", raises(ResourceNotFound, client.get, "Patient", "nobody.here"))
    state.check(
        "get without a match is ResourceNotFound", raises(ResourceNotFound, conditions.search(_id="no.one").get)
    )
    state.check("a parameter that is not served is an OperationOutcome", refused(patients.search(favourite="blue")))
    more(state, client, condition)


def more(state, client, condition):
    """What later versions of the server have."""
    conditions, patients = client.resources("Condition"), client.resources("Patient")
    if state.has("include"):
        bundle = conditions.include("Condition", "subject").limit(20).fetch_raw()
        found = {entry.resource.reference for entry in bundle.entry if entry.search.mode == "include"}
        wanted = {entry.resource.subject.reference for entry in bundle.entry if entry.search.mode == "match"}
        state.check("_include brings every patient once", found == wanted)
    if state.has("revinclude"):
        bundle = patients.revinclude("Condition", "subject").limit(20).fetch_raw()
        found = {entry.resource.subject.reference for entry in bundle.entry if entry.search.mode == "include"}
        wanted = {entry.resource.reference for entry in bundle.entry if entry.search.mode == "match"}
        state.check("_revinclude brings a tumour of every patient", found == wanted)
    if state.has("sort"):
        dates = [
            item.onsetDateTime for item in conditions.sort("-onset-date").limit(50).fetch() if "onsetDateTime" in item
        ]
        days = [date for date in dates if len(date) == 10]
        state.check("_sort puts the newest first", len(days) > 1 and days == sorted(days, reverse=True))
    if state.has("elements"):
        first = conditions.elements("bodySite").first()
        state.check("_elements leaves the rest out", "bodySite" in first and "onsetDateTime" not in first)
    if state.has("versions"):
        before = dict(condition)
        state.check("refresh of what did not change keeps it", dict(condition.refresh()) == before)
    if state.has("observation"):
        observation = client.resources("Observation").first()
        state.check("an observation names its patient", observation.subject.to_resource().resource_type == "Patient")
    if state.has("batch"):
        entries = [{"request": {"method": "GET", "url": url}} for url in (condition.reference, "Patient/nobody.here")]
        answer = client.execute("", data={"resourceType": "Bundle", "type": "batch", "entry": entries})
        statuses = [entry.response.status[:3] for entry in answer.entry]
        state.check("a batch answers each request", statuses == ["200", "404"])


def total(found):
    """Number that fhirpy counts; None where the server can only bound it, which fhirpy has no word for."""
    try:
        return found.count()
    except KeyError:
        return None


def either(conditions):
    parts = [found(conditions, f"{ICDO}|{code}") for code in ("C64", "C74")]
    return all(parts) and found(conditions, f"{ICDO}|C64,{ICDO}|C74") == parts[0] | parts[1]


def found(conditions, codes):
    return {item.id for item in conditions.search(body_site=codes).limit(100)}


def members(contains):
    for member in contains:
        yield member
        yield from members(member.get("contains", []))


def raises(error, call, *arguments):
    try:
        call(*arguments)
    except error:
        return True
    return False


def refused(found):
    try:
        found.fetch()
    except OperationOutcome as error:
        return "favourite" in str(error)
    return False


run(session)

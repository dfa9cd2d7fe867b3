"""Search parameters of Patient (R4 patient.html): a patient matches by one of their tumours."""

from __future__ import annotations

from gateway.doors.fhir.search.codes import has_gender, no_sex, sex
from gateway.doors.fhir.search.parameters.nouns import HL7, Parameter, absent_where, missing, none_of
from gateway.doors.fhir.search.parameters.values import boolean, country, identifier, record_id, registry
from gateway.model.query import Not

VITAL_STATUS = {"true": "dead", "false": "alive"}

SOURCE = Parameter(
    "_source",
    "uri",
    "source",
    registry,
    "Id of a registry in this gateway, or the value of meta.source.",
    "own:resource-source",
    {"not": none_of(registry, "source")},
)
_PARAMETERS = (
    Parameter(
        "gender",
        "token",
        "sex",
        sex,
        "male, female, other or unknown, with or without the system administrative-gender.",
        f"{HL7}/individual-gender",
        {"not": no_sex, **absent_where(Not(has_gender()))},
    ),
    Parameter(
        "deceased",
        "token",
        "vital_status",
        boolean("vital_status", VITAL_STATUS),
        "true or false, by the vital status at last contact of a record of the patient.",
        f"{HL7}/Patient-deceased",
        missing("vital_status"),
    ),
    Parameter(
        "address-country",
        "string",
        "country",
        country(lambda code, text: code.startswith(text.upper())),
        "Country of residence, ISO 3166-1 alpha-2: what begins with these letters, in any case.",
        f"{HL7}/individual-address-country",
        {
            "exact": country(str.__eq__),
            "contains": country(lambda code, text: text.upper() in code),
            **missing("country"),
        },
    ),
    Parameter(
        "identifier",
        "token",
        "patient",
        identifier("patient", "patient"),
        "The pseudonymous identifier that this door gives, with or without its system; system| is every patient of that registry.",
        f"{HL7}/Patient-identifier",
        names_records=True,
        local=True,
    ),
    Parameter(
        "organization",
        "reference",
        "source",
        registry,
        "Registry that keeps the patient's records, by id or reference.",
        f"{HL7}/Patient-organization",
    ),
    SOURCE,
)
ID_DEFINITION = f"{HL7}/Resource-id"
ID_OF_PATIENT = Parameter(
    "_id", "token", "patient", record_id("patient"), "Ids of this door.", ID_DEFINITION, names_records=True
)
PATIENT = {parameter.name: parameter for parameter in (ID_OF_PATIENT, *_PARAMETERS)}

"""fhir-pyrate: searches become data frames."""

import datetime as dt

import pandas as pd
from fhir_pyrate import Pirate
from plan import run

PATHS = [
    ("id", "id"),
    ("topography", "bodySite.coding.code"),
    ("group", "code.coding.where(system = 'http://terminology.hl7.org/CodeSystem/iccc-3').code"),
    ("onset", "onsetDateTime"),
    ("patient", "subject.reference.replace('Patient/', '')"),
]


def session(state):
    with Pirate(auth=None, base_url=state.base, num_processes=1, silence_fhirpath_warning=True) as pirate:
        # Without _sort=_id, which fhir-pyrate asks for where there are several pages, one page must do.
        page = state.page if state.has("sort-id") else 1000
        for question in state.questions:
            total = pirate.get_bundle_total(question["type"], {**question["search"], "_summary": "count"})
            frame = rows(pirate, question["type"], {**question["search"], "_count": page}, [("id", "id")])
            state.answer(question, total, frame["id"])

        code = "http://terminology.hl7.org/CodeSystem/iccc-3|IV(a)"
        frame = rows(pirate, "Condition", {"code": code, "_count": 1000}, PATHS)
        state.check("every tumour has its group", frame["group"].map(lambda found: "IV(a)" in found).all())
        state.check("topography is a column", frame["topography"].map(str).str.startswith("C").any())
        state.check("dates are read", pd.to_datetime(frame["onset"].dropna(), format="ISO8601").dt.year.ge(2005).all())

        some = frame.head(5)
        patients = pirate.trade_rows_for_dataframe(
            some, "Patient", df_constraints={"_id": "patient"}, fhir_paths=[("id", "id"), ("gender", "gender")]
        )
        state.check("rows are traded for patients", patients["id"].tolist() == some["patient"].tolist())

        found = pirate.sail_through_search_space_to_dataframe(
            "Condition",
            time_attribute_name="onset-date",
            date_init=dt.date(2010, 1, 1),
            date_end=dt.date(2015, 1, 1),
            request_params={"_count": 1000},
            fhir_paths=[("id", "id")],
        )
        state.check(
            "a search by spans of time finds each tumour once",
            sorted(frame_of(found)["id"]) == sorted(state.answers["five years"]["ids"]),
        )
        if state.has("include"):
            found = pirate.steal_bundles_to_dataframe(
                "Condition",
                request_params={"code": code, "_include": "Condition:subject", "_count": 1000},
                fhir_paths=[("patient", "Patient.id"), ("patient", "subject.reference.replace('Patient/', '')")],
            )
            subjects, patients = (set(found[kind]["patient"]) for kind in ("Condition", "Patient"))
            state.check("tumours and their patients are two frames", subjects == patients)
        if state.has("observation"):
            found = rows(pirate, "Observation", {"_count": page}, [("id", "id"), ("code", "code.coding.code")])
            state.check("observations are rows with a code", not found.empty and found["code"].notna().all())
        state.check("an unknown id gives no bundle", pirate.get_bundle_total("Patient", {"_id": "nobody.here"}) is None)


def rows(pirate, resource_type, params, paths):
    return frame_of(pirate.steal_bundles_to_dataframe(resource_type, request_params=params, fhir_paths=paths))


def frame_of(found):
    """Data frame of the matches: fhir-pyrate gives one frame, or a dict of them where there are more types or none."""
    frames = found.values() if isinstance(found, dict) else [found]
    return next((frame for frame in frames if "id" in frame), pd.DataFrame(columns=["id"]))


run(session)

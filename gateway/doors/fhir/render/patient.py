"""Patient of the released cases of one person (mCODE 4.0.0 cancer patient where it fits).

A registry releases no name: the name is masked (us-core-6 wants one or the reason). Records of one person can
contradict each other; then the element is absent with reason `error`, never one of the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from gateway.disclosure.released import ReleasedCase
from gateway.doors.fhir.definitions import Resource, guide
from gateway.doors.fhir.render.condition import MCODE, source_url
from gateway.doors.fhir.render.elements import (
    CONFLICT,
    DATA_ABSENT_REASON,
    REASONS,
    absent,
    estimated,
    partial_date,
    period,
    primitive,
    why_no_date,
)
from gateway.model.dates import DateInterval
from gateway.model.values import Absent

PROFILE = f"{MCODE}/mcode-cancer-patient"
GENDER_UNKNOWN = frozenset({Absent.UNKNOWN, Absent.NOT_COLLECTED})


def profiles() -> list[str]:
    """Profiles of a Patient whose sex is told: ours, and the one of mCODE that it derives from."""
    return [guide().profile("registry-patient"), PROFILE]


def by_patient(cases: Iterable[ReleasedCase]) -> list[list[ReleasedCase]]:
    """Cases of each patient; a page of patients holds those of one patient together."""
    return [list(tumours) for _, tumours in groupby(cases, key=lambda case: case.patient_id)]


def patient(cases: Sequence[ReleasedCase], base: str) -> Resource:
    """Patient of one person's cases, at least one."""
    first = cases[0]
    sex = gender(agreed(case.sex for case in cases))
    meta: Resource = {"source": source_url(base, first.source)}
    if "gender" in sex:
        meta["profile"] = profiles()
    countries = dict.fromkeys(case.country for case in cases if not isinstance(case.country, Absent))
    address = [{"country": country} for country in countries]
    return {
        "resourceType": "Patient",
        "id": first.patient_id,
        "meta": meta,
        "identifier": [{"system": f"{base}/NamingSystem/{first.source}-patient", "value": first.patient_id}],
        "name": [absent(REASONS[Absent.WITHHELD])],
        **sex,
        **birth_date(common(case.birth for case in cases)),
        **deceased([case.vital_status for case in cases]),
        **({"address": address} if address else {}),
        "managingOrganization": {"reference": f"Organization/{first.source}"},
    }


def agreed(values: Iterable[str | Absent]) -> str | Absent | None:
    """The one known value, or why there is none; None where records contradict each other."""
    found = list(values)
    known = {value for value in found if not isinstance(value, Absent)}
    if len(known) > 1:
        return None
    return known.pop() if known else found[0]


def common(dates: Iterable[DateInterval]) -> DateInterval | None:
    """Days that all known dates of one person allow, at least one date; None where there is no such day."""
    found = list(dates)
    known = [date for date in found if date.earliest is not None and date.latest is not None]
    if not known:
        return found[0]
    first = max(date.earliest for date in known if date.earliest is not None)
    last = min(date.latest for date in known if date.latest is not None)
    if first > last:
        return None
    narrowest = next((date for date in known if (date.earliest, date.latest) == (first, last)), known[0])
    return DateInterval(first, last, narrowest.precision)


def gender(sex: str | Absent | None) -> Resource:
    """Sex as administrative gender; `unknown` is a code of its own there."""
    if sex is None:
        return _reason("gender", CONFLICT)
    if not isinstance(sex, Absent):
        return {"gender": sex}
    return {"gender": "unknown"} if sex in GENDER_UNKNOWN else _reason("gender", REASONS[sex])


def birth_date(birth: DateInterval | None) -> Resource:
    """Date of birth with its precision; an interval that is no calendar unit stands in our extension."""
    if birth is None:
        return _reason("birthDate", CONFLICT)
    date = partial_date(birth)
    if date is not None:
        return primitive("birthDate", date, estimated(birth))
    span = period(birth)
    if span is None:
        return _reason("birthDate", why_no_date(birth))
    interval = {"url": guide().extension("date-interval"), "valuePeriod": span}
    return primitive("birthDate", None, [interval, *estimated(birth)])


def deceased(vital_status: Sequence[str | Absent]) -> Resource:
    """Vital status: dead if any record says so, for nobody comes back to life between two records."""
    if "dead" in vital_status:
        return {"deceasedBoolean": True}
    if "alive" in vital_status:
        return {"deceasedBoolean": False}
    reasons = [status for status in vital_status if isinstance(status, Absent)]
    return _reason("deceasedBoolean", REASONS[reasons[0] if reasons else Absent.UNKNOWN])


def _reason(name: str, reason: str) -> Resource:
    return primitive(name, None, [{"url": DATA_ABSENT_REASON, "valueCode": reason}])

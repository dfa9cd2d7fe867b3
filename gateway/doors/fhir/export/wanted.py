"""Parameters of the kick-off (FHIR Bulk Data Access 2.0.0, export.html section 2.4)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.doors.fhir.cohort import cohort_id
from gateway.doors.fhir.definitions import Resource, url_of_prefix
from gateway.doors.fhir.door import Door
from gateway.doors.fhir.export.since import SINCE, read_instant
from gateway.doors.fhir.search.parse import Ignored
from gateway.doors.fhir.wire.request import Asked
from gateway.errors import BadQuestion, NotFound, Unsupported
from gateway.model.query import EVERYTHING, DiagnosisIn, Expr, Term

TYPES = ("Patient", "Condition", "Observation")
FORMATS = frozenset({"application/fhir+ndjson", "application/ndjson", "ndjson"})
PARAMETERS = ("_outputFormat", SINCE, "_type")
OF_ERRORS = ("_format", "_pretty")
"""Parameters of an answer that is a resource, which at the kick-off only an error is."""
OFFERED = f"Asynchronous (Prefer: respond-async). Parameters: {', '.join(PARAMETERS)}; files of NDJSON."
"""What the CapabilityStatement says of it."""
DEFINED: tuple[Resource, ...] = tuple(
    {"name": name, "use": "in", "min": 0, "max": most, "type": kind}
    for name, most, kind in (("_outputFormat", "1", "string"), (SINCE, "1", "instant"), ("_type", "*", "string"))
)
"""The parameters as an OperationDefinition says them."""
NO_PARAMETER = "an export has no such parameter here"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be exported: patients with a tumour for which `where` holds, as resources of these types.

    Attributes
    ----------
    since
        Only records of registries that have changed after this moment; None for all of them.
    ignored
        Parameters, or parts of them, that lenient handling left out.
    """

    types: tuple[str, ...]
    where: Expr = EVERYTHING
    since: dt.datetime | None = None
    ignored: tuple[Ignored, ...] = ()


def read_wanted(door: Door, asked: Asked) -> Wanted:
    """What a kick-off asks for; types that are named in several parameters are added up.

    Raises
    ------
    Unsupported, BadQuestion
        A parameter or value that is not served. Lenient handling leaves it out, unless nothing would remain.
    NotFound
        No such Group.
    """
    given: dict[str, list[str]] = {}
    for name, value in asked.pairs:
        given.setdefault(name, []).append(value)
    unknown = [name for name in given if name not in (*PARAMETERS, *OF_ERRORS)]
    if unknown and not asked.lenient:
        raise Unsupported(NO_PARAMETER, where=unknown[0], expected=", ".join((*PARAMETERS, *OF_ERRORS)))
    _check_format(given.get("_outputFormat", ()))
    types, strange = _types(given)
    if strange and not (asked.lenient and types):
        raise BadQuestion(f"{strange[0]!r} is not exported", where="_type", expected=", ".join(TYPES))
    ignored = (
        *(Ignored(name, NO_PARAMETER) for name in unknown),
        *(Ignored("_type", f"{name!r} is not exported; the other types are") for name in strange),
    )
    where = _cohort(door, asked.id) if asked.id else EVERYTHING
    return Wanted(types, where, _since(given.get(SINCE, ())), ignored)


def _since(values: Sequence[str]) -> dt.datetime | None:
    if len(values) > 1:
        raise BadQuestion("is given twice", where=SINCE, expected="one value")
    return read_instant(values[0]) if values else None


def _check_format(values: Sequence[str]) -> None:
    for value in values:
        if value.replace(" ", "+") not in FORMATS:
            expected = ", ".join(sorted(FORMATS))
            raise BadQuestion(f"no format {value!r} here", where="_outputFormat", expected=expected)


def _types(given: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Types that are exported, and what else was named."""
    if "_type" not in given:
        return TYPES, ()
    named = dict.fromkeys(name for value in given["_type"] for name in value.split(","))
    return tuple(name for name in TYPES if name in named), tuple(name for name in named if name not in TYPES)


def _cohort(door: Door, group_id: str) -> Expr:
    for group in door.gateway.terminology.groups():
        if group.level != "extended" and cohort_id(group.code) == group_id:
            return DiagnosisIn("diagnosis", (Term("ICCC3", group.code, "2017"),))
    raise NotFound("no Group with this id", where="Group", expected=f"an ICCC-3 group of {url_of_prefix()['ICCC3']}")

"""Parameters of the kick-off (FHIR Bulk Data Access 2.0.0, export.html section 2.4)."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.doors.fhir.cohort import cohort_id
from gateway.doors.fhir.definitions import url_of_prefix
from gateway.doors.fhir.door import Door
from gateway.doors.fhir.wire.request import Asked
from gateway.errors import BadQuestion, NotFound, Unsupported
from gateway.model.query import EVERYTHING, DiagnosisIn, Expr, Term

TYPES = ("Patient", "Condition", "Observation")
FORMATS = frozenset({"application/fhir+ndjson", "application/ndjson", "ndjson"})
PARAMETERS = ("_outputFormat", "_type")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be exported: patients with a tumour for which `where` holds, as resources of these types."""

    types: tuple[str, ...]
    where: Expr = EVERYTHING


def read_wanted(door: Door, asked: Asked) -> Wanted:
    """What a kick-off asks for.

    Raises
    ------
    Unsupported, BadQuestion
        A parameter or value that is not served.
    NotFound
        No such Group.
    """
    types: tuple[str, ...] = TYPES
    for name, value in asked.pairs:
        if name == "_outputFormat":
            if value.replace(" ", "+") not in FORMATS:
                raise BadQuestion(f"no format {value!r} here", where=name, expected=", ".join(sorted(FORMATS)))
        elif name == "_type":
            types = _types(value, lenient=asked.lenient)
        elif not asked.lenient:
            raise Unsupported("an export has no such parameter here", where=name, expected=", ".join(PARAMETERS))
    return Wanted(types, _cohort(door, asked.id) if asked.id else EVERYTHING)


def _types(value: str, *, lenient: bool) -> tuple[str, ...]:
    given = value.split(",")
    strange = [name for name in given if name not in TYPES]
    if strange and not lenient:
        raise BadQuestion(f"{strange[0]!r} is not exported", where="_type", expected=", ".join(TYPES))
    return tuple(name for name in TYPES if name in given)


def _cohort(door: Door, group_id: str) -> Expr:
    for group in door.gateway.terminology.groups():
        if group.level != "extended" and cohort_id(group.code) == group_id:
            return DiagnosisIn("diagnosis", (Term("ICCC3", group.code, "2017"),))
    raise NotFound("no Group with this id", where="Group", expected=f"an ICCC-3 group of {url_of_prefix()['ICCC3']}")

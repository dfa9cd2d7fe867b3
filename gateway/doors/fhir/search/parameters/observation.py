"""Search parameters of Observation (R4 observation.html).

A condition may choose the kind of observation (`observations.KIND`), which is decided for each kind before it is
asked: `value-concept=...|left` is a question about laterality alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from gateway.doors.fhir.observations import CATEGORIES, KIND, KINDS, ObservationKind, parts_of, value_system
from gateway.doors.fhir.search.grammar import Token, token, unescape
from gateway.doors.fhir.search.parameters.condition import RECORDED
from gateway.doors.fhir.search.parameters.nouns import HL7, Builder, Parameter, chained
from gateway.doors.fhir.search.parameters.patient import ID_DEFINITION, PATIENT, SOURCE
from gateway.doors.fhir.search.parameters.values import constant, record
from gateway.errors import BadQuestion
from gateway.model.fields import FIELDS
from gateway.model.query import NOTHING, And, Expr, Known, Not, OneOf, Or, RecordIn

STATUSES = frozenset({("http://hl7.org/fhir/observation-status", "final")})


def kind_code(values: Sequence[str], parameter: str) -> Expr:
    """Kinds by their code."""
    wanted = [token(value) for value in values]
    for each in wanted:
        if not each.code and each.system is None:
            raise BadQuestion("has no code", where=parameter, expected=_known_codes())
    return _kinds(kind for kind in KINDS.values() if any(_is(each, kind.system, kind.code) for each in wanted))


def kind_category(values: Sequence[str], _parameter: str) -> Expr:
    """Kinds by their category."""
    wanted = [token(value) for value in values]
    return _kinds(
        kind
        for kind in KINDS.values()
        if kind.category and any(_is(each, CATEGORIES, kind.category) for each in wanted)
    )


def value_concept(*, below: bool) -> Builder:
    """Kinds with one of these values; the code system tells the kind, a bare code means every kind that has it.

    `below` tells whether a code that stands for several means these too.
    """

    def build(values: Sequence[str], parameter: str) -> Expr:
        parts = []
        for value in values:
            found = token(value)
            if not found.code and not found.system:
                raise BadQuestion("has no code", where=parameter, expected="code or system|code")
            parts += [
                And((_kinds([kind]), _valued(kind, found.code, below=below)))
                for kind in KINDS.values()
                if found.system in (None, value_system(kind))
            ]
        return Or(tuple(parts)) if parts else NOTHING

    return build


def _valued(kind: ObservationKind, code: str, *, below: bool) -> Expr:
    if not code:
        return Known(kind.field)
    return OneOf(kind.field, frozenset({code}), recorded=not below and code in FIELDS[kind.field].composites)


def observation_id(values: Sequence[str], _parameter: str) -> Expr:
    """Observations by id; an id that none can have matches nothing."""
    found = [parts_of(unescape(value)) for value in values]
    parts = tuple(And((_kinds([kind]), RecordIn(kind.record, frozenset({name})))) for name, kind in filter(None, found))
    return Or(parts) if parts else NOTHING


def _of_tumours(build: Builder) -> Builder:
    """Condition of the kinds that are about a tumour."""
    return lambda values, parameter: And((_kinds(_OF_TUMOURS), build(values, parameter)))


def _behind_focus(parameter: Parameter) -> Parameter:
    modifiers = {name: _of_tumours(build) for name, build in parameter.modifiers.items()}
    behind = replace(parameter, build=_of_tumours(parameter.build), modifiers=modifiers)
    return chained("focus:Condition", behind)


def _kinds(kinds: Iterable[ObservationKind]) -> Expr:
    names = frozenset(kind.name for kind in kinds)
    return OneOf(KIND, names) if names else NOTHING


def _is(found: Token, system: str, code: str) -> bool:
    return found.system in (None, system) and found.code in ("", code)


def _known_codes() -> str:
    return " or ".join(f"{kind.system}|{kind.code}" for kind in KINDS.values())


_OF_TUMOURS: tuple[ObservationKind, ...] = tuple(kind for kind in KINDS.values() if kind.record == "case")
_CHAINED_PATIENT = ("gender", "deceased", "address-country", "identifier", "_id")

_PARAMETERS = (
    Parameter("_id", "token", "record", observation_id, "Ids of this door.", ID_DEFINITION, names_records=True),
    Parameter(
        "code",
        "token",
        KIND,
        kind_code,
        f"What was observed: {_known_codes()}.",
        f"{HL7}/clinical-code",
        {"not": lambda values, parameter: Not(kind_code(values, parameter))},
    ),
    Parameter("category", "token", KIND, kind_category, "laboratory or exam.", f"{HL7}/Observation-category"),
    Parameter(
        "value-concept",
        "token",
        KIND,
        value_concept(below=False),
        "Value as recorded, with or without its system; laterality unilateral is one side that is not told, :below means "
        "right and left too.",
        f"{HL7}/Observation-value-concept",
        {"below": value_concept(below=True)},
    ),
    Parameter(
        "status", "token", "status", constant(STATUSES), "Every Observation is final.", f"{HL7}/Observation-status"
    ),
    *(
        Parameter(
            name,
            "reference",
            "patient",
            record("patient", "Patient"),
            f"Patient by id or reference. One chained hop: {', '.join(f'{prefix}.{item}' for item in _CHAINED_PATIENT)}.",
            f"{HL7}/{definition}",
            {"identifier": PATIENT["identifier"].build},
            names_records=True,
        )
        for name, prefix, definition in (
            ("subject", "subject:Patient", "Observation-subject"),
            ("patient", "patient", "clinical-patient"),
        )
    ),
    Parameter(
        "focus",
        "reference",
        "record",
        _of_tumours(record("case", "Condition")),
        "Tumour by id or reference of its Condition. One chained hop: focus:Condition.code and the other parameters of "
        "Condition that are no reference.",
        "own:observation-focus",
        names_records=True,
    ),
    SOURCE,
)
OBSERVATION = {
    parameter.name: parameter
    for parameter in (
        *_PARAMETERS,
        *(chained(prefix, PATIENT[name]) for prefix in ("patient", "subject:Patient") for name in _CHAINED_PATIENT),
        *(_behind_focus(parameter) for parameter in RECORDED),
    )
}

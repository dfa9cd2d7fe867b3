"""What a search parameter is: its name and type, the condition of its values, its modifiers, its definition.

The CapabilityStatement is made from these and the parser obeys them, so neither can promise what the other does not do
(R4 search.html).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.doors.fhir.definitions import guide
from gateway.doors.fhir.search.grammar import unescape
from gateway.errors import BadQuestion
from gateway.model.query import Expr, Known, Not, Or, Unit
from gateway.planner.rewrite.constants import negation

Builder = Callable[[Sequence[str], str], Expr]
"""Values of one occurrence (OR), and the parameter as written for errors -> condition."""

HL7 = "http://hl7.org/fhir/SearchParameter"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter of one resource type.

    Attributes
    ----------
    name
        As written in a request, chain included.
    type
        FHIR search parameter type.
    field
        Field of the question it fills, for errors of the planner.
    build
        Condition of its values.
    modifiers
        Modifier -> condition of the values under it.
    definition
        Canonical URL of its SearchParameter; one of ours as `own:ID`; None where none is published.
    documentation
        What a client must know beyond the definition.
    note
        Said in every answer that uses it.
    names_records
        Whether its values are ids of records, which stay out of links where they came by POST.
    local
        Whether a value may begin with the URL of this door, which the parser then leaves out.
    """

    name: str
    type: str
    field: str
    build: Builder
    documentation: str
    definition: str | None = None
    modifiers: Mapping[str, Builder] = dataclasses.field(default_factory=dict)
    note: str | None = None
    names_records: bool = False
    local: bool = False

    @property
    def canonical(self) -> str | None:
        """Canonical URL of the definition."""
        if self.definition and self.definition.startswith("own:"):
            return f"{guide().canonical}/SearchParameter/{self.definition[4:]}"
        return self.definition


@dataclass(frozen=True, slots=True)
class Searchable:
    """A resource type that is searched over cases.

    Attributes
    ----------
    unit
        What its total counts.
    record
        What a page of it holds, see gateway.model.query.Page.
    parameters
        By name, chains included.
    reverse
        Parameters of `_has`, by the name after `_has:`, e.g. `Condition:subject:code`.
    orders
        Fields of Page.order by the parameter that `_sort` names.
    includes, reverse_includes
        Values of `_include` and `_revinclude`.
    """

    name: str
    unit: Unit
    record: str
    parameters: Mapping[str, Parameter]
    reverse: Mapping[str, Parameter] = dataclasses.field(default_factory=dict)
    orders: Mapping[str, str] = dataclasses.field(default_factory=dict)
    includes: tuple[str, ...] = ()
    reverse_includes: tuple[str, ...] = ()


def any_of(one: Callable[[str, str], Expr]) -> Builder:
    """Builder of an OR over single values."""

    def build(values: Sequence[str], parameter: str) -> Expr:
        parts = tuple(one(unescape(value), parameter) for value in values)
        return parts[0] if len(parts) == 1 else Or(parts)

    return build


def none_of(build: Builder, field: str) -> Builder:
    """Builder of `:not`: what does not hold, and where nothing is recorded (R4 search.html section 3.1.1.5.10).

    Where nothing is recorded in the field, `build` must not hold for certain.
    """
    return lambda values, parameter: Or((Not(build(values, parameter)), Not(Known(field))))


def missing(field: str) -> Mapping[str, Builder]:
    """The modifier `:missing` over a field of the question: whether anything is recorded there."""
    return absent_where(Not(Known(field)))


def absent_where(absent: Expr) -> Mapping[str, Builder]:
    """The modifier `:missing` of an element that is absent where a condition holds."""

    def build(values: Sequence[str], parameter: str) -> Expr:
        if tuple(values) not in {("true",), ("false",)}:
            raise BadQuestion(f"{','.join(values)!r} is no truth", where=parameter, expected="true or false")
        return absent if tuple(values) == ("true",) else negation(absent)

    return {"missing": build}


def chained(prefix: str, parameter: Parameter) -> Parameter:
    """Parameter of another type behind a reference: `subject:Patient.gender`."""
    return replace(parameter, name=f"{prefix}.{parameter.name}", definition=None)

"""CapabilityStatement, TerminologyCapabilities and OperationDefinition: made from the table of served types itself.

OperationOutcome is not here: it is only ever an answer and is not stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from gateway.doors.fhir.capability import EXPORT, VERSIONS
from gateway.doors.fhir.definitions import Resource, conformance_resources, guide
from gateway.doors.fhir.door import Door
from gateway.doors.fhir.export.wanted import DEFINED as OF_EXPORT
from gateway.doors.fhir.held import HL7, HeldParameter, Resources, codes, held_parameter, path, read_of, search_of
from gateway.doors.fhir.held import ID as HELD_ID
from gateway.doors.fhir.served import Operation, ServedType
from gateway.doors.fhir.terminology.capabilities import terminology_capabilities
from gateway.doors.fhir.terminology.parameters import PARAMETERS
from gateway.doors.fhir.terminology.resources import canonical
from gateway.doors.fhir.types.definitions import CANONICAL
from gateway.doors.fhir.wire.request import Asked

Served = Callable[[], Iterable[ServedType]]

OPERATION: tuple[HeldParameter, ...] = (
    held_parameter("code", "token", f"{HL7}/OperationDefinition-code", path("code")),
    held_parameter(
        "kind", "token", f"{HL7}/OperationDefinition-kind", codes("http://hl7.org/fhir/operation-kind", "kind")
    ),
    held_parameter("base", "reference", f"{HL7}/OperationDefinition-base", path("base")),
)
OF_SYSTEM = tuple(
    Operation(name, definition, levels=frozenset({"system"}))
    for name, definition in (("versions", VERSIONS), ("export", EXPORT))
)


def served_conformance(served: Served, statement: Callable[[Door], Resource]) -> tuple[ServedType, ...]:
    """Types whose resources tell of all served types, themselves among them."""

    async def statements(door: Door, _: Asked) -> Sequence[Resource]:
        own = [item for (kind, _), item in conformance_resources().items() if kind == "CapabilityStatement"]
        return [statement(door), *own]

    async def terminology(door: Door, _: Asked) -> Sequence[Resource]:
        return [terminology_capabilities(door)]

    async def operations(_door: Door, _asked: Asked) -> Sequence[Resource]:
        return list(operation_definitions(served()))

    return (
        _served("CapabilityStatement", statements, CANONICAL),
        _served("TerminologyCapabilities", terminology, CANONICAL),
        _served("OperationDefinition", operations, (*CANONICAL, *OPERATION)),
    )


def _served(kind: str, resources: Resources, parameters: Sequence[HeldParameter]) -> ServedType:
    return ServedType(
        kind,
        read=read_of(resources),
        search=search_of(resources, parameters),
        parameters=tuple(parameter.declared for parameter in (HELD_ID, *parameters)),
    )


def operation_definitions(served: Iterable[ServedType]) -> Iterator[Resource]:
    """Definition of each operation: our own as it is kept, the others from the table of what is served."""
    kept = {
        resource_id: resource
        for (kind, resource_id), resource in conformance_resources().items()
        if kind == "OperationDefinition"
    }
    yield from kept.values()
    found: dict[str, tuple[Operation, list[str]]] = {operation.id: (operation, []) for operation in OF_SYSTEM}
    for kind in served:
        for operation in kind.operations:
            found.setdefault(operation.id, (operation, []))[1].append(kind.name)
    for resource_id, (operation, kinds) in found.items():
        if resource_id not in kept:
            yield _definition(resource_id, operation, kinds)


def _definition(resource_id: str, operation: Operation, kinds: Sequence[str]) -> Resource:
    own = operation.definition.startswith(guide().canonical)
    parameters = OF_EXPORT if operation.name == "export" else PARAMETERS.get(resource_id, ())
    head = canonical("OperationDefinition", resource_id, f"${operation.name}")
    after_status = list(head).index("status") + 1
    items = list(head.items())
    said = {"description": operation.documentation} if operation.documentation else {}
    return {
        **dict(items[:after_status]),
        "kind": "operation",
        **dict(items[after_status:]),
        **said,
        "affectsState": False,
        "code": operation.name,
        **({} if own else {"base": operation.definition}),
        **({"resource": list(kinds)} if kinds else {}),
        "system": "system" in operation.levels,
        "type": "type" in operation.levels,
        "instance": "instance" in operation.levels,
        **({"parameter": list(parameters)} if parameters else {}),
    }

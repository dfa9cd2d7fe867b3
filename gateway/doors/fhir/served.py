"""What this door serves of each resource type: interactions, search parameters, includes, operations.

One table of ServedType makes the routes and the CapabilityStatement, so neither can promise what the other lacks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from gateway.disclosure.released import ReleasedAnswer
from gateway.doors.fhir.definitions import Resource, guide
from gateway.doors.fhir.door import Door, Reply
from gateway.doors.fhir.wire.request import Asked

Interaction = Callable[[Door, Asked], Awaitable[Reply]]
Answers = Callable[[Door, Asked], Awaitable[Sequence[ReleasedAnswer]]]


@dataclass(frozen=True, slots=True)
class Declared:
    """A search parameter as the CapabilityStatement names it; definition None where none is published."""

    name: str
    type: str
    documentation: str
    definition: str | None = None

    def element(self) -> Resource:
        """CapabilityStatement.rest.resource.searchParam."""
        defined = {"definition": self.definition} if self.definition else {}
        return {"name": self.name, **defined, "type": self.type, "documentation": self.documentation}


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation `$name`.

    Attributes
    ----------
    definition
        Canonical URL of its OperationDefinition.
    narrowed
        Whether it is a part of what that definition says, so that one of ours with that base stands for it (R4
        capabilitystatement.html, CapabilityStatement.rest.resource.operation.definition).
    answer
        Interaction that answers it; None where the routes of the terminology service do.
    levels
        Some of system, type, instance.
    methods
        HTTP methods that call it.
    """

    name: str
    definition: str
    answer: Interaction | None = None
    levels: frozenset[str] = frozenset({"type"})
    methods: tuple[str, ...] = ("GET",)
    documentation: str = ""
    narrowed: bool = False

    @property
    def id(self) -> str:
        """Id of its OperationDefinition here."""
        return self.definition.rpartition("/")[2]

    def element(self) -> Resource:
        """CapabilityStatement.rest.resource.operation."""
        said = {"documentation": self.documentation} if self.documentation else {}
        named = f"{guide().canonical}/OperationDefinition/{self.id}" if self.narrowed else self.definition
        return {"name": self.name, "definition": named, **said}


@dataclass(frozen=True, slots=True)
class ServedType:
    """One resource type of this door.

    Attributes
    ----------
    read, vread, search
        Interactions; None where the type does not have them.
    profiles
        Canonical URLs of the profiles its resources follow.
    parameters
        Search parameters.
    includes, reverse_includes
        Values of `_include` and `_revinclude` that a search of this type takes.
    not_created
        What a client is told that posts a resource of this type, where there is more to say than that it cannot.
    """

    name: str
    read: Interaction | None = None
    vread: Interaction | None = None
    search: Interaction | None = None
    profiles: tuple[str, ...] = ()
    documentation: str = ""
    parameters: tuple[Declared, ...] = ()
    includes: tuple[str, ...] = ()
    reverse_includes: tuple[str, ...] = ()
    operations: tuple[Operation, ...] = ()
    not_created: str = ""

    def element(self) -> Resource:
        """CapabilityStatement.rest.resource."""
        offered = (("read", self.read), ("vread", self.vread), ("search-type", self.search))
        interactions = [{"code": code} for code, interaction in offered if interaction]
        lists: Resource = {
            "supportedProfile": list(self.profiles),
            "documentation": self.documentation,
            "interaction": interactions,
            "versioning": "versioned" if self.vread else "no-version",
            "conditionalRead": ("full-support" if self.vread else "not-match") if interactions else None,
            "searchInclude": list(self.includes),
            "searchRevInclude": list(self.reverse_includes),
            "searchParam": [parameter.element() for parameter in self.parameters],
            "operation": [operation.element() for operation in self.operations],
        }
        return {"type": self.name, **{name: value for name, value in lists.items() if value}}

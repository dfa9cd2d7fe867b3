"""Values of parameters that are neither diagnoses nor ordered: coded fields, references, registries."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from string import ascii_uppercase

from gateway.doors.fhir.search.grammar import Token, of_system, token, unescape
from gateway.doors.fhir.search.parameters.nouns import Builder
from gateway.errors import BadQuestion
from gateway.model.fields import FIELDS
from gateway.model.query import EVERYTHING, NOTHING, Expr, Known, OneOf, Or, RecordIn

TRUTHS = "http://terminology.hl7.org/CodeSystem/special-values"
LONGEST_ID = 64
COUNTRIES = tuple(f"{one}{two}" for one in ascii_uppercase for two in ascii_uppercase)
"""Every code of two letters; which of them are countries is for the records to say."""
_OWN_SYSTEM = re.compile(r"NamingSystem/(?P<registry>[^/]+)-(?P<kind>[a-z]+)")
BARE_IDS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.")


def registry(values: Sequence[str], parameter: str) -> Expr:
    """Registry by its id, or by the value of meta.source or a reference under the URL of this door."""
    ids = [unescape(value).removeprefix("Organization/") for value in values]
    if not all(ids):
        raise BadQuestion("a registry has an id", where=parameter, expected="the id of a source, or meta.source")
    return OneOf("source", frozenset(ids))


def coded(field: str, system: str, *, below: bool = False) -> Builder:
    """Coded field by its canonical codes: `code`, `system|code`, or `system|` for whatever is recorded.

    Parameters
    ----------
    field
        Field of the question.
    system
        URL of its code system.
    below
        Whether a code that stands for several means these too; else it is the code that stands in the record.
    """
    known = frozenset((*FIELDS[field].values, *FIELDS[field].composites))
    coarse = frozenset() if below else frozenset(FIELDS[field].composites)

    expected = f"one of {', '.join(sorted(known))}" if known else "a code"

    def build(values: Sequence[str], parameter: str) -> Expr:
        codes, whole = of_system(values, (system,), parameter, expected)
        strange = [code for code in codes if known and code not in known]
        if strange:
            where = f"{expected}, with or without {system}|"
            raise BadQuestion(f"{strange[0]!r} is no such code", where=parameter, expected=where)
        parts: list[Expr] = [Known(field)] if whole else []
        if fine := frozenset(codes) - coarse:
            parts.append(OneOf(field, fine))
        if alone := coarse.intersection(codes):
            parts.append(OneOf(field, alone, recorded=True))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    return build


def boolean(field: str, codes: Mapping[str, str]) -> Builder:
    """Coded field by true and false, with or without the system that booleans have."""

    def build(values: Sequence[str], parameter: str) -> Expr:
        found, whole = of_system(values, (TRUTHS,), parameter, "true or false")
        strange = [value for value in found if value not in codes]
        if strange:
            raise BadQuestion(f"{strange[0]!r} is no truth", where=parameter, expected="true or false")
        said = OneOf(field, frozenset(codes[value] for value in found))
        return Or((Known(field), said)) if whole else said

    return build


def constant(tokens: frozenset[tuple[str, str]]) -> Builder:
    """An element that is the same in every resource: everything or nothing matches."""

    def build(values: Sequence[str], _parameter: str) -> Expr:
        wanted = [token(value) for value in values]
        held = any(
            each.system in (None, system) and each.code in ("", code) for each in wanted for system, code in tokens
        )
        return EVERYTHING if held else NOTHING

    return build


def country(keep: Callable[[str, str], bool]) -> Builder:
    """Countries whose code of two letters, in any case, is as a value says: it begins with it, holds it or is it."""

    def build(values: Sequence[str], parameter: str) -> Expr:
        written = [unescape(value) for value in values]
        if not all(written):
            raise BadQuestion("has no letters", where=parameter, expected="letters of an ISO 3166-1 alpha-2 code")
        return OneOf("country", frozenset(code for code in COUNTRIES if any(keep(code, each) for each in written)))

    return build


def record(of: str, resource: str) -> Builder:
    """Records by reference: `ID` or `Type/ID`; what the parser left absolute is another server's and names nothing."""

    def build(values: Sequence[str], parameter: str) -> Expr:
        found = [_id_of(unescape(value), resource, parameter) for value in values]
        ids = frozenset(name for name in found if name)
        return RecordIn(of, ids) if ids else NOTHING

    return build


def record_id(of: str) -> Builder:
    """Records by `_id`; an id that no resource can have matches nothing."""

    def build(values: Sequence[str], _parameter: str) -> Expr:
        ids = frozenset(name for value in values if _is_id(name := unescape(value)))
        return RecordIn(of, ids) if ids else NOTHING

    return build


def identifier(of: str, kind: str) -> Builder:
    """Records by an identifier of this door: `value`, `system|value`, or `system|` for every record of a registry.

    Its system is `NamingSystem/REGISTRY-KIND` under the URL of this door, which the parser has left out; what is still
    absolute is the system of another server and names nothing.
    """

    def build(values: Sequence[str], parameter: str) -> Expr:
        wanted = [token(value) for value in values]
        if not all(each.code or each.system for each in wanted):
            raise BadQuestion("an identifier has a value", where=parameter, expected="value or system|value")
        ids = frozenset(each.code for each in wanted if each.code and _is_own(each, kind))
        whole = frozenset(name for each in wanted if not each.code and (name := _registry_of(each, kind)))
        parts: list[Expr] = [RecordIn(of, ids)] if ids else []
        if whole:
            parts.append(OneOf("source", whole))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    return build


def _is_own(found: Token, kind: str) -> bool:
    return found.system is None or _registry_of(found, kind) == found.code.partition(".")[0]


def _registry_of(found: Token, kind: str) -> str:
    """Registry whose identifiers stand under a system, '' for a system that is none of ours."""
    named = _OWN_SYSTEM.fullmatch(found.system or "")
    return named["registry"] if named and named["kind"] == kind else ""


def _is_id(text: str) -> bool:
    return 0 < len(text) <= LONGEST_ID and BARE_IDS.issuperset(text)


def _id_of(reference: str, resource: str, parameter: str) -> str:
    """Id in a reference, '' for one to a resource of another server."""
    kind, slash, name = reference.rpartition("/")
    if not _is_id(name):
        raise BadQuestion("is no reference", where=parameter, expected=f"ID or {resource}/ID")
    if "://" in reference:
        return ""
    if slash and kind != resource:
        raise BadQuestion(f"{parameter} refers to {resource}", where=parameter, expected=f"ID or {resource}/ID")
    return name

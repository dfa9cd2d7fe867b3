"""Values of parameters that are neither diagnoses nor ordered: coded fields, references, registries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.doors.fhir.search.grammar import Token, token, unescape
from gateway.doors.fhir.search.parameters.nouns import Builder
from gateway.errors import BadQuestion
from gateway.model.fields import FIELDS
from gateway.model.query import EVERYTHING, NOTHING, Expr, OneOf, RecordIn

LONGEST_ID = 64
BARE_IDS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.")


def registry(values: Sequence[str], parameter: str) -> Expr:
    """Registry by its id, or by the value of meta.source or a reference under the URL of this door."""
    ids = [unescape(value).removeprefix("Organization/") for value in values]
    if not all(ids):
        raise BadQuestion("a registry has an id", where=parameter, expected="the id of a source, or meta.source")
    return OneOf("source", frozenset(ids))


def coded(field: str, system: str | None, *, upper: bool = False) -> Builder:
    """Coded field by its canonical codes, with or without `system|`.

    Parameters
    ----------
    field
        Field of the question.
    system
        URL of the code system that a token may name; None if only a bare code is understood.
    """
    known = frozenset((*FIELDS[field].values, *FIELDS[field].composites))

    def build(values: Sequence[str], parameter: str) -> Expr:
        return OneOf(field, frozenset(code(token(value), parameter) for value in values))

    def code(found: Token, parameter: str) -> str:
        written = found.code.upper() if upper else found.code
        if found.system not in {None, system} or not written or (known and written not in known):
            bare = f"one of {', '.join(sorted(known))}" if known else "a code"
            where = f"{bare}, with or without {system}|" if system else bare
            raise BadQuestion(f"{found.code!r} is no such code", where=parameter, expected=where)
        return written

    return build


def boolean(field: str, codes: Mapping[str, str]) -> Builder:
    """Coded field by true and false."""

    def build(values: Sequence[str], parameter: str) -> Expr:
        strange = [value for value in values if value not in codes]
        if strange:
            raise BadQuestion(f"{strange[0]!r} is no truth", where=parameter, expected="true or false")
        return OneOf(field, frozenset(codes[value] for value in values))

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
    """Records by an identifier of this door, `system|value`; its system ends with `NamingSystem/REGISTRY-KIND`."""

    def build(values: Sequence[str], parameter: str) -> Expr:
        wanted = [token(value) for value in values]
        if not all(each.code for each in wanted):
            raise BadQuestion("an identifier has a value", where=parameter, expected="value or system|value")
        ids = frozenset(each.code for each in wanted if _is_own(each, kind))
        return RecordIn(of, ids) if ids else NOTHING

    return build


def _is_own(found: Token, kind: str) -> bool:
    registry_id = found.code.partition(".")[0]
    return found.system is None or found.system.endswith(f"/NamingSystem/{registry_id}-{kind}")


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

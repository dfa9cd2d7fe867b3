"""Conditions on the registry itself and on its declared country are decided before the source is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from gateway.model.query import EVERYTHING, NOTHING, And, Expr, Known, Not, OneOf, Or, RecordIn


def fold_constants(where: Expr, constants: Mapping[str, str]) -> Expr:
    """Condition in which coded fields with one known value for the whole source are yes or no.

    Parameters
    ----------
    constants
        Field name -> the one value it has in this source.
    """
    if _is_settled(where, constants):
        return where
    match where:
        case OneOf(field, values) if field in constants:
            return EVERYTHING if constants[field] in values else NOTHING
        case Known(field) if field in constants:
            return EVERYTHING
        case RecordIn() if "source" in constants:
            return _own_records(where, constants["source"])
        case And(items):
            return conjunction(fold_constants(item, constants) for item in items)
        case Or(items):
            return disjunction(fold_constants(item, constants) for item in items)
        case Not(item):
            return negation(fold_constants(item, constants))
    return where


def _is_settled(where: Expr, constants: Mapping[str, str]) -> bool:
    """Whether nothing is to be decided or flattened: an And of leaves about other fields."""
    if not isinstance(where, And) or len(where.items) < 2:
        return False
    return not any(isinstance(item, And | Or | Not | RecordIn) or item.field in constants for item in where.items)


def _own_records(leaf: RecordIn, source: str) -> Expr:
    """The same leaf with the ids of one source, as the source knows them."""
    prefix = f"{source}."
    own = frozenset(each.removeprefix(prefix) for each in leaf.ids if each.startswith(prefix))
    return replace(leaf, ids=own) if own else NOTHING


def conjunction(items: Iterable[Expr]) -> Expr:
    """And of conditions, flat, without those that always hold."""
    flat: list[Expr] = []
    for item in items:
        if item == NOTHING:
            return NOTHING
        flat.extend(item.items if isinstance(item, And) else (item,))
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def disjunction(items: Iterable[Expr]) -> Expr:
    """Or of conditions, flat, without those that never hold."""
    flat: list[Expr] = []
    for item in items:
        if item == EVERYTHING:
            return EVERYTHING
        flat.extend(item.items if isinstance(item, Or) else (item,))
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def negation(item: Expr) -> Expr:
    """Not of a condition, decided where the condition is."""
    if item == EVERYTHING:
        return NOTHING
    if item == NOTHING:
        return EVERYTHING
    return item.item if isinstance(item, Not) else Not(item)

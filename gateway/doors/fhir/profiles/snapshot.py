"""Snapshot of a profile from its differential and the snapshot of its base (R4 profiling.html section 5.1.0.5).

Elements are changed in place, datatypes are opened where a differential goes deeper than its base, slices are copies
of the element that they slice. Prose of the base beyond its definitions is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gateway.doors.fhir.definitions import Resource

ORDER = (
    *("id", "extension", "path", "representation", "sliceName", "sliceIsConstraining", "label", "code", "slicing"),
    *("short", "definition", "comment", "requirements", "alias", "min", "max", "base", "contentReference", "type"),
    *("defaultValue", "meaningWhenMissing", "orderMeaning", "fixed", "pattern", "example", "minValue", "maxValue"),
    *("maxLength", "condition", "constraint", "mustSupport", "isModifier", "isModifierReason", "isSummary"),
    *("binding", "mapping"),
)
"""Elements of ElementDefinition, in the order of the specification."""

CHOICES = ("defaultValue", "fixed", "pattern", "minValue", "maxValue")

LEFT_OUT = frozenset(
    {"extension", "label", "code", "comment", "requirements", "alias", "example", "condition", "mapping"}
)
"""What a snapshot does not take over from its base."""

_RULE = ("key", "severity", "human", "expression", "source")
_BINDING = ("strength", "description", "valueSet")
_TYPE = ("extension", "code", "profile", "targetProfile", "aggregation", "versioning")


def snapshot(
    differential: Iterable[Resource], base: Iterable[Resource], types: Mapping[str, Sequence[Resource]]
) -> list[Resource]:
    """Elements of a profile.

    Parameters
    ----------
    differential
        Changed elements, each with id and path, parents before children.
    base
        Snapshot elements of the base definition.
    types
        Snapshot elements of each datatype.

    Raises
    ------
    KeyError
        An element that neither the base nor its datatype has, or a datatype that is not given.
    """
    elements = [_kept(element) for element in base]
    for change in differential:
        place = _place(elements, change["id"], types)
        elements[place] = _merged(elements[place], change)
    return elements


def _merged(element: Resource, change: Resource) -> Resource:
    rules = [*element.get("constraint", []), *change.get("constraint", [])]
    return _kept({**element, **change, **({"constraint": rules} if rules else {})})


def ordered(element: Resource) -> Resource:
    """An element definition with its parts in the order of the specification."""

    def position(name: str) -> int:
        return ORDER.index(next((word for word in CHOICES if name.startswith(word)), name))

    return {name: element[name] for name in sorted(element, key=position)}


def _kept(element: Resource) -> Resource:
    kept = ordered({name: value for name, value in element.items() if name not in LEFT_OUT})
    if "constraint" in kept:
        kept["constraint"] = [_some(rule, _RULE) for rule in kept["constraint"]]
    if "type" in kept:
        kept["type"] = [_some(kind, _TYPE) for kind in kept["type"]]
    if "binding" in kept:
        kept["binding"] = _some(kept["binding"], _BINDING)
    return kept


def _some(element: Resource, names: Sequence[str]) -> Resource:
    return {name: element[name] for name in names if name in element}


def _place(elements: list[Resource], element_id: str, types: Mapping[str, Sequence[Resource]]) -> int:
    """Where an element stands; it is made if its base has it not yet."""
    found = _index(elements, element_id)
    if found is not None:
        return found
    parent, _, name = element_id.rpartition(".")
    if not parent:
        raise KeyError(element_id)
    if ":" in name:
        return _add_slice(elements, element_id, types)
    _open(elements, _place(elements, parent, types), types)
    found = _index(elements, element_id)
    if found is None:
        raise KeyError(element_id)
    return found


def _index(elements: Sequence[Resource], element_id: str) -> int | None:
    return next((place for place, element in enumerate(elements) if element["id"] == element_id), None)


def _add_slice(elements: list[Resource], element_id: str, types: Mapping[str, Sequence[Resource]]) -> int:
    sliced, _, name = element_id.rpartition(":")
    start = _place(elements, sliced, types)
    end = start + 1
    while end < len(elements) and elements[end]["id"].startswith((f"{sliced}.", f"{sliced}:")):
        end += 1
    copied = {key: value for key, value in elements[start].items() if key != "slicing"}
    elements.insert(end, _kept({**copied, "id": element_id, "sliceName": name, "min": 0}))
    return end


def _open(elements: list[Resource], place: int, types: Mapping[str, Sequence[Resource]]) -> None:
    """Put the children of an element behind it: those of the element it slices, or those of its datatype."""
    parent = elements[place]
    sliced = parent["id"].rpartition(":")[0] if ":" in parent["id"].rpartition(".")[2] else ""
    origin = f"{sliced}." if sliced else ""
    children = [element for element in elements if origin and element["id"].startswith(origin)]
    if not children:
        kind = parent["type"][0]["code"]
        origin, children = f"{kind}.", [element for element in types[kind] if "." in element["id"]]
    elements[place + 1 : place + 1] = [
        _kept(
            {
                **child,
                "id": f"{parent['id']}.{child['id'].removeprefix(origin)}",
                "path": f"{parent['path']}.{child['path'].removeprefix(_path(origin))}",
            }
        )
        for child in children
    ]


def _path(element_id: str) -> str:
    return ".".join(part.partition(":")[0] for part in element_id.split("."))

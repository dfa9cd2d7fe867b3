"""Dependencies of $translate: what stands beside a code, as a topography beside a morphology."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from gateway.doors.fhir.definitions import Resource, canonical_system, url_of_prefix
from gateway.doors.fhir.terminology.options import Given
from gateway.doors.fhir.terminology.own import OwnSystems
from gateway.doors.fhir.terminology.resources import property_url
from gateway.errors import BadQuestion
from terminology import UnknownCode
from terminology.codes import parse_behaviour, parse_icdo, parse_topography

READ: Mapping[str, Callable[[str], str]] = {
    "topography": parse_topography,
    "behaviour": lambda text: str(parse_behaviour(text)),
}
"""What reads a part of a tumour, by the name of its property."""


def dependencies(given: Given) -> dict[str, Resource]:
    """Codings of the dependencies by their element; one without an element is the topography.

    Of several codings the one of ICD-O-3 is meant, else the first.
    """
    found: dict[str, Resource] = {}
    ours = canonical_system(url_of_prefix()["ICDO3"])
    for item in given.parameters:
        if item.get("name") != "dependency":
            continue
        parts = item.get("part", [])
        element = next((str(part.get("valueUri")) for part in parts if part.get("name") == "element"), "topography")
        codings = [each for part in parts for each in (part.get("valueCodeableConcept") or {}).get("coding", [])]
        codings += [part["valueCoding"] for part in parts if "valueCoding" in part]
        usable = [each for each in codings if each.get("code")]
        if not usable:
            raise BadQuestion(f"no code for {element!r}", where="dependency", expected="concept with a coding")
        of_icdo = (each for each in usable if canonical_system(str(each.get("system", ""))) == ours)
        found.setdefault(element, next(of_icdo, usable[0]))
    return found


def parts_of_tumour(own: OwnSystems, given: Given) -> dict[str, str]:
    """Dependencies as parts of a tumour, each in its one spelling; raises BadQuestion for one that is none."""
    names = {**{property_url(name): name for name in READ}, **{name: name for name in READ}}
    found = dependencies(given)
    if strange := found.keys() - names.keys():
        expected = " or ".join(map(property_url, READ))
        raise BadQuestion(f"no dependency {min(strange)!r} here", where="dependency", expected=f"element {expected}")
    for coding in found.values():
        if coding.get("system") and own.prefix(str(coding["system"])) != "ICDO3":
            raise BadQuestion("a code of another system", where="dependency", expected=url_of_prefix()["ICDO3"])
    return {names[element]: _part(names[element], str(coding["code"])) for element, coding in found.items()}


def _part(name: str, code: str) -> str:
    try:
        return READ[name](code)
    except UnknownCode as error:
        raise BadQuestion(error.message, where="dependency", expected=error.expected) from None


def with_parts(coding: Resource, parts: Mapping[str, str]) -> str:
    """Code, with the behaviour and topography that come as dependencies beside a morphology.

    A behaviour beside a topography alone is in no code: it is left out.

    Raises
    ------
    BadQuestion
        The code has another behaviour or topography.
    """
    code = str(coding.get("code", ""))
    if not parts:
        return code
    try:
        icdo = parse_icdo(code)
    except UnknownCode:
        return code
    for name, own in (("behaviour", icdo.behaviour), ("topography", icdo.topography)):
        if name in parts and own is not None and parts[name] != str(own):
            raise BadQuestion(f"the code has another {name}", where="dependency", expected=str(own))
    topography, behaviour = parts.get("topography", icdo.topography), parts.get("behaviour")
    if icdo.morphology is not None and behaviour is not None:
        icdo = replace(icdo, behaviour=int(behaviour))
    return str(replace(icdo, topography=topography))

"""Dependencies of $translate: what stands beside a code, as a topography beside a morphology."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.doors.fhir.definitions import Resource, canonical_system, url_of_prefix
from gateway.doors.fhir.terminology.options import Given
from gateway.doors.fhir.terminology.own import OwnSystems
from gateway.doors.fhir.terminology.resources import property_url
from gateway.errors import BadQuestion

PARTS = ("topography", "behaviour")


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
    """Dependencies as parts of a tumour; raises BadQuestion for one that is none."""
    names = {**{property_url(name): name for name in PARTS}, **{name: name for name in PARTS}}
    found = dependencies(given)
    if strange := found.keys() - names.keys():
        expected = " or ".join(map(property_url, PARTS))
        raise BadQuestion(f"no dependency {min(strange)!r} here", where="dependency", expected=f"element {expected}")
    for coding in found.values():
        if coding.get("system") and own.prefix(str(coding["system"])) != "ICDO3":
            raise BadQuestion("a code of another system", where="dependency", expected=url_of_prefix()["ICDO3"])
    return {names[element]: str(coding["code"]) for element, coding in found.items()}


def with_parts(coding: Resource, parts: Mapping[str, str]) -> str:
    """Code, with the behaviour and topography that come as dependencies beside a histology."""
    code = str(coding.get("code", ""))
    histology, dash, site = code.partition("-")
    if "behaviour" in parts and "/" in histology and not histology.endswith(f"/{parts['behaviour']}"):
        raise BadQuestion("the code has another behaviour", where="dependency", expected=histology[-1])
    if "topography" in parts and dash:
        if site.replace(".", "") != parts["topography"].replace(".", ""):
            raise BadQuestion("the code has another topography", where="dependency", expected=site)
        return code
    if "behaviour" in parts and "/" not in code and len(code) == len("9500") and code.isdecimal():
        code = f"{code}/{parts['behaviour']}"
    return f"{code}-{parts['topography']}" if "topography" in parts else code

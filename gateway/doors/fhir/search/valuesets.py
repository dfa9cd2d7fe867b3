"""Value set canonicals of `code:in` to diagnosis terms: implicit value sets, without a table of members.

`SYSTEM?fhir_vs=isa/CODE` is a code and everything below it (the form SNOMED CT defines, R4 snomedct.html section
4.3.1.0.4, for any system with a hierarchy); `SYSTEM?fhir_vs` is a whole system; our own value sets `iccc-3-IVa` stand
for one ICCC-3 group. `|2005` after the canonical is the edition.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.doors.fhir.definitions import CodeSystemUrl, code_system_of_url, code_systems, guide
from gateway.doors.fhir.search.codes import term
from gateway.doors.fhir.search.grammar import unescape
from gateway.errors import BadQuestion, Unsupported
from gateway.model.query import EVERYTHING, DiagnosisIn, Expr, Or, Term

ICCC3_MAIN_GROUPS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
OWN_ICCC3 = "/ValueSet/iccc-3"


def in_value_set(values: Sequence[str], parameter: str) -> Expr:
    """Tumours with a code in one of the value sets.

    Raises
    ------
    BadQuestion
        No such value set, or no such edition.
    Unsupported
        A value set over a system whose members are not held.
    """
    parts = tuple(_members(unescape(value), parameter) for value in values)
    return parts[0] if len(parts) == 1 else Or(parts)


def _members(canonical: str, parameter: str) -> Expr:
    url, _, edition = canonical.partition("|")
    base, implicit, members = url.partition("?fhir_vs")
    own, _, group = url.partition(f"{OWN_ICCC3}-") if f"{OWN_ICCC3}-" in url else (url.removesuffix(OWN_ICCC3), "", "")
    system = code_system_of_url().get(base)
    if implicit and system:
        _check_edition(system, edition, parameter)
        return _implicit(system, members, edition or None, parameter)
    if own == guide().canonical:
        iccc3 = next(item for item in code_systems() if item.prefix == "ICCC3")
        _check_edition(iccc3, edition, parameter)
        return _implicit(iccc3, f"=isa/{group}" if group else "", edition or None, parameter)
    raise BadQuestion(f"unknown value set {canonical!r}", where=parameter, expected=_expected())


def _implicit(system: CodeSystemUrl, members: str, edition: str | None, parameter: str) -> Expr:
    if members.startswith("=isa/") and len(members) > len("=isa/"):
        if not system.hierarchy:
            raise Unsupported(f"no hierarchy is held for {system.url}", where=parameter, expected=_expected())
        return DiagnosisIn("diagnosis", (term(system, members.removeprefix("=isa/"), edition),))
    if members:
        raise BadQuestion(f"{members!r} is no implicit value set", where=parameter, expected=_expected())
    if system.prefix == "ICDO3":
        return EVERYTHING
    if system.prefix == "ICCC3":
        return DiagnosisIn("diagnosis", tuple(Term("ICCC3", group, edition) for group in ICCC3_MAIN_GROUPS))
    raise Unsupported(f"the members of {system.url}?fhir_vs are not held", where=parameter, expected=_expected())


def _check_edition(system: CodeSystemUrl, edition: str, parameter: str) -> None:
    if edition and edition not in system.editions:
        known = ", ".join(system.editions) or "no version"
        raise BadQuestion(f"{system.url} has no version {edition!r} here", where=parameter, expected=known)


def _expected() -> str:
    systems = " or ".join(system.url for system in code_systems() if system.hierarchy)
    return f"SYSTEM?fhir_vs=isa/CODE with {systems}, or {guide().canonical}{OWN_ICCC3}-IVa, with |EDITION if wanted"

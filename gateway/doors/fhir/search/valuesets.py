"""Value sets of `code:in` to diagnosis terms, without a table of members.

`SYSTEM?fhir_vs=isa/CODE` is a code and everything below it (the form SNOMED CT defines, R4 snomedct.html section
4.3.1.0.4, for any system); `SYSTEM?fhir_vs` is a whole system; our own value sets `iccc-3-IVa` stand for one ICCC-3
group. `|2005` after the canonical is the edition. A reference `ValueSet/ID` of this door is read too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.doors.fhir.definitions import CodeSystemUrl, code_system_of_url, code_systems, edition_id, guide
from gateway.doors.fhir.search.codes import term, whole_system
from gateway.doors.fhir.search.grammar import unescape
from gateway.errors import BadQuestion
from gateway.model.query import DiagnosisIn, Expr, Or
from terminology import TerminologyError, load

IMPLICIT = "?fhir_vs"
ISA = "=isa/"
OWN_ICCC3 = "/ValueSet/iccc-3"
REFERENCE = "ValueSet/"


def in_value_set(values: Sequence[str], parameter: str) -> Expr:
    """Tumours with a code in one of the value sets.

    Raises
    ------
    BadQuestion
        No such value set, or no such edition.
    """
    parts = tuple(_members(unescape(value), parameter) for value in values)
    return parts[0] if len(parts) == 1 else Or(parts)


def _members(canonical: str, parameter: str) -> Expr:
    url, _, edition = canonical.partition("|")
    if url.startswith(REFERENCE):
        url, edition = _referred(url.removeprefix(REFERENCE), edition, canonical, parameter)
    base, implicit, members = url.partition(IMPLICIT)
    own, _, group = url.partition(f"{OWN_ICCC3}-") if f"{OWN_ICCC3}-" in url else (url.removesuffix(OWN_ICCC3), "", "")
    system = code_system_of_url().get(base)
    if implicit and system:
        _check_edition(system, edition, parameter)
        return _implicit(system, members, edition or None, parameter)
    if own == guide().canonical:
        iccc3 = next(item for item in code_systems() if item.prefix == "ICCC3")
        _check_edition(iccc3, edition, parameter)
        found = edition or _newest_with(iccc3, group)
        return _implicit(iccc3, f"{ISA}{group}" if group else "", found, parameter)
    raise BadQuestion(f"unknown value set {canonical!r}", where=parameter, expected=_expected())


def _referred(resource_id: str, edition: str, canonical: str, parameter: str) -> tuple[str, str]:
    """URL and edition of a value set by its id here."""
    for url, version, known in _with_ids():
        rest = resource_id.removeprefix(known)
        if rest == resource_id or edition not in ("", version):
            continue
        if rest == "-all":
            return f"{url}{IMPLICIT}", version
        if code_system_of_url()[url].prefix == "ICCC3" and (rest == "" or rest.startswith("-")):
            return f"{guide().canonical}{OWN_ICCC3}{rest}", version
    raise BadQuestion(f"unknown value set {canonical!r}", where=parameter, expected=_expected())


def _with_ids() -> Iterator[tuple[str, str, str]]:
    """URL, edition and id of each code system, the longest id first."""
    found = [
        (system.url, edition, edition_id(system, edition))
        for system in code_systems()
        for edition in system.editions or ("",)
    ]
    yield from sorted(found, key=lambda each: -len(each[2]))


def _newest_with(iccc3: CodeSystemUrl, group: str) -> str | None:
    """Newest edition that has a group, None where none does."""
    for edition in reversed(iccc3.editions) if group else ():
        try:
            load().lookup(iccc3.prefix, group, edition)
        except TerminologyError:
            continue
        return edition
    return None


def _implicit(system: CodeSystemUrl, members: str, edition: str | None, parameter: str) -> Expr:
    if members.startswith(ISA) and len(members) > len(ISA):
        return DiagnosisIn("diagnosis", (term(system, members.removeprefix(ISA), edition, below=True),))
    if members:
        raise BadQuestion(f"{members!r} is no implicit value set", where=parameter, expected=_expected())
    return whole_system(system, edition)


def _check_edition(system: CodeSystemUrl, edition: str, parameter: str) -> None:
    if edition and edition not in system.editions:
        known = ", ".join(system.editions) or "no version"
        raise BadQuestion(f"{system.url} has no version {edition!r} here", where=parameter, expected=known)


def _expected() -> str:
    systems = " or ".join(system.url for system in code_systems())
    return f"SYSTEM{IMPLICIT}{ISA}CODE with {systems}, or {guide().canonical}{OWN_ICCC3}-IVa, with |EDITION if wanted"

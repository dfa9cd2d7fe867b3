"""Token search values to diagnosis terms and coded values (R4 search.html section 3.1.1.5.10).

A token names its system by URL. What a code means, and whether it exists, is the terminology's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from gateway.doors.fhir.definitions import CodeSystemUrl, code_system_of_url, code_systems
from gateway.doors.fhir.search.grammar import Token, token, unescape
from gateway.errors import BadQuestion, Unsupported
from gateway.model.query import NOTHING, And, DiagnosisIn, Expr, Known, Not, OneOf, Or, Term
from terminology import TerminologyError, load, parse_morphology, parse_topography

GENDER_SYSTEM = "http://hl7.org/fhir/administrative-gender"
GENDERS = {
    "male": frozenset({"male"}),
    "female": frozenset({"female"}),
    "other": frozenset({"other"}),
    "unknown": frozenset({"unknown", "not-collected"}),
}

TEXT_EDITIONS = ("2017", "2005")
"""Editions whose group names a Condition shows."""

_SEER_NUMBER = re.compile(r"\d{3}", re.ASCII)


def diagnosis(values: Sequence[str], parameter: str) -> Expr:
    """Tumours that one of the codes means."""
    return DiagnosisIn("diagnosis", tuple(_term(value, parameter) for value in values))


def diagnosis_below(values: Sequence[str], parameter: str) -> Expr:
    """Tumours that one of the codes or a code below it means (`:below`).

    A code means everything it covers in any case; what `:below` adds is a refusal where the hierarchy of the
    system is not known.
    """
    for value in values:
        system = system_of(token(value), parameter)
        if not system.hierarchy:
            known = ", ".join(item.url for item in code_systems() if item.hierarchy)
            raise Unsupported(f"no hierarchy is held for {system.url}", where=parameter, expected=f"a code of {known}")
    return diagnosis(values, parameter)


def diagnosis_above(values: Sequence[str], parameter: str) -> Expr:
    """Tumours recorded with one of the morphologies or the four digits above it (`:above`).

    Here it matters how finely a tumour was coded. The question language can tell that of a morphology, whose behaviour
    is recorded or not; it cannot tell a category of topography, an ICCC-3 group that stands alone or a recorded ICD-10
    code from the finer codes below, for a condition is never sure of what a record leaves open.

    Raises
    ------
    BadQuestion
        No system is named, one that this door does not know, or a morphology that does not exist.
    Unsupported
        Any other code than a morphology of ICD-O-3.
    """
    expected = "an ICD-O-3 morphology such as 9500/3, or :below"
    found = [token(value) for value in values]
    for each in found:
        system = system_of(each, parameter)
        if system.prefix != "ICDO3" or _is_topography(each.code):
            raise Unsupported(
                f"which records carry {each.code!r} of {system.url} or a code above it cannot be told from those that "
                "carry a code below it",
                where=parameter,
                expected=expected,
            )
    return Or(tuple(_at_or_above(each.code, parameter, expected) for each in found))


def morphology_above(values: Sequence[str], parameter: str) -> Expr:
    """The same for ICD-O-3 morphologies whose system may be left out."""
    axis("morphology")(values, parameter)
    return Or(tuple(_at_or_above(token(value).code, parameter, "a morphology such as 9500/3") for value in values))


def topography(values: Sequence[str], parameter: str) -> Expr:
    """Tumours of one of the primary sites."""
    return DiagnosisIn("topography", tuple(_site(value, parameter) for value in values))


def axis(field: str) -> Callable[[Sequence[str], str], Expr]:
    """Tumours by one axis of ICD-O-3: topography, morphology or behaviour; the system may be left out."""
    icdo3 = next(system for system in code_systems() if system.prefix == "ICDO3")

    def build(values: Sequence[str], parameter: str) -> Expr:
        found = [token(value) for value in values]
        for each in found:
            if each.system not in {None, icdo3.url, *icdo3.synonyms} or not each.code.strip():
                raise BadQuestion("is no ICD-O-3 code", where=parameter, expected=f"code or {icdo3.url}|code")
        return DiagnosisIn(field, tuple(Term("ICDO3", each.code) for each in found))

    return build


def iccc_group(values: Sequence[str], parameter: str) -> Expr:
    """Tumours of an ICCC-3 group, by its code or SEER's number; the system may be left out."""
    iccc3 = next(system for system in code_systems() if system.prefix == "ICCC3")
    found = [token(value) for value in values]
    for each in found:
        if each.system not in {None, iccc3.url} or not each.code.strip():
            raise BadQuestion("is no ICCC-3 group", where=parameter, expected=f"code or {iccc3.url}|code")
    return DiagnosisIn("diagnosis", tuple(term(iccc3, each.code) for each in found))


def code_text(values: Sequence[str], parameter: str) -> Expr:
    """Tumours of the ICCC-3 groups whose name, as a Condition shows it, holds all the words (`:text`)."""
    wanted = [unescape(value).casefold().split() for value in values]
    if not all(wanted):
        raise BadQuestion("has no words", where=parameter, expected="words of the name of an ICCC-3 group")
    known = load()
    terms = tuple(
        Term("ICCC3", group.code, edition)
        for edition in TEXT_EDITIONS
        for group in known.groups(edition)
        if any(all(word in group.label.casefold() for word in words) for words in wanted)
    )
    return DiagnosisIn("diagnosis", terms) if terms else NOTHING


def sex(values: Sequence[str], parameter: str) -> Expr:
    """Sex of the patient as one of the codes of administrative-gender."""
    return OneOf("sex", frozenset().union(*(_gender(value, parameter) for value in values)))


def system_of(found: Token, parameter: str) -> CodeSystemUrl:
    """Code system of a token.

    Raises
    ------
    BadQuestion
        No system is named, or one that this door does not know.
    """
    urls = ", ".join(system.url for system in code_systems())
    if not found.system:
        raise BadQuestion(
            f"code {found.code!r} has no system, and codes of different systems look alike",
            where=parameter,
            expected=f"system|code with one of {urls}",
        )
    system = code_system_of_url().get(found.system)
    if system is None:
        raise BadQuestion(f"unknown code system {found.system!r}", where=parameter, expected=f"one of {urls}")
    return system


def term(system: CodeSystemUrl, code: str, edition: str | None = None) -> Term:
    """Term of the question grammar; three digits under the URL of ICCC-3 are SEER's numbers of its groups."""
    prefix = "SEER" if system.prefix == "ICCC3" and _SEER_NUMBER.fullmatch(code) else system.prefix
    return Term(prefix, code, edition)


def _term(value: str, parameter: str) -> Term:
    found = token(value)
    system = system_of(found, parameter)
    if not found.code.strip():
        raise Unsupported(
            f"every code of {system.url} is not a search",
            where=parameter,
            expected=f"a code, or {parameter.partition(':')[0]}:in={system.url}?fhir_vs",
        )
    return term(system, found.code)


def _site(value: str, parameter: str) -> Term:
    found = _term(value, parameter)
    expected = "an ICD-O-3 topography such as C74.9 or a category such as C74"
    if found.system != "ICDO3":
        raise Unsupported("primary sites are searched by ICD-O-3 topography", where=parameter, expected=expected)
    try:
        parse_topography(found.code)
    except TerminologyError as error:
        raise BadQuestion(error.message, where=parameter, expected=expected) from error
    return found


def _at_or_above(code: str, parameter: str, expected: str) -> Expr:
    """Yes or no for every tumour: its recorded morphology is this code or the four digits without behaviour above it."""
    try:
        histology, behaviour = parse_morphology(code)
    except TerminologyError as error:
        raise BadQuestion(error.message, where=parameter, expected=expected) from error
    digits = And((DiagnosisIn("morphology", (Term("ICDO3", str(histology)),)), Not(Known("behaviour"))))
    if behaviour is None:
        return And((Known("morphology"), digits))
    whole = And((DiagnosisIn("morphology", (Term("ICDO3", f"{histology}/{behaviour}"),)), Known("behaviour")))
    return And((Known("morphology"), Or((whole, digits))))


def _is_topography(code: str) -> bool:
    try:
        parse_topography(code)
    except TerminologyError:
        return False
    return True


def _gender(value: str, parameter: str) -> frozenset[str]:
    found = token(value)
    if found.system in {None, GENDER_SYSTEM} and found.code in GENDERS:
        return GENDERS[found.code]
    raise BadQuestion(
        f"{found.code!r} is no code of {GENDER_SYSTEM}" if found.system in {None, GENDER_SYSTEM} else "unknown system",
        where=parameter,
        expected=f"one of {', '.join(GENDERS)}, with or without {GENDER_SYSTEM}|",
    )

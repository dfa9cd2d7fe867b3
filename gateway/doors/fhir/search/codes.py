"""Token search values to diagnosis terms and coded values (R4 search.html section 3.1.1.5.10).

A token names its system by URL. What a code means, and whether it exists, is the terminology's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from gateway.doors.fhir.definitions import CodeSystemUrl, code_system_of_url, code_systems
from gateway.doors.fhir.search.grammar import Token, components, of_system, token, unescape
from gateway.errors import BadQuestion, UnknownTerm, Unsupported
from gateway.model.query import NOTHING, And, DiagnosisIn, Expr, Known, Not, OneOf, Or, Term
from terminology import BEHAVIOURS, TerminologyError, load, parse_morphology, parse_topography

GENDER_SYSTEM = "http://hl7.org/fhir/administrative-gender"
GENDERS = {
    "male": frozenset({"male"}),
    "female": frozenset({"female"}),
    "other": frozenset({"other"}),
    "unknown": frozenset({"unknown", "not-collected"}),
}

TEXT_EDITIONS: Mapping[str, tuple[str, ...]] = {"2017": ("sub", "extended"), "2005": ("sub",)}
"""Editions whose group names a Condition shows, with the levels that it shows of a group that is certain."""

ICCC3_MAIN_GROUPS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")

_COMPONENTS: tuple[Callable[[str], object], ...] = (parse_morphology, parse_topography)
"""Reads each part of a pair."""
_SEER_NUMBER = re.compile(r"\d{3}", re.ASCII)


def diagnosis(values: Sequence[str], parameter: str) -> Expr:
    """Tumours that one of the codes means."""
    return _by_code(values, parameter, below=False)


def diagnosis_below(values: Sequence[str], parameter: str) -> Expr:
    """Tumours that one of the codes or a code below it means (`:below`).

    In ICD-O-3, ICCC-3 and ICD-10 a code means everything below it in any case.
    """
    return _by_code(values, parameter, below=True)


def whole_system(system: CodeSystemUrl, edition: str | None = None) -> Expr:
    """Tumours with a code of a system, whichever.

    Every tumour has one in each system but ICCC-3, if only that of any neoplasm; something must be recorded of it.
    """
    if system.prefix == "ICCC3":
        return DiagnosisIn("diagnosis", tuple(Term("ICCC3", group, edition) for group in ICCC3_MAIN_GROUPS))
    return Known("diagnosis")


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
    icdo3, expected = _system("ICDO3"), "a morphology such as 9500/3"
    codes, whole = of_system(values, (icdo3.url, *icdo3.synonyms), parameter, expected)
    if whole:
        raise BadQuestion("names no code", where=parameter, expected=expected)
    return Or(tuple(_at_or_above(code, parameter, expected) for code in codes))


def topography(values: Sequence[str], parameter: str) -> Expr:
    """Tumours of one of the primary sites."""
    expected = "an ICD-O-3 topography such as C74.9 or a category such as C74"
    icdo3 = _system("ICDO3")
    for found in map(token, values):
        if found.system != "" and system_of(found, parameter) != icdo3:
            raise Unsupported("primary sites are searched by ICD-O-3 topography", where=parameter, expected=expected)
        try:
            parse_topography(found.code) if found.code.strip() else None
        except TerminologyError as error:
            raise BadQuestion(error.message, where=parameter, expected=expected) from error
    return axis("topography")(values, parameter)


def axis(field: str) -> Callable[[Sequence[str], str], Expr]:
    """Tumours by one axis of ICD-O-3: topography, morphology or behaviour; the system may be left out."""

    def build(values: Sequence[str], parameter: str) -> Expr:
        codes, whole = _axis_codes(values, parameter)
        terms = tuple(Term("ICDO3", code) for code in codes)
        return _either(Known(field) if whole else None, DiagnosisIn(field, terms) if terms else None)

    return build


def not_on_axis(field: str) -> Callable[[Sequence[str], str], Expr]:
    """Tumours that are none of these by their morphology or behaviour (`:not`), and those of which none is recorded.

    ICD-10 or ICCC-3 may decide what is not recorded on the axis, and then decides here too: what one of them leaves open
    stays in the bounds. Where neither is recorded the axis is open as a whole, which is certain to be one of the codes
    only where they are all behaviours that there are.
    """
    build = axis(field)

    def build_not(values: Sequence[str], parameter: str) -> Expr:
        held = build(values, parameter)
        codes, whole = _axis_codes(values, parameter)
        if not whole and {code.strip().lstrip("/") for code in codes} >= {str(each) for each in BEHAVIOURS}:
            return Not(held)
        return Or((Not(held), And((Not(Known(field)), Not(Known("entity"))))))

    return build_not


def _axis_codes(values: Sequence[str], parameter: str) -> tuple[tuple[str, ...], bool]:
    icdo3 = _system("ICDO3")
    return of_system(values, (icdo3.url, *icdo3.synonyms), parameter, "an ICD-O-3 code")


def site_and_morphology(values: Sequence[str], parameter: str) -> Expr:
    """Tumours of one of the pairs of a morphology and a topography, `9500/3$C74.9`; the system may be left out."""
    expected = "MORPHOLOGY$TOPOGRAPHY, e.g. 9500/3$C74.9"
    terms = []
    for value in values:
        parts = components(value)
        if len(parts) != len(_COMPONENTS):
            raise BadQuestion(f"{unescape(value)!r} is no pair", where=parameter, expected=expected)
        pair = []
        for part, parse in zip(parts, _COMPONENTS, strict=True):
            codes, whole = _axis_codes((part,), parameter)
            if whole:
                raise BadQuestion("a pair has two codes", where=parameter, expected=expected)
            try:
                pair += [code for code in codes if parse(code)]
            except TerminologyError as error:
                raise UnknownTerm(error.message, where=parameter, expected=expected) from error
        if len(pair) == len(parts):  # else one is a code without system, which no coding here is
            terms.append(Term("ICDO3", "-".join(code.strip() for code in pair)))
    return DiagnosisIn("diagnosis", tuple(terms)) if terms else NOTHING


def iccc_group(values: Sequence[str], parameter: str) -> Expr:
    """Tumours of an ICCC-3 group, by its code or SEER's number; the system may be left out."""
    iccc3 = _system("ICCC3")
    codes, whole = of_system(values, (iccc3.url, *iccc3.synonyms), parameter, "an ICCC-3 group")
    terms = tuple(term(iccc3, code) for code in codes)
    return _either(whole_system(iccc3) if whole else None, DiagnosisIn("diagnosis", terms) if terms else None)


def code_text(values: Sequence[str], parameter: str) -> Expr:
    """Tumours of the ICCC-3 groups whose name, as a Condition shows it, holds all the words (`:text`).

    The name of a main group that has subgroups is shown only where the subgroup is open, so that it is possible at most.
    """
    wanted = [unescape(value).casefold().split() for value in values]
    if not all(wanted):
        raise BadQuestion("has no words", where=parameter, expected="words of the name of an ICCC-3 group")
    return _either(*(part for edition in TEXT_EDITIONS for part in _named(wanted, edition)))


def _named(wanted: Sequence[Sequence[str]], edition: str) -> Iterator[Expr]:
    """Tumours of the groups of an edition whose name holds all of some words."""
    groups = load().groups(edition)
    below: dict[str, list[str]] = {}
    for group in groups:
        if group.level == "sub":
            below.setdefault(group.parent, []).append(group.code)
    named = [
        group for group in groups if any(all(word in group.label.casefold() for word in words) for words in wanted)
    ]
    for level in TEXT_EDITIONS[edition]:
        shown = [group for group in named if level == ("sub" if group.level == "main" else group.level)]
        if codes := [group.code for group in shown if group.code not in below]:
            yield _groups(codes, edition)
    if subgroups := {group.code: below[group.code] for group in named if group.code in below}:
        yield _open_within(subgroups, edition)


def _groups(codes: Iterable[str], edition: str) -> Expr:
    return DiagnosisIn("diagnosis", tuple(Term("ICCC3", code, edition) for code in codes))


def _open_within(subgroups: Mapping[str, Sequence[str]], edition: str) -> Expr:
    """Tumours of a main group whose subgroup is open: possible, and no for every tumour whose subgroup is certain.

    Two subgroups of one main group differ in a digit of their numbers, written in base two. A tumour whose subgroup is
    certain has one value of each digit for certain; of one that is open some digit is open too.
    """
    digits = max(len(codes) - 1 for codes in subgroups.values()).bit_length()
    halves = [
        [
            [code for codes in subgroups.values() for i, code in enumerate(codes) if (i >> digit) % 2 == half]
            for half in (0, 1)
        ]
        for digit in range(digits)
    ]
    certain = tuple(Or(tuple(_groups(codes, edition) for codes in pair)) for pair in halves)
    return And((_groups(subgroups, edition), Not(And(certain))))


def sex(values: Sequence[str], parameter: str) -> Expr:
    """Sex of the patient as one of the codes of administrative-gender."""
    codes, whole = of_system(values, (GENDER_SYSTEM,), parameter, f"one of {', '.join(GENDERS)}")
    strange = [code for code in codes if code not in GENDERS]
    if strange:
        raise BadQuestion(f"{strange[0]!r} is no gender", where=parameter, expected=f"one of {', '.join(GENDERS)}")
    said = OneOf("sex", frozenset().union(*(GENDERS[code] for code in codes)))
    return Or((said, has_gender())) if whole else said


def no_sex(values: Sequence[str], parameter: str) -> Expr:
    """Patients whose gender is none of the codes (`:not`): `unknown` is a code, which only it itself rules out."""
    said = sex(values, parameter)
    codes, whole = of_system(values, (GENDER_SYSTEM,), parameter, f"one of {', '.join(GENDERS)}")
    untold = Not(has_gender() if whole or "unknown" in codes else Known("sex"))
    return Or((Not(said), untold))


def has_gender() -> Expr:
    """Patients whose gender is told; `unknown` is a code of it."""
    return Or((Known("sex"), OneOf("sex", GENDERS["unknown"], recorded=True)))


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


def term(system: CodeSystemUrl, code: str, edition: str | None = None, *, below: bool = False) -> Term:
    """Term of the question grammar; three digits under the URL of ICCC-3 are SEER's numbers of its groups.

    `below` tells only where a code does not mean what is below it in any case.
    """
    prefix = "SEER" if system.prefix == "ICCC3" and _SEER_NUMBER.fullmatch(code) else system.prefix
    return Term(prefix, code, edition, below and not system.hierarchy)


def _by_code(values: Sequence[str], parameter: str, *, below: bool) -> Expr:
    terms: list[Term] = []
    parts: list[Expr] = []
    for found in map(token, values):
        if found.system == "" and found.code.strip():
            continue  # a code without system: no coding here is such a one
        system = system_of(found, parameter)
        if found.code.strip():
            terms.append(term(system, found.code, below=below))
        else:
            parts.append(_carrying(system, parameter))
    return _either(*parts, DiagnosisIn("diagnosis", tuple(terms)) if terms else None)


def _carrying(system: CodeSystemUrl, parameter: str) -> Expr:
    """Conditions whose code has a coding of a system (`system|`)."""
    if system.prefix == "ICDO3":
        return Known("morphology")
    if system.prefix == "ICCC3":
        return whole_system(system)
    raise Unsupported(
        f"which records carry a code of {system.url} is not known",
        where=parameter,
        expected=f"a code, or {parameter.partition(':')[0]}:in={system.url}?fhir_vs",
    )


def _either(*parts: Expr | None) -> Expr:
    found = tuple(part for part in parts if part is not None)
    return found[0] if len(found) == 1 else Or(found)


def _system(prefix: str) -> CodeSystemUrl:
    return next(system for system in code_systems() if system.prefix == prefix)


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

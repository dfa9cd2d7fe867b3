"""What the distinct texts of each field mean, by the blocks of a profile; every distinct text is looked at once.

A normaliser turns the raw texts of its columns into integers (dates as days since 1970-01-01, codes and diagnoses as
numbers of the codebook). A diagnosis code that does not exist and an incidence date that cannot be are faults, which
quarantine the record; any other value that is not understood becomes unknown and is counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gateway.model.case import Diagnosis
from gateway.model.dates import UNKNOWN_DATE, Age, DateInterval, DatePrecision, days_of_years
from gateway.model.fields import FIELDS
from gateway.model.values import Absent
from gateway.sources.loading.codebook import Codebook, Finding
from gateway.sources.loading.datetexts import BadDate, at_precision, date_of_parts, parse_date_text
from gateway.sources.loading.groups import field_group
from gateway.sources.loading.texts import Text, TextRule
from gateway.sources.profile import (
    CODED_FIELDS,
    DATE_FIELDS,
    DIAGNOSIS_PARTS,
    ICDO_EDITIONS,
    NUMBER_FIELDS,
    Profile,
    names_of,
)
from terminology import Terminology, TerminologyError, parse_behaviour, parse_morphology, parse_topography

Row = tuple[int | None, ...]
Texts = Sequence[str]
Block = Mapping[str, object]
T = TypeVar("T")
Orders = Mapping[tuple[str, str], str]

EPOCH = 719_163
MAX_AGE_YEARS = 150
MAX_SEQUENCE = 32_767
_PRECISIONS = {precision: number for number, precision in enumerate(DatePrecision)}


@dataclass(frozen=True, slots=True)
class Normaliser:
    """How the raw texts of one field become integers.

    Attributes
    ----------
    name
        Field.
    columns
        Columns of the profile whose texts it takes, in order.
    outputs
        Names of the integers it gives; the last two are always the numbers of a fault and of an issue, or None.
    read
        Texts of the columns (and the number of the file as a text, if `by_file`) -> outputs.
    by_file
        Whether a text may mean another thing in another file.
    """

    name: str
    columns: tuple[str, ...]
    outputs: tuple[str, ...]
    read: Callable[[Texts], Row]
    by_file: bool = False


def normalisers(profile: Profile, book: Codebook, terminology: Terminology, orders: Orders) -> tuple[Normaliser, ...]:
    """One normaliser for each field of the profile except ids.

    Parameters
    ----------
    profile
        Checked profile.
    book
        Takes codes, diagnoses and findings.
    terminology
        Says which ICD-10 and ICCC-3 codes exist and which edition lists a morphology.
    orders
        File number and `auto:` format -> the format that was decided on.
    """
    made = []
    for name, block in profile.fields.items():
        columns = field_group(name, profile)
        if name in CODED_FIELDS:
            made.append(_coded(name, block, columns, book))
        elif name in NUMBER_FIELDS:
            made.append(_number(name, block, columns, book))
        elif name in DATE_FIELDS:
            made.append(_date(name, block, columns, book, orders))
        elif name == "diagnosis":
            edition = profile.constants.get("icdo_edition")
            made.append(_diagnosis(block, columns, book, terminology, edition))
        elif name == "stage":
            made.append(_stage(block, columns, book))
    return tuple(made)


def _rule(columns: Sequence[str], block: Block, column: str = "column") -> TextRule:
    return TextRule.of(
        columns,
        block.get(column),
        pattern=block.get("pattern"),
        values=block.get("values"),
        unknown=block.get("unknown", ()),
        not_applicable=block.get("not_applicable", ()),
    )


# --- coded fields -----------------------------------------------------------------------------------------------------

NOT_IN_MAP = "is not in the value map of the profile"
NO_CODE = "is no code of this field"
_FREE_CODE = re.compile(r"(?!(?:[^0-9]*[0-9]){4})[A-Za-z0-9][A-Za-z0-9+./_-]{0,19}", re.ASCII)
"""Grades and stages have at most three digits; what has more is a date or an id in the wrong column."""
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)


def canonical(name: str, text: str) -> str | None:
    """Canonical code of a coded field for a text that is a code itself; None if it is none."""
    known = FIELDS[name]
    if name == "country":
        return text.upper() if _COUNTRY.fullmatch(text.upper()) else None
    if known.values:
        return next((t for t in (text, text.casefold()) if t in known.values or t in known.composites), None)
    return text if _FREE_CODE.fullmatch(text) else None


def _coded(name: str, block: Block, columns: tuple[str, ...], book: Codebook) -> Normaliser:
    rule = _rule(columns, block)
    overrides = [_rule(columns, entry) for entry in _tables(block, "override")]

    def read(texts: Texts) -> Row:
        for override in overrides:
            text = override.read(texts)
            if isinstance(text, Text) and (code := override.mapped(text)) is not None:
                return book.code(name, code), None, None
        text = rule.read(texts)
        if isinstance(text, Absent):
            return book.code(name, text), None, None
        code, reason = _code_of(name, rule, text)
        if code is None:
            return book.code(name, Absent.UNKNOWN), None, book.finding(Finding(name, reason))
        return book.code(name, code), None, None

    return Normaliser(name, columns, (name, f"{name}_fault", f"{name}_issue"), read)


def _code_of(name: str, rule: TextRule, text: Text) -> tuple[str | None, str]:
    if rule.values is not None and ((code := rule.mapped(text)) is not None or name != "country"):
        return code, NOT_IN_MAP
    return (canonical(name, text.taken) if text.taken is not None else None), NO_CODE


def _tables(block: Block, key: str) -> Sequence[Block]:
    return block.get(key, ())  # type: ignore[return-value]  # the profile has been checked


def _stage(block: Block, columns: tuple[str, ...], book: Codebook) -> Normaliser:
    systems = [(str(entry["system"]), _rule(columns, entry)) for entry in _tables(block, "any")]

    def read(texts: Texts) -> Row:
        absent = Absent.NOT_COLLECTED
        issue: int | None = None
        for system, rule in systems:
            text = rule.read(texts)
            if isinstance(text, Absent):
                if absent is Absent.NOT_COLLECTED or text is Absent.NOT_APPLICABLE:
                    absent = text
                continue
            code, reason = _code_of("stage", rule, text)
            if code is not None:
                return book.code("stage", f"{system}:{code}"), None, issue
            absent = Absent.UNKNOWN
            issue = book.finding(Finding("stage", reason))
        return book.code("stage", absent), None, issue

    return Normaliser("stage", columns, ("stage", "stage_fault", "stage_issue"), read)


# --- numbers ----------------------------------------------------------------------------------------------------------

NO_WHOLE_NUMBER = "is not a whole number in range"


def _age_years(years: int | None) -> Row:
    return (None, None, None) if years is None else (years, *days_of_years(years))


def _age_days(days: int | None) -> Row:
    if days is None:
        return None, None, None
    years = Age.at_diagnosis(UNKNOWN_DATE, UNKNOWN_DATE, given_days=days).years or (None, None)
    return days, *years


def _plain(number: int | None) -> Row:
    return (number,)


# Field -> largest value, names of its integers, how they follow from the number.
_NUMBERS: dict[str, tuple[int, tuple[str, ...], Callable[[int | None], Row]]] = {
    "sequence": (MAX_SEQUENCE, ("sequence",), _plain),
    "age": (MAX_AGE_YEARS, ("age", "age_days_lo_given", "age_days_hi_given"), _age_years),
    "age_days": (days_of_years(MAX_AGE_YEARS)[1], ("age_days", "age_years_lo_given", "age_years_hi_given"), _age_days),
}


def _number(name: str, block: Block, columns: tuple[str, ...], book: Codebook) -> Normaliser:
    rule = _rule(columns, block)
    largest, outputs, follow = _NUMBERS[name]

    def read(texts: Texts) -> Row:
        text = rule.read(texts)
        if isinstance(text, Absent):
            return *follow(None), None, None
        digits = rule.mapped(text) or text.taken or ""
        if digits.isascii() and digits.isdigit() and int(digits[:9]) <= largest and len(digits) <= 9:
            return *follow(int(digits)), None, None
        return *follow(None), None, book.finding(Finding(name, NO_WHOLE_NUMBER))

    return Normaliser(name, columns, (*outputs, f"{name}_fault", f"{name}_issue"), read)


# --- dates ------------------------------------------------------------------------------------------------------------


def _ymd(date: DateInterval) -> Row:
    """Ends as days since 1970-01-01, precision, and ends as the number YYYYMMDD (for completed years)."""
    if date.earliest is None or date.latest is None:
        return None, None, None, None, None
    ends = (date.earliest, date.latest)
    days = (end.toordinal() - EPOCH for end in ends)
    numbers = (end.year * 10_000 + end.month * 100 + end.day for end in ends)
    return *days, _PRECISIONS[date.precision], *numbers


def auto_formats(block: Block) -> tuple[str, ...]:
    """Formats of a date block that are decided by looking at a whole file."""
    return tuple(text for text in names_of(block.get("formats")) if text.startswith("auto:"))


def _date(name: str, block: Block, columns: tuple[str, ...], book: Codebook, orders: Orders) -> Normaliser:
    interval = _date_reader(block, columns, orders)
    precision = (
        _rule(columns, {"column": block["precision"], "values": block["precisions"]}) if "precision" in block else None
    )
    outputs = tuple(f"{name}_{part}" for part in ("lo", "hi", "precision", "lo_ymd", "hi_ymd", "fault", "issue"))

    def read(texts: Texts) -> Row:
        date = interval(texts)
        if isinstance(date, BadDate):
            number = book.finding(Finding(name, date.reason))
            return *_ymd(UNKNOWN_DATE), *((number, None) if name == "incidence" else (None, number))
        if precision is not None and isinstance(stated := precision.read(texts), Text):
            coarser = precision.mapped(stated)
            if coarser is None:
                finding = book.finding(Finding(name, "has a precision that is not in the profile"))
                return *_ymd(at_precision(date, DatePrecision.YEAR.value)), None, finding
            date = at_precision(date, coarser)
        return *_ymd(date), None, None

    return Normaliser(name, columns, outputs, read, by_file=bool(auto_formats(block)))


def _date_reader(block: Block, columns: tuple[str, ...], orders: Orders) -> Callable[[Texts], DateInterval | BadDate]:
    unknown_parts = frozenset(names_of(block.get("unknown_part", ())))
    if "column" in block:
        formats = names_of(block["formats"])
        rule = _rule(columns, block)

        def from_text(texts: Texts) -> DateInterval | BadDate:
            text = rule.read(texts)
            if isinstance(text, Absent):
                return UNKNOWN_DATE
            decided = [orders.get((texts[-1], each), each) for each in formats]
            return parse_date_text(text.written, decided, unknown_parts)

        return from_text

    rules = [
        TextRule.of(columns, block.get(part), values=_of_part(block, "values", part), unknown=sorted(unknown_parts))
        for part in ("year", "month", "day")
    ]

    def from_parts(texts: Texts) -> DateInterval | BadDate:
        year, month, day = (_digits(rule, texts) for rule in rules)
        return date_of_parts(year, month, day, unknown_parts)

    return from_parts


def _digits(rule: TextRule, texts: Texts) -> str | None:
    part = rule.read(texts)
    return None if isinstance(part, Absent) else rule.mapped(part) or part.written


# --- diagnosis --------------------------------------------------------------------------------------------------------

_LOOKS_LIKE = {
    "topography": re.compile(r"C?\d\d[.]?\d?", re.ASCII | re.IGNORECASE),
    "morphology": re.compile(r"\d{4}[/-]?\d?", re.ASCII),
    "behaviour": re.compile(r"/?\d", re.ASCII),
    "icd10": re.compile(r"[A-Z]\d\d[.]?\d{0,2}", re.ASCII | re.IGNORECASE),
    "iccc": re.compile(r"[IVX]{1,4}[.(]?[a-f]?\)?|\d{3}", re.ASCII | re.IGNORECASE),
}


class _Fault(Exception):  # noqa: N818 - ends the reading of one diagnosis
    def __init__(self, part: str, text: Text) -> None:
        super().__init__()
        self.part = part
        written = text.taken or text.written
        self.finding = Finding("diagnosis", f"{part} does not exist", written if _is_like(part, written) else None)


def _is_like(part: str, written: str) -> bool:
    return part in _LOOKS_LIKE and _LOOKS_LIKE[part].fullmatch(written) is not None


def _diagnosis(
    block: Block, columns: tuple[str, ...], book: Codebook, terminology: Terminology, edition: str | None
) -> Normaliser:
    reader = _DiagnosisReader(block, columns, terminology, edition)

    def read(texts: Texts) -> Row:
        try:
            diagnosis, issue = reader.read(texts)
        except _Fault as fault:
            return None, book.finding(fault.finding), None
        return book.diagnosis(diagnosis), None, None if issue is None else book.finding(issue)

    return Normaliser("diagnosis", columns, ("dx", "diagnosis_fault", "diagnosis_issue"), read)


class _DiagnosisReader:
    """Reads the parts of a diagnosis; what the terminology says of a code is asked once."""

    def __init__(self, block: Block, columns: tuple[str, ...], terminology: Terminology, edition: str | None) -> None:
        self._terminology = terminology
        self._edition = edition
        self._iccc_edition = str(block.get("iccc_edition", ""))
        self._listed: dict[str, tuple[str, ...]] = {}
        self._rules = {
            part: TextRule.of(
                columns,
                block[part],
                pattern=_of_part(block, "pattern", part),
                values=_of_part(block, "values", part),
                unknown=_of_part(block, "unknown", part) or (),
            )
            for part in DIAGNOSIS_PARTS
            if part in block
        }

    def read(self, texts: Texts) -> tuple[Diagnosis, Finding | None]:
        """Diagnosis and the most telling finding about it; raises _Fault if a code does not exist."""
        topography = self._parsed("topography", texts, parse_topography)
        histology = self._parsed("morphology", texts, parse_morphology)
        morphology, inner = (histology, None) if isinstance(histology, Absent) else histology
        behaviour, issue = self._behaviour(texts, inner)
        alone = isinstance(topography, Absent) and isinstance(morphology, Absent)
        icd10, icd10_issue = self._other("icd10", texts, self._icd10, alone)
        iccc, iccc_issue = self._other("iccc", texts, self._iccc, alone and icd10 is None)
        edition, edition_issue = self._edition_of(texts)
        diagnosis = Diagnosis(topography, morphology, behaviour, icd10, iccc, edition)
        if alone and icd10 is None and iccc is None:
            issue = Finding("diagnosis", "has no code at all")
        return diagnosis, issue or icd10_issue or iccc_issue or edition_issue or self._note(diagnosis)

    def _text(self, part: str, texts: Texts) -> Text | Absent:
        return self._rules[part].read(texts) if part in self._rules else Absent.NOT_COLLECTED

    def _parsed(self, part: str, texts: Texts, parse: Callable[[str], T]) -> T | Absent:
        text = self._text(part, texts)
        if isinstance(text, Absent):
            return text
        code = self._rules[part].mapped(text) or text.taken
        if code is None:
            raise _Fault(part, text)
        try:
            return parse(code)
        except TerminologyError:
            raise _Fault(part, text) from None

    def _behaviour(self, texts: Texts, inner: int | None) -> tuple[int | Absent, Finding | None]:
        own = self._parsed("behaviour", texts, parse_behaviour)
        if isinstance(own, Absent):
            absent = Absent.UNKNOWN if "morphology" in self._rules else own
            return (absent if inner is None else inner), None
        if inner is not None and inner != own:
            return Absent.UNKNOWN, Finding("diagnosis", "has two behaviours that differ")
        return own, None

    def _other(
        self, part: str, texts: Texts, parse: Callable[[str], str], alone: bool
    ) -> tuple[str | None, Finding | None]:
        """ICD-10 or ICCC-3: beside ICD-O-3 a wrong code is an issue, alone it is a fault."""
        try:
            code = self._parsed(part, texts, parse)
        except _Fault as fault:
            if alone:
                raise
            return None, fault.finding
        return (None if isinstance(code, Absent) else code), None

    def _icd10(self, text: str) -> str:
        return self._terminology.lookup("ICD10", text).code

    def _iccc(self, text: str) -> str:
        return f"{self._iccc_edition}:{self._terminology.lookup('ICCC3', text, self._iccc_edition).code}"

    def _edition_of(self, texts: Texts) -> tuple[str | None, Finding | None]:
        text = self._text("edition", texts)
        if isinstance(text, Absent):
            return self._edition, None
        edition = self._rules["edition"].mapped(text)
        if edition in ICDO_EDITIONS:
            return edition, None
        return None, Finding("diagnosis", "names an edition of ICD-O-3 that is not in the profile")

    def _note(self, diagnosis: Diagnosis) -> Finding | None:
        """Remark on an existing code of another edition than the one the source names."""
        if diagnosis.icdo_edition is None or isinstance(diagnosis.morphology, Absent):
            return None
        code = f"{diagnosis.morphology:04}"
        if not isinstance(diagnosis.behaviour, Absent):
            code = f"{code}/{diagnosis.behaviour}"
        if code not in self._listed:
            self._listed[code] = self._terminology.lookup("ICDO3", code).editions
        if not self._listed[code] or diagnosis.icdo_edition in self._listed[code]:
            return None
        return Finding(
            "diagnosis", f"morphology is not in ICD-O-{diagnosis.icdo_edition} but in another", code, note=True
        )


def _of_part(block: Block, key: str, part: str) -> object:
    table = block.get(key)
    return table.get(part) if isinstance(table, Mapping) else None

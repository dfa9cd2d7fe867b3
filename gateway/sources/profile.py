"""Source profile: how one form of registry file means our fields. Data in TOML, no code.

    title = "ENCR / JRC-ENCR QCS incidence file"
    kind = "tabular"                      # entry point name of the kind it is for
    reference = "JRC-ENCR QCS 2.0"        # document it follows
    mode = "tolerant"                     # or "strict": what would be an issue rejects the record
    max_reject_share = 0.05               # above this share of rejected + quarantined a load is refused
    [format]                              # keys of the kind's own (delimiter, encodings, dictionary, paths ...)
    [constants]                           # fields that the file does not say: country = "FR", icdo_edition = "3.1"
    [[only]]                              # records kept; others are rejected with this reason and counted apart
    column = "RecordStatus"
    values = ["1"]                        # "" keeps blanks
    reason = "not a confirmed record"
    optional = true                       # a file without this column keeps all its records
    [fields.FIELD]                        # FIELD of FIELD_NAMES; a field without a block is never filled
    column = "Sex"                        # or a list: the first that is not blank wins
    optional = true                       # a file without these columns is read all the same (not collected)
    pattern = "([0-9]+) years"            # what counts of the text: the group of a full match
    values = { 1 = "male", 2 = "female" } # value map; without it the text itself is the code
    unknown = ["9"]                       # texts that mean unknown (blank always does)
    not_applicable = ["0"]
    override = [{ column = "typeOfReportingSource", values = { 7 = "0" } }]   # wins when it maps
    # country: a value map holds only what is not ISO 3166-1 alpha-2 already
    # patient, tumour: `column`, or `parts` = columns that identify only together (the last must not be blank)
    parts = ["registryId", "patientIdNumber"]
    # dates (birth, incidence, last_contact): one text or parts
    formats = ["YYYYMMDD", "YYYYMM", "YYYY"]          # also "YYYY-MM-DD", "DD.MM.YYYY"; "auto:YYYYDDMM|YYYYMMDD" decides per file
    precision = "Datum@Genauigkeit"                   # column that says how exact it is
    precisions = { E = "day", T = "month", M = "year", V = "unknown" }
    year = "YoI"; month = "MoI"; day = "DoI"; unknown_part = ["99", "9999"]   # unknown_part holds inside texts too
    values = { month = { January = "1" } }            # of parts that are not digits
    # diagnosis: a column (or list) for each part; pattern, values and unknown are tables by part
    topography = "Topo"; morphology = "Morpho"; behaviour = "Beh"; icd10 = "..."; iccc = "..."; edition = "..."
    iccc_edition = "2017"                             # edition of the column `iccc`
    pattern = { topography = "(C[0-9]{2}[.]?[0-9]).*" }
    values = { behaviour = { Malignant = "3" }, edition = { 32 = "3.2" } }
    unknown = { morphology = ["9999"] }
    # stage: list, the first that is not blank wins
    any = [{ system = "inrgss", column = "inrgss", values = { ... }, unknown = ["999"] }]

Names of columns compare without case, blanks, `_` and `-`. `columns` is every column that any block names, in order.
A text is compared with value maps as it stands, without blanks around it, then without case.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TypeGuard

from gateway.errors import BadSettings
from gateway.model.fields import FIELDS
from gateway.sources.tomllines import KeyLines, key_lines, nearest_line, place_of

FIELD_NAMES = (
    "patient",
    "tumour",
    "sequence",
    "sex",
    "birth",
    "incidence",
    "age",
    "age_days",
    "diagnosis",
    "basis",
    "vital_status",
    "last_contact",
    "laterality",
    "grade",
    "stage",
    "country",
)
ID_FIELDS = frozenset({"patient", "tumour"})
NUMBER_FIELDS = frozenset({"sequence", "age", "age_days"})
DATE_FIELDS = frozenset({"birth", "incidence", "last_contact"})
CODED_FIELDS = frozenset({"sex", "basis", "vital_status", "laterality", "grade", "country"})
DIAGNOSIS_PARTS = ("topography", "morphology", "behaviour", "icd10", "iccc", "edition")
PRECISIONS = ("day", "month", "year", "estimated", "unknown")
DATE_FORMATS = (
    "YYYYMMDD",
    "YYYYDDMM",
    "DDMMYYYY",
    "MMDDYYYY",
    "YYYYMM",
    "MMYYYY",
    "YYYY",
    "YYYY-MM-DD",
    "YYYY-MM",
    "YYYY/MM/DD",
    "DD.MM.YYYY",
    "MM.YYYY",
    "DD/MM/YYYY",
    "MM/DD/YYYY",
    "MM/YYYY",
    "DD-MM-YYYY",
)
ICCC_EDITIONS = ("2005", "who2008", "2017")
ICDO_EDITIONS = ("3.0", "3.1", "3.2")
MAX_PROFILE_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class Profile:
    """A checked profile.

    Attributes
    ----------
    columns
        Every source column (or XML item) any block names, in order of first mention; readers deliver these.
    fields
        Block of each field as in the TOML, checked.
    format
        The kind's own section, checked by the kind.
    where
        File it came from, for errors.
    lines
        Line of each table and key of that file.
    """

    name: str
    title: str
    kind: str
    columns: tuple[str, ...]
    fields: Mapping[str, Mapping[str, object]]
    format: Mapping[str, object] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    only: tuple[Mapping[str, object], ...] = ()
    mode: str = "tolerant"
    max_reject_share: float = 0.05
    reference: str = ""
    where: str = ""
    lines: KeyLines = field(default_factory=dict, compare=False, repr=False)

    def at(self, *keys: str) -> str:
        """`file:line a.b` of a key, for errors about it."""
        return place_of(self.where, self.lines, keys)


def column_key(name: str) -> str:
    """Name of a column as names are compared: without case, blanks, `_` and `-`."""
    return re.sub(r"[\s_-]+", "", name).casefold()


def load_profile(name_or_path: str, asked_at: str | None = None) -> Profile:
    """Profile by its name in profiles/sources, or by the path of a TOML file; `asked_at` is the place that names it.

    Raises
    ------
    BadSettings
        No such profile, not TOML, or faults; the message lists every fault as `file:line key: what`.
    """
    where, name, data = _read(name_or_path, asked_at)
    return parse_profile(data, name=name, where=where)


def parse_profile(data: bytes, *, name: str, where: str) -> Profile:
    """Profile from the bytes of a TOML file; see `load_profile`."""
    if len(data) > MAX_PROFILE_BYTES:
        raise BadSettings("profile is too large", where=where, expected=f"at most {MAX_PROFILE_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        document = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as fault:
        raise BadSettings(f"profile is not valid TOML: {fault}", where=where, expected="TOML 1.0 in UTF-8") from fault
    check = _Check(where, text)
    check.document(document)
    if check.faults:
        raise BadSettings("\n".join(check.faults))
    fields: dict[str, Mapping[str, object]] = document["fields"]
    only = tuple(document.get("only", ()))
    return Profile(
        name=name,
        title=document["title"],
        kind=document["kind"],
        columns=tuple(dict.fromkeys(_mentioned(fields, only))),
        fields=fields,
        format=document.get("format", {}),
        constants=document.get("constants", {}),
        only=only,
        mode=document.get("mode", "tolerant"),
        max_reject_share=float(document.get("max_reject_share", 0.05)),
        reference=document.get("reference", ""),
        where=where,
        lines=check.lines,
    )


def shipped_profiles() -> tuple[str, ...]:
    """Names of the profiles that come with the package."""
    folder = resources.files("profiles") / "sources"
    if not folder.is_dir():
        return ()
    return tuple(sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml")))


def names_of(value: object) -> tuple[str, ...]:
    """Columns of a `column` key: one name or a list."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)  # type: ignore[arg-type]  # checked on parsing


def block_columns(name: str, block: Mapping[str, object]) -> Iterator[str]:
    """Every column that the block of a field names, in order of mention."""
    if name == "diagnosis":
        for part in DIAGNOSIS_PARTS:
            yield from names_of(block.get(part))
        return
    for key in ("parts", "column", "year", "month", "day", "precision"):
        yield from names_of(block.get(key))
    for key in ("any", "override"):
        entries: Sequence[Mapping[str, object]] = block.get(key, ())  # type: ignore[assignment]  # checked on parsing
        for entry in entries:
            yield from names_of(entry.get("column"))


def _mentioned(fields: Mapping[str, Mapping[str, object]], only: Sequence[Mapping[str, object]]) -> Iterator[str]:
    for name, block in fields.items():
        yield from block_columns(name, block)
    for rule in only:
        yield from names_of(rule["column"])


def _read(name_or_path: str, asked_at: str | None) -> tuple[str, str, bytes]:
    path = Path(name_or_path)
    if path.suffix == ".toml" or path.is_absolute():
        try:
            return str(path), path.stem, path.read_bytes()
        except OSError as fault:
            raise BadSettings(
                f"no such profile file {path}", where=asked_at, expected="a readable TOML file"
            ) from fault
    shipped = shipped_profiles()
    if name_or_path not in shipped:
        hint = _near(name_or_path, shipped)
        raise BadSettings(
            f"no profile named {name_or_path!r}{hint}",
            where=asked_at,
            expected=f"one of {', '.join(shipped)}, or the path of a file",
        )
    found = resources.files("profiles") / "sources" / f"{name_or_path}.toml"
    return f"profiles/sources/{name_or_path}.toml", name_or_path, found.read_bytes()


def _near(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


# What each key of a block must be: the name of a check of _Check.
_COMMON = {"optional": "flag"}
_CODED = {
    "column": "columns",
    "pattern": "pattern",
    "values": "values",
    "unknown": "texts",
    "not_applicable": "texts",
    "override": "override",
}
_ID = {"column": "columns", "parts": "column_list", "unknown": "texts"}
_NUMBER = {"column": "columns", "pattern": "pattern", "values": "values", "unknown": "texts", "not_applicable": "texts"}
_DATE = {
    "column": "columns",
    "formats": "formats",
    "precision": "columns",
    "precisions": "precisions",
    "year": "columns",
    "month": "columns",
    "day": "columns",
    "unknown_part": "texts",
    "values": "date_values",
    "unknown": "texts",
}
_DIAGNOSIS = {
    **dict.fromkeys(DIAGNOSIS_PARTS, "columns"),
    "iccc_edition": "iccc_edition",
    "pattern": "part_patterns",
    "values": "part_values",
    "unknown": "part_texts",
}
_STAGE = {"any": "stages"}
_STAGE_ENTRY = {**_CODED, "system": "system"}
_TOP = {
    "title": "text",
    "kind": "text",
    "reference": "text",
    "mode": "mode",
    "max_reject_share": "share",
    "format": "table",
    "constants": "constants",
    "only": "only",
    "fields": "fields",
}
_ONLY = {"column": "columns", "values": "texts", "reason": "text", "optional": "flag"}
CONSTANTS = (*sorted(CODED_FIELDS - {"grade"}), "icdo_edition")


def _keys_of(name: str) -> dict[str, str]:
    for names, keys in ((ID_FIELDS, _ID), (NUMBER_FIELDS, _NUMBER), (DATE_FIELDS, _DATE), (CODED_FIELDS, _CODED)):
        if name in names:
            return keys | _COMMON
    return (_DIAGNOSIS if name == "diagnosis" else _STAGE) | _COMMON


class _Check:
    """Walks a document and collects every fault with the line of its key."""

    def __init__(self, where: str, text: str) -> None:
        self.where = where
        self.lines = key_lines(text)
        self.faults: list[str] = []

    def document(self, document: Mapping[str, object]) -> None:
        self._table((), document, _TOP, required=("title", "kind", "fields"))
        fields = document.get("fields")
        constants = document.get("constants")
        if isinstance(fields, dict) and isinstance(constants, dict):
            for name in fields.keys() & constants.keys():
                self._fault(("constants", name), "the field has a block too", "either a block or a constant")

    def _fault(self, path: Sequence[str], what: str, expected: str) -> None:
        self.faults.append(f"{self.where}:{self._line(path)} {'.'.join(path)}: {what} (expected {expected})")

    def _line(self, path: Sequence[str]) -> int:
        return nearest_line(self.lines, path) or 1

    def _table(
        self, path: tuple[str, ...], table: Mapping[str, object], keys: Mapping[str, str], required: Sequence[str] = ()
    ) -> None:
        for key in required:
            if key not in table:
                self._fault((*path, key), "is missing", "a value")
        for key, value in table.items():
            if key not in keys:
                self._fault((*path, key), f"unknown key{_near(key, tuple(keys))}", f"one of {', '.join(keys)}")
                continue
            check: Callable[[tuple[str, ...], object], None] = getattr(self, f"_is_{keys[key]}")
            check((*path, key), value)

    def _wrong(self, path: Sequence[str], expected: str) -> None:
        self._fault(path, "wrong value", expected)

    def _expect(self, path: Sequence[str], ok: bool, expected: str) -> None:
        if not ok:
            self._wrong(path, expected)

    def _is_text(self, path: tuple[str, ...], value: object) -> None:
        self._expect(path, isinstance(value, str) and bool(value.strip()), "a text that is not blank")

    def _is_flag(self, path: tuple[str, ...], value: object) -> None:
        self._expect(path, isinstance(value, bool), "true or false")

    def _is_table(self, path: tuple[str, ...], value: object) -> None:
        self._expect(path, isinstance(value, dict), "a table")

    def _is_mode(self, path: tuple[str, ...], value: object) -> None:
        self._expect(path, value in ("tolerant", "strict"), "'tolerant' or 'strict'")

    def _is_share(self, path: tuple[str, ...], value: object) -> None:
        number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
        self._expect(path, number, "a number from 0 to 1")

    def _is_texts(self, path: tuple[str, ...], value: object) -> None:
        self._expect(path, _is_text_list(value), 'a list of texts in quotes, e.g. ["9"]')

    def _is_columns(self, path: tuple[str, ...], value: object) -> None:
        one = isinstance(value, str) and bool(value.strip())
        self._expect(path, one or (_is_text_list(value) and bool(value)), "a column name or a list of names")

    def _is_column_list(self, path: tuple[str, ...], value: object) -> None:
        self._expect(path, _is_text_list(value) and bool(value), "a list of column names")

    def _is_pattern(self, path: tuple[str, ...], value: object) -> None:
        try:
            ok = isinstance(value, str) and re.compile(value).groups >= 1
        except re.error:
            ok = False
        self._expect(path, ok, "a regular expression with one group, e.g. '([0-9]+) years'")

    def _is_values(self, path: tuple[str, ...], value: object) -> None:
        if not _is_text_map(value):
            self._wrong(path, 'a table from texts to codes in quotes, e.g. { 1 = "male" }')
            return
        for text, code in value.items():
            self._code((*path, text), _field_of(path), code)

    def _code(self, path: tuple[str, ...], name: str | None, code: str) -> None:
        known = FIELDS.get(name or "")
        if name in NUMBER_FIELDS:
            self._expect(path, code.isascii() and code.isdigit(), "a whole number in quotes")
        elif name == "country":
            self._expect(path, re.fullmatch("[A-Z]{2}", code) is not None, "an ISO 3166-1 alpha-2 code, e.g. 'FR'")
        elif known is not None and known.values:
            allowed = (*known.values, *known.composites)
            self._expect(path, code in allowed, f"one of {', '.join(allowed)}")
        elif name in ("grade", "stage"):
            self._expect(path, re.fullmatch(r"\S(.{0,38}\S)?", code) is not None, "a code of 1 to 40 characters")

    def _is_override(self, path: tuple[str, ...], value: object) -> None:
        self._each_table(path, value, {"column": "columns", "values": "values"}, ("column", "values"))

    def _each_table(
        self, path: tuple[str, ...], value: object, keys: Mapping[str, str], required: Sequence[str]
    ) -> None:
        if not (isinstance(value, list) and value and all(isinstance(item, dict) for item in value)):
            self._wrong(path, "a list of tables")
            return
        for item in value:
            self._table(path, item, keys, required)

    def _is_formats(self, path: tuple[str, ...], value: object) -> None:
        if not (_is_text_list(value) and value):
            self._wrong(path, "a list of formats")
            return
        for text in value:
            parts = text.removeprefix("auto:").split("|") if text.startswith("auto:") else [text]
            ok = all(p in DATE_FORMATS for p in parts) and (len(parts) == 2 or not text.startswith("auto:"))
            self._expect(path, ok, f"formats of {', '.join(DATE_FORMATS)} or 'auto:ONE|OTHER', not {text!r}")

    def _is_precisions(self, path: tuple[str, ...], value: object) -> None:
        ok = _is_text_map(value) and all(v in PRECISIONS for v in value.values())
        self._expect(path, ok, f"a table from texts to {', '.join(PRECISIONS)}")

    def _is_iccc_edition(self, path: tuple[str, ...], value: object) -> None:
        self._expect(path, value in ICCC_EDITIONS, f"one of {', '.join(ICCC_EDITIONS)}")

    def _is_system(self, path: tuple[str, ...], value: object) -> None:
        ok = isinstance(value, str) and re.fullmatch("[a-z0-9][a-z0-9_-]*", value) is not None
        self._expect(path, ok, "a stage system in lower case, e.g. 'inrgss'")

    def _is_part_patterns(self, path: tuple[str, ...], value: object) -> None:
        self._parts(path, value, self._is_pattern)

    def _is_part_texts(self, path: tuple[str, ...], value: object) -> None:
        self._parts(path, value, self._is_texts)

    def _is_part_values(self, path: tuple[str, ...], value: object) -> None:
        self._parts(path, value, self._part_value)

    def _part_value(self, path: tuple[str, ...], value: object) -> None:
        if not _is_text_map(value):
            self._wrong(path, "a table from texts to codes in quotes")
            return
        allowed = {"behaviour": ("0", "1", "2", "3", "6", "9"), "edition": ICDO_EDITIONS}.get(path[-1])
        for text, code in value.items():
            if allowed is not None:
                self._expect((*path, text), code in allowed, f"one of {', '.join(allowed)}")

    def _parts(self, path: tuple[str, ...], value: object, check: Callable[[tuple[str, ...], object], None]) -> None:
        if not isinstance(value, dict):
            self._wrong(path, f"a table by part ({', '.join(DIAGNOSIS_PARTS)})")
            return
        for part, item in value.items():
            if part not in DIAGNOSIS_PARTS:
                near = _near(part, DIAGNOSIS_PARTS)
                self._fault((*path, part), f"unknown part{near}", f"one of {', '.join(DIAGNOSIS_PARTS)}")
            else:
                check((*path, part), item)

    def _is_date_values(self, path: tuple[str, ...], value: object) -> None:
        if not isinstance(value, dict):
            self._wrong(path, "a table by part (year, month, day)")
            return
        for part, item in value.items():
            known = part in ("year", "month", "day")
            self._expect(
                (*path, part), known and _is_text_map(item), "a table from texts to digits of year, month or day"
            )

    def _is_stages(self, path: tuple[str, ...], value: object) -> None:
        self._each_table(path, value, _STAGE_ENTRY, ("system", "column"))

    def _is_only(self, path: tuple[str, ...], value: object) -> None:
        self._each_table(path, value, _ONLY, ("column", "values", "reason"))

    def _is_constants(self, path: tuple[str, ...], value: object) -> None:
        if not _is_text_map(value):
            self._wrong(path, 'a table of texts, e.g. country = "FR"')
            return
        for name, code in value.items():
            if name not in CONSTANTS:
                self._fault((*path, name), f"unknown key{_near(name, CONSTANTS)}", f"one of {', '.join(CONSTANTS)}")
            elif name == "icdo_edition":
                self._expect((*path, name), code in ICDO_EDITIONS, f"one of {', '.join(ICDO_EDITIONS)}")
            else:
                self._code((*path, name), name, code)

    def _is_fields(self, path: tuple[str, ...], value: object) -> None:
        if not isinstance(value, dict):
            self._wrong(path, "a table [fields.FIELD] for each field")
            return
        for name in ("patient", "incidence", "diagnosis"):
            if name not in value:
                self._fault((*path, name), "is missing", f"a block [fields.{name}]")
        for name, block in value.items():
            if name not in FIELD_NAMES:
                known = ", ".join(FIELD_NAMES)
                self._fault((*path, name), f"unknown field{_near(name, FIELD_NAMES)}", f"one of {known}")
            elif not isinstance(block, dict):
                self._wrong((*path, name), "a table")
            else:
                self._table((*path, name), block, _keys_of(name))
                self._block((*path, name), name, block)

    def _block(self, path: tuple[str, ...], name: str, block: Mapping[str, object]) -> None:
        if name in DATE_FIELDS:
            whole, parts = "column" in block, "year" in block
            self._expect(path, whole != parts, "either `column` with `formats`, or `year` (with `month` and `day`)")
            self._expect(path, not whole or "formats" in block, "`formats` beside `column`")
            self._expect(path, not whole or "values" not in block, "`values` only beside `year`, `month`, `day`")
            self._expect(
                path, _distinct_shapes(names_of(block.get("formats"))), "formats of different shapes, or `auto:`"
            )
            self._expect(path, ("precision" in block) == ("precisions" in block), "`precision` with `precisions`")
        elif name in ID_FIELDS:
            self._expect(path, ("column" in block) != ("parts" in block), "either `column` or `parts`")
        elif name == "diagnosis":
            coded = [part for part in ("topography", "morphology", "icd10", "iccc") if part in block]
            self._expect(path, bool(coded), "at least one of topography, morphology, icd10, iccc")
            self._expect(path, ("iccc" in block) == ("iccc_edition" in block), "`iccc` with `iccc_edition`")
        elif name == "stage":
            self._expect(path, "any" in block, "`any`, a list of stage systems")
        else:
            self._expect(path, "column" in block or "override" in block, "`column`")


def _distinct_shapes(formats: Sequence[str]) -> bool:
    """Whether no text can have the form of two formats: a guess for each row would swap days and months."""
    shapes = [re.sub("[YMD]", "0", text.removeprefix("auto:").split("|")[0]) for text in formats]
    return len(set(shapes)) == len(shapes)


def _field_of(path: Sequence[str]) -> str | None:
    return path[1] if len(path) > 1 and path[0] == "fields" else None


def _is_text_list(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_text_map(value: object) -> TypeGuard[dict[str, str]]:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())

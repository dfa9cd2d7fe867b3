"""Reads NAACCR XML into rows of raw item texts, one for each tumour.

Specification 1.0 to 1.8: NaaccrData > Patient > Tumor, each with Items; values of NaaccrData hold for all, those of a
Patient for its tumours. What stands at the wrong level, twice with different values, or is unknown to the
dictionaries is never used: in tolerant mode it is an issue, in strict mode it rejects the record.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from gateway.adapters.naaccr_xml.items import (
    GROUPS,
    NAMESPACE,
    PATIENT,
    ROOT,
    TUMOR,
    VERSIONS,
    Item,
    ItemTable,
    item_table,
    listed_items,
    read_dictionary,
)
from gateway.errors import BadFile, BadSettings
from gateway.safe_xml import Root, line_of, read_elements, read_root
from gateway.sources.profile import Profile, column_key
from gateway.sources.reading import NOT_IN_FILE, Record, Sink

SPECIFICATIONS = tuple(f"1.{minor}" for minor in range(9))
NAMESPACE_SINCE = "1.3"
"""Files of earlier specifications are met without the namespace."""
RECORD_TYPES = frozenset("AMCI")
FORMAT_KEYS = frozenset({"user_dictionaries"})

NO_TUMOUR = "patient without tumour: nothing to count"
UNKNOWN_ITEM = "item is in no dictionary of the file; it is ignored"
UNLISTED_ITEM = "item is not listed for versions 18 to 26; it is ignored"
GROUPED_ITEM = "item is a group of others, which no file may hold; it is ignored and its parts count"
WRONG_LEVEL = "item of {} stands under {}; it is ignored"
REPEATED = "item stands twice with the same value"
CONTRADICTED = "item stands twice with different values; neither is used"
TOO_LONG = "value is longer than the dictionary allows ({} characters)"
WRONG_NUMBER = "naaccrNum is not the number of the naaccrId; the naaccrId counts"
CONTROL = "a control character that XML does not allow was left out"

_DICTIONARY = re.compile(r"https?://naaccr\.org/naaccrxml/naaccr-dictionary-(\d{3})\.xml")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,49}", re.ASCII)
_UNUSED = -1


def read(path: Path, profile: Profile, sink: Sink) -> None:
    """Read one NAACCR XML file (plain or gzip) into a sink.

    Parameters
    ----------
    path
        The file.
    profile
        Its columns are naaccrIds (or item numbers); `format.user_dictionaries` lists dictionaries of the registry's
        own items. `mode` decides whether an oddity is an issue (tolerant) or rejects the record (strict).
    sink
        Takes one row for each Tumor.

    Raises
    ------
    gateway.errors.BadFile
        Not NAACCR XML of a known version, not well-formed, unsafe, or with elements the standard does not have.
    gateway.errors.BadSettings
        The profile names an item that no dictionary has.
    """
    strict = profile.mode == "strict"
    header = _Header.of(read_root(path), path)
    items = item_table(header.version, _user_items(header, profile))
    layout = _Layout.of(profile, items)
    reading = _Reading(path, header.namespace, layout, items, sink, strict)
    on_control = None if strict else lambda line: sink.issue(line, "Item", CONTROL)
    for found in read_elements(path, reading.tag(PATIENT), depth=1, on_control=on_control):
        if found.strays:
            reading.between_patients(found.strays)
        if found.element is not None:
            reading.patient(found.element)
    sink.ended()


@dataclass(frozen=True, slots=True)
class _Header:
    """What the root tag says."""

    version: int
    namespace: str | None
    user_dictionaries: tuple[str, ...]

    @classmethod
    def of(cls, root: Root, path: Path) -> _Header:
        where = f"{path.name}:{root.line} {root.name}"

        def given(name: str, expected: str, valid: Callable[[str], bool]) -> str:
            value = root.attributes.get(name)
            if value is None:
                raise BadFile(f"the attribute {name} is missing", where=where, expected=expected)
            if not valid(value):
                raise BadFile(f"the attribute {name} is of no known kind", where=where, expected=expected)
            return value

        if root.name != ROOT:
            raise BadFile(f"the root element is <{_shown(root.name)}>", where=where, expected=f"<{ROOT}>")
        specification = root.attributes.get("specificationVersion", SPECIFICATIONS[0])
        if specification not in SPECIFICATIONS:
            raise BadFile(
                "the specificationVersion is not known",
                where=where,
                expected=f"{SPECIFICATIONS[0]} to {SPECIFICATIONS[-1]}",
            )
        early = SPECIFICATIONS.index(specification) < SPECIFICATIONS.index(NAMESPACE_SINCE)
        if root.namespace != NAMESPACE and not (early and root.namespace is None):
            what = "in another namespace" if root.namespace else "in no namespace"
            raise BadFile(f"<{ROOT}> is {what}", where=where, expected=f'xmlns="{NAMESPACE}"')
        known = f"http://naaccr.org/naaccrxml/naaccr-dictionary-NNN.xml with NNN one of {', '.join(map(str, VERSIONS))}"
        uri = given("baseDictionaryUri", known, lambda text: _version(text) in VERSIONS)
        given("recordType", "A, M, C or I", RECORD_TYPES.__contains__)
        user = root.attributes.get("userDictionaryUri", "").split()
        return cls(_version(uri), root.namespace, tuple(user))


def _version(uri: str) -> int:
    match = _DICTIONARY.fullmatch(uri.strip())
    return int(match[1]) if match else 0


def _user_items(header: _Header, profile: Profile) -> Iterable[Item]:
    """Items of the dictionaries that the profile gives and the file names."""
    unknown = sorted(profile.format.keys() - FORMAT_KEYS)
    if unknown:
        raise BadSettings(
            f"unknown key {unknown[0]!r}",
            where=profile.at("format", unknown[0]),
            expected=", ".join(sorted(FORMAT_KEYS)),
        )
    paths = profile.format.get("user_dictionaries", [])
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise BadSettings(
            "is no list of files", where=profile.at("format", "user_dictionaries"), expected="a list of paths"
        )
    for text in paths:
        uri, items = read_dictionary(Path(profile.where).parent / text)
        if uri in header.user_dictionaries:
            yield from items


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the texts of items go.

    Attributes
    ----------
    slots
        Level -> naaccrId -> position in a row, or `_UNUSED` for a known item that no column names.
    blank
        A row with nothing in it: None, or `NOT_IN_FILE` where the file's version lacks the item.
    wanted
        naaccrId by position.
    lengths
        Most characters by position.
    columns
        Position of each column of the profile, or None when rows are in that order already.
    """

    slots: Mapping[str, Mapping[str, int]]
    blank: tuple[str | None, ...]
    wanted: tuple[str, ...]
    lengths: tuple[int, ...]
    columns: tuple[int, ...] | None

    @classmethod
    def of(cls, profile: Profile, items: ItemTable) -> _Layout:
        known = _names_by_key(items)
        names = [_item_of(column, known, profile) for column in profile.columns]
        wanted = list(dict.fromkeys(names))
        slots: dict[str, dict[str, int]] = {ROOT: {}, PATIENT: {}, TUMOR: {}}
        for item in items.by_name.values():
            slots[item.level][item.name] = wanted.index(item.name) if item.name in wanted else _UNUSED
        return cls(
            slots=slots,
            blank=tuple(None if name in items.by_name else NOT_IN_FILE for name in wanted),
            wanted=tuple(wanted),
            lengths=tuple(_most(items.by_name.get(name)) for name in wanted),
            columns=None if names == wanted else tuple(wanted.index(name) for name in names),
        )

    def row(self, values: Sequence[str | None]) -> Sequence[str | None]:
        """Texts in the order of the profile's columns."""
        return values if self.columns is None else [values[position] for position in self.columns]


def _most(item: Item | None) -> int:
    return sys.maxsize if item is None or item.length is None else item.length


def _names_by_key(items: ItemTable) -> Mapping[str, str]:
    """Key of an id as columns compare, and item number -> naaccrId, of the file's items and of other versions'."""
    names: dict[str, str] = {}
    for item in (*items.by_name.values(), *listed_items()):
        names.setdefault(column_key(item.name), item.name)
        names.setdefault(item.number, item.name)
    return names


def _item_of(column: str, known: Mapping[str, str], profile: Profile) -> str:
    name = known.get(column_key(column))
    if name is not None:
        return name
    if column_key(column) in map(column_key, GROUPS) or column in GROUPS.values():
        raise BadSettings(
            f"the item {column!r} is a group, which no file may hold",
            where=profile.where,
            expected="the items that it is made of",
        )
    if profile.format.get("user_dictionaries"):
        # An item of a user dictionary that this file does not name.
        return column
    raise BadSettings(
        f"no NAACCR dictionary has an item {column!r}",
        where=profile.where,
        expected="a naaccrId of versions 16 to 26, or [format] user_dictionaries that define it",
    )


class _Reading:
    """One pass over one file."""

    def __init__(
        self, path: Path, namespace: str | None, layout: _Layout, items: ItemTable, sink: Sink, strict: bool
    ) -> None:
        self.path = path
        self.namespace = namespace
        self.layout = layout
        self.items = items
        self.sink = sink
        self.strict = strict
        self.base: list[str | None] = list(layout.blank)
        self.patients_seen = False
        self.patient_tag, self.tumor_tag, self.item_tag = (self.tag(name) for name in (PATIENT, TUMOR, "Item"))
        self.is_plain, self.is_regular = _shape_tests(namespace)

    def tag(self, name: str) -> str:
        """Name of an element in the file's namespace."""
        return f"{{{self.namespace}}}{name}" if self.namespace else name

    def between_patients(self, strays: Iterable[etree._Element]) -> None:
        """Children of the root that are no Patient: its Items come first, extensions anywhere."""
        own = [stray for stray in strays if not self._is_foreign(stray)]
        for stray in own:
            if stray.tag != self.item_tag:
                raise self._bad_element(stray, f"<Item>, <{PATIENT}> or an element of another namespace")
            if self.patients_seen:
                raise self._bad_element(stray, f"the Items of <{ROOT}> before the first <{PATIENT}>")
        if own:
            record = Record(line_of(own[0]), self.sink, self.strict)
            self._fill(own, ROOT, self.base, record)
            if record.problems:
                item, reason = record.problems[0]
                raise BadFile(reason, where=f"{self.path.name}:{record.line} {item}", expected="a valid <Item>")

    def patient(self, patient: etree._Element) -> None:
        """Add each tumour of a patient."""
        self.patients_seen = True
        plain = self.is_plain(patient)
        if not plain and not self.is_regular(patient):
            self._sift(patient)
        record = Record(line_of(patient), self.sink, self.strict)
        if not plain:
            self._check_numbers(patient, record)
        shared = self.base.copy()
        tumours = self._fill(patient, PATIENT, shared, record)
        if not tumours:
            self.sink.issue(record.line, TUMOR, NO_TUMOUR)
        for tumour in tumours:
            self._tumour(tumour, shared, record.problems, plain)

    def _tumour(
        self, tumour: etree._Element, shared: list[str | None], problems: list[tuple[str, str]], plain: bool
    ) -> None:
        record = Record(line_of(tumour), self.sink, self.strict, problems.copy())
        if not plain:
            self._check_numbers(tumour, record)
        values = shared.copy()
        self._fill(tumour, TUMOR, values, record)
        record.finish(self.layout.row(values))

    def _fill(
        self, parent: Iterable[etree._Element], level: str, values: list[str | None], record: Record
    ) -> list[etree._Element]:
        """Put the texts of a parent's Items where they belong; gives back its Tumors.

        This loop meets every item of the file: it asks for no more than it must.
        """
        slots = self.layout.slots[level]
        lengths = self.layout.lengths
        blank = self.layout.blank
        conflicts: set[int] = set()
        tumours: list[etree._Element] = []
        for item in parent:
            slot = slots.get(item.get("naaccrId"))  # type: ignore[arg-type]  # None is in no table
            if slot is None:
                if item.tag == self.tumor_tag:
                    tumours.append(item)
                    continue
                slot = self._slot_of_odd(item, level, record)
            if slot < 0:
                continue
            text = item.text
            if not text:
                continue
            if len(text) > lengths[slot]:
                record.tell(self.layout.wanted[slot], TOO_LONG.format(lengths[slot]))
            if values[slot] is blank[slot]:
                values[slot] = text
            elif values[slot] == text:
                record.tell(self.layout.wanted[slot], REPEATED)
            else:
                record.tell(self.layout.wanted[slot], CONTRADICTED)
                conflicts.add(slot)
        for slot in conflicts:
            values[slot] = None
        return tumours

    def _slot_of_odd(self, item: etree._Element, level: str, record: Record) -> int:
        """Position for an Item whose id its level does not list, or `_UNUSED`."""
        name = item.get("naaccrId")
        if name is None:
            number = (item.get("naaccrNum") or "").strip()
            by_number = self.items.name_of_number.get(number) or self._group_of(number)
            if by_number is None:
                record.tell(f"#{number}" if number.isdigit() else "Item", UNKNOWN_ITEM)
                return _UNUSED
            name = by_number
        known = self.items.by_name.get(name.strip())
        if known is None:
            self._tell_unlisted(name, record)
            return _UNUSED
        if known.level != level:
            record.tell(known.name, WRONG_LEVEL.format(known.level, level))
            return _UNUSED
        return self.layout.slots[level][known.name]

    def _group_of(self, number: str) -> str | None:
        return next((name for name, own in self.items.groups.items() if own == number), None)

    def _tell_unlisted(self, name: str, record: Record) -> None:
        if name.strip() in self.items.groups:
            record.tell(_shown(name.strip()), GROUPED_ITEM)
        elif self.items.complete:
            record.tell(_shown(name), UNKNOWN_ITEM)
        elif not self.strict:
            record.tell(_shown(name), UNLISTED_ITEM)

    def _check_numbers(self, parent: etree._Element, record: Record) -> None:
        for item in parent.iterchildren(self.item_tag):
            name, number = item.get("naaccrId"), item.get("naaccrNum")
            known = self.items.by_name.get(name or "")
            if number is not None and known is not None and number.strip() != known.number:
                record.tell(known.name, WRONG_NUMBER)

    def _sift(self, patient: etree._Element) -> None:
        """Take extensions out of a patient; refuse elements that the standard does not have."""
        self._sift_children(patient, (self.item_tag, self.tumor_tag))
        for tumour in patient.iterchildren(self.tumor_tag):
            self._sift_children(tumour, (self.item_tag,))

    def _sift_children(self, parent: etree._Element, allowed: tuple[str, ...]) -> None:
        for child in list(parent):
            if self._is_foreign(child):
                parent.remove(child)
            elif child.tag not in allowed:
                names = " or ".join(f"<{etree.QName(tag).localname}>" for tag in allowed)
                raise self._bad_element(child, f"{names}, or an element of another namespace")
            elif child.tag == self.item_tag and len(child):
                raise self._bad_element(child[0], "text only inside <Item>")

    def _is_foreign(self, element: etree._Element) -> bool:
        namespace = etree.QName(element).namespace
        return namespace is not None and namespace != self.namespace

    def _bad_element(self, element: etree._Element, expected: str) -> BadFile:
        name = _shown(etree.QName(element).localname)
        return BadFile(f"<{name}> has no place here", where=f"{self.path.name}:{line_of(element)}", expected=expected)


Test = Callable[[etree._Element], bool]


def _shape_tests(namespace: str | None) -> tuple[Test, Test]:
    """Two tests of a patient, each in one pass inside libxml2.

    Plain: nothing but Items and Tumors of Items, and every Item has one attribute. Regular: the same with any
    attributes.
    """
    prefix = "n:" if namespace else ""
    items = f"count({prefix}Item) + count({prefix}Tumor/{prefix}Item)"
    regular = f"{items} + count({prefix}Tumor) = count(.//*)"
    namespaces = {"n": namespace} if namespace else None
    tests = (f"{regular} and count(.//@*) = {items}", regular)
    plain_test, regular_test = (etree.XPath(test, namespaces=namespaces) for test in tests)
    return plain_test, regular_test  # type: ignore[return-value]  # comparisons give a bool


def _shown(name: str | None) -> str:
    """A name or number from the file as errors may show it: names have a form, and free text has none."""
    return name if name and _NAME.fullmatch(name) else "?"

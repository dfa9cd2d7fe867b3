"""oBDS-RKI XML: oBDS_RKI > Menge_Patient > Patient > Menge_Tumor > Tumor, streamed patient by patient.

The published sample breaks its own schema (root name, no namespace, identifiers as text inside containers, dates
called exact). Tolerant mode reads such files and counts each deviation; strict mode refuses them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from lxml import etree

from gateway.adapters.obds_rki.fields import (
    AGE_OF_ZFKD,
    CLASSIFICATION_PATH,
    DELIVERY,
    NO_TUMOUR,
    PATIENT,
    TUMOUR,
    Columns,
    checked,
    classification_column,
    one_of,
    zfkd_age,
)
from gateway.errors import BadFile
from gateway.safe_xml import Root, line_of, read_elements, read_root
from gateway.sources.reading import NOT_IN_FILE, Record, Sink

NAMESPACE = "http://www.basisdatensatz.de/oBDS/XML"
ROOT = "oBDS_RKI"
VERSIONS = ("3.0.0.8_RKI", "3.0.0.8a_RKI")
ROOT_NAME = "the root element is not spelled as in the schema"
NO_NAMESPACE = "the elements are in no namespace"
TEXT_IN_CONTAINER = "text stands in an element that holds elements"
NO_DIAGNOSIS = "the tumour has no Primaerdiagnose"
CONTROL = "a control character that XML does not allow was left out"

Query = Callable[[etree._Element], Sequence[object]]


def read_xml(path: Path, columns: Columns, sink: Sink, *, strict: bool) -> None:
    """Read one XML delivery; see gateway.adapters.obds_rki.reader.read."""
    namespace = _namespace_of(read_root(path), path, sink, strict)
    reading = _Reading(path, namespace, columns, sink, strict)
    on_control = None if strict else lambda line: sink.issue(line, "element", CONTROL)
    patients = 0
    for found in read_elements(path, reading.tag("Patient"), depth=2, on_control=on_control, only_there=True):
        if found.element is None and not patients:
            raise BadFile(
                "there is no <Patient> in a <Menge_Patient>", where=path.name, expected="at least one patient"
            )
        for stray in found.strays:
            raise reading.out_of_place(stray, "<Patient> elements in <Menge_Patient>")
        if found.element is not None:
            reading.patient(found.element)
            patients += 1
    sink.ended()


def _namespace_of(root: Root, path: Path, sink: Sink, strict: bool) -> str | None:
    where = f"{path.name}:{root.line} {ROOT}"
    named = root.name == ROOT
    if root.name.casefold() != ROOT.casefold() or (strict and not named):
        raise BadFile("the root element is another", where=f"{path.name}:{root.line}", expected=f"<{ROOT}>")
    if root.namespace not in (NAMESPACE, None) or (strict and root.namespace is None):
        what = "in another namespace" if root.namespace else "in no namespace"
        raise BadFile(f"the root element is {what}", where=where, expected=f'xmlns="{NAMESPACE}"')
    if root.attributes.get("Schema_Version") not in VERSIONS:
        raise BadFile(
            "the Schema_Version is missing or not known", where=where, expected=f"one of {', '.join(VERSIONS)}"
        )
    if not named:
        sink.issue(root.line, ROOT, ROOT_NAME)
    if root.namespace is None:
        sink.issue(root.line, ROOT, NO_NAMESPACE)
    return root.namespace


class _Reading:
    """One pass over one file."""

    def __init__(self, path: Path, namespace: str | None, columns: Columns, sink: Sink, strict: bool) -> None:
        self.path = path
        self.namespace = namespace
        self.columns = columns
        self.sink = sink
        self.strict = strict
        self.delivery: dict[str, str | None] | None = None
        self.absent = {field.name: NOT_IN_FILE for field in columns.fields if not field.path}
        self.queries = {
            level: [(field, self._query(field.path)) for field in columns.fields if field.level == level and field.path]
            for level in (DELIVERY, PATIENT, TUMOUR)
        }
        self.tumours = self._query("Menge_Tumor/Tumor")
        self.diagnoses = self._query("Primaerdiagnose")
        self.classifications = self._query(CLASSIFICATION_PATH)
        self.name_and_stage = (self._query("Name"), self._query("Stadium"))
        self.astray = self._compiled(
            "*[not(self::P:Patienten_Stammdaten or self::P:Menge_Tumor)] | P:Menge_Tumor/*[not(self::P:Tumor)]".replace(
                "P:", "n:" if namespace else ""
            )
        )
        self.mixed = self._compiled(".//*[*][text()[normalize-space()]]")

    def tag(self, name: str) -> str:
        """Name of an element in the file's namespace."""
        return f"{{{self.namespace}}}{name}" if self.namespace else name

    def out_of_place(self, element: etree._Element, expected: str) -> BadFile:
        """The refusal of an element where the schema has none."""
        return BadFile("an element has no place here", where=f"{self.path.name}:{line_of(element)}", expected=expected)

    def patient(self, patient: etree._Element) -> None:
        """Add each tumour of a patient."""
        for element in self.astray(patient):
            expected = "<Patienten_Stammdaten>, <Menge_Tumor> and <Tumor>"
            raise self.out_of_place(element, expected)  # type: ignore[arg-type]  # elements by its path
        record = Record(line_of(patient), self.sink, self.strict)
        if self.delivery is None:
            self.delivery = self._values(patient.getroottree().getroot(), DELIVERY, record)
        shared = self.absent | self.delivery | self._values(patient, PATIENT, record)
        for element in self.mixed(patient):
            record.tell(_name(element), TEXT_IN_CONTAINER)
        tumours = self.tumours(patient)
        if not tumours:
            self.sink.issue(record.line, "Tumor", NO_TUMOUR)
        for tumour in tumours:
            self._tumour(tumour, shared, record.problems)  # type: ignore[arg-type]  # elements by its path

    def _tumour(self, tumour: etree._Element, shared: dict[str, str | None], problems: list[tuple[str, str]]) -> None:
        record = Record(line_of(tumour), self.sink, self.strict, list(problems))
        if not self.diagnoses(tumour):
            self.sink.reject(record.line, "Primaerdiagnose", NO_DIAGNOSIS)
            return
        values = shared | self._values(tumour, TUMOUR, record) | self._stages(tumour, record)
        values[AGE_OF_ZFKD] = zfkd_age(values.get("Geburtsdatum"), values.get("Diagnosedatum"))
        record.finish(self.columns.row(values))

    def _values(self, element: etree._Element, level: str, record: Record) -> dict[str, str | None]:
        values: dict[str, str | None] = {}
        for known, query in self.queries[level]:
            text, odd = one_of(_texts(query(element)))
            if odd is not None:
                record.tell(known.name, odd)
            if odd is None or text is not None:
                text = checked(record, known, text, values)
            values[known.name] = text
        return values

    def _stages(self, tumour: etree._Element, record: Record) -> dict[str, str | None]:
        found: dict[str, list[str]] = {}
        for entry in self.classifications(tumour):
            name, stage = (_texts(query(entry)) for query in self.name_and_stage)  # type: ignore[arg-type]
            if name and stage:
                found.setdefault(classification_column(name[0]), []).append(stage[0])
        stages: dict[str, str | None] = {}
        for column, texts in found.items():
            if column in self.columns.names:
                stages[column], odd = one_of(texts)
                if odd is not None:
                    record.tell(column, odd)
        return stages

    def _query(self, path: str) -> Query:
        prefix = "n:" if self.namespace else ""
        return self._compiled("/".join(s if s.startswith("@") else prefix + s for s in path.split("/")))

    def _compiled(self, text: str) -> Query:
        namespaces = {"n": self.namespace} if self.namespace else None
        return etree.XPath(text, namespaces=namespaces, smart_strings=False)  # type: ignore[return-value]  # a node set


def _texts(found: Sequence[object]) -> list[str]:
    texts = (item if isinstance(item, str) else (item.text or "") for item in found)  # type: ignore[attr-defined]
    return [text for text in (text.strip() for text in texts) if text]


def _name(element: object) -> str:
    return etree.QName(element).localname  # type: ignore[arg-type]  # the path gives elements

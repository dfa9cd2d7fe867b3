"""NAACCR XML: the reader alone and a whole load against a bare lxml iterparse over the same file; memory at ten times it.

The file has the width of an incidence file: about 60 items and 4 KB a tumour.
"""

from __future__ import annotations

import gzip
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from benchmarks.shared import at_least, at_most
from gateway.sources.base import Context

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<NaaccrData baseDictionaryUri="http://naaccr.org/naaccrxml/naaccr-dictionary-250.xml" recordType="I" specificationVersion="1.8" xmlns="http://naaccr.org/naaccrxml">
    <Item naaccrId="registryId">0000009999</Item>
"""
PATIENT_ITEMS = {
    "birthplaceCountry": "USA",
    "causeOfDeath": "0000",
    "computedEthnicity": "1",
    "dateOfLastContact": "20240715",
    "icdRevisionNumber": "0",
    "nhiaDerivedHispOrigin": "0",
    "race1": "01",
    "race2": "88",
    "race3": "88",
    "race4": "88",
    "race5": "88",
    "raceNapiia": "01",
    "sex": "2",
    "spanishHispanicOrigin": "0",
    "vitalStatus": "1",
}
TUMOUR_ITEMS = {
    "addrAtDxCountry": "USA",
    "addrAtDxState": "AZ",
    "censusTract2020": "010200",
    "countyAtDxAnalysis": "013",
    "morphCodingSysCurrent": "9",
    "classOfCase": "14",
    "casefindingSource": "10",
    "tumorSizeSummary": "999",
    "summaryStage2018": "9",
    "behaviorCodeIcdO3": "3",
    "censusTrCertainty2010": "9",
    "censusTrPovertyIndictr": "9",
    "censusTract2010": "999999",
    "dateConclusiveDx": "20170715",
    "dateInitialRxSeer": "20170715",
    "dateOfMultTumors": "20170715",
    "derivedSs2000": "9",
    "diagnosticConfirmation": "1",
    "gradeClinical": "9",
    "gradePathological": "9",
    "inrgss": "3",
    "laterality": "1",
    "lymphVascularInvasion": "8",
    "maritalStatusAtDx": "1",
    "multTumRptAsOnePrim": "99",
    "multiplicityCounter": "99",
    "primaryPayerAtDx": "99",
    "reasonForNoSurgery": "8",
    "regionalNodesExamined": "99",
    "regionalNodesPositive": "99",
    "rxSummBrm": "99",
    "rxSummChemo": "99",
    "rxSummDxStgProc": "09",
    "rxSummHormone": "99",
    "rxSummOther": "9",
    "rxSummPalliativeProc": "9",
    "rxSummRadToCns": "9",
    "rxSummRadiation": "9",
    "rxSummScopeRegLnSur": "9",
    "rxSummSurgOthRegDis": "9",
    "rxSummSurgPrimSite": "99",
    "rxSummSurgRadSeq": "9",
    "rxSummSurgicalMargins": "9",
    "rxSummSystemicSurSeq": "9",
    "rxSummTransplntEndocr": "99",
    "rxSummTreatmentStatus": "9",
    "sequenceNumberCentral": "00",
    "typeOfReportingSource": "1",
}
SITES = ("C749", "C421", "C710", "C649", "C692", "C402", "C220", "C719")
HISTOLOGIES = ("9500", "9811", "9470", "8960", "9510", "9180", "8970", "9400")
TAG = "{http://naaccr.org/naaccrxml}Patient"


def main(*, quick: bool = False) -> None:
    """Print the ratios."""
    tumours = 4_000 if quick else 20_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = ("few.xml", "small.xml", "large.xml", "small.xml.gz")
        few, small, large, packed = (folder / name for name in names)
        write(few, 100)
        write(small, tumours)
        write(large, tumours * 10)
        with small.open("rb") as plain, gzip.open(packed, "wb", compresslevel=1) as target:
            shutil.copyfileobj(plain, target)
        print(f"{tumours} tumours, {small.stat().st_size / tumours / 1000:.2f} KB each")
        runs: dict[Callable[[Path], int], list[float]] = {what: [] for what in (every, patients, reader, whole)}
        whole(few)
        for _ in range(3):
            for what, seconds in runs.items():
                seconds.append(_timed(what, small))
        best = {what.__name__: min(seconds) for what, seconds in runs.items()}
        print(", ".join(f"{what} {seconds:.2f} s" for what, seconds in best.items()))
        at_least("reader alone / bare iterparse (every element)", best["every"] / best["reader"], 0.6)
        at_least("reader alone / bare iterparse (patients only)", best["patients"] / best["reader"], 0.45)
        at_least("whole load / bare iterparse (every element)", best["every"] / best["whole"], 0.3)
        at_least("whole load / bare iterparse (patients only)", best["patients"] / best["whole"], 0.3)
        packed_bare, packed_reader = _timed(patients, packed), _timed(reader, packed)
        at_least("gzip: reader alone / bare iterparse (patients only)", packed_bare / packed_reader, 0.45)
        for name, most in (("reader", 100), ("whole", 500)):
            base, one, ten = (_memory(name, path) for path in (few, small, large))
            at_most(f"{name}: MiB beyond those of 100 tumours, at {tumours * 10} tumours", ten - base, most)
            at_most(f"{name}: peak at ten times the file", ten / one, 1.5)
        at_most("reader: peak, gzip against plain", _memory("reader", packed) / _memory("reader", small), 1.1)
        if not quick:
            large.unlink()
            _million(folder)


def _million(folder: Path) -> None:
    """A whole load of 1,000,000 tumours from gzip, in a process of its own."""
    path = folder / "million.xml.gz"
    write(path, 1_000_000)
    started = time.perf_counter()
    peak = _memory("whole", path)
    seconds = time.perf_counter() - started
    print(f"1,000,000 tumours from {path.stat().st_size / 1e6:.0f} MB of gzip: {seconds:.0f} s")
    at_most("whole load of 1,000,000 tumours from gzip, peak MiB", peak, 500)


def write(path: Path, tumours: int) -> None:
    """A file of so many tumours, each of another patient, but every 16th patient has two."""
    packed = path.suffix == ".gz"
    with gzip.open(path, "wt", 1, "utf-8") if packed else path.open("w", encoding="utf-8") as file:
        file.write(HEAD)
        number = 0
        while number < tumours:
            own = {"patientIdNumber": f"{number:08}", "dateOfBirth": f"{1995 + number % 20}{number % 12 + 1:02}15"}
            file.write(f"    <Patient>\n{_items(own | PATIENT_ITEMS, 8)}")
            for record in range(1, 3 if number % 16 == 0 and number + 1 < tumours else 2):
                file.write(_tumour(number, record))
                number += 1
            file.write("    </Patient>\n")
        file.write("</NaaccrData>\n")


def _tumour(number: int, record: int) -> str:
    own = {
        "tumorRecordNumber": f"{record:02}",
        "primarySite": SITES[number % 8],
        "histologicTypeIcdO3": HISTOLOGIES[number % 8],
        "dateOfDiagnosis": f"{2015 + number % 9}{number % 12 + 1:02}{number % 28 + 1:02}",
        "ageAtDiagnosis": f"{number % 20:03}",
    }
    return f"        <Tumor>\n{_items(own | TUMOUR_ITEMS, 12)}        </Tumor>\n"


def _items(items: dict[str, str], indent: int) -> str:
    return "".join(f'{" " * indent}<Item naaccrId="{name}">{text}</Item>\n' for name, text in items.items())


# --- what is measured ---------------------------------------------------------------------------------------------------


def every(path: Path) -> int:
    """Bare iterparse in its plainest form: each element is handed out and cleared."""
    from lxml import etree

    count = 0
    for _, element in etree.iterparse(str(path)):
        element.clear()
        count += 1
    return count


def patients(path: Path) -> int:
    """Bare iterparse in its fastest form: patients only, cleared and dropped."""
    from lxml import etree

    count = 0
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        for _, element in etree.iterparse(file, tag=TAG):
            element.clear()
            count += 1
            while element.getprevious() is not None:
                del element.getparent()[0]
    return count


class _Counter:
    """A sink that counts."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, _line: int, _values: Sequence[str | None]) -> None:
        """Count one."""
        self.count += 1

    def reject(self, _line: int, _item: str, reason: str) -> None:
        """Never in these files."""
        raise AssertionError(reason)

    def issue(self, _line: int, _item: str, reason: str) -> None:
        """Never in these files."""
        raise AssertionError(reason)

    def ended(self) -> None:
        """The closing tag has been read."""


def reader(path: Path) -> int:
    """The adapter into a sink that only counts."""
    from gateway.sources.base import FileKind, SourceConfig
    from gateway.sources.discover import find_kind
    from gateway.sources.profile import load_profile

    kind = find_kind(SourceConfig("bench", "naaccr_xml", "bench", (str(path),)))
    assert isinstance(kind, FileKind)
    sink = _Counter()
    kind.read(path, load_profile("naaccr-xml"), sink)  # type: ignore[arg-type]  # no delimited file comes here
    return sink.count


def whole(path: Path) -> int:
    """A whole load: read, normalised, classified, written as a snapshot and switched."""
    from gateway.sources.base import FileKind, SourceConfig
    from gateway.sources.discover import find_kind
    from gateway.sources.loading.load import load_source

    with tempfile.TemporaryDirectory() as data:
        config = SourceConfig("bench", "naaccr_xml", "bench", (str(path),), data=Path(data))
        kind = find_kind(config)
        assert isinstance(kind, FileKind)
        return load_source(config, _context(), kind).accepted


@cache
def _context() -> Context:
    from terminology import load

    return Context(load(), b"salt" * 8)


def _timed(what: Callable[[Path], int], path: Path) -> float:
    started = time.perf_counter()
    what(path)
    return time.perf_counter() - started


def _memory(what: str, path: Path) -> float:
    """Most resident MiB of a process of its own."""
    command = [sys.executable, "-m", "benchmarks.loading_xml", what, str(path)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(found.stdout)


if __name__ == "__main__":
    {"reader": reader, "whole": whole}[sys.argv[1]](Path(sys.argv[2]))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)

"""Which form a location holds, told by its content: one XML file, a folder of CSV files, or the tumour file of such."""

from __future__ import annotations

import codecs
import gzip
import zlib
from pathlib import Path

from gateway.adapters.obds_rki.csv_form import read_relational
from gateway.adapters.obds_rki.fields import Columns
from gateway.adapters.obds_rki.xml_form import read_xml
from gateway.errors import BadFile
from gateway.safe_xml import open_bytes
from gateway.sources.profile import Profile
from gateway.sources.reading import Sink

_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read(path: Path, profile: Profile, sink: Sink) -> None:
    """Read an oBDS-RKI delivery into a sink: one row for each tumour.

    Parameters
    ----------
    path
        XML file, folder that holds patient.csv and tumor.csv (by their header lines, whatever their names), or the
        tumour file of such a folder; plain or gzip.
    profile
        Its columns are those of gateway.adapters.obds_rki.fields. `mode` decides whether what the schema does not
        allow is an issue (tolerant) or rejects the record (strict).
    sink
        Takes the rows.

    Raises
    ------
    gateway.errors.BadFile
        Neither form, broken, unsafe, or of an unknown schema version.
    gateway.errors.BadSettings
        The profile names a column that neither form has.
    """
    columns = Columns.of(profile)
    strict = profile.mode == "strict"
    if not path.is_dir() and _is_xml(path):
        read_xml(path, columns, sink, strict=strict)
    else:
        read_relational(path, columns, sink, strict=strict)


def _is_xml(path: Path) -> bool:
    try:
        with open_bytes(path) as file:
            start = file.read(512)
    except (OSError, EOFError, zlib.error, gzip.BadGzipFile):
        raise BadFile("the file cannot be read", where=path.name, expected="a readable file") from None
    if not start:
        raise BadFile("the file is empty", where=path.name, expected="an oBDS-RKI delivery")
    for mark in _MARKS:
        start = start.removeprefix(mark)
    return start.replace(b"\x00", b"").lstrip().startswith(b"<")

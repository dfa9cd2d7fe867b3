"""The one way this project reads XML, files and bodies: no DTD, no entities, no network, bounded memory, plain or gzip.

A document type declaration is refused before anything it declares is looked at. Elements stream: each is handed out
when it is complete and cleared afterwards, so memory does not depend on the size of the file. Errors name file and
line and never carry text of the file.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TypedDict

from lxml import etree

from gateway.errors import BadFile

CHUNK_BYTES = 32_768
MAX_ELEMENT_BYTES = 64 * 1024 * 1024
"""Most bytes of a file between two complete elements of the kind that is read."""
MAX_PROLOG_BYTES = 1024 * 1024
_DOCTYPE = "<!DOCTYPE"
_GZIP_MAGIC = b"\x1f\x8b"
_UTF16_STARTS = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")
# XML 1.0, production 2 (Char): everything below U+0020 except tab, line feed and carriage return.
_CONTROLS = bytes([*range(9), 11, 12, *range(14, 32)])
_CONTROL = re.compile(b"[" + re.escape(_CONTROLS) + b"]")


class Limits(TypedDict):
    """Options of a parser of lxml."""

    resolve_entities: bool
    no_network: bool
    load_dtd: bool
    dtd_validation: bool
    huge_tree: bool


LIMITS: Final[Limits] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "huge_tree": False,
}
"""What every parser here is made with, of files and of bodies."""


@dataclass(frozen=True, slots=True)
class Root:
    """Start tag of the root element.

    Attributes
    ----------
    name, namespace
        Local name; namespace URI or None.
    attributes
        Attributes as written, those of a namespace as `{uri}name`.
    line
        Line where the tag ends.
    """

    name: str
    namespace: str | None
    attributes: Mapping[str, str]
    line: int


@dataclass(frozen=True, slots=True)
class Found:
    """One streamed element and what stood between it and the one before.

    Attributes
    ----------
    element
        The element, valid until the next one is asked for; None after the last, when `strays` is what follows.
    strays
        Sibling elements since the last streamed one (or since the start of their parent).
    """

    element: etree._Element | None
    strays: tuple[etree._Element, ...]


def read_root(path: Path) -> Root:
    """Root tag of an XML file.

    Raises
    ------
    BadFile
        Empty, unreadable, not XML, or with a document type declaration.
    """
    target = _Prolog(path)
    parser = etree.XMLParser(
        target=target,  # type: ignore[arg-type]  # the stubs ask for methods that lxml does not
        **LIMITS,
    )
    seen = 0
    with _faults_of(path), open_bytes(path) as file:
        while target.root is None:
            piece = file.readline(4096)
            if not piece:
                break
            seen += len(piece)
            if seen > MAX_PROLOG_BYTES:
                raise BadFile(
                    f"no root element in the first {MAX_PROLOG_BYTES} bytes",
                    where=path.name,
                    expected="an XML document",
                )
            parser.feed(piece)
            target.line += piece.count(b"\n")
        if seen == 0:
            raise BadFile("the file is empty", where=path.name, expected="an XML document")
        if target.root is None:
            parser.close()
    if target.root is None:
        raise BadFile("there is no root element", where=path.name, expected="an XML document")
    return target.root


def read_elements(
    path: Path, tag: str, depth: int, on_control: Callable[[int], None] | None = None, *, only_there: bool = False
) -> Iterator[Found]:
    """Elements of one tag at one depth, each cleared when the next is asked for.

    Parameters
    ----------
    path
        Plain or gzip, by its first bytes.
    tag
        `{namespace}name` or `name`.
    depth
        Number of ancestors of the elements wanted.
    on_control
        Takes the line of each raw control character, which is then left out; None makes such a character an error.
    only_there
        Refuse elements of that tag at another depth; else they are left alone.

    Raises
    ------
    BadFile
        Not well-formed, cut off, broken gzip, a document type declaration, or an element that never ends.
    """
    parser = etree.XMLPullParser(
        events=("end",),
        tag=tag,
        remove_comments=True,
        remove_pis=True,
        **LIMITS,
    )
    last: etree._Element | None = None
    since = 0
    with _faults_of(path), open_bytes(path) as file:
        for chunk in _chunks(path, file, on_control):
            parser.feed(chunk)
            since += len(chunk)
            for element in _ended(parser):
                if _depth(element) != depth:
                    if only_there:
                        raise _misplaced(element, path)
                    continue
                since = 0
                if last is None:
                    _refuse_doctype(element, path)
                yield Found(element, _strays_before(element, last))
                element.clear()
                last = element
                _drop_before(element)
            if since > MAX_ELEMENT_BYTES:
                raise BadFile(
                    f"no complete <{_local(tag)}> within {MAX_ELEMENT_BYTES} bytes",
                    where=path.name,
                    expected=f"<{_local(tag)}> elements of usual size",
                )
        root = parser.close()
    _refuse_doctype(root, path)
    yield Found(None, tuple(root) if last is None else tuple(last.itersiblings()))


def parse_text(text: str) -> etree._Element:
    """Root element of a document in memory; comments and processing instructions are left out.

    Raises
    ------
    BadFile
        A document type declaration, or not well-formed; `where` is LINE:COLUMN, empty where the parser does not tell it.
    """
    if _DOCTYPE in text:
        before = text[: text.index(_DOCTYPE)]
        where = f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
        raise BadFile("document types are refused", where=where, expected=f"XML without {_DOCTYPE}")
    parser = etree.XMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, **LIMITS)
    try:
        return etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        where = f"{line}:{column}" if line else ""
        raise BadFile("not well-formed XML", where=where, expected="well-formed XML 1.0") from None


def open_bytes(path: Path) -> BinaryIO:
    """Bytes of a file, unpacked when it starts as gzip does, whatever its name.

    Raises
    ------
    BadFile
        The file cannot be opened.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP_MAGIC
        # The stubs call a GzipFile no BinaryIO; it has everything that is used here.
        return gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[return-value]
    except OSError as error:
        raise BadFile("the file cannot be read", where=path.name, expected="a readable file") from error


def line_of(element: etree._Element) -> int:
    """Line of an element's start tag; beyond line 65,535 libxml2 tells it to within one line."""
    line: int | None = element.sourceline  # type: ignore[assignment]  # the stubs give it no type
    return line or 0


class _Prolog:
    """Parser target that stops at the document type declaration or keeps the root tag."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.line = 1
        self.root: Root | None = None

    def doctype(self, _name: str, _public: str | None, _system: str | None) -> None:
        raise _doctype_refused(self.path, self.line)

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if self.root is None:
            namespace, _, name = tag.rpartition("}")
            self.root = Root(name, namespace.removeprefix("{") or None, dict(attributes), self.line)

    def close(self) -> None:
        """The parser asks for it; there is nothing to give back."""


def _doctype_refused(path: Path, line: int) -> BadFile:
    return BadFile(
        "document type declarations are refused", where=f"{path.name}:{line}", expected="XML without <!DOCTYPE"
    )


def _refuse_doctype(element: etree._Element, path: Path) -> None:
    """Second look, in case the file was exchanged after its root tag had been read."""
    if element.getroottree().docinfo.internalDTD is not None:
        raise _doctype_refused(path, 1)


def _misplaced(element: etree._Element, path: Path) -> BadFile:
    name = etree.QName(element).localname
    return BadFile(
        f"<{name}> has no place here",
        where=f"{path.name}:{line_of(element)}",
        expected=f"<{name}> where the schema has it",
    )


def _chunks(path: Path, file: BinaryIO, on_control: Callable[[int], None] | None) -> Iterator[bytes]:
    chunk = file.read(CHUNK_BYTES)
    # In UTF-16 every other byte is one of these; there the parser finds control characters itself.
    if on_control is None or chunk.startswith(_UTF16_STARTS):
        while chunk:
            yield chunk
            chunk = file.read(CHUNK_BYTES)
        return
    offset = 0
    while chunk:
        clean = chunk.translate(None, _CONTROLS)
        if len(clean) != len(chunk):
            for found in _CONTROL.finditer(chunk):
                on_control(_line_at(path, offset + found.start()))
        offset += len(chunk)
        yield clean
        chunk = file.read(CHUNK_BYTES)


def _line_at(path: Path, offset: int) -> int:
    """Line of a byte; counted when it is asked for, for hardly any file has such a byte."""
    lines = 1
    with open_bytes(path) as file:
        while offset > 0 and (piece := file.read(min(offset, 1 << 20))):
            lines += piece.count(b"\n")
            offset -= len(piece)
    return lines


def _ended(parser: etree.XMLPullParser) -> Iterator[etree._Element]:
    for _, element in parser.read_events():
        yield element  # type: ignore[misc]  # `end` events carry elements; the stubs allow for other events


def _depth(element: etree._Element) -> int:
    depth = 0
    while (parent := element.getparent()) is not None:
        element, depth = parent, depth + 1
    return depth


def _strays_before(element: etree._Element, last: etree._Element | None) -> tuple[etree._Element, ...]:
    before = element.getprevious()
    if before is None or before is last:
        return ()
    strays = []
    while before is not None and before is not last:
        strays.append(before)
        before = before.getprevious()
    return tuple(reversed(strays))


def _drop_before(element: etree._Element) -> None:
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


@contextmanager
def _faults_of(path: Path) -> Iterator[None]:
    # `from None`: the parser's own messages may quote bytes of the file.
    try:
        yield
    except etree.XMLSyntaxError as error:
        kind = _kind_of(error)
        raise BadFile(
            f"not well-formed XML ({kind})",
            where=f"{path.name}:{error.lineno}" if error.lineno else path.name,
            expected="well-formed XML 1.0",
        ) from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise BadFile("the gzip data are broken or cut off", where=path.name, expected="a complete gzip file") from None
    except OSError as error:
        raise BadFile("the file cannot be read on", where=path.name, expected="a readable file") from error


def _kind_of(error: etree.XMLSyntaxError) -> str:
    last = error.error_log.last_error  # type: ignore[attr-defined]  # not in the stubs
    name = last.type_name if last is not None else ""
    return name.removeprefix("ERR_").replace("_", " ").lower() or "syntax"


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]

"""Small NAACCR XML documents, made by naming what is special about them."""

from __future__ import annotations

from pathlib import Path

NAMESPACE = "http://naaccr.org/naaccrxml"
HEAD = 'baseDictionaryUri="http://naaccr.org/naaccrxml/naaccr-dictionary-{version}.xml" recordType="I"'


def items(*given: str, **named: str) -> str:
    """Items as they are given, then by naaccrId."""
    return "".join(given) + "".join(f'<Item naaccrId="{name}">{text}</Item>' for name, text in named.items())


def tumor(*given: str, **named: str) -> str:
    usual = {"tumorRecordNumber": "01", "primarySite": "C749", "histologicTypeIcdO3": "9500", "behaviorCodeIcdO3": "3"}
    return f"\n<Tumor>{items(*given, **(usual | named))}</Tumor>"


def patient(*given: str, **named: str) -> str:
    """A patient with these items; what is given as text (tumours too) comes last."""
    return f"\n<Patient>{items(**({'patientIdNumber': '00000001', 'sex': '2'} | named))}{''.join(given)}</Patient>"


def document(
    *content: str, version: int = 250, specification: str = "1.8", attributes: str = "", head: str = HEAD
) -> str:
    start = f'{head.format(version=version)} specificationVersion="{specification}" xmlns="{NAMESPACE}" {attributes}'
    return f'<?xml version="1.0"?>\n<NaaccrData {start}>{"".join(content)}\n</NaaccrData>\n'


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "file.xml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path

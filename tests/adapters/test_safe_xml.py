"""XML files are read without DTDs, entities or network, in bounded memory, and errors never quote them."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest

from gateway import safe_xml
from gateway.errors import BadFile
from gateway.safe_xml import read_elements, read_root
from tests.conftest import needs_shared


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "file.xml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def texts(path: Path, **options: object) -> list[str]:
    found = read_elements(path, "a", 1, **options)  # type: ignore[arg-type]
    return ["".join(f.element.itertext()) for f in found if f.element is not None]


ATTACKS = {
    "doctype": "<!DOCTYPE r><r/>",
    "internal entity": '<!DOCTYPE r [<!ENTITY e "x">]><r>&e;</r>',
    "entity bomb": "<!DOCTYPE r [<!ENTITY a '1234567890'>"
    + "".join(f"<!ENTITY {'abcdefgh'[n]} '{('&' + 'abcdefgh'[n - 1] + ';') * 10}'>" for n in range(1, 8))
    + "]><r x='&h;'>&h;</r>",
    "external entity": '<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><r>&e;</r>',
    "external dtd": '<!DOCTYPE r SYSTEM "http://127.0.0.1:9/x.dtd"><r/>',
    "parameter entity": '<!DOCTYPE r [<!ENTITY % p SYSTEM "file:///etc/passwd">%p;]><r/>',
    "default attribute": '<!DOCTYPE r [<!ATTLIST r x CDATA "y">]><r/>',
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_document_type_declaration_is_refused_before_it_is_looked_at(
    tmp_path: Path, attack: str, encoding: str
) -> None:
    path = written(tmp_path, ATTACKS[attack].encode(encoding))
    started = time.perf_counter()
    with pytest.raises(BadFile, match=r"file.xml:1: document type declarations are refused"):
        read_root(path)
    with pytest.raises(BadFile):
        list(read_elements(path, "r", 0))
    assert time.perf_counter() - started < 2


@needs_shared
@pytest.mark.samples
@pytest.mark.parametrize("name", ["dtd.xml", "external.xml", "xmlbomb.xml"])
def test_published_attacks_are_refused(shared_dir: Path, name: str) -> None:
    with pytest.raises(BadFile, match="document type declarations are refused"):
        read_root(shared_dir / "samples" / "xml-attacks" / name)


def test_an_undefined_entity_is_an_error_not_a_silence(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="not well-formed"):
        texts(written(tmp_path, "<r><a>1&nbsp;2</a></r>"))


@pytest.mark.parametrize("content", ["", "   \n", "no xml at all", "<r><a></r>", "<r><a>", "<r/><r/>", "\x00\x01\x02"])
def test_what_is_no_document_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(BadFile, match=r"file\.xml"):
        texts(path)


def test_an_error_names_the_line_and_quotes_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, '<r>\n<a>Jane Doe 1931</a>\n<a b="Jane">Doe\n</r>\n')
    with pytest.raises(BadFile) as caught:
        texts(path)
    assert caught.value.where == "file.xml:4"
    assert "Jane" not in str(caught.value)
    assert "Doe" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_bytes_of_another_encoding_are_not_quoted(tmp_path: Path) -> None:
    path = written(tmp_path, b"<r><a>M\xfcller</a></r>")
    with pytest.raises(BadFile) as caught:
        texts(path)
    assert "FC" not in str(caught.value).upper()


def test_gzip_is_told_by_content_and_a_cut_off_one_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(b"<r>" + b"<a>1</a>" * 50_000 + b"</r>")
    assert len(texts(written(tmp_path, packed))) == 50_000
    with pytest.raises(BadFile, match="gzip"):
        texts(written(tmp_path, packed[: len(packed) // 2]))


def test_a_comment_inside_a_value_does_not_split_it(tmp_path: Path) -> None:
    assert texts(written(tmp_path, "<r><a>C7<!-- no -->4<?no?>9</a><a><![CDATA[1<2]]>3</a></r>")) == ["C749", "1<23"]


def test_elements_elsewhere_are_left_alone_or_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "<r><x><a>inner</a></x><a>outer</a></r>")
    assert texts(path) == ["outer"]
    with pytest.raises(BadFile, match="<a> has no place here"):
        texts(path, only_there=True)


def test_what_stands_between_elements_is_handed_out(tmp_path: Path) -> None:
    path = written(tmp_path, "<r><x/><y/><a/><a/><z/><a/><w/></r>")
    strays = [[s.tag for s in f.strays] for f in read_elements(path, "a", 1)]
    assert strays == [["x", "y"], [], ["z"], ["w"]]


def test_control_characters_are_left_out_with_their_line_or_refused(tmp_path: Path) -> None:
    path = written(tmp_path, b"<r>\n<a>C7\x0749</a>\n\n<a>\x1b\tx</a></r>")
    lines: list[int] = []
    assert texts(path, on_control=lines.append) == ["C749", "\tx"]
    assert lines == [2, 4]
    with pytest.raises(BadFile, match=r"file\.xml:2: not well-formed"):
        texts(path)


def test_an_element_that_never_ends_is_refused_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(safe_xml, "MAX_ELEMENT_BYTES", 100_000)
    with pytest.raises(BadFile, match="no complete <a>"):
        texts(written(tmp_path, "<r>" + "<b/>" * 100_000 + "</r>"))


def test_a_text_of_more_than_ten_megabytes_and_a_tree_of_many_levels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="not well-formed"):
        texts(written(tmp_path, "<r><a>" + "x" * 10_100_000 + "</a></r>"))
    with pytest.raises(BadFile, match="not well-formed"):
        texts(written(tmp_path, "<r>" + "<b>" * 5_000 + "</b>" * 5_000 + "</r>"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"absent\.xml: the file cannot be read"):
        read_root(tmp_path / "absent.xml")


def test_a_fault_whose_line_the_parser_does_not_know_names_the_file_alone(tmp_path: Path) -> None:
    with pytest.raises(BadFile) as caught:
        texts(written(tmp_path, "<r><a>&undeclared;</a></r>"))
    assert not (caught.value.where or "").endswith(":0")

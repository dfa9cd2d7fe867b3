"""The files of the reference library: valid ones are read, invalid ones are refused by name, in both modes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from gateway.adapters.naaccr_xml import KIND
from gateway.adapters.naaccr_xml.build_items import build_items
from gateway.adapters.naaccr_xml.items import OLDEST_LISTED, VERSIONS, item_table
from gateway.errors import BadFile
from gateway.sources.profile import load_profile
from tests.adapters.recorder import recorded
from tests.conftest import needs_shared

pytestmark = [needs_shared, pytest.mark.samples]

PROFILE = load_profile("naaccr-xml")
TUMOURS = {
    "valid/valid_namespace-with-prefix-1.xml": 1,
    "valid/valid_standard-file-1.xml": 1,
    "valid/valid_standard-file-3.xml": 0,
    "valid/valid_user-attributes-1.xml": 1,
    "valid/valid_user-extensions-1.xml": 1,
    "edge/standard-file-extension.xml": 1,
    "edge/test_UTF-8.xml": 1,
    "edge/test_UTF-8_with_bom.xml": 1,
    "edge/xml-reader-special-characters.xml": 1,
    "edge/xml-reader-two-patients.xml": 2,
    "full/naaccr-xml-sample-v180-incidence-10.xml.gz": 10,
    "full/naaccr-xml-sample-v180-incidence-100.xml.gz": 100,
}
REFUSED = {
    "invalid_bad-tag-1.xml": "the root element is <NaaccrDat>",
    "invalid_default-namespace-missing-1.xml": "<NaaccrData> is in no namespace",
    "invalid_missing-required-attribute-1.xml": "the attribute baseDictionaryUri is missing",
    "invalid_namespace-1.xml": "attribute redefined",
    "invalid_unbalanced-tags-1.xml": "tag not finished",
}
REJECTED = {
    "invalid_unknown-data-item-1.xml": ("unknown", "item is in no dictionary of the file; it is ignored"),
    "invalid_value-to-long-1.xml": ("patientIdNumber", "value is longer than the dictionary allows (8 characters)"),
}


def folder(shared_dir: Path) -> Path:
    return shared_dir / "samples" / "naaccr-xml"


def test_no_sample_is_left_out(shared_dir: Path) -> None:
    names = {str(path.relative_to(folder(shared_dir))) for path in folder(shared_dir).glob("*/*")}
    known = {*TUMOURS, *(f"invalid/{name}" for name in (*REFUSED, *REJECTED))}
    assert {name for name in names if not name.startswith("dictionaries/")} == known


@pytest.mark.parametrize("mode", ["tolerant", "strict"])
@pytest.mark.parametrize("name", TUMOURS)
def test_a_valid_file_is_read_whole(shared_dir: Path, name: str, mode: str) -> None:
    found = recorded(KIND, folder(shared_dir) / name, replace(PROFILE, mode=mode))
    assert len(found.rows) == TUMOURS[name]
    assert not found.rejects
    assert {item for item, _ in found.issues} <= {"Tumor"}


@pytest.mark.parametrize("mode", ["tolerant", "strict"])
@pytest.mark.parametrize("name", REFUSED)
def test_an_invalid_file_is_refused_by_name(shared_dir: Path, name: str, mode: str) -> None:
    with pytest.raises(BadFile) as caught:
        recorded(KIND, folder(shared_dir) / "invalid" / name, replace(PROFILE, mode=mode))
    assert str(caught.value).startswith(f"{name}:")
    assert REFUSED[name] in str(caught.value)
    assert caught.value.expected


@pytest.mark.parametrize("name", REJECTED)
def test_a_file_that_only_the_dictionary_makes_invalid_loses_the_record_in_strict_mode(
    shared_dir: Path, name: str
) -> None:
    path = folder(shared_dir) / "invalid" / name
    strict = recorded(KIND, path, replace(PROFILE, mode="strict"))
    assert strict.rows == []
    assert [reject[1:] for reject in strict.rejects] == [REJECTED[name]]
    tolerant = recorded(KIND, path, PROFILE)
    assert len(tolerant.rows) == 1
    assert dict(tolerant.issues) == {REJECTED[name]: 1}


def test_the_item_table_is_what_the_dictionaries_say(shared_dir: Path) -> None:
    dictionaries = sorted((folder(shared_dir) / "dictionaries").glob("*naaccr-dictionary-*.xml"))
    made = "".join(f"{line}\n" for line in build_items(dictionaries, PROFILE.columns))
    kept = Path(KIND.read.__code__.co_filename).with_name("items.tsv")  # type: ignore[attr-defined]  # a function
    assert kept.read_text(encoding="utf-8") == made


def test_the_groups_are_those_of_the_dictionaries(shared_dir: Path) -> None:
    found: dict[int, dict[str, str]] = {}
    for path in sorted((folder(shared_dir) / "dictionaries").glob("naaccr-dictionary-*.xml")):
        groups = etree.parse(path).iter("{*}GroupedItemDef")
        found[int(path.stem[-3:])] = {group.get("naaccrId", ""): group.get("naaccrNum", "") for group in groups}
    assert found == {version: item_table(version).groups for version in VERSIONS if version >= OLDEST_LISTED}
    assert {version for version, groups in found.items() if groups} == {180, 210, 220}

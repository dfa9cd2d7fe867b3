"""NAACCR XML becomes one row of raw texts for each tumour; whatever is odd is told and never used."""

from __future__ import annotations

import gzip
import re
import string
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.naaccr_xml import KIND
from gateway.errors import BadFile, BadSettings
from gateway.sources.profile import Profile, load_profile
from gateway.sources.reading import NOT_IN_FILE
from tests.adapters.naaccr_xml.documents import HEAD, NAMESPACE, document, items, patient, tumor, written
from tests.adapters.recorder import Recorder, recorded

PROFILE = load_profile("naaccr-xml")
STRICT = replace(PROFILE, mode="strict")
USER_DICTIONARY = f"""<?xml version="1.0"?>
<NaaccrDictionary dictionaryUri="http://registry.example/items.xml" specificationVersion="1.8" xmlns="{NAMESPACE}">
<ItemDefs>
<ItemDef naaccrId="ourStage" naaccrNum="9500" naaccrName="Our stage" length="2" parentXmlElement="Tumor"/>
<ItemDef naaccrId="ourFlag" naaccrNum="9501" naaccrName="Our flag" length="1" parentXmlElement="Patient"/>
</ItemDefs>
</NaaccrDictionary>
"""


def read(tmp_path: Path, text: str | bytes, profile: Profile = PROFILE) -> Recorder:
    return recorded(KIND, written(tmp_path, text), profile)


def test_each_tumour_is_a_row_with_the_texts_of_its_patient_and_of_the_file(tmp_path: Path) -> None:
    text = document(
        items(registryId="0000001234"),
        patient(tumor(), tumor(tumorRecordNumber="02", primarySite="C649")),
        patient(tumor(), patientIdNumber="00000002", sex="1"),
    )
    profile = replace(PROFILE, columns=("registryId", "patientIdNumber", "tumorRecordNumber", "sex", "primarySite"))
    found = read(tmp_path, text, profile)
    assert [tuple(row.values()) for row in found.rows] == [
        ("0000001234", "00000001", "01", "2", "C749"),
        ("0000001234", "00000001", "02", "2", "C649"),
        ("0000001234", "00000002", "01", "1", "C749"),
    ]
    assert found.lines == [4, 5, 7]
    assert not found.issues


def test_a_patient_without_tumour_counts_as_nothing_but_is_noted(tmp_path: Path) -> None:
    found = read(tmp_path, document(patient(), patient(tumor(), patientIdNumber="00000002")))
    assert len(found.rows) == 1
    assert found.issues == {("Tumor", "patient without tumour: nothing to count"): 1}


def test_a_file_without_patients_gives_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, document()).rows == []


def test_items_of_another_version_are_not_collected_there(tmp_path: Path) -> None:
    old = read(tmp_path, document(patient(tumor()), version=240)).rows[0]
    assert old["inrgss"] == old["sexAssignedAtBirth"] == NOT_IN_FILE
    new = read(tmp_path, document(patient(tumor(inrgss="4"), sexAssignedAtBirth="1", sex=""), version=260))
    assert new.rows[0]["inrgss"] == "4"
    assert new.rows[0]["sexAssignedAtBirth"] == "1"
    assert new.rows[0]["sex"] == NOT_IN_FILE


@pytest.mark.parametrize("version", [160, 180, 210, 220, 230, 240, 250, 260])
def test_every_version_from_16_to_26_is_read(tmp_path: Path, version: int) -> None:
    assert (
        len(
            read(
                tmp_path, document(patient(tumor(), sex="") if version == 260 else patient(tumor()), version=version)
            ).rows
        )
        == 1
    )


# --- what is odd --------------------------------------------------------------------------------------------------------

ODD = {
    "unknown item": (patient(tumor(nothingOfTheKind="1")), "nothingOfTheKind", "in no dictionary"),
    "number of no item": (patient(tumor('<Item naaccrNum="99999">1</Item>')), "#99999", "in no dictionary"),
    "item without a name": (patient(tumor("<Item>1</Item>")), "Item", "in no dictionary"),
    "patient item in a tumour": (patient(tumor(dateOfBirth="2010")), "dateOfBirth", "of Patient stands under Tumor"),
    "tumour item in a patient": (patient(tumor(), laterality="1"), "laterality", "of Tumor stands under Patient"),
    "item of the file in a tumour": (patient(tumor(registryId="1")), "registryId", "of NaaccrData stands under Tumor"),
    "item of a later version": (patient(tumor(inrgss="1")), "inrgss", "in no dictionary"),
    "twice the same": (patient(tumor(items(laterality="1"), laterality="1")), "laterality", "same value"),
    "twice, different": (patient(tumor(items(laterality="1"), laterality="2")), "laterality", "neither is used"),
    "too long": (patient(tumor(primarySite="C7490")), "primarySite", "longer than the dictionary allows (4"),
    "wrong number": (
        patient(tumor('<Item naaccrId="laterality" naaccrNum="400">1</Item>')), "laterality", "not the number",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_is_an_issue_in_tolerant_mode_and_rejects_in_strict_mode(tmp_path: Path, name: str) -> None:
    content, item, reason = ODD[name]
    text = document(content, version=240)
    tolerant = read(tmp_path, text)
    assert len(tolerant.rows) == 1
    ((told, why),) = tolerant.issues
    assert told == item
    assert reason in why
    strict = read(tmp_path, text, STRICT)
    assert strict.rows == []
    assert [(told, why) for _, told, why in strict.rejects] == list(tolerant.issues)


def test_a_value_at_the_wrong_level_or_said_twice_differently_is_never_used(tmp_path: Path) -> None:
    text = document(patient(tumor(items(laterality="1"), laterality="2", dateOfBirth="2010"), grade="3"))
    row = read(tmp_path, text).rows[0]
    assert row["laterality"] is row["dateOfBirth"] is row["grade"] is None


def test_an_oddity_of_the_patient_rejects_all_tumours_in_strict_mode_one_of_a_tumour_only_that(tmp_path: Path) -> None:
    text = document(
        patient(tumor(), tumor(tumorRecordNumber="02"), unheardOf="1"),
        patient(tumor(unheardOf="1"), tumor(tumorRecordNumber="02"), patientIdNumber="00000002"),
    )
    found = read(tmp_path, text, STRICT)
    assert [line for line, _, _ in found.rejects] == [4, 5, 7]
    assert [row["tumorRecordNumber"] for row in found.rows] == ["02"]


@pytest.mark.parametrize("named", ['naaccrId="morphTypebehavIcdO3"', 'naaccrNum="521"'])
@pytest.mark.parametrize("version", [160, 180, 210, 220])
def test_a_group_of_items_is_never_used_and_its_parts_are(tmp_path: Path, version: int, named: str) -> None:
    """The group says another morphology than its parts."""
    text = document(patient(tumor(f"<Item {named}>98113</Item>")), version=version)
    found = read(tmp_path, text)
    assert (found.rows[0]["histologicTypeIcdO3"], found.rows[0]["behaviorCodeIcdO3"]) == ("9500", "3")
    ((item, reason),) = found.issues
    assert item == "morphTypebehavIcdO3"
    assert "is a group of others" in reason
    assert [told for _, told, _ in read(tmp_path, text, STRICT).rejects] == ["morphTypebehavIcdO3"]


def test_a_group_alone_gives_no_morphology(tmp_path: Path) -> None:
    alone = f"\n<Tumor>{items(tumorRecordNumber='01', primarySite='C749', morphTypebehavIcdO3='95003')}</Tumor>"
    row = read(tmp_path, document(patient(alone), version=180)).rows[0]
    assert row["histologicTypeIcdO3"] is row["behaviorCodeIcdO3"] is None


def test_since_version_23_a_group_is_in_no_dictionary(tmp_path: Path) -> None:
    text = document(patient(tumor(morphTypebehavIcdO3="95003")), version=230)
    ((item, reason),) = read(tmp_path, text).issues
    assert item == "morphTypebehavIcdO3"
    assert "in no dictionary" in reason


@pytest.mark.parametrize("column", ["morphTypebehavIcdO3", "MORPH_TYPEBEHAV_ICD_O3", "521"])
def test_a_profile_that_names_a_group_is_told_to_name_its_parts(tmp_path: Path, column: str) -> None:
    with pytest.raises(BadSettings, match=r"is a group, which no file may hold.*the items that it is made of"):
        read(tmp_path, document(patient(tumor())), replace(PROFILE, columns=(column,)))


def test_items_known_only_by_number_count(tmp_path: Path) -> None:
    text = document(
        patient(
            '\n<Tumor><Item naaccrNum="400">C749</Item><Item naaccrId="laterality" naaccrNum="410">2</Item></Tumor>'
        )
    )
    found = read(tmp_path, text)
    assert found.rows[0]["primarySite"] == "C749"
    assert found.rows[0]["laterality"] == "2"
    assert not found.issues


def test_version_16_has_no_list_so_unlisted_items_reject_nothing(tmp_path: Path) -> None:
    text = document(patient(tumor(somethingOld="1")), version=160)
    assert list(read(tmp_path, text).issues) == [
        ("somethingOld", "item is not listed for versions 18 to 26; it is ignored")
    ]
    assert len(read(tmp_path, text, STRICT).rows) == 1


def test_free_text_in_a_name_is_not_shown(tmp_path: Path) -> None:
    found = read(tmp_path, document(patient(tumor('<Item naaccrId="Jane Doe, born 1931">1</Item>'))))
    assert [item for item, _ in found.issues] == ["?"]


def test_a_repeated_item_of_the_file_is_refused_in_strict_mode(tmp_path: Path) -> None:
    text = document(items(registryId="1"), items(registryId="2"), patient(tumor()))
    profile = replace(PROFILE, columns=(*PROFILE.columns, "registryId"))
    assert read(tmp_path, text, profile).rows[0]["registryId"] is None
    with pytest.raises(BadFile, match="different values"):
        read(tmp_path, text, replace(profile, mode="strict"))


# --- user dictionaries ----------------------------------------------------------------------------------------------------


def with_user_dictionary(tmp_path: Path, *columns: str, mode: str = "strict") -> Profile:
    (tmp_path / "items.xml").write_text(USER_DICTIONARY, encoding="utf-8")
    return replace(
        PROFILE,
        mode=mode,
        columns=(*PROFILE.columns, *columns),
        format={"user_dictionaries": ["items.xml"]},
        where=str(tmp_path / "profile.toml"),
    )


def test_items_of_a_user_dictionary_are_known_when_the_file_names_it(tmp_path: Path) -> None:
    profile = with_user_dictionary(tmp_path, "ourStage")
    content = patient(tumor(ourStage="IV"), ourFlag="1")
    named = document(
        content, attributes='userDictionaryUri="http://other.example/x.xml http://registry.example/items.xml"'
    )
    assert read(tmp_path, named, profile).rows[0]["ourStage"] == "IV"
    assert read(tmp_path, document(content), profile).rejects
    tolerant = with_user_dictionary(tmp_path, "ourStage", mode="tolerant")
    assert read(tmp_path, document(content), tolerant).rows[0]["ourStage"] == NOT_IN_FILE


def test_a_user_dictionary_says_level_and_length(tmp_path: Path) -> None:
    profile = with_user_dictionary(tmp_path, "ourStage", mode="tolerant")
    text = document(
        patient(tumor(ourStage="IVb", ourFlag="1")), attributes='userDictionaryUri="http://registry.example/items.xml"'
    )
    assert sorted(read(tmp_path, text, profile).issues) == [
        ("ourFlag", "item of Patient stands under Tumor; it is ignored"),
        ("ourStage", "value is longer than the dictionary allows (2 characters)"),
    ]


def test_a_profile_that_names_no_item_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="no NAACCR dictionary has an item 'primarySit'"):
        read(tmp_path, document(patient(tumor())), replace(PROFILE, columns=("primarySit",)))
    with pytest.raises(BadSettings, match=r"format\.delimiter: unknown key .delimiter. \(expected user_dictionaries\)"):
        read(tmp_path, document(patient(tumor())), replace(PROFILE, format={"delimiter": ";"}))
    with pytest.raises(BadSettings, match="list of files"):
        read(tmp_path, document(patient(tumor())), replace(PROFILE, format={"user_dictionaries": "one.xml"}))
    with pytest.raises(BadFile, match=r"absent\.xml"):
        read(tmp_path, document(patient(tumor())), replace(PROFILE, format={"user_dictionaries": ["absent.xml"]}))


def test_columns_are_known_in_any_spelling_and_by_number(tmp_path: Path) -> None:
    profile = replace(PROFILE, columns=("Primary_Site", "400", "PATIENTIDNUMBER"))
    assert list(read(tmp_path, document(patient(tumor())), profile).rows[0].values()) == ["C749", "C749", "00000001"]


# --- forms of a file ------------------------------------------------------------------------------------------------------

REFUSED = {
    "other root": (document().replace("NaaccrData", "NaaccrDat"), "the root element is <NaaccrDat>.*expected <NaaccrData>"),
    "no namespace": (document().replace(f'xmlns="{NAMESPACE}"', ""), "in no namespace.*expected xmlns"),
    "other namespace": (document().replace(f'"{NAMESPACE}"', '"http://other"'), "in another namespace.*expected xmlns"),
    "no dictionary": (document(head='recordType="I"'), "baseDictionaryUri is missing.*160, 180, 210"),
    "unknown dictionary": (document(version=270), "baseDictionaryUri is of no known kind.*260"),
    "no record type": (document(head=HEAD.replace('recordType="I"', "")), "recordType is missing.*A, M, C or I"),
    "unknown record type": (document(head=HEAD.replace('"I"', '"Z"')), "recordType is of no known kind"),
    "unknown specification": (document(specification="2.0"), r"specificationVersion is not known.*1\.0 to 1\.8"),
    "misspelled patient": (document("<Patien/>"), "<Patien> has no place here"),
    "misspelled tumour": (document(patient("<Tumo/>")), "<Tumo> has no place here.*<Item> or <Tumor>"),
    "misspelled item": (document(patient(tumor('<Ite naaccrId="laterality">1</Ite>'))), "<Ite> has no place here.*<Item>"),
    "element in an item": (document(patient(tumor("<Item naaccrId='grade'>1<b/></Item>"))), "<b> has no place"),
    "patient in a patient": (document(patient(patient(tumor()))), "<Patient> has no place here"),
    "item after a patient": (document(patient(tumor()), items(registryId="1")), "<Item> has no place here"),
    "patient at the end, cut off": (document(patient(tumor()))[:-20], "not well-formed"),
}  # fmt: skip


@pytest.mark.parametrize("profile", [PROFILE, STRICT], ids=["tolerant", "strict"])
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_naaccr_xml_is_refused_by_name_line_and_expectation(
    tmp_path: Path, name: str, profile: Profile
) -> None:
    text, message = REFUSED[name]
    with pytest.raises(BadFile, match=message) as caught:
        read(tmp_path, text, profile)
    assert re.match(r"file\.xml:\d+", caught.value.where or "")


def test_files_before_specification_1_3_may_lack_the_namespace(tmp_path: Path) -> None:
    for specification in ("1.0", "1.1", "1.2"):
        text = document(patient(tumor()), specification=specification).replace(f'xmlns="{NAMESPACE}"', "")
        assert len(read(tmp_path, text).rows) == 1


def prefixed(text: str) -> str:
    renamed = re.sub(r"<(/?)(NaaccrData|Patient|Tumor|Item)\b", r"<\1n:\2", text)
    return renamed.replace("xmlns=", "xmlns:n=")


EXTENSION = '<o:X xmlns:o="http://o" naaccrId="sex"><o:Item naaccrId="sex">1</o:Item><Patient xmlns="http://naaccr.org/naaccrxml"/></o:X>'


@given(
    values=st.lists(
        st.text(string.ascii_letters + string.digits + " .-&<>'\"äµ’", max_size=12), min_size=4, max_size=4
    ),
    order=st.permutations(range(4)),
    form=st.sampled_from(["plain", "prefix", "gzip", "bom", "utf-16", "crlf", "extension", "number", "cdata"]),
)
def test_form_of_the_file_and_order_of_items_change_nothing(values: list[str], order: list[int], form: str) -> None:
    names = [("grade", "440"), ("laterality", "410"), ("vitalStatus", "1760"), ("sex", "220")]

    def item(index: int) -> str:
        name, number = names[index]
        text = values[index].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        if form == "cdata":
            text = f"<![CDATA[{values[index]}]]>"
        return f'<Item naaccrId="{name}"{f" naaccrNum={chr(34)}{number}{chr(34)}" if form == "number" else ""}>{text}</Item>'

    own = [item(index) for index in order if index < 2]
    extension = EXTENSION if form == "extension" else ""
    content = f"{''.join(item(i) for i in order if i > 1)}{extension}\n<Tumor>{''.join(own)}{extension}</Tumor>"
    text = document(extension, f"\n<Patient>{content}</Patient>")
    data = {
        "prefix": lambda: prefixed(text).encode(),
        "gzip": lambda: gzip.compress(text.encode()),
        "bom": lambda: b"\xef\xbb\xbf" + text.encode(),
        "utf-16": lambda: text.encode("utf-16"),
        "crlf": lambda: text.replace("\n", "\r\n").encode(),
    }.get(form, text.encode)()
    with tempfile.TemporaryDirectory() as folder:
        found = read(Path(folder), data, replace(PROFILE, columns=tuple(name for name, _ in names)))
    assert [list(row.values()) for row in found.rows] == [[value or None for value in values]]
    assert {reason for _, reason in found.issues} <= {"value is longer than the dictionary allows (1 characters)"}


def test_declared_cp1252_is_read(tmp_path: Path) -> None:
    text = document(patient(tumor(), sex="é")).replace('version="1.0"', 'version="1.0" encoding="Cp1252"')
    assert read(tmp_path, text.encode("cp1252")).rows[0]["sex"] == "é"


def test_a_bell_is_left_out_with_an_issue_or_refuses_the_file(tmp_path: Path) -> None:
    text = document(patient(tumor(primarySite="C7\x0749")))
    found = read(tmp_path, text)
    assert found.rows[0]["primarySite"] == "C749"
    assert found.issues == {("Item", "a control character that XML does not allow was left out"): 1}
    assert found.issue_lines == [4]
    with pytest.raises(BadFile, match="not well-formed"):
        read(tmp_path, text, STRICT)


def test_lines_are_right_far_down_a_long_file(tmp_path: Path) -> None:
    many = "\n" * 70_000
    found = read(tmp_path, document(patient(tumor()), many, patient(tumor(), patientIdNumber="00000002")))
    assert found.lines[0] == 4
    assert abs(found.lines[1] - 70_006) <= 1

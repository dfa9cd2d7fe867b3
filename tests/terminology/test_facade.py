"""The one door: looking up, translating, covering and validating across systems."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import terminology
from terminology import (
    BEHAVIOURS,
    MORPHOLOGIES,
    TOPOGRAPHIES,
    BoxSet,
    Cover,
    Equivalence,
    IcdO,
    Terminology,
    UnknownCode,
    UnknownSystem,
)
from terminology.facade import equivalence
from terminology.rowtext import rows_text


def test_a_system_that_does_not_exist_is_refused_with_those_that_do(terms: Terminology) -> None:
    with pytest.raises(UnknownSystem, match=r"no code system 'ICD9'.*ICCC3.*OMOP"):
        terms.meaning("ICD9", "194.0")


def test_snomed_ct_is_refused_until_it_is_loaded(terms: Terminology) -> None:
    with pytest.raises(UnknownSystem, match="not loaded"):
        terms.meaning("SCT", "432328008")
    assert list(terms.codes("SCT")) == []


def test_the_systems_stand_with_versions_and_sizes(terms: Terminology) -> None:
    found = {info.system: info for info in terms.systems()}
    assert list(found) == ["ICCC3", "SEER", "SEEREXT", "ICDO3", "ICD10", "ICD10CM", "NCIT", "SCT", "OMOP"]
    assert found["ICCC3"].editions == ("2005", "who2008", "2017")
    assert found["ICDO3"].size == 330 + 70 + 1500
    assert found["SCT"].version == "not loaded"
    assert terms.version == "terminology 2026.11"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("9500/3", BoxSet.where([9500], None, [3])),
        ("9500", BoxSet.where([9500])),
        ("C74", BoxSet.where(None, ["C74"])),
        ("9500/3-C74.9", BoxSet.point(9500, "C74.9", 3)),
        ("NULL-C74.9", BoxSet.where(None, ["C74.9"])),
    ],
)
def test_an_icdo_code_means_what_it_says(terms: Terminology, code: str, expected: BoxSet) -> None:
    meaning = terms.meaning("ICDO3", code)
    assert meaning.boxes == meaning.certain == expected
    assert meaning.notes == ()


def test_a_code_of_another_edition_is_accepted_and_noted(terms: Terminology) -> None:
    assert terms.meaning("ICDO3", "9260/3", "3.2").notes == ("9260/3 is not in ICD-O-3.2; it is in 3.0, 3.1",)
    assert terms.meaning("ICDO3", "9260/3", "3.1").notes == ()
    assert "matrix rule" in terms.meaning("ICDO3", "9500/6").notes[0]
    assert "matrix rule" in terms.meaning("ICDO3", "8157").notes[0]
    assert "US list" in terms.meaning("ICDO3", "8000/2").notes[0]
    with pytest.raises(UnknownSystem, match=r"no edition '2.0'"):
        terms.meaning("ICDO3", "9500/3", "2.0")


def test_a_code_is_looked_up_with_its_editions_names_and_parents(terms: Terminology) -> None:
    both = terms.lookup("ICDO3", "95003-c749")
    assert (both.code, both.name, both.parents) == (
        "9500/3-C74.9",
        "Neuroblastoma of Adrenal Gland",
        ("9500/3", "C74.9"),
    )
    assert both.editions == ("3.0", "3.1", "3.2")
    assert both.properties["in_3_0"] == "likely"
    assert terms.lookup("ICDO3", "C74").name == "Adrenal gland"
    assert terms.lookup("ICDO3", "C74.9").parents == ("C74",)
    assert terms.lookup("ICDO3", "C74").parents == ()
    kind = terms.lookup("ICDO3", "9500")
    assert (kind.name, kind.parents, kind.properties["behaviours"]) == (None, (), "0,2,3")
    assert terms.lookup("ICDO3", "9500/3").parents == ("9500",)
    assert terms.lookup("ICDO3", "8157/3-C74.9").name is None


def test_below_an_icdo_code_stand_its_parts(terms: Terminology) -> None:
    assert terms.descendants("ICDO3", "C74") == {"C74", "C74.0", "C74.1", "C74.9"}
    assert terms.descendants("ICDO3", "9421") == {"9421", "9421/1", "9421/3"}
    assert terms.descendants("ICDO3", "9500/3-C74.9") == {"9500/3-C74.9"}


def test_the_codes_of_an_edition_are_those_of_its_list(terms: Terminology) -> None:
    sizes = {
        edition: len([code for code in terms.codes("ICDO3", edition) if "/" in code])
        for edition in ("3.0", "3.1", "3.2")
    }
    assert sizes == {"3.0": 1028, "3.1": 1080, "3.2": 1143}


def test_a_code_expands_to_single_tumours(terms: Terminology) -> None:
    found = terms.expand("ICCC3", "IV(a)")
    assert len(found) == 660
    assert found[0] == IcdO("C00.0", 9490, 3)


def test_a_translation_says_how_the_target_stands_to_the_source(terms: Terminology) -> None:
    def told(system: str, code: str, target: str, edition: str | None = None) -> dict[str, str]:
        return {t.code: str(t.equivalence) for t in terms.translate(system, code, target, edition)}

    assert told("ICDO3", "9500/3-C74.9", "ICCC3") == {"IV": "wider", "IV(a)": "wider"}
    assert told("ICCC3", "IV(a)", "SEER") == {"041": "equal"}
    assert told("ICCC3", "IV", "SEER") == {"041": "narrower", "042": "narrower"}
    assert told("SEER", "041", "ICCC3", "2005")["IV(a)"] == "equal"
    assert told("NCIT", "C3270", "ICDO3")["9500/3"] == "equal"
    assert told("ICDO3", "9500/3", "NCIT")["C3270"] == "equal"
    assert told("ICDO3", "C74", "ICD10")["C74.0"] == "inexact"
    assert told("ICD10", "C91.0", "ICD10CM")["C91.0"] == "equal"
    assert told("ICDO3", "9751/3", "ICD10")["C96.0"] == "wider"
    assert told("ICD10", "C96.0", "ICDO3")["9751/3"] == "narrower"
    assert told("ICDO3", "8960/3", "NCIT")["C40407"] == "equal"
    assert told("ICDO3", "9421/1-C71.6", "OMOP") == {}
    assert told("ICDO3", "9500/3", "ICCC3", "2005")["IV(a)"] == "wider"
    assert told("ICDO3", "9260/3", "ICCC3", "3.1")["VIII(c)"] == "inexact"
    assert told("ICCC3", "IV(a)", "SEEREXT") == {"033": "equal"}
    with pytest.raises(UnknownSystem, match="neither ICD10 nor NCIT"):
        terms.translate("ICD10", "C74", "NCIT", "2005")


def test_a_word_is_used_for_an_inexact_code_only_if_it_is_certain(terms: Terminology) -> None:
    found = {t.code: str(t.equivalence) for t in terms.translate("ICDO3", "9500/3-C74.9", "ICD10")}
    assert found == {"C74": "wider", "C74.9": "wider"}
    adrenal, leukaemia = terms.meaning("ICD10", "C74"), terms.meaning("ICD10", "C91.0")
    assert equivalence(adrenal, leukaemia) is Equivalence.DISJOINT
    assert equivalence(terms.meaning("NCIT", "C3267"), leukaemia) is Equivalence.INEXACT
    assert equivalence(terms.meaning("ICD10", "C74.0"), terms.meaning("ICDO3", "C74")) is Equivalence.INEXACT


@pytest.mark.parametrize(
    ("system", "code", "target"),
    [
        ("ICCC3", "IV(a)", "ICD10"),
        ("ICCC3", "III", "ICD10CM"),
        ("ICDO3", "C74", "ICD10"),
        ("NCIT", "C3267", "ICD10"),
        ("ICD10", "C91.0", "ICD10CM"),
        ("ICD10CM", "C71", "ICD10"),
        ("ICDO3", "9751/3", "ICD10"),
    ],
)
def test_a_translation_by_counts_says_what_the_sets_say(
    terms: Terminology, system: str, code: str, target: str
) -> None:
    source = terms.meaning(system, code)
    found = terms.translate(system, code, target)
    assert {each.code for each in found} == terms.cover(source.boxes, target).possible
    for each in random.Random(7).sample(found, min(25, len(found))):
        meant = terms.meaning(target, each.code)
        assert (each.equivalence, each.rows) == (equivalence(meant, source), meant.rows)


def test_a_translation_keeps_the_rows_of_the_target(terms: Terminology) -> None:
    (found,) = [t for t in terms.translate("ICDO3", "9500/3", "ICCC3") if t.code == "IV(a)"]
    assert (found.system, found.rows) == ("ICCC3", "iccc3_2017 rows 151-152")


def test_an_inexact_source_is_never_called_equal(terms: Terminology) -> None:
    words = {t.equivalence for t in terms.translate("NCIT", "C3267", "ICDO3")}
    assert Equivalence.EQUAL not in words
    assert Equivalence.NARROWER not in words
    assert Equivalence.WIDER not in words
    assert words == {Equivalence.INEXACT}


SYSTEMS = ("ICCC3", "SEER", "SEEREXT", "ICDO3", "NCIT", "OMOP")


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(SYSTEMS),
    st.lists(st.sampled_from(MORPHOLOGIES), min_size=1, max_size=30),
    st.sets(st.sampled_from(TOPOGRAPHIES), min_size=1, max_size=330),
    st.sets(st.sampled_from([0, 1, 3]), min_size=1),
)
def test_a_cover_agrees_with_the_meaning_of_each_code(
    terms: Terminology, system: str, morphologies: list[int], topographies: set[str], behaviours: set[int]
) -> None:
    wanted = BoxSet.where(morphologies, topographies, behaviours)
    cover = terms.cover(wanted, system)
    assert cover.certain <= cover.possible
    rest = wanted
    for code in cover.possible:
        meaning = terms.meaning(system, code, "2017" if system == "SEEREXT" else None)
        assert meaning.boxes.overlaps(wanted)
        assert (meaning.boxes <= wanted) == (code in cover.certain)
        rest -= meaning.boxes
    assert rest == cover.unmatched


def test_a_cover_says_whether_the_codes_hold_exactly_the_set(terms: Terminology) -> None:
    group = terms.meaning("ICCC3", "IV(a)").boxes
    cover = terms.cover(group, "SEER")
    assert cover == Cover("SEER", frozenset({"041"}), frozenset({"041"}), BoxSet.empty(), cover.rows)
    assert cover.exact
    assert not terms.cover(group, "ICD10").exact
    assert terms.cover(~BoxSet.empty(), "ICCC3").unmatched == terms.meaning("SEER", "999").boxes


def test_a_code_that_exists_is_valid_with_notes(terms: Terminology) -> None:
    assert terms.validate("ICDO3", "9500/3-C74.9") == ()
    assert terms.validate("ICDO3", "9500/3-C74") == ()
    assert terms.validate("ICDO3", "9500/3-C61.9") == ("9500/3-C61.9 is not on the SEER site/type list (2015)",)
    (note,) = terms.validate("ICDO3", "8157/3-C25.9")
    assert note.startswith("8157/3 is in no list")
    assert "no map" in terms.validate("OMOP", "8507")[0]
    with pytest.raises(UnknownCode):
        terms.validate("ICDO3", "9999/3")


def test_rows_are_cited_as_ranges() -> None:
    assert rows_text("t", []) == ""
    assert rows_text("t", [3]) == "t row 3"
    assert rows_text("t", [5, 3, 4, 9, 3]) == "t rows 3-5, 9"
    assert rows_text("t", range(1, 61, 2)).endswith("23 and 18 more")


def test_loading_the_same_file_gives_the_same_object(built: Path) -> None:
    assert terminology.load(built) is terminology.load(built)


def test_the_default_is_built_on_first_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = terminology.load()
    assert found.meaning("ICCC3", "IV(a)").exact
    assert [path.name[:12] for path in (tmp_path / "iccd").iterdir()] == ["terminology-"]
    found.close()


def test_the_package_offers_what_it_lists_and_nothing_else() -> None:
    for name in terminology.__all__:
        assert getattr(terminology, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        terminology.nothing  # noqa: B018


def test_of_a_topography_the_tumours_of_one_behaviour_may_be_meant(terms: Terminology) -> None:
    found = {
        b: {each.code for each in terms.translate("ICDO3", "C74.9", "NCIT", behaviour=b)} for b in (None, *BEHAVIOURS)
    }
    assert set.union(*(found[b] for b in BEHAVIOURS)) == found[None]
    assert found[0] != found[3]

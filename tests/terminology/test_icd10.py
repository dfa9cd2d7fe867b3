"""ICD-10 as SEER converts to it: rules before sites, bounds where the map leaves a choice, refusals by name."""

from __future__ import annotations

import csv
from collections import defaultdict

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from terminology import (
    BEHAVIOURS,
    MORPHOLOGIES,
    TOPOGRAPHIES,
    BoxSet,
    Terminology,
    UnknownCode,
    UnknownSystem,
    Unmatched,
)
from terminology.tablefiles import SHIPPED

SYSTEMS = {"ICD10": "ICD-10", "ICD10CM": "ICD-10-CM"}


def read() -> dict[str, list[dict[str, str]]]:
    with (SHIPPED / "icdo3_icd10.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {name: [row for row in rows if row["system"] == label] for name, label in SYSTEMS.items()}


ROWS = read()
NAMED = {
    system: {
        key: [row for row in rows if row["rule"] == "morphology" and (row["morphology"], row["behaviour"]) == key]
        for key in {(row["morphology"], row["behaviour"]) for row in rows}
    }
    for system, rows in ROWS.items()
}
BY_SITE = {
    system: {
        (row["behaviour"], row["topography"]): row["icd10"]
        for row in rows
        if row["rule"] == "topography" and not row["via_behaviour_column"]
    }
    for system, rows in ROWS.items()
}


def names(row: dict[str, str], topography: str) -> bool:
    return any(code in (topography, topography[:3]) for code in row["topography"].split(","))


def rule_codes(system: str, morphology: int, topography: str, behaviour: int) -> set[str]:
    """What the morphology rules say of one cell, row by row; empty if no rule names the morphology and behaviour."""
    rules = NAMED[system].get((str(morphology), str(behaviour)), [])
    chosen = [row for row in rules if row["topography"] == "ALL" or names(row, topography)]
    if not any(names(row, topography) for row in rules):
        chosen += [row for row in rules if row["topography"] == "REST"]
    return {row["icd10"] or BY_SITE[system].get((row["via_behaviour_column"], topography), "") for row in chosen}


cells = st.tuples(st.sampled_from(MORPHOLOGIES), st.sampled_from(TOPOGRAPHIES), st.sampled_from(BEHAVIOURS))


@example("ICD10", (8000, "C00.0", 1))
@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(SYSTEMS)), cells)
def test_a_tumour_is_in_the_code_that_the_rules_give_it(
    terms: Terminology, system: str, cell: tuple[int, str, int]
) -> None:
    point = BoxSet.point(*cell)
    cover = terms.cover(point, system)
    found = {
        code for code in cover.possible if not any(other != code and other.startswith(code) for other in cover.possible)
    }
    given = rule_codes(system, *cell) - {""}
    if given:
        assert given <= found
        assert not cover.unmatched
        unspecified = system == "ICD10CM" and (cell[0], cell[2]) == (8000, 1)
        if cell[1] != "C80.9" and len(given) == 1 and not unspecified:
            assert found == given
            code = given.pop()
            assert point <= terms.meaning(system, code).certain
    for code in found:
        assert point <= terms.meaning(system, code).boxes
    assert bool(cover.unmatched) == (not found)


def test_no_rule_gives_a_tumour_two_codes_but_for_its_sex() -> None:
    for system, rows in ROWS.items():
        two = defaultdict(set)
        for row in rows:
            if row["rule"] == "morphology" and row["icd10"] and not row["sex"]:
                for topography in row["topography"].split(","):
                    two[row["morphology"], row["behaviour"], topography].add(row["icd10"])
        assert all(len(codes) == 1 for codes in two.values()), system


@pytest.mark.parametrize("text", ["C74", "c74", "C74.-", " C 74 .-", "C74-"])
def test_a_category_means_all_codes_below_it(terms: Terminology, text: str) -> None:
    category = terms.meaning("ICD10", text)
    assert category.code == "C74"
    parts = [terms.meaning("icd10", code) for code in ("C74.0", "C741", "C74.9")]
    assert category.boxes == parts[0].boxes | parts[1].boxes | parts[2].boxes
    assert category.certain == parts[0].certain | parts[1].certain | parts[2].certain
    assert category.rows.startswith("icdo3_icd10 rows ")
    assert terms.descendants("ICD10", text) == {"C74", "C74.0", "C74.1", "C74.9"}


def test_a_neuroblastoma_of_unknown_site_is_possible_where_it_may_be_coded(terms: Terminology) -> None:
    unknown = BoxSet.point(9500, "C80.9", 3)
    for code in ("C71.9", "C74", "C74.9", "C80"):
        meaning = terms.meaning("ICD10", code)
        assert unknown <= meaning.boxes
        assert not unknown <= meaning.certain
        assert not meaning.exact
        assert "only possibly" in meaning.notes[0]
    for code in ("C74.0", "C69.2", "C22", "C91.0"):
        assert not unknown <= terms.meaning("ICD10", code).boxes
    assert BoxSet.point(9500, "C74.9", 3) <= terms.meaning("ICD10", "C74.9").certain
    assert BoxSet.point(9500, "C22.0", 3) <= terms.meaning("ICD10", "C22").boxes


def test_kaposi_sarcoma_of_unknown_site_is_no_guess(terms: Terminology) -> None:
    assert BoxSet.point(9140, "C80.9", 3) <= terms.meaning("ICD10", "C46.9").certain


@pytest.mark.parametrize(
    ("code", "tumour"),
    [
        ("C91.0", (9835, "C42.1", 3)),
        ("C96.0", (9751, "C41.0", 3)),
        ("D76.0", (9751, "C41.0", 1)),
        ("D45", (9950, "C42.1", 3)),
        ("D43.2", (8000, "C71.9", 1)),
        ("D33.2", (9080, "C71.9", 0)),
        ("C46.0", (9140, "C44.5", 3)),
        ("C43.7", (8720, "C44.7", 3)),
        ("D05.0", (8520, "C80.9", 2)),
        ("C79.7", (8500, "C74.9", 6)),
    ],
)
def test_letters_of_icd10_do_not_tell_the_behaviour(
    terms: Terminology, code: str, tumour: tuple[int, str, int]
) -> None:
    assert BoxSet.point(*tumour) <= terms.meaning("ICD10", code).boxes


def test_a_split_by_sex_leaves_both_codes_possible(terms: Terminology) -> None:
    tumour = BoxSet.point(8380, "C80.9", 0)
    for code in ("D27", "D29.1"):
        meaning = terms.meaning("ICD10", code)
        assert tumour <= meaning.boxes
        assert not tumour <= meaning.certain


def test_leukaemia_without_a_rule_is_unmatched_and_not_read_by_its_site(terms: Terminology) -> None:
    tumour = BoxSet.point(9877, "C50.9", 3)
    cover = terms.cover(tumour, "ICD10")
    assert cover.unmatched == tumour
    assert not cover.possible
    assert not cover.exact


def test_a_code_deeper_than_the_map_is_part_of_the_nearest(terms: Terminology) -> None:
    for system, deep, nearest in (("ICD10", "C64.9", "C64"), ("ICD10", "C91.00", "C91.0"), ("ICD10CM", "C64.1", "C64")):
        meaning = terms.meaning(system, deep)
        assert meaning.boxes == terms.meaning(system, nearest).boxes
        assert not meaning.certain
        assert not meaning.exact
        assert meaning.notes == (f"the map stops at {nearest}; {deep} is read as part of it",)
        assert dict(terms.lookup(system, deep).properties) == {"mapped": "part"}


def test_clinical_modification_is_a_system_of_its_own(terms: Terminology) -> None:
    assert terms.meaning("ICD10CM", "C91.Z0").exact
    with pytest.raises(UnknownCode):
        terms.meaning("ICD10", "C91.Z0")
    unnamed = terms.meaning("ICD10CM", "D49.6")
    assert not unnamed.certain
    assert unnamed.boxes <= BoxSet.where([8000], None, [1])
    assert not BoxSet.point(8000, "C71.9", 1) <= terms.meaning("ICD10CM", "D43").certain


@pytest.mark.parametrize("code", ["J45.0", "Z99", "C97"])
def test_a_code_outside_the_map_is_unmatched(terms: Terminology, code: str) -> None:
    with pytest.raises(Unmatched, match=code):
        terms.meaning("ICD10", code)
    concept = terms.lookup("ICD10", code)
    assert dict(concept.properties) == {"mapped": "no"}
    assert concept.name is None


@pytest.mark.parametrize("code", ["", "C7", "74.9", "C74.999", "neuroblastoma", "CC4.9"])
def test_what_is_no_code_is_refused(terms: Terminology, code: str) -> None:
    with pytest.raises(UnknownCode) as refused:
        terms.meaning("ICD10", code)
    assert not isinstance(refused.value, Unmatched)


def test_there_is_one_edition(terms: Terminology) -> None:
    for ask in (terms.meaning, terms.lookup, terms.descendants):
        with pytest.raises(UnknownSystem):
            ask("ICD10", "C74", "2019")
    with pytest.raises(UnknownSystem):
        terms.codes("ICD10", "2019")


def test_a_code_is_looked_up_without_its_title(terms: Terminology) -> None:
    concept = terms.lookup("ICD10", "c749")
    assert (concept.code, concept.name, concept.parents) == ("C74.9", None, ("C74",))
    assert terms.lookup("ICD10", "C74").parents == ()
    assert {"C74", "C74.9", "D45"} <= set(terms.codes("ICD10"))


def test_a_cover_says_the_same_as_the_meanings(terms: Terminology) -> None:
    for wanted in (terms.meaning("ICCC3", "I").boxes, terms.meaning("ICD10", "C71").boxes, BoxSet.where([9500])):
        cover = terms.cover(wanted, "ICD10")
        for code in list(terms.codes("ICD10"))[::9]:
            meaning = terms.meaning("ICD10", code)
            assert (code in cover.possible) == meaning.boxes.overlaps(wanted)
            assert (code in cover.certain) == (meaning.boxes <= wanted)
        assert cover.certain <= cover.possible
    assert terms.cover(terms.meaning("ICD10", "C71").boxes, "ICD10").certain >= {"C71", "C71.0", "C71.9"}

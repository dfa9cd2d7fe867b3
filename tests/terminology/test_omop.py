"""OMOP concept ids as far as they ship: a tumour by its code, everything else by name."""

from __future__ import annotations

import pytest

from terminology import BoxSet, Terminology, UnknownCode, UnknownSystem, Unmatched


@pytest.mark.parametrize(
    ("concept_id", "boxes"),
    [
        ("36527397", BoxSet.point(9500, "C61.9", 3)),
        (" 44497877 ", BoxSet.where(topographies=["C56.9"])),
    ],
)
def test_an_icdo3_concept_means_its_code(terms: Terminology, concept_id: str, boxes: BoxSet) -> None:
    meaning = terms.meaning("omop", concept_id)
    assert (meaning.code, meaning.exact, meaning.boxes) == (concept_id.strip(), True, boxes)
    assert meaning.rows.startswith("omop_concepts row ")


def test_every_shipped_icdo3_concept_has_a_meaning(terms: Terminology) -> None:
    codes = list(terms.codes("OMOP"))
    assert len(codes) == 5_988
    assert terms.cover(BoxSet.everything(), "OMOP").certain == set(codes)


def test_a_code_that_was_derived_from_a_name_says_so(terms: Terminology) -> None:
    meaning = terms.meaning("OMOP", "44498991")
    assert meaning.notes == ("the code 9540/3-C71.1 of concept 44498991 was derived from its name",)


@pytest.mark.parametrize("concept_id", ["8507", "36769180", "8515"])
def test_sex_stage_and_race_are_no_tumours(terms: Terminology, concept_id: str) -> None:
    with pytest.raises(Unmatched, match=concept_id):
        terms.meaning("OMOP", concept_id)
    concept = terms.lookup("OMOP", concept_id)
    assert concept.name is None
    assert concept.properties["vocabulary"] in ("Gender", "Cancer Modifier", "Race")


def test_zero_is_no_concept(terms: Terminology) -> None:
    with pytest.raises(Unmatched, match="0"):
        terms.meaning("OMOP", "0")


@pytest.mark.parametrize(
    ("concept_id", "hint"),
    [("1", "loaded"), ("2000000001", "local"), ("x", "concept id"), ("-1", "concept id"), ("٣", "concept id")],
)
def test_an_id_that_is_not_loaded_is_refused(terms: Terminology, concept_id: str, hint: str) -> None:
    with pytest.raises(UnknownCode, match=hint) as refused:
        terms.meaning("OMOP", concept_id)
    assert not isinstance(refused.value, Unmatched)
    assert refused.value.code == concept_id


def test_there_are_no_editions(terms: Terminology) -> None:
    with pytest.raises(UnknownSystem):
        terms.meaning("OMOP", "36527397", "v5.0")


def test_a_deprecated_concept_is_kept_and_noted(terms: Terminology) -> None:
    concept = terms.lookup("OMOP", "8551")
    assert concept.properties["validity"] == "invalid"


def test_a_shipped_concept_has_nothing_below_it(terms: Terminology) -> None:
    assert terms.descendants("OMOP", "36527397") == {"36527397"}

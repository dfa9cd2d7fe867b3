"""NCI Thesaurus: preferred terms mean tumours, synonyms only point near them."""

from __future__ import annotations

import pytest

from terminology import BoxSet, Terminology, UnknownCode, UnknownSystem, Unmatched


@pytest.mark.parametrize("text", ["C3270", "c3270", "NCIT:C3270", " C3270 "])
def test_a_preferred_term_used_by_one_code_is_exact(terms: Terminology, text: str) -> None:
    meaning = terms.meaning("NCIT", text)
    assert (meaning.code, meaning.exact, meaning.bounded, meaning.notes) == ("C3270", True, True, ())
    assert meaning.boxes == meaning.certain == BoxSet.where([9500], None, [3])
    assert meaning.rows == "icdo3_ncit row 1253"


def test_kidney_wilms_tumour_is_preferred_and_wilms_tumour_only_a_synonym(terms: Terminology) -> None:
    nephroblastoma = BoxSet.where([8960], None, [3])
    assert terms.meaning("NCIT", "C40407").certain == nephroblastoma
    synonym = terms.meaning("NCIT", "C3267")
    assert synonym.boxes == nephroblastoma
    assert not synonym.certain
    assert not synonym.exact
    assert not synonym.bounded
    assert "synonym" in synonym.notes[0]


def test_a_concept_with_an_age_is_never_equal_to_a_tumour(terms: Terminology) -> None:
    childhood = terms.meaning("NCIT", "C9022")
    assert not childhood.certain
    assert not childhood.exact
    assert any("age" in note for note in childhood.notes)


def test_a_related_concept_fills_a_gap_without_a_claim(terms: Terminology) -> None:
    meaning = terms.meaning("NCIT", "C155304")
    assert meaning.boxes == BoxSet.where([8273], None, [3])
    assert (meaning.exact, meaning.bounded, len(meaning.certain)) == (False, False, 0)


def test_a_concept_of_several_codes_is_their_union_and_not_equal_to_one(terms: Terminology) -> None:
    tonsil = terms.meaning("NCIT", "C33250")
    assert tonsil.boxes == BoxSet.where(topographies=["C09"])
    assert not tonsil.exact
    organs = terms.meaning("NCIT", "C61600")
    assert organs.boxes == BoxSet.where(topographies=[f"C{n}" for n in range(51, 59)])


def test_a_preferred_term_that_is_one_of_several_is_only_possible(terms: Terminology) -> None:
    meaning = terms.meaning("NCIT", "C4051")
    assert meaning.boxes == BoxSet.where([9530], None, [3])
    assert not meaning.certain
    assert meaning.bounded
    assert "one of them" in meaning.notes[0]


@pytest.mark.parametrize("code", ["C17998", "C999999"])
def test_a_concept_that_icdo_is_not_mapped_to_is_unmatched(terms: Terminology, code: str) -> None:
    with pytest.raises(Unmatched, match=code):
        terms.meaning("NCIT", code)


@pytest.mark.parametrize("code", ["", "3270", "C75.1", "NCIT:", "C3"])
def test_what_is_no_concept_is_refused(terms: Terminology, code: str) -> None:
    with pytest.raises(UnknownCode) as refused:
        terms.meaning("NCIT", code)
    assert not isinstance(refused.value, Unmatched)


def test_there_is_one_edition(terms: Terminology) -> None:
    with pytest.raises(UnknownSystem):
        terms.meaning("NCIT", "C3270", "24.01d")


def test_a_concept_has_its_name_and_its_codes(terms: Terminology) -> None:
    concept = terms.lookup("NCIT", "C3270")
    assert concept.name == "Neuroblastoma"
    assert dict(concept.properties) == {"icdo3": "9500/3 (preferred)"}
    assert terms.descendants("NCIT", "C3270") == {"C3270"}


def test_only_preferred_terms_are_offered_as_codes(terms: Terminology) -> None:
    codes = set(terms.codes("NCIT"))
    assert "C3270" in codes
    assert "C3267" not in codes
    assert terms.cover(BoxSet.where([8960], None, [3]), "NCIT").certain == {"C40407"}

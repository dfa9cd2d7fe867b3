"""ICCC-3: the classification is that of the tables, in three editions, and every notation finds its group."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import terminology
from terminology import (
    BEHAVIOURS,
    MORPHOLOGIES,
    TOPOGRAPHIES,
    AmbiguousCode,
    BoxSet,
    IcdO,
    Leaf,
    Terminology,
    TerminologyError,
    UnknownCode,
    UnknownSystem,
    parse_icdo,
)
from terminology.build import leaf_grid
from terminology.tablefiles import SHIPPED, Row

EDITIONS = {"2005": "iccc3_2005", "who2008": "iccc3_seer_who2008", "2017": "iccc3_2017"}
SHAPE = (len(MORPHOLOGIES), len(TOPOGRAPHIES), len(BEHAVIOURS))


def table(name: str) -> list[dict[str, str]]:
    with (SHIPPED / f"{name}.tsv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def axes_of(row: dict[str, str]) -> tuple[list[int], list[int], list[int]]:
    """The codes that a rule names, as positions on the axes, by its own words and without the code under test."""
    morphology = [i for i, code in enumerate(MORPHOLOGIES) if int(row["morph_lo"]) <= code <= int(row["morph_hi"])]
    topography = [i for i, code in enumerate(TOPOGRAPHIES) if row["topo_lo"] <= code <= row["topo_hi"]]
    behaviour = [i for i, code in enumerate(BEHAVIOURS) if str(code) in row["behaviours"].split(",")]
    return morphology, topography, behaviour


def classified(terms: Terminology, edition: str) -> npt.NDArray[np.int16]:
    """Leaf numbers of every cell there is."""
    m, t, b = np.indices(SHAPE)
    found = terms.classify(np.array(MORPHOLOGIES)[m.ravel()], t.ravel(), np.array(BEHAVIOURS)[b.ravel()], edition)
    return found.reshape(SHAPE)


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_cell_has_the_leaf_of_the_one_rule_that_names_it_or_none(terms: Terminology, edition: str) -> None:
    expected = np.zeros(SHAPE, np.int16)
    for row in table(EDITIONS[edition]):
        cells = np.ix_(*axes_of(row))
        leaf = int(row["seer_recode_ext"])
        assert not np.any((expected[cells] != 0) & (expected[cells] != leaf)), "no cell lies in two leaves"
        expected[cells] = leaf
    np.testing.assert_array_equal(classified(terms, edition), expected)


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_rule_gives_its_own_group_back(terms: Terminology, edition: str) -> None:
    for row in table(EDITIONS[edition]):
        m, t, b = axes_of(row)
        for i in (0, -1) if m else ():
            icdo = IcdO(TOPOGRAPHIES[t[i]], MORPHOLOGIES[m[i]], BEHAVIOURS[b[i]])
            leaf = terms.group_of(icdo, edition)
            assert (leaf.group, leaf.extended, leaf.seer_recode) == (
                row["site_group"],
                row["extended"],
                row["seer_recode"],
            )


@pytest.mark.parametrize("edition", EDITIONS)
def test_groups_of_one_level_never_overlap_and_main_groups_hold_all_that_is_classified(
    terms: Terminology, edition: str
) -> None:
    main = [group for group in terms.groups(edition) if group.level == "main"]
    total = BoxSet.empty()
    for group in main:
        boxes = terms.meaning("ICCC3", group.code, edition).boxes
        assert not total.overlaps(boxes)
        total |= boxes
    assert ~total == terms.meaning("SEER", "999", edition).boxes
    assert len(main) == 12


@pytest.mark.parametrize(("edition", "leaves"), [("2005", 114), ("who2008", 114), ("2017", 115)])
def test_every_leaf_is_reached_and_stands_at_its_number(terms: Terminology, edition: str, leaves: int) -> None:
    found = terms.leaves(edition)
    assert [leaf.number for leaf in found] == list(range(leaves + 1))
    assert set(np.unique(classified(terms, edition)).tolist()) == set(range(leaves + 1))
    assert found[0] == Leaf(0, "", "", "", "999")
    assert {leaf.seer_recode for leaf in found} >= {"011", "050", "122"}
    assert len({leaf.seer_recode for leaf in found[1:]}) == 48


@pytest.mark.parametrize(
    ("edition", "levels"),
    [
        ("2005", {"main": 12, "sub": 47, "extended": 82}),
        ("who2008", {"main": 12, "sub": 47, "extended": 82}),
        ("2017", {"main": 12, "sub": 47, "extended": 84}),
    ],
)
def test_each_edition_has_its_headings(terms: Terminology, edition: str, levels: dict[str, int]) -> None:
    found = [group.level for group in terms.groups(edition)]
    assert {level: found.count(level) for level in levels} == levels
    assert all(group.rows.startswith(EDITIONS[edition]) for group in terms.groups(edition))


def by_subgroup(
    terms: Terminology, morphologies: list[int], edition: str, behaviour: int = 3
) -> npt.NDArray[np.object_]:
    m, t = np.repeat(morphologies, len(TOPOGRAPHIES)), np.tile(np.arange(len(TOPOGRAPHIES)), len(morphologies))
    leaves = terms.classify(m, t, np.full(len(m), behaviour), edition)
    names = np.array([leaf.group for leaf in terms.leaves(edition)], dtype=object)
    found: npt.NDArray[np.object_] = names[leaves].reshape(len(morphologies), -1)
    return found


def listed(behaviour: str, *columns: str) -> list[int]:
    rows = table("icdo3_morphology")
    return sorted(
        {int(r["morphology"]) for r in rows if r["behaviour"] == behaviour and "yes" in [r[c] for c in columns]}
    )


@pytest.mark.parametrize(
    ("older", "newer", "pairs", "morphologies"),
    [
        ("2005", "who2008", (10_890, 981, 0), (33, 3, 0)),
        ("2005", "2017", (22_510, 4_654, 1_757), (117, 74, 118)),
        ("who2008", "2017", (11_620, 4_031, 1_757), (84, 83, 118)),
    ],
)
def test_editions_differ_by_exactly_the_published_changes(
    terms: Terminology, older: str, newer: str, pairs: tuple[int, ...], morphologies: tuple[int, ...]
) -> None:
    kinds = listed("3", "in_3_1", "in_3_2")
    assert len(kinds) == 639
    old, new = by_subgroup(terms, kinds, older), by_subgroup(terms, kinds, newer)
    changes = [(old == "") & (new != ""), (old != "") & (new != "") & (old != new), (old != "") & (new == "")]
    assert tuple(int(change.sum()) for change in changes) == pairs
    assert tuple(int(change.any(axis=1).sum()) for change in changes) == morphologies


@pytest.mark.parametrize(
    ("edition", "nowhere", "pairs", "benign", "uncertain"),
    [("2005", 57, 41_534, 27, 22), ("who2008", 28, 31_964, 27, 22), ("2017", 1, 21_782, 28, 25)],
)
def test_what_no_group_covers_is_as_much_as_was_counted(
    terms: Terminology, edition: str, nowhere: int, pairs: int, benign: int, uncertain: int
) -> None:
    malignant = by_subgroup(terms, listed("3", "in_3_2"), edition)
    assert malignant.shape == (626, 330)
    assert int((malignant == "").all(axis=1).sum()) == nowhere
    assert int((malignant == "").sum()) == pairs
    for behaviour, count in (("0", benign), ("1", uncertain)):
        found = by_subgroup(terms, listed(behaviour, "in_3_2"), edition, int(behaviour))
        assert int((found != "").any(axis=1).sum()) == count


@pytest.mark.parametrize("edition", EDITIONS)
def test_benign_tumours_count_in_the_nervous_system_only_and_in_situ_ones_nowhere(
    terms: Terminology, edition: str
) -> None:
    found = classified(terms, edition)
    at = {code: i for i, code in enumerate(BEHAVIOURS)}
    np.testing.assert_array_equal(found[:, :, at[0]], found[:, :, at[1]])
    benign = {terms.leaves(edition)[n].group for n in np.unique(found[:, :, at[0]]).tolist()} - {""}
    assert benign == {"III(a)", "III(b)", "III(c)", "III(d)", "III(e)", "III(f)", "X(a)"}
    for behaviour in (2, 6, 9):
        assert not found[:, :, at[behaviour]].any()


CASES = [
    ("9500/3-C74.9", "IV(a)", "IV(a)"),
    ("9421/1-C71.6", "III(b)", "III(b)"),
    ("9421/3-C71.6", "III(b)", "III(b)"),
    ("9591/3-C42.1", "II(b)", "I(a)"),
    ("9930/3-C42.1", "I(e)", "I(b)"),
    ("8963/3-C22.0", "IX(d)", "VII(a)"),
    ("9364/3-C64.9", "VI(a)", "IX(d)"),
    ("9231/3-C40.0", "IX(d)", "VIII(b)"),
    ("9364/3-C80.9", "IX(d)", "IX(d)"),
    ("9751/3-C42.1", "", "II(d)"),
    ("9751/1-C42.1", "", ""),
    ("9080/0-C71.9", "X(a)", "X(a)"),
    ("9080/0-C56.9", "", ""),
    ("8272/3-C75.1", "III(e)", "III(e)"),
    ("9823/3-C77.0", "I(a)", "II(b)"),
    ("8500/6-C50.9", "", ""),
    ("8140/3-C77.0", "", ""),
]


@pytest.mark.parametrize(("code", "in_2005", "in_2017"), CASES)
def test_known_turning_points(terms: Terminology, code: str, in_2005: str, in_2017: str) -> None:
    assert terms.group_of(parse_icdo(code), "2005").group == in_2005
    assert terms.group_of(parse_icdo(code)).group == in_2017


@pytest.mark.parametrize("text", ["IV(a)", "IVa", "IV.a", "IV a", "iv(A)", " 4a ", "4(a)", "IV(a"])
def test_every_notation_of_a_group_is_read(terms: Terminology, text: str) -> None:
    meaning = terms.meaning("iccc3", text)
    assert (meaning.code, meaning.edition, meaning.exact) == ("IV(a)", "2017", True)
    assert meaning.rows == "iccc3_2017 rows 151-152"
    assert meaning.boxes == meaning.certain == BoxSet.where([9490, 9500], None, [3])


@pytest.mark.parametrize(("text", "code"), [("IIb.2", "II(b).2"), ("I(a).1", "I(a).1"), ("I(a.1)", "I(a).1"), ("Ia1", "I(a).1"),
                                            ("IX(d).11", "IX(d).11"), ("V", "V"), ("xii", "XII")])  # fmt: skip
def test_divisions_and_main_groups_are_read(terms: Terminology, text: str, code: str) -> None:
    assert terms.meaning("ICCC3", text).code == code


@pytest.mark.parametrize("text", ["", "XIII", "13a", "IVg", "Z", "IIII", "IV(a)x", "20a", "0a"])
def test_what_is_no_group_is_refused_by_name(terms: Terminology, text: str) -> None:
    with pytest.raises(UnknownCode) as refused:
        terms.meaning("ICCC3", text)
    assert refused.value.code == text


def test_a_group_of_another_edition_is_refused_with_the_editions_that_have_it(terms: Terminology) -> None:
    with pytest.raises(UnknownCode, match=r"2017 has no group VI\(a\).4 .*2005, who2008"):
        terms.meaning("ICCC3", "VI(a).4")
    assert terms.meaning("ICCC3", "VI(a).4", "2005").boxes == BoxSet.point(9364, "C64.9", 3)
    with pytest.raises(UnknownCode, match="V\\(a\\)"):
        terms.meaning("ICCC3", "V(a)")


@pytest.mark.parametrize(
    ("number", "readings"),
    [
        ("042", (("SEER:042", "IV(b)"), ("SEEREXT:042", "VII(a).2"))),
        ("11", (("SEER:011", "I(a)"), ("SEEREXT:011", "II(b).2"))),
        ("122", (("SEER:122", "XII(b)"),)),
        ("058", (("SEEREXT:058", "IX(b).3"),)),
    ],
)
def test_a_number_without_its_system_is_refused_with_all_it_can_mean(
    terms: Terminology, number: str, readings: tuple[tuple[str, str], ...]
) -> None:
    assert terms.seer_readings(number) == readings
    with pytest.raises(AmbiguousCode) as refused:
        terms.meaning("ICCC3", number)
    assert refused.value.readings == tuple(term for term, _ in readings)
    for term, code in readings:
        system, _, digits = term.partition(":")
        edition = "2017"
        assert terms.meaning(system, digits, edition).boxes == terms.meaning("ICCC3", code).boxes


def test_a_number_that_no_series_has_is_unknown(terms: Terminology) -> None:
    assert terms.seer_readings("700") == ()
    with pytest.raises(UnknownCode) as refused:
        terms.meaning("ICCC3", "700")
    assert not isinstance(refused.value, AmbiguousCode)
    for system in ("SEER", "SEEREXT"):
        with pytest.raises(UnknownCode):
            terms.meaning(system, "700")


def test_seer_recodes_mean_the_same_in_every_edition_and_extended_ones_need_theirs(terms: Terminology) -> None:
    for edition in EDITIONS:
        assert terms.meaning("SEER", "041", edition).boxes == terms.meaning("ICCC3", "IV(a)", edition).boxes
    assert terms.meaning("SEEREXT", "033").code == "033"
    with pytest.raises(AmbiguousCode) as refused:
        terms.meaning("SEEREXT", "058")
    assert refused.value.readings == ("SEEREXT|2005:058", "SEEREXT|who2008:058", "SEEREXT|2017:058")
    with pytest.raises(AmbiguousCode):
        terms.meaning("SEEREXT", "115")
    assert terms.meaning("SEEREXT", "058", "2005").boxes == terms.meaning("ICCC3", "IX(c)", "2005").boxes


def test_recodes_can_be_looked_up_and_listed(terms: Terminology) -> None:
    assert dict(terms.lookup("SEER", "041").properties) == {"iccc3": "IV(a)"}
    assert terms.lookup("SEER", "999").name == "Not classified by ICCC-3"
    assert dict(terms.lookup("SEEREXT", "058", "2005").properties) == {"iccc3": "IX(c)"}
    assert len(list(terms.codes("SEER"))) == 49
    assert len(list(terms.codes("SEEREXT", "2005"))) == 114
    assert terms.descendants("SEER", "041") == {"041"}
    assert terms.descendants("SEEREXT", "033") == {"033"}


def test_a_group_can_be_looked_up(terms: Terminology) -> None:
    concept = terms.lookup("ICCC3", "2a", "2005")
    assert (concept.code, concept.parents, concept.editions) == ("II(a)", ("II",), ("2005", "who2008", "2017"))
    assert dict(concept.properties) == {"level": "sub", "seer_recode": "021", "seer_recode_extended_2005": "009"}
    assert terms.lookup("ICCC3", "I", "2005").name != terms.lookup("ICCC3", "I").name
    assert terms.lookup("ICCC3", "I").parents == ()


def test_below_a_group_stand_its_subgroups_and_divisions(terms: Terminology) -> None:
    assert terms.descendants("ICCC3", "VI") == {
        "VI", "VI(a)", "VI(a).1", "VI(a).2", "VI(a).3", "VI(b)", "VI(c)"
    }  # fmt: skip
    assert terms.descendants("ICCC3", "V") == {"V"}
    assert len(terms.descendants("ICCC3", "I")) == 10
    assert list(terms.codes("ICCC3"))[:3] == ["I", "I(a)", "I(a).1"]


def test_editions_have_their_aliases_and_others_are_refused(terms: Terminology) -> None:
    assert terms.meaning("ICCC3", "I", "WHO2008").edition == "who2008"
    assert terms.meaning("ICCC3", "I", "2008").edition == "who2008"
    with pytest.raises(UnknownSystem, match="no edition '1996'"):
        terms.meaning("ICCC3", "I", "1996")


def test_a_tumour_of_which_a_part_is_unknown_has_the_groups_it_can_have(terms: Terminology) -> None:
    assert [leaf.code for leaf in terms.possible_groups(IcdO("C74.9", 9500, 3))] == ["IV(a)"]
    assert terms.group_of(IcdO(None, 9500, 3)).group == "IV(a)"
    assert terms.group_of(IcdO("C71", 9421, 1)).group == "III(b)"
    assert [leaf.code for leaf in terms.possible_groups(IcdO("C74.9", 9500))] == ["", "IV(a)"]
    with pytest.raises(AmbiguousCode) as refused:
        terms.group_of(IcdO("C74.9", 9500))
    assert refused.value.readings == ("no group", "IV(a)")
    assert len(terms.possible_groups(IcdO())) == 116


def test_a_table_with_codes_that_do_not_exist_has_no_group_there(terms: Terminology) -> None:
    found = terms.classify([9500, 9999, -1, 12345, 9500, 9500, 9500], [3, 3, 3, 3, -1, 400, 3], [3, 3, 3, 3, 3, 3, 5])
    assert found.dtype == np.int16
    assert not found[1:].any()
    small = terms.classify(np.array([9500], np.uint16), np.array([3], np.int16), np.array([3], np.int8))
    assert terms.leaves()[small[0]].code == terms.group_of(IcdO(TOPOGRAPHIES[3], 9500, 3)).code


def test_rules_that_overlap_stop_the_build() -> None:
    rule = {"morph_lo": "9490", "morph_hi": "9500", "topo_lo": "C00.0", "topo_hi": "C80.9", "behaviours": "3",
            "seer_recode_ext": "033", "edition": "2017"}  # fmt: skip
    other = rule | {"morph_hi": "9490", "seer_recode_ext": "034"}
    assert leaf_grid([Row(1, rule), Row(2, rule)]).any()
    with pytest.raises(TerminologyError, match="row 2 overlaps another group of edition 2017"):
        leaf_grid([Row(1, rule), Row(2, other)])


def test_the_tables_come_with_the_package() -> None:
    assert Path(terminology.__file__).parent / "tables" == SHIPPED

"""Tables of text codes: the same groups as one by one, what is unknown left open, nothing lost."""

from __future__ import annotations

import csv
from io import StringIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from terminology import BEHAVIOURS, MORPHOLOGIES, TOPOGRAPHIES, IcdO, LoadFailed, Terminology, UnknownCode, parse_icdo
from terminology import classification as module
from terminology.classification import TableClassifier, Tally, classify_csv, parse_columns, read_tumour


def run(terms: Terminology, text: str, *, extended: bool = False) -> tuple[list[dict[str, str]], Tally]:
    target = StringIO()
    tally = classify_csv(TableClassifier(terms, extended=extended), StringIO(text, newline=""), target, "cases.csv")
    return list(csv.DictReader(StringIO(target.getvalue()))), tally


def test_the_same_rows_come_out_with_their_groups(terms: Terminology) -> None:
    rows, tally = run(
        terms,
        'id,topography,morphology,behaviour,remark\n1,C74.9,9500,3,"a, ""b"""\n2,c64.9,9364/3,,ä\n3,C77.0,8140,3,\n',
    )
    assert list(rows[0]) == ["id", "topography", "morphology", "behaviour", "remark",
                             "iccc3_2005", "iccc3_2017", "seer_recode", "note"]  # fmt: skip
    assert rows[0]["remark"] == 'a, "b"'
    assert [(r["id"], r["iccc3_2005"], r["iccc3_2017"], r["seer_recode"]) for r in rows] == [
        ("1", "IV(a)", "IV(a)", "041"),
        ("2", "VI(a)", "IX(d)", "094"),
        ("3", "", "", "999"),
    ]
    assert rows[0]["note"] == ""
    assert rows[2]["note"] == "no group in iccc3_2005; no group in iccc3_2017"
    assert tally == Tally(classified=2, no_group=1, possible=0, refused=0)


def test_divisions_are_added_on_request(terms: Terminology) -> None:
    rows, _ = run(terms, "topography,morphology\nC42.1,9836/3\n", extended=True)
    assert (rows[0]["iccc3_2017"], rows[0]["iccc3_2005_extended"], rows[0]["iccc3_2017_extended"]) == (
        "I(a)", "I(a).1", "I(a).1"
    )  # fmt: skip


def test_what_is_not_known_is_left_open_and_said(terms: Terminology) -> None:
    rows, tally = run(
        terms, "topography,morphology,behavior\nC71,9421,1\nC71,9421,\n,9500/3,\n,,\nC71,8000,3\nC71,9064,3\n"
    )
    assert [row["iccc3_2017"] for row in rows] == ["III(b)", "", "IV(a)", "", "III(f)", "X(a)"]
    assert rows[1]["note"].endswith("iccc3_2017 is one of no group, III(b)")
    assert rows[3]["note"] == "iccc3_2005 is one of 49 groups; iccc3_2017 is one of 49 groups"
    assert rows[3]["seer_recode"] == ""
    assert (tally.classified, tally.possible) == (4, 2)


def test_codes_that_do_not_exist_or_contradict_are_named_in_their_row(terms: Terminology) -> None:
    rows, tally = run(
        terms, "topography,morphology,behaviour\nC74.9,9999,3\nC14.1,9500,3\nC74.9,9500/3,1\nC74.9,9500/3,3\n"
    )
    assert "no morphology 9999" in rows[0]["note"]
    assert "no topography C14.1" in rows[1]["note"]
    assert "behaviour 1 contradicts 9500/3" in rows[2]["note"]
    assert rows[0]["seer_recode"] == ""
    assert (tally.refused, tally.classified) == (3, 1)


def test_a_code_of_no_list_is_classified_and_noted(terms: Terminology) -> None:
    rows, _ = run(terms, "topography,morphology,behaviour\nC50.9,8500,6\n")
    assert rows[0]["seer_recode"] == "999"
    assert "8500/6 is in no list" in rows[0]["note"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_that_of_the_header(terms: Terminology, delimiter: str) -> None:
    target = StringIO()
    source = StringIO(
        f"\ufeffx{delimiter}Topography{delimiter}MORPHOLOGY\n1{delimiter}C74.9{delimiter}95003\n\n".lstrip("\ufeff")
    )
    classify_csv(TableClassifier(terms), source, target, "cases.csv")
    assert target.getvalue().splitlines()[1] == delimiter.join(["1", "C74.9", "95003", "IV(a)", "IV(a)", "041", ""])
    assert len(target.getvalue().splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "cases.csv: is empty"),
        ("\n", "cases.csv: is empty"),
        ("id,morphology\n", "line 1: has no column topography"),
        ("id\n", "line 1: has no column topography and morphology"),
        ("topography,morphology\nC74.9\n", "line 2: has 1 columns"),
        ("topography,morphology\nC74.9,9500/3\nC74.9,9500/3,3\n", "line 3: has 3 columns"),
        ("topography,morphology\nC74.9," + "9" * 140_000 + "\n", "line 2: cannot be read: field larger"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_with_its_line(terms: Terminology, text: str, fault: str) -> None:
    with pytest.raises(LoadFailed, match=fault):
        run(terms, text)


spellings = st.sampled_from(["{m}", "{m}/{b}", "{m}{b}", "M-{m}{b}", " {m}-{b}", "{m}/{b} "])
tumours = st.tuples(
    st.sampled_from(MORPHOLOGIES), st.sampled_from(TOPOGRAPHIES), st.sampled_from(BEHAVIOURS), spellings, st.booleans()
)


@settings(max_examples=50, deadline=None)
@given(st.lists(tumours, max_size=20))
def test_columns_of_text_give_what_single_codes_give(
    terms: Terminology, cases: list[tuple[int, str, int, str, bool]]
) -> None:
    morphology = [spelling.format(m=m, b=b) for m, _, b, spelling, _ in cases]
    topography = [t if dotted else t.replace(".", "").lower() for _, t, _, _, dotted in cases]
    behaviour = [str(b) for _, _, b, _, _ in cases]
    leaves = terms.classify(*parse_columns(topography, morphology, behaviour))
    expected = [terms.group_of(IcdO(t, m, b)).number for m, t, b, _, _ in cases]
    assert leaves.tolist() == expected
    text = "topography,morphology,behaviour\n" + "".join(
        f"{t},{m},{b}\n" for t, m, b in zip(topography, morphology, behaviour, strict=True)
    )
    rows, _ = run(terms, text)
    assert [row["iccc3_2017"] for row in rows] == [terms.leaves()[n].group for n in expected]


def test_columns_mark_what_cannot_be_read() -> None:
    m, t, b = parse_columns(
        ["C74.9", "C74", "", "x", "C74.9", "C74.9"],
        ["9500/3", "9500", "9500", "9999", "9500/3", "9500/3"],
        ["", "3", "", "3", "1", "3"],
    )
    assert m.tolist() == [9500, 9500, 9500, -1, 9500, 9500]
    assert (t >= 0).tolist() == [True, False, False, False, True, True]
    assert b.tolist() == [3, 3, -1, 3, -1, 3]
    assert [array.dtype for array in (m, t, b)] == [np.int32, np.int16, np.int8]


def test_a_file_of_garbage_does_not_fill_the_memory(terms: Terminology, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 5)
    texts = [f"x{i}" for i in range(50)]
    m, _, _ = parse_columns(texts, texts, texts)
    assert set(m.tolist()) == {-1}
    rows, tally = run(terms, "topography,morphology\n" + "".join(f"C74.9,x{i}\n" for i in range(50)))
    assert (len(rows), tally.refused) == (50, 50)


def test_one_tumour_is_read_from_three_texts() -> None:
    assert read_tumour("C749", "M-95003", " ") == parse_icdo("9500/3-C74.9")
    assert read_tumour("", "", "") == IcdO()
    assert read_tumour("C74", "9500", "/3") == IcdO("C74", 9500, 3)
    with pytest.raises(UnknownCode, match="contradicts"):
        read_tumour("C74", "9500/3", "0")

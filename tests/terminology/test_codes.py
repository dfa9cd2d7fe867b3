"""Every notation of ICD-O-3 met in the field gives one form; what does not exist is refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminology import (
    BEHAVIOURS,
    MORPHOLOGIES,
    TOPOGRAPHIES,
    IcdO,
    UnknownCode,
    parse_behaviour,
    parse_icdo,
    parse_morphology,
    parse_topography,
)

NOTATIONS = {
    "9500/3": IcdO(None, 9500, 3),
    "95003": IcdO(None, 9500, 3),
    "9500-3": IcdO(None, 9500, 3),
    "M-95003": IcdO(None, 9500, 3),
    "M-9500/3": IcdO(None, 9500, 3),
    "m95003": IcdO(None, 9500, 3),
    "9500": IcdO(None, 9500),
    "C74.9": IcdO("C74.9"),
    "C749": IcdO("C74.9"),
    "749": IcdO("C74.9"),
    "000": IcdO("C00.0"),
    "C74": IcdO("C74"),
    "c74.9": IcdO("C74.9"),
    "pgx:icdom-95003": IcdO(None, 9500, 3),
    "pgx:icdot-C74.9": IcdO("C74.9"),
    "9500/3-C74.9": IcdO("C74.9", 9500, 3),
    "9500-3-C749": IcdO("C74.9", 9500, 3),
    "95003 C749": IcdO("C74.9", 9500, 3),
    "9500/3-C74": IcdO("C74", 9500, 3),
    "9500/3-NULL": IcdO(None, 9500, 3),
    "9500/3-null": IcdO(None, 9500, 3),
    "NULL-C74.9": IcdO("C74.9"),
    " 9500 / 3 ": IcdO(None, 9500, 3),
    "\t9500/3 - c74.9\n": IcdO("C74.9", 9500, 3),
}


@pytest.mark.parametrize(("text", "code"), NOTATIONS.items())
def test_every_notation_gives_one_form(text: str, code: IcdO) -> None:
    assert parse_icdo(text) == code


@pytest.mark.parametrize(
    "text",
    ["", " ", "abc", "7", "74", "C7", "C7541", "9500/", "9500/33", "950033", "NULL", "NULL-NULL", "NA", "9500/3-",
     "C74.9-9500/3", "9500/3-749", "٩٥٠٠/3", "C74.9.1", "95003-C74.9-C74.9"],
)  # fmt: skip
def test_what_is_no_notation_is_refused(text: str) -> None:
    with pytest.raises(UnknownCode, match="no notation") as refused:
        parse_icdo(text)
    assert refused.value.code == text


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("9999/3", "no morphology 9999"),
        ("7999", "no morphology 7999"),
        ("C14.1", "no topography C14.1"),
        ("C43.9", "no topography C43.9"),
        ("C78", "no topography C78"),
        ("9500/4", "no behaviour /4"),
        ("9500/3-C14.1", "no topography C14.1"),
        ("9999/3-C74.9", "no morphology 9999"),
    ],
)
def test_a_code_that_does_not_exist_is_refused_by_name(text: str, fault: str) -> None:
    with pytest.raises(UnknownCode, match=fault) as refused:
        parse_icdo(text)
    assert (refused.value.system, refused.value.code) == ("ICDO3", text)
    assert refused.value.expected


def test_each_axis_reads_its_own_codes_only() -> None:
    assert parse_topography(" c749 ") == "C74.9"
    assert parse_topography("749") == "C74.9"
    assert parse_morphology("M-9500/3") == (9500, 3)
    assert parse_morphology("9500") == (9500, None)
    assert [parse_behaviour(text) for text in ("3", "/3", " 0 ")] == [3, 3, 0]
    for parse, text in [
        (parse_topography, "9500/3"),
        (parse_topography, "9500/3-C74.9"),
        (parse_topography, "C99.9"),
        (parse_morphology, "C74.9"),
        (parse_morphology, "9500/3-C74.9"),
        (parse_behaviour, "4"),
        (parse_behaviour, ""),
        (parse_behaviour, "33"),
        (parse_behaviour, "x"),
    ]:
        with pytest.raises(UnknownCode):
            parse(text)  # type: ignore[operator]


def test_the_axes_are_those_of_the_lists() -> None:
    assert len(TOPOGRAPHIES) == 330
    assert len({code[:3] for code in TOPOGRAPHIES}) == 70
    assert len(MORPHOLOGIES) == 868
    assert 8157 in MORPHOLOGIES, "only the ICD-10 conversion and the ICCC-3 ranges name it"
    assert BEHAVIOURS == (0, 1, 2, 3, 6, 9)
    assert not {"C14.1"} & set(TOPOGRAPHIES)
    assert not {"C43", "C45", "C46", "C59", "C78", "C79"} & {code[:3] for code in TOPOGRAPHIES}


codes = st.builds(
    IcdO,
    st.sampled_from([None, *TOPOGRAPHIES]),
    st.sampled_from(MORPHOLOGIES),
    st.sampled_from([None, *BEHAVIOURS]),
) | st.builds(IcdO, st.sampled_from(TOPOGRAPHIES))


@given(codes)
def test_what_is_written_is_read_back(code: IcdO) -> None:
    assert parse_icdo(str(code)) == code
    assert parse_icdo(str(code).replace(".", "").lower()) == code


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        code = parse_icdo(text)
    except UnknownCode:
        return
    assert parse_icdo(str(code)) == code

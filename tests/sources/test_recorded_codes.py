"""An ICD-10 code beside the axes: it decides where they are missing, and is never surely wrong where they say no."""

from __future__ import annotations

import pytest

import terminology
from gateway.model.case import Case, Diagnosis
from gateway.model.query import Term
from gateway.model.values import Absent, Truth
from gateway.sources.evaluate import evaluate
from gateway.sources.testing import diagnosis_in

UNKNOWN = Absent.UNKNOWN
CONTRARY = Diagnosis("C74.9", 9490, 6, icd10="C74.9")
ALONE = Diagnosis(UNKNOWN, UNKNOWN, UNKNOWN, icd10="C74.9")


@pytest.mark.parametrize(
    ("diagnosis", "term", "expected"),
    [
        (CONTRARY, Term("ICD10", "C74.9"), Truth.POSSIBLE),
        (CONTRARY, Term("ICD10", "C74"), Truth.POSSIBLE),
        (CONTRARY, Term("ICD10", "C74.0"), Truth.NO),
        (CONTRARY, Term("ICD10", "C71"), Truth.NO),
        (CONTRARY, Term("ICDO3", "9490/6"), Truth.YES),
        (CONTRARY, Term("ICDO3", "9490/3"), Truth.NO),
        (Diagnosis("C74.9", 9490, 6), Term("ICD10", "C74"), Truth.NO),
        (Diagnosis("C74.9", 9490, 3, icd10="C71.9"), Term("ICD10", "C74"), Truth.YES),
        (ALONE, Term("ICD10", "C74"), Truth.YES),
        (ALONE, Term("ICD10", "C71"), Truth.NO),
    ],
)
def test_a_recorded_code_and_the_axes(diagnosis: Diagnosis, term: Term, expected: Truth) -> None:
    known = terminology.load()
    assert evaluate(diagnosis_in("diagnosis", term, known), Case("one", "c", "p", diagnosis), known) is expected

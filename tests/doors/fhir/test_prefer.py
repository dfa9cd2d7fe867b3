"""Prefer headers are read as RFC 7240 has them."""

from __future__ import annotations

import pytest

from gateway.doors.fhir.wire.prefer import preferences
from tests.doors.fhir.client import Client

LENIENT = [
    ["handling=lenient"],
    ["handling = lenient"],
    ["handling\t=\tlenient"],
    ["Handling=Lenient"],
    ['handling="lenient"'],
    ["respond-async, wait=10, handling=lenient"],
    ["respond-async; wait=10", "handling=lenient"],
    ["return=minimal; handling=lenient"],
    ['foo="a, handling=strict; b", handling=lenient'],
    ['foo="a\\", handling=strict", handling=lenient'],
    ["handling=lenient", "handling=strict"],
    [",, ; handling=lenient;"],
]
STRICT = [
    [],
    [""],
    ["handling=strict"],
    ["handling"],
    ["handling=lenient2"],
    ["xhandling=lenient"],
    ['foo="handling=lenient"'],
    ['foo="a, handling=lenient"'],
    ["handling=strict, handling=lenient"],
]


@pytest.mark.parametrize(("headers", "status"), [*((each, 200) for each in LENIENT), *((each, 400) for each in STRICT)])
def test_handling_is_found_wherever_it_stands(client: Client, headers: list[str], status: int) -> None:
    answer = client.get("/Condition?colour=red&_count=1", headers=[("Prefer", header) for header in headers])
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    "header", ["handling=strict; require-complete=true", "Require-Complete", "require-complete = true"]
)
def test_a_complete_answer_may_be_preferred(header: str) -> None:
    assert preferences([header])["require-complete"] in ("", "true")


def test_a_header_of_many_quotes_takes_no_time() -> None:
    assert preferences(['"\\"' * 30_000]) == {}

"""Data that is renewed while a question is answered: never an answer over two snapshots."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from gateway.doors.fhir import create
from gateway.model.answer import SourceAnswer
from gateway.model.query import CaseQuery
from tests.doors.fhir.client import Client, issues, link_of, matches
from tests.doors.fhir.registries import ListedRegistry, gateway_of, make_cases, registry

PATHS = (
    "/Condition?_count=5",
    "/Patient?_count=5",
    "/Condition?_count=5&_include=Condition:subject",
    "/Observation?_count=5",
)


@dataclass
class Renewed(ListedRegistry):
    """A registry that loads anew just before it gives a page; `waiting` holds the files to come."""

    waiting: list[Any] = field(default_factory=list)

    async def answer(self, query: CaseQuery, deadline: object) -> SourceAnswer:
        if query.page is not None and self.waiting:
            self.cases = self.waiting.pop(0)
            self.ability = replace(self.ability, snapshot=f"{self.id}-{len(self.waiting) + 2}")
        return await super().answer(query, deadline)


def served() -> tuple[Renewed, Client]:
    plain = registry("one", "FR", make_cases("one", "FR", 40, 1))
    source = Renewed(plain.id, plain.cases, plain.ability)
    return source, Client(create(gateway_of(source)))


@pytest.mark.parametrize("path", PATHS)
def test_a_page_comes_from_one_snapshot(path: str) -> None:
    source, client = served()
    new = make_cases("one", "FR", 40, 2)
    source.waiting = [new]
    other = registry("one", "FR", new)
    other.ability = replace(other.ability, snapshot="one-2")
    expected = Client(create(gateway_of(other))).json(path)
    found = client.json(path)
    assert matches(found) == matches(expected)
    assert found.get("total") == expected.get("total")


@pytest.mark.parametrize("path", PATHS)
def test_a_later_page_of_data_that_is_renewed_meanwhile_is_gone(path: str) -> None:
    source, client = served()
    link = str(link_of(client.json(path), "next"))
    source.waiting = [make_cases("one", "FR", 40, 2)]
    gone = client.json(link.removeprefix("http://gateway.test/fhir"), status=410)
    assert issues(gone)[0]["location"] == ["http._cursor"]


def test_data_that_is_renewed_all_the_time_gives_no_answer_and_not_a_wrong_one() -> None:
    source, client = served()
    source.waiting = [make_cases("one", "FR", 40, seed) for seed in range(50)]
    assert client.get("/Condition?_count=5").status_code == 503


def test_every_place_between_two_kinds_of_observations_is_held_to_its_snapshot() -> None:
    source, client = served()
    link = next(
        str(found)
        for count in range(1, 60)
        if "~" in (found := link_of(client.json(f"/Observation?_count={count}"), "next") or "") or "%7E" in str(found)
    )
    path = link.removeprefix("http://gateway.test/fhir")
    assert matches(client.json(path))
    source.ability = replace(source.ability, snapshot="one-2")
    assert client.json(path, status=410)
    assert client.get(path.replace("~", "~0", 1)).status_code == 400
    assert client.get("/Observation?_cursor=grade.").status_code == 400

"""`require-complete`: all or nothing, for those who cannot use an answer in part."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.doors.fhir import create
from tests.doors.fhir.client import Client, Json, bounds
from tests.doors.fhir.registries import CANNOT, GONE, gateway_of, make_cases, registry


def client_of(policy: str = "open", **more: Any) -> Client:
    """One registry that answers, and one that may not."""
    names = ("good", "other")
    sources = [registry(name, name[:2].upper(), make_cases(name, "FR", 20, 4)) for name in names]
    for name, value in more.items():
        setattr(sources[1], name, value)
    return Client(
        create(
            gateway_of(*sources, policies={"other": policy}, deadline_seconds=1.0 if "delay_seconds" in more else 8.0)
        )
    )


def sources_of(outcome: Json) -> set[str]:
    return {
        part["valueString"]
        for issue in outcome["issue"]
        for extension in issue.get("extension", [])
        for part in extension["extension"]
        if part["url"] == "source"
    }


TROUBLE: list[tuple[dict[str, Any], int, str]] = [
    ({"error": GONE}, 503, "/Condition?"),
    ({"delay_seconds": 5}, 503, "/Condition?"),
    ({"error": CANNOT}, 422, "/Patient?"),
    ({"policy": "closed"}, 422, "/Condition?"),
    ({"policy": "count"}, 422, "/Condition?"),
    ({"error": GONE}, 503, "/Condition?_summary=count&"),
    ({"error": GONE}, 503, "/Condition?_total=none&"),
    ({}, 422, "/Condition?onset-date=lt2015-01-05&"),
]


@pytest.mark.parametrize(("trouble", "status", "path"), TROUBLE)
def test_an_answer_in_part_is_refused_and_names_each_source(trouble: dict[str, Any], status: int, path: str) -> None:
    client = client_of(**trouble)
    assert client.get(path.rstrip("?&")).status_code == 200
    by_parameter = client.json(f"{path}require-complete=true", status=status)
    header = {"prefer": "handling=strict; require-complete=true"}
    by_header = client.json(path.rstrip("?&"), status=status, headers=header)
    for refused in (by_parameter, by_header):
        first = refused["issue"][0]
        assert (first["severity"], first["code"]) == ("error", "incomplete")
        assert first["location"] == ["http.require-complete"]
        assert "other" in sources_of(refused)


@pytest.mark.parametrize("path", ["/Condition?_source=good", "/Patient", "/Condition?_id=good.c1", "/ValueSet"])
def test_a_complete_answer_is_the_same_with_and_without(path: str) -> None:
    client = client_of()
    mark = "&" if "?" in path else "?"
    whole = client.json(path)
    required = client.json(f"{path}{mark}require-complete=true")
    assert bounds(required) == bounds(whole)
    assert required["entry"] == whole["entry"]
    assert "require-complete=true" in required["link"][0]["url"]
    assert client.json(path, headers={"prefer": "handling=strict, require-complete=true"}) == whole


def test_a_value_that_is_no_truth_is_refused() -> None:
    refused = client_of().json("/Condition?require-complete=yes", status=400)
    assert refused["issue"][0]["location"] == ["http.require-complete"]
    assert client_of(error=GONE).get("/Condition?require-complete=false").status_code == 200


def test_it_is_declared_for_every_type() -> None:
    client = client_of()
    declared = client.json("/metadata")["rest"][0]["searchParam"]
    assert [item["name"] for item in declared] == ["require-complete"]
    assert client.json(f"/SearchParameter/{declared[0]['definition'].rpartition('/')[2]}")["type"] == "special"

"""Pages of individuals: every individual once, in order, by token and by number of pages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.doors.beacon import create
from tests.doors.asgi import Client
from tests.doors.beacon.checks import faults
from tests.doors.beacon.registries import gateway_of, make_cases, registry

FILTER = "NCIT:C20197"


def ids(answer: dict[str, Any]) -> list[str]:
    return [record["id"] for item in answer["response"]["resultSets"] for record in item["results"]]


def everybody(client: Client, **parameters: Any) -> list[str]:
    return ids(client.get("/individuals", params={"limit": 0, **parameters}).json())


@pytest.mark.parametrize("limit", [1, 7, 50, 1000])
def test_following_the_token_gives_each_individual_once(client: Client, limit: int) -> None:
    found: list[str] = []
    parameters: dict[str, Any] = {"limit": limit, "filters": FILTER}
    for _ in range(400):
        answer = client.get("/individuals", params=parameters).json()
        assert faults(answer) == []
        found += ids(answer)
        token = answer["meta"]["receivedRequestSummary"]["pagination"].get("nextPage")
        assert token == answer["info"].get("nextPage")
        if token is None:
            break
        parameters["nextPage"] = token
    assert found == everybody(client, filters=FILTER)
    assert len(set(found)) == len(found) > 60


@settings(deadline=None, max_examples=25)
@given(skip=st.integers(0, 40), limit=st.integers(1, 60))
def test_skip_counts_pages(client: Client, skip: int, limit: int) -> None:
    answer = client.get("/individuals", params={"skip": skip, "limit": limit, "filters": FILTER}).json()
    assert faults(answer) == []
    assert ids(answer) == everybody(client, filters=FILTER)[skip * limit : (skip + 1) * limit]
    pagination = answer["meta"]["receivedRequestSummary"]["pagination"]
    assert (pagination["skip"], pagination["limit"]) == (skip, limit)


def test_the_total_does_not_change_from_page_to_page(client: Client) -> None:
    totals = {
        client.get("/individuals", params={"skip": skip, "limit": 9}).json()["responseSummary"]["numTotalResults"]
        for skip in (0, 3, 11, 500)
    }
    assert len(totals) == 1


def test_skipping_further_than_can_be_walked_is_refused_with_the_way_out(client: Client) -> None:
    response = client.get("/individuals", params={"skip": 101, "limit": 100})
    assert response.status_code == 400
    assert "nextPage" in response.json()["error"]["errorMessage"]


def test_a_token_of_another_question_or_of_nobody_is_refused(client: Client) -> None:
    token = client.get("/individuals", params={"limit": 1}).json()["info"]["nextPage"]
    other = client.get("/individuals", params={"limit": 1, "nextPage": token, "filters": FILTER})
    assert other.status_code == 400
    forged = client.get("/individuals", params={"nextPage": "AAAA" + token[4:]})
    assert forged.status_code == 400
    assert "token" in forged.json()["error"]["errorMessage"]


def test_a_token_of_renewed_data_is_gone() -> None:
    source = registry("aa", "FR", make_cases("aa", "FR", 30, 1))
    client = Client(create(gateway_of(source)))
    token = client.get("/individuals", params={"limit": 3}).json()["info"]["nextPage"]
    source.ability = type(source.ability)(**{**_fields(source.ability), "snapshot": "aa-2"})
    assert client.get("/individuals", params={"limit": 3, "nextPage": token}).status_code == 410


def _fields(ability: Any) -> dict[str, Any]:
    return {name: getattr(ability, name) for name in ability.__dataclass_fields__}


def test_every_individual_is_found_again_by_its_id(client: Client) -> None:
    for identifier in everybody(client)[::29]:
        answer = client.get(f"/individuals/{identifier}").json()
        assert ids(answer) == [identifier]
        assert answer["responseSummary"]["numTotalResults"] == 1


def test_an_unknown_id_is_not_found_and_not_repeated(client: Client) -> None:
    for identifier in ("fr-one.nobody-4711", "nowhere.p4711", "p4711"):
        response = client.get(f"/individuals/{identifier}")
        assert response.status_code == 404
        assert "4711" not in response.text


def test_whether_an_id_exists_is_not_told_where_records_are_not_released() -> None:
    cases = make_cases("aa", "FR", 60, 1)
    client = Client(create(gateway_of(registry("aa", "FR", cases), policies={"aa": "count"})))
    answers = [client.get(f"/individuals/aa.{name}") for name in (cases[0].patient_id, "nobody")]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].content == answers[1].content


def test_datasets_and_terms_have_pages_too(client: Client) -> None:
    names = [item["id"] for item in client.get("/datasets").json()["response"]["collections"]]
    assert names == ["de-two", "fr-one", "us-three"]
    second = client.get("/datasets", params={"skip": 1, "limit": 2}).json()
    assert [item["id"] for item in second["response"]["collections"]] == ["us-three"]
    assert second["responseSummary"]["numTotalResults"] == 3
    terms = client.get("/filtering_terms").json()["response"]["filteringTerms"]
    assert client.get("/filtering_terms", params={"limit": 0}).json()["response"]["filteringTerms"] == terms
    page = client.get("/filtering_terms", params={"limit": 7, "skip": 2}).json()["response"]["filteringTerms"]
    assert page == terms[14:21]

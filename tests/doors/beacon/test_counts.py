"""What a Beacon answer says of counts: exact, imprecise, withheld, and who did not answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

import terminology
from gateway.disclosure.released import ReleasedAnswer, ReleasedCount, ReleasedSource
from gateway.doors.beacon import create
from gateway.doors.beacon.parse import BeaconRequest
from gateway.doors.beacon.render import Beacon, answer_body
from gateway.model.answer import Status
from gateway.model.capability import Coverage, Granularity
from gateway.model.query import CaseQuery
from gateway.model.values import Precision
from tests.doors.asgi import Client
from tests.doors.beacon.checks import faults
from tests.doors.beacon.registries import ListedRegistry, gateway_of, make_cases, patients, registry

BEACON = Beacon("org.example.gateway", "Example", "http://127.0.0.1:8080")


def exact(name: str, country: str, count: int, **more: Any) -> ListedRegistry:
    return registry(name, country, make_cases(name, country, count, len(name), partial=False), **more)


def ask(*sources: ListedRegistry, url: str = "/individuals", parameters: Any = None, **more: Any) -> dict[str, Any]:
    response = Client(create(gateway_of(*sources, **more))).get(url, params=parameters or {})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert faults(answer) == []
    return answer


def sets_of(answer: dict[str, Any]) -> dict[str, Any]:
    return {item["id"]: item for item in answer["response"]["resultSets"]}


def test_exact_counts_of_patients_add_up() -> None:
    one, two = exact("aa", "FR", 90), exact("bbb", "DE", 70)
    answer = ask(one, two, parameters={"requestedGranularity": "count"})
    summary = answer["responseSummary"]
    expected = patients(one.cases) + patients(two.cases)
    assert summary == {"exists": True, "numTotalResults": expected, "countPrecision": "exact"}
    assert {name: item["resultsCount"] for name, item in sets_of(answer).items()} == {
        "aa": patients(one.cases),
        "bbb": patients(two.cases),
    }
    assert "warnings" not in answer["info"]
    assert "resultCountDescription" not in answer["info"]


def test_a_registry_that_does_not_answer_in_time_is_named_and_never_counts_as_zero() -> None:
    slow = exact("slow", "DE", 50, delay=5.0)
    answer = ask(
        exact("aa", "FR", 90),
        slow,
        parameters={"includeResultsetResponses": "ALL", "requestedGranularity": "count"},
        deadline_seconds=0.3,
    )
    assert answer["responseSummary"]["countPrecision"] == "imprecise"
    assert answer["info"]["resultCountDescription"] == {
        "minRange": answer["responseSummary"]["numTotalResults"],
        "maxRange": None,
    }
    assert set(sets_of(answer)) == {"aa"}
    node = next(node for node in answer["info"]["nodes"] if node["sourceId"] == "slow")
    assert (node["status"], node["countPrecision"], node["low"], node["high"]) == ("timeout", None, None, None)
    assert any("slow" in sentence for sentence in answer["info"]["warnings"]["sources"])


def test_a_registry_that_is_gone_or_could_not_be_opened_is_named() -> None:
    answer = ask(exact("aa", "FR", 90), exact("dead", "DE", 5, gone=True), broken={"shut": "no snapshot yet"})
    status = {node["sourceId"]: node["status"] for node in answer["info"]["nodes"]}
    assert status == {"aa": "ok", "dead": "error", "shut": "error"}
    assert answer["responseSummary"]["countPrecision"] == "imprecise"


@pytest.mark.parametrize(("fault", "status"), [({"gone": True}, 503), ({"delay": 5.0}, 504)])
def test_when_nobody_answers_there_is_an_error_and_no_number(fault: dict[str, Any], status: int) -> None:
    door = create(gateway_of(exact("aa", "FR", 9, **fault), exact("bb", "DE", 9, **fault), deadline_seconds=0.2))
    response = Client(door).get("/individuals")
    assert response.status_code == status
    assert response.json()["error"]["errorCode"] == status
    assert {node["sourceId"] for node in response.json()["info"]["nodes"]} == {"aa", "bb"}
    assert "responseSummary" not in response.json()


def test_partial_records_give_a_range() -> None:
    source = registry("aa", "FR", make_cases("aa", "FR", 200, 3))
    answer = ask(source, parameters={"filters": "ICCC3:IV(a),age<=P4Y", "requestedGranularity": "count"})
    summary, ranges = answer["responseSummary"], answer["info"]["resultCountDescription"]
    assert summary["countPrecision"] == "imprecise"
    assert ranges["minRange"] == summary["numTotalResults"] < ranges["maxRange"]
    assert summary["countAdjustedTo"] == [f"{ranges['minRange']}-{ranges['maxRange']}"]
    assert sets_of(answer)["aa"]["info"]["resultCountDescription"] == ranges


def test_a_count_that_is_too_small_has_no_number_anywhere() -> None:
    few = exact("aa", "FR", 3)
    for granularity in ("boolean", "count", "record"):
        for include in ("HIT", "MISS", "ALL", "NONE"):
            answer = ask(
                few,
                parameters={"requestedGranularity": granularity, "includeResultsetResponses": include},
                policies={"aa": "count"},
            )
            assert answer["meta"]["returnedGranularity"] == "boolean"
            assert answer["responseSummary"] == {"exists": False}
            assert answer["info"]["existsPrecision"] == "unknown"
            assert "response" not in answer
            assert all(node.get("low") is None and node.get("high") is None for node in answer["info"]["nodes"])


def test_a_small_registry_beside_large_ones_cannot_be_told_from_the_difference() -> None:
    few, many, more = exact("few", "FR", 3), exact("many", "DE", 90), exact("more", "US", 60)
    answer = ask(
        few,
        many,
        more,
        parameters={"requestedGranularity": "count", "includeResultsetResponses": "ALL"},
        policies={"few": "count", "many": "count", "more": "count"},
    )
    shown = sum(item["resultsCount"] for item in sets_of(answer).values()) if "response" in answer else 0
    assert "few" not in str(answer.get("response", ""))
    summary = answer["responseSummary"]
    if summary.get("countPrecision") == "exact":
        hidden = summary["numTotalResults"] - shown
        assert hidden >= 5


def test_records_of_a_registry_that_gives_counts_only_are_never_shown() -> None:
    answer = ask(exact("open", "FR", 30), exact("shut", "DE", 30), policies={"shut": "count"}, parameters={"limit": 0})
    found = sets_of(answer)
    assert found["open"]["results"]
    assert found["shut"]["results"] == []
    assert found["shut"]["resultsCount"] > 0
    assert found["shut"]["info"]["granularity"] == "count"


def test_a_lower_granularity_than_asked_is_said() -> None:
    answer = ask(exact("aa", "FR", 60), policies={"aa": "count"})
    assert answer["meta"]["receivedRequestSummary"]["requestedGranularity"] == "record"
    assert answer["meta"]["returnedGranularity"] == "count"
    assert "record was asked" in answer["info"]["warnings"]["granularity"]
    assert all(item["results"] == [] for item in sets_of(answer).values())
    existence = ask(exact("aa", "FR", 60), policies={"aa": "existence"})
    assert existence["meta"]["returnedGranularity"] == "boolean"
    assert existence["responseSummary"] == {"exists": True}
    assert existence["info"]["existsPrecision"] == "exact"


def test_a_closed_registry_is_withheld_by_name() -> None:
    answer = ask(exact("aa", "FR", 60), exact("shut", "DE", 60), policies={"shut": "closed"})
    node = next(node for node in answer["info"]["nodes"] if node["sourceId"] == "shut")
    assert node["status"] == "withheld"
    assert answer["responseSummary"]["countPrecision"] == "imprecise"


def test_a_question_outside_all_coverage_is_no_zero() -> None:
    answer = ask(exact("aa", "FR", 60), parameters={"filters": "year=1950", "requestedGranularity": "count"})
    assert answer["responseSummary"]["countPrecision"] == "imprecise"
    assert answer["info"]["nodes"][0]["status"] == "unsupported"
    assert answer["info"]["existsPrecision"] == "unknown"


def test_a_code_without_a_map_is_named_as_unsupported_and_is_no_zero() -> None:
    answer = ask(exact("aa", "FR", 60), parameters={"filters": "ICD10:Q99", "requestedGranularity": "count"})
    assert answer["responseSummary"]["countPrecision"] == "imprecise"
    assert answer["info"]["warnings"]["unsupportedFilters"] == ["ICD10:Q99"]
    assert answer["info"]["nodes"][0]["translations"][0]["equivalence"] == "unmatched"


def test_hit_and_miss_split_all() -> None:
    one, two = exact("aa", "FR", 60), exact("bbb", "DE", 60)
    found = {}
    for include in ("HIT", "MISS", "ALL"):
        parameters = {
            "filters": "source=aa",
            "requestedGranularity": "count",
            "includeResultsetResponses": include,
        }
        found[include] = set(sets_of(ask(one, two, parameters=parameters)))
    assert found == {"HIT": {"aa"}, "MISS": {"bbb"}, "ALL": {"aa", "bbb"}}


def test_test_mode_asks_no_registry() -> None:
    dead = Client(create(gateway_of(exact("aa", "FR", 5, gone=True))))
    answer = dead.get("/individuals", params={"testMode": "true", "filters": "ICCC3:IV(a)"}).json()
    assert answer["meta"]["testMode"] is True
    assert answer["response"]["resultSets"][0]["id"] == "test-mode"
    assert "no registry was asked" in answer["info"]["testMode"]
    assert dead.get("/individuals", params={"testMode": "true", "filters": "nonsense"}).status_code == 400


def released(total: ReleasedCount, *sources: ReleasedSource, **more: Any) -> ReleasedAnswer:
    """A hand-made release, to see what the renderer does with each precision."""
    made = ReleasedAnswer(
        query=CaseQuery(),
        text="",
        granularity=Granularity.RECORD,
        exists=total.low > 0 or None,
        total=total,
        cells=(),
        sources=sources,
        cases=(),
        next_cursor=None,
        gateway="org.example.gateway",
        asked_at="2026-11-23T12:00:00Z",
    )
    return replace(made, **more)


def source(name: str, total: ReleasedCount | None, status: Status = Status.OK) -> ReleasedSource:
    return ReleasedSource(name, name, status, None, None, 1, (), total, Granularity.RECORD, Coverage())


def rendered(answer: ReleasedAnswer, **more: Any) -> dict[str, Any]:
    request = BeaconRequest(**more)
    body: dict[str, Any] = orjson.loads(answer_body(BEACON, request, answer, terminology.load()))
    assert faults(body) == []
    return body


SECRET = ReleasedCount(4711, 4712, Precision.SUPPRESSED)


@pytest.mark.parametrize("include", ["HIT", "MISS", "ALL", "NONE"])
@pytest.mark.parametrize("granularity", list(Granularity))
def test_a_suppressed_number_never_leaks_even_if_the_release_carries_it(granularity: Granularity, include: str) -> None:
    known = ReleasedCount(30, 30, Precision.EXACT)
    for answer in (
        released(known, source("aa", known), source("bb", SECRET)),
        released(SECRET, source("aa", known), source("bb", SECRET)),
        released(ReleasedCount(30, None, Precision.BOUNDED), source("aa", SECRET), source("bb", None)),
    ):
        body = rendered(answer, granularity=granularity, include=include)
        assert "4711" not in str(body)
        assert "4712" not in str(body)


def test_a_rounded_count_says_so() -> None:
    rounded = ReleasedCount(10, 20, Precision.ROUNDED)
    body = rendered(released(rounded, source("aa", rounded)), granularity=Granularity.COUNT)
    assert body["responseSummary"]["countPrecision"] == "rounded"
    assert body["response"]["resultSets"][0]["countPrecision"] == "rounded"
    assert body["info"]["resultCountDescription"] == {"minRange": 10, "maxRange": 20}

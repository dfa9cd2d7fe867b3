"""Bad requests: always the Beacon error form, never a fault of the server, never what a person typed as an id."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.doors.beacon import create
from tests.doors.asgi import Client
from tests.doors.beacon.registries import gateway_of, make_cases, registry


def assert_beacon_error(response: Any, status: int) -> str:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert set(body) == {"meta", "error"}
    assert body["error"]["errorCode"] == status
    assert {"beaconId", "apiVersion", "returnedSchemas", "returnedGranularity", "receivedRequestSummary"} <= set(
        body["meta"]
    )
    message: str = body["error"]["errorMessage"]
    assert "Traceback" not in message
    assert "/gateway/" not in message
    return message


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/individuals/", 404),
        ("GET", "/g_variants", 404),
        ("GET", "/cohorts", 404),
        ("GET", "/datasets/nowhere", 404),
        ("GET", "/datasets/nowhere/individuals", 404),
        ("GET", "/individuals/x/biosamples", 404),
        ("DELETE", "/individuals", 405),
        ("PUT", "/individuals", 405),
        ("POST", "/info", 405),
        ("POST", "/filtering_terms", 405),
        ("GET", "/individuals?colour=red", 400),
        ("GET", "/info?colour=red", 400),
        ("GET", "/info?filters=NCIT:C3270", 400),
        ("GET", "/datasets?filters=NCIT:C3270", 400),
        ("GET", "/individuals/fr-one.p0?filters=NCIT:C3270", 400),
        ("POST", "/individuals?filters=NCIT:C3270", 400),
        ("GET", "/individuals?requestedGranularity=aggregated", 400),
        ("GET", "/individuals?filters=" + "x" * 20_000, 400),
        ("GET", "/individuals?filters=ICCC3:XIII(a)", 400),
        ("GET", "/individuals?filters=OMOP:99999999999", 400),
        ("GET", "/individuals?filters=NCIT:C99999999", 400),
        ("GET", "/individuals?filters=ICD10:Z", 400),
        ("GET", "/individuals?filters=ICCC3|1999:IV(a)", 400),
        ("GET", "/individuals?filters=%00%ff%fe", 400),
        ("GET", "/individuals?nextPage=%F0%9F%98%80", 400),
    ],
)
def test_a_bad_request_gets_a_beacon_error(client: Client, method: str, path: str, status: int) -> None:
    assert_beacon_error(client.request(method, path), status)


def test_the_filter_that_holds_an_unknown_code_is_named(client: Client) -> None:
    message = assert_beacon_error(client.get("/individuals?filters=NCIT:C20197,ICCC3:XIII(a)"), 400)
    assert "filters[1] ICCC3:XIII(a)" in message
    assert "expected" in message


def test_a_body_of_ten_megabytes_is_refused(client: Client) -> None:
    message = assert_beacon_error(client.post("/individuals", content=b" " * 10_000_000), 413)
    assert "1000000 bytes" in message


def test_a_deep_body_is_refused(client: Client) -> None:
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        assert_beacon_error(client.post("/individuals", content=opening * 900 + b"1" + closing * 900), 400)
        assert_beacon_error(client.post("/individuals", content=opening * 100_000), 400)


def test_a_body_without_meta_is_understood(client: Client) -> None:
    body = {"query": {"filters": [{"id": "ICCC3:IV(a)"}], "requestedGranularity": "count"}}
    response = client.post("/individuals", json=body)
    assert response.status_code == 200
    assert response.json()["meta"]["receivedRequestSummary"]["apiVersion"] == "v2.1.1"
    assert client.post("/individuals").status_code == 200


def test_an_unserved_schema_is_named_in_the_warnings(client: Client) -> None:
    meta = {"apiVersion": "v2.0", "requestedSchemas": [{"entityType": "individual", "schema": "phenopacket-v2"}]}
    answer = client.post("/individuals", json={"meta": meta}).json()
    assert "phenopacket-v2" in answer["info"]["warnings"]["requestedSchemas"][0]
    assert answer["meta"]["receivedRequestSummary"]["requestedSchemas"] == meta["requestedSchemas"]


def test_a_fault_of_the_server_has_the_beacon_form_and_tells_nothing() -> None:
    source = registry("aa", "FR", make_cases("aa", "FR", 5, 1))
    gateway = gateway_of(source)

    def broken() -> Any:
        raise ZeroDivisionError("date of birth 2001-02-03")

    source.capabilities = broken  # type: ignore[method-assign]
    response = Client(create(gateway), quiet=True).get("/individuals")
    message = assert_beacon_error(response, 500)
    assert "2001" not in message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
WORDS = st.sampled_from(
    [
        *(
            "NCIT:C3270",
            "ICCC3:IV(a)",
            "ICDO3:9500/3",
            "pgx:icdom-95003",
            "ICD10:C74",
            "SCT:1",
            "OMOP:4",
            "NCIT:C20197",
        ),
        *("age", "year", "country", "source", "stage", "grade", "vitalStatus", "P2Y", "P2Y3M", "2010", "DE", "aa"),
        *("=", "<", ">=", "!", "%", "", "ICCC3|2005:IV(a)", "exact", "high", "individual", "boolean", "count", "HIT"),
    ]
)
VALUE = WORDS | JSON
FILTER = st.fixed_dictionaries(
    {},
    optional={
        "id": WORDS | st.lists(WORDS, max_size=3) | JSON,
        "operator": VALUE,
        "value": WORDS | st.lists(WORDS, max_size=3) | JSON,
        "includeDescendantTerms": st.booleans() | JSON,
        "similarity": VALUE,
        "scope": VALUE,
        "excluded": st.booleans() | JSON,
    },
)
QUERY = st.fixed_dictionaries(
    {},
    optional={
        "filters": st.lists(FILTER | VALUE, max_size=3) | JSON,
        "requestedGranularity": VALUE,
        "includeResultsetResponses": VALUE,
        "pagination": st.dictionaries(st.sampled_from(["skip", "limit", "nextPage"]), VALUE, max_size=3) | JSON,
        "testMode": st.booleans() | JSON,
        "requestParameters": JSON,
    },
)
BODY = st.fixed_dictionaries({}, optional={"meta": JSON, "query": QUERY | JSON}) | JSON


@settings(deadline=None, max_examples=400)
@given(body=BODY)
def test_no_body_is_a_fault_of_the_server(client: Client, body: Any) -> None:
    try:
        content = orjson.dumps(body)
    except TypeError:
        return
    response = client.post("/individuals", content=content)
    assert response.status_code in {200, 400, 413}
    if response.status_code != 200:
        assert_beacon_error(response, response.status_code)


@settings(deadline=None, max_examples=150)
@given(content=st.binary(max_size=60))
def test_no_bytes_are_a_fault_of_the_server(client: Client, content: bytes) -> None:
    assert client.post("/individuals", content=content).status_code in {200, 400}


@settings(deadline=None, max_examples=300)
@given(
    parameters=st.lists(
        st.tuples(
            st.sampled_from(["filters", "skip", "limit", "requestedGranularity", "testMode", "nextPage", "apiVersion"])
            | st.text(max_size=6),
            WORDS | st.text(max_size=12),
        ),
        max_size=4,
    )
)
def test_no_query_string_is_a_fault_of_the_server(client: Client, parameters: list[tuple[str, str]]) -> None:
    encodable = [(name, value) for name, value in parameters if (name + value).isprintable()]
    response = client.get("/individuals", params=encodable)
    assert response.status_code in {200, 400}


@settings(deadline=None, max_examples=100)
@given(path=st.text(alphabet=st.characters(codec="utf-8", exclude_characters="?#"), max_size=30))
def test_no_path_is_a_fault_of_the_server(client: Client, path: str) -> None:
    import urllib.parse

    response = client.get("/" + urllib.parse.quote(path))
    assert response.status_code in {200, 400, 404}

"""GET and POST /statistics/counts over HTTP: the answer's form, and errors as problem documents."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.doors.statistics import create
from tests.doors.asgi import Client
from tests.federation.doubles import Failing, ListSource, case, gateway_of


@pytest.fixture(scope="module")
def client() -> Client:
    sources = ListSource("a", [case(1), case(2)]), Failing("z", [])
    return Client(create(gateway_of(*sources, deadline_seconds=5)), quiet=True)


def test_the_answer_has_the_form_of_the_design(client: Client) -> None:
    body = client.get("/counts?diagnosis=ICCC3:IV(a)&by=source,sex").json()
    assert body["question"]["unit"] == "tumours"
    assert body["question"]["iccc"] == "2017"
    assert body["total"] == {"low": 2, "high": None, "precision": "bounded"}
    assert body["cells"] == [{"source": "a", "sex": "female", "count": {"low": 2, "high": 2, "precision": "exact"}}]
    assert [(s["id"], s["status"], s["reason"]) for s in body["sources"]] == [
        ("a", "ok", None),
        ("z", "error", "internal fault of the source (RuntimeError)"),
    ]
    assert body["sources"][0]["translation"] == [
        {
            "term": "ICCC3:IV(a)",
            "to": "9490/3 at any site; 9500/3 at any site",
            "equivalence": "equal",
            "from": "iccc3_2017 rows 151-152",
        }
    ]
    assert body["gateway"] == "test.gateway"
    assert body["asked_at"].endswith("Z")


def test_get_and_post_give_the_same_answer(client: Client) -> None:
    got = client.get("/counts?diagnosis=ICCC3:IV(a)&age=0..14&by=sex").json()
    posted = client.post("/counts", json={"diagnosis": "ICCC3:IV(a)", "age": "0..14", "by": ["sex"]}).json()
    assert got["total"] == posted["total"]
    assert got["cells"] == posted["cells"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "where"),
    [
        ("GET", "/counts?age=14..0", None, 400, "age"),
        ("GET", "/counts?diagnosis=ICDO3:1234/3", None, 400, "diagnosis"),
        ("GET", "/counts?" + "x" * 9000, None, 400, "query"),
        ("POST", "/counts", b"{", 400, "body"),
        ("POST", "/counts", b"[" * 100_000, 400, "body"),
        ("POST", "/counts", b'"' + b"x" * 1_100_000 + b'"', 413, "/counts"),
        ("DELETE", "/counts", None, 405, "/counts"),
        ("GET", "/nothing", None, 404, "/nothing"),
    ],
)
def test_errors_are_problem_documents_that_name_the_place(
    client: Client, method: str, path: str, body: bytes | None, status: int, where: str
) -> None:
    response = client.request(method, path, content=body)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["where"] == where


@given(st.text(max_size=80))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_question_brings_a_fault(client: Client, text: str) -> None:
    assert client.get("/counts", params={"diagnosis": text}).status_code in {200, 400, 422}

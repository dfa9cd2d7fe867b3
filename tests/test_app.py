"""The application: its root tells where the doors are, and each of these places answers."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from gateway.app import DOORS, create_app
from tests.doors.asgi import Client
from tests.federation.doubles import ListSource, case, gateway_of


def test_the_root_names_every_door_and_each_answers() -> None:
    client = Client(create_app(gateway_of(ListSource("a", [case(1)]), deadline_seconds=30)))
    body = client.get("/").json()
    assert body["id"] == "test.gateway"
    assert sorted(f"/{name}" for name in body["doors"]) == sorted(DOORS)
    for link in body["doors"].values():
        assert client.get(link.removeprefix("http://gateway.test")).status_code == 200


def test_a_path_of_no_door_is_not_found_and_a_wrong_method_is_the_doors_own_error() -> None:
    client = Client(create_app(gateway_of(ListSource("a", [case(1)]), deadline_seconds=30)))
    assert client.get("/nowhere/counts").status_code == 404
    refused = client.request("DELETE", "/statistics/counts")
    assert refused.status_code == 405
    assert refused.headers["content-type"] == "application/problem+json"
    assert client.get("/fhir/Nothing").json()["resourceType"] == "OperationOutcome"


def test_a_door_below_a_path_of_a_proxy_answers() -> None:
    app = create_app(gateway_of(ListSource("a", [case(1)]), deadline_seconds=30))

    async def below(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "root_path": "/proxy", "path": f"/proxy{scope['path']}"}, receive, send)

    assert Client(below).get("/statistics/counts").status_code == 200

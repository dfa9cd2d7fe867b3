"""The application: its root tells where the doors are, and each of these places answers."""

from __future__ import annotations

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

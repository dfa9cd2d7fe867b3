"""Pages of other origins may ask where the settings name them; without a setting nothing is said of origins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.app import create_app
from gateway.errors import BadSettings
from gateway.settings import load_settings
from tests.doors.fhir.client import Client
from tests.doors.fhir.registries import gateway_of, make_cases, registry

APP, OTHER = "https://app.example.org", "https://other.example.org"
PATHS = ("/fhir/Condition?_count=1", "/statistics/counts", "/beacon/info")


def client_of(*origins: str) -> Client:
    gateway = gateway_of(registry("one", "FR", make_cases("one", "FR", 5, 1)))
    return Client(create_app(replace(gateway, origins=origins)))


def preflight(client: Client, path: str, origin: str, method: str = "POST") -> dict[str, str]:
    asked = {
        "origin": origin,
        "access-control-request-method": method,
        "access-control-request-headers": "content-type,prefer,if-none-match",
    }
    answer = client.request("OPTIONS", path, headers=asked)
    assert answer.status_code in {200, 204}
    return dict(answer.headers)


@pytest.mark.parametrize("path", PATHS)
def test_a_named_origin_may_ask_and_another_may_not(path: str) -> None:
    client = client_of(APP)
    for _ in range(2):  # the second answer is one that was kept
        asked = client.get(path, headers={"origin": APP})
        assert asked.status_code == 200
        assert asked.headers["access-control-allow-origin"] == APP
        assert "ETag" in asked.headers["access-control-expose-headers"]
        assert "Origin" in asked.headers["vary"]
        assert "access-control-allow-credentials" not in asked.headers
        assert "access-control-allow-origin" not in client.get(path, headers={"origin": OTHER}).headers
        assert "access-control-allow-origin" not in client.get(path).headers
    allowed = preflight(client, path, APP)
    assert allowed["access-control-allow-origin"] == APP
    assert "prefer" in allowed["access-control-allow-headers"]
    assert "access-control-allow-origin" not in preflight(client, path, OTHER)
    assert "access-control-allow-origin" not in preflight(client, path, APP, "QUERY")


def test_any_origin_may_be_let_in() -> None:
    client = client_of("*")
    assert client.get(PATHS[0], headers={"origin": OTHER}).headers["access-control-allow-origin"] == "*"
    assert preflight(client, PATHS[0], OTHER)["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("origins", [(), (APP,)])
def test_the_capability_statement_says_whether(origins: tuple[str, ...]) -> None:
    client = client_of(*origins)
    security = client.json("/fhir/metadata")["rest"][0]["security"]
    assert security["cors"] is bool(origins)
    assert "anonymous" in security["description"]
    refused = client.get("/fhir/Condition?colour=red", headers={"origin": APP})
    assert refused.json()["resourceType"] == "OperationOutcome"
    assert refused.headers.get("access-control-allow-origin") == (APP if origins else None)


def test_without_a_setting_nothing_is_said_of_origins() -> None:
    client = client_of()
    asked = client.get(PATHS[0], headers={"origin": APP})
    assert not [name for name in asked.headers if name.startswith("access-control")]
    refused = client.request("OPTIONS", PATHS[0], headers={"origin": APP, "access-control-request-method": "GET"})
    assert (refused.status_code, refused.json()["resourceType"]) == (405, "OperationOutcome")


@pytest.mark.parametrize("origin", ["https://app.example.org/", "app.example.org", "null", "https://*.example.org", ""])
def test_what_is_no_origin_is_refused_in_the_settings(tmp_path: Path, origin: str) -> None:
    file = tmp_path / "iccd.toml"
    file.write_text(f'[gateway]\ncors_origins = ["{origin}"]\n', "utf-8")
    with pytest.raises(BadSettings, match="is no origin"):
        load_settings(file)
    file.write_text(f'[gateway]\ncors_origins = ["{APP}", "http://localhost:3000", "*"]\n', "utf-8")
    assert load_settings(file).gateway.cors_origins == [APP, "http://localhost:3000", "*"]

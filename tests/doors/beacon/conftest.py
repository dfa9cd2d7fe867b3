"""Registries, clients and the published JSON schemas for the tests of the Beacon door."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from gateway.doors.beacon import create
from gateway.federation.gateway import Gateway
from tests.doors.asgi import Client
from tests.doors.beacon.checks import Validate
from tests.doors.beacon.registries import gateway_of, make_cases, registry

PREFIX = "https://raw.githubusercontent.com/ga4gh-beacon/beacon-v2/main/"
MISSING_UPSTREAM = "models/json/beacon-v2-default-model/common/info.json"


@pytest.fixture(scope="session")
def gateway() -> Gateway:
    """Three open registries of different countries."""
    return gateway_of(
        *(
            registry(name, country, make_cases(name, country, 120, seed))
            for seed, (name, country) in enumerate((("fr-one", "FR"), ("de-two", "DE"), ("us-three", "US")))
        )
    )


@pytest.fixture(scope="session")
def client(gateway: Gateway) -> Client:
    """The Beacon door alone; a fault of the server fails the test."""
    return Client(create(gateway))


@pytest.fixture(scope="session")
def schemas(shared_dir: Path) -> Registry[Any]:
    """All schemas of the specification by their public address."""
    folder = shared_dir / "specs" / "beacon-v2.1.1"
    found = {}
    for path in folder.rglob("*.json"):
        content = json.loads(path.read_text("utf-8"))
        if isinstance(content, dict) and "$schema" in content and "examples" not in str(path.parent):
            found[PREFIX + path.relative_to(folder).as_posix()] = Resource.from_contents(content)
    found[PREFIX + MISSING_UPSTREAM] = found[PREFIX + "framework/json/common/info.json"]
    assert len(found) > 60
    return Registry().with_resources(found.items())


@pytest.fixture(scope="session")
def validate(schemas: Registry[Any]) -> Validate:
    """Check a document against a schema, by its path in the specification."""

    def check(path: str, document: Any) -> None:
        uri = PREFIX + path
        schema = {**schemas.contents(uri), "$id": uri}
        found = [
            f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
            for error in Draft202012Validator(schema, registry=schemas).iter_errors(document)
        ]
        assert not found, found

    return check

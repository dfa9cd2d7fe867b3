"""The door over three open registries, and the outside checks that every answer must pass."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from gateway.doors.fhir import create
from gateway.federation.gateway import Gateway
from tests.conftest import IN_CI
from tests.doors.fhir.client import Client
from tests.doors.fhir.registries import gateway_of, make_cases, registry
from tests.doors.fhir.validation import Json, OfficialSchemas

SHARED = Path(os.environ.get("ICCD_SHARED", Path(__file__).parents[4] / "shared"))


@pytest.fixture(scope="session")
def gateway() -> Gateway:
    """Three open registries of different countries, every kind of partial and absent value among them."""
    return gateway_of(
        *(
            registry(name, country, make_cases(name, country, 120, seed))
            for seed, (name, country) in enumerate((("fr-one", "FR"), ("de-two", "DE"), ("us-three", "US")))
        )
    )


@pytest.fixture(scope="session")
def client(gateway: Gateway) -> Client:
    """The FHIR door alone; a fault of the server fails the test."""
    return Client(create(gateway))


def _lack(reason: str) -> NoReturn:
    """Skip for want of a folder; in CI it has to be there."""
    (pytest.fail if IN_CI else pytest.skip)(reason)


@pytest.fixture(scope="session")
def official() -> OfficialSchemas:
    """The official JSON schema and XML schema of FHIR 4.0.1."""
    folder = SHARED / "specs" / "fhir-r4"
    if not folder.is_dir():
        _lack("the FHIR R4 schemas are kept outside this repository and are not here")
    return OfficialSchemas(folder)


@pytest.fixture(scope="session")
def mcode_profile() -> Callable[[str], Json]:
    """A profile of mCODE 4.0.0 with its snapshot."""
    import json

    folder = SHARED / "specs" / "fhir-mcode"
    if not folder.is_dir():
        _lack("the mCODE profiles are kept outside this repository and are not here")

    def read(name: str) -> Json:
        content: Json = json.loads((folder / f"StructureDefinition-{name}.json").read_text("utf-8"))
        return content

    return read

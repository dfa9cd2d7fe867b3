"""Nothing that a client can write gives a 5xx, a stack trace or an answer that is no FHIR resource."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from urllib.parse import quote

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.doors.fhir import create
from gateway.doors.fhir.search.parameters import SEARCHABLE
from gateway.federation.gateway import Gateway
from tests.doors.fhir.client import Client
from tests.doors.fhir.fuzzing import Answered, Asking, Fuzzer, ask
from tests.doors.fhir.validation import OfficialSchemas

ICCC = "http://terminology.hl7.org/CodeSystem/iccc-3"
ICDO = "http://terminology.hl7.org/CodeSystem/icd-o-3"

NAMES = sorted(
    {name for kind in SEARCHABLE.values() for name in kind.parameters}
    | {"_id", "_count", "_summary", "_total", "_format", "_pretty", "_cursor", "_sort", "_has:X:y:z"}
)
MODIFIERS = ["", "", ":not", ":in", ":below", ":text", ":", "::", ":not:not"]
VALUES = [
    *(f"{ICCC}|{code}" for code in ("IV(a)", "041", "XIII", "IV(z)", "i a", "", "IV(a)|x", "999", "V", "I(a).9")),
    *(
        f"{ICDO}|{code}"
        for code in ("9500/3", "C74.9", "C74", "9999/3", "95003", "/3", "C99", "9500/3-C74.9", "9500/5")
    ),
    *(f"{ICCC}?fhir_vs{rest}" for rest in ("", "=isa/IV", "=isa/", "|2005", "=isa/QQ|2017")),
    *("http://snomed.info/sct|1", "https://fhir-terminology.ohdsi.org|0", "http://hl7.org/fhir/sid/icd-10|C74.9"),
    *("|", "||", "\\", "\\|", ",", ",,", "\\,", "female", "|male", "*", "%", "\x00", "\ud7ff", "ﷺ", "١٢"),
    *("2015", "ge2015-13", "lt0001", "gt9999-12-31", "ap0001-01-01", "ap9999", "eq2015-02-29T00:00:00Z", "-2015", "ne"),
    *("0", "-1", "1e9", "1000000000", "lt0", "ge150", "ap0", "NaN", "count", "true", "accurate", "json", "xml", "ttl"),
    *("de-two.c1", "de-two.", ".c1", "de-two.c1,de-two.c2", "a" * 300, "../../etc/passwd", "' or 1=1 --", "<x/>"),
]
VALUE = st.one_of(
    st.sampled_from(VALUES),
    st.lists(st.sampled_from(VALUES), min_size=2, max_size=4).map(",".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
NAME = st.one_of(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(MODIFIERS)).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
)
PAIRS = st.lists(st.tuples(NAME, VALUE), max_size=4)
PATHS = st.sampled_from(["/Condition", "/Patient", "/metadata", "/Condition/de-two.c1", "/Patient/x", "/CodeSystem/x"])
ACCEPTS = st.sampled_from(["*/*", "application/fhir+xml", "text/html", "", "a;q=x", "application/json;q=2"])
METHODS = st.sampled_from(["GET", "GET", "GET", "HEAD", "POST", "PUT"])


@settings(max_examples=300, deadline=None)
@given(PATHS, PAIRS, ACCEPTS, st.booleans(), METHODS)
def test_no_request_breaks_the_door(
    client: Client,
    official: OfficialSchemas,
    path: str,
    pairs: list[tuple[str, str]],
    accept: str,
    lenient: bool,
    method: str,
) -> None:
    query = "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs)
    headers = {"accept": accept, "prefer": "handling=lenient" if lenient else "handling=strict"}
    answer = client.request(method, f"{path}?{query}&_count=3", headers=headers)
    assert answer.status_code < 500
    assert "Traceback" not in answer.text
    if method == "HEAD":
        return
    if answer.headers["content-type"].startswith("application/fhir+xml"):
        assert official.xml_faults(answer.content) == []
    else:
        assert official.json_faults(answer.json()) == []


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_break_a_posted_search(client: Client, body: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = client.request("POST", "/Condition/_search?_count=1", content=body, headers=headers)
    assert answer.status_code < 500
    assert answer.json()["resourceType"] in {"Bundle", "OperationOutcome"}


REQUESTS = int(os.environ.get("ICCD_FUZZ_REQUESTS", "1500"))
SEED = int(os.environ.get("ICCD_FUZZ_SEED", "1"))


def test_no_request_at_any_route_breaks_the_door(gateway: Gateway, client: Client, official: OfficialSchemas) -> None:
    fuzzer, app, statuses = Fuzzer(client.json("/metadata"), SEED), create(gateway), Counter[int]()

    async def run() -> None:
        for _ in range(REQUESTS):
            asking = fuzzer.request()
            try:
                answered = await ask(app, asking)
            except Exception as error:
                raise AssertionError(f"{asking}") from error
            statuses[answered.status] += 1
            check(asking, answered, official)

    asyncio.run(run())
    print(f"{REQUESTS} requests: {dict(sorted(statuses.items()))}")
    assert statuses.keys() >= {200, 400, 404, 405, 406, 415}


def check(asking: Asking, answered: Answered, official: OfficialSchemas) -> None:
    """No fault; and whatever is not 2xx is an outcome that names its place, in a format of FHIR."""
    assert answered.status < 500, asking
    body, media_type = bytes(answered.body), answered.headers.get("content-type", "")
    if asking.method == "HEAD" or answered.status == 304:
        assert body == b"", asking
        return
    assert b"Traceback" not in body, asking
    if media_type.startswith("application/fhir+xml"):
        assert official.xml_faults(body) == [], asking
        assert answered.status < 300 or b"<OperationOutcome" in body, asking
        return
    assert media_type.startswith("application/fhir+json"), asking
    resource = orjson.loads(body)
    assert official.json_faults(resource) == [], asking
    if answered.status >= 300:
        assert resource["resourceType"] == "OperationOutcome", asking
        first = resource["issue"][0]
        assert first.get("location") or first.get("expression"), (asking, first)

"""Nothing that a client can write gives a 5xx, a stack trace or an answer that is no FHIR resource."""

from __future__ import annotations

from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.doors.fhir.parameters import SEARCHABLE
from tests.doors.fhir.client import Client
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

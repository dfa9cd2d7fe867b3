"""Requests of every kind at every route, most of them wrong: what the CapabilityStatement lists, bent and broken.

`ICCD_FUZZ_REQUESTS=100000 pytest -s tests/doors/fhir/test_fuzz.py` is a long run.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from starlette.types import ASGIApp, Message, Scope

from gateway.doors.fhir.wire.xml import to_xml

Json = dict[str, Any]

ICCC = "http://terminology.hl7.org/CodeSystem/iccc-3"
ICDO = "http://terminology.hl7.org/CodeSystem/icd-o-3"
VALUES = (
    *(f"{ICCC}|{code}" for code in ("IV(a)", "041", "XIII", "IV(z)", "", "999", "I(a).9")),
    *(f"{ICDO}|{code}" for code in ("9500/3", "C74.9", "C74", "9999/3", "/3", "9500/3-C74.9")),
    *(f"{ICCC}?fhir_vs{rest}" for rest in ("", "=isa/IV", "=isa/", "|2005", "=isa/QQ|2017")),
    *("http://snomed.info/sct|1", "https://fhir-terminology.ohdsi.org|0", "http://hl7.org/fhir/sid/icd-10|C74.9"),
    *("|", "||", "\\", "\\|", ",", ",,", "\\,", "female", "|male", "*", "%", "\x00", "\ud7ff", "ﷺ", "١٢", "\U0010ffff"),
    *("2015", "ge2015-13", "lt0001", "gt9999-12-31", "ap0001-01-01", "eq2015-02-29T00:00:00Z", "-2015", "ne"),
    *(
        "0",
        "-1",
        "1e9",
        "1000000000",
        "lt0",
        "ge150",
        "NaN",
        "count",
        "true",
        "false",
        "accurate",
        "json",
        "xml",
        "ttl",
    ),
    *("de-two.c1", "de-two.p1", "Patient/de-two.p1", "a" * 300, "../../etc/passwd", "' or 1=1 --", "<x/>", ""),
    *("code", "subject", "Condition:subject", "Observation:focus", "-onset-date", "onset[x]", "text", "data", "none"),
)
OWN = ("_id", "_count", "_summary", "_elements", "_total", "_format", "_pretty", "_cursor", "_sort", "_include")
MORE = (
    "_revinclude",
    "_has:Condition:subject:code",
    "require-complete",
    "url",
    "code",
    "system",
    "filter",
    "",
    "x:y:z",
)
MODIFIERS = (
    "",
    "",
    "",
    ":not",
    ":in",
    ":not-in",
    ":below",
    ":above",
    ":text",
    ":missing",
    ":exact",
    ":",
    "::",
    ":of-type",
)
IDS = (
    "de-two.c1",
    "de-two.p1",
    "nowhere.c1",
    "x",
    "laterality",
    "iccc-3",
    "%00",
    "%ff",
    "..",
    "$x",
    "a" * 90,
    "%F0%9F%92%A9",
)
METHODS = ("GET",) * 8 + ("HEAD", "POST", "POST", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "QUERY")
ACCEPTS = (
    "*/*",
    "application/fhir+xml",
    "application/json",
    "text/html",
    "",
    "a;q=x",
    "application/json;q=2",
    ",",
    ";",
)
MEDIA_TYPES = (
    *("application/fhir+json", "application/fhir+json; charset=utf-8", "application/json", "application/fhir+xml"),
    *("application/x-www-form-urlencoded", "text/xml", "multipart/form-data", "", "text/turtle", ";", "a/b/c"),
)
PREFERS = ("", "handling=strict", "handling=lenient", "require-complete=true", ";,=", "return=minimal")
TYPED = (
    *({"valueString": "x"}, {"valueBoolean": True}, {"valueInteger": 3}, {"valueCode": "IV(a)"}, {"valueUri": ICCC}),
    *({"valueCoding": {"system": ICCC, "code": "IV(a)"}}, {"valueCodeableConcept": {"coding": [{"code": "x"}]}}),
    *(
        {"part": [{"name": "value", "valueCode": "x"}]},
        {"resource": {"resourceType": "ValueSet"}},
        {},
        {"valueCoding": []},
    ),
    *(
        {"valueDate": "2015"},
        {"valueDecimal": 1.5},
        {"resource": {"resourceType": "CodeSystem", "url": "u", "concept": []}},
    ),
    *({"valueCoding": {"code": 3}}, {"valueString": None}, {"resource": []}, {"valueUri": {}}),
)
NAMES = (
    *("url", "code", "system", "coding", "codeableConcept", "valueSet", "tx-resource", "count", "offset", "filter"),
    *("version", "codeA", "codeB", "target", "reverse", "displayLanguage", "property", "useSupplement", "x", ""),
    *("system-version", "activeOnly", "excludeNested", "date", "dependency", "display", "codeSystem"),
)


@dataclass(frozen=True, slots=True)
class Asking:
    """One request."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(slots=True)
class Answered:
    """What the door answered."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)


async def ask(app: ASGIApp, asking: Asking) -> Answered:
    """Put one request straight to an application, past every client that would mend it."""
    path, _, query = asking.url.partition("?")
    headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in asking.headers.items()]
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
        "server": ("gateway.test", 80),
        "client": ("127.0.0.1", 1),
        "method": asking.method,
        "path": unquote(path, errors="replace"),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": headers,
    }
    answered = Answered()

    async def receive() -> Message:
        return {"type": "http.request", "body": asking.body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answered.status = message["status"]
            answered.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
        else:
            answered.body += message.get("body", b"")

    await app(scope, receive, send)
    return answered


class Fuzzer:
    """Requests at the routes of a door, the same for the same seed.

    Parameters
    ----------
    statement
        CapabilityStatement of the door.
    """

    def __init__(self, statement: Json, seed: int) -> None:
        self._chance = random.Random(seed)
        self._types = statement["rest"][0]["resource"]
        self._system = [item["name"] for item in statement["rest"][0].get("operation", [])]
        self._bodies: Sequence[Callable[[], bytes]] = (
            self._form,
            self._parameters,
            self._parameters,
            self._batch,
            self._broken,
            lambda: b"",
        )

    def request(self) -> Asking:
        """The next request: one half nearly right, one half wild."""
        if self._chance.random() < 0.5:
            return self._mild()
        method = self._pick(METHODS)
        path = self._path()
        query = self._query(4)
        headers = {"accept": self._pick(ACCEPTS), "prefer": self._pick(PREFERS)}
        if self._chance.random() < 0.1:
            headers |= {"if-none-match": self._pick(('"x"', "*", 'W/"1"', "x", '"'))}
        if self._chance.random() < 0.1:
            headers |= {"if-modified-since": self._pick(("Sun, 01 Nov 2026 08:00:00 GMT", "yesterday", "", "0"))}
        body = b""
        if method not in {"GET", "HEAD"}:
            body = self._pick(self._bodies)()
            headers["content-type"] = self._pick(MEDIA_TYPES)
            if self._chance.random() < 0.6:
                headers["content-type"] = "application/fhir+xml" if body.startswith(b"<") else "application/fhir+json"
        return Asking(method, f"{path}?{query}" if query else path, headers, body)

    def _mild(self) -> Asking:
        kind = self._pick(self._types)
        headers = {"accept": self._pick(("*/*", "application/fhir+xml")), "prefer": self._pick(PREFERS)}
        operations = [item["name"] for item in kind.get("operation", [])]
        if self._chance.random() < 0.2:
            body = self._pick((self._parameters, self._batch))()
            headers["content-type"] = "application/fhir+xml" if body.startswith(b"<") else "application/fhir+json"
            path = f"/{kind['type']}/${self._pick(operations)}" if operations and b"Parameters" in body[:80] else "/"
            return Asking("POST", path, headers, body)
        known = [item["name"] for item in kind.get("searchParam", [])] or ["_id"]
        wished = [f"{name}={quote(self._value())}" for name in self._chance.sample(OWN + MORE[:3], 1)]
        pairs = [f"{quote(self._pick(known) + self._pick(MODIFIERS))}={quote(self._value())}" for _ in range(2)]
        query = "&".join([*pairs[: self._chance.randrange(3)], *wished[: self._chance.randrange(2)], "_count=5"])
        if operations and self._chance.random() < 0.3:
            path = f"/{kind['type']}/${self._pick(operations)}"
            given = "&".join(f"{name}={quote(self._value())}" for name in self._chance.sample(NAMES, 2))
            return Asking("GET", f"{path}?{given}", headers)
        if self._chance.random() < 0.2:
            return Asking("GET", f"/{kind['type']}/{self._pick(IDS)}", headers)
        if self._chance.random() < 0.2:
            form = {"content-type": "application/x-www-form-urlencoded", **headers}
            return Asking("POST", f"/{kind['type']}/_search", form, query.encode())
        return Asking("GET", f"/{kind['type']}?{query}", headers)

    def _path(self) -> str:
        kind = self._pick(self._types)
        name, identity = kind["type"], self._pick(IDS)
        operations = [item["name"] for item in kind.get("operation", [])] or ["validate-code"]
        return self._pick(
            (
                f"/{name}",
                f"/{name}",
                f"/{name}/{identity}",
                f"/{name}/_search",
                f"/{name}/{identity}/_history/{self._pick(IDS)}",
                f"/{name}/${self._pick(operations)}",
                f"/{name}/${self._pick(operations)}",
                f"/{name}/{identity}/${self._pick(operations)}",
                f"/${self._pick([*self._system, 'x'])}",
                "/metadata",
                "/",
                "/",
                f"/{identity}",
                f"/{name}/{identity}/{identity}/{identity}",
            )
        )

    def _query(self, most: int) -> str:
        kind = self._pick(self._types)
        known = [item["name"] for item in kind.get("searchParam", [])]
        pairs = [
            (self._pick((*known, *OWN, *MORE, *NAMES)) + self._pick(MODIFIERS), self._value())
            for _ in range(self._chance.randrange(most + 1))
        ]
        return "&".join(f"{quote(name)}={self._coded(value)}" for name, value in pairs)

    def _value(self) -> str:
        if self._chance.random() < 0.2:
            return ",".join(self._pick(VALUES) for _ in range(self._chance.randrange(4)))
        if self._chance.random() < 0.1:
            return "".join(chr(self._chance.randrange(1, 0xD7FF)) for _ in range(self._chance.randrange(12)))
        return self._pick(VALUES)

    def _coded(self, value: str) -> str:
        return self._pick(("%ff", "%", "%zz", "+")) if self._chance.random() < 0.03 else quote(value)

    def _form(self) -> bytes:
        return self._query(5).encode()

    def _parameters(self) -> bytes:
        parameters = [{"name": self._pick(NAMES), **self._pick(TYPED)} for _ in range(self._chance.randrange(6))]
        return self._written({"resourceType": "Parameters", "parameter": parameters})

    def _batch(self) -> bytes:
        entries = []
        for _ in range(self._chance.randrange(4)):
            url = f"{self._path().lstrip('/')}?{self._query(2)}"
            request = {
                "method": self._pick(METHODS),
                "url": self._pick((url, url, "", "x:y", "//a", "http://gateway.test/fhir")),
            }
            entries.append({"request": request, "resource": json.loads(self._parameters_json())})
        kind = self._pick(("batch", "batch", "batch", "transaction", "x"))
        return self._written({"resourceType": "Bundle", "type": kind, "entry": entries})

    def _parameters_json(self) -> str:
        return json.dumps(
            {"resourceType": "Parameters", "parameter": [{"name": self._pick(NAMES), "valueCode": "IV(a)"}]}
        )

    def _written(self, resource: Json) -> bytes:
        if self._chance.random() < 0.3:
            try:
                return to_xml(resource)
            except (TypeError, ValueError):  # a broken resource has no XML
                pass
        return json.dumps(resource).encode()

    def _broken(self) -> bytes:
        """A body that is cut, bent or noise."""
        body = bytearray(self._pick((self._parameters, self._batch))())
        for _ in range(self._chance.randrange(1, 6)):
            place = self._chance.randrange(len(body))
            change = self._chance.randrange(4)
            if change == 0:
                del body[place:]
            elif change == 1:
                body[place] = self._chance.randrange(256)
            elif change == 2:
                body[place:place] = self._pick((b"{", b"[", b"<a>", b"null", b"&x;", b"<!DOCTYPE a>", b'"', b"\x00"))
            else:
                body[place : place + 5] = b""
            if not body:
                break
        return bytes(body)

    def _pick(self, choices: Sequence[Any]) -> Any:
        return choices[self._chance.randrange(len(choices))]

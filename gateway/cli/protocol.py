"""HTTP of the server: what it cannot read as a request is refused in the form of the door that was asked.

Such a request reaches no door: a method that does not exist, a URL of more than 64 KiB, a length that is no number, a
sign that no header may hold, a chunk without its size. The server's own answer to it would be plain text.
"""

from __future__ import annotations

import re

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from gateway.doors.fhir.wire.formats import JSON
from gateway.doors.fhir.wire.outcome import issue, outcome

REFUSED = "this is no request of HTTP/1.1: its method, URL, a header or the form of its body cannot be read"
EXPECTED = "a request by RFC 9112 with a URL of at most 64 KiB"
WHERE = "request"

_ORIGIN = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_FHIR = re.compile(rb"/fhir(?:[/?#]|\Z)")
_REQUEST_LINE = re.compile(rb"^[^\s:]+[ \t]+(\S+)", re.MULTILINE)


class Protocol(HttpToolsProtocol):
    """One connection."""

    def data_received(self, data: bytes) -> None:
        """Read what has come."""
        self._came = data
        super().data_received(data)

    def send_400_response(self, _: str) -> None:
        """Refuse what cannot be read, and close; an answer that is under way is only cut off."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(self._refusal())
        self.transport.close()

    def _refusal(self) -> bytes:
        media_type, body = of_fhir() if is_of_fhir(self._target()) else of_others()
        headers = (
            *self.server_state.default_headers,
            (b"content-type", media_type.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        )
        lines = (name + b": " + value + b"\r\n" for name, value in headers)
        shown = b"" if self._came.startswith(b"HEAD ") else body
        return b"".join((STATUS_LINE[400], *lines, b"\r\n", shown))

    def _target(self) -> bytes:
        """What is asked for, as far as it can be told; the parser has not read it where the method is at fault."""
        if self.scope is not None and self.url:
            return self.url
        line = _REQUEST_LINE.search(self._came)
        return line[1] if line else b""

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: no other protocol is spoken here, so the request is answered as if it asked for none."""


def is_of_fhir(target: bytes) -> bool:
    """Whether the target of a request lies at the FHIR door."""
    return _FHIR.match(_ORIGIN.sub(b"", target, count=1)) is not None


def of_fhir() -> tuple[str, bytes]:
    """Media type and body of the refusal at the FHIR door."""
    return JSON.media_type, JSON.write(
        outcome([issue("error", "invalid", REFUSED, diagnostics=f"expected {EXPECTED}", parameter=WHERE)])
    )


def of_others() -> tuple[str, bytes]:
    """Media type and body of the refusal elsewhere (RFC 9457)."""
    body = {"status": 400, "title": REFUSED, "where": WHERE, "expected": EXPECTED}
    return "application/problem+json", orjson.dumps(body)

"""`iccd serve` over sockets: what is no request of HTTP is refused in the form of the door that was asked."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.cli.test_commands import HEADER, ROWS, iccd, write_settings
from tests.doors.fhir.validation import Json, model_faults

GET = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
STRANGE = {
    "a method that does not exist": b"FOO %s HTTP/1.1\r\nHost: x\r\n\r\n",
    "a URL that is too long": b"GET %s?code=" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a length that is no number": b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
    "two lengths": b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "a sign that no header may hold": b"GET %s HTTP/1.1\r\nHost: x\r\nPrefer: a\0b\r\n\r\n",
    "a chunk without its size": b"POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a path that is not ASCII": b"GET %s/\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "a whole URL": b"FOO http://x%s HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    (folder / "fr.csv").write_text(HEADER + ROWS)
    write_settings(folder)
    assert iccd("load", cwd=folder).returncode == 0
    return folder


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[int]:
    """A server on a free port until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    command = [sys.executable, "-m", "gateway", "serve", "--port", str(port), *arguments]
    log = folder / "log.txt"
    with log.open("wb") as output, subprocess.Popen(command, cwd=folder, stdout=output, stderr=output) as process:
        try:
            for _ in range(300):
                assert process.poll() is None, log.read_text()
                try:
                    httpx.get(f"http://127.0.0.1:{port}/health/live").raise_for_status()
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield port
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    with serving(folder) as port:
        yield port


def sent(port: int, data: bytes) -> bytes:
    """All that the server says until it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(data)
        found = b""
        while part := connection.recv(65536):
            found += part
    return found


def read(answer: bytes) -> tuple[int, dict[str, str], Json]:
    """Status, headers and body of the last answer."""
    head, _, body = answer.rpartition(b"\r\n\r\n")
    lines = head[head.rindex(b"HTTP/1.1 ") :].decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    assert int(headers["content-length"]) == len(body)
    return int(lines[0].split()[1]), headers, json.loads(body)


@pytest.mark.parametrize("request_of", STRANGE.values(), ids=list(STRANGE))
@pytest.mark.parametrize("path", [b"/fhir/Condition", b"/fhir/metadata"])
def test_no_request_at_the_fhir_door_is_an_operation_outcome(port: int, path: bytes, request_of: bytes) -> None:
    status, headers, body = read(sent(port, request_of.replace(b"%s", path)))
    assert status == 400
    assert headers["content-type"] == "application/fhir+json; charset=utf-8"
    assert headers["connection"] == "close"
    assert model_faults(body) == []
    (issue,) = body["issue"]
    assert (issue["severity"], issue["code"], issue["location"]) == ("error", "invalid", ["http.request"])


@pytest.mark.parametrize("request_of", STRANGE.values(), ids=list(STRANGE))
@pytest.mark.parametrize("path", [b"/statistics/counts", b"/fhirst"])
def test_no_request_elsewhere_is_a_problem(port: int, path: bytes, request_of: bytes) -> None:
    status, headers, body = read(sent(port, request_of.replace(b"%s", path)))
    assert (status, headers["content-type"]) == (400, "application/problem+json")
    assert (body["status"], body["where"]) == (400, "request")


def test_each_request_of_a_connection_is_told_by_itself(port: int) -> None:
    """The target of the request before is not taken for that of one whose method is at fault."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(GET.replace(b"%s", b"/fhir/Condition/none"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 404")
        connection.sendall(STRANGE["a method that does not exist"].replace(b"%s", b"/statistics"))
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert read(answer)[1]["content-type"] == "application/problem+json"


def test_the_answer_to_head_has_no_body(port: int) -> None:
    answer = sent(port, b"HEAD /fhir/metadata HTTP/1.1\r\nHost: x\r\nPrefer: a\0b\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
def test_who_wants_another_protocol_is_answered_in_this_one(port: int, folder: Path, protocol: str) -> None:
    headers = {"connection": "Upgrade", "upgrade": protocol, "sec-websocket-version": "13", "sec-websocket-key": "eA=="}
    answer = httpx.get(f"http://127.0.0.1:{port}/fhir/metadata", headers=headers)
    assert (answer.status_code, answer.json()["resourceType"]) == (200, "CapabilityStatement")
    refused = httpx.get(f"http://127.0.0.1:{port}/fhir/Nothing", headers=headers)
    assert (refused.status_code, refused.json()["resourceType"]) == (404, "OperationOutcome")
    assert "upgrade" not in (folder / "log.txt").read_text().lower()


def test_several_workers_refuse_alike_and_give_the_same_report(folder: Path) -> None:
    """The tag of a MeasureReport is the same in every process and at any time."""
    with serving(folder, "--workers", "2") as port:
        base = f"http://127.0.0.1:{port}/fhir/MeasureReport"
        for path in ("", "/incidence"):
            tags = set()
            for _ in range(12):
                answer = httpx.get(base + path)
                tags.add(answer.headers["etag"])
                time.sleep(0.1)
            assert len(tags) == 1, path
            assert httpx.get(base + path, headers={"if-none-match": tags.pop()}).status_code == 304
        for _ in range(4):
            answer = sent(port, STRANGE["a method that does not exist"].replace(b"%s", b"/fhir/Condition"))
            assert read(answer)[2]["resourceType"] == "OperationOutcome"

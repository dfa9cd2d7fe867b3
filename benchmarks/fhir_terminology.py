"""FHIR terminology operations through the served door, against a hello endpoint of the same server.

The first figure asks several hundred codes again and again; the second asks every code once, so that no answer is
kept from before. An expansion is timed in the process, without HTTP.

Another terminology server that runs on this machine and holds our CodeSystem resources of ICD-O-3 is asked the same
questions in the same run if ICCD_PEER names its base URL, such as http://127.0.0.1:8420/tx/r4.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from benchmarks.http import HELLO
from benchmarks.shared import at_least, at_most, free_port, requests_per_second, server

ICCC3 = "http://terminology.hl7.org/CodeSystem/iccc-3"
ICDO3 = "http://terminology.hl7.org/CodeSystem/icd-o-3"
LARGEST_GROUP = "XI"
SAME = 400
LANGUAGES = ("en-US", "en-GB", "en-CA", "en-AU", "en-NZ", "en-IE", "en-ZA", "en-IN")
PEER_VARIABLE = "ICCD_PEER"


def main(*, quick: bool = False) -> None:
    """Print the ratios."""
    seconds = 1.0 if quick else 4.0
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "iccd.toml"
        settings.write_text('[gateway]\nid = "bench"\ndata = "data"\n')
        port = free_port()
        command = [sys.executable, "-m", "gateway", "serve", "--port", str(port), "--settings", str(settings)]
        with server(command, port, HELLO):
            for paths in (lookups("3.2"), validations("3.2"), memberships("3.2")):
                requests_per_second(port, paths[:4], seconds=0.2)
            hello = requests_per_second(port, [HELLO], seconds=seconds)
            for name, make in (("$lookup", lookups), ("$validate-code", validations), ("in a value set", memberships)):
                again = requests_per_second(port, make("3.2")[:SAME], seconds=seconds)
                at_least(f"{name} through the server vs hello, {SAME} codes", again / hello, 0.6)
                fresh = requests_per_second(port, fresh_of(make), seconds=min(seconds, 1.0))
                print(f"  the same, every code new: {fresh / hello:.2f} x hello ({fresh:.0f}/s; hello {hello:.0f}/s)")
                if name != "in a value set":
                    against_a_peer(name, make, again, fresh, seconds)
    at_most(f"$expand of ICCC-3 {LARGEST_GROUP}, ms", expansion_ms(), 10)


def against_a_peer(name: str, make: Callable[[str], list[str]], again: float, fresh: float, seconds: float) -> None:
    """The same questions to another server, if there is one."""
    base = os.environ.get(PEER_VARIABLE)
    if not base:
        print(f"  {name} of another terminology server: not measured, {PEER_VARIABLE} names none")
        return
    peer = urlsplit(base)
    asked = [peer.path + path.removeprefix("/fhir") for path in make("3.2")]
    port = peer.port or 80
    requests_per_second(port, asked[:SAME], seconds=seconds)
    found = requests_per_second(port, asked[:SAME], seconds=seconds)
    found_new = requests_per_second(port, [*asked[SAME:]], seconds=seconds)
    at_least(f"{name} vs the other server, {SAME} codes ({found:.0f}/s)", again / found, 5)
    at_least(f"{name} vs the other server, every code new ({found_new:.0f}/s)", fresh / found_new, 5)


def codes(edition: str) -> list[str]:
    """Morphologies and topographies of an edition."""
    import terminology

    return list(terminology.load().codes("ICDO3", edition))


def lookups(edition: str) -> list[str]:
    """A $lookup of every code."""
    return [_path("CodeSystem/$lookup", system=ICDO3, code=code, version=edition) for code in codes(edition)]


def validations(edition: str) -> list[str]:
    """A $validate-code of every code."""
    return [_path("CodeSystem/$validate-code", url=ICDO3, code=code, version=edition) for code in codes(edition)]


def memberships(edition: str) -> list[str]:
    """Whether every code is in the value set of all of ICD-O-3."""
    return [
        _path("ValueSet/$validate-code", url=f"{ICDO3}?fhir_vs", system=ICDO3, code=code, systemVersion=edition)
        for code in codes(edition)
    ]


def fresh_of(make: Callable[[str], list[str]]) -> list[str]:
    """More questions than a run can ask, so that none is answered from before."""
    every = [*make("3.0"), *make("3.1"), *reversed(make("3.2"))]
    return [f"{path}&displayLanguage={language}" for language in LANGUAGES for path in every]


def expansion_ms() -> float:
    """Median milliseconds of an expansion."""
    import terminology
    from gateway.doors.fhir.terminology.options import Given
    from gateway.doors.fhir.terminology.service import call, expand_value_set

    asked = terminology.load()
    given = Given(({"name": "url", "valueUri": f"{ICCC3}?fhir_vs=isa/{LARGEST_GROUP}"},))
    expand_value_set(call(asked, given))
    times = []
    for _ in range(50):
        started = time.perf_counter()
        expand_value_set(call(asked, given))
        times.append(time.perf_counter() - started)
    return sorted(times)[len(times) // 2] * 1000


def _path(operation: str, **parameters: str) -> str:
    return f"/fhir/{operation}?{urlencode(parameters)}"

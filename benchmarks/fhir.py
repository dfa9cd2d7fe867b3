"""Pages and totals of Conditions: through the server against its hello endpoint, and their rendering against orjson.

Searches that were asked before are answered from what left already; the other figures ask each search once only, so
each is parsed, planned, counted, read, released and rendered. A page holds 100 Conditions. `ready dicts` are the same page as dicts, which orjson has only to write.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.request import urlopen

import orjson

from benchmarks.http import GROUPS, HELLO, fresh_pages, make_registry, page_path
from benchmarks.shared import at_least, at_most, compared, free_port, requests_per_second, server
from gateway.access.requester import ANONYMOUS
from gateway.disclosure.released import ReleasedAnswer
from gateway.doors.fhir.door import open_door
from gateway.doors.fhir.render.bundle import entry
from gateway.doors.fhir.search.parameters import SEARCHABLE
from gateway.doors.fhir.search.parse import parse_search
from gateway.doors.fhir.wire.request import pairs_of
from gateway.doors.fhir.wire.xml import to_xml
from gateway.federation.gateway import Gateway
from gateway.federation.opening import open_gateway
from gateway.model.capability import Granularity

PAGES = 40
ROUNDS = 9
T = TypeVar("T")


def main(*, quick: bool = False) -> None:
    """Print the ratios."""
    cases, seconds = (20_000, 1.0) if quick else (100_000, 4.0)
    with tempfile.TemporaryDirectory() as folder:
        settings = make_registry(Path(folder), cases)
        through_the_server(settings, seconds)
        rendering(settings)


def through_the_server(settings: Path, seconds: float) -> None:
    """New searches against hello."""
    port = free_port()
    command = [sys.executable, "-m", "gateway", "serve", "--port", str(port), "--settings", str(settings)]
    asked = {
        "hello": [HELLO],
        "page again": [page_path(group) for group in GROUPS],
        "total again": [path.replace("_count=100", "_summary=count") for path in fresh_pages()[:390]],
        "page": fresh_pages(),
        "page as XML": [f"{path}&_format=xml" for path in other_pages()],
        "total": fresh_totals(),
    }
    with server(command, port, HELLO):
        found = compared(port, asked, seconds=seconds)
        pages = {group: _conditions(port, page_path(group)) for group in GROUPS}
    hello, page_again, total_again, page, xml, total = found.values()
    print("  requests/s: " + ", ".join(f"{name} {rate:.0f}" for name, rate in found.items()))
    at_least("page of 100 Conditions vs hello, 13 searches", page_again / hello, 0.3)
    at_least("total (_summary=count) vs hello, several hundred searches", total_again / hello, 0.5)
    at_least("new page of 100 Conditions vs hello", page / hello, 0.3)
    print(
        f"  a constant body of the size of such a page, from a bare server: {ceiling(pages, seconds):.2f} x its hello"
    )
    at_least("new total (_summary=count) vs hello", total / hello, 0.5)
    at_least(
        "new page of 100 Conditions vs fhirstarter, the same cases", page / fhirstarter(settings, pages, seconds), 50
    )
    at_most("new page as XML vs the same as JSON, time through the server", page / xml, 6)


def _conditions(port: int, path: str) -> list[object]:
    """Conditions of a page."""
    with urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        entries = orjson.loads(answer.read())["entry"]
    return [entry["resource"] for entry in entries if entry["search"]["mode"] == "match"]


def ceiling(pages: Mapping[str, list[object]], seconds: float) -> float:
    """Requests per second for a constant body as large as a page, against a hello of the same bare server."""
    size = sum(len(orjson.dumps(page)) for page in pages.values()) // len(pages)
    port = free_port()
    with server([sys.executable, "-m", "benchmarks._constant", str(size), str(port)], port, "/hello"):
        found = compared(port, {"hello": ["/hello"], "body": ["/body"]}, seconds=seconds)
    return found["body"] / found["hello"]


def fhirstarter(settings: Path, pages: Mapping[str, list[object]], seconds: float) -> float:
    """Requests per second of fhirstarter, which serves the same Conditions by group."""
    file, port = settings.parent / "pages.json", free_port()
    file.write_bytes(orjson.dumps(pages))
    paths = [page_path(group).removeprefix("/fhir").partition("&")[0] for group in GROUPS]
    with server([sys.executable, "-m", "benchmarks._fhirstarter", str(file), str(port)], port, "/metadata"):
        return requests_per_second(port, paths, seconds=max(seconds, 4.0))


def other_pages() -> list[str]:
    """Pages that the JSON run does not ask."""
    return [path.replace("onset-date=ge", "onset-date=gt") for path in fresh_pages()]


def fresh_totals() -> list[str]:
    """Totals of which each is asked once only: more than a run can ask."""
    return [
        f"{path.replace('_count=100', '_summary=count')}&onset-date=lt{last}-01-01"
        for last in range(2015, 2021)
        for path in fresh_pages()
    ]


def rendering(settings: Path) -> None:
    """Bytes of released pages against orjson over ready dicts."""
    gateway = open_gateway(settings)
    door = open_door(gateway)
    paths = fresh_pages()[:: len(fresh_pages()) // PAGES]
    answers = [answer for answer in asyncio.run(released(gateway, paths)) if len(answer.cases) == 100]
    gateway.close()
    conditions, pages = door.conditions(answers[0]), [answer.cases for answer in answers]
    ready = [[entry(conditions.resource(case), door.base, "Condition", case.id) for case in page] for page in pages]
    dumped = shortest(lambda dicts: orjson.dumps({"entry": dicts}), ready)
    half_dumped = shortest(lambda dicts: orjson.dumps({"entry": dicts[:50]}), ready)
    half_written = shortest(lambda page: ",".join(map(conditions.entry_json, page[:50])).encode(), pages)
    written = shortest(lambda page: ",".join(map(conditions.entry_json, page)).encode(), pages)
    as_xml = shortest(lambda page: "</entry><entry>".join(map(conditions.entry_xml, page)).encode(), pages)
    again = shortest(lambda page: orjson.dumps({"entry": conditions.page_json(page)[0]}), pages)
    xml_again = shortest(lambda page: to_xml({"resourceType": "Bundle", "entry": conditions.page_xml(page)}), pages)
    print(
        f"  {len(pages)} pages: ready dicts {dumped:.0f} us; records written for the first time: JSON {written:.0f} us"
    )
    at_most("rendering a page of 100 Conditions vs orjson of ready dicts", written / dumped, 2)
    at_most("the same, records that another page has shown", again / dumped, 2)
    at_most("rendering a page of 50 Conditions vs orjson of ready dicts", half_written / half_dumped, 1.5)
    at_most("rendering a page as XML vs as JSON", as_xml / written, 6)
    at_most("the same, records that another page has shown", xml_again / again, 6)


async def released(gateway: Gateway, paths: Sequence[str]) -> list[ReleasedAnswer]:
    """Released answers to some searches."""
    searches = [parse_search(SEARCHABLE["Condition"], pairs_of(path.partition("?")[2].encode())) for path in paths]
    return [await gateway.ask(search.question(), ANONYMOUS, granularity=Granularity.RECORD) for search in searches]


def shortest(work: Callable[[T], bytes], pages: Sequence[T]) -> float:
    """Microseconds for a page, the mean of the shortest time of each."""

    def once(page: T) -> float:
        started = time.perf_counter()
        work(page)
        return time.perf_counter() - started

    return sum(min(once(page) for _ in range(ROUNDS)) for page in pages) / len(pages) * 1e6

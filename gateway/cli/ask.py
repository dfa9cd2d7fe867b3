"""`iccd ask 'QUESTION'`: asks in its own process, or a running gateway with `--url`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gateway.cli.options import json_option, settings_option


@click.command()
@click.argument("question")
@click.option("--by", help="Dimensions of the table, separated by commas.")
@click.option("--unit", type=click.Choice(["tumours", "patients"]), help="What is counted.")
@click.option("--url", help="Ask a running gateway instead of the sources of the settings.")
@json_option
@settings_option
def ask(question: str, by: str | None, unit: str | None, url: str | None, as_json: bool, settings: Path) -> int:
    """Ask QUESTION, e.g. 'diagnosis=ICCC3:IV(a)&age=0..14&year=2010..2019', and print the answer.

    Exit code 1 if a source failed or timed out; its name stands in the answer.
    """
    import orjson

    from gateway.cli.table import print_answer

    extra = {key: value for key, value in (("by", by), ("unit", unit)) if value}
    text = "&".join([part for part in (question.strip(),) if part] + [f"{key}={value}" for key, value in extra.items()])
    document = _remote(url, text) if url else _local(settings, text)
    if as_json:
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
    else:
        print_answer(document)
    failed = any(source["status"] in {"error", "timeout"} for source in document["sources"])
    return 1 if failed else 0


def _local(settings: Path, text: str) -> dict[str, Any]:
    import asyncio

    from gateway.access.requester import Requester
    from gateway.doors.statistics.parse import parse_text
    from gateway.doors.statistics.render import counts_document
    from gateway.federation.opening import open_gateway

    query = parse_text(text)
    gateway = open_gateway(settings)
    try:
        return counts_document(asyncio.run(gateway.ask(query, Requester("owner", "local operator"))))
    finally:
        gateway.close()


def _remote(url: str, text: str) -> dict[str, Any]:
    import httpx
    import orjson

    from gateway.errors import BadQuestion, BadSettings, SourceUnavailable

    address = f"{url.rstrip('/')}/statistics/counts?{text}"
    try:
        response = httpx.get(address, timeout=60)
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise BadSettings("is no address", where=f"--url {url}", expected="e.g. http://127.0.0.1:8080") from error
    except httpx.HTTPError as error:
        raise SourceUnavailable(
            f"does not answer ({type(error).__name__})", where=url, expected="the address of a running gateway"
        ) from error
    try:
        document: dict[str, Any] = orjson.loads(response.content)
    except orjson.JSONDecodeError as error:
        raise SourceUnavailable("does not answer JSON", where=url, expected="a gateway of this kind") from error
    if response.status_code >= 400:
        if "title" not in document:
            raise SourceUnavailable(
                f"answers {response.status_code}", where=address.partition("?")[0], expected="a gateway of this kind"
            )
        kind = BadQuestion if response.status_code < 500 else SourceUnavailable
        raise kind(str(document["title"]), where=document.get("where"), expected=document.get("expected"))
    return document

"""A bare server of two constants: what the page benchmark could reach if a page cost nothing.

Run as `python -m benchmarks._constant BYTES PORT`.
"""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def main(size: int, port: int) -> None:
    """Serve until it is stopped."""
    whole = b"x" * size

    async def body(_: Request) -> Response:
        return Response(whole, media_type="application/fhir+json")

    async def hello(_: Request) -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    app = Starlette(routes=[Route("/body", body), Route("/hello", hello)])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

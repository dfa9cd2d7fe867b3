"""The peer of the page benchmark: fhirstarter over the same Conditions, as its own example serves a search.

Run as `python -m benchmarks._fhirstarter FILE PORT`; FILE holds the Conditions of one page for each ICCC-3 group.
"""

import os
import sys
import warnings
from pathlib import Path

import orjson
import uvicorn


def main(file: Path, port: int) -> None:
    """Serve until it is stopped."""
    warnings.simplefilter("ignore")
    os.environ["FHIR_SEQUENCE"] = "R4B"
    from fhir.resources.R4B.bundle import Bundle
    from fhir.resources.R4B.condition import Condition
    from fhirstarter import FHIRProvider, FHIRStarter, InteractionContext

    pages = orjson.loads(file.read_bytes())
    provider = FHIRProvider()

    @provider.search_type(Condition)
    async def search(context: InteractionContext, code: list[str] | None) -> Bundle:  # noqa: ARG001 - looked for by name
        found = pages[code[0].rpartition("|")[2]] if code else []
        return Bundle(type="searchset", total=len(found), entry=[{"resource": each} for each in found])

    app = FHIRStarter(title="peer")
    app.add_providers(provider)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

"""Kind `omop`: an OMOP CDM 5.3 or 5.4 database, asked where it lives (DuckDB or PostgreSQL).

Tables and columns follow the OHDSI CDM 5.4 specification; docs/sources/omop.md says what counts as a case. Engines
and sqlglot are imported when a source is opened, so that commands that open none start quickly.
"""

from __future__ import annotations

from gateway.adapters.omop.settings import OPTIONS, read_settings
from gateway.sources.base import Context, LiveKind, Source, SourceConfig


def open_omop(config: SourceConfig, context: Context) -> Source:
    """Source over one database; it is first contacted by the first question.

    Raises
    ------
    gateway.errors.BadSettings
        The location or an option of the block is wrong.
    """
    from gateway.adapters.omop.source import OmopSource

    return OmopSource(config, context)


KIND = LiveKind("omop", open=open_omop, options=OPTIONS, check=read_settings)

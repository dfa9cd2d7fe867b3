"""Reader of delimited files: finds delimiter and header, and hands the file over in one piece."""

from __future__ import annotations

from pathlib import Path

from gateway.adapters.tabular.layout import header_of, layout_of
from gateway.sources.base import FileKind
from gateway.sources.profile import Profile
from gateway.sources.reading import Sink


def read(path: Path, profile: Profile, sink: Sink) -> None:
    """Read one delimited file, plain or gzip; see gateway.sources.reading.Reader."""
    layout = layout_of(profile)
    header = header_of(path, profile, layout)
    sink.csv(
        path,
        delimiter=header.delimiter,
        quote=layout.quote,
        encoding=layout.encodings,
        header=header.names,
        skip=header.skip,
    )


KIND = FileKind("tabular", read, check=layout_of)

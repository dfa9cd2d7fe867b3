"""The data set of the German cancer registries at the RKI (oBDS-RKI 3.0.0.8a), as XML and as relational CSV."""

from __future__ import annotations

from gateway.adapters.obds_rki.reader import read
from gateway.sources.base import FileKind

KIND = FileKind(name="obds_rki", read=read, default_profile="obds-rki")

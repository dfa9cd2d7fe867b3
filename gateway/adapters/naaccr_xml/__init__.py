"""NAACCR XML, versions 16 to 26 of the standard (Volume II; XML specification 1.0 to 1.8): US and Canadian registries."""

from __future__ import annotations

from gateway.adapters.naaccr_xml.reader import read
from gateway.sources.base import FileKind

KIND = FileKind(name="naaccr_xml", read=read, default_profile="naaccr-xml")

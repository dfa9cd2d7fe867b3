"""The formats that a made-up registry can be rendered in, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gateway.errors import Unsupported
from gateway.synth.renderers import canreg_export, encr, iicc3_listing, naaccr_xml, obds_rki_csv, obds_rki_xml, omop
from gateway.synth.renderers import seer_style as seer
from gateway.synth.truth import Progress

Render = Callable[[Path, Path, Progress], list[Path]]
"""Truth table and target (a path without suffix) -> the files that were written, the one to load first."""


@dataclass(frozen=True, slots=True)
class Format:
    """One format and the source that reads it.

    Attributes
    ----------
    render
        Truth table and target (a path without suffix) -> files written, the one to load first.
    kind, profile
        Kind of source and source profile that read it; kinds that need no profile have none.
    """

    name: str
    title: str
    render: Render
    kind: str
    profile: str | None


FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        Format("naaccr_xml", "NAACCR XML, version 25", naaccr_xml.render, "naaccr_xml", "naaccr-xml"),
        Format(
            "naaccr_xml_23",
            "NAACCR XML, version 23",
            partial(naaccr_xml.render, version=23),
            "naaccr_xml",
            "naaccr-xml",
        ),
        Format(
            "naaccr_xml_18",
            "NAACCR XML, version 18, gzip",
            partial(naaccr_xml.render, version=18, packed=True),
            "naaccr_xml",
            "naaccr-xml",
        ),
        Format("obds_rki_xml", "oBDS-RKI 3.0.0.8a, XML", obds_rki_xml.render, "obds_rki", "obds-rki"),
        Format("obds_rki_csv", "oBDS-RKI 3.0.0.8a, relational CSV", obds_rki_csv.render, "obds_rki", "obds-rki-csv"),
        Format("encr", "ENCR / JRC-ENCR QCS incidence CSV", encr.render, "tabular", "encr"),
        Format("iicc3_listing", "IARC IICC-3 case listing", iicc3_listing.render, "tabular", "iicc3-listing"),
        Format("seer_style", "SEER*Stat style case listing", seer.render, "tabular", "seer-style"),
        Format("canreg_export", "CanReg5 export", canreg_export.render, "tabular", "canreg-export"),
        Format("omop", "OMOP CDM 5.4, DuckDB", omop.render, "omop", None),
    )
}


def format_named(name: str) -> Format:
    """The format of a name; raises Unsupported with the names there are."""
    try:
        return FORMATS[name]
    except KeyError:
        raise Unsupported(f"no format {name!r}", expected=", ".join(FORMATS)) from None

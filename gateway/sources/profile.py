"""Source profile: how one form of registry file means our fields. Data in TOML, no code.

    title = "ENCR / JRC-ENCR QCS incidence file"
    kind = "tabular"                      # entry point name of the kind it is for
    reference = "JRC-ENCR QCS 2.0"        # document it follows
    mode = "tolerant"                     # or "strict": what would be an issue rejects the record
    max_reject_share = 0.05               # above this share of rejected + quarantined a load is refused
    [format]                              # keys of the kind's own (delimiter, encodings, dictionary, paths ...)
    [constants]                           # fields that the file does not say: country = "FR", icdo_edition = "3.1"
    [[only]]                              # records kept; others are rejected with this reason
    column = "RecordStatus"
    values = ["1"]
    reason = "not a confirmed record"
    [fields.FIELD]                        # FIELD of FIELD_NAMES; a field without a block is never filled
    column = "Sex"                        # or a list: the first that is not blank wins
    values = { 1 = "male", 2 = "female" } # value map; without it the text itself is the code
    unknown = ["9"]                       # texts that mean unknown (blank always does)
    not_applicable = ["0"]
    override = [{ column = "typeOfReportingSource", values = { 7 = "0" } }]   # wins when it maps
    # dates (birth, incidence, last_contact): one text or parts
    formats = ["YYYYMMDD", "YYYYMM", "YYYY"]          # also "YYYY-MM-DD", "DD.MM.YYYY"; "auto:YYYYDDMM|YYYYMMDD" decides per file
    precision = "Datum@Genauigkeit"                   # column that says how exact it is
    precisions = { E = "day", T = "month", M = "year", V = "unknown" }
    year = "YoI"; month = "MoI"; day = "DoI"; unknown_part = ["99", "9999"]
    # diagnosis
    topography = "Topo"; morphology = "Morpho"; behaviour = "Beh"; icd10 = "..."; iccc = "..."; edition = "..."
    # stage: list, the first that is not blank wins
    any = [{ system = "inrgss", column = "inrgss", values = { ... }, unknown = ["999"] }]

Names of columns compare without case, blanks, `_` and `-`. `columns` is every column that any block names, in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FIELD_NAMES = (
    "patient",
    "tumour",
    "sequence",
    "sex",
    "birth",
    "incidence",
    "age",
    "age_days",
    "diagnosis",
    "basis",
    "vital_status",
    "last_contact",
    "laterality",
    "grade",
    "stage",
    "country",
)


@dataclass(frozen=True, slots=True)
class Profile:
    """A checked profile.

    Attributes
    ----------
    columns
        Every source column (or XML item) any block names, in order of first mention; readers deliver these.
    fields
        Block of each field as in the TOML, checked.
    format
        The kind's own section, checked by the kind.
    where
        File it came from, for errors.
    """

    name: str
    title: str
    kind: str
    columns: tuple[str, ...]
    fields: Mapping[str, Mapping[str, object]]
    format: Mapping[str, object] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    only: tuple[Mapping[str, object], ...] = ()
    mode: str = "tolerant"
    max_reject_share: float = 0.05
    reference: str = ""
    where: str = ""

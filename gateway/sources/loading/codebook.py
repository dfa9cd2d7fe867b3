"""Numbers for what a load meets: codes of each field, diagnoses, and reasons; everything after it is integers.

Numbers are given in order of first sight, and the loader looks at distinct texts in sorted order, so the same files
give the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.errors import BadFile
from gateway.model.case import Diagnosis
from gateway.model.values import Absent

MOST_CODES = 500
"""Codes of one field; countries are the most, about 250."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a value was not taken as it stands.

    Attributes
    ----------
    field
        Field of the case.
    reason
        Sentence without patient data.
    code
        The offending code, only when the text has the form of a code.
    note
        True for a remark that costs nothing: the value was taken.
    """

    field: str
    reason: str
    code: str | None = None
    note: bool = False


@dataclass(slots=True)
class Codebook:
    """Codes, diagnoses and findings of one load, each with its number."""

    codes: dict[str, dict[str, int]] = field(default_factory=dict)
    diagnoses: dict[Diagnosis, int] = field(default_factory=dict)
    findings: dict[Finding, int] = field(default_factory=dict)

    def code(self, name: str, value: str | Absent) -> int:
        """Number of a code of a field, or of why there is none.

        Raises
        ------
        BadFile
            So many different codes that the column must hold something else (names, free text).
        """
        known = self.codes.setdefault(name, {})
        text = value.value if isinstance(value, Absent) else value
        if text not in known and len(known) == MOST_CODES:
            raise BadFile(
                f"more than {MOST_CODES} different codes of {name}",
                where=f"column of {name}",
                expected="a column of codes, or a value map",
            )
        return known.setdefault(text, len(known))

    def diagnosis(self, diagnosis: Diagnosis) -> int:
        """Number of a diagnosis."""
        return self.diagnoses.setdefault(diagnosis, len(self.diagnoses))

    def finding(self, finding: Finding) -> int:
        """Number of a finding."""
        return self.findings.setdefault(finding, len(self.findings))

"""Every error of the terminology, as one tree.

    TerminologyError
    ├── UnknownSystem      no such code system or edition, or its table has not been loaded
    ├── UnknownCode        the code does not exist
    │   ├── AmbiguousCode  the code means several things until its system is named
    │   └── Unmatched      the code exists, but no map says which tumours it means
    ├── ManifestMismatch   a terminology file of another format, version or set of tables
    └── LoadFailed         a download that cannot be loaded: file, line and what was expected

No error carries anything of a patient's record other than a code.
"""

from __future__ import annotations


class TerminologyError(Exception):
    """Base of all errors of this package.

    Parameters
    ----------
    message
        What was wrong, in one sentence.
    where
        File and line, or None.
    expected
        What would have been right, or None.
    """

    def __init__(self, message: str, *, where: str | None = None, expected: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.expected = expected

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text} (expected {self.expected})" if self.expected else text


class UnknownSystem(TerminologyError):  # noqa: N818 - the name of the fault, as in the other rooms
    """No such code system or edition, or its table is not loaded."""


class UnknownCode(TerminologyError):  # noqa: N818
    """A code that does not exist in its system.

    Parameters
    ----------
    system
        Code system by its prefix: ICDO3, ICCC3, SEER, ICD10, ICD10CM, NCIT, SCT, OMOP.
    code
        The code as it was written.
    expected
        What the system accepts.
    message
        Sentence to use instead of the usual one.
    """

    reason = "does not exist"

    def __init__(self, system: str, code: str, expected: str, message: str | None = None) -> None:
        super().__init__(message or f"{system} code {code!r} {self.reason}", expected=expected)
        self.system = system
        self.code = code
        self.expected: str = expected


class AmbiguousCode(UnknownCode):
    """A code that means several things; `readings` lists them as `system:code`."""

    reason = "is ambiguous"

    def __init__(self, system: str, code: str, expected: str, readings: tuple[str, ...] = ()) -> None:
        super().__init__(system, code, expected)
        self.readings = readings


class Unmatched(UnknownCode):
    """The code exists, but no map of this version says which tumours it means."""

    reason = "has no map to ICD-O-3 in this version"


class ManifestMismatch(TerminologyError):  # noqa: N818
    """A terminology file of another format, version or set of tables than this package."""


class LoadFailed(TerminologyError):  # noqa: N818
    """A download that cannot be loaded; what served before goes on serving."""

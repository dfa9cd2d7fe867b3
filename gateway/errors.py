"""Every error that may reach a person, as one tree.

    IccdError
    ├── BadQuestion            the question cannot be read or makes no sense            (incorrect)
    │   ├── UnknownTerm        a code or code system that does not exist               (incorrect)
    │   └── TooCostly          too many nodes, codes or boxes                          (too-costly)
    ├── Unsupported            understood, but not something this part can do          (unsupported)
    ├── NotFound               no such record, source or snapshot                      (not-found)
    ├── Expired                a page of a snapshot that no longer serves              (expired)
    ├── NotPermitted           the policy does not allow it for this requester         (forbidden)
    ├── BadSettings            settings, profile or policy file is wrong               (settings)
    └── SourceFailure          a source cannot be read or asked
        ├── BadFile            a file is broken, unsafe or not what its profile says   (source)
        ├── LoadRefused        the new file is worse than the snapshot that serves     (source)
        └── SourceUnavailable  a database, disk or node is gone                        (unavailable)

Each carries what was wrong, where (file, line, key, item or parameter) and what would be right. No error
carries a value of a patient's record other than a code. Doors map `category` once to their protocol's form;
the command line maps it to exit codes (1 data or a source failed, 2 usage or settings).
"""

from __future__ import annotations

INSIDE = frozenset({"settings", "source", "unavailable", "fault"})
"""Categories whose `where` may be a path, server or key of this gateway, and no place in what was asked."""


class IccdError(Exception):
    """Base of all errors that are shown to people.

    Parameters
    ----------
    message
        What was wrong, in one sentence without patient data, and without the name of a file or server of ours:
        doors show it to anybody.
    where
        File and line, settings key, XML item or request parameter.
    expected
        What would have been right.
    """

    category = "fault"

    def __init__(self, message: str, *, where: str | None = None, expected: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.expected = expected

    @property
    def reason(self) -> str:
        """What was wrong and what would be right, without the place: a path of this machine is not for every reader."""
        return f"{self.message} (expected {self.expected})" if self.expected else self.message

    @property
    def place(self) -> str | None:
        """Place in what was asked, for every reader; None where `where` is one of this gateway's own."""
        return None if self.category in INSIDE else self.where

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}" if self.where else self.reason


class BadQuestion(IccdError):  # noqa: N818 - the name of the category, not of the mechanism
    """The question cannot be read; `where` names the field or parameter."""

    category = "incorrect"


class UnknownTerm(BadQuestion):
    """A code, code system or edition that does not exist; it is named in the message."""


class TooCostly(BadQuestion):
    """The question is larger than the limits allow."""

    category = "too-costly"


class Unsupported(IccdError):  # noqa: N818
    """Understood, but this part cannot do it; the message says what it can do."""

    category = "unsupported"


class NotFound(IccdError):  # noqa: N818
    """No such record, source or resource."""

    category = "not-found"


class Expired(IccdError):  # noqa: N818
    """A page that belongs to a snapshot which no longer serves."""

    category = "expired"


class NotPermitted(IccdError):  # noqa: N818
    """The policy of a source does not allow this for this requester."""

    category = "forbidden"


class BadSettings(IccdError):  # noqa: N818
    """A settings, profile or policy file is wrong; `where` is `file:line key`."""

    category = "settings"


class SourceFailure(IccdError):  # noqa: N818
    """A source cannot be read or asked."""

    category = "source"


class BadFile(SourceFailure):
    """A file is broken, unsafe or not what its profile says; `where` is `file:line` or `file item`."""


class LoadRefused(SourceFailure):
    """The new file has more rejects than the profile allows; the old snapshot goes on serving."""


class SourceUnavailable(SourceFailure):
    """A database, disk or node does not answer."""

    category = "unavailable"

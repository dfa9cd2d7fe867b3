"""Raw texts of a record, read by the block of a profile: which column speaks, what of its text counts, what is absent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.model.values import Absent
from gateway.sources.profile import names_of
from gateway.sources.reading import NOT_IN_FILE


@dataclass(frozen=True, slots=True)
class Text:
    """A text that stands for something: as written (without blanks around it) and what the pattern takes of it.

    `taken` is None when the pattern does not match.
    """

    written: str
    taken: str | None


@dataclass(frozen=True, slots=True)
class TextRule:
    """How one column, or the first of several that is not blank, is read."""

    positions: tuple[int, ...]
    pattern: re.Pattern[str] | None
    values: Mapping[str, str] | None
    unknown: frozenset[str]
    not_applicable: frozenset[str]

    @classmethod
    def of(
        cls,
        columns: Sequence[str],
        column: object,
        *,
        pattern: object = None,
        values: object = None,
        unknown: object = (),
        not_applicable: object = (),
    ) -> TextRule:
        """Rule from keys of a checked block; `columns` is the order in which texts will come."""
        return cls(
            tuple(columns.index(name) for name in names_of(column)),
            re.compile(pattern) if isinstance(pattern, str) else None,
            _without_case(values) if isinstance(values, Mapping) else None,
            frozenset(t.strip() for t in names_of(unknown)),
            frozenset(t.strip() for t in names_of(not_applicable)),
        )

    def read(self, texts: Sequence[str]) -> Text | Absent:
        """The text that counts, or why there is none."""
        seen = False
        for position in self.positions:
            raw = texts[position]
            if raw == NOT_IN_FILE:
                continue
            seen = True
            if written := raw.strip():
                return self._judge(written)
        return Absent.UNKNOWN if seen or not self.positions else Absent.NOT_COLLECTED

    def _judge(self, written: str) -> Text | Absent:
        taken: str | None = written
        if self.pattern is not None:
            match = self.pattern.fullmatch(written)
            taken = match[1].strip() if match and match[1] else None
        if written in self.unknown or taken in self.unknown:
            return Absent.UNKNOWN
        if written in self.not_applicable or taken in self.not_applicable:
            return Absent.NOT_APPLICABLE
        return Text(written, taken)

    def mapped(self, text: Text) -> str | None:
        """Code of a text by the value map; None if the map has no such text."""
        if self.values is None:
            return text.taken
        for candidate in (text.taken, text.written):
            if candidate is not None:
                code = self.values.get(candidate) or self.values.get(candidate.casefold())
                if code is not None:
                    return code
        return None


def _without_case(values: Mapping[str, str]) -> dict[str, str]:
    folded = {text.strip().casefold(): code for text, code in values.items()}
    return folded | {text.strip(): code for text, code in values.items()}

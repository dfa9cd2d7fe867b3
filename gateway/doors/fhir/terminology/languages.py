"""Languages that are asked for and languages that are there (BCP 47, RFC 4647 basic filtering)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Match = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Languages:
    """Language ranges in order of preference; `summary` as people read it."""

    ranges: tuple[str, ...]
    summary: str
    any: bool
    strict: bool = False

    def match(self, language: str, level: Match | None = None) -> bool:
        """Whether a language is among those asked for; one that is not stated always is."""
        if not language:
            return True
        return any((level or same_language)(wanted, language) for wanted in self.ranges)


def languages_of(text: str) -> Languages:
    """Languages of an Accept-Language value."""
    found: list[tuple[float, str]] = []
    refused: list[str] = []
    for part in text.split(","):
        tag, *parameters = (piece.strip() for piece in part.split(";"))
        quality = _quality(parameters)
        if not tag:
            continue
        if quality > 0:
            found.append((quality, tag))
        else:
            refused.append(tag)
    found.sort(key=lambda pair: -pair[0])
    ranges = tuple(tag for _, tag in found if tag != "*")
    return Languages(
        ranges, ",".join(tag for _, tag in found), any(tag == "*" for _, tag in found), strict="*" in refused
    )


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def same_tag(wanted: str, language: str) -> bool:
    """The tags are the same."""
    return wanted.casefold() == language.casefold()


def same_region(wanted: str, language: str) -> bool:
    """The language is the range or a part of it."""
    return language.casefold().startswith(f"{wanted.casefold()}-")


def same_language(wanted: str, language: str) -> bool:
    """The languages are the same, whatever the regions."""
    return wanted.casefold().partition("-")[0] == language.casefold().partition("-")[0]


LEVELS: tuple[Match, ...] = (same_tag, same_region, same_language)

"""Names of a concept: which one to show, and whether a given one is right (R4 ValueSet $validate-code, display)."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.doors.fhir.terminology.languages import LEVELS, Languages
from gateway.doors.fhir.terminology.model import Designation


def preferred(names: Sequence[Designation], languages: Languages | None) -> Designation | None:
    """The name to show for the languages that are asked for."""
    if not names:
        return None
    if languages is None:
        return max(names, key=lambda name: (name.display and name.active, name.display, name.active))
    for wanted in languages.ranges:
        for level in LEVELS:
            fitting = [name for name in names if name.language and level(wanted, name.language)]
            if fitting:
                return max(fitting, key=lambda name: (name.display, name.active))
    unmarked = next((name for name in names if name.display and not name.language), None)
    return unmarked if unmarked or languages.strict else preferred(names, None)


def is_right(names: Sequence[Designation], given: str, languages: Languages | None, *, active: bool = False) -> bool:
    """Whether a display is one of the names, in any case of letters."""
    wanted = given.casefold()
    return any(name.value.casefold() == wanted for name in _among(names, languages) if not active or name.active)


def differs_in_blanks(names: Sequence[Designation], given: str, languages: Languages | None) -> bool:
    """Whether a display is one of the names but for its blanks."""
    wanted = " ".join(given.split()).casefold()
    return any(" ".join(name.value.split()).casefold() == wanted for name in _among(names, languages))


def count(names: Sequence[Designation], languages: Languages | None, *, displays: bool) -> int:
    """How many names there are in the languages that are asked for, at the closest level that has any."""
    pool = [name for name in names if name.value and (_is_display(name) or not displays)]
    if languages is None:
        return len(pool)
    return next((found for level in LEVELS if (found := sum(languages.match(n.language, level) for n in pool))), 0)


def presented(names: Sequence[Designation], languages: Languages | None) -> str:
    """The right displays in a sentence."""
    displays = [name for name in names if _is_display(name) and name.value]
    found = [name for name in displays if languages is None or languages.match(name.language)] or displays
    words = [f"'{name.value}' ({name.language})" if name.language else f"'{name.value}'" for name in found]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}" if words else ""


def _is_display(name: Designation) -> bool:
    """A name without a use may be shown."""
    return name.display or not name.use


def _among(names: Sequence[Designation], languages: Languages | None) -> list[Designation]:
    return [name for name in names if name.value and (languages is None or languages.match(name.language))]

"""Whether the display of a coding is right, in the languages that are asked for."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.terminology import names
from gateway.doors.fhir.terminology.findings import Findings, at
from gateway.doors.fhir.terminology.issues import issue
from gateway.doors.fhir.terminology.model import Designation
from gateway.doors.fhir.terminology.options import Options


def check_display(
    found: Findings, options: Options, coding: Resource, all_names: Sequence[Designation], path: str
) -> None:
    """Say whether the display of a coding is one of the names of its concept."""
    given, languages, place = str(coding["display"]), options.languages, at(path, "display")
    url, code = coding.get("system", "") or found.implied_system, str(coding.get("code", ""))
    if names.is_right(all_names, given, languages):
        if not names.is_right(all_names, given, languages, active=True):
            found.add(issue("warning", "invalid", "display-comment", "INACTIVE_DISPLAY_FOUND", place, given, code))
        return
    severity = "warning" if options.lenient_display else "error"
    asked = languages.summary if languages else "--"
    number = names.count(all_names, languages, displays=True)
    if not number:
        severity = "warning"
        number = names.count(all_names, languages, displays=False)
    if not number:
        _no_name(found, options, all_names, (given, url, code, asked), place)
        return
    blanks = "_WS" if names.differs_in_blanks(all_names, given, languages) else ""
    message = f"Display_Name{blanks}_for__should_be_one_of__instead_of" + ("_other" if number > 1 else "")
    right = names.presented(all_names, languages)
    values = (url, code, right, given, asked, str(number))
    found.add(issue(severity, "invalid", "invalid-display", message, place, *values))


def _no_name(
    found: Findings, options: Options, all_names: Sequence[Designation], values: tuple[str, str, str, str], place: str
) -> None:
    default = names.preferred(all_names, None)
    if default is None:
        found.add(issue("warning", "invalid", "invalid-display", "NO_VALID_DISPLAY_AT_ALL", place, *values))
        return
    right = any(name.value == values[0] and name.language == default.language for name in all_names)
    severity = "information" if right else "warning" if options.lenient_display else "error"
    message = "NO_VALID_DISPLAY_FOUND_NONE_FOR_LANG_" + ("OK" if right else "ERR")
    found.add(
        issue(severity, "invalid", "invalid-display", message, place, *values, values[0] if right else default.value)
    )

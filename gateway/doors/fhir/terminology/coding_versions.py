"""Which version of a code system a coding is looked up in, and what is said where its own version differs."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.doors.fhir.definitions import Resource, canonical_system
from gateway.doors.fhir.terminology.findings import Findings, at
from gateway.doors.fhir.terminology.issues import issue
from gateway.doors.fhir.terminology.library import Library
from gateway.doors.fhir.terminology.versions import latest, listed, matches


def fits(includes: Sequence[Resource], own: str, given: str) -> bool:
    """Whether an include is meant by a coding of this version: it has it, or no include has."""
    if not given or own == given:
        return True
    return not any(part.get("version") == given for part in includes)


def pick(library: Library, includes: Sequence[Resource], system: str, version: str, code: str, display: str) -> str:
    """Of several versions in the value set, the newest that has the code, under the display if one is given."""
    if version or len(includes) < 2:
        return ""
    url = canonical_system(system)
    own = (part for part in includes if part.get("version") and canonical_system(part.get("system", "")) == url)
    stated = {part["version"] for part in own}
    if len(stated) < 2:
        return ""
    having = {
        each
        for each in stated
        if (held := library.code_system(system, library.ruled(system, each)))
        and (concept := held.locate(code))
        and (not display or any(name.value == display for name in concept.designations))
    }
    return "" if having == stated else latest(having or stated)


def version_of(library: Library, found: Findings, path: str, url: str, own: str, given: str) -> str:
    """Version of the code system to look in, with issues where the coding's own version differs."""
    version = library.ruled(url, own)
    if not given:
        return version
    if version and given != version and matches(version, given):
        version = given
    if not version and given in library.versions(url):
        version = given
    system = library.code_system(url, library.ruled(url, version))
    if system is None:
        if version != given:
            _mismatch(found, "error", path, "VALUESET_VALUE_MISMATCH", url, version, given)
        return version
    if system.version == given or matches(given, system.version):
        return version
    if not version:
        severity = "error" if system.version_needed else "warning"
        _mismatch(found, severity, path, "VALUESET_VALUE_MISMATCH_DEFAULT", url, system.version, given)
    elif version != own:
        _mismatch(found, "error", path, "VALUESET_VALUE_MISMATCH_CHANGED", url, version, own, given)
    else:
        _mismatch(found, "error", path, "VALUESET_VALUE_MISMATCH", url, own, given)
    if library.code_system(url, given) is None:
        found.see_unknown(f"{url}|{given}")
        known = listed(library.versions(url))
        found.add(
            issue(
                "error",
                "not-found",
                "not-found",
                "UNKNOWN_CODESYSTEM_VERSION",
                at(path, "system"),
                url,
                given,
                known,
            )
        )
    return version


def _mismatch(found: Findings, severity: str, path: str, message: str, *values: str) -> None:
    said = issue(severity, "invalid", "vs-invalid", message, at(path, "version"), *values)
    found.add(said, message=severity == "error")

"""$validate-code of ValueSet and CodeSystem (R4 valueset-operation-validate-code.html).

The issues and their order of precedence are those of the FHIR terminology ecosystem guide, so that the Java validator
and other clients can read them.
"""

from __future__ import annotations

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.terminology.checker import Checker
from gateway.doors.fhir.terminology.expansion import supplements_of
from gateway.doors.fhir.terminology.findings import Asked, Findings
from gateway.doors.fhir.terminology.issues import Refused
from gateway.doors.fhir.terminology.library import Library
from gateway.doors.fhir.terminology.statuses import status_issue
from gateway.doors.fhir.terminology.verdict import Verdict


def validate(library: Library, value_set: Resource, asked: Asked, *, of_code_system: bool = False) -> Resource:
    """Parameters of $validate-code.

    Parameters
    ----------
    of_code_system
        The value set stands for a code system; it is not named in the issues.

    Raises
    ------
    Refused
        The value set cannot be used at all.
    """
    found = Findings()
    library.options = library.options.within(value_set)
    library.required |= set(library.options.supplements) | supplements_of(value_set)
    checker = Checker(library, value_set, found)
    try:
        checker.prepare()
        _load(library, checker)
        library.check_supplements()
    except Refused as error:
        if error.unanswerable:
            raise
        return _unprepared(library, asked, error)
    own = status_issue(value_set, checker.canonical, "ValueSet", None)
    if own:
        found.add(own, message=False)
    return Verdict(checker, asked, of_code_system).parameters()


def _load(library: Library, checker: Checker) -> None:
    """Open the code systems of the value set, so that their supplements are seen."""
    for part in checker.includes:
        if part.get("system"):
            library.code_system(part["system"], library.ruled(part["system"], part.get("version", "")))
    for other in checker.others.values():
        _load(library, other)


def _unprepared(library: Library, asked: Asked, error: Refused) -> Resource:
    parameters: list[Resource] = [
        {"name": "result", "valueBoolean": False},
        {"name": "message", "valueString": error.issue.text},
        {"name": "issues", "resource": error.resource()},
    ]
    if asked.concept is not None:
        parameters.append({"name": "codeableConcept", "valueCodeableConcept": asked.concept})
    else:
        coding = asked.codings[0]
        version = coding.get("version", "")
        if not version and coding.get("system"):
            url = coding["system"]
            system = library.code_system(url, library.ruled(url, ""))
            version = system.version if system else ""
        for name, kind, value in (
            ("code", "valueCode", coding.get("code")),
            ("system", "valueUri", coding.get("system")),
            ("version", "valueString", version),
        ):
            if value:
                parameters.append({"name": name, kind: value})
    return {"resourceType": "Parameters", "parameter": parameters}

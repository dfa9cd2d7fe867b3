"""Issues about a resource that is not current, and about a code that is none."""

from __future__ import annotations

from gateway.doors.fhir.definitions import Resource
from gateway.doors.fhir.terminology.issues import Issue, issue
from gateway.doors.fhir.terminology.model import STANDARDS_STATUS, CodeSystem, standards_status

OUTDATED = frozenset({"withdrawn", "deprecated"})


def facts_of(system: CodeSystem) -> Resource:
    """What status_issue reads, of a code system."""
    extension = [
        {
            "url": STANDARDS_STATUS,
            "valueCode": system.standards_status,
        }
    ]
    return {"status": system.status, "experimental": system.experimental, "extension": extension}


def status_issue(resource: Resource, canonical: str, kind: str, source: Resource | None) -> Issue | None:
    """Issue for a resource that is deprecated, withdrawn, retired, experimental or a draft, or None."""
    own = standards_status(resource.get("extension"))
    message = ""
    if own in OUTDATED:
        message = f"MSG_{own.upper()}"
    elif resource.get("status") == "retired":
        message = "MSG_RETIRED"
    elif source is None:
        return None
    elif resource.get("experimental"):
        message = "" if source.get("experimental") else "MSG_EXPERIMENTAL"
    elif "draft" in (resource.get("status"), own):
        settled = "draft" not in (source.get("status"), standards_status(source.get("extension")))
        message = "MSG_DRAFT" if settled else ""
    if not message:
        return None
    return issue("information", "business-rule", "status-check", message, "", canonical, kind)


def unknown_code(system: CodeSystem, code: str, place: str) -> Issue:
    """Issue for a code that a code system does not have."""
    message = "Unknown_Code_in_Version" if system.version else "Unknown_Code_in"
    text = issue("error", "code-invalid", "invalid-code", message, place, code, system.url, system.version)
    return Issue(text.severity, text.code, text.kind, "Unknown_Code_in_Version", text.text, place)

"""Reading a MeasureReport as the federations do: counts by label."""

from __future__ import annotations

from tests.doors.fhir.client import Json

DAR = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
BOUNDS = "/StructureDefinition/count-bounds"
STATUS = "/StructureDefinition/source-status"

Shown = tuple[int, int | None, str]
"""Low, high and precision, as /statistics/counts says them."""

MASKED: Shown = (0, None, "suppressed")


def shown(population: Json, name: str = "count") -> Shown:
    """A count; a masked one must carry nothing but its reason."""
    if name in population:
        assert f"_{name}" not in population
        return population[name], population[name], "exact"
    extensions = population[f"_{name}"]["extension"]
    reason = next(item["valueCode"] for item in extensions if item["url"] == DAR)
    if reason == "masked":
        assert len(extensions) == 1
        return MASKED
    parts = {part["url"]: part for item in extensions if item["url"].endswith(BOUNDS) for part in item["extension"]}
    high = parts["high"]["valueUnsignedInt"] if "high" in parts else None
    return parts["low"]["valueUnsignedInt"], high, parts["precision"]["valueCode"]


def population(report: Json) -> Shown:
    return shown(report["group"][0]["population"][0])


def tables(report: Json) -> dict[tuple[str, ...], dict[tuple[str, ...], Shown]]:
    """Stratifiers by their codes, each with its strata by their labels."""
    return {
        tuple(code["coding"][0]["code"] for code in item["code"]): {
            labels(stratum): shown(stratum["population"][0]) for stratum in item.get("stratum", [])
        }
        for item in report["group"][0].get("stratifier", [])
    }


def labels(stratum: Json) -> tuple[str, ...]:
    if "component" in stratum:
        return tuple(part["value"]["text"] for part in stratum["component"])
    return (stratum["value"]["text"],)


def statuses(resource: Json) -> dict[str, str]:
    """Status by source."""
    found = {}
    for item in resource["extension"]:
        if item["url"].endswith(STATUS):
            parts = {part["url"]: part for part in item["extension"]}
            found[parts["source"]["valueString"]] = parts["status"]["valueCode"]
    return found

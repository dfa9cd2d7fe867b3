"""search of our own value sets: GET [base]/ValueSet (R4 http.html section 3.1.0.9), by `url` alone."""

from __future__ import annotations

from gateway.doors.fhir.definitions import conformance_resources
from gateway.doors.fhir.door import Door, Reply
from gateway.doors.fhir.interactions.read import READ_PARAMETERS
from gateway.doors.fhir.request import Asked
from gateway.errors import BadQuestion


async def search_value_sets(door: Door, asked: Asked) -> Reply:
    """Searchset of value sets.

    Raises
    ------
    BadQuestion
        A parameter that is not served.
    """
    for name, _ in asked.pairs:
        if name != "url" and name not in READ_PARAMETERS:
            raise BadQuestion("this search has no such parameter", where=name, expected="url")
    wanted = {value for name, value in asked.pairs if name == "url"}
    found = [
        {
            "fullUrl": f"{door.base}/ValueSet/{resource_id}",
            "resource": resource,
            "search": {"mode": "match"},
        }
        for (kind, resource_id), resource in conformance_resources().items()
        if kind == "ValueSet" and (not wanted or wanted == {resource["url"]})
    ]
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
    return Reply({**bundle, "entry": found} if found else bundle)

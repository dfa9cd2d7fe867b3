"""The answer in testMode: one invented individual, whatever the filters; no registry is asked.

Beacon v2.1.1, common/beaconCommonComponents.json TestMode: the request is checked, the data is virtual.
"""

from __future__ import annotations

import orjson

from gateway.doors.beacon.parse import BeaconRequest
from gateway.doors.beacon.render import Beacon, response_meta
from gateway.model.capability import Granularity

Json = dict[str, object]

DATASET = "test-mode"
INDIVIDUAL: Json = {
    "id": "test-mode.individual-1",
    "sex": {"id": "NCIT:C16576", "label": "Female"},
    "diseases": [
        {
            "diseaseCode": {"id": "NCIT:C3270", "label": "Neuroblastoma"},
            "ageOfOnset": {"iso8601duration": "P2Y"},
            "info": {"icdo3": "9500/3-C74.9", "iccc3": [{"edition": "2017", "main": "IV", "group": "IV(a)"}]},
        }
    ],
    "info": {"dataset": DATASET, "invented": True},
}
NOTE = "testMode: the request was read and its filters were checked; the answer is invented and no registry was asked"


def test_mode_body(beacon: Beacon, request: BeaconRequest) -> bytes:
    """Response of the granularity that was asked for."""
    level = request.wanted
    body: Json = {"meta": response_meta(beacon, request, level, "individual"), "responseSummary": {"exists": True}}
    if level >= Granularity.COUNT:
        body["responseSummary"] = {"exists": True, "numTotalResults": 1, "countPrecision": "exact"}
    if level >= Granularity.COUNT and request.include != "NONE":
        body["response"] = {"resultSets": [] if request.include == "MISS" else [_set(level)]}
    body["info"] = {"testMode": NOTE}
    return orjson.dumps(body)


def _set(level: Granularity) -> Json:
    return {
        "id": DATASET,
        "setType": "dataset",
        "exists": True,
        "resultsCount": 1,
        "countPrecision": "exact",
        "results": [INDIVIDUAL] if level is Granularity.RECORD else [],
    }

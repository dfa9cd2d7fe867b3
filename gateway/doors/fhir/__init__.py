"""FHIR R4 door at /fhir: Patient and Condition over all registries (FHIR 4.0.1, JSON and XML)."""

from gateway.doors.fhir.routes import create

__all__ = ["create"]

"""Data of the gateway: source profiles, disclosure policies, FHIR conformance resources; no code."""

"""FHIR terminology service: any code system that is brought along, and our own (R4 terminology-service.html)."""

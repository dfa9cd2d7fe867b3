"""Bulk export: kick-off, status, files, deletion (FHIR Bulk Data Access 2.0.0, export.html)."""

"""ReleasedAnswer -> FHIR resources as plain dicts, elements in the order of the specification."""

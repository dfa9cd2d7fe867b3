"""Which source can answer what, exactly or not; terms of a question become what a source holds."""

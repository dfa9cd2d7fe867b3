"""One renderer a format: reads the truth table, writes the files of a registry as it would keep them itself."""

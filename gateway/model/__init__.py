"""The nouns that cross rooms: cases, questions, capabilities, answers. Frozen, without I/O, free of protocol."""
